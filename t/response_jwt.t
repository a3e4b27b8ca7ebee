# response jwt: introspection answers that the issuer signs (RFC 9701).
# valgrind: no, each refused answer anew; t/response_jwt_waiting.t runs the same code

use lib 't/lib';
use Issuer;
use JSON::PP ();
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

# A token holds what the endpoint answers about it: status, media type, body.
our $Endpoint = Issuer->start(sub {
    my ($call) = @_;
    my $text = b64d(Issuer::form($call)->{token} // '');
    my ($status, $type, $body) = @{JSON::PP::decode_json($text)};
    return Issuer::answer($status, $body, 'Content-Type' => $type);
});
$ENV{TEST_NGINX_ENDPOINT} = $Endpoint->url;

our $Rfc = 'application/token-introspection+jwt';
sub told {
    my ($body, $type, $status) = @_;
    return b64(json([$status // '200 OK', $type // $Rfc, $body]));
}

# A response of RFC 9701 about a token with these claims; -header, -envelope, -key, -alg as options.
sub signed {
    my %token = (active => JSON::PP::true, sub => 'alice', @_);
    my %option = map { /^-(.*)/ ? ($1 => delete $token{$_}) : () } keys %token;
    my $alg = $option{alg} // 'ES256';
    my %header = (alg => $alg, typ => 'token-introspection+jwt', %{$option{header} // {}});
    my %envelope = (
        iss => $ISSUER, aud => 'gateway', iat => int time, token_introspection => \%token,
        %{$option{envelope} // {}}
    );
    for my $part (\%header, \%envelope, \%token) {
        delete @$part{grep { !defined $part->{$_} } keys %$part};
    }
    return jws(\%header, \%envelope, $alg, $option{key});
}

# A JWT with the claims at the top.
sub plain { jwt(-alg => 'ES256', @_) }

# `eval` sections see them.
{
    no strict 'refs';
    *{"Test::Base::Filter::$_"} = \&$_ for qw(told signed plain);
}

our $Jwt = signed();
our $Plain = plain(sub => 'bob');

$ENV{TEST_NGINX_COMMON} = <<"END";
        issuer $ISSUER;
        introspection_endpoint $ENV{TEST_NGINX_ENDPOINT};
        client_id gateway;
        response jwt;
END

add_block_preprocessor(sub {
    my ($block) = @_;
    my $keys = $block->keys // 'key file:$TEST_NGINX_KEY;';
    $block->set_value(http_config => <<"END") if !defined $block->http_config;
    token_introspector idp {
\$TEST_NGINX_COMMON
        $keys
    }
END
    $block->set_value(config => <<"END") if !defined $block->config;
    location /t {
        token_introspect idp;
        \$TEST_NGINX_RESULT
        proxy_set_header X-Show "[\$token_type][\$token_claim_sub][\$token_introspection_jwt]";
        proxy_pass \$TEST_NGINX_BACKEND;
    }
END
    $block->set_value(backend => '$http_x_show') if !defined $block->backend;
    # what the issuer says is nobody's but the operator's
    my $quiet = $block->no_error_log // [];
    $block->set_value(no_error_log =>
            [(ref $quiet eq 'ARRAY' ? @$quiet : split /\n/, $quiet), 'eyJhbGci', 'alice']);
});
$ENV{TEST_NGINX_KEY} = key_file('P-256');

run_tests();

__DATA__

=== TEST 1: the form of RFC 9701, and a plain JWT (B126)
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
[bearer(told($::Jwt)), bearer(told($::Plain, 'application/jwt')), bearer(told("$::Jwt\n"))]
--- response_body eval
["[opaque][alice][$::Jwt]\n", "[opaque][bob][$::Plain]\n", "[opaque][alice][$::Jwt]\n"]



=== TEST 2: the request asks for a JWT with the token in a form (B43, B130)
--- request
GET /t
--- more_headers eval
bearer(told($::Jwt))
--- response_body eval
"[opaque][alice][$::Jwt]\n"
--- after eval
sub {
    my $call = ($::Endpoint->calls)[-1];
    Test::More::is($call->{method}, 'POST', 'a POST');
    Test::More::is(Issuer::header($call, 'Accept'), 'application/token-introspection+jwt, application/jwt',
        'Accept');
    Test::More::is(Issuer::header($call, 'Content-Type'), 'application/x-www-form-urlencoded', 'a form');
    Test::More::is($call->{body}, 'token=' . told($::Jwt) . '&client_id=gateway', 'the token');
}



=== TEST 3: a result that is remembered comes with its response
--- config
    location /t {
        token_introspect idp;
        proxy_set_header X-Show "$token_cache_status $token_claim_sub $token_introspection_jwt";
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
["GET /t", "GET /t", "GET /t"]
--- more_headers eval
[(bearer(told($::Jwt))) x 3]
--- response_body eval
["MISS alice $::Jwt\n", "HIT alice $::Jwt\n", "HIT alice $::Jwt\n"]



=== TEST 4: nothing is remembered with cache_ttl off
--- keys
key file:$TEST_NGINX_KEY;
cache_ttl off;
--- config
    location /t {
        token_introspect idp;
        proxy_set_header X-Show "$token_cache_status $token_introspection_jwt";
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
["GET /t", "GET /t"]
--- more_headers eval
[(bearer(told($::Jwt))) x 2]
--- response_body eval
[("BYPASS $::Jwt\n") x 2]



=== TEST 5: only true is active; a plain JWT may leave it out (B20, B126)
--- cases eval
[
    ['true' => told(signed()), 200, 'active'],
    ['false' => told(signed(active => JSON::PP::false)), 401, 'inactive'],
    ['absent' => told(signed(active => undef)), 401, 'inactive'],
    ['text' => told(signed(active => 'true')), 401, 'inactive'],
    ['number' => told(signed(active => 1)), 401, 'inactive'],
    ['null' => told(signed(-envelope => {token_introspection => {active => undef}})), 401, 'inactive'],
    ['no content' => told('', '', '204 No Content'), 401, 'inactive'],
    ['plain true' => told(plain(active => JSON::PP::true), 'application/jwt'), 200, 'active'],
    ['plain absent' => told(plain(), 'application/jwt'), 200, 'active'],
    ['plain false' => told(plain(active => JSON::PP::false), 'application/jwt'), 401, 'inactive'],
    ['plain text' => told(plain(active => 'true'), 'application/jwt'), 401, 'inactive'],
    ['plain number' => told(plain(active => 1), 'application/jwt'), 401, 'inactive'],
    ['plain null' =>
        told(jws({alg => 'ES256'}, {%{claims()}, active => undef}, 'ES256'), 'application/jwt'),
        401, 'inactive'],
]



=== TEST 6: what is not the issuer's signed word is refused, and not as the token's fault
--- errors_expected
--- cases eval
my $good = signed();
my ($header, $payload, $signature) = split /\./, $good;
my $none = b64('{"alg":"none","typ":"token-introspection+jwt"}');
my @faults = (
    ['JSON' => told('{"active":true}', 'application/json')],
    ['a JWT as JSON' => told($good, 'application/json')],
    ['JSON as a JWT' => told('{"active":true}')],
    ['HTML' => told('<html>', 'text/html')],
    ['no type' => told($good, '')],
    ['empty' => told('')],
    ['text after it' => told("$good x")],
    ['a header after it' => told("$good\r\nX-Admin: 1")],
    ['five parts' => told("$good.x.y")],
    ['no signature' => told("$header.$payload.")],
    ['another payload' => told("$header." . b64('{}') . ".$signature")],
    ['half a signature' => told(substr $good, 0, -20)],
    ['none' => told("$none.$payload.")],
    ['none, signed' => told("$none.$payload.$signature")],
    ['another key' => told(signed(-key => 'P-256/2'))],
    ['public key as secret' => told(signed(-alg => 'HS256', -key => pem('P-256')))],
    ['public JWK as secret' => told(signed(-alg => 'HS256', -key => json(jwk('P-256'))))],
    ['another alg' => told(signed(-alg => 'RS256'))],
    ['crit' => told(signed(-header => {crit => ['exp']}))],
    ['a key of its own' => told(signed(-key => 'P-256/2', -header => {jwk => jwk('P-256/2')}))],
    ['typ JWT' => told(signed(-header => {typ => 'JWT'}))],
    ['no typ' => told(signed(-header => {typ => undef}))],
    ['typ at+jwt' => told(signed(-header => {typ => 'at+jwt'}))],
    ['another iss' => told(signed(-envelope => {iss => 'https://evil.test'}))],
    ['no iss' => told(signed(-envelope => {iss => undef}))],
    ['another aud' => told(signed(-envelope => {aud => 'other'}))],
    ['no aud' => told(signed(-envelope => {aud => undef}))],
    ['no iat' => told(signed(-envelope => {iat => undef}))],
    ['iat in the future' => told(signed(-envelope => {iat => int(time) + 900}))],
    ['expired' => told(signed(-envelope => {exp => int(time) - 1}))],
    ['not valid yet' => told(signed(-envelope => {nbf => int(time) + 900}))],
    ['no member' => told(signed(-envelope => {token_introspection => undef}))],
    ['a list' => told(signed(-envelope => {token_introspection => [{active => JSON::PP::true}]}))],
    ['text inside' => told(signed(-envelope => {token_introspection => 'active'}))],
    ['a JWT inside' => told(signed(-envelope => {token_introspection => signed()}))],
    ['twice' => told(jws({alg => 'ES256', typ => 'token-introspection+jwt'},
        '{"iss":"https://idp.test","aud":"gateway","iat":1,"token_introspection":{"active":false},'
            . '"token_introspection":{"active":true}}', 'ES256'))],
    ['active twice' => told(jws({alg => 'ES256', typ => 'token-introspection+jwt'},
        '{"iss":"https://idp.test","aud":"gateway","iat":1,'
            . '"token_introspection":{"active":false,"active":true}}', 'ES256'))],
    ['plain by the RFC' => told(plain())],
    ['the RFC by plain rules' => told(signed(-header => {typ => 'JWT'}), 'application/jwt')],
    ['plain, another iss' => told(plain(iss => 'https://evil.test'), 'application/jwt')],
    ['plain, no iss' => told(plain(iss => undef), 'application/jwt')],
    ['plain, another typ' => told(plain(-header => {typ => 'logout+jwt'}), 'application/jwt')],
    ['plain, another key' => told(plain(-key => 'P-256/2'), 'application/jwt')],
);
[
    (map { [@$_, 503, 'issuer_response', '/t', 'Retry-After: 1', '!WWW-Authenticate'] } @faults),
    (map { ["status $_" => told($good, $::Rfc, "$_ X"), 503, 'issuer_status'] }
        201, 400, 401, 403, 404, 500),
    ['still well' => told($good), 200, 'active'],
]



=== TEST 7: one line says what is wrong with an answer
--- errors_expected
--- cases eval
[['another key' => told(signed(-key => 'P-256/2')), 503, 'issuer_response']]
--- grep_error_log eval: qr/\[error\][^\n]*token introspect: [^,\n]*(?:, reason: \w+)?/
--- grep_error_log_out eval
qr/\A\[error\] \S+ token introspect: introspector "idp": no key verifies the introspection response's signature
\[error\] \S+ \S+ token introspect: refused, reason: issuer_response
\z/



=== TEST 8: claims inside are checked like those of any token
--- keys
key file:$TEST_NGINX_KEY;
audience api;
leeway 5s;
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
    location /scope {
        token_introspect idp;
        token_require_scope write;
        $TEST_NGINX_RESULT
        proxy_pass $TEST_NGINX_BACKEND;
    }
    location /claim {
        token_introspect idp;
        token_require_claim realm.roles any admin;
        $TEST_NGINX_RESULT
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
my $write = told(signed(aud => 'api', scope => 'read write', realm => {roles => ['admin']}));
my $read = told(signed(aud => 'api', scope => 'read'));
[
    ['good' => $write, 200, 'active'],
    ['audience of the envelope' => told(signed()), 401, 'wrong_audience'],
    ['another audience' => told(signed(aud => 'web')), 401, 'wrong_audience'],
    ['expired' => told(signed(aud => 'api', exp => int(time) - 9)), 401, 'expired'],
    ['not valid yet' => told(signed(aud => 'api', nbf => int(time) + 900)), 401, 'not_yet_valid'],
    ['another issuer' => told(signed(aud => 'api', iss => 'https://evil.test')), 401, 'wrong_issuer'],
    ['plain' => told(plain(aud => 'api'), 'application/jwt'), 200, 'active'],
    ['plain, expired' => told(plain(aud => 'api', exp => int(time) - 9), 'application/jwt'),
        401, 'expired'],
    ['plain, another audience' => told(plain(aud => 'gateway'), 'application/jwt'),
        401, 'wrong_audience'],
    ['scope' => $write, 200, 'active', '/scope'],
    ['no scope' => $read, 403, 'insufficient_scope', '/scope'],
    ['role' => $write, 200, 'active', '/claim'],
    ['no role' => $read, 403, 'claim_refused', '/claim'],
]



=== TEST 9: token_types says which plain JWTs count
--- errors_expected
--- keys
key file:$TEST_NGINX_KEY;
token_types at+jwt;
--- cases eval
[
    ['at+jwt' => told(plain(-header => {typ => 'at+jwt'}), 'application/jwt'), 200, 'active'],
    ['JWT' => told(plain(), 'application/jwt'), 503, 'issuer_response'],
    ['none' => told(plain(-header => {typ => undef}), 'application/jwt'), 503, 'issuer_response'],
    ['the RFC has its own' => told(signed()), 200, 'active'],
]



=== TEST 10: token_types may leave the RFC's form alone
--- errors_expected
--- keys
key file:$TEST_NGINX_KEY;
token_types token-introspection+jwt;
--- cases eval
[
    ['the RFC' => told(signed()), 200, 'active'],
    ['plain' => told(plain(), 'application/jwt'), 503, 'issuer_response'],
    ['plain without typ' => told(plain(-header => {typ => undef}), 'application/jwt'),
        503, 'issuer_response'],
]



=== TEST 11: response jwt audience= names this resource server
--- errors_expected
--- http_config
    token_introspector idp {
        issuer https://idp.test;
        introspection_endpoint $TEST_NGINX_ENDPOINT;
        client_id gateway;
        response jwt audience=https://api.test;
        key file:$TEST_NGINX_KEY;
    }
--- cases eval
[
    ['named' => told(signed(-envelope => {aud => 'https://api.test'})), 200, 'active'],
    ['among others' => told(signed(-envelope => {aud => ['x', 'https://api.test']})), 200, 'active'],
    ['client_id' => told(signed()), 503, 'issuer_response'],
]



=== TEST 12: issuer * leaves the issuer to the keys
--- errors_expected
--- http_config
    token_introspector idp {
        issuer *;
        introspection_endpoint $TEST_NGINX_ENDPOINT;
        authorization "Bearer x";
        response jwt audience=gateway;
        key file:$TEST_NGINX_KEY;
    }
--- cases eval
[
    ['any' => told(signed(-envelope => {iss => 'https://some.test'})), 200, 'active'],
    ['another key' => told(signed(-key => 'P-256/2')), 503, 'issuer_response'],
]



=== TEST 13: secret, with the algorithms that are permitted
--- errors_expected
--- keys
secret "$TEST_NGINX_SECRET";
algorithms HS512;
--- cases eval
[
    ['HS512' => told(signed(-alg => 'HS512')), 200, 'active'],
    ['HS256' => told(signed(-alg => 'HS256')), 503, 'issuer_response'],
    ['another secret' => told(signed(-alg => 'HS512', -key => 'x' x 64)), 503, 'issuer_response'],
    ['ES256' => told(signed()), 503, 'issuer_response'],
]



=== TEST 14: secret_file
--- errors_expected
--- keys
secret_file $TEST_NGINX_HTML_DIR/secret;
--- user_files eval
">>> secret\n$SECRET\n"
--- cases eval
[
    ['good' => told(signed(-alg => 'HS256')), 200, 'active'],
    ['another' => told(signed(-alg => 'HS256', -key => 'x' x 64)), 503, 'issuer_response'],
]



=== TEST 15: several keys
--- errors_expected
--- keys eval
"key file:" . key_file('RSA') . " kid=rsa alg=PS256;\nkey file:" . key_file('Ed25519') . ";"
--- cases eval
[
    ['PS256' => told(signed(-alg => 'PS256', -header => {kid => 'rsa'})), 200, 'active'],
    ['EdDSA' => told(signed(-alg => 'EdDSA')), 200, 'active'],
    ['RS256' => told(signed(-alg => 'RS256', -header => {kid => 'rsa'})), 503, 'issuer_response'],
    ['ES256' => told(signed()), 503, 'issuer_response'],
]



=== TEST 16: jwks_file, with a key that comes while nginx runs
--- errors_expected
--- keys
jwks_file $TEST_NGINX_HTML_DIR/jwks.json;
--- user_files eval
">>> jwks.json\n" . jwks(jwk('P-256', kid => 'old'))
--- cases eval
my $new = told(signed(-key => 'P-256/2', -header => {kid => 'new'}));
[
    ['old' => told(signed(-header => {kid => 'old'})), 200, 'active'],
    ['not yet' => $new, 503, 'issuer_response'],
    ['new' => $new, 200, 'active'],
]
--- after eval
my $new = told(signed(-key => 'P-256/2', -header => {kid => 'new'}));
[undef, sub {
    replace_file("$ENV{TEST_NGINX_HTML_DIR}/jwks.json", jwks(jwk('P-256/2', kid => 'new')));
    await('the new key serves', sub { (get('/t', bearer($new)))[0] == 200 });
}]



=== TEST 17: jwks_uri: fetched once, again for an unknown kid (B48, B49)
--- errors_expected
--- keys
jwks_uri $TEST_NGINX_ISSUER/jwks.json;
--- user_files eval
">>> jwks.json\n" . jwks(jwk('P-256', kid => 'old'))
--- cases eval
my %new = (-key => 'P-256/2', -header => {kid => 'new'});
my $old = told(signed(-header => {kid => 'old'}));
[
    ['old' => $old, 200, 'active'],
    ['old, another token' => told(signed(sub => 'x', -header => {kid => 'old'})), 200, 'active'],
    ['new, too early' => told(signed(%new)), 503, 'issuer_response'],
    # awaited here: the next fetch is allowed
    ['new' => told(signed(sub => 'y', %new)), 200, 'active'],
    ['old, remembered' => $old, 200, 'active'],
    ['old, no longer' => told(signed(sub => 'z', -header => {kid => 'old'})), 503, 'issuer_response'],
]
--- fetches eval
[1, 1, (undef) x 4]
--- after eval
[undef, undef, sub {
    my $new = told(signed(-key => 'P-256/2', -header => {kid => 'new'}));
    replace_file("$ENV{TEST_NGINX_HTML_DIR}/jwks.json", jwks(jwk('P-256/2', kid => 'new')));
    await('the new key serves', sub { (get('/t', bearer($new)))[0] == 200 });
}]



=== TEST 18: a key set that cannot be had
--- errors_expected
--- keys
jwks_uri $TEST_NGINX_ISSUER/jwks.json;
--- user_files
>>> other.json
{}
--- cases eval
[
    ['no key set' => told($::Jwt), 503, 'issuer_status'],
    ['no keys' => told($::Jwt), 503, 'malformed_key'],
    ['keys' => told($::Jwt), 200, 'active'],
]
--- after eval
my $file = "$ENV{TEST_NGINX_HTML_DIR}/jwks.json";
my $next = sub { my ($text) = @_; sub { replace_file($file, $text) } };
[$next->('{}'), $next->(jwks(jwk('P-256')))]



=== TEST 19: discovery names the endpoint and the keys
--- http_config
    token_introspector idp {
        type opaque;
        discovery $TEST_NGINX_ISSUER/metadata.json;
        client_id gateway;
        response jwt;
        resolver 127.0.0.1;
    }
--- user_files eval
my $issuer = $ENV{TEST_NGINX_ISSUER};
">>> jwks.json\n" . jwks(jwk('P-256')) . "\n>>> metadata.json\n" . json({
    issuer => $ISSUER, jwks_uri => "$issuer/jwks.json",
    introspection_endpoint => $ENV{TEST_NGINX_ENDPOINT}
})
--- errors_expected
--- cases eval
[
    ['good' => told($::Jwt), 200, 'active'],
    ['another iss' => told(signed(-envelope => {iss => 'https://evil.test'})), 503, 'issuer_response'],
    ['inactive' => told(signed(active => JSON::PP::false)), 401, 'inactive'],
]
--- fetches eval
[2, 2, 2]



=== TEST 20: discovery names the keys of an endpoint that is configured
--- http_config
    token_introspector idp {
        issuer https://idp.test;
        introspection_endpoint $TEST_NGINX_ENDPOINT;
        discovery $TEST_NGINX_ISSUER/metadata.json;
        client_id gateway;
        response jwt;
        resolver 127.0.0.1;
    }
--- user_files eval
">>> jwks.json\n" . jwks(jwk('P-256')) . "\n>>> metadata.json\n"
    . json({issuer => $ISSUER, jwks_uri => "$ENV{TEST_NGINX_ISSUER}/jwks.json"})
--- cases eval
[['good' => told($::Jwt), 200, 'active']]
--- fetches eval
2



=== TEST 21: an internal location answers
--- http_config eval
"token_introspector idp {
    issuer https://idp.test;
    introspection_endpoint /introspect;
    client_id gateway;
    response jwt;
    jwks_uri /jwks;
}"
--- config eval
"location = /introspect {
    internal;
    default_type application/token-introspection+jwt;
    return 200 $::Jwt;
}
location = /jwks {
    internal;
    return 200 '" . jwks(jwk('P-256')) . "';
}
location /t {
    token_introspect idp;
    proxy_set_header X-Show \$token_introspection_jwt;
    proxy_pass \$TEST_NGINX_BACKEND;
}"
--- request
GET /t
--- more_headers
Authorization: Bearer anything
--- response_body eval
"$::Jwt\n"



=== TEST 22: response_size bounds it
--- errors_expected
--- keys
key file:$TEST_NGINX_KEY;
response_size 16k;
--- config
    location /t {
        token_introspect idp;
        $TEST_NGINX_RESULT
        # no 40k in a header of the upstream's
        try_files /index.html =404;
    }
--- cases eval
[
    ['fits' => told(signed(x => 'x' x 9000)), 200, 'active'],
    ['too big' => told(signed(x => 'x' x 12500)), 503, 'issuer_response_too_big'],
]



=== TEST 23: an opaque introspector without it takes no JWT
--- errors_expected
--- http_config
    token_introspector idp { introspection_endpoint $TEST_NGINX_ENDPOINT; response json; }
--- cases eval
[
    ['JWT' => told($::Jwt), 503, 'issuer_response'],
    ['JSON' => told('{"active":true}', 'application/json'), 200, 'active'],
]



=== TEST 24: no response to show
--- config
    location /t {
        token_introspect idp optional;
        error_page 401 403 = /shown;
        token_require_scope admin;
        proxy_pass $TEST_NGINX_BACKEND;
    }
    location /free {
        token_introspect idp optional;
        proxy_set_header X-Show "[$token_introspection_jwt]";
        proxy_pass $TEST_NGINX_BACKEND;
    }
    location = /shown { return 200 "$token_status [$token_introspection_jwt]\n"; }
--- request eval
["GET /free", "GET /t", "GET /t"]
--- more_headers eval
['X-None: 1', bearer(told(signed(active => JSON::PP::false))), bearer(told($::Jwt))]
--- response_body eval
["[]\n", "inactive []\n", "insufficient_scope [$::Jwt]\n"]



=== TEST 25: the introspector that decides gives the response
--- http_config
    token_introspector json { introspection_endpoint $TEST_NGINX_ISSUER/json; }
    token_introspector idp {
$TEST_NGINX_COMMON
        key file:$TEST_NGINX_KEY;
    }
    token_introspector local { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- issuer
        location = /json { default_type application/json; return 200 '{"active":true}'; }
--- config
    location /first {
        token_introspect idp json local;
        proxy_set_header X-Show "$token_introspector [$token_introspection_jwt]";
        proxy_pass $TEST_NGINX_BACKEND;
    }
    location /last {
        token_introspect json idp local;
        proxy_set_header X-Show "$token_introspector [$token_introspection_jwt]";
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
["GET /first", "GET /first", "GET /last", "GET /first"]
--- more_headers eval
[
    bearer(told($::Jwt)), bearer(told(signed(active => JSON::PP::false))),
    bearer(told(signed(sub => 'carol'))), bearer(jwt())
]
--- response_body eval
["idp [$::Jwt]\n", "json []\n", "json []\n", "local []\n"]
