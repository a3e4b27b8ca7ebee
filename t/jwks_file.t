# jwks_file: a JWK Set on disk, re-read when it changes.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

run_tests();

__DATA__

=== TEST 1: keys are chosen by kid and alg; unusable ones are left out
--- http_config
    token_introspector idp { issuer https://idp.test; jwks_file $TEST_NGINX_HTML_DIR/jwks.json; }
--- user_files eval
">>> jwks.json\n" . jwks(
    jwk('RSA', kid => 'good', use => 'sig'),
    jwk('RSA/2', kid => 'enc', use => 'enc'),
    jwk('RSA/3', kid => 'ops', key_ops => ['sign']),
    jwk('RSA/4', kid => 'verify', key_ops => ['verify']),
    jwk('small', kid => 'small'),
    {kty => 'RSA', kid => 'broken', n => '!', e => 'AQAB'},
    {kty => 'XYZ', kid => 'new'},
    'no object',
    jwk('P-256', kid => 'ec'),
)
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['good' => jwt(-alg => 'RS256', -kid => 'good'), 200, 'active'],
    ['enc' => jwt(-alg => 'RS256', -kid => 'enc', -key => 'RSA/2'), 401, 'unknown_key'],
    ['ops' => jwt(-alg => 'RS256', -kid => 'ops', -key => 'RSA/3'), 401, 'unknown_key'],
    ['verify' => jwt(-alg => 'RS256', -kid => 'verify', -key => 'RSA/4'), 200, 'active'],
    ['small' => jwt(-alg => 'RS256', -kid => 'small', -key => 'small'), 401, 'unknown_key'],
    ['broken' => jwt(-alg => 'RS256', -kid => 'broken'), 401, 'unknown_key'],
    ['EC behind them' => jwt(-alg => 'ES256', -kid => 'ec'), 200, 'active'],
]



=== TEST 2: the path may be relative to the configuration
--- http_config
    token_introspector idp { issuer https://idp.test; jwks_file ../html/jwks.json; }
--- user_files eval
">>> jwks.json\n" . jwks(jwk('P-256'))
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[['valid' => jwt(-alg => 'ES256'), 200, 'active']]



=== TEST 3: a changed file counts without a reload; a removed key stops remembered tokens (B55)
--- http_config
    token_introspector idp { issuer https://idp.test; jwks_file $TEST_NGINX_HTML_DIR/jwks.json; }
--- user_files eval
">>> jwks.json\n" . jwks(jwk('RSA', kid => 'a'), jwk('P-256', kid => 'b'))
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['a' => jwt(-alg => 'RS256', -kid => 'a'), 200, 'active'],
    ['b' => jwt(-alg => 'ES256', -kid => 'b'), 200, 'active'],
    ['c, too early' => jwt(-alg => 'RS256', -kid => 'c', -key => 'RSA/2'), 401, 'unknown_key'],
    ['c' => jwt(-alg => 'RS256', -kid => 'c', -key => 'RSA/2'), 200, 'active'],
    ['b, still' => jwt(-alg => 'ES256', -kid => 'b'), 200, 'active'],
    ['a, no more' => jwt(-alg => 'RS256', -kid => 'a'), 401, 'unknown_key'],
]
--- after eval
[undef, undef, sub {
    replace_file("$ENV{TEST_NGINX_HTML_DIR}/jwks.json",
        jwks(jwk('P-256', kid => 'b'), jwk('RSA/2', kid => 'c')));
    await('the new key counts', sub {
        (get('/t', bearer(jwt(-alg => 'RS256', -kid => 'c', -key => 'RSA/2'))))[0] == 200;
    });
}]



=== TEST 4: a file that becomes garbage leaves the last good keys, and says so once per change
--- http_config
    token_introspector idp { issuer https://idp.test; jwks_file $TEST_NGINX_HTML_DIR/jwks.json; }
--- user_files eval
">>> jwks.json\n" . jwks(jwk('P-256'))
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['before' => jwt(-alg => 'ES256'), 200, 'active'],
    ['after' => jwt(-alg => 'ES256'), 200, 'active'],
]
--- after eval
[sub {
    replace_file("$ENV{TEST_NGINX_HTML_DIR}/jwks.json", '{"keys":');
    await('the error is logged', sub {
        get('/t', bearer(jwt(-alg => 'ES256')));
        open my $log, '<', in_servroot('logs/error.log') or die;
        grep { /\[error\] .* introspector "idp": key in ".*jwks\.json": / } <$log>;
    });
}]
--- errors_expected
