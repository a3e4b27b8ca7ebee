# token_forward_claims: claims as request headers of the upstream (B106 to B112).

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

run_tests();

__DATA__

=== TEST 1: default stands for exp, scope and username; a list replaces it (B106, B107)
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- backend
exp=[$http_x_token_exp] scope=[$http_x_token_scope] username=[$http_x_token_username] sub=[$http_x_token_sub]
--- config
    token_introspect idp;
    token_forward_claims default;
    location /t { proxy_pass $TEST_NGINX_BACKEND; }
    location /t/list { token_forward_claims sub scope; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/more { token_forward_claims default sub; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/off { token_forward_claims off; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t", "GET /t/list", "GET /t/more", "GET /t/off"]
--- more_headers eval
[(bearer(jwt(exp => 4102444800, scope => 'a b', username => 'alice'))) x 4]
--- response_body eval
[
    "exp=[4102444800] scope=[a b] username=[alice] sub=[]\n",
    "exp=[] scope=[a b] username=[] sub=[alice]\n",
    "exp=[4102444800] scope=[a b] username=[alice] sub=[alice]\n",
    "exp=[] scope=[] username=[] sub=[]\n",
]



=== TEST 2: names and paths (B108, B109); a prefix; a name of its own
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- backend
$http_x_token_client_id|$http_x_token_realm_access_roles|$http_x_user|$http_my_sub|$http_my_a_b_c|$http_tenant|$http_x_token_groups_1__name
--- config
    location /t {
        token_introspect idp;
        token_forward_claims client-id realm_access.roles sub=X-User '["https://x.test/tenant"]=Tenant'
            groups[1].name prefix=My- sub a_b.c;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request
GET /t
--- more_headers eval
bearer(jwt(client_id => 'app', realm_access => {roles => ['admin', 'user']},
    'https://x.test/tenant' => 'acme', a_b => {c => 'deep'}, groups => [1, {name => 'g'}]))
--- response_body
app|admin|alice|alice|deep|acme|g



=== TEST 3: a hyphen falls back to an underscore; the exact name goes before
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- backend
[$http_x_token_client_id]
--- config
    location /t {
        token_introspect idp;
        token_forward_claims client-id;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
[("GET /t") x 3]
--- more_headers eval
[map { bearer(jwt(%$_)) } {'client-id' => 'a', client_id => 'b'}, {client_id => 'b'}, {}]
--- response_body eval
["[a]\n", "[b]\n", "[]\n"]



=== TEST 4: values: strings, numbers, arrays give their first element, objects their JSON (B110)
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- backend
[$http_x_token_c]
--- config
    location /t {
        token_introspect idp;
        token_forward_claims c;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
[("GET /t") x 14]
--- more_headers eval
[map { bearer(jws({alg => 'HS256'}, qq({"iss":"$ISSUER","exp":4102444800,"c":$_}), 'HS256')) }
    '"a b"', '"<&>%+"', '12', '1600000000000', '1.5', '1e3', 'true', '["x","y"]', '[]', '[{"a":1},2]',
    '{"b":[1],"a":"x"}', '""', 'null', qq("gr\xc3\xbcn")]
--- response_body eval
["[a b]\n", "[<&>%+]\n", "[12]\n", "[1600000000000]\n", "[1.5]\n", "[1000]\n", "[true]\n", "[x]\n",
 "[]\n", "[{\"a\":1}]\n", "[{\"a\":\"x\",\"b\":[1]}]\n", "[]\n", "[]\n", "[gr\xc3\xbcn]\n"]



=== TEST 5: control characters are never forwarded, the request goes on (B111)
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- backend
[$http_x_token_c][$http_x_injected]
--- config
    location /t {
        token_introspect idp;
        token_forward_claims c;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
[("GET /t") x 6]
--- more_headers eval
[map { bearer(jwt(c => $_)) . "\nX-Token-C: spoofed" }
    "a\r\nX-Injected: 1", "a\nb", "a\rb", "a\tb", "a\x7fb", ["a\nX-Injected: 1"]]
--- response_body eval
[("[][]\n") x 6]
--- error_log
token introspect: claim "c" holds control characters and is not forwarded
--- no_error_log
Injected



=== TEST 6: the client's copies are removed in every spelling, also when the claim is missing (B112)
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
    underscores_in_headers on;
--- backend
role=[$http_x_token_role] sub=[$http_x_token_sub] other=[$http_x_token_other]
--- config
    location /t {
        token_introspect idp optional;
        token_forward_claims role sub;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
[("GET /t") x 8]
--- more_headers eval
[
    (map { "$_: spoofed\nX-Token-Other: kept\n" . bearer(jwt()) }
        'X-Token-Role', 'x-token-role', 'X_Token_Role', 'X-Token_Role', 'x_TOKEN-rOLE'),
    "X-Token-Role: a\nX_Token_Role: b\nX-Token-Other: kept\nX-Token-Role: c\n" . bearer(jwt()),
    "X-Token-Sub: spoofed\nX-Token-Other: kept\n" . bearer(jwt(sub => undef)),
    "X-Token-Sub: spoofed\nX_TOKEN_SUB: spoofed\nX-Token-Other: kept",
]
--- response_body eval
[
    ("role=[] sub=[alice] other=[kept]\n") x 6,
    "role=[] sub=[] other=[kept]\n",
    "role=[] sub=[] other=[kept]\n",
]



=== TEST 7: removed also where nothing is validated: off, and satisfy any with another reason
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- backend
sub=[$http_x_token_sub]
--- config
    token_forward_claims sub;
    location /t/off { token_introspect off; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/any {
        satisfy any;
        allow 127.0.0.1;
        deny all;
        token_introspect idp;
        proxy_pass $TEST_NGINX_BACKEND;
    }
    location /t/basic {
        satisfy any;
        auth_basic x;
        auth_basic_user_file $TEST_NGINX_HTML_DIR/users;
        token_introspect idp;
        token_source header=X-Token;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- user_files
>>> users
bob:{PLAIN}secret
--- request eval
["GET /t/off", "GET /t/any", "GET /t/basic", "GET /t/basic"]
--- more_headers eval
my $spoofed = "X-Token-Sub: spoofed\n";
[$spoofed . bearer(jwt()), $spoofed, $spoofed . basic('bob', 'secret'),
 $spoofed . 'X-Token: ' . jwt()]
--- response_body eval
["sub=[]\n", "sub=[]\n", "sub=[]\n", "sub=[alice]\n"]



=== TEST 8: with many headers the right ones go, in any place
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- backend
$http_h1 $http_h19 $http_h20 $http_h21 $http_h22 $http_h40 [$http_x_token_sub] [$http_x_token_a]
--- config
    location /t {
        token_introspect idp;
        token_forward_claims sub a;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
[("GET /t") x 21]
--- more_headers eval
[map {
    my $at = 2 * $_;
    my @headers = map { "H$_: $_" } 1 .. 40;
    splice @headers, $at, 0, 'X-Token-Sub: spoofed', 'X-Token-A: spoofed', bearer(jwt());
    CORE::join "\n", @headers;
} 0 .. 20]
--- response_body eval
[("1 19 20 21 22 40 [alice] []\n") x 21]



=== TEST 9: introspected tokens, from the issuer and from the cache
--- http_config
    token_introspector idp { introspection_endpoint $TEST_NGINX_ISSUER/introspect; }
--- issuer
    location = /introspect {
        default_type application/json;
        return 200 '{"active":true,"scope":"a b","username":"bob","client_id":"app"}';
    }
--- backend
$http_x_token_scope|$http_x_token_username|$http_x_token_client_id|$http_x_token_exp
--- config
    location /t {
        token_introspect idp;
        token_forward_claims default client-id;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
[(bearer('opaque')) x 2]
--- response_body eval
[("a b|bob|app|\n") x 2]
