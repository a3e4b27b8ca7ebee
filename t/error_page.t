# error_page, named locations, try_files, index, X-Accel-Redirect and rewrites: what becomes of token,
# variables and challenge when a request goes on in another location.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

run_tests();

__DATA__

=== TEST 1: ACM's bodies (B88, B90)
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    error_page 401 @unauthorized;
    error_page 403 @forbidden;
    location @unauthorized {
        default_type application/json;
        return 401 '{"message":"Unauthorized","status":"401"}';
    }
    location @forbidden {
        default_type application/json;
        return 403 '{"message":"Forbidden","status":"403"}';
    }
    location /t {
        token_introspect idp;
        token_error_code no_match=403;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
['X-None: 1', bearer(jwt(exp => 1)), bearer(jwt())]
--- error_code eval
[401, 403, 200]
--- response_body eval
['{"message":"Unauthorized","status":"401"}', '{"message":"Forbidden","status":"403"}', "passed\n"]
--- response_headers eval
["WWW-Authenticate: Bearer\nContent-Type: application/json",
 'WWW-Authenticate: Bearer error="invalid_token", error_description="The access token expired"',
 '!WWW-Authenticate']



=== TEST 2: variables live on in a named location, a file and another server's answer
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- backend
$http_x_status|$http_x_error
--- config
    location /t/named {
        token_introspect idp;
        error_page 401 =401 @named;
        proxy_pass $TEST_NGINX_BACKEND;
    }
    location @named { return 401 "$token_status|$token_error\n"; }
    location /t/proxied {
        token_introspect idp;
        error_page 401 = @proxied;
        proxy_pass $TEST_NGINX_BACKEND;
    }
    location @proxied {
        proxy_set_header X-Status $token_status;
        proxy_set_header X-Error $token_error;
        proxy_pass $TEST_NGINX_BACKEND;
    }
    location /t/file {
        token_introspect idp;
        error_page 401 /error.txt;
        proxy_pass $TEST_NGINX_BACKEND;
    }
    location = /error.txt {
        add_header X-Word $token_status always;
        root $TEST_NGINX_HTML_DIR;
    }
--- user_files
>>> error.txt
file
--- request eval
["GET /t/named", "GET /t/proxied", "GET /t/file"]
--- more_headers eval
[(bearer(jwt(exp => 1))) x 3]
--- error_code eval
[401, 200, 401]
--- response_body eval
["expired|invalid_token\n", "expired|invalid_token\n", "file\n"]
--- response_headers eval
['X-None:', 'X-None:', 'X-Word: expired']



=== TEST 3: an error page that is protected itself: refused once more, one challenge
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    token_introspect idp;
    error_page 401 /login.html;
--- user_files
>>> login.html
login
--- request
GET /t
--- error_code: 401
--- response_headers
WWW-Authenticate: Bearer
--- raw_response_headers_unlike: WWW-Authenticate.*WWW-Authenticate
--- response_body_like: 401 Authorization Required



=== TEST 4: the same with 503: one Retry-After
--- http_config
    token_introspector idp { issuer https://idp.test; jwks_uri http://127.0.0.1:$TEST_NGINX_UNUSED_PORT/; }
--- config
    token_introspect idp;
    error_page 503 /down.html;
--- request
GET /t
--- more_headers eval
bearer(jwt(-alg => 'ES256'))
--- error_code: 503
--- response_headers
Retry-After: 1
--- raw_response_headers_unlike: Retry-After.*Retry-After
--- errors_expected



=== TEST 5: X-Accel-Redirect to a location that is protected the same way, another way, or not
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- issuer
    location /same { add_header X-Accel-Redirect /files/same; return 200; }
    location /scope { add_header X-Accel-Redirect /files/scope; return 200; }
    location /open { add_header X-Accel-Redirect /files/open; return 200; }
--- backend
$request_uri [$http_authorization] [$http_x_token_sub]
--- config
    token_introspect idp;
    $TEST_NGINX_RESULT
    location /t/ { proxy_pass $TEST_NGINX_ISSUER/; }
    location /files/same { internal; token_forward_claims sub; proxy_pass $TEST_NGINX_BACKEND; }
    location /files/scope { internal; token_require_scope x; proxy_pass $TEST_NGINX_BACKEND; }
    location /files/open { internal; token_introspect off; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t/same", "GET /t/scope", "GET /t/scope", "GET /t/open", "GET /t/same"]
--- more_headers eval
[bearer(jwt()), bearer(jwt()), bearer(jwt(scope => 'x')), bearer(jwt()), 'X-None: 1']
--- error_code eval
[200, 403, 200, 200, 401]
--- response_body_like eval
['^/files/same \[\] \[alice\]', '403', '^/files/scope \[\] \[\]', '^/files/open \[\] \[\]', '401']



=== TEST 6: an open location that redirects into a protected one
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location = /t/open { try_files /no /t/closed; }
    location = /t/named { try_files /no @closed; }
    location = /t/rewrite { rewrite ^ /t/closed last; }
    location = /t/error { error_page 418 = /t/closed; return 418; }
    location = /t/ { index closed.html; root $TEST_NGINX_HTML_DIR; }
    location = /t/closed { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
    location @closed { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
[map { ("GET /t/$_") x 2 } qw(open named rewrite error)]
--- more_headers eval
[('X-None: 1', bearer(jwt())) x 4]
--- error_code eval
[(401, 200) x 4]



=== TEST 7: try_files and index within protected locations
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    token_introspect idp;
    token_source query=t;
    token_source header=Authorization;
    $TEST_NGINX_RESULT
    root $TEST_NGINX_HTML_DIR;
    location = / { index index.html; }
    location = /index.html { $TEST_NGINX_RESULT }
    location = /fallback { try_files /no /index.html; }
--- request eval
my $t = jwt();
["GET /", "GET /", "GET /fallback", "GET /fallback", "GET /?t=$t", "GET /fallback?t=$t"]
--- more_headers eval
['X-None: 1', bearer(jwt()), 'X-None: 1', bearer(jwt()), 'X-None: 1', 'X-None: 1']
--- error_code eval
[401, 200, 401, 200, 200, 200]



=== TEST 8: a redirect costs no second question to the issuer, and no second check of another token
--- http_config
    token_introspector idp { introspection_endpoint $TEST_NGINX_ISSUER/introspect; cache_ttl 60s; }
--- issuer
    location = /introspect { default_type application/json; return 200 '{"active":true,"sub":"bob"}'; }
--- backend
[$http_x_token_sub]
--- config
    token_introspect idp;
    location /t { try_files /no @next; }
    location @next { token_forward_claims sub; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
[(bearer('opaque')) x 2]
--- response_body eval
["[bob]\n", "[bob]\n"]
--- fetches eval
[1, 1]



=== TEST 9: a spoofed header does not come in by way of a redirect
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- backend
[$http_x_token_sub][$http_x_token_role]
--- config
    location /t { try_files /no @next; }
    location @next {
        token_introspect idp;
        token_forward_claims sub role;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request
GET /t
--- more_headers eval
"X-Token-Role: spoofed\nX-Token-Sub: spoofed\n" . bearer(jwt())
--- response_body
[alice][]
