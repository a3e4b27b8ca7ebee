# Token exchange as the vendor's document has it: the client, the introspector, the user and the
# request of that document, and each of its rules. How clients authenticate is in
# t/token_exchange_clients.t, refresh tokens are in t/token_exchange_refresh.t, the other endpoints in
# t/token_exchange_endpoints.t.

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use NginxProcess;
use Test::More;
use TokenEndpoint;
use TokenIntrospect qw(jwt json claims b64 b64d $SECRET);

my $upstream = Issuer->start(sub { Issuer::answer('200 OK', 'reached') });
my $grants   = qq(["$EXCHANGE"]);
my $idp      = 'allowedIssuers: [https://idp.test]';

# the document's client, and others that differ in one thing each
my $resources = <<"END";
- resourceType: Client
  id: tokenexchange
  secret: test
  grant_types: $grants
  $idp
  auth:
    token_exchange: {token_format: jwt, refresh_token: true, access_token_expiration: 360, refresh_token_expiration: 864000}
- {resourceType: Client, id: opaque, secret: test, grant_types: $grants, $idp,
   auth: {token_exchange: {access_token_expiration: 60}}}
- {resourceType: Client, id: plain, secret: test, grant_types: $grants, $idp}
- {resourceType: Client, id: refresher, secret: test, grant_types: [refresh_token], $idp}
- {resourceType: Client, id: stranger, secret: test, grant_types: $grants, allowedIssuers: [https://elsewhere.test]}
- {resourceType: Client, id: nobody, secret: test, grant_types: $grants}
- {resourceType: Client, id: several, secret: test, grant_types: $grants,
   allowedIssuers: [https://idp.test, https://second.test, https://unknown.test]}
- {resourceType: Client, id: bounded, secret: test, grant_types: $grants, $idp,
   auth: {token_exchange: {token_format: jwt, scope: [read, write], audience: [https://api.test, reports]}}}
- {resourceType: TokenIntrospector, id: external-auth-server, type: jwt, jwt: {iss: https://idp.test, secret: "$SECRET"}}
- {resourceType: TokenIntrospector, id: second, type: jwt, jwt: {iss: https://second.test, secret: "$SECRET"}}
- {resourceType: User, id: alice, data: {department: cardiology}}
- {resourceType: User, id: bob}
- {resourceType: User, id: gone, inactive: true}
- {resourceType: AccessPolicy, id: cardiology, engine: matcho,
   matcho: {user: {data: {department: cardiology}}, jwt: {sub: alice}}}
END

my $nginx = NginxProcess->start(
    files => { 'resources.yaml' => $resources, sealing => 'k' x 32 },
    http  => <<"END");
    token_resources resources.yaml;
    token_issuer main {
        issuer https://gateway.test/auth;
        signing_key "$SECRET";
        encryption_key file:sealing;
        introspectors external-auth-server second;
        audience https://gateway.test/fhir;
    }
    token_introspector issued { type issued main; }
    server {
        listen 127.0.0.1:%PORT%;
        add_header User \$token_user_id always;
        add_header Status \$token_status always;
        location = /auth/token { token_exchange_endpoint main; }
        location = /api {
            token_introspect issued;
            proxy_pass http://127.0.0.1:@{[ $upstream->port ]};
        }
        location = /policy {
            token_introspect issued;
            token_authorize cardiology;
            proxy_pass http://127.0.0.1:@{[ $upstream->port ]};
        }
    }
END
my $client = TokenEndpoint->new($nginx, basic => ['tokenexchange', 'test']);
my $now    = time;

sub api {
    my ($path, $token) = @_;
    my $answer = $nginx->get($path, Authorization => "Bearer $token");
    return join ' ', $answer->{status}, map { $answer->{headers}{$_} // '-' } qw(status user);
}

# --- the document's request ----------------------------------------------------------------------

my $answer = $client->send(
    'application/json',
    json({
        grant_type         => 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token_type => 'urn:ietf:params:oauth:token-type:jwt',
        scope              => 'openid',
        subject_token      => jwt(),
    }),
    -basic   => undef,
    -headers => [Authorization => 'Basic dG9rZW5leGNoYW5nZTp0ZXN0'],
);
is summary($answer), '200', "the document's request, by Basic (B66), in JSON (B68)";
my $json = $answer->{json};
is_deeply [sort keys %$json], [sort qw(access_token issued_token_type token_type expires_in scope refresh_token)],
    '... what the answer has (B85)';
is $json->{token_type}, 'Bearer', '... a Bearer token (B85)';
is $json->{issued_token_type}, $ACCESS_TOKEN, '... which is an access token';
is $json->{expires_in}, 360, '... for as long as configured (B83)';
is $json->{scope}, 'openid', '... with the scope asked for (B86)';
like $json->{refresh_token}, qr/^eyJ[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+$/, '... and an opaque refresh token (B82)';
is $answer->{headers}{'cache-control'}, 'no-store', '... not to be stored';
is $answer->{headers}{pragma}, 'no-cache', '... by nobody';
is $answer->{headers}{'content-type'}, 'application/json', '... JSON';

my $claims = payload_of($json->{access_token});
is_deeply header_of($json->{access_token}), { alg => 'HS256', typ => 'at+jwt' }, 'token_format jwt: a JWT (B80)';
my ($input, $signature) = $json->{access_token} =~ /^(.*)\.([^.]*)$/;
is $signature, b64(TokenIntrospect::sign($input, 'HS256')), '... signed with the key';
is_deeply [sort keys %$claims], [qw(aud client_id exp iat iss jti scope sub)], '... its claims';
is $claims->{iss}, 'https://gateway.test/auth', '... iss';
is $claims->{aud}, 'https://gateway.test/fhir', '... aud';
is $claims->{sub}, 'alice', '... sub';
is $claims->{client_id}, 'tokenexchange', '... client_id';
is $claims->{scope}, 'openid', '... scope (B86)';
is $claims->{exp} - $claims->{iat}, 360, '... exp (B83)';
cmp_ok abs($claims->{iat} - $now), '<', 60, '... iat';
like $claims->{jti}, qr/^[\w-]{22}\.[\w-]{12}$/, '... jti';
is api('/api', $json->{access_token}), '200 active alice', '... which is accepted afterwards and names the user (B87)';
is api('/policy', $json->{access_token}), '200 active alice', '... whose User and claims policies see (B87)';

my $again = $client->exchange(jwt())->{json};
my @jti = split /\./, payload_of($again->{access_token})->{jti};
isnt join('.', @jti), $claims->{jti}, 'each token has a jti of its own';
isnt $jti[0], (split /\./, $claims->{jti})[0], '... and each grant';
ok !exists $again->{scope} && !exists payload_of($again->{access_token})->{scope},
    'no scope asked for, none given (B86)';

# --- formats -------------------------------------------------------------------------------------

my $opaque = $client->exchange(jwt(), -basic => ['opaque', 'test'])->{json};
like $opaque->{access_token}, qr/^eyJ[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+$/, 'without token_format: an opaque token (B81)';
unlike join('', map { b64d($_) } split /\./, $opaque->{access_token}), qr/alice|gateway/, '... which shows no claim';
is $opaque->{expires_in}, 60, '... with its own expiry (B83)';
ok !exists $opaque->{refresh_token}, '... and no refresh token unless configured (B82)';
is api('/api', $opaque->{access_token}), '200 active alice', '... which is accepted afterwards (B87)';
is api('/policy', $opaque->{access_token}), '200 active alice', '... like a JWT (B87)';
is $client->exchange(jwt(), -basic => ['plain', 'test'])->{json}{expires_in}, 300, 'five minutes unless configured';
is api('/api', $json->{refresh_token}), '401 unsupported_type -', 'a refresh token is no access token';

my $form = $client->form(grant_type => $EXCHANGE, subject_token => jwt(), subject_token_type => $JWT, scope => 'a b');
is $form->{json}{scope}, 'a b', 'a form does as well';
my $wanted = $client->exchange(jwt(), -basic => ['opaque', 'test'], requested_token_type => $JWT)->{json};
is $wanted->{issued_token_type}, $JWT, 'requested_token_type jwt';
is payload_of($wanted->{access_token})->{sub}, 'alice', "... is a JWT, whatever the client's format";
is $client->exchange(jwt(), requested_token_type => $ACCESS_TOKEN)->{json}{issued_token_type}, $ACCESS_TOKEN,
    '... access_token';
for my $type ('urn:ietf:params:oauth:token-type:refresh_token', 'jwt') {
    is $client->refused(sub { $client->exchange(jwt(), requested_token_type => $type) }),
        '400 invalid_request requested_token_type', "... $type";
}

# --- clients -------------------------------------------------------------------------------------

is $client->refused(sub { $client->exchange(jwt(), -basic => ['refresher', 'test']) }), '400 unauthorized_client grant_not_permitted',
    'a client without the grant (B65)';
is $client->refused(sub { $client->exchange(jwt(), -basic => ['tokenexchange', 'wrong']) }),
    '401 invalid_client bad_client_authentication', 'a wrong secret (B67)';
is $client->refused(sub { $client->exchange(jwt(), -basic => ['unknown', 'test']) }),
    '401 invalid_client bad_client_authentication', 'an unknown client (B67)';
is $client->refused(sub { $client->exchange(jwt(), -basic => undef) }),
    '401 invalid_client no_client_authentication', 'no client authentication (B67)';
is $client->refused(sub { $client->exchange(jwt(), -basic => ['stranger', 'test']) }), '400 invalid_request subject_token_issuer',
    "an iss that the client's allowedIssuers does not have (B69)";
is $client->refused(sub { $client->exchange(jwt(), -basic => ['nobody', 'test']) }), '400 invalid_request subject_token_issuer',
    '... nor a client without any (B69)';
is $client->refused(sub { $client->exchange(jwt(iss => 'https://second.test')) }), '400 invalid_request subject_token_issuer',
    '... a good token of a known issuer, too (B69)';
is summary($client->exchange(jwt(iss => 'https://second.test'), -basic => ['several', 'test'])), '200', '... one of several (B69)';

# --- parameters ----------------------------------------------------------------------------------

for my $type ('client_credentials', 'password', 'token-exchange', uc $EXCHANGE) {
    is $client->refused(sub { $client->exchange(jwt(), grant_type => $type) }), '400 unsupported_grant_type grant_type_unknown',
        "grant_type $type (B70)";
}
for my $none (undef, '') {
    is $client->refused(sub { $client->exchange(jwt(), grant_type => $none) }), '400 invalid_request grant_type_missing',
        'no grant_type (B70)';
    is $client->refused(sub { $client->exchange(jwt(), subject_token_type => $none) }),
        '400 invalid_request subject_token_type_missing', 'no subject_token_type (B71)';
    is $client->refused(sub { $client->exchange($none) }), '400 invalid_request subject_token_missing', 'no subject_token (B72)';
}
for my $type (map({"urn:ietf:params:oauth:token-type:$_"} qw(refresh_token id_token saml1 saml2)), 'jwt', uc $JWT) {
    is $client->refused(sub { $client->exchange(jwt(), subject_token_type => $type) }),
        '400 invalid_request subject_token_type', "subject_token_type $type (B71)";
}
is $client->refused(sub { $client->exchange('opaque-token') }), '400 invalid_request subject_token_malformed',
    'an opaque token that is called a JWT (B71)';
is summary($client->exchange(jwt(), subject_token_type => $ACCESS_TOKEN)), '200', 'a JWT that is called an access token';
is $client->refused(sub { $client->exchange('opaque-token', subject_token_type => $ACCESS_TOKEN) }),
    '400 invalid_request subject_token_malformed', '... an opaque token that nobody introspects';

# --- the subject token ---------------------------------------------------------------------------

for my $claim (['iss', 73], ['sub', 74], ['exp', 75]) {
    my ($name, $number) = @$claim;
    for my $value (undef, '', [1]) {
        is $client->refused(sub { $client->exchange(jwt($name => $value)) }), "400 invalid_request subject_token_without_$name",
            "a subject token whose $name is " . json($value) . " (B$number)";
    }
}
my %wrong = (
    'expired (B76)'                   => [jwt(exp => $now - 10),          'expired'],
    'signed with another key (B77)'   => [jwt(-key => 'another secret'),  'bad_signature'],
    'without a signature (B77)'       => [join('.', (split /\./, jwt())[0, 1], ''), 'bad_signature'],
    'not signed, as alg none (B77)'   => [b64('{"alg":"none"}') . '.' . b64(json(claims())) . '.', 'unsupported_algorithm'],
    'not yet valid'                   => [jwt(nbf => $now + 3600),        'not_yet_valid'],
);
for my $what (sort keys %wrong) {
    is $client->refused(sub { $client->exchange($wrong{$what}[0]) }), "400 invalid_request subject_token_$wrong{$what}[1]",
        "a subject token that is $what";
}
is $client->refused(sub { $client->exchange(jwt(iss => 'https://unknown.test'), -basic => ['several', 'test']) }),
    '400 invalid_request subject_token_unknown_issuer', 'no introspector for its iss (B78)';

# --- the user ------------------------------------------------------------------------------------

is $client->refused(sub { $client->exchange(jwt(sub => 'carol')) }), '400 invalid_request user_unknown', 'sub names no User (B79)';
is $client->refused(sub { $client->exchange(jwt(sub => 'gone')) }), '400 invalid_grant user_inactive', '... an inactive one (B79)';
is payload_of($client->exchange(jwt(sub => 'x', box_user => 'bob'))->{json}{access_token})->{sub}, 'bob',
    'box_user names the User: the issued sub is its id (B79)';
is $client->refused(sub { $client->exchange(jwt(box_user => 'carol')) }), '400 invalid_request user_unknown',
    '... or nobody (B79)';

# --- the order of the checks ---------------------------------------------------------------------

my @exchange = (grant_type => $EXCHANGE);
my @jwt      = (@exchange, subject_token_type => $JWT);
my @order    = (
    [[-basic => ['tokenexchange', 'wrong']] => 'bad_client_authentication'],
    [[-basic => ['refresher', 'test'], grant_type => undef] => 'grant_type_missing'],
    [[-basic => ['refresher', 'test']] => 'grant_type_unknown'],
    [[-basic => ['refresher', 'test'], @exchange] => 'grant_not_permitted'],
    [[@exchange] => 'subject_token_type'],
    [[@jwt] => 'audience'],
    [[@jwt, audience => undef] => 'scope_malformed'],
    [[@jwt, audience => undef, scope => undef] => 'subject_token_without_iss'],
    map({ [[@jwt, audience => undef, scope => undef, subject_token => $_->[0]] => $_->[1]] }
        [jwt(iss => 'https://unknown.test', exp => 1, sub => 'x', -key => 'x'), 'subject_token_issuer'],
        [jwt(exp => 1, sub => 'x', -key => 'x'), 'subject_token_bad_signature'],
        [jwt(exp => 1, sub => 'x'), 'subject_token_expired'],
        [jwt(sub => 'x'), 'user_unknown']),
);
for my $row (@order) {
    my ($parameters, $word) = @$row;
    my %all = (grant_type => 'x', subject_token_type => 'x', subject_token => jwt(iss => undef, exp => 1), scope => '"',
        audience => 'x', @$parameters);
    like $client->refused(sub { $client->json(%all) }), qr/ \Q$word\E$/, "the order of the checks: $word";
}

# --- scope and audience --------------------------------------------------------------------------

sub scope_of {
    my $answer = $client->exchange(@_);
    return $answer->{json}{error} // $answer->{json}{scope} // '-';
}
is scope_of(jwt(scope => 'a b c'), scope => 'c a'), 'c a', "scope: less than the subject's (B86)";
is scope_of(jwt(scope => 'a b c')), 'a b c', '... all of it when none is asked for (B86)';
is scope_of(jwt(scp => ['a', 'b']), scope => 'b'), 'b', '... scp';
is scope_of(jwt(scope => 'a'), scope => 'a b'), 'invalid_scope', '... more';
is scope_of(jwt(scope => ''), scope => 'a'), 'invalid_scope', '... than nothing';
is scope_of(jwt(), scope => $_), 'invalid_scope', '... malformed' for ' a', 'a ', 'a  b', 'a"', "\x{e9}";
is scope_of(jwt(), -basic => ['bounded', 'test']), 'read write', "... the client's, when nothing else says";
is scope_of(jwt(scope => 'write delete'), -basic => ['bounded', 'test']), 'write', '... what both have';
is scope_of(jwt(scope => 'write delete'), -basic => ['bounded', 'test'], scope => 'delete'), 'invalid_scope', '... and no more';
is scope_of(jwt(), -basic => ['bounded', 'test'], scope => 'delete'), 'invalid_scope', "... than the client's";
is scope_of(jwt(scope => 'delete'), -basic => ['bounded', 'test']), '-', '... nothing';

sub audience_of {
    my $answer = $client->exchange(jwt(), @_);
    return $answer->{json}{error} // payload_of($answer->{json}{access_token})->{aud};
}
is audience_of(audience => 'https://gateway.test/fhir'), 'https://gateway.test/fhir', "audience: the issuer's";
is audience_of(audience => 'https://gateway.test/auth'), 'https://gateway.test/auth', '... the issuer itself';
is audience_of(audience => 'reports'), 'invalid_target', '... another';
is audience_of(-basic => ['bounded', 'test'], audience => 'reports'), 'reports', "... the client's";
is_deeply audience_of(-basic => ['bounded', 'test'], audience => ['reports', 'https://gateway.test/fhir'], resource => 'https://api.test'),
    ['https://api.test', 'reports', 'https://gateway.test/fhir'], '... several, and a resource';
is audience_of(-basic => ['bounded', 'test'], resource => 'https://api.test'), 'https://api.test', 'resource';
is audience_of(-basic => ['bounded', 'test'], resource => $_), 'invalid_target', "... $_"
    for 'reports', 'https://api.test#x', 'https://api.test/', 'https://other.test';

# --- delegation ----------------------------------------------------------------------------------

sub act_of {
    my $answer = $client->exchange(@_);
    return $answer->{json}{error} // json(payload_of($answer->{json}{access_token})->{act} // 'none');
}
my @actor   = (actor_token => jwt(sub => 'service'), actor_token_type => $JWT);
my %service = (sub => 'service', iss => 'https://idp.test');
is act_of(jwt()), '"none"', 'act: none without an actor';
is act_of(jwt(), @actor), json(\%service), '... the actor, who need not be a User';
is act_of(jwt(act => { sub => 'first' }), @actor), json({ %service, act => { sub => 'first' } }),
    '... and the one before';
is act_of(jwt(act => { sub => 'first' })), json({ sub => 'first' }), '... who stays when there is no other';
is act_of(jwt(act => 'first')), 'invalid_request', '... an act that is no object';
is act_of(jwt(may_act => { sub => 'service' }), @actor), json(\%service), 'may_act: that actor';
is act_of(jwt(may_act => {%service}), @actor), json(\%service), '... of that issuer';
is act_of(jwt(may_act => $_), @actor), 'invalid_request', '... ' . json($_)
    for { sub => 'other' }, { %service, iss => 'https://second.test' }, {}, 'service', { iss => 'https://idp.test' };
is act_of(jwt(may_act => { sub => 'service' })), '"none"', '... has no say without an actor';

for my $row (
    [jwt(sub => undef), $JWT, 'actor_token_without_sub'],
    [jwt(iss => undef), $JWT, 'actor_token_without_iss'],
    [jwt(exp => undef), $JWT, 'actor_token_without_exp'],
    [jwt(exp => 1), $JWT, 'actor_token_expired'],
    [jwt(-key => 'x'), $JWT, 'actor_token_bad_signature'],
    [jwt(iss => 'https://second.test'), $JWT, 'actor_token_issuer'],
    ['x', $JWT, 'actor_token_malformed'],
    [jwt(sub => 'gone'), $JWT, 'actor_token_user_inactive'],
    [jwt(), 'urn:ietf:params:oauth:token-type:id_token', 'actor_token_type'],
    [undef, $JWT, 'actor_token_incomplete'],
    [jwt(), '', 'actor_token_incomplete'],
    )
{
    my ($token, $type, $word) = @$row;
    is $client->refused(sub { $client->exchange(jwt(), actor_token => $token, actor_token_type => $type) }),
        "400 invalid_request $word", "the actor token: $word";
}

# --- what is not told ----------------------------------------------------------------------------

my $log = $nginx->log;
unlike $log, qr/\Q$SECRET\E/, 'no secret in the log';
unlike $log, qr/eyJ[\w-]{20}/, '... no token';
unlike $log, qr/carol|first|service/, '... no claim';
like $log, qr/token request refused: user_unknown, client "tokenexchange"/, '... but the client that has authenticated';
unlike $log, qr/bad_client_authentication, client "/, '... and none that has not';
is_deeply [grep { /refused/ && !/\[info\]/ } split /\n/, $log], [], '... at level info';
$nginx->stop;

done_testing;
