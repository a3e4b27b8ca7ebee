# token_source: where the token is, and that it is gone from there before the upstream sees it.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

our $T = jwt();
our $U = jwt(sub => 'bob');

run_tests();

__DATA__

=== TEST 1: the default: Authorization, Bearer; stripped (B12, B92, B96)
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- backend
[$http_authorization]
--- config
    location /t { token_introspect idp optional; proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["GET /t", "GET /t", "GET /t", "GET /t"]
--- more_headers eval
[bearer($::T), "AUTHORIZATION: BEARER $::T", basic('a', 'b'), "Authorization: $::T"]
--- response_body eval
["[]\n", "[]\n", "[" . substr(basic('a', 'b'), 15) . "]\n", "[$::T]\n"]
--- error_code eval
[200, 200, 200, 200]



=== TEST 2: another header, without prefix; with one it is refused (B93, B94, B97)
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- backend
[$http_apikey][$http_authorization][$http_x_other]
--- config
    location /t {
        token_introspect idp;
        token_source header=apikey;
        $TEST_NGINX_RESULT
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
[
    ['bare' => ["apikey: $::T"], 200, 'active'],
    ['in capitals' => ["APIKEY: $::T"], 200, 'active'],
    ['Bearer' => ["apikey: Bearer $::T"], 400, 'malformed_credential'],
    ['bearer' => ["apikey: bearer $::T"], 400, 'malformed_credential'],
    ['Authorization does not count' => $::T, 401, 'missing'],
    ['empty' => ["apikey: "], 401, 'missing'],
    ['with a space' => ["apikey: a b"], 400, 'malformed_credential'],
    ['the rest stays' => ["apikey: $::T", 'X-Other: kept', basic('a', 'b')], 200, 'active'],
]
--- response_body_like eval
my $passed = '^\[\]\[\]\[\]$';
[$passed, $passed, ('.*') x 5, '^\[\]\[Basic YTpi\]\[kept\]$']



=== TEST 3: scheme=none for Authorization, scheme=Bearer for another header
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t/none {
        token_introspect idp;
        token_source header=Authorization scheme=none;
        $TEST_NGINX_RESULT
        proxy_pass $TEST_NGINX_BACKEND;
    }
    location /t/bearer {
        token_introspect idp;
        token_source header=X-Auth scheme=Bearer;
        $TEST_NGINX_RESULT
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
[
    ['bare' => ["Authorization: $::T"], 200, 'active', '/t/none'],
    ['Bearer where none belongs' => $::T, 400, 'malformed_credential', '/t/none'],
    ['Bearer' => ["X-Auth: Bearer $::T"], 200, 'active', '/t/bearer'],
    ['bare where Bearer belongs' => ["X-Auth: $::T"], 401, 'missing', '/t/bearer'],
]



=== TEST 4: query argument: found, decoded, and alone stripped (B95, B98)
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- backend
$request_uri
--- config
    location /t {
        token_introspect idp;
        token_source query=access_token;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
my $encoded = $::T =~ s/\./%2E/gr;
[
    "GET /t?access_token=$::T",
    "GET /t?a=1&access_token=$::T&b=%20+&c",
    "GET /t?access_token=$::T&a=1",
    "GET /t?a=1&access_token=$::T",
    "GET /t?access_token=$encoded&x_access_token=1&access_token2=2&ACCESS_TOKEN=3",
    "GET /t?access_token=$::T&access_token=$::T&a",
    "GET /t/%41?access_token=$::T&a=?",
    "GET /t?&&a&access_token=$::T&",
    "GET /t?a&access_token=$::T&&",
    "GET /t?b=2&access_token=$::T&a=1&b=%62&&a=%2B+%2b",
    "GET /t?%61ccess_token=1&access_token=$::T&access%5Ftoken=2",
    "GET /t?a;access_token=1&access_token=$::T&b;c=;",
    "GET /t?access_token&a=access_token=1&access_token=$::T&access_token=&=&z=%GG%",
    "GET /t?a[]=1&access_token=$::T&a[]=2&a[]=1",
]
--- response_body eval
["/t\n", "/t?a=1&b=%20+&c\n", "/t?a=1\n", "/t?a=1\n",
 "/t?x_access_token=1&access_token2=2&ACCESS_TOKEN=3\n", "/t?a\n", "/t/%41?a=?\n", "/t?&&a&\n",
 "/t?a&&\n", "/t?b=2&a=1&b=%62&&a=%2B+%2b\n", "/t?%61ccess_token=1&access%5Ftoken=2\n",
 "/t?a;access_token=1&b;c=;\n", "/t?a=access_token=1&=&z=%GG%\n", "/t?a[]=1&a[]=2&a[]=1\n"]
--- error_code eval
[(200) x 14]



=== TEST 5: query argument: what is no token
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t {
        token_introspect idp;
        token_source query=access_token;
        $TEST_NGINX_RESULT
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
[
    ['in the query' => undef, 200, 'active', "/t?access_token=$::T"],
    ['none' => undef, 401, 'missing', '/t?a=1'],
    ['empty' => undef, 401, 'missing', '/t?access_token='],
    ['without value' => undef, 401, 'missing', '/t?access_token'],
    ['with Bearer' => undef, 400, 'malformed_credential', "/t?access_token=Bearer%20$::T"],
    ['an encoded name' => undef, 401, 'missing', '/t?%61ccess_token=x'],
    ['behind a semicolon' => undef, 401, 'missing', '/t?a=1;access_token=x'],
    ['percent' => undef, 400, 'malformed_credential', '/t?access_token=a%zz'],
    ['NUL' => undef, 400, 'malformed_credential', '/t?access_token=a%00b'],
    ['line break' => undef, 400, 'malformed_credential', '/t?access_token=a%0d%0ab'],
    ['two different' => undef, 400, 'multiple_credentials',
        "/t?access_token=$::T&access_token=$::U"],
    ['twice the same' => undef, 200, 'active', "/t?access_token=$::T&access_token=$::T"],
    ['in Authorization' => $::T, 401, 'missing'],
]



=== TEST 6: cookie: found, and alone stripped
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- backend
[$http_cookie]
--- config
    location /t {
        token_introspect idp;
        token_source cookie=session;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
[("GET /t") x 7]
--- more_headers eval
[
    "Cookie: session=$::T",
    "Cookie: a=1; session=$::T; b=2",
    "Cookie: session=$::T; b=2",
    "Cookie: a=1; session=$::T",
    "Cookie: xsession=1; session2=2; session=$::T; Session=3",
    "Cookie: a=1\nCookie: session=$::T",
    "Cookie: session=$::T; session=$::T",
]
--- response_body eval
["[]\n", "[a=1; b=2]\n", "[b=2]\n", "[a=1]\n", "[xsession=1; session2=2; Session=3]\n", "[a=1]\n",
 "[]\n"]
--- error_code eval
[(200) x 7]



=== TEST 7: cookies that are no token
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t {
        token_introspect idp;
        token_source cookie=session;
        $TEST_NGINX_RESULT
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
[
    ['valid' => ["Cookie: session=$::T"], 200, 'active'],
    ['other name' => ["Cookie: Session=$::T"], 401, 'missing'],
    ['empty' => ["Cookie: session="], 401, 'missing'],
    ['two headers, different' => ["Cookie: session=$::T", "Cookie: session=$::U"], 400,
        'multiple_credentials'],
    ['one header, different' => ["Cookie: session=$::T; session=$::U"], 400,
        'multiple_credentials'],
    ['one header, bad one behind' => ["Cookie: session=$::T; session=x"], 400,
        'multiple_credentials'],
]



=== TEST 8: variable
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
    map $http_x_wrapped $unwrapped { default ''; "~^token:(?<inner>.+)$" $inner; }
--- config
    location /t {
        token_introspect idp;
        token_source $unwrapped;
        $TEST_NGINX_RESULT
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
[
    ['valid' => ["X-Wrapped: token:$::T"], 200, 'active'],
    ['none' => undef, 401, 'missing'],
    ['other' => ["X-Wrapped: $::T"], 401, 'missing'],
    ['with spaces' => ["X-Wrapped: token:a b"], 400, 'malformed_credential'],
]



=== TEST 9: two different credentials in one request are refused, wherever they are (RFC 6750 section 2)
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t {
        token_introspect idp;
        token_source header=Authorization;
        token_source header=X-Token;
        token_source query=access_token;
        token_source cookie=session;
        $TEST_NGINX_RESULT
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
my $bearer = bearer($::T);
[
    ['Authorization alone' => [$bearer], 200, 'active'],
    ['X-Token alone' => ["X-Token: $::T"], 200, 'active'],
    ['query alone' => undef, 200, 'active', "/t?access_token=$::T"],
    ['cookie alone' => ["Cookie: session=$::T"], 200, 'active'],
    ['all the same' => [$bearer, "X-Token: $::T", "Cookie: session=$::T"], 200, 'active',
        "/t?access_token=$::T"],
    ['two headers' => [$bearer, "X-Token: $::U"], 400, 'multiple_credentials'],
    ['header and query' => [$bearer], 400, 'multiple_credentials', "/t?access_token=$::U"],
    ['header and cookie' => [$bearer, "Cookie: session=$::U"], 400, 'multiple_credentials'],
    ['good first, garbage second' => [$bearer, "X-Token: x"], 400, 'multiple_credentials'],
    ['another scheme and cookie' => [basic('a', 'b'), "Cookie: session=$::T"], 200, 'active'],
    ['none' => undef, 401, 'missing'],
]



=== TEST 10: all copies are stripped, also those of sources that were not needed
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- backend
[$http_authorization][$http_x_token][$args][$http_cookie][$http_x_a][$http_x_b][$http_x_z]
--- config
    location /t {
        token_introspect idp;
        token_source header=Authorization;
        token_source header=X-Token;
        token_source query=access_token;
        token_source cookie=session;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
"GET /t?access_token=$::T"
--- more_headers eval
"X-A: a\n" . bearer($::T) . "\nX-B: b\nX-Token: $::T\nCookie: session=$::T\nX-Z: z"
--- response_body
[][][][][a][b][z]



=== TEST 11: with many headers every one but the token arrives, in any place
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- backend
$http_h1 $http_h10 $http_h18 $http_h19 $http_h20 $http_h21 $http_h22 $http_h39 $http_h40 [$http_x_token]
--- config
    location /t {
        token_introspect idp;
        token_source header=X-Token;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
[("GET /t") x 41]
--- more_headers eval
[map {
    my $at = $_;
    my @headers = map { "H$_: $_" } 1 .. 40;
    splice @headers, $at, 0, "X-Token: $::T";
    CORE::join "\n", @headers;
} 0 .. 40]
--- response_body eval
[("1 10 18 19 20 21 22 39 40 []\n") x 41]



=== TEST 12: inherited as a whole, replaced as a whole
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
    token_source header=X-Token;
    token_source query=t;
--- config
    token_introspect idp;
    $TEST_NGINX_RESULT
    location /t { proxy_pass $TEST_NGINX_BACKEND; }
    location /t/own { token_source cookie=c; proxy_pass $TEST_NGINX_BACKEND; }
--- issuer
    token_introspect off;
--- cases eval
[
    ['inherited header' => ["X-Token: $::T"], 200, 'active'],
    ['inherited query' => undef, 200, 'active', "/t?t=$::T"],
    ['no default beside' => $::T, 401, 'missing'],
    ['own' => ["Cookie: c=$::T"], 200, 'active', '/t/own'],
    ['replaced' => ["X-Token: $::T"], 401, 'missing', '/t/own'],
]



=== TEST 13: a refused request's query argument is in no log either
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t {
        token_introspect idp;
        token_source query=access_token;
        $TEST_NGINX_RESULT
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
[['expired' => undef, 401, 'expired', '/t?access_token=' . jwt(exp => 1) . '&kept=1']]
--- access_log
"GET /t?kept=1&case=expired HTTP/1.1" 401
--- error_log
request: "GET /t?kept=1&case=expired HTTP/1.1"
