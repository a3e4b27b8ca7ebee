# discovery: OpenID Connect and RFC 8414 metadata.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

our $Keys = ">>> jwks.json\n" . jwks(jwk('P-256')) . "\n";
our $Url = $ENV{TEST_NGINX_ISSUER};

$ENV{TEST_NGINX_METADATA} =
    qq({"issuer":"$Url","jwks_uri":"$Url/jwks.json","introspection_endpoint":"$Url/introspect"});

run_tests();

__DATA__

=== TEST 1: the smallest configuration: issuer and discovery on
--- http_config
    token_introspector idp { issuer $TEST_NGINX_ISSUER; discovery on; }
--- issuer
    location = /.well-known/openid-configuration { return 200 '$TEST_NGINX_METADATA'; }
--- user_files eval
$::Keys
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['other issuer' => jwt(-alg => 'ES256'), 401, 'unknown_issuer'],
    ['valid' => jwt(iss => $::Url, -alg => 'ES256'), 200, 'active'],
    ['again' => jwt(iss => $::Url, -alg => 'ES256'), 200, 'active'],
    ['another' => jwt(iss => $::Url, -alg => 'ES256', sub => 'bob'), 200, 'active'],
    ['bad' => jwt(iss => $::Url, -alg => 'ES256', -key => 'P-256/2'), 401, 'bad_signature'],
]
--- fetches eval
[0, 2, 2, 2, 2]



=== TEST 2: RFC 8414 where OpenID Connect is not known; the path of the issuer behind it
--- http_config
    token_introspector idp { issuer $TEST_NGINX_ISSUER/tenant; discovery on; }
    token_introspector oidc { issuer $TEST_NGINX_ISSUER/oidc/; discovery on; }
--- issuer
    default_type application/json;
    location = /.well-known/oauth-authorization-server/tenant {
        return 200 '{"issuer":"$TEST_NGINX_ISSUER/tenant","jwks_uri":"$TEST_NGINX_ISSUER/jwks.json"}';
    }
    location = /oidc/.well-known/openid-configuration {
        return 200 '{"issuer":"$TEST_NGINX_ISSUER/oidc/","jwks_uri":"$TEST_NGINX_ISSUER/jwks.json"}';
    }
    log_not_found off;
--- user_files eval
$::Keys
--- config
    location /t { token_introspect idp oidc; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['RFC 8414' => jwt(iss => "$::Url/tenant", -alg => 'ES256'), 200, 'active'],
    ['OpenID Connect, with a slash' => jwt(iss => "$::Url/oidc/", -alg => 'ES256'), 200, 'active'],
]
--- fetches eval
[3, 5]



=== TEST 3: an address of its own, and the issuer from the metadata
--- http_config
    token_introspector idp { discovery $TEST_NGINX_ISSUER/meta; }
    token_introspector in { discovery /_meta; }
--- issuer
    location = /meta { return 200 '{"issuer":"urn:meta","jwks_uri":"$TEST_NGINX_ISSUER/jwks.json"}'; }
    location = /in { return 200 '{"issuer":"urn:in","jwks_uri":"$TEST_NGINX_ISSUER/jwks.json"}'; }
--- user_files eval
$::Keys
--- config
    location = /_meta { internal; proxy_pass $TEST_NGINX_ISSUER/in; }
    location /t {
        token_introspect idp in;
        add_header X-Result "$arg_case: $status [$token_status $token_introspector]" always;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
[
    ['first' => jwt(iss => 'urn:meta', -alg => 'ES256'), 200, 'active idp'],
    ['second' => jwt(iss => 'urn:in', -alg => 'ES256'), 200, 'active in'],
    ['neither' => jwt(iss => 'urn:x', -alg => 'ES256'), 401, 'unknown_issuer '],
    ['first again' => jwt(iss => 'urn:meta', -alg => 'ES256'), 200, 'active idp'],
]
--- fetches eval
[2, 4, 4, 4]



=== TEST 4: what is written wins over what is discovered
--- http_config
    token_introspector idp {
        issuer urn:written;
        discovery $TEST_NGINX_ISSUER/meta;
        jwks_uri $TEST_NGINX_ISSUER/jwks.json;
    }
--- issuer
    location = /meta { return 200 '{"issuer":"urn:meta","jwks_uri":"$TEST_NGINX_ISSUER/no"}'; }
--- user_files eval
$::Keys
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['written' => jwt(iss => 'urn:written', -alg => 'ES256'), 200, 'active'],
    ['discovered' => jwt(iss => 'urn:meta', -alg => 'ES256'), 401, 'unknown_issuer'],
]
--- fetches eval
[1, 1]



