# token_introspect: on, off, optional, inherited, several introspectors.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

run_tests();

__DATA__

=== TEST 1: a valid token passes, nothing else does (B1, B12)
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t {
        token_introspect idp;
        $TEST_NGINX_RESULT
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
[
    ['none' => undef, 401, 'missing'],
    ['valid' => jwt(), 200, 'active'],
    ['valid again' => jwt(), 200, 'active'],
    ['scheme in lower case' => ['Authorization: bearer ' . jwt()], 200, 'active'],
    ['two spaces' => ['Authorization: Bearer   ' . jwt()], 200, 'active'],
    ['another scheme' => [basic('a', 'b')], 401, 'missing'],
    ['another scheme with the same start' => ['Authorization: BearerX ' . jwt()], 401, 'missing'],
    ['no token after the scheme' => ['Authorization: Bearer'], 400, 'malformed_credential'],
    ['two words' => ['Authorization: Bearer a b'], 400, 'malformed_credential'],
    ['no JWT' => 'opaque-token', 401, 'malformed'],
    ['expired' => jwt(exp => time() - 1), 401, 'expired'],
    ['of another secret' => jwt(-key => 'another secret that is long enough'), 401,
        'bad_signature'],
    ['of another issuer' => jwt(iss => 'https://other.test'), 401, 'unknown_issuer'],
    ['without issuer' => jwt(iss => undef), 401, 'unknown_issuer'],
]



=== TEST 2: nothing is asked for where nothing is required (off is the default)
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t {
        add_header X-Result "$arg_case: $status []" always;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
[
    ['none' => undef, 200],
    ['bad' => jwt(exp => 1), 200],
    ['no JWT' => 'opaque-token', 200],
]



=== TEST 3: inherited from server, taken back by off, replaced by another name
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
    token_introspector other { issuer https://other.test; secret "$TEST_NGINX_SECRET"; }
--- config
    token_introspect idp;
    $TEST_NGINX_RESULT
    location /t { proxy_pass $TEST_NGINX_BACKEND; }
    location /t/open { token_introspect off; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/other { token_introspect other; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/outer {
        token_introspect off;
        location /t/outer/inner { token_introspect idp; proxy_pass $TEST_NGINX_BACKEND; }
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
[
    ['inherited' => jwt(), 200, 'active'],
    ['inherited, none' => undef, 401, 'missing'],
    ['off' => undef, 200, '', '/t/open'],
    ['off, bad' => jwt(exp => 1), 200, '', '/t/open'],
    ['replaced' => jwt(), 401, 'unknown_issuer', '/t/other'],
    ['replaced, its own' => jwt(iss => 'https://other.test'), 200, 'active', '/t/other'],
    ['outer' => undef, 200, '', '/t/outer'],
    ['inner' => undef, 401, 'missing', '/t/outer/inner'],
    ['inner, valid' => jwt(), 200, 'active', '/t/outer/inner'],
]



=== TEST 4: inherited from http
--- http_config
    token_introspect idp;
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    $TEST_NGINX_RESULT
    location /t { root $TEST_NGINX_HTML_DIR; try_files /index.html =404; }
--- cases eval
[
    ['valid' => jwt(), 200, 'active'],
    ['none' => undef, 401, 'missing'],
]
--- issuer
    token_introspect off;



=== TEST 5: optional lets a request without a token pass, never one with a bad token
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t {
        token_introspect idp optional;
        $TEST_NGINX_RESULT
        add_header X-Sub "[$token_claim_sub]" always;
        proxy_pass $TEST_NGINX_BACKEND;
    }
    location /t/required {
        token_introspect idp optional;
        token_require_scope read;
        $TEST_NGINX_RESULT
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
[
    ['none' => undef, 200, 'missing', '/t', 'X-Sub: []'],
    ['another scheme' => [basic('a', 'b')], 200, 'missing', '/t', 'X-Sub: []'],
    ['valid' => jwt(), 200, 'active', '/t', 'X-Sub: [alice]'],
    ['expired' => jwt(exp => 1), 401, 'expired', '/t', 'X-Sub: []'],
    ['malformed' => 'x', 401, 'malformed'],
    ['empty' => ['Authorization: Bearer '], 400, 'malformed_credential'],
    ['none where a scope is required' => undef, 401, 'missing', '/t/required'],
    ['valid without the scope' => jwt(), 403, 'insufficient_scope', '/t/required'],
    ['valid with the scope' => jwt(scope => 'read'), 200, 'active', '/t/required'],
]



=== TEST 6: of several introspectors the one of the token's issuer decides (B9, B64)
--- http_config
    token_introspector a { issuer https://a.test; secret "secret of a, which is long enough 0123456"; }
    token_introspector b { issuer https://b.test https://b2.test; secret "secret of b, which is long enough 0123456"; }
    token_introspector c { issuer https://c.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t {
        token_introspect a b;
        add_header X-Result "$arg_case: $status [$token_status $token_introspector $token_type]" always;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
my $a = 'secret of a, which is long enough 0123456';
my $b = 'secret of b, which is long enough 0123456';
[
    ['a' => jwt(iss => 'https://a.test', -key => $a), 200, 'active a jwt'],
    ['b' => jwt(iss => 'https://b.test', -key => $b), 200, 'active b jwt'],
    ['second issuer of b' => jwt(iss => 'https://b2.test', -key => $b), 200, 'active b jwt'],
    ['of a, signed by b' => jwt(iss => 'https://a.test', -key => $b), 401, 'bad_signature a jwt'],
    ['of b, signed by a' => jwt(iss => 'https://b.test', -key => $a), 401, 'bad_signature b jwt'],
    ['not listed' => jwt(iss => 'https://c.test'), 401, 'unknown_issuer  '],
    ['issuer with a slash more' => jwt(iss => 'https://a.test/', -key => $a), 401,
        'unknown_issuer  '],
    ['issuer in capitals' => jwt(iss => 'HTTPS://A.TEST', -key => $a), 401, 'unknown_issuer  '],
]



=== TEST 7: two introspectors of one issuer are tried in order (migration)
--- http_config
    token_introspector old { issuer https://idp.test; secret "secret of old, which is long enough 01234"; }
    token_introspector new { issuer https://idp.test; secret "secret of new, which is long enough 01234"; }
--- config
    location /t {
        token_introspect old new;
        add_header X-Result "$arg_case: $status [$token_status $token_introspector]" always;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
[
    ['old' => jwt(-key => 'secret of old, which is long enough 01234'), 200, 'active old'],
    ['new' => jwt(-key => 'secret of new, which is long enough 01234'), 200, 'active new'],
    ['new again' => jwt(-key => 'secret of new, which is long enough 01234'), 200, 'active new'],
    ['neither' => jwt(), 401, 'bad_signature old'],
    ['new, expired' => jwt(exp => 5, -key => 'secret of new, which is long enough 01234'), 401,
        'expired new'],
]



=== TEST 8: any issuer, when that is written
--- http_config
    token_introspector idp { issuer *; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['one' => jwt(), 200, 'active'],
    ['another' => jwt(iss => 'urn:x'), 200, 'active'],
    ['none' => jwt(iss => undef), 200, 'active'],
    ['number' => jwt(iss => 1), 401, 'bad_claim'],
]



=== TEST 9: JWT and opaque tokens go to the right introspector, a JWT of a listed issuer to no endpoint (B21, B46)
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
    token_introspector opaque { introspection_endpoint $TEST_NGINX_ISSUER/introspect; }
--- issuer
    location = /introspect {
        default_type application/json;
        return 200 '{"active":true,"sub":"bob"}';
    }
--- config
    location /t {
        token_introspect opaque idp;
        add_header X-Result "$arg_case: $status [$token_status $token_introspector $token_claim_sub]" always;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
[
    ['JWT' => jwt(), 200, 'active idp alice'],
    ['expired JWT' => jwt(exp => 1), 401, 'expired idp '],
    ['JWT of a bad signature' => jwt(-key => 'x'), 401, 'bad_signature idp '],
    ['opaque' => 'opaque-token', 200, 'active opaque bob'],
    ['JWT of another issuer' => jwt(iss => 'https://other.test'), 200, 'active opaque bob'],
    ['three parts that are no JWT' => 'a.b.c', 200, 'active opaque bob'],
]
--- fetches eval
[0, 0, 0, 1, 2, 3]



=== TEST 10: method, body, query and other headers reach the upstream unchanged (B134)
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- backend
$request_method $request_uri $http_x_other $content_length $content_type
--- config
    location /t {
        token_introspect idp;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
["PUT /t?a=1&b=%20\nbody of the request", "HEAD /t", "GET /t/%2e%41?x"]
--- more_headers eval
[map { bearer(jwt()) . "\nX-Other: kept\nContent-Type: text/x" } 1 .. 3]
--- response_body eval
["PUT /t?a=1&b=%20 kept 19 text/x\n", '', "GET /t/%2e%41?x kept  text/x\n"]



=== TEST 11: a token is judged again for each request of a connection
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t { token_introspect idp; proxy_pass $TEST_NGINX_BACKEND; }
--- pipelined_requests eval
["GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval
[bearer(jwt()), 'X-None: 1', bearer(jwt(exp => 1)), bearer(jwt())]
--- error_code eval
[200, 401, 401, 200]



=== TEST 12: the log tells apart why a request was refused, and holds no token (B133)
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[['none' => undef, 401, 'missing']]
--- error_log eval
qr/\[info\] .* token introspect: refused, reason: missing, client: /



=== TEST 13: the log names the introspector
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[['expired' => jwt(exp => 1), 401, 'expired']]
--- error_log eval
qr/\[info\] .* token introspect: refused, reason: expired, introspector: idp, client: /
