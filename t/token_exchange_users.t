# Who a subject token is about: users from an endpoint, tokens that this issuer has issued itself, tokens
# of several introspectors, and what an old answer is good for.

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use Loopback;
use NginxProcess;
use Test::More;
use TokenEndpoint;
use TokenIntrospect qw(jwt json $SECRET);

my $users = Issuer->start(sub {
    my ($call) = @_;
    my ($id) = $call->{target} =~ m{/([^/]*)$};
    return Issuer::answer('404 Not Found', '') if $id eq 'nobody';
    return Issuer::answer('500 Oops',      '') if $id eq 'broken';
    return Issuer::json(json({ id => $id, $id eq 'gone' ? (inactive => \1) : () }));
});
my $asked = Issuer->start(sub {
    my ($call) = @_;
    return Issuer::form($call)->{token} =~ /\./ ? Issuer::json('{"active":false}') : Issuer::by_token($call);
});
my $nginx = NginxProcess->start(
    files => { sealing => 'k' x 32 },
    http  => <<"CONF");
    token_introspector named {
        issuer https://named.test;
        secret "$SECRET";
        user_claim box_user sub;
        user_endpoint @{[ $users->url('/users/') ]};
    }
    token_introspector idp { issuer https://idp.test; secret "$SECRET"; }
    token_introspector asked {
        issuer https://asked.test;
        introspection_endpoint @{[ $asked->url ]};
        cache_ttl 1s;
        cache_use_stale updating;
    }
    token_issuer main { issuer https://gateway.test; signing_key "$SECRET"; encryption_key file:sealing; }
    token_issuer both {
        issuer https://both.test;
        signing_key "$SECRET";
        encryption_key file:sealing;
        introspectors asked idp;
    }
    token_introspector issued { type issued main; }
    token_client app {
        secret test;
        grant_types token-exchange;
        allowed_issuers https://named.test https://idp.test https://gateway.test https://asked.test;
        token_format jwt;
    }
    token_client sealed { secret test; grant_types token-exchange; allowed_issuers https://idp.test; }
    server {
        listen 127.0.0.1:%PORT%;
        location = /auth/token { token_exchange_endpoint main; }
        location = /both { token_exchange_endpoint both; }
        location = /revoke { token_revocation_endpoint main; }
    }
CONF
my $client = TokenEndpoint->new($nginx, basic => ['app', 'test']);

sub sub_of {
    my ($subject, @more) = @_;
    my $answer = $client->exchange($subject, subject_token_type => $ACCESS_TOKEN, @more);
    return $answer->{json}{error} // payload_of($answer->{json}{access_token})->{sub};
}

# --- users of an endpoint ------------------------------------------------------------------------

my @named = (iss => 'https://named.test');
is sub_of(jwt(@named)), 'alice', 'the user_endpoint knows the user (B79)';
is sub_of(jwt(@named, box_user => 'bob')), 'bob', '... by another claim (B79)';
is sub_of(jwt(@named, sub => 'nobody')), 'invalid_request', '... does not (B79)';
is sub_of(jwt(@named, box_user => [])), 'invalid_request', '... is not asked, as none is named (B79)';
is sub_of(jwt(@named, sub => 'gone')), 'invalid_grant', '... knows that he is inactive';
is sub_of(jwt(@named, sub => 'broken')), 'temporarily_unavailable', '... does not know now';
is sub_of(jwt(sub => 'nobody')), 'nobody', 'where there are no users, there need be none';

# --- tokens of this issuer -----------------------------------------------------------------------

my $first = $client->exchange(jwt(scope => 'a b c'), -basic => ['sealed', 'test'], scope => 'a b')->{json}{access_token};
is sub_of($first), 'alice', 'an opaque token of its own is a subject token, as introspectors are not named';
my $actor  = $client->exchange(jwt(sub => 'service'))->{json}{access_token};
my $second = $client->exchange($first, subject_token_type => $ACCESS_TOKEN, scope => 'b', actor_token => $actor,
    actor_token_type => $JWT)->{json};
is $second->{scope}, 'b', '... with less scope';
is_deeply payload_of($second->{access_token})->{act}, { sub => 'service', iss => 'https://gateway.test' }, '... and an actor';
my $third = $client->exchange($second->{access_token}, actor_token => jwt(sub => 'batch'), actor_token_type => $JWT)->{json};
is_deeply payload_of($third->{access_token})->{act},
    { sub => 'batch', iss => 'https://idp.test', act => { sub => 'service', iss => 'https://gateway.test' } },
    '... and another';
is summary($client->exchange($second->{access_token}, scope => 'a')), '400 invalid_scope', '... never with more scope';
is summary($client->exchange($first, subject_token_type => $ACCESS_TOKEN, -basic => ['sealed', 'test'])),
    '400 invalid_request', '... not for a client who may not';
is summary($client->form(-path => '/revoke', token => $second->{access_token})), '200', 'once revoked';
is sub_of($second->{access_token}), 'invalid_request', '... it is none any more';
is sub_of($client->form(-path => '/both', grant_type => $EXCHANGE, subject_token => jwt(), subject_token_type => $JWT)
        ->{json}{access_token}), 'invalid_request', "another issuer's is none";

# --- an endpoint's word --------------------------------------------------------------------------

my @both = (-path => '/both');
my %active = (active => \1, sub => 'alice', iss => 'https://asked.test');
is sub_of(Issuer::token(json(\%active)), @both), 'alice', 'an opaque token';
is sub_of(Issuer::token(json({ %active, iss => undef })), @both), 'invalid_request', '... whose iss is null';
is sub_of(jwt(iss => 'https://named.test'), @both), 'invalid_request',
    'a JWT that no jwt introspector claims, and the endpoint does not know';
my $before = $asked->call_count;
my $token  = Issuer::token(json({ %active, n => 1 }));
is sub_of($token, @both), 'alice', 'an answer' for 1 .. 3;
is $asked->call_count - $before, 1, '... is asked for once';
ok eventually { sub_of($token, @both) eq 'alice' && $asked->call_count - $before > 1 },
    '... and renewed in the background when it is old';

unlike $nginx->log, qr/eyJ[\w-]{20}|\Q$SECRET\E/, 'no token and no secret in the log';
$nginx->stop;

done_testing;
