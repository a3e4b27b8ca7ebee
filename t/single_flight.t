# However many requests want the same token, the issuer is asked once.

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use Loopback;
use NginxProcess;
use Test::More;
use Time::HiRes qw(time);

# The issuer holds a token's answer back until the test releases it: no clock is involved.
my $gates = File::Temp->newdir;
sub release { open my $file, '>', "$gates/$_[0]" or die }

my $issuer = Issuer->start(sub {
    my ($call) = @_;
    my $token = Issuer::form($call)->{token};
    if ($token =~ /^once/ && -e "$gates/seen-$token") {
        return Issuer::json('{"active":true,"by":"the second call"}');
    }
    open my $file, '>', "$gates/seen-$token";
    eventually { -e "$gates/$token" } 60;
    return Issuer::answer('500 Internal Server Error', '') if $token =~ /^broken/;
    return Issuer::json(
        "{\"active\":@{[ $token =~ /^inactive/ ? 'false' : 'true' ]},\"by\":\"call $call->{n}\"}");
});
# Shorter, for the test in which nobody answers and the lease must end: seconds. The longer ones are
# for machines on which everything else in that test takes longer than a quarter of it.
my @leases = map { $_ * patience() } 1, 4, 16, 64;
my $brief = join '', map {
    "token_introspector brief$_ { introspection_endpoint /introspect; connect_timeout 100ms; send_timeout 100ms; read_timeout ${_}s; }\n"
} @leases;
my $briefly = join '', map {"location /brief$_ { token_introspect brief$_; try_files /nginx.conf =404; }\n"} @leases;

my $nginx = NginxProcess->start(workers => 2, http => <<"END");
    token_introspector idp { introspection_endpoint /introspect; read_timeout 60s; cache_inactive_ttl 1h; }
    token_introspector direct { introspection_endpoint @{[ $issuer->url ]}; read_timeout 60s; }
    $brief
    server {
        listen 127.0.0.1:%PORT% reuseport;
        root %DIR%;
        add_header Worker \$pid always;
        add_header By \$token_claim_by always;
        add_header Cache \$token_cache_status always;
        location = /introspect {
            internal;
            proxy_set_header Worker \$pid;
            proxy_read_timeout 60s;
            proxy_pass @{[ $issuer->url ]};
        }
        location /idp { token_introspect idp; try_files /nginx.conf =404; }
        location /direct { token_introspect direct; try_files /nginx.conf =404; }
        $briefly
        location /free { try_files /nginx.conf =404; }
    }
END

sub ask {
    return send_request(connect_to($nginx->port), "GET $_[0]", Authorization => "Bearer $_[1]");
}

sub calls_for {
    my ($token) = @_;
    return grep { Issuer::form($_)->{token} eq $token } $issuer->calls;
}
# How many requests are done, whether or not their clients waited for it.
sub finished {
    open my $file, '<', $nginx->dir . '/access.log' or return 0;
    my @lines = <$file>;
    return scalar @lines;
}

