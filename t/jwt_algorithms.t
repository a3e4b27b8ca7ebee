# Every algorithm with a key of its own, and how algorithm and key are bound together.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

our $Keys = jwks(
    jwk($SECRET, kid => 'oct'),
    jwk('RSA', kid => 'rsa'),
    jwk('P-256', kid => 'p256'),
    jwk('P-384', kid => 'p384'),
    jwk('P-521', kid => 'p521'),
    jwk('secp256k1', kid => 'k1'),
    jwk('Ed25519', kid => 'ed25519'),
    jwk('Ed448', kid => 'ed448'),
);

our @Kids = (
    (map { [$_, 'oct'] } qw(HS256 HS384 HS512)),
    (map { [$_, 'rsa'] } qw(RS256 RS384 RS512 PS256 PS384 PS512)),
    [ES256 => 'p256'], [ES384 => 'p384'], [ES512 => 'p521'], [ES256K => 'k1'],
    [EdDSA => 'ed25519'], [EdDSA => 'ed448', 'Ed448'],
);

$ENV{"TEST_NGINX_KEY_\U$_"} = key_file($_) for qw(RSA PSS Ed448);
$ENV{TEST_NGINX_KEY_RSA2} = key_file('RSA/2');
$ENV{TEST_NGINX_KEY_P256} = key_file('P-256');

run_tests();

__DATA__