=== TEST 5: unusable metadata denies with 503
--- http_config
    token_introspector other { issuer urn:other; discovery $TEST_NGINX_ISSUER/other; }
    token_introspector none { issuer urn:none; discovery $TEST_NGINX_ISSUER/none; }
    token_introspector nokeys { issuer urn:nokeys; discovery $TEST_NGINX_ISSUER/nokeys; }
    token_introspector relative { issuer urn:relative; discovery $TEST_NGINX_ISSUER/relative; }
    token_introspector garbage { issuer urn:garbage; discovery $TEST_NGINX_ISSUER/garbage; }
    token_introspector status { issuer urn:status; discovery $TEST_NGINX_ISSUER/status; }
    token_introspector down { issuer urn:down; discovery http://127.0.0.1:$TEST_NGINX_UNUSED_PORT/; }
--- issuer
    location = /other { return 200 '{"issuer":"urn:evil","jwks_uri":"$TEST_NGINX_ISSUER/jwks.json"}'; }
    location = /none { return 200 '{"jwks_uri":"$TEST_NGINX_ISSUER/jwks.json"}'; }
    location = /nokeys { return 200 '{"issuer":"urn:nokeys"}'; }
    location = /relative { return 200 '{"issuer":"urn:relative","jwks_uri":"/jwks.json"}'; }
    location = /garbage { return 200 '<html>'; }
    location = /status { return 500 '{"issuer":"urn:status","jwks_uri":"$TEST_NGINX_ISSUER/jwks.json"}'; }
--- user_files eval
$::Keys
--- config
    location /t {
        token_introspect other none nokeys relative garbage status down;
        $TEST_NGINX_RESULT
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
[map { [$_->[0] => jwt(iss => "urn:$_->[0]", -alg => 'ES256'), 503, $_->[1], '/t',
        'Retry-After: 1'] }
    [other => 'issuer_metadata'], [none => 'issuer_metadata'], [nokeys => 'issuer_metadata'],
    [relative => 'issuer_metadata'], [garbage => 'issuer_response'], [status => 'issuer_status'],
    [down => 'issuer_unreachable']]
--- errors_expected



=== TEST 6: while nobody knows the issuer of a JWT, it goes to no other endpoint
--- http_config
    token_introspector idp { discovery $TEST_NGINX_ISSUER/meta; }
    token_introspector opaque { introspection_endpoint $TEST_NGINX_ISSUER/introspect; }
--- issuer
    location = /introspect { return 200 '{"active":true}'; default_type application/json; }
    location = /meta { return 500; }
--- config
    location /t { token_introspect idp opaque; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['JWT' => jwt(-alg => 'ES256'), 503, 'issuer_status'],
    ['opaque' => 'opaque', 200, 'active'],
]
--- fetches eval
[1, 2]
--- errors_expected



=== TEST 7: opaque tokens: the endpoint is discovered
--- http_config
    token_introspector idp { type opaque; issuer $TEST_NGINX_ISSUER; discovery on; }
--- issuer
    location = /.well-known/openid-configuration { return 200 '$TEST_NGINX_METADATA'; }
    location = /introspect { return 200 '{"active":true}'; default_type application/json; }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[['opaque' => 'opaque', 200, 'active'], ['another' => 'opaque2', 200, 'active']]
--- fetches eval
[2, 3]
