# token_error_code: the statuses of refusals.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

our @Cases = (
    ['none' => undef],
    ['invalid' => jwt(exp => 1)],
    ['forbidden' => jwt()],
    ['unavailable' => jwt(iss => 'https://down.test', -alg => 'ES256')],
    ['two credentials' => [bearer('a'), 'X-Token: b']],
);
our @Words = qw(missing expired claim_refused issuer_unreachable multiple_credentials);

# The table with the given statuses.
our $Table = sub {
    my ($uri, @codes) = @_;
    return map { [@{$Cases[$_]}, $codes[$_], $Words[$_], $uri] } 0 .. $#Cases;
};

$ENV{TEST_NGINX_IDPS} = <<"END";
    token_introspector idp { issuer https://idp.test; secret "$SECRET"; }
    token_introspector down {
        issuer https://down.test;
        jwks_uri http://127.0.0.1:$ENV{TEST_NGINX_UNUSED_PORT}/;
    }
END

run_tests();

__DATA__

=== TEST 1: defaults, each parameter, no_match, finer ones beside it, inheritance (B88, B90, B91, B124, B125)
--- http_config
$TEST_NGINX_IDPS
--- config
    token_introspect idp down;
    token_require_claim sub eq bob;
    token_source header=Authorization;
    token_source header=X-Token;
    $TEST_NGINX_RESULT
    location /t/default { proxy_pass $TEST_NGINX_BACKEND; }
    location /t/each {
        token_error_code not_supplied=410 invalid=411 forbidden=412 unavailable=504;
        proxy_pass $TEST_NGINX_BACKEND;
        location /t/each/inner { proxy_pass $TEST_NGINX_BACKEND; }
        location /t/each/own { token_error_code invalid=420; proxy_pass $TEST_NGINX_BACKEND; }
    }
    location /t/acm { token_error_code no_match=403; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/seed {
        token_error_code unavailable=500 no_match=418 not_supplied=410;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
[
    $::Table->('/t/default', 401, 401, 403, 503, 400),
    $::Table->('/t/each', 410, 411, 412, 504, 400),
    $::Table->('/t/each/inner', 410, 411, 412, 504, 400),
    $::Table->('/t/each/own', 401, 420, 403, 503, 400),
    $::Table->('/t/acm', 401, 403, 403, 403, 403),
    $::Table->('/t/seed', 410, 418, 418, 500, 418),
]
--- errors_expected



=== TEST 2: the challenge and Retry-After follow the reason, whatever the status
--- http_config
$TEST_NGINX_IDPS
--- config
    token_introspect idp down;
    token_error_code no_match=403 not_supplied=407;
    $TEST_NGINX_RESULT
    location /t { proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['none' => undef, 407, 'missing', '/t', 'WWW-Authenticate: Bearer'],
    ['invalid' => jwt(exp => 1), 403, 'expired', '/t',
        'WWW-Authenticate: Bearer error="invalid_token", error_description="The access token expired"'],
    ['unavailable' => jwt(iss => 'https://down.test', -alg => 'ES256'), 403, 'issuer_unreachable',
        '/t', 'Retry-After: 1'],
]
--- errors_expected



=== TEST 3: error= of a requirement goes before
--- http_config
$TEST_NGINX_IDPS
--- config
    token_introspect idp;
    token_error_code no_match=418;
    $TEST_NGINX_RESULT
    location /t/claim { token_require_claim sub eq bob error=404; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/scope { token_require_scope a error=451; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/variable { token_require $arg_a error=599; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/without { token_require $arg_a; proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['claim' => jwt(), 404, 'claim_refused', '/t/claim'],
    ['scope' => jwt(), 451, 'insufficient_scope', '/t/scope'],
    ['variable' => jwt(), 599, 'require_refused', '/t/variable'],
    ['without' => jwt(), 418, 'require_refused', '/t/without'],
    ['no token' => undef, 401, 'missing', '/t/claim'],
]
