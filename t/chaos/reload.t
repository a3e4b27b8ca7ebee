# Reloads and an upgrade of the binary under load: every request is answered.

use strict;
use warnings;
use lib 't/lib';

use Crowd;
use Loopback;
use NginxProcess;
use ScriptedIssuer;
use Test::More;
use TokenIntrospect ();

my $issuer = ScriptedIssuer->start(endpoints => 2);
$issuer->behave('delay 10', 0);

sub http {
    my ($zones, $more) = @_;
    return <<"END";
    $zones
    token_introspector idp { introspection_endpoint @{[ $issuer->url ]}; zone one; }
    token_introspector keys {
        issuer https://idp.test; jwks_uri @{[ $issuer->url(0, '/keys') ]}; algorithms HS256; zone one;
    }
    server {
        listen 127.0.0.1:%PORT%;
        root %DIR%;
        add_header Worker \$pid always;
        add_header Cache \$token_cache_status always;
        location /idp { token_introspect idp; try_files /nginx.conf =404; }
        location /jwt { token_introspect keys; try_files /nginx.conf =404; }
        $more
    }
END
}

# An introspector that may be dropped, with its zone.
my $location = 'location /extra { token_introspect extra; try_files /nginx.conf =404; }';

sub extra {
    my ($zone) = @_;
    return "token_introspector extra { introspection_endpoint @{[ $issuer->url(1) ]}; zone $zone; "
        . 'read_timeout 60s; }';
}
my @configurations = (
    ['as it was', http('token_zone zone=one:1m; token_zone zone=two:1m;' . extra('two'), $location)],
    ['a larger zone', http('token_zone zone=one:2m; token_zone zone=two:1m;' . extra('two'), $location)],
    ['no extra introspector', http('token_zone zone=one:2m; token_zone zone=two:1m;', '')],
    ['no second zone',        http('token_zone zone=one:2m;',                         '')],
    ['both again',            http('token_zone zone=one:1m; token_zone zone=two:2m;' . extra('two'), $location)],
    ['another zone', http('token_zone zone=one:1m; token_zone zone=two:2m;' . extra('one'), $location)],
);

my @jwts = map { TokenIntrospect::jwt(sub => "s$_") } 1 .. 20;

sub next_request {
    my ($n) = @_;
    my $kind = $n % 6;
    return { path => '/idp',   token => 'hit-' . $n % 50 }                     if $kind == 0;
    return { path => '/idp',   token => "miss-$$-$n" }                         if $kind == 1;
    return { path => '/idp',   token => 'bad-' . $n % 100, expect => [401] }   if $kind == 2;
    return { path => '/jwt',   token => $jwts[$n % @jwts] }                    if $kind == 3;
    return { path => '/jwt',   token => "$jwts[0]x",       expect => [401] }   if $kind == 4;
    return { path => '/extra', token => 'extra-' . $n % 50, expect => [200, 404] };
}

sub check_load {
    my ($load, $what) = @_;
    my $seen = $load->finish;
    diag "$what: ", join ', ', map {"$_: $seen->{by}{$_}"} sort keys %{ $seen->{by} };
    is_deeply $seen->{unexpected}, [], "$what: every request is answered as it should be";
    cmp_ok $seen->{requests}, '>', 200, '... and there were many';
    cmp_ok $seen->{longest}, '<', 5 * patience(), '... none took long';
}

# --- reload --------------------------------------------------------------------------------------