=== TEST 1: all algorithms by kid of a key set (B2, B3, B4, B5, B6, B50)
--- http_config
    token_introspector idp { issuer https://idp.test; jwks_file $TEST_NGINX_HTML_DIR/jwks.json; }
--- user_files eval
">>> jwks.json\n$::Keys"
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[map { ["$_->[0] $_->[1]" => jwt(-alg => $_->[0], -kid => $_->[1], -key => $_->[2]), 200, 'active'] }
    @::Kids]



=== TEST 2: the same without kid: keys that fit the algorithm are tried
--- http_config
    token_introspector idp { issuer https://idp.test; jwks_file $TEST_NGINX_HTML_DIR/jwks.json; }
--- user_files eval
">>> jwks.json\n$::Keys"
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[map { ["$_->[0] $_->[1]" => jwt(-alg => $_->[0], -key => $_->[2]), 200, 'active'] } @::Kids]



=== TEST 3: every signature is really checked (B11)
--- http_config
    token_introspector idp { issuer https://idp.test; jwks_file $TEST_NGINX_HTML_DIR/jwks.json; }
--- user_files eval
">>> jwks.json\n$::Keys"
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
# The claims of one token with the signature of another.
[map {
    my %how = (-alg => $_->[0], -kid => $_->[1], -key => $_->[2]);
    my ($header, $payload) = split /\./, jwt(%how, admin => \1);
    my $signature = (split /\./, jwt(%how))[2];
    ["$_->[0] $_->[1]" => "$header.$payload.$signature", 401, 'bad_signature']
} @::Kids]



=== TEST 4: none in any spelling, unknown and foreign algorithms (B62)
--- http_config
    token_introspector idp { issuer https://idp.test; jwks_file $TEST_NGINX_HTML_DIR/jwks.json; }
--- user_files eval
">>> jwks.json\n$::Keys"
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
my $unsigned = sub { b64(json({alg => $_[0], typ => 'JWT'})) . '.' . b64(json(claims())) . '.' };
[
    (map { ["alg $_" => $unsigned->($_), 401, 'unsupported_algorithm'] }
        qw(none None NONE nOnE), ''),
    ['none with a signature' => $unsigned->('none') . 'AAAA', 401, 'unsupported_algorithm'],
    (map { ["unsigned $_" => $unsigned->($_), 401, 'bad_signature'] } qw(HS256 RS256 ES256 EdDSA)),
    (map { [$_ => jws({alg => $_}, claims(), 'HS256'), 401, 'unsupported_algorithm'] }
        qw(hs256 HS1 RS1 HS2560 ES256k EDDSA RSA-OAEP dir A128KW), 'HS256 '),
]



=== TEST 5: a public key is never an HMAC secret (B62)
--- http_config
    token_introspector idp { issuer https://idp.test; key "file:$TEST_NGINX_KEY_RSA"; }
    token_introspector set { issuer https://set.test; jwks_file $TEST_NGINX_HTML_DIR/jwks.json; }
--- user_files eval
">>> jwks.json\n" . jwks(jwk('RSA', kid => 'rsa'))
--- config
    location /t { token_introspect idp set; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
my $jwk = jwk('RSA');
[
    ['RS256' => jwt(-alg => 'RS256'), 200, 'active'],
    ['HS256 with the PEM' => jwt(-alg => 'HS256', -key => pem('RSA')), 401, 'unknown_key'],
    ['HS256 with the PEM without its last newline' =>
        jwt(-alg => 'HS256', -key => pem('RSA') =~ s/\n$//r), 401, 'unknown_key'],
    ['HS256 with n' => jwt(iss => 'https://set.test', -kid => 'rsa', -key => b64d($jwk->{n})), 401,
        'unknown_key'],
    ['HS256 with an empty secret' => jwt(-key => ''), 401, 'unknown_key'],
]



=== TEST 6: algorithms narrows what keys allow
--- http_config
    token_introspector idp {
        issuer https://idp.test;
        algorithms PS256 ES256;
        jwks_file $TEST_NGINX_HTML_DIR/jwks.json;
    }
--- user_files eval
">>> jwks.json\n$::Keys"
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[map {
    ["$_->[0] $_->[1]" => jwt(-alg => $_->[0], -kid => $_->[1], -key => $_->[2]),
        $_->[0] =~ /^(PS|ES)256$/ ? (200, 'active') : (401, 'unsupported_algorithm')]
} @::Kids]



=== TEST 7: the alg of a JWK binds it, whatever the token says (B52, B56)
--- http_config
    token_introspector idp { issuer https://idp.test; jwks_file $TEST_NGINX_HTML_DIR/jwks.json; }
--- user_files eval
">>> jwks.json\n" . jwks(
    jwk('RSA', kid => 'a', alg => 'RS384'), jwk('RSA/2', kid => 'b', alg => 'PS256'))
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['RS384' => jwt(-alg => 'RS384', -kid => 'a'), 200, 'active'],
    ['RS256 with a key for RS384' => jwt(-alg => 'RS256', -kid => 'a'), 401, 'unknown_key'],
    ['RS256 without kid' => jwt(-alg => 'RS256'), 401, 'unknown_key'],
    ['PS256' => jwt(-alg => 'PS256', -kid => 'b', -key => 'RSA/2'), 200, 'active'],
    ['RS256 with a key for PS256' => jwt(-alg => 'RS256', -kid => 'b', -key => 'RSA/2'), 401,
        'unknown_key'],
]



=== TEST 8: signatures of a wrong form
--- http_config
    token_introspector idp { issuer https://idp.test; jwks_file $TEST_NGINX_HTML_DIR/jwks.json; }
--- user_files eval
">>> jwks.json\n$::Keys"
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
my $with = sub {
    my ($alg, $change) = @_;
    my $input = b64(json({alg => $alg})) . '.' . b64(json(claims()));
    return "$input." . b64($change->(sign($input, $alg)));
};
my $der = sub {
    my ($r, $s) = unpack 'a32 a32', $_[0];
    my $body = CORE::join '', map { "\x02" . pack 'C/a*', (ord() & 0x80 ? "\0$_" : $_) } $r, $s;
    return "\x30" . pack 'C/a*', $body;
};
[
    ['ES256 as it is' => $with->('ES256', sub { $_[0] }), 200, 'active'],
    ['ES256 as DER' => $with->('ES256', $der), 401, 'bad_signature'],
    ['ES256 cut' => $with->('ES256', sub { substr $_[0], 0, 63 }), 401, 'bad_signature'],
    ['ES256 longer' => $with->('ES256', sub { "\0$_[0]" }), 401, 'bad_signature'],
    ['ES256 of zeros (psychic signature)' => $with->('ES256', sub { "\0" x 64 }), 401,
        'bad_signature'],
    ['ES256 swapped' => $with->('ES256', sub { substr($_[0], 32) . substr $_[0], 0, 32 }), 401,
        'bad_signature'],
    ['RS256 cut' => $with->('RS256', sub { substr $_[0], 1 }), 401, 'bad_signature'],
    ['RS256 of zeros' => $with->('RS256', sub { "\0" x 256 }), 401, 'bad_signature'],
    ['RS256 as PS256' => $with->('PS256', sub { sign($_[0], 'RS256') }), 401, 'bad_signature'],
    ['HS256 cut' => $with->('HS256', sub { substr $_[0], 0, 16 }), 401, 'bad_signature'],
    ['HS256 longer' => $with->('HS256', sub { "$_[0]\0" }), 401, 'bad_signature'],
    ['HS512 cut to 256 bits' => $with->('HS512', sub { substr $_[0], 0, 32 }), 401,
        'bad_signature'],
    ['EdDSA cut' => $with->('EdDSA', sub { substr $_[0], 0, 63 }), 401, 'bad_signature'],
    ['EdDSA of zeros' => $with->('EdDSA', sub { "\0" x 64 }), 401, 'bad_signature'],
]



=== TEST 9: keys that a token brings along are not looked at
--- http_config
    token_introspector idp { issuer https://idp.test; key "file:$TEST_NGINX_KEY_RSA"; }
--- issuer
    location = /jwks { return 200 "{}"; }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
my $own = sub { jwt(-alg => 'RS256', -key => 'RSA/evil', -header => {@_}) };
[
    ['jwk' => $own->(jwk => jwk('RSA/evil')), 401, 'bad_signature'],
    ['jku' => $own->(jku => "$ENV{TEST_NGINX_ISSUER}/jwks"), 401, 'bad_signature'],
    ['x5u' => $own->(x5u => "$ENV{TEST_NGINX_ISSUER}/jwks"), 401, 'bad_signature'],
    ['x5c' => $own->(x5c => ['MIIB']), 401, 'bad_signature'],
    ['jwk and good' => jwt(-alg => 'RS256', -header => {jwk => jwk('RSA/evil')}), 200, 'active'],
]
--- fetches eval
[0, 0, 0, 0, 0]



=== TEST 10: an RSA-PSS key serves PS256 and nothing of RS256; PEM keys of other types
--- http_config
    token_introspector pss { issuer https://pss.test; key "file:$TEST_NGINX_KEY_PSS"; }
    token_introspector ed { issuer https://ed.test; key "file:$TEST_NGINX_KEY_ED448" alg=EdDSA; }
--- config
    location /t { token_introspect pss ed; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['PS256' => jwt(iss => 'https://pss.test', -alg => 'PS256', -key => 'PSS'), 200, 'active'],
    ['PS512' => jwt(iss => 'https://pss.test', -alg => 'PS512', -key => 'PSS'), 200, 'active'],
    ['RS256' => jwt(iss => 'https://pss.test', -alg => 'RS256', -key => 'RSA'), 401,
        'unknown_key'],
    ['Ed448' => jwt(iss => 'https://ed.test', -alg => 'EdDSA', -key => 'Ed448'), 200, 'active'],
    ['Ed25519' => jwt(iss => 'https://ed.test', -alg => 'EdDSA', -key => 'Ed25519'), 401,
        'bad_signature'],
]
