# token_challenge: the WWW-Authenticate header of RFC 6750 section 3.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

run_tests();

__DATA__

=== TEST 1: exact challenges
--- http_config
    token_introspector idp {
        issuer https://idp.test;
        secret "$TEST_NGINX_SECRET";
        audience api;
    }
    token_introspector down { issuer https://down.test; jwks_uri http://127.0.0.1:$TEST_NGINX_UNUSED_PORT/; }
--- config
    token_introspect idp down;
    token_realm r;
    token_source header=Authorization;
    token_source header=X-Token;
    $TEST_NGINX_RESULT
    location /t { proxy_pass $TEST_NGINX_BACKEND; }
    location /t/scope { token_require_scope read write; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/claim { token_require_claim sub eq bob; proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval

my $is = sub { "WWW-Authenticate: Bearer realm=\"r\"$_[0]" };
my $invalid = sub { $is->(", error=\"invalid_token\", error_description=\"$_[0]\"") };
my $request = sub { $is->(", error=\"invalid_request\", error_description=\"$_[0]\"") };
my $good = sub { jwt(aud => 'api', @_) };
[
    ['none' => undef, 401, 'missing', '/t', $is->('')],
    ['valid' => $good->(), 200, 'active', '/t', '!WWW-Authenticate'],
    ['expired' => $good->(exp => 1), 401, 'expired', '/t', $invalid->('The access token expired')],
    ['not yet valid' => $good->(nbf => time + 1000), 401, 'not_yet_valid', '/t',
        $invalid->('The access token is not valid yet')],
    ['malformed' => 'x', 401, 'malformed', '/t', $invalid->('The access token is malformed')],
    # which of these it was is for the log alone
    ['signature' => $good->(-key => 'x'), 401, 'bad_signature', '/t',
        $invalid->('The access token is invalid')],
    ['issuer' => $good->(iss => 'x'), 401, 'unknown_issuer', '/t',
        $invalid->('The access token is invalid')],
    ['audience' => jwt(), 401, 'wrong_audience', '/t', $invalid->('The access token is invalid')],
    ['no credential' => ['Authorization: Bearer'], 400, 'malformed_credential', '/t',
        $request->('The credential is malformed')],
    ['two credentials' => [bearer('a'), 'X-Token: b'], 400, 'multiple_credentials', '/t',
        $request->('The request carries more than one access token')],
    ['scope' => $good->(), 403, 'insufficient_scope', '/t/scope',
        $is->(', error="insufficient_scope", error_description="The request requires a wider '
            . 'scope than the access token has", scope="read write"')],
    ['scope, no token' => undef, 401, 'missing', '/t/scope', $is->('')],
    ['claim' => $good->(), 403, 'claim_refused', '/t/claim',
        $is->(', error="insufficient_scope", error_description="The request requires higher '
            . 'privileges than the access token has"')],
    ['issuer down' => jwt(iss => 'https://down.test', -alg => 'ES256'), 503, 'issuer_unreachable',
        '/t', '!WWW-Authenticate', 'Retry-After: 1'],
]
--- errors_expected



=== TEST 2: off, and a text of one's own
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    token_introspect idp;
    $TEST_NGINX_RESULT
    location /t/off { token_challenge off; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/text {
        token_challenge 'Custom login="https://$host/login", reason="$token_status"';
        proxy_pass $TEST_NGINX_BACKEND;
        location /t/text/on { token_challenge on; proxy_pass $TEST_NGINX_BACKEND; }
        location /t/text/inner { proxy_pass $TEST_NGINX_BACKEND; }
    }
    location /t/empty { token_challenge $arg_no; proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['off' => undef, 401, 'missing', '/t/off', '!WWW-Authenticate'],
    ['text' => undef, 401, 'missing', '/t/text',
        'WWW-Authenticate: Custom login="https://localhost/login", reason="missing"'],
    ['inherited text' => jwt(exp => 1), 401, 'expired', '/t/text/inner',
        'WWW-Authenticate: Custom login="https://localhost/login", reason="expired"'],
    ['on again' => undef, 401, 'missing', '/t/text/on', 'WWW-Authenticate: Bearer'],
    ['empty' => undef, 401, 'missing', '/t/empty', '!WWW-Authenticate'],
]
