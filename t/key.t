# key: PEM, JWK, plain and base64url secrets; alg=, kty=, format=, kid=; several tried in order.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

$ENV{TEST_NGINX_RSA} = key_file('RSA');
$ENV{TEST_NGINX_RSA2} = key_file('RSA/2');
$ENV{TEST_NGINX_EC} = key_file('P-256');
$ENV{TEST_NGINX_RSA_PEM} = pem('RSA');
$ENV{TEST_NGINX_EC_JWK} = json(jwk('P-256', kid => 'ec'));
$ENV{TEST_NGINX_SECRET_B64} = b64($SECRET);

run_tests();

__DATA__

=== TEST 1: four mixed keys in one introspector (B3, B4, B5, B6, B7)
--- http_config
    token_introspector idp {
        issuer https://idp.test;
        key "file:$TEST_NGINX_RSA" kty=RSA alg=RS256 format=PEM;
        key "file:$TEST_NGINX_RSA2" kty=RSA alg=RS384 format=PEM;
        key "file:$TEST_NGINX_EC" kty=EC alg=ES256 format=PEM;
        key "$TEST_NGINX_SECRET" kty=OCT alg=HS256 format=plain;
    }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['RS256' => jwt(-alg => 'RS256'), 200, 'active'],
    ['RS384' => jwt(-alg => 'RS384', -key => 'RSA/2'), 200, 'active'],
    ['ES256' => jwt(-alg => 'ES256'), 200, 'active'],
    ['HS256' => jwt(), 200, 'active'],
    ['RS384 with the key for RS256' => jwt(-alg => 'RS384'), 401, 'bad_signature'],
    ['RS256 with the key for RS384' => jwt(-alg => 'RS256', -key => 'RSA/2'), 401, 'bad_signature'],
    ['HS384' => jwt(-alg => 'HS384'), 401, 'unknown_key'],
    ['RS512' => jwt(-alg => 'RS512'), 401, 'unknown_key'],
]



=== TEST 2: kty and format are inferred (B51)
--- http_config
    token_introspector idp {
        issuer https://idp.test;
        key "file:$TEST_NGINX_RSA" alg=RS256;
        key '$TEST_NGINX_EC_JWK';
        key "$TEST_NGINX_SECRET";
    }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['RS256' => jwt(-alg => 'RS256'), 200, 'active'],
    ['ES256 by kid' => jwt(-alg => 'ES256', -kid => 'ec'), 200, 'active'],
    ['HS512' => jwt(-alg => 'HS512'), 200, 'active'],
]



=== TEST 3: a PEM block written into nginx.conf
--- http_config
    token_introspector idp {
        issuer https://idp.test;
        key "$TEST_NGINX_RSA_PEM" alg=RS256;
    }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['RS256' => jwt(-alg => 'RS256'), 200, 'active'],
    ['another key' => jwt(-alg => 'RS256', -key => 'RSA/2'), 401, 'bad_signature'],
]



=== TEST 4: keys of one algorithm are tried in sequence (B53, B54)
--- http_config
    token_introspector idp {
        issuer https://idp.test;
        key "file:$TEST_NGINX_RSA" alg=RS256;
        key "file:$TEST_NGINX_RSA2" alg=RS256;
    }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['first' => jwt(-alg => 'RS256'), 200, 'active'],
    ['second' => jwt(-alg => 'RS256', -key => 'RSA/2'), 200, 'active'],
    ['third' => jwt(-alg => 'RS256', -key => 'RSA/3'), 401, 'bad_signature'],
]



=== TEST 5: kid=
--- http_config
    token_introspector idp {
        issuer https://idp.test;
        key "file:$TEST_NGINX_RSA" kid=one;
        key "file:$TEST_NGINX_RSA2" kid=two;
    }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['one' => jwt(-alg => 'RS256', -kid => 'one'), 200, 'active'],
    ['two' => jwt(-alg => 'RS256', -kid => 'two', -key => 'RSA/2'), 200, 'active'],
    ['without' => jwt(-alg => 'RS256', -key => 'RSA/2'), 200, 'active'],
    ['swapped' => jwt(-alg => 'RS256', -kid => 'one', -key => 'RSA/2'), 401, 'bad_signature'],
    ['unknown' => jwt(-alg => 'RS256', -kid => 'three'), 401, 'unknown_key'],
]



=== TEST 6: secrets as base64url, and from a file
--- http_config
    token_introspector idp {
        issuer https://idp.test;
        key $TEST_NGINX_SECRET_B64 kty=OCT format=base64url;
    }
    token_introspector file {
        issuer https://file.test;
        key file:$TEST_NGINX_HTML_DIR/secret alg=HS256;
    }
    token_introspector jwk {
        issuer https://jwk.test;
        key file:$TEST_NGINX_HTML_DIR/jwk format=JWK;
    }
--- user_files eval
">>> secret\n$SECRET\n>>> jwk\n" . json(jwk($SECRET, alg => 'HS256'))
--- config
    location /t { token_introspect idp file jwk; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['base64url' => jwt(), 200, 'active'],
    ['its text' => jwt(-key => b64($SECRET)), 401, 'bad_signature'],
    ['file' => jwt(iss => 'https://file.test'), 200, 'active'],
    ['file, HS512' => jwt(iss => 'https://file.test', -alg => 'HS512'), 401, 'unknown_key'],
    ['JWK' => jwt(iss => 'https://jwk.test'), 200, 'active'],
]