my $nginx = NginxProcess->start(workers => 2, http => $configurations[0][1]);
my $load  = Crowd->load($nginx->port, 50, \&next_request);
my @held;
for my $n (1 .. 12) {
    my ($what, $http) = @{ $configurations[$n % @configurations] };
    # Some wait in workers that have to go, for an introspector that may have gone.
    if ($n == 2) {
        $issuer->behave('hold', 1);
        @held = map {
            send_request(connect_to($nginx->port), 'GET /extra', Authorization => "Bearer held-$_")
        } 1 .. 10;
        ok eventually(sub { $issuer->held(1) >= 10 }), 'some wait';
    }
    $nginx->configure($http);
    ok $nginx->reload, "reload $n: $what";
    if ($n == 4) {
        $issuer->behave('ok', 1);
        is_deeply [map { (read_response($_) // {})->{status} // 'none' } @held], [(200) x 10],
            '... those who waited in old workers are answered';
    }
}
check_load($load, 'reloads');
ok eventually(sub { $nginx->workers == 2 }), 'the old workers end';
$nginx->configure($configurations[0][1]);
ok $nginx->reload, 'a last reload';
for my $token (map {"after-$_"} 1 .. 5) {
    for my $cache (qw(MISS HIT)) {
        is $nginx->get('/idp', Authorization => "Bearer $token")->{headers}{cache}, $cache,
            "the zone works: $cache";
    }
}
is $nginx->count_in_log(qr/exited on signal/), 0, 'no worker was lost';
$nginx->stop;

# --- upgrade of the binary -----------------------------------------------------------------------

# A master is upgraded when it is a daemon only; so it is no child of this test, which stops it.
SKIP: {
    skip 'Valgrind does not follow a new binary', 1
        if ($ENV{TEST_NGINX_CHECK} // 'plain') eq 'valgrind';
    my $daemon = NginxProcess->prepare(workers => 2, http => $configurations[0][1]);
    my $dir    = $daemon->dir;
    my $slurp = sub {
        open my $file, '<', "$dir/$_[0]" or return '';
        local $/;
        return scalar <$file> // '';
    };
    # what is preloaded for the sanitizers is so for the new binary
    my $main = ($ENV{TEST_NGINX_CHECK} // 'plain') eq 'asan'
        ? "env LD_PRELOAD;\nenv ASAN_OPTIONS;\nenv UBSAN_OPTIONS;\n"
        : '';
    $daemon->write('nginx.conf', $main . ($slurp->('nginx.conf') =~ s/^daemon off;/daemon on;/mr));
    system(NginxProcess::binary(), '-p', "$dir/", '-c', "$dir/nginx.conf", '-e', "$dir/error.log") == 0
        or die "nginx does not start:\n" . $daemon->log;
    my @masters;
    my $stop_all = sub { kill TERM => $_ for grep { kill 0 => $_ } @masters };
    my $alive    = sub { kill 0 => $_[0] };
    my $pid_of   = sub { ($slurp->($_[0]) =~ /^(\d+)/)[0] };
    ok eventually(sub { $pid_of->('nginx.pid') }), 'a daemon';
    my $owner = $$;
    push @masters, $pid_of->('nginx.pid');
    my $guard = Guard->new(sub { $stop_all->() if $$ == $owner });
    $daemon->{pid} = $masters[0];
    ok eventually(sub { $daemon->workers == 2 }), '... with its workers';
    my $load = Crowd->load($daemon->port, 50, \&next_request);
    my $served_by = sub {
        my ($master) = @_;
        $daemon->{pid} = $master;
        return grep {
            my $pid = $_;
            !grep { $_ == $pid } @masters
        } $daemon->workers;
    };

    for my $round (1, 2) {
        my $old = $masters[-1];
        kill USR2 => $old;
        ok eventually(sub { ($pid_of->('nginx.pid') // $old) != $old }),
            "upgrade $round: a new master"
            or diag $daemon->log =~ /.*(?:\[emerg\]|binary).*/g;
        my $new = $pid_of->('nginx.pid');
        last if !$new || $new == $old;
        push @masters, $new;
        ok eventually(sub { $served_by->($new) == 2 }), '... with workers';
        ok eventually(
            sub {
                my %new = map { $_ => 1 } $served_by->($new);
                my $worker = $daemon->get('/idp', Authorization => 'Bearer hit-0')->{headers}{worker};
                $worker && $new{$worker};
            }
            ),
            '... which answer';
        kill WINCH => $old;
        ok eventually(sub { $served_by->($old) == 0 }), '... the old workers end';
        kill QUIT => $old;
        ok eventually(sub { !$alive->($old) }), '... and the old master';
    }
    check_load($load, 'upgrades');
    is $daemon->get('/idp', Authorization => 'Bearer upgraded')->{status}, 200, 'a token passes';
    kill QUIT => $masters[-1];
    ok eventually(sub { !$alive->($masters[-1]) }), 'nginx stops';
    is_deeply [grep {/\[(?:alert|emerg|crit)\]/} split /\n/, $daemon->log], [],
        'the error log holds no alert';
}

done_testing;

package Guard;
sub new     { my ($class, $code) = @_; return bless { code => $code }, $class }
sub DESTROY { local $?; $_[0]{code}->() }
