# exp, nbf, iat, iss, aud, typ and crit of a JWT; leeway, require_exp, token_types, audience.
# valgrind: no, a table of claims; t/jwt_malformed.t and t/dispatch.t run the same code

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

run_tests();

__DATA__

=== TEST 1: exp, nbf and iat (B10)
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
my $now = time;
[
    ['exp ahead' => jwt(exp => $now + 100), 200, 'active'],
    ['exp now' => jwt(exp => $now), 401, 'expired'],
    ['exp a second ago' => jwt(exp => $now - 1), 401, 'expired'],
    ['exp 0' => jwt(exp => 0), 401, 'expired'],
    ['exp negative' => jwt(exp => -1), 401, 'expired'],
    ['exp with a fraction' => jwt(exp => $now + 100.5), 200, 'active'],
    ['exp with a fraction, past' => jwt(exp => $now - 0.5), 401, 'expired'],
    ['exp far ahead' => jwt(exp => 9007199254740991), 200, 'active'],
    ['no exp' => jwt(exp => undef), 401, 'missing_expiry'],
    ['nbf past' => jwt(nbf => $now - 100), 200, 'active'],
    ['nbf now' => jwt(nbf => $now), 200, 'active'],
    ['nbf ahead' => jwt(nbf => $now + 100), 401, 'not_yet_valid'],
    ['nbf 0' => jwt(nbf => 0), 200, 'active'],
    ['iat past' => jwt(iat => $now - 100), 200, 'active'],
    ['iat ahead' => jwt(iat => $now + 100), 401, 'issued_in_future'],
    ['expired and not yet valid' => jwt(exp => 1, nbf => $now + 100), 401, 'expired'],
]



=== TEST 2: dates of a wrong type refuse
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
my $with = sub { jws({alg => 'HS256'}, qq({"iss":"https://idp.test",$_[0]}), 'HS256') };
my $later = time + 1000;
[
    ['exp string' => $with->(qq("exp":"$later")), 401, 'bad_claim'],
    ['exp null' => $with->('"exp":null'), 401, 'bad_claim'],
    ['exp true' => $with->('"exp":true'), 401, 'bad_claim'],
    ['exp array' => $with->("\"exp\":[$later]"), 401, 'bad_claim'],
    ['exp object' => $with->('"exp":{}'), 401, 'bad_claim'],
    ['exp exponent' => $with->('"exp":1e11'), 200, 'active'],
    ['exp too large' => $with->('"exp":1e300'), 401, 'bad_claim'],
    ['exp beyond a double' => $with->('"exp":1e999'), 401, 'malformed'],
    ['exp beyond 64 bits' => $with->('"exp":99999999999999999999'), 401, 'malformed'],
    ['exp NaN' => $with->('"exp":NaN'), 401, 'malformed'],
    ['nbf string' => $with->(qq("exp":$later,"nbf":"0")), 401, 'bad_claim'],
    ['nbf null' => $with->(qq("exp":$later,"nbf":null)), 401, 'bad_claim'],
    ['iat string' => $with->(qq("exp":$later,"iat":"0")), 401, 'bad_claim'],
    ['iat object' => $with->(qq("exp":$later,"iat":{})), 401, 'bad_claim'],
    ['EXP is another claim' => $with->(qq("EXP":$later)), 401, 'missing_expiry'],
    ['good' => $with->(qq("exp":$later)), 200, 'active'],
]



=== TEST 3: leeway on both sides
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; leeway 1m; }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
my $now = time;
[
    ['exp within' => jwt(exp => $now - 30), 200, 'active'],
    ['exp within, again' => jwt(exp => $now - 30), 200, 'active'],
    ['exp beyond' => jwt(exp => $now - 61), 401, 'expired'],
    ['nbf within' => jwt(nbf => $now + 30), 200, 'active'],
    ['nbf beyond' => jwt(nbf => $now + 100), 401, 'not_yet_valid'],
    ['iat within' => jwt(iat => $now + 30), 200, 'active'],
    ['iat beyond' => jwt(iat => $now + 100), 401, 'issued_in_future'],
]



=== TEST 4: require_exp off lets a JWT live for ever, but not an expired one
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; require_exp off; }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['no exp' => jwt(exp => undef), 200, 'active'],
    ['no exp, again' => jwt(exp => undef), 200, 'active'],
    ['null exp' => jws({alg => 'HS256'}, '{"iss":"https://idp.test","exp":null}', 'HS256'), 401,
        'bad_claim'],
    ['expired' => jwt(exp => 1), 401, 'expired'],
]



=== TEST 5: issuer is exact (B9)
--- http_config
    token_introspector idp {
        issuer https://idp.test https://second.test;
        secret "$TEST_NGINX_SECRET";
    }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['first' => jwt(), 200, 'active'],
    ['second' => jwt(iss => 'https://second.test'), 200, 'active'],
    ['prefix' => jwt(iss => 'https://idp.tes'), 401, 'unknown_issuer'],
    ['longer' => jwt(iss => 'https://idp.test/'), 401, 'unknown_issuer'],
    ['case' => jwt(iss => 'https://IDP.test'), 401, 'unknown_issuer'],
    ['space' => jwt(iss => ' https://idp.test'), 401, 'unknown_issuer'],
    ['array' => jwt(iss => ['https://idp.test']), 401, 'unknown_issuer'],
    ['empty' => jwt(iss => ''), 401, 'unknown_issuer'],
    ['none' => jwt(iss => undef), 401, 'unknown_issuer'],
    ['both in one' => jwt(iss => 'https://idp.test https://second.test'), 401, 'unknown_issuer'],
]



