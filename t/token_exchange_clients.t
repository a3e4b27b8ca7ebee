# How clients authenticate at a token_issuer's endpoints, and what becomes of those who do not.

use strict;
use warnings;
use lib 't/lib';

use IO::Socket::INET;
use Loopback;
use MIME::Base64 qw(encode_base64);
use NginxProcess;
use Test::More;
use TokenEndpoint;
use TokenIntrospect qw(jwt $SECRET);

my $crypt = crypt 'crypted', '$6$saltsalt$';
my $odd   = q{a:b+c%d e"f&g=h};

my $resources = <<"YAML";
- {resourceType: Client, id: resource, secret: test, grant_types: [basic, "$EXCHANGE"],
   allowedIssuers: [https://idp.test]}
- {resourceType: Client, id: inactive, secret: test, active: false, grant_types: ["$EXCHANGE"],
   allowedIssuers: [https://idp.test]}
- {resourceType: Client, id: link-only, type: client-confidential}
- {resourceType: Client, id: without-grants, secret: test}
YAML

sub blocks {
    my ($limit, $other_limit) = @_;
    my $common = 'grant_types token-exchange; allowed_issuers https://idp.test;';
    return <<"CONF";
    token_resources resources.yaml;
    token_introspector idp { issuer https://idp.test; secret "$SECRET"; }
    token_issuer main {
        issuer https://gateway.test;
        signing_key "$SECRET";
        encryption_key file:sealing;
        introspectors idp;
        client_auth_limit $limit;
    }
    token_issuer "oth\\"er" {
        issuer https://other.test;
        encryption_key file:sealing;
        introspectors idp;
        client_auth_limit $other_limit;
    }
    token_client plain { secret test; $common }
    token_client second { secret test; $common }
    token_client crypted { secret "$crypt"; $common }
    token_client filed { secret_file client.secret; $common }
    token_client "odd &+%:id" { secret "a:b+c%d e\\"f&g=h"; $common }
    server {
        listen 127.0.0.1:%PORT%;
        location = /auth/token { token_exchange_endpoint main; }
        location = /introspect { token_introspection_endpoint main; }
        location = /revoke { token_revocation_endpoint main; }
        location = /other { token_exchange_endpoint "oth\\"er"; }
    }
CONF
}

my $nginx = NginxProcess->start(
    files => { sealing => 'k' x 32, 'resources.yaml' => $resources, 'client.secret' => "from a file\n" },
    http  => blocks('off', 'off'));
my $client = TokenEndpoint->new($nginx);
my @grant = (grant_type => $EXCHANGE, subject_token => jwt(), subject_token_type => $JWT);

sub basic { my ($id, $secret, @more) = @_; return $client->form(@grant, -basic => [$id, $secret], @more) }
sub post { return $client->form(@grant, client_id => $_[0], client_secret => $_[1]) }
sub raw { return $client->form(@grant, -headers => [Authorization => $_[0]], @_[1 .. $#_]) }
# the status, the error and whether the answer has a challenge
sub told { return join ' ', summary($_[0]), $_[0]{headers}{'www-authenticate'} // () }
my $challenged = '401 invalid_client Basic realm="main"';

# --- right ones ----------------------------------------------------------------------------------

for my $row (['plain', 'test'], ['crypted', 'crypted'], ['filed', 'from a file'], ['odd &+%:id', $odd], ['resource', 'test']) {
    my ($id, $secret) = @$row;
    is told(basic($id, $secret)), '200', "Basic: $id (B66)";
    is told(post($id, $secret)), '200', "client_id and client_secret: $id";
    is told(basic($id, "$secret ")), $challenged, "... another secret (B67)";
    is told(post($id, "x$secret")), '401 invalid_client', '... no challenge where there was no Basic (B67)';
}
is told($client->json(@grant, client_id => 'plain', client_secret => 'test')), '200', 'in JSON';
my $pair = encode_base64('plain:test', '');
is told(raw($_)), '200', "the scheme's case does not matter: $_" for "basic $pair", "BASIC  $pair";
is told(raw('Basic ' . encode_base64('plain:%74e%73t', ''))), '200', 'the secret is form-encoded (RFC 6749 section 2.3.1)';
is told(basic('plain', 'test', client_id => 'plain')), '200', 'client_id beside Basic: the same';
is told($client->form(@grant, client_id => 'plain', client_secret => 'test', -headers => [Authorization => 'Bearer x'])),
    '200', 'another scheme has no say';

# --- wrong ones ----------------------------------------------------------------------------------

is told(basic('plain', 'test', client_id => 'second')), '400 invalid_request', 'client_id beside Basic: another';
is told(basic('plain', 'test', client_secret => 'test')), '400 invalid_request', 'two ways at once';
is told(basic('plain', 'test', client_id => 'plain', client_secret => 'test')), '400 invalid_request', '... equal ones, too';
my %failed = (
    'a wrong secret'    => basic('plain', 'wrong'),
    'no secret'         => basic('plain', ''),
    'an unknown client' => basic('unknown', 'test'),
    'an inactive one'   => basic('inactive', 'test'),
    'one that is only linked to' => basic('link-only', ''),
    'one without grants' => basic('without-grants', 'test'),
    'a crypt string for a secret' => basic('crypted', $crypt),
    'another client\'s secret' => basic('plain', 'crypted'),
    'another case'      => basic('Plain', 'test'),
    'an unknown client that is long' => basic('u' x 2000, 'v' x 2000),
    'nothing'           => $client->form(@grant),
    'client_id alone'   => $client->form(@grant, client_id => 'plain'),
    'client_secret alone' => $client->form(@grant, client_secret => 'test'),
    'Bearer'            => raw('Bearer x'),
    'Basic without credentials' => raw('Basic'),
    'no base64'         => raw('Basic !!!'),
    'base64 without padding' => raw('Basic ' . encode_base64('plain:test!', '') =~ s/=+$//r),
    'no colon'          => raw('Basic ' . encode_base64('plain', '')),
    'no id'             => raw('Basic ' . encode_base64(':test', '')),
    'wrong percent-encoding' => raw('Basic ' . encode_base64('plain:t%zzst', '')),
    'control bytes'     => raw('Basic ' . encode_base64("plain:te\0st", '')),
    'no UTF-8'          => raw('Basic ' . encode_base64("plain:t\xffst", '')),
);
is told($failed{$_}), $challenged, "refused: $_ (B67)" for sort keys %failed;
is keys %{ { map { $_->{body} => 1 } values %failed } }, 1, '... with one body for all (B67)';
is $failed{nothing}{headers}{'cache-control'}, 'no-store', '... not to be stored';
is told($client->form(@grant, -path => '/other', -basic => ['plain', 'wrong'])),
    '401 invalid_client Basic realm="oth\\"er"', "the realm is the issuer's name, quoted";
for my $path ('/introspect', '/revoke') {
    is told($client->form(-path => $path, token => 'x', -basic => ['plain', 'wrong'])), $challenged, "at $path, too";
    is told($client->form(-path => $path, token => 'x', -basic => ['plain', 'test'])), '200', '... as the right one';
}

# --- a secret that changes -----------------------------------------------------------------------

$nginx->write('client.secret', 'another one');
ok eventually { basic('filed', 'another one')->{status} == 200 }, 'secret_file is read anew when it changes';
is told(basic('filed', 'from a file')), $challenged, '... the old one is of no use';

# --- too many failures ---------------------------------------------------------------------------

my $limited = NginxProcess->start(
    files => { sealing => 'k' x 32, 'resources.yaml' => $resources, 'client.secret' => 'x' },
    http  => blocks('3 1m', '2 2s'));
$client = TokenEndpoint->new($limited);
is told(basic('plain', 'wrong')), $challenged, 'a failure' for 1 .. 3;
my $answer = basic('plain', 'wrong');
is summary($answer), '429 invalid_client', '... too many';
like $answer->{headers}{'retry-after'}, qr/^[1-9]\d?$/, '... with Retry-After in seconds';
is $answer->{headers}{'cache-control'}, 'no-store', '... not to be stored';
is summary(basic('plain', 'test')), '429 invalid_client', '... also with the right secret';
is summary(post('plain', 'test')), '429 invalid_client', '... in the body';
is summary($client->form(-path => $_, token => 'x', -basic => ['plain', 'test'])), '429 invalid_client', "... at $_"
    for '/introspect', '/revoke';
is summary(basic('second', 'test')), '200', '... not for another client';
is summary($client->form(@grant, -path => '/other', -basic => ['plain', 'test'])), '200', '... not at another issuer';
my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $limited->port, LocalAddr => '127.0.0.2');
SKIP: {
    skip 'no second loopback address', 1 if !$socket;
    $socket->autoflush(1);
    send_request($socket, 'POST /auth/token', Authorization => basic_of('plain', 'test'),
        'Content-Type' => 'application/x-www-form-urlencoded', body => form_of(@grant));
    is read_response($socket)->{status}, 200, '... not from another address';
}
is summary(basic("unknown$_", 'x')), '401 invalid_client', 'unknown clients, each for itself' for 1 .. 2;
is summary(basic('crypted', 'crypted')), '200', 'a client with a crypt string';
is summary(basic('second', 'test')), '200', 'successes do not count' for 1 .. 5;
is summary(basic('unknown', 'x')), '401 invalid_client', 'an unknown client' for 1 .. 3;
is summary(basic('unknown', 'x')), '429 invalid_client', '... is limited like a known one';

# each guess takes the worker the time of a crypt string, whatever the id
my $guesses = 0;
ok eventually { summary(basic('guess' . $guesses++, 'x')) eq '429 invalid_client' }, 'too many ids from an address';
cmp_ok $guesses, '<=', 4, '... three times as many as for one';
is summary(basic(@$_)), '200', "... do not keep out one whose secret is known: $_->[0]"
    for ['second', 'test'], ['filed', 'x'], ['resource', 'test'], ['crypted', 'crypted'];
is summary(basic(@$_)), '429 invalid_client', "... no further guess is worth the time: $_->[0]"
    for ['crypted', 'wrong'], ['inactive', 'test'], ['guess', 'x'];

ok eventually { basic('plain', 'wrong', -path => '/other')->{status} == 429 }, 'a limit for a shorter time';
ok eventually { basic('plain', 'test', -path => '/other')->{status} == 200 }, '... is over soon';
is summary(basic('plain', 'test')), '429 invalid_client', '... when the longer one is not';

# --- what is not told ----------------------------------------------------------------------------

for my $log ($nginx->log, $limited->log) {
    unlike $log, qr/wrong|crypted|from a file|another one|unknown|\Q$crypt\E/, 'no secret and no unknown name in the log';
}
like $limited->log, qr/\[info\].* token issuer "main": token request refused: too_many_failures,/, 'the reason is there';
$_->stop for $nginx, $limited;

done_testing;
