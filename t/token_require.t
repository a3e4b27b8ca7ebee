# token_require: variables that must be neither empty nor "0".

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

run_tests();

__DATA__

=== TEST 1: one, several in one directive, several directives, inheritance
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
    map $token_claim_level $high { default 0; ~^[5-9]$ 1; }
--- config
    token_introspect idp;
    token_require $token_claim_sub;
    $TEST_NGINX_RESULT
    location /t { proxy_pass $TEST_NGINX_BACKEND; }
    location /t/own { token_require $high; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/two { token_require $high $arg_a; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/directives {
        token_require $high;
        token_require $arg_a error=404;
        proxy_pass $TEST_NGINX_BACKEND;
    }
    location /t/text { token_require "$arg_a$arg_b"; proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
my $high = jwt(level => 7);
my $low = jwt(level => 2);
[
    ['inherited' => $low, 200, 'active'],
    ['inherited, empty' => jwt(sub => ''), 403, 'require_refused'],
    ['inherited, absent' => jwt(sub => undef), 403, 'require_refused'],
    ['own' => $high, 200, 'active', '/t/own'],
    ['own, 0' => $low, 403, 'require_refused', '/t/own'],
    ['own replaces' => jwt(sub => undef, level => 7), 200, 'active', '/t/own'],
    ['both' => $high, 200, 'active', '/t/two?a=1'],
    ['first only' => $high, 403, 'require_refused', '/t/two'],
    ['second only' => $low, 403, 'require_refused', '/t/two?a=1'],
    ['second is 0' => $high, 403, 'require_refused', '/t/two?a=0'],
    ['00 is not 0' => $high, 200, 'active', '/t/two?a=00'],
    ['directives' => $high, 200, 'active', '/t/directives?a=1'],
    ['the first with its status' => $low, 403, 'require_refused', '/t/directives?a=1'],
    ['the second with its status' => $high, 404, 'require_refused', '/t/directives'],
    ['text' => $low, 200, 'active', '/t/text?b=1'],
    ['text, 0' => $low, 403, 'require_refused', '/t/text?b=0'],
    ['no token' => undef, 401, 'missing', '/t/own'],
]



=== TEST 2: the log names the variable, not its value
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
    map $token_claim_sub $allowed { default 0; bob 1; }
--- config
    location /t { token_introspect idp; token_require $allowed; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[['refused' => jwt(), 403, 'require_refused']]
--- error_log
refused, reason: require_refused, by: $allowed, introspector: idp
--- no_error_log
alice
