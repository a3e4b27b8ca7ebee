# token_require_scope

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

run_tests();

__DATA__

=== TEST 1: all, any, several directives, scope and scp, strings and arrays
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    token_introspect idp;
    token_require_scope read;
    $TEST_NGINX_RESULT
    location /t { proxy_pass $TEST_NGINX_BACKEND; }
    location /t/all { token_require_scope read write; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/any { token_require_scope read write any; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/both {
        token_require_scope read write any;
        token_require_scope admin error=404;
        proxy_pass $TEST_NGINX_BACKEND;
    }
    location /t/uri { token_require_scope https://example.com/auth/x:y; proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
my $of = sub { jwt(scope => $_[0]) };
[
    ['one' => $of->('read'), 200, 'active'],
    ['among others' => $of->('a read b'), 200, 'active'],
    ['array' => $of->(['a', 'read']), 200, 'active'],
    ['array of one string with two' => $of->(['a read']), 403, 'insufficient_scope'],
    ['scp' => jwt(scp => 'read'), 200, 'active'],
    ['scp array' => jwt(scp => ['read']), 200, 'active'],
    ['scope wins over scp' => jwt(scope => 'a', scp => 'read'), 403, 'insufficient_scope'],
    ['prefix' => $of->('reading'), 403, 'insufficient_scope'],
    ['case' => $of->('READ'), 403, 'insufficient_scope'],
    ['comma' => $of->('a,read'), 403, 'insufficient_scope'],
    ['none' => jwt(), 403, 'insufficient_scope'],
    ['empty' => $of->(''), 403, 'insufficient_scope'],
    ['number' => $of->(1), 403, 'insufficient_scope'],
    ['object' => $of->({read => 1}), 403, 'insufficient_scope'],
    ['all' => $of->('write read'), 200, 'active', '/t/all'],
    ['all, one missing' => $of->('read'), 403, 'insufficient_scope', '/t/all'],
    ['any' => $of->('write'), 200, 'active', '/t/any'],
    ['any, none' => $of->('x'), 403, 'insufficient_scope', '/t/any'],
    ['both' => $of->('write admin'), 200, 'active', '/t/both'],
    ['both, first missing' => $of->('admin'), 403, 'insufficient_scope', '/t/both'],
    ['both, second missing' => $of->('write'), 404, 'insufficient_scope', '/t/both'],
    ['a URI' => $of->('https://example.com/auth/x:y'), 200, 'active', '/t/uri'],
    ['no token' => undef, 401, 'missing', '/t/all'],
    ['expired' => jwt(exp => 1, scope => 'read'), 401, 'expired'],
]



=== TEST 2: the challenge names the scopes that are missing
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t {
        token_introspect idp;
        token_require_scope a b any;
        token_require_scope c d;
        $TEST_NGINX_RESULT
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
my $is = sub {
    'WWW-Authenticate: Bearer error="insufficient_scope", error_description="The request requires '
        . "a wider scope than the access token has\", scope=\"$_[0]\"";
};
[
    ['first' => jwt(scope => 'c d'), 403, 'insufficient_scope', '/t', $is->('a b')],
    ['second' => jwt(scope => 'a c'), 403, 'insufficient_scope', '/t', $is->('c d')],
]
