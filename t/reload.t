# A reload while requests wait for an issuer.

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use Loopback;
use NginxProcess;
use Test::More;

my $gates = File::Temp->newdir;
sub release { open my $file, '>', "$gates/$_[0]" or die }

my $issuer = Issuer->start(sub {
    my ($call) = @_;
    my $token = Issuer::form($call)->{token};
    eventually { -e "$gates/$token" } 60 if $token =~ /^slow/;
    return Issuer::json("{\"active\":true,\"n\":$call->{n}}");
});

sub http {
    my ($more) = @_;
    return <<"END";
    $more
    token_introspector idp { introspection_endpoint @{[ $issuer->url ]}; read_timeout 60s; }
    server {
        listen 127.0.0.1:%PORT% reuseport;
        root %DIR%;
        add_header Worker \$pid;
        add_header Cache \$token_cache_status always;
        add_header N \$token_claim_n always;
        location / { token_introspect idp; try_files /nginx.conf =404; }
        location /free { try_files /nginx.conf =404; }
    }
END
}
my $nginx = NginxProcess->start(workers => 2, http => http(''));
sub ask { return send_request(connect_to($nginx->port), 'GET /', Authorization => "Bearer $_[0]") }

sub calls_for {
    my ($token) = @_;
    return scalar grep { Issuer::form($_)->{token} eq $token } $issuer->calls;
}

is $nginx->get('/', Authorization => 'Bearer before')->{headers}{cache}, 'MISS', 'before';

my @old = map { ask('slow') } 1 .. 10;
ok eventually(sub { calls_for('slow') }), 'a fetch is under way';
ok $nginx->caught_up,                     '... for all of them';
ok $nginx->reload,                        'reload';
my @new = map { ask('slow') } 1 .. 10;
ok $nginx->caught_up, '... for all of them';
is calls_for('slow'), 1, 'requests in the new workers join the fetch of an old one';
release('slow');
is_deeply [map { read_response($_)->{status} } @old], [(200) x 10],
    'requests of old workers are answered';
is_deeply [map { read_response($_)->{status} } @new], [(200) x 10], 'and those of new workers';
is calls_for('slow'), 1, '... by one call';
ok eventually(sub { $nginx->workers == 2 }), 'the old workers end';
is $nginx->get('/', Authorization => 'Bearer before')->{headers}{cache}, 'HIT', 'the zone survives';

# its zone is resized under a fetch
@old = map { ask('slow-2') } 1 .. 5;
ok eventually(sub { calls_for('slow-2') }), 'a fetch is under way';
ok $nginx->caught_up,                       '... for all of them';
$nginx->configure(http('token_zone zone=another:1m;'));
ok $nginx->reload, 'reload with another zone';
@new = map { ask('slow-2') } 1 .. 5;
ok eventually(sub { calls_for('slow-2') == 2 }), 'the new zone knows of no fetch';
release('slow-2');
is_deeply [map { read_response($_)->{status} } @old, @new], [(200) x 10], 'all are answered';

# an error in the new configuration leaves the old one at work
$nginx->configure(http('token_introspector broken { issuer https://x; }'));
kill HUP => $nginx->{pid};
ok eventually(sub { $nginx->count_in_log(qr/\[emerg\] .*token_introspector "broken"/) }),
    'a configuration that is refused';
$nginx->expect(qr/token_introspector "broken"/);
is $nginx->get('/', Authorization => 'Bearer before')->{status}, 200, '... changes nothing';

# many reloads in a row under load
$nginx->configure(http(''));
my @status;
for my $round (1 .. 5) {
    my @sockets = map { ask("round-$round-$_") } 1 .. 10;
    ok $nginx->caught_up && $nginx->reload, "reload $round";
    push @status, map { read_response($_)->{status} } @sockets;
}
is_deeply \@status, [(200) x 50], 'no request is refused';

$nginx->stop;

# old workers that are not given the time
$nginx =
    NginxProcess->start(workers => 2, http => http(''), main => 'worker_shutdown_timeout 200ms;');
@old = map { ask('slow-3') } 1 .. 10;
ok eventually(sub { calls_for('slow-3') }), 'a fetch is under way';
ok $nginx->caught_up,                       '... for all of them';
ok $nginx->reload,                          'reload with worker_shutdown_timeout';
@new = map { ask('slow-3') } 1 .. 10;
is_deeply [grep {defined} map { read_response($_) } @old], [],
    'the requests of old workers are cut off';
ok eventually(sub { calls_for('slow-3') == 2 }), '... and the new ones ask themselves at once';
release('slow-3');
is_deeply [map { read_response($_)->{status} } @new], [(200) x 10], '... and are answered';
$nginx->stop;

# a stop at once
$nginx = NginxProcess->start(workers => 2, http => http(''));
@old   = map { ask('slow-4') } 1 .. 10;
ok eventually(sub { calls_for('slow-4') }), 'a fetch is under way';
ok $nginx->caught_up,                       '... for all of them';
kill TERM => $nginx->{pid};
is_deeply [grep {defined} map { read_response($_) } @old], [], 'a stop at once';
$nginx->stop;

done_testing;
