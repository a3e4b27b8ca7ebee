# type issued: what a token_issuer of the same nginx has issued is accepted (B87), until it is revoked,
# by every worker from the same moment, and after a reload and a killed worker, too.

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use Loopback;
use NginxProcess;
use Test::More;
use TokenEndpoint;
use TokenIntrospect qw(jwt $SECRET);

my $upstream = Issuer->start(sub { Issuer::answer('200 OK', 'reached') });
my $other    = Issuer->start;
my $old      = 'o' x 32;
my $new      = 'n' x 32;

my $resources = <<"END";
- {resourceType: User, id: alice, data: {department: cardiology}}
- {resourceType: AccessPolicy, id: cardiology, engine: matcho, matcho: {user: {data: {department: cardiology}}}}
END

# The whole configuration, with these lines for keys.
sub http {
    my ($keys) = @_;
    return <<"END";
    token_resources resources.yaml;
    token_introspector idp { issuer https://idp.test; secret '$SECRET'; }
    token_issuer main { issuer https://gateway.test; $keys }
    token_client jwt {
        secret s; grant_types token-exchange; allowed_issuers https://idp.test; token_format jwt; refresh_token on;
    }
    token_client opaque {
        secret s; grant_types token-exchange; allowed_issuers https://idp.test; refresh_token on;
    }
    token_introspector issued { type issued main; }
    token_introspector other { introspection_endpoint @{[ $other->url ]}; }
    server {
        listen 127.0.0.1:%PORT% reuseport;
        root %DIR%;
        add_header Worker \$pid always;
        add_header Status \$token_status always;
        add_header User \$token_user_id always;
        add_header Cache \$token_cache_status always;
        location = /auth/token { token_exchange_endpoint main; }
        location = /auth/revoke { token_revocation_endpoint main; }
        location = /auth/jwks { token_jwks main; }
        location /free { try_files /nginx.conf =404; }
        location /api {
            token_introspect issued;
            token_authorize cardiology;
            proxy_pass http://127.0.0.1:@{[ $upstream->port ]};
        }
        location /both {
            token_introspect other issued;
            proxy_pass http://127.0.0.1:@{[ $upstream->port ]};
        }
    }
END
}

my $nginx = NginxProcess->start(
    workers => 2,
    files   => { 'resources.yaml' => $resources, signing => $SECRET, sealing => $old },
    http    => http('signing_key file:signing; encryption_key file:sealing;'),
);
$nginx->expect(qr/worker process \d+ exited on signal 9|was locked by/);
my $client = TokenEndpoint->new($nginx);

# An access token and a refresh token for this client.
sub issue {
    my ($id) = @_;
    my $answer = $client->exchange(jwt(), -basic => [$id, 's']);
    return @{ $answer->{json} }{qw(access_token refresh_token)};
}

sub revoke {
    my ($id, $token) = @_;
    return $client->form(token => $token, -path => '/auth/revoke', -basic => [$id, 's'])->{status};
}

# What all workers say of a token, in order; one text when they agree.
sub everywhere {
    my ($token, $path) = @_;
    my (%said, %asked);
    eventually {
        my $answer  = $nginx->get($path // '/api', Authorization => "Bearer $token");
        my $headers = $answer->{headers};
        $said{ join ' ', $answer->{status}, $headers->{status} // '-', $headers->{user} // '-' } = 1;
        $asked{ $headers->{worker} }++;
        2 == grep { $_ >= 3 } values %asked;
    } or return 'not all workers are asked';
    return join ' | ', sort keys %said;
}

my $good    = '200 active alice';
my $revoked = '401 inactive -';

for my $format (qw(jwt opaque)) {
    my ($token, $refresh) = issue($format);
    like $token, $format eq 'jwt' ? qr/^[\w-]+\.[\w-]+\.[\w-]+$/ : qr/^[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+$/, "$format: a token is issued";
    is everywhere($token), $good, '... and accepted by all workers, with its user (B87)';
    is $nginx->get('/api', Authorization => "Bearer $token")->{headers}{cache}, 'HIT', '... which remember it';
    my ($second) = issue($format);
    is everywhere($second), $good, '... likewise another';
    is revoke($format, $token), 200, '... it is revoked';
    is everywhere($token), $revoked, '... and from then on refused by all workers';
    is everywhere($second), $good, '... the other one not';

    is everywhere($refresh), '401 unsupported_type -', "$format: a refresh token is none for access";
    my ($third, $grant) = issue($format);
    my $fresh = $client->refresh($grant, -basic => [$format, 's'])->{json}{access_token};
    is join(' and ', map { everywhere($_) } $third, $fresh), "$good and $good", '... but gives more access tokens';
    is revoke($format, $grant), 200, '... it is revoked';
    is join(' and ', map { everywhere($_) } $third, $fresh), "$revoked and $revoked", '... and so are all that it gave';
}

# --- beside an introspection endpoint ------------------------------------------------------------

my ($opaque, $refresh) = issue('opaque');
is everywhere($opaque, '/both'), $good, 'beside an endpoint: an opaque token is accepted';
is everywhere($refresh, '/both'), '401 unsupported_type -', '... a refresh token is not';
is $other->call_count, 0, '... and the endpoint sees neither';
is everywhere(Issuer::token('{"active":true,"sub":"alice"}'), '/both'), '200 active -', '... but the tokens of others';
is $other->call_count, 1, '... of which it is asked';
my @parts = split /\./, $opaque, -1;
substr($parts[3], 0, 8) =~ tr/A-Za-z0-9_-/B-ZAb-za1-90A-B/;
is everywhere(join '.', @parts), '401 bad_signature -', 'a changed token is refused';

# --- reload, and a killed worker -----------------------------------------------------------------

my ($kept) = issue('opaque');
my ($gone) = issue('opaque');
my ($jwt)  = issue('jwt');
is revoke('opaque', $gone), 200, 'a token is revoked';
is revoke('jwt', $jwt), 200, '... and a JWT';
ok $nginx->reload, '... nginx reloads';
is join(' and ', map { everywhere($_) } $kept, $gone, $jwt), "$good and $revoked and $revoked", '... and they still are';
my ($victim) = $nginx->workers;
kill KILL => $victim;
ok eventually(sub { my @now = $nginx->workers; @now == 2 && !grep { $_ == $victim } @now }), 'a worker is killed';
is join(' and ', map { everywhere($_) } $kept, $gone, $jwt), "$good and $revoked and $revoked", '... and they still are';

# --- keys ----------------------------------------------------------------------------------------

($jwt) = issue('jwt');
is everywhere($jwt), $good, 'keys: a JWT is good';
$nginx->write(sealing => $new);
$nginx->write(signing => scalar reverse $SECRET);
ok eventually(sub { everywhere($kept) eq '401 unknown_key -' }), '... files change: what the old key sealed is refused';
ok eventually(sub { everywhere($jwt) eq '401 bad_signature -' }), '... what the old one signed likewise';
my ($sealed) = issue('opaque');
my ($signed) = issue('jwt');
is join(' and ', map { everywhere($_) } $sealed, $signed), "$good and $good", '... what the new ones did is accepted';

$nginx->write(newer => 'N' x 32);
$nginx->write(public => scalar $SECRET =~ tr/a-z/b-za/r);
$nginx->configure(http('signing_key file:public; signing_key file:signing; encryption_key file:newer; encryption_key file:sealing;'));
ok $nginx->reload, '... with a new key before the old one';
my ($newer) = issue('opaque');
isnt +(split /\./, $newer)[0], (split /\./, $sealed)[0], '... the new one seals';
is join(' and ', map { everywhere($_) } $sealed, $newer, $signed), "$good and $good and $good", '... and all are accepted';

# --- another size of the zone --------------------------------------------------------------------

my $keys = 'signing_key file:signing; encryption_key file:newer; encryption_key file:sealing;';
($gone) = issue('opaque');
is revoke('opaque', $gone), 200, 'zone: a token is revoked';
$nginx->configure(http("$keys zone 1m;"));
ok $nginx->reload, '... nginx reloads with the same size in other words';
is everywhere($gone), $revoked, '... and it still is';
my $lost = 'zone "token_issuer_main" had another size, 1048576 bytes: it begins empty, and tokens that were revoked '
    . 'count again until they expire';
my $warning = qr/\[warn\] .*\Q$lost\E in .*nginx\.conf:\d+$/m;
unlike $nginx->log, $warning, '... which is nothing to warn of';
$nginx->configure(http("$keys zone 2m;"));
ok $nginx->reload, '... with another size';
like $nginx->log, $warning, '... which is warned of';
is everywhere($gone), $good, '... for what was revoked counts again';

# --- the user ------------------------------------------------------------------------------------

$nginx->write('resources.yaml', $resources =~ s/id: alice/id: alice, inactive: true/r);
ok $nginx->reload, 'the user is made inactive';
is everywhere($newer), '403 user_inactive alice', '... and may not come in';

$nginx->stop;
done_testing;
