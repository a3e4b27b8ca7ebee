# token_claim_set: a variable for a claim at a path.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

our $Token = jwt(
    realm_access => {roles => ['admin', 'user']},
    groups => [{name => 'first'}, {name => 'second'}],
    'https://example.com/tenant' => 'acme',
    address => {'street.name' => 'Elm'},
    camelCase => 'kept',
    'with-hyphen' => 'h',
    number => 12, real => 1.5, yes => \1, no => \0, nothing => undef, list => [1, 'a', \1],
    object => {b => 1, a => 'x'}, empty => '', 0 => 'zero',
);

run_tests();

__DATA__

=== TEST 1: paths
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
    token_claim_set $roles realm_access.roles;
    token_claim_set $role realm_access.roles[1];
    token_claim_set $role_by_dot realm_access.roles.0;
    token_claim_set $group groups[1].name;
    token_claim_set $tenant '["https://example.com/tenant"]';
    token_claim_set $street 'address["street.name"]';
    token_claim_set $street_single "address['street.name']";
    token_claim_set $camel camelCase;
    token_claim_set $hyphen with-hyphen;
    token_claim_set $missing realm_access.none.deeper;
    token_claim_set $beyond groups[2].name;
    token_claim_set $through sub.x;
    token_claim_set $case SUB;
    token_claim_set $zero 0;
--- config
    location /t {
        token_introspect idp;
        add_header X-All "[$roles] [$role] [$role_by_dot] [$group] [$tenant] [$street] [$street_single] [$camel] [$hyphen] [$missing] [$beyond] [$through] [$case] [$zero]";
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request
GET /t
--- more_headers eval
bearer($::Token)
--- response_headers
X-All: [admin,user] [user] [admin] [second] [acme] [Elm] [Elm] [kept] [h] [] [] [] [] [zero]



=== TEST 2: types
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
    token_claim_set $number number;
    token_claim_set $real real;
    token_claim_set $yes yes;
    token_claim_set $no no;
    token_claim_set $list list;
    token_claim_set $object object;
    token_claim_set $empty empty;
--- config
    location /t {
        token_introspect idp;
        add_header X-All '[$number] [$real] [$yes] [$no] [$list] [$object] [$empty]';
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request
GET /t
--- more_headers eval
bearer($::Token)
--- response_headers
X-All: [12] [1.5] [true] [false] [1,a,true] [{"a":"x","b":1}] []



=== TEST 3: usable in map, log and for a refused request; empty without a token
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
    token_claim_set $roles realm_access.roles;
    map $roles $is_admin { default 0; ~(^|,)admin(,|$) 1; }
--- config
    location /t {
        token_introspect idp optional;
        token_require $is_admin;
        add_header X-Result "$arg_case: $status [$token_status $is_admin]" always;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
[
    ['admin' => $::Token, 200, 'active 1'],
    ['no admin' => jwt(realm_access => {roles => ['user']}), 403, 'require_refused 0'],
    ['no token' => undef, 401, 'missing 0'],
    ['expired' => jwt(exp => 1, realm_access => {roles => ['admin']}), 401, 'expired 0'],
]
