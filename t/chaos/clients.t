# Ten thousand clients that hang up while they wait for the issuer: nothing of them stays.

use strict;
use warnings;
use lib 't/lib';

use Crowd;
use Loopback;
use NginxProcess;
use ScriptedIssuer;
use Test::More;

# A batch fits into the quarter of one worker's connections that may wait.
my ($clients, $batch) = (10_000, 500);

# The silent batches have an endpoint each: after one of them it is left alone for a while.
my @silent  = grep { $_ % 4 == 0 } 1 .. $clients / $batch;
my $issuer  = ScriptedIssuer->start(endpoints => 1 + @silent);
my $timeout = 300 * patience();
my $blocks  = join '', map { <<"END" } @silent;
    token_introspector silent_$_ {
        introspection_endpoint @{[ $issuer->url($_ / 4) ]};
        connect_timeout ${timeout}ms; send_timeout ${timeout}ms; read_timeout ${timeout}ms;
    }
END
my $locations = join '', map { <<"END" } @silent;
        location = /silent_$_ { token_introspect silent_$_; try_files /nginx.conf =404; }
END
my $nginx = NginxProcess->start(
    workers     => 2,
    connections => 4096,
    main        => 'worker_rlimit_nofile 8192;',
    http        => <<"END");
    token_introspector idp { introspection_endpoint @{[ $issuer->url ]}; read_timeout 60s; }
    $blocks
    server {
        listen 127.0.0.1:%PORT% backlog=4096;
        root %DIR%;
        add_header Cache \$token_cache_status always;
        location /idp { token_introspect idp; try_files /nginx.conf =404; }
        $locations
        location /connections { stub_status; }
    }
END
my @workers = sort $nginx->workers;

# Connections of clients, of which one asks for the number.
sub connections {
    my ($active) = $nginx->get('/connections')->{body} =~ /Active connections: (\d+)/;
    return $active - 1;
}

sub files {
    return map { scalar(() = glob "/proc/$_/fd/*") } @workers;
}

sub ask {
    return $nginx->get('/idp', Authorization => "Bearer $_[0]")->{status};
}

# What nginx has after its first requests, without connections to the issuer.
is ask("first-$_"), 200, 'a good token' for 1 .. 2;
$issuer->behave('refuse');
ok eventually(sub { connections() == 0 }), 'nobody is there';
my @before = files();
$issuer->behave('ok');

for my $n (1 .. $clients / $batch) {
    # Half of them share a token, the others have one each. The issuer answers when they have gone,
    # or never.
    my $silent   = $n % 4 == 0;
    my $path     = $silent ? "/silent_$n" : '/idp';
    my $endpoint = $silent ? $n / 4 : 0;
    my $calls    = $issuer->calls($endpoint);
    $issuer->behave($silent ? 'hang' : 'hold', $endpoint);
    my @sockets;
    for my $client (1 .. $batch) {
        my $token = $client % 2 ? "shared-$n" : "own-$n-$client";
        push @sockets, Crowd::open_request($nginx->port, { path => $path, token => $token })
            // last;
    }
    my $fine = @sockets == $batch
        && eventually { $issuer->calls($endpoint) >= $calls + 1 + $batch / 2 };
    ok $fine, "batch $n: $batch clients wait"
        or diag scalar(@sockets), ' sockets, ', $issuer->calls($endpoint) - $calls, ' calls';
    @sockets = ();
    $issuer->behave('ok');
    ok eventually(sub { connections() == 0 }), '... and hang up, and nginx is rid of them'
        or diag connections(), ' are left';
}

is ask("last-$_"), 200, 'a good token afterwards' for 1 .. 2;
is ask('shared-1'), 200, '... and one that nobody waited for any more';
is $nginx->get('/idp', Authorization => 'Bearer own-1-2')->{headers}{cache}, 'HIT',
    '... is remembered';
is $issuer->calls_for('shared-1'), 1, '... by the call that was made';

# All connections are free again: as many as before can wait at once.
$issuer->behave('hold');
my $again = Crowd->load($nginx->port, $batch,
    sub { $_[0] < $batch ? { path => '/idp', token => "again-$_[0]" } : undef });
ok eventually(sub { $issuer->held == $batch }), "$batch clients with a token each wait";
$issuer->behave('ok');
my $seen = $again->finish;
is_deeply $seen->{by}, { 200 => $batch }, '... and are answered';

# The issuer closes the connections that are kept for it.
$issuer->behave('refuse');
ok eventually(
    sub {
        my @now = files();
        !grep { $now[$_] > $before[$_] } 0 .. $#now;
    }
    ),
    'no file is left open'
    or diag "@before before, now ", join ' ', files();
is_deeply [sort $nginx->workers], \@workers, 'no worker was lost';
is $nginx->count_in_log(qr/worker_connections are not enough/), 0, 'connections did suffice';
$nginx->stop;
done_testing;
