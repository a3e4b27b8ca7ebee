# Refresh tokens of a token_issuer, and the grant that uses them.

use strict;
use warnings;
use lib 't/lib';

use Loopback;
use NginxProcess;
use Test::More;
use TokenEndpoint;
use TokenIntrospect qw(jwt b64d $SECRET);

my $users = <<'YAML';
- {resourceType: User, id: alice}
- {resourceType: User, id: bob}
- {resourceType: User, id: gone, inactive: true}
YAML

sub configuration {
    my (%with) = @_;
    my $extra = $with{extra} // '';
    return <<"CONF";
    $extra
    token_introspector idp { issuer https://idp.test; secret "$SECRET"; }
    token_issuer main {
        issuer https://gateway.test;
        signing_key "$SECRET";
        encryption_key file:sealing;
        @{[ $with{issuer} // 'introspectors idp;' ]}
    }
    token_client both {
        secret test;
        grant_types token-exchange refresh_token;
        allowed_issuers https://idp.test;
        token_format jwt;
        refresh_token on;
        access_token_expiration 60s;
        refresh_token_expiration @{[ $with{lifetime} // '1h' ]};
        audience one two;
    }
    token_client implied {
        secret test;
        grant_types token-exchange;
        allowed_issuers https://idp.test;
        refresh_token on;
        access_token_expiration 60s;
        refresh_token_expiration 2s;
    }
    token_client without {
        secret test;
        grant_types token-exchange;
        allowed_issuers https://idp.test;
    }
    token_introspector issued { type issued main; }
    server {
        listen 127.0.0.1:%PORT%;
        add_header Status \$token_status always;
        location = /auth/token { token_exchange_endpoint main; }
        location = /introspect { token_introspection_endpoint main; }
        location = /revoke { token_revocation_endpoint main; }
        location = /api { token_introspect issued; try_files /none =204; }
    }
CONF
}

my $nginx  = NginxProcess->start(files => { sealing => 'k' x 32 }, http => configuration());
my $client = TokenEndpoint->new($nginx, basic => ['both', 'test']);

sub tokens { my ($claims, @more) = @_; return $client->exchange(jwt(%$claims), @more)->{json} }

sub api {
    my ($token) = @_;
    my $answer = $nginx->get('/api', Authorization => "Bearer $token");
    return "$answer->{status} $answer->{headers}{status}";
}

# --- the grant -----------------------------------------------------------------------------------

my @actor  = (actor_token => jwt(sub => 'service'), actor_token_type => $JWT);
my $first  = tokens({ scope => 'a b c' }, audience => ['one', 'two'], @actor);
my $answer = $client->refresh($first->{refresh_token});
is summary($answer), '200', 'refresh_token';
is_deeply [sort keys %{ $answer->{json} }], [sort qw(access_token issued_token_type token_type expires_in scope)],
    '... an access token, and no new refresh token';
is $answer->{headers}{'cache-control'}, 'no-store', '... not to be stored';
my ($old, $new) = map { payload_of($_->{access_token}) } $first, $answer->{json};
is_deeply $new->{$_}, $old->{$_}, "... the same $_" for qw(iss sub aud client_id scope act);
is $new->{exp} - $new->{iat}, 60, '... with a new expiry';
isnt $new->{jti}, $old->{jti}, '... and a jti of its own';
is +(split /\./, $new->{jti})[0], (split /\./, $old->{jti})[0], '... of the same grant';
is api($answer->{json}{access_token}), '204 active', '... which is accepted';
is summary($client->refresh($first->{refresh_token})), '200', '... as often as wanted';
is summary($client->form(grant_type => 'refresh_token', refresh_token => $first->{refresh_token})), '200', '... by a form';
is summary($client->form(-basic => undef, grant_type => 'refresh_token', refresh_token => $first->{refresh_token},
    client_id => 'both', client_secret => 'test')), '200', '... with client_id and client_secret';

unlike join('', map { b64d($_) } split /\./, $first->{refresh_token}), qr/alice|gateway/, 'it shows nothing';

sub scope_of {
    my $answer = $client->refresh($first->{refresh_token}, @_);
    return $answer->{json}{error} // $answer->{json}{scope} // '-';
}
is scope_of(scope => 'c a'), 'c a', 'scope: less';
is scope_of(scope => 'a d'), 'invalid_scope', '... not more';
is scope_of(scope => 'a  b'), 'invalid_scope', '... malformed';
is scope_of(), 'a b c', '... once narrowed, the whole is still there';
my $bare = tokens({})->{refresh_token};
is summary($client->refresh($bare, scope => 'a')), '400 invalid_scope', '... of nothing, nothing';

my $sealed = $client->exchange(jwt(), -basic => ['implied', 'test'])->{json};
my $by = $client->refresh($sealed->{refresh_token}, -basic => ['implied', 'test']);
is summary($by), '200', 'refresh_token on permits the grant';
is payload_of($by->{json}{access_token}), undef, '... the access token is as opaque as the first';
is header_of(tokens({}, requested_token_type => $JWT)->{access_token})->{typ}, 'at+jwt', 'a JWT that was asked for';
my $asked = $client->exchange(jwt(), -basic => ['implied', 'test'], requested_token_type => $JWT)->{json};
is header_of($client->refresh($asked->{refresh_token}, -basic => ['implied', 'test'])->{json}{access_token})->{typ}, 'at+jwt',
    '... stays one';

# --- refusals ------------------------------------------------------------------------------------

is $client->refused(sub { $client->refresh($_[0]) }), '400 invalid_request refresh_token_missing', 'no refresh token';
my %bad = (
    'nonsense'         => ['x',                                     'refresh_token'],
    'a JWT'            => [jwt(),                                   'refresh_token'],
    'an access token'  => [$first->{access_token},                  'refresh_token'],
    'a sealed access token' => [$sealed->{access_token},            'refresh_token'],
    'a changed one'    => [$bare =~ s/.{4}$/AAAA/r,                 'refresh_token'],
    "another client's" => [$sealed->{refresh_token},                'refresh_token_client'],
);
for my $what (sort keys %bad) {
    is $client->refused(sub { $client->refresh($bad{$what}[0]) }), "400 invalid_grant $bad{$what}[1]", "refused: $what";
}
is $client->refused(sub { $client->refresh($first->{refresh_token}, -basic => ['without', 'test']) }),
    '400 unauthorized_client grant_not_permitted', 'a client without the grant';
is $client->refused(sub { $client->refresh($first->{refresh_token}, -basic => ['both', 'wrong']) }),
    '401 invalid_client bad_client_authentication', 'a wrong secret';
my %texts = map { $_ => $client->refresh($bad{$_}[0])->{json}{error_description} } keys %bad;
is keys %{ { reverse %texts } }, 1, 'one text for all, which does not tell what is wrong';

ok eventually { summary($client->refresh($sealed->{refresh_token}, -basic => ['implied', 'test'])) eq '400 invalid_grant' },
    'refresh_token_expiration is honoured (B84)';
is $client->refused(sub { $client->refresh($sealed->{refresh_token}, -basic => ['implied', 'test']) }),
    '400 invalid_grant refresh_token_expired', '... and its end told (B84)';
is summary($client->refresh($first->{refresh_token})), '200', '... a longer one is still good (B84)';

# --- revocation ----------------------------------------------------------------------------------

sub active { return $client->form(-path => '/introspect', token => $_[0])->{json}{active} ? 1 : 0 }
sub revoke { return summary($client->form(-path => '/revoke', token => $_[0])) }

my $grant = tokens({});
my $more  = $client->refresh($grant->{refresh_token})->{json};
is revoke($grant->{access_token}), '200', 'an access token is revoked';
is api($grant->{access_token}), '401 inactive', '... and refused';
is active($grant->{access_token}), 0, '... and inactive';
is api($more->{access_token}), '204 active', '... others of the grant are not';
is summary($client->refresh($grant->{refresh_token})), '200', '... nor is the refresh token';
is revoke($grant->{refresh_token}), '200', 'the refresh token is revoked';
is api($more->{access_token}), '401 inactive', '... with all access tokens of the grant';
is $client->refused(sub { $client->refresh($grant->{refresh_token}) }), '400 invalid_grant refresh_token_revoked', '... and itself';
is api($first->{access_token}), '204 active', '... other grants stay';

# --- users ---------------------------------------------------------------------------------------

# a refresh token that was given to a user who has gone since: the keys are the same after the reload
$nginx->write('users.yaml', $users);
$nginx->configure(configuration(extra => 'token_resources users.yaml;'));
my %of = map { $_ => tokens({ sub => $_ })->{refresh_token} } qw(alice bob gone carol);
ok $nginx->reload, 'a reload with users';
is summary($client->refresh($of{alice})), '200', 'the user is known and active';
is $client->refused(sub { $client->refresh($of{$_}) }), '400 invalid_grant refresh_token_user', "... $_ is not" for qw(gone carol);
is $client->refused(sub { $client->refresh($grant->{refresh_token}) }), '400 invalid_grant refresh_token_revoked',
    'what is revoked stays so over a reload';

# --- rotation of keys ----------------------------------------------------------------------------

$nginx->write('sealing2', 'z' x 32);
$nginx->configure(configuration(issuer => 'encryption_key file:sealing2; introspectors idp;'));
ok $nginx->reload, 'a reload with a second key';
is summary($client->refresh($of{alice})), '200', 'an old refresh token, the first key';
$nginx->write('sealing', 'y' x 32);
ok eventually { summary($client->refresh($of{alice})) eq '400 invalid_grant' }, 'a key that is replaced opens nothing any more';
is summary($client->refresh(tokens({})->{refresh_token})), '200', '... and the new one is in use';

unlike $nginx->log, qr/eyJ[\w-]{20}|\Q$SECRET\E/, 'no token and no secret in the log';
$nginx->stop;

done_testing;