for my $path (qw(/idp /direct)) {
    my $token   = 'many' . $path =~ tr{/}{-}r;
    my @sockets = map { ask($path, $token) } 1 .. 40;
    ok $nginx->caught_up,                     "$path: 40 requests wait";
    ok eventually(sub { calls_for($token) }), '... for one call';
    release($token);
    my (%status, %by, %worker, %cache);
    for my $response (map { read_response($_) } @sockets) {
        $status{ $response->{status} }++;
        $by{ $response->{headers}{by} // '-' }++;
        $worker{ $response->{headers}{worker} }++;
        $cache{ $response->{headers}{cache} // '-' }++;
    }
    is_deeply \%status, { 200 => 40 }, '... all get the answer';
    is keys %by,     1, '... the same one';
    is keys %worker, 2, '... in both workers';
    is_deeply \%cache, { MISS => 1, HIT => 39 }, '... one has asked, the others found it';
    is scalar(calls_for($token)), 1, '... and no call was added';
}

{
    my @sockets = map { ask('/idp', 'inactive') } 1 .. 20;
    ok $nginx->caught_up, 'an inactive token';
    release('inactive');
    my %status;
    $status{ read_response($_)->{status} }++ for @sockets;
    is_deeply \%status, { 401 => 20 }, '... is refused to all';
    is scalar(calls_for('inactive')), 1, '... by one call';
}
{
    my @sockets = map { ask('/idp', 'broken') } 1 .. 20;
    ok $nginx->caught_up, 'a call that fails';
    release('broken');
    my %status;
    $status{ read_response($_)->{status} }++ for @sockets;
    is_deeply \%status, { 503 => 20 }, '... fails for all who waited';
    is scalar(calls_for('broken')), 1, '... once';
}
{
    my @sockets = map { ask('/idp', "own-$_") } 1 .. 10;
    ok eventually(
        sub {
            10 == grep { Issuer::form($_)->{token} =~ /^own-/ } $issuer->calls;
        }
        ),
        'other tokens do not wait';
    release("own-$_") for reverse 1 .. 10;
    is_deeply [map { read_response($_)->{status} } @sockets], [(200) x 10],
        '... each gets its own answer';
}
{
    my $leader = ask('/idp', 'leaves');
    ok eventually(sub { calls_for('leaves') }), 'a leader asks';
    my @sockets = map { ask('/idp', 'leaves') } 1 .. 10;
    ok $nginx->caught_up, '... others wait';
    close $leader;
    ok $nginx->caught_up, '... its client hangs up';
    release('leaves');
    is_deeply [map { read_response($_)->{status} } @sockets], [(200) x 10],
        '... and the others get the answer';
    is scalar(calls_for('leaves')), 1, '... of the one call';
}
{
    my $leader = ask('/idp', 'stays');
    ok eventually(sub { calls_for('stays') }), 'a leader asks';
    my @sockets = map { ask('/idp', 'stays') } 1 .. 20;
    ok $nginx->caught_up, '... others wait';
    my $before = finished();
    close $_ for splice @sockets, 0, 10;
    ok eventually(sub { finished() >= $before + 10 }),
        '... some of them hang up, which is noticed at once';
    release('stays');
    is_deeply [map { read_response($_)->{status} } $leader, @sockets], [(200) x 11],
        '... and the rest get the answer';
    is scalar(calls_for('stays')), 1, '... of the one call';
}
{
    my $leader = ask('/idp', 'alone');
    ok eventually(sub { calls_for('alone') }), 'a leader without followers asks';
    close $leader;
    release('alone');
    ok eventually(
        sub {
            my $r = $nginx->get('/idp', Authorization => 'Bearer alone');
            $r->{status} == 200 && $r->{headers}{cache} eq 'HIT';
        }
        ),
        '... hangs up, and its answer is remembered all the same';
    is scalar(calls_for('alone')), 1, '... of the one call';
}
{
    # a client that waits keeps its connection for the next request
    my $socket = connect_to($nginx->port);
    my $leader = ask('/idp', 'next');
    ok eventually(sub { calls_for('next') }), 'a leader asks';
    send_request($socket, 'GET /idp', Authorization => 'Bearer next', Connection => 'keep-alive');
    send_request($socket, 'GET /free');
    ok $nginx->caught_up, '... another one waits, with a second request behind it';
    release('next');
    is read_response($socket)->{status}, 200, '... gets the answer';
    is read_response($socket)->{status}, 200, '... and the answer of its second request';
    read_response($leader);
}
{
    my ($path, $token, $leader, @sockets);
    for my $lease (@leases) {
        ($path, $token) = ("/brief$lease", "once-$lease");
        my $began = time;
        $leader = ask($path, $token);
        ok eventually(sub { calls_for($token) }), 'a leader asks';
        # followers in the other worker only: connections are spread by their ports
        @sockets = map { ask($path, $token) } 1 .. 20;
        ok $nginx->caught_up, '... others wait';
        last if time - $began < $lease / 4;
    }
    my $worker = Issuer::header((calls_for($token))[0], 'worker');
    ok((grep { $_ == $worker } $nginx->workers), '... in a worker of this nginx');
    $nginx->expect(qr/worker process $worker exited on signal 9/);
    kill KILL => $worker;
    my @responses = grep {defined} map { read_response($_, 180) } @sockets;
    cmp_ok scalar(@responses), '>', 0,
        '... which is killed: those of the other worker are answered';
    is_deeply [grep { $_ != 200 } map { $_->{status} } @responses], [], '... with the answer';
    is_deeply [grep { $_ eq $worker } map { $_->{headers}{worker} } @responses], [],
        '... by the other worker';
    is scalar(calls_for($token)), 2, '... for which one of them asked';
    ok eventually(
        sub { $nginx->get($path, Authorization => "Bearer $token")->{headers}{cache} eq 'HIT' }),
        '... and all have it';
}

$nginx->stop;
done_testing;
