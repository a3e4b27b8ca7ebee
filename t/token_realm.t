# token_realm: the realm of the challenge.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

run_tests();

__DATA__

=== TEST 1: text, variables, off, inheritance
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    token_introspect idp;
    token_realm "the \"API\" \\ of $host";
    $TEST_NGINX_RESULT
    location /t { proxy_pass $TEST_NGINX_BACKEND; }
    location /t/off { token_realm off; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/own { token_realm own; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/empty { token_realm $arg_no; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/injected { token_realm $arg_realm; proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
my $is = sub { "WWW-Authenticate: $_[0]" };
[
    ['inherited' => undef, 401, 'missing', '/t', $is->('Bearer realm="the \"API\" \\\\ of localhost"')],
    ['off' => undef, 401, 'missing', '/t/off', $is->('Bearer')],
    ['own' => undef, 401, 'missing', '/t/own', $is->('Bearer realm="own"')],
    ['empty variable' => undef, 401, 'missing', '/t/empty', $is->('Bearer')],
    ['own with an error' => jwt(exp => 1), 401, 'expired', '/t/own',
        $is->('Bearer realm="own", error="invalid_token", error_description="The access token expired"')],
    ['quotes of a client are escaped' => undef, 401, 'missing', '/t/injected?realm=a"b',
        $is->('Bearer realm="a\"b"')],
]



=== TEST 2: none by default
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[['none' => undef, 401, 'missing', '/t', 'WWW-Authenticate: Bearer']]