=== TEST 6: audience
--- http_config
    token_introspector idp {
        issuer https://idp.test;
        secret "$TEST_NGINX_SECRET";
        audience api https://api.test;
    }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['string' => jwt(aud => 'api'), 200, 'active'],
    ['second' => jwt(aud => 'https://api.test'), 200, 'active'],
    ['array' => jwt(aud => ['x', 'api']), 200, 'active'],
    ['other' => jwt(aud => 'web'), 401, 'wrong_audience'],
    ['other array' => jwt(aud => ['x', 'y']), 401, 'wrong_audience'],
    ['case' => jwt(aud => 'API'), 401, 'wrong_audience'],
    ['list in a string' => jwt(aud => 'x api'), 401, 'wrong_audience'],
    ['empty array' => jwt(aud => []), 401, 'wrong_audience'],
    ['empty string' => jwt(aud => ''), 401, 'wrong_audience'],
    ['none' => jwt(aud => undef), 401, 'wrong_audience'],
    ['number' => jwt(aud => 1), 401, 'bad_claim'],
    ['object' => jwt(aud => {api => 1}), 401, 'bad_claim'],
    ['array with a number' => jwt(aud => ['api', 1]), 401, 'bad_claim'],
    ['nested array' => jwt(aud => [['api']]), 401, 'bad_claim'],
]



=== TEST 7: without audience any one passes, of the right type
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['any' => jwt(aud => 'any'), 200, 'active'],
    ['none' => jwt(), 200, 'active'],
    ['number' => jwt(aud => 1), 401, 'bad_claim'],
]



=== TEST 8: typ (RFC 9068, RFC 8725)
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
my $of = sub { jwt(-header => {typ => $_[0]}) };
[
    ['none' => $of->(undef), 200, 'active'],
    ['JWT' => $of->('JWT'), 200, 'active'],
    ['jwt' => $of->('jwt'), 200, 'active'],
    ['at+jwt' => $of->('at+jwt'), 200, 'active'],
    ['application/at+jwt' => $of->('application/at+jwt'), 200, 'active'],
    ['AT+JWT' => $of->('AT+JWT'), 200, 'active'],
    ['logout+jwt' => $of->('logout+jwt'), 401, 'unsupported_type'],
    ['dpop+jwt' => $of->('dpop+jwt'), 401, 'unsupported_type'],
    ['token-introspection+jwt' => $of->('token-introspection+jwt'), 401, 'unsupported_type'],
    ['JWE' => $of->('JWE'), 401, 'unsupported_type'],
    ['empty' => $of->(''), 401, 'unsupported_type'],
    ['number' => $of->(1), 401, 'unsupported_type'],
]



=== TEST 9: token_types
--- http_config
    token_introspector idp {
        issuer https://idp.test;
        secret "$TEST_NGINX_SECRET";
        token_types at+jwt;
    }
    token_introspector none {
        issuer https://none.test;
        secret "$TEST_NGINX_SECRET";
        token_types none secevent+jwt;
    }
--- config
    location /t { token_introspect idp none; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
my $of = sub { jwt(-header => {typ => $_[0]}, iss => "https://$_[1].test") };
[
    ['at+jwt' => $of->('at+jwt', 'idp'), 200, 'active'],
    ['JWT' => $of->('JWT', 'idp'), 401, 'unsupported_type'],
    ['absent' => $of->(undef, 'idp'), 401, 'unsupported_type'],
    ['absent where none is accepted' => $of->(undef, 'none'), 200, 'active'],
    ['none itself is no type' => $of->('none', 'none'), 401, 'unsupported_type'],
    ['secevent+jwt' => $of->('secevent+jwt', 'none'), 200, 'active'],
    ['JWT where it is not listed' => $of->('JWT', 'none'), 401, 'unsupported_type'],
]



=== TEST 10: crit refuses, whatever it lists (RFC 7515 section 4.1.11)
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
my $of = sub { jwt(-header => {crit => $_[0], exp => 1, b64 => \0}) };
[
    ['unknown' => $of->(['x']), 401, 'unsupported_critical'],
    ['b64' => $of->(['b64']), 401, 'unsupported_critical'],
    ['exp' => $of->(['exp']), 401, 'unsupported_critical'],
    ['empty' => $of->([]), 401, 'unsupported_critical'],
    ['string' => $of->('exp'), 401, 'unsupported_critical'],
    ['without crit' => jwt(-header => {exp => 1, b64 => \1}), 200, 'active'],
]



=== TEST 11: kid of a wrong type refuses; an unknown one finds no key
--- http_config
    token_introspector idp { issuer https://idp.test; key "$TEST_NGINX_SECRET" kid=a; }
    token_introspector any { issuer https://any.test; key "$TEST_NGINX_SECRET"; }
--- config
    location /t { token_introspect idp any; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['none' => jwt(), 200, 'active'],
    ['right' => jwt(-kid => 'a'), 200, 'active'],
    ['unknown' => jwt(-kid => 'b'), 401, 'unknown_key'],
    ['path' => jwt(-kid => '../../dev/null'), 401, 'unknown_key'],
    ['any for a key without kid' => jwt(-kid => 'b', iss => 'https://any.test'), 200, 'active'],
    ['number' => jwt(-kid => 1), 401, 'malformed'],
    ['null' => jws('{"alg":"HS256","kid":null}', claims(), 'HS256'), 401, 'malformed'],
]
