# token_forward_token: whether the upstream sees the token.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

our $T = jwt();

run_tests();

__DATA__

=== TEST 1: off by default, on, inherited (B96, B129)
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- backend
[$http_authorization]
--- config
    token_introspect idp;
    location /t { proxy_pass $TEST_NGINX_BACKEND; }
    location /t/off { token_forward_token off; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/on {
        token_forward_token on;
        proxy_pass $TEST_NGINX_BACKEND;
        location /t/on/inner { proxy_pass $TEST_NGINX_BACKEND; }
        location /t/on/off { token_forward_token off; proxy_pass $TEST_NGINX_BACKEND; }
    }
--- request eval
["GET /t", "GET /t/off", "GET /t/on", "GET /t/on/inner", "GET /t/on/off"]
--- more_headers eval
[(bearer($::T)) x 5]
--- response_body eval
["[]\n", "[]\n", "[Bearer $::T]\n", "[Bearer $::T]\n", "[]\n"]



=== TEST 2: on keeps every place as it was
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- backend
[$request_uri][$http_cookie][$http_x_token]
--- config
    location /t {
        token_introspect idp;
        token_source query=t;
        token_source cookie=c;
        token_source header=X-Token;
        token_forward_token on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
"GET /t?a=1&t=$::T&b"
--- more_headers eval
"Cookie: x=1; c=$::T\nX-Token: $::T"
--- response_body eval
"[/t?a=1&t=$::T&b][x=1; c=$::T][$::T]\n"
--- error_code: 200



=== TEST 3: stripped for static files, fastcgi-like variables and the access log alike
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t {
        token_introspect idp;
        token_source header=Authorization;
        token_source query=t;
        add_header X-Seen "[$http_authorization][$args][$arg_t][$request_uri][$request]";
        alias $TEST_NGINX_HTML_DIR/index.html;
    }
--- request eval
["GET /t?t=$::T&a=1", "GET /t"]
--- more_headers eval
['X-None: 1', bearer($::T)]
--- response_headers eval
["X-Seen: [][a=1][][/t?a=1][GET /t?a=1 HTTP/1.1]", "X-Seen: [][][][/t][GET /t HTTP/1.1]"]
