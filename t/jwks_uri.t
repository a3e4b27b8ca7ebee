# jwks_uri: a JWK Set over HTTP, from an internal location or an absolute URL.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

use IO::Socket::INET;

our $Keys = jwks(jwk('P-256', kid => 'a'), jwk('RSA', kid => 'b'));

# Accepts connections (the kernel does) and never says a word.
our $Silent = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die;
$ENV{TEST_NGINX_SILENT} = 'http://127.0.0.1:' . $Silent->sockport;

run_tests();

__DATA__

=== TEST 1: absolute URL: fetched once, then remembered (B2, B48, B50)
--- http_config
    token_introspector idp { issuer https://idp.test; jwks_uri $TEST_NGINX_ISSUER/jwks.json; }
--- user_files eval
">>> jwks.json\n$::Keys"
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['no token' => undef, 401, 'missing'],
    ['garbage' => 'x', 401, 'malformed'],
    ['other issuer' => jwt(iss => 'https://other.test', -alg => 'ES256'), 401, 'unknown_issuer'],
    ['EC' => jwt(-alg => 'ES256', -kid => 'a'), 200, 'active'],
    ['RSA' => jwt(-alg => 'RS256', -kid => 'b'), 200, 'active'],
    ['RSA, no kid' => jwt(-alg => 'RS256'), 200, 'active'],
    ['expired' => jwt(-alg => 'ES256', exp => 1), 401, 'expired'],
    ['bad signature' => jwt(-alg => 'ES256', -kid => 'a', -key => 'P-256/2'), 401, 'bad_signature'],
    ['HS256' => jwt(-kid => 'a'), 401, 'unknown_key'],
]
--- fetches eval
[0, 0, 0, 1, 1, 1, 1, 1, 1]



=== TEST 2: internal location, static
--- http_config
    token_introspector idp { issuer https://idp.test; jwks_uri /keys/jwks.json; }
--- user_files eval
">>> keys/jwks.json\n$::Keys"
--- config
    location /keys/ { internal; $TEST_NGINX_RESULT root $TEST_NGINX_HTML_DIR; }
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['EC' => jwt(-alg => 'ES256', -kid => 'a'), 200, 'active'],
    ['not for clients' => undef, 404, '', '/keys/jwks.json'],
    ['RSA' => jwt(-alg => 'RS256', -kid => 'b'), 200, 'active'],
]



