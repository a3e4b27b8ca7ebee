# Workers that are killed: while they ask for others, and at any moment under load.

use strict;
use warnings;
use lib 't/lib';

use Crowd;
use Loopback;
use NginxProcess;
use ScriptedIssuer;
use Test::More;
use Time::HiRes qw(sleep time);
use TokenIntrospect ();

# How many workers are killed under load; more than the default finds what is rare.
my $kills = $ENV{CHAOS_KILLS} // 20;

# Answers of all sizes, so that entries come and go all the time.
my $issuer = ScriptedIssuer->start(
    endpoints => 2,
    answer    => sub {
        my ($method, $target, $token) = @_;
        return undef if $token !~ /^(?:hit|miss|shared|locked)-/;
        return '{"active":true,"fill":"' . 'x' x (length($token) * 977 % 9000) . '"}';
    }
);
# How long a lease lasts: the timeouts together.
my $lease = 1.2 * patience();
my $times = join ' ',
    map { "$_->[0] " . $_->[1] * patience() . 'ms;' }
    ['connect_timeout', 100], ['send_timeout', 100], ['read_timeout', 1000];

my $nginx = NginxProcess->start(workers => 2, http => <<"END");
    token_zone zone=tokens:256k;
    token_introspector idp { introspection_endpoint /introspect; $times }
    token_introspector keys { issuer https://idp.test; jwks_uri /keys; algorithms HS256; $times }
    token_introspector load {
        introspection_endpoint @{[ $issuer->url(1) ]};
        cache_ttl 1s;
        $times
    }
    server {
        listen 127.0.0.1:%PORT% reuseport;
        root %DIR%;
        add_header Worker \$pid always;
        add_header Cache \$token_cache_status always;
        # the issuer sees who asks
        location = /introspect { internal; proxy_pass http://127.0.0.1:@{[ $issuer->port ]}/\$pid; }
        location = /keys {
            internal;
            rewrite ^ /keys/\$pid break;
            proxy_pass http://127.0.0.1:@{[ $issuer->port ]};
        }
        location /idp { token_introspect idp; try_files /nginx.conf =404; }
        location /jwt { token_introspect keys; try_files /nginx.conf =404; }
        location /load { token_introspect load; try_files /nginx.conf =404; }
        location /free { try_files /nginx.conf =404; }
    }
END
$nginx->expect(qr/worker process \d+ exited on signal 9|was locked by/);

sub get_worker {
    my ($path, $token) = @_;
    my $response = $nginx->get($path, Authorization => "Bearer $token");
    return join ' ', $response->{status} // 'no answer', $response->{headers}{cache} // '-';
}

# Kills the worker and waits until nginx has as many as before.
sub murder {
    my ($pid) = @_;
    kill KILL => $pid;
    return eventually {
        my @now = $nginx->workers;
        @now == 2 && !grep { $_ == $pid } @now;
    };
}

# --- the one that asks ---------------------------------------------------------------------------

for my $case (['/idp', 'one token'], ['/jwt', 'one key set']) {
    my ($path, $what) = @$case;
    my $token = $path eq '/idp' ? 'led' : TokenIntrospect::jwt();
    $issuer->behave('hold');
    my $leader = send_request(connect_to($nginx->port), "GET $path", Authorization => "Bearer $token");
    ok eventually(sub { $issuer->held == 1 }), "$what: a worker asks";
    my $who = $path eq '/idp' ? $issuer->target_of('led') : undef;
    if (!$who) {
        ($who) = grep { $issuer->calls_for("/keys/$_") } $nginx->workers;
    }
    ($who) = $who =~ /(\d+)/;
    ok((grep { $_ == $who } $nginx->workers), '... of this nginx');
    my @sockets =
        map { send_request(connect_to($nginx->port), "GET $path", Authorization => "Bearer $token") }
        1 .. 20;
    ok $nginx->caught_up, '... others wait for it';
    my $before = $issuer->calls;
    my $began  = time;
    kill KILL => $who;
    $issuer->behave('ok');
    my @answers = grep {defined} map { read_response($_) } @sockets;
    my $took    = time - $began;
    cmp_ok scalar(@answers), '>', 0, '... it is killed, and those of the other worker are answered';
    is_deeply [grep { $_->{status} != 200 } @answers], [], '... with the answer';
    is_deeply [grep { $_->{headers}{worker} == $who } @answers], [], '... by the other worker';
    is $issuer->calls, $before + 1, '... for which one of them asked again';
    cmp_ok $took, '<', $lease + 2 * patience(), '... when the time of the dead one was over';
    ok eventually(sub { $nginx->workers == 2 }), 'a new worker comes';
    is get_worker($path, $token), '200 HIT', '... and all is known' for 1 .. 4;
}

# --- at any moment -------------------------------------------------------------------------------

# Hits, misses and tokens of all sizes, so that the zone is written all the time.
my $clients = 16;
my $load    = Crowd->load(
    $nginx->port,
    $clients,
    sub {
        my ($n) = @_;
        my $kind = $n % 4;
        my $token =
              $kind == 0 ? 'hit-' . int rand 20
            : $kind == 1 ? "miss-$n-" . 'x' x rand 500
            : $kind == 2 ? 'bad-' . int rand 50
            :              'shared-' . int($n / 64);
        return {
            path   => '/load',
            token  => $token,
            expect => [$kind == 2 ? 401 : 200, 'closed without an answer', 'cut off'],
        };
    }
);
$issuer->behave('delay 2', 1);
my $replaced = 0;
for my $n (1 .. $kills) {
    sleep 0.01 + rand 0.05;    # any moment
    my @workers = $nginx->workers;
    $replaced++ if murder($workers[rand @workers]);
}
is $replaced, $kills, "$kills times a worker is killed and another one comes";
my $seen = $load->finish;
diag join ', ', map {"$_: $seen->{by}{$_}"} sort keys %{ $seen->{by} };
is_deeply $seen->{unexpected}, [], 'all others are answered rightly';
my $lost = ($seen->{by}{'closed without an answer'} // 0) + ($seen->{by}{'cut off'} // 0);
cmp_ok $lost, '<=', $kills * $clients, '... but those of the killed';
cmp_ok $seen->{longest}, '<', 2 * $lease + 5 * patience(),
    '... nobody waits longer than for a dead one and for one more answer';
cmp_ok $seen->{by}{200}, '>', 100, '... and there were many';
is $nginx->count_in_log(qr/exited on signal/), $kills + 2,
    '... and no worker died but those that were killed';

# --- while it holds the zone's lock ----------------------------------------------------------------

# The lock is the first word of the zone, and has the pid of its holder. A worker is stopped again
# and again until it has it, and killed then: what it was about to change is half changed.
my $locked_kills = $ENV{CHAOS_LOCKED_KILLS} // 12;
my $zone_size    = 256 * 1024;

sub zone_address {
    my ($pid) = @_;
    open my $maps, '<', "/proc/$pid/maps" or return undef;
    no warnings 'portable';
    for (<$maps>) {
        my ($from, $to) = /^([0-9a-f]+)-([0-9a-f]+) rw-s/ or next;
        return hex $from if hex($to) - hex($from) == $zone_size;
    }
    return undef;
}

# A stopped worker's word; 0 when it cannot be read.
sub lock_of {
    my ($pid, $address) = @_;
    open my $memory, '<:raw', "/proc/$pid/mem" or return 0;
    sysseek $memory, $address, 0 or return 0;
    my $read = sysread $memory, my $word, 8;
    return $read && $read == 8 ? unpack 'Q', $word : 0;
}

sub is_stopped {
    my ($pid) = @_;
    open my $file, '<', "/proc/$pid/stat" or return 1;
    return (<$file> // ') Z') =~ /\) [TtZX]/;
}

SKIP: {
    my $address = zone_address(($nginx->workers)[0]);
    skip "the zone's lock cannot be seen here", 1
        if !$address || ($ENV{TEST_NGINX_CHECK} // 'plain') eq 'valgrind';
    my $load = Crowd->load(
        $nginx->port,
        $clients,
        sub {
            my ($n) = @_;
            my $token =
                  $n % 3 == 0 ? 'hit-' . int rand 20
                : $n % 3 == 1 ? "locked-$n-" . 'x' x rand 500
                :               "bad-locked-$n";
            return {
                path   => '/load',
                token  => $token,
                expect => [
                    $n % 3 == 2 ? 401 : 200, 'closed without an answer', 'cut off', 'too late'
                ],
            };
        }
    );
    $issuer->behave('ok', 1);
    my $killed = 0;
    my $until  = time + 60 * patience();
    while ($killed < $locked_kills && time < $until) {
        my @workers = $nginx->workers or next;
        my $worker  = $workers[rand @workers];
        for (1 .. 100) {
            kill STOP => $worker;
            1 while !is_stopped($worker) && time < $until;
            if (lock_of($worker, $address) == $worker) {
                $killed++ if murder($worker);
                last;
            }
            kill CONT => $worker;
            sleep rand 0.001;
        }
    }
    is $killed, $locked_kills, "$killed workers are killed while they hold the zone's lock";
    my $seen = $load->finish;
    diag join ', ', map {"$_: $seen->{by}{$_}"} sort keys %{ $seen->{by} };
    is_deeply $seen->{unexpected}, [], '... no answer is wrong';
    cmp_ok $nginx->count_in_log(qr/was locked by/), '>=', $killed, '... each is noticed by nginx';
    is $nginx->count_in_log(qr/exited on signal (?!9\b)/), 0, '... no other worker dies of it';
    is $seen->{by}{'too late'} // 0, 0, '... nobody waits for ever';
}
my $deaths = $nginx->count_in_log(qr/exited on signal/);

# --- afterwards ----------------------------------------------------------------------------------

my @workers = sort $nginx->workers;
my %served;
for my $n (1 .. 50) {
    for my $expected ('200 MISS', '200 HIT') {
        my $response = $nginx->get('/load', Authorization => "Bearer after-$n");
        my $answer   = join ' ', $response->{status} // 'no answer', $response->{headers}{cache} // '-';
        $served{ $response->{headers}{worker} // '-' } = 1;
        is $answer, $expected, "afterwards: $expected" if $answer ne $expected || $n == 50;
    }
}
is keys %served, 2, '... in both workers';
is get_worker('/load', 'bad-after'), '401 MISS', '... and a bad one is refused';
ok $nginx->reload, '... and a reload works';
is get_worker('/load', 'after-50'), '200 HIT', '... which keeps the zone';
is $nginx->count_in_log(qr/exited on signal/), $deaths, 'no worker has died since';
$nginx->stop;
done_testing;
