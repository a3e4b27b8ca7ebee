# token_header_set: a variable for a member of the JOSE header.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

run_tests();

__DATA__

=== TEST 1: members of the header, on a cache miss and a hit alike
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
    token_introspector opaque { introspection_endpoint $TEST_NGINX_ISSUER/introspect; }
    token_header_set $kid kid;
    token_header_set $deep nested.list[1];
    token_header_set $x5tS256 'x5t#S256';
--- issuer
    location = /introspect { default_type application/json; return 200 '{"active":true,"kid":"claim"}'; }
--- config
    location /t {
        token_introspect idp opaque;
        add_header X-Result "$arg_case: $status [$token_cache_status|$kid|$deep|$x5tS256|$token_header_alg|$token_header_typ]" always;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
my $token = jwt(-kid => 'k1', -header => {nested => {list => [1, 2]}, 'x5t#S256' => 'abc'});
[
    ['miss' => $token, 200, 'MISS|k1|2|abc|HS256|JWT'],
    ['hit' => $token, 200, 'HIT|k1|2|abc|HS256|JWT'],
    ['without' => jwt(-header => {typ => undef}), 200, 'MISS||||HS256|'],
    ['claims are no header' => jwt(kid => 'x', alg => 'y'), 200, 'MISS||||HS256|JWT'],
    ['opaque' => 'opaque', 200, 'MISS|||||'],
    ['refused' => jwt(exp => 1, -kid => 'k1'), 401, 'MISS|||||'],
]
