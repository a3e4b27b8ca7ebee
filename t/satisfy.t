# satisfy any and all, with allow/deny and auth_basic.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

our $Users = ">>> users\nbob:{PLAIN}secret\n";

run_tests();

__DATA__

=== TEST 1: satisfy all (default): a denied address is refused before a token is looked at
--- http_config
    token_introspector idp { introspection_endpoint $TEST_NGINX_ISSUER/introspect; }
--- issuer
    location = /introspect { default_type application/json; return 200 '{"active":true}'; }
--- config
    token_introspect idp;
    $TEST_NGINX_RESULT
    location /t/deny { deny all; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/allow { allow 127.0.0.1; deny all; proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['denied' => 'token', 403, '', '/t/deny'],
    ['denied, none' => undef, 403, '', '/t/deny'],
    ['allowed' => 'token', 200, 'active', '/t/allow'],
    ['allowed, none' => undef, 401, 'missing', '/t/allow'],
]
--- fetches eval
[0, 0, 1, 1]
--- errors_expected



=== TEST 2: satisfy any with addresses
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    satisfy any;
    token_introspect idp;
    $TEST_NGINX_RESULT
    location /t/deny { deny all; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/allow { allow 127.0.0.1; deny all; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/scope { deny all; token_require_scope x; proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['token instead of address' => jwt(), 200, 'active', '/t/deny'],
    ['neither' => undef, 401, 'missing', '/t/deny'],
    ['expired' => jwt(exp => 1), 401, 'expired', '/t/deny'],
    ['address alone' => undef, 200, '', '/t/allow'],
    ['address with a bad token' => jwt(exp => 1), 200, '', '/t/allow'],
    ['scope' => jwt(), 403, 'insufficient_scope', '/t/scope'],
]
--- errors_expected



=== TEST 3: satisfy any with auth_basic: one of both, challenges of both
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- user_files eval
$::Users
--- config
    location /t {
        satisfy any;
        auth_basic closed;
        auth_basic_user_file $TEST_NGINX_HTML_DIR/users;
        token_introspect idp;
        $TEST_NGINX_RESULT
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
[
    ['token' => jwt(), 200, 'active', '/t', '!WWW-Authenticate'],
    ['password' => [basic('bob', 'secret')], 200, 'missing', '/t', '!WWW-Authenticate'],
    ['wrong password' => [basic('bob', 'x')], 401, 'missing', '/t',
        'WWW-Authenticate: Bearer, Basic realm="closed"'],
    ['neither' => undef, 401, 'missing', '/t', 'WWW-Authenticate: Bearer, Basic realm="closed"'],
    ['expired token' => jwt(exp => 1), 401, 'expired', '/t', 'WWW-Authenticate: '
        . 'Bearer error="invalid_token", error_description="The access token expired", Basic realm="closed"'],
    ['two credentials of one kind are no try' => ['Authorization: Bearer'], 400,
        'malformed_credential', '/t', 'WWW-Authenticate: Bearer error="invalid_request", '
        . 'error_description="The credential is malformed"'],
]
--- errors_expected



=== TEST 4: satisfy all with auth_basic: both
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- user_files eval
$::Users
--- config
    location /t {
        auth_basic closed;
        auth_basic_user_file $TEST_NGINX_HTML_DIR/users;
        token_introspect idp;
        token_source header=X-Token;
        $TEST_NGINX_RESULT
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
[
    ['both' => ['X-Token: ' . jwt(), basic('bob', 'secret')], 200, 'active'],
    ['token only' => ['X-Token: ' . jwt()], 401, 'active', '/t',
        'WWW-Authenticate: Basic realm="closed"'],
    ['password only' => [basic('bob', 'secret')], 401, 'missing', '/t',
        'WWW-Authenticate: Bearer'],
]
--- errors_expected



=== TEST 5: optional proves nothing: without a token, satisfy any needs another reason
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    satisfy any;
    token_introspect idp optional;
    $TEST_NGINX_RESULT
    location /t/deny { deny all; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/allow { allow 127.0.0.1; deny all; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/alone { proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['denied address, no token' => undef, 403, 'missing', '/t/deny'],
    ['denied address, token' => jwt(), 200, 'active', '/t/deny'],
    ['allowed address, no token' => undef, 200, '', '/t/allow'],
    ['nothing else, no token' => undef, 200, 'missing', '/t/alone'],
    ['nothing else, bad token' => jwt(exp => 1), 401, 'expired', '/t/alone'],
]
--- errors_expected



=== TEST 6: claims are forwarded only when the token was what satisfied
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- backend
[$http_x_token_sub]
--- config
    satisfy any;
    token_introspect idp;
    token_forward_claims sub;
    location /t/deny { deny all; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/allow { allow all; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t/deny", "GET /t/allow"]
--- more_headers eval
[("X-Token-Sub: spoofed\n" . bearer(jwt())) x 2]
--- response_body eval
["[alice]\n", "[]\n"]
--- errors_expected
