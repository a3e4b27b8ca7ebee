# A crowd that wants the same thing from a slow issuer: it is asked once, and all are answered as
# soon as it has answered.

use strict;
use warnings;
use lib 't/lib';

use Crowd;
use List::Util qw(max min);
use Loopback;
use NginxProcess;
use ScriptedIssuer;
use Test::More;
use TokenIntrospect ();

my ($crowd, $slow) = (200, 200);
my @rounds = 1 .. 3;

my $issuer = ScriptedIssuer->start(endpoints => 1 + @rounds);
my $keys   = join '', map { <<"END" } @rounds;
    token_introspector keys_$_ {
        issuer https://idp.test;
        jwks_uri @{[ $issuer->url($_, '/keys') ]};
        algorithms HS256;
    }
END
my $locations = join '', map { <<"END" } @rounds;
        location /keys_$_ { token_introspect keys_$_; try_files /nginx.conf =404; }
END
my $nginx = NginxProcess->start(workers => 2, http => <<"END");
    token_introspector idp { introspection_endpoint @{[ $issuer->url ]}; }
    $keys
    server {
        listen 127.0.0.1:%PORT% reuseport;
        root %DIR%;
        add_header Worker \$pid always;
        add_header Cache \$token_cache_status always;
        location / { token_introspect idp; try_files /nginx.conf =404; }
        $locations
    }
END
my @workers = sort $nginx->workers;
$issuer->behave("delay $slow");

sub check {
    my ($what, $calls, @answers) = @_;
    is_deeply Crowd::tally(@answers), { 200 => $crowd }, "$what: all $crowd pass";
    is $calls, 1, '... by one call';
    my %worker = map { $_->{headers}{worker} => 1 } @answers;
    is keys %worker, 2, '... in both workers';

    # Those whose requests came before the answer did: nobody waits much longer than another.
    my $first   = min map { $_->{ended} } @answers;
    my @waiting = grep { $_->{begun} < $first } @answers;
    my $spread  = (max map { $_->{ended} } @waiting) - $first;
    diag sprintf '%s: %d waited; from the first answer to the last %.1f ms', $what,
        scalar @waiting, 1000 * $spread;
    cmp_ok $spread, '<', patience(), '... all about as soon as the first';
}

for my $round (@rounds) {
    my $token   = "token-$round";
    my @answers = Crowd::ask($nginx->port, [map { { token => $token } } 1 .. $crowd]);
    check("a token, round $round", $issuer->calls_for($token), @answers);
    my %cache;
    $cache{ $_->{headers}{cache} }++ for @answers;
    is_deeply \%cache, { MISS => 1, HIT => $crowd - 1 }, '... one has asked for the others';
}

for my $round (@rounds) {
    my @tokens  = map { TokenIntrospect::jwt(sub => "s$_") } 1 .. $crowd;
    my @answers = Crowd::ask($nginx->port,
        [map { { path => "/keys_$round", token => $_ } } @tokens]);
    check("a key set, round $round", $issuer->calls($round), @answers);
}

# A crowd for a token whose call fails: the failure is shared; those who come later may ask again,
# but nobody asks for himself alone.
$issuer->behave('hold');
my $waiting = Crowd->load(
    $nginx->port, 100,
    sub { return $_[0] < 100 ? { token => 'fails', expect => [503] } : undef }
);
ok eventually(sub { $issuer->calls_for('fails') }), 'a call that will fail';
$issuer->behave('close');
my $seen = $waiting->finish;
is_deeply $seen->{unexpected}, [], '... all are told so';
cmp_ok $issuer->calls_for('fails'), '<', 100, '... and not each of them has asked';

is_deeply [sort $nginx->workers], \@workers, 'no worker was lost';
$nginx->stop;
done_testing;
