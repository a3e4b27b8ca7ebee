# token_introspect in limit_except.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

run_tests();

__DATA__

=== TEST 1: all methods but the listed ones need a token
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t {
        limit_except GET {
            token_introspect idp;
            token_require_scope write;
        }
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
["GET /t", "HEAD /t", "POST /t", "POST /t", "DELETE /t", "POST /t"]
--- more_headers eval
['X-None: 1', 'X-None: 1', 'X-None: 1', bearer(jwt(scope => 'write')), bearer(jwt()),
 bearer(jwt(exp => 1, scope => 'write'))]
--- error_code eval
[200, 200, 401, 200, 403, 401]



=== TEST 2: the listed ones need less
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- backend
$request_method [$http_authorization] [$http_x_token_sub]
--- config
    location /t {
        token_introspect idp;
        token_forward_claims sub;
        limit_except GET {
            token_require_scope write;
        }
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
["GET /t", "GET /t", "POST /t", "POST /t"]
--- more_headers eval
['X-None: 1', bearer(jwt()), bearer(jwt()), bearer(jwt(scope => 'write'))]
--- error_code eval
[401, 200, 403, 200]
--- response_body_like eval
['401', "^GET \\[\\] \\[alice\\]\n\$", '403', "^POST \\[\\] \\[alice\\]\n\$"]



=== TEST 3: switched off for the others
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t {
        token_introspect idp;
        limit_except POST { token_introspect off; }
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
["GET /t", "POST /t"]
--- error_code eval
[200, 401]



=== TEST 4: if in a location keeps its protection
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t {
        token_introspect idp;
        token_require_scope a;
        $TEST_NGINX_RESULT
        if ($arg_x) { add_header X-If 1; $TEST_NGINX_RESULT }
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
[
    ['none' => undef, 401, 'missing', '/t?x=1'],
    ['scope' => jwt(), 403, 'insufficient_scope', '/t?x=1'],
    ['good' => jwt(scope => 'a'), 200, 'active', '/t?x=1', 'X-If: 1'],
]