=== TEST 3: internal location that proxies, with arguments and its own cache and error_page around
--- http_config
    token_introspector idp { issuer https://idp.test; jwks_uri /_jwks?a=1&b=%20; }
--- issuer
    location = /jwks.json {
        if ($args != 'a=1&b=%20') { return 400; }
    }
--- user_files eval
">>> jwks.json\n$::Keys"
--- config
    error_page 401 =404 @missing;
    location = /_jwks { internal; proxy_pass $TEST_NGINX_ISSUER/jwks.json; }
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
    location @missing { $TEST_NGINX_RESULT return 404; }
--- cases eval
[
    ['EC' => jwt(-alg => 'ES256', -kid => 'a'), 200, 'active'],
    ['RSA' => jwt(-alg => 'RS256', -kid => 'b'), 200, 'active'],
    ['refused' => jwt(-alg => 'RS256', exp => 1), 404, 'expired'],
]
--- fetches eval
[1, 1, 1]



=== TEST 4: the issuer sees nothing of the client's request
--- http_config
    token_introspector idp { issuer https://idp.test; jwks_uri $TEST_NGINX_ISSUER/jwks.json; cache_ttl off; }
    token_introspector in { issuer https://in.test; jwks_uri /_jwks; cache_ttl off; }
--- issuer
    location = /jwks.json {
        set $leaked "$http_authorization$http_cookie$http_x_other$http_range$http_accept_encoding$http_content_type$content_length$args$http_if_none_match$http_referer";
        if ($leaked != '') { return 400; }
        if ($request_method != GET) { return 405; }
        if ($http_host != '127.0.0.1:$TEST_NGINX_ISSUER_PORT') { return 421; }
        if ($http_accept !~ 'application/jwk-set\+json') { return 406; }
    }
--- user_files eval
">>> jwks.json\n$::Keys"
--- config
    location = /_jwks {
        internal;
        proxy_set_header Host 127.0.0.1:$TEST_NGINX_ISSUER_PORT;
        proxy_pass $TEST_NGINX_ISSUER/jwks.json;
    }
    location /t { token_introspect idp in; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- request eval
["POST /t?a=b\nbody", "POST /t?a=b\nbody", "GET /t"]
--- more_headers eval
my $rest = "Cookie: a=b\nX-Other: x\nRange: bytes=0-1\nAccept-Encoding: gzip\n"
    . "Content-Type: text/x\nIf-None-Match: \"x\"\nReferer: http://x/\n";
[
    $rest . bearer(jwt(-alg => 'ES256')),
    $rest . bearer(jwt(-alg => 'ES256', iss => 'https://in.test')),
    bearer(jwt(-alg => 'ES256')),
]
--- error_code eval
[200, 200, 200]
--- fetches eval
[1, 2, 3]



=== TEST 5: answers that are no key set: 503 with Retry-After, no challenge
--- http_config
    token_introspector s500 { issuer https://s500.test; jwks_uri $TEST_NGINX_ISSUER/500; }
    token_introspector s404 { issuer https://s404.test; jwks_uri $TEST_NGINX_ISSUER/404; }
    token_introspector s302 { issuer https://s302.test; jwks_uri $TEST_NGINX_ISSUER/302; }
    token_introspector s204 { issuer https://s204.test; jwks_uri $TEST_NGINX_ISSUER/204; }
    token_introspector s206 { issuer https://s206.test; jwks_uri $TEST_NGINX_ISSUER/206; }
    token_introspector garbage { issuer https://garbage.test; jwks_uri $TEST_NGINX_ISSUER/garbage; }
    token_introspector array { issuer https://array.test; jwks_uri $TEST_NGINX_ISSUER/array; }
    token_introspector empty { issuer https://empty.test; jwks_uri $TEST_NGINX_ISSUER/empty; }
    token_introspector nothing { issuer https://nothing.test; jwks_uri $TEST_NGINX_ISSUER/nothing; }
    token_introspector twice { issuer https://twice.test; jwks_uri $TEST_NGINX_ISSUER/twice; }
    token_introspector oct { issuer https://oct.test; jwks_uri $TEST_NGINX_ISSUER/oct; }
    token_introspector in { issuer https://in.test; jwks_uri /_no_such_location; }
--- issuer
    default_type application/json;
    location = /500 { return 500 '{"keys":[]}'; }
    location = /302 { return 302 $TEST_NGINX_ISSUER/jwks.json; }
    location = /204 { return 204; }
    location = /206 { return 206 '{"keys":[]}'; }
    location = /garbage { return 200 '<html>'; }
    location = /array { return 200 '[]'; }
    location = /empty { return 200 '{"keys":[]}'; }
    location = /nothing { return 200 ''; }
    location = /twice { return 200 '{"keys":[],"keys":[]}'; }
    location = /oct { return 200 '{"keys":[{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}'; }
    location = /404 { log_not_found off; }
--- config
    location /t {
        token_introspect s500 s404 s302 s204 s206 garbage array empty nothing twice oct in;
        $TEST_NGINX_RESULT
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
my @more = ('/t', 'Retry-After: 1', '!WWW-Authenticate');
[map { [$_->[0] => jwt(-alg => 'ES256', iss => "https://$_->[0].test"), 503, $_->[1], @more] }
    [s500 => 'issuer_status'], [s404 => 'issuer_status'], [s302 => 'issuer_status'],
    [s204 => 'issuer_status'], [s206 => 'issuer_status'],
    [garbage => 'issuer_response'], [array => 'issuer_response'], [empty => 'no_keys'],
    [nothing => 'issuer_response'], [twice => 'issuer_response'], [oct => 'no_keys'],
    [in => 'issuer_unreachable']]
--- errors_expected



=== TEST 6: content types; too big; compressed
--- http_config
    token_introspector json { issuer https://json.test; jwks_uri $TEST_NGINX_ISSUER/json; }
    token_introspector set { issuer https://set.test; jwks_uri $TEST_NGINX_ISSUER/set; }
    token_introspector text { issuer https://text.test; jwks_uri $TEST_NGINX_ISSUER/text; }
    token_introspector big { issuer https://big.test; jwks_uri $TEST_NGINX_ISSUER/big; }
    token_introspector roomy { issuer https://roomy.test; jwks_uri $TEST_NGINX_ISSUER/big; response_size 256k; }
    token_introspector gzip { issuer https://gzip.test; jwks_uri $TEST_NGINX_ISSUER/gzip; }
--- issuer
    location = /json { default_type application/json; alias $TEST_NGINX_HTML_DIR/jwks.json; }
    location = /set { default_type application/jwk-set+json; alias $TEST_NGINX_HTML_DIR/jwks.json; types {} }
    location = /text { default_type text/plain; alias $TEST_NGINX_HTML_DIR/jwks.json; types {} }
    location = /big { alias $TEST_NGINX_HTML_DIR/big.json; }
    location = /gzip { add_header Content-Encoding gzip; alias $TEST_NGINX_HTML_DIR/jwks.json; }
--- user_files eval
">>> jwks.json\n$::Keys\n>>> big.json\n" . jwks(jwk('P-256'), {kty => 'x', pad => 'x' x 100_000})
--- config
    location /t {
        token_introspect json set text big roomy gzip;
        $TEST_NGINX_RESULT
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
[map { [$_->[0] => jwt(-alg => 'ES256', iss => "https://$_->[0].test"), $_->[1], $_->[2]] }
    [json => 200, 'active'], [set => 200, 'active'], [text => 200, 'active'],
    [big => 503, 'issuer_response_too_big'], [roomy => 200, 'active'],
    [gzip => 503, 'issuer_response']]
--- errors_expected



=== TEST 7: an issuer that cannot be reached, or does not answer in time
--- http_config
    token_introspector refused { issuer https://refused.test; jwks_uri http://127.0.0.1:$TEST_NGINX_UNUSED_PORT/; }
    token_introspector silent { issuer https://silent.test; jwks_uri $TEST_NGINX_SILENT/; read_timeout 100ms; }
    token_introspector in { issuer https://in.test; jwks_uri /_refused; }
    token_introspector slow { issuer https://slow.test; jwks_uri /_silent; }
--- config
    location = /_refused { internal; proxy_pass http://127.0.0.1:$TEST_NGINX_UNUSED_PORT; }
    location = /_silent { internal; proxy_pass $TEST_NGINX_SILENT; proxy_read_timeout 100ms; }
    location /t {
        token_introspect refused silent in slow;
        $TEST_NGINX_RESULT
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
[map { [$_->[0] => jwt(-alg => 'ES256', iss => "https://$_->[0].test"), 503, $_->[1]] }
    [refused => 'issuer_unreachable'], [silent => 'issuer_timeout'],
    [in => 'issuer_unreachable'], [slow => 'issuer_timeout']]
--- errors_expected



=== TEST 8: a failure is not remembered: the next request asks again
--- http_config
    token_introspector idp { issuer https://idp.test; jwks_uri $TEST_NGINX_ISSUER/jwks.json; }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['no file yet' => jwt(-alg => 'ES256'), 503, 'issuer_status'],
    ['still none' => jwt(-alg => 'ES256'), 503, 'issuer_status'],
    ['now there is one' => jwt(-alg => 'ES256'), 200, 'active'],
    ['and it is remembered' => jwt(-alg => 'RS256'), 200, 'active'],
]
--- fetches eval
[1, 2, 3, 3]
--- after eval
[undef, sub { replace_file("$ENV{TEST_NGINX_HTML_DIR}/jwks.json", $::Keys) }]
--- errors_expected



=== TEST 9: a key set whose type of keys algorithms allows to be symmetric
--- http_config
    token_introspector idp {
        issuer https://idp.test;
        jwks_uri $TEST_NGINX_ISSUER/jwks.json;
        algorithms HS256;
    }
--- user_files eval
">>> jwks.json\n" . jwks(jwk($SECRET, kid => 's'))
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['HS256' => jwt(-kid => 's'), 200, 'active'],
    ['HS512' => jwt(-kid => 's', -alg => 'HS512'), 401, 'unsupported_algorithm'],
]



=== TEST 10: the path and query of the URL reach the issuer as written
--- http_config
    token_introspector idp {
        issuer https://idp.test;
        jwks_uri $TEST_NGINX_ISSUER/a%20b/%2F/jwks?x=%26&y;
        cache_ttl off;
    }
--- issuer
    location / {
        if ($request_uri != '/a%20b/%2F/jwks?x=%26&y') { return 400; }
        rewrite ^ /jwks.json break;
    }
--- user_files eval
">>> jwks.json\n$::Keys"
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[['EC' => jwt(-alg => 'ES256'), 200, 'active'], ['again' => jwt(-alg => 'ES256'), 200, 'active']]
--- fetches eval
[1, 2]
