# The variables of the module, in every later phase, and what they never show.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

use Digest::SHA qw(sha256_hex);

our $T = jwt();

run_tests();

__DATA__

=== TEST 1: $token_status, $token_error and $token_error_description
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t {
        token_introspect idp;
        token_require_scope read;
        add_header X-Result "$arg_case: $status [$token_status|$token_error|$token_error_description]" always;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
my $invalid = 'invalid_token|The access token is invalid';
[
    ['active' => jwt(scope => 'read'), 200, 'active||'],
    ['missing' => undef, 401, 'missing||'],
    ['expired' => jwt(exp => 1), 401, 'expired|invalid_token|The access token expired'],
    ['malformed' => 'x', 401, 'malformed|invalid_token|The access token is malformed'],
    ['signature' => jwt(-key => 'x'), 401, "bad_signature|$invalid"],
    ['scope' => $::T, 403, 'insufficient_scope|insufficient_scope|'
        . 'The request requires a wider scope than the access token has'],
    ['credential' => ['Authorization: Bearer'], 400,
        'malformed_credential|invalid_request|The credential is malformed'],
]



=== TEST 2: $token_introspector, $token_type, $token_hash, $token_cache_status
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
    token_introspector no_cache { issuer https://no.test; secret "$TEST_NGINX_SECRET"; cache_verified_jwt off; }
    token_introspector opaque { introspection_endpoint $TEST_NGINX_ISSUER/introspect; }
--- issuer
    location = /introspect { default_type application/json; return 200 '{"active":true}'; }
--- config
    location /t {
        token_introspect idp no_cache opaque;
        add_header X-Result "$arg_case: $status [$token_introspector|$token_type|$token_hash|$token_cache_status]" always;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
my $hash = sub { substr Digest::SHA::sha256_hex($_[0]), 0, 16 };
my $expired = jwt(exp => 1);
my $other = jwt(iss => 'https://no.test');
my $bad = jwt(-key => 'x');
[
    ['miss' => $::T, 200, 'idp|jwt|' . $hash->($::T) . '|MISS'],
    ['hit' => $::T, 200, 'idp|jwt|' . $hash->($::T) . '|HIT'],
    ['no cache' => $other, 200, 'no_cache|jwt|' . $hash->($other) . '|BYPASS'],
    ['no cache again' => $other, 200, 'no_cache|jwt|' . $hash->($other) . '|BYPASS'],
    ['opaque' => 'opaque', 200, 'opaque|opaque|' . $hash->('opaque') . '|MISS'],
    ['opaque again' => 'opaque', 200, 'opaque|opaque|' . $hash->('opaque') . '|HIT'],
    ['expired' => $expired, 401, 'idp|jwt|' . $hash->($expired) . '|MISS'],
    ['bad' => $bad, 401, 'idp|jwt|' . $hash->($bad) . '|'],
    ['none' => undef, 401, '|||'],
]



=== TEST 3: $token_claim_NAME and $token_claims; nothing of a refused token
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t {
        token_introspect idp;
        add_header X-Result '$arg_case: $status [$token_claim_sub|$token_claim_list|$token_claim_object|$token_claim_number|$token_claim_missing|$token_claims]' always;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
my $claims = '{"exp":4102444800,"iss":"https://idp.test","list":[1,"b"],"number":1.5,"object":{"a":null},"sub":"alice"}';
my $shown = 'alice|1,b|{"a":null}|1.5||' . $claims;
my $of = sub { jws({alg => 'HS256'}, $_[0], 'HS256', $_[1]) };
[
    ['miss' => $of->($claims), 200, $shown],
    ['hit' => $of->($claims), 200, $shown],
    ['bad signature' => $of->($claims, 'x'), 401, '|||||'],
    ['expired' => $of->($claims =~ s/4102444800/1/r), 401, '|||||'],
    ['none' => undef, 401, '|||||'],
]



=== TEST 4: claims of a token that is good but not enough are there for the error page
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    error_page 403 @refused;
    location @refused { return 403 "$token_claim_sub needs another scope\n"; }
    location /t { token_introspect idp; token_require_scope x; proxy_pass $TEST_NGINX_BACKEND; }
--- request
GET /t
--- more_headers eval
bearer(jwt())
--- error_code: 403
--- response_body
alice needs another scope



=== TEST 5: everywhere empty where no token is looked at
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
    token_claim_set $claim sub;
    token_header_set $header alg;
--- config
    location /t {
        return 200 "[$token_status$token_error$token_error_description$token_introspector$token_type$token_cache_status$token_claim_sub$token_claims$token_header_alg$token_hash$claim$header]";
    }
--- request
GET /t
--- more_headers eval
bearer(jwt())
--- response_body chomp
[]



=== TEST 6: proxy_set_header, map, log_format
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
    map $token_claim_sub $account { default other; alice 1; bob 2; }
    log_format t "account=$account status=$token_status sub=$token_claim_sub";
--- backend
$http_x_account
--- config
    access_log logs/access.log t;
    location /t {
        token_introspect idp;
        proxy_set_header X-Account $account;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request
GET /t
--- more_headers eval
bearer(jwt(sub => 'bob'))
--- response_body
2
--- access_log
account=2 status=active sub=bob



=== TEST 7: a variable that was asked for before the token was checked is asked again
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
    token_claim_set $claim sub;
--- config
    location /t {
        set $early "[$token_claim_sub$claim$token_status]";
        token_introspect idp;
        add_header X-All "$early [$token_claim_sub|$claim|$token_status]";
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request
GET /t
--- more_headers eval
bearer(jwt())
--- response_headers
X-All: [] [alice|alice|active]



=== TEST 8: line breaks in a claim begin no header
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
    token_claim_set $claim list;
--- backend
[$http_x_sub][$http_x_list][$http_x_injected]
--- config
    location /t {
        token_introspect idp;
        proxy_set_header X-Sub $token_claim_sub;
        proxy_set_header X-List $claim;
        add_header X-Sub "[$token_claim_sub]";
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request
GET /t
--- more_headers eval
bearer(jwt(sub => "a\r\nX-Injected: 1", list => ["a\nX-Injected: 1"]))
--- response_body
[][][]
--- response_headers
X-Sub: []
X-Injected:
