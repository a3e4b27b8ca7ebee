# A wall clock that jumps: tokens are judged by it, memory and timeouts are not.

use strict;
use warnings;
use lib 't/lib';

use Loopback;
use NginxProcess;
use ScriptedIssuer;
use Test::More;
use Time::HiRes qw(sleep);
use TokenIntrospect ();

my ($library) = glob '/usr/lib/*/faketime/libfaketime.so.1';
if (!$library) {
    diag 'NOT TESTED: the clock. libfaketime is missing (tools/install test)';
    plan skip_all => 'libfaketime is missing (tools/install test)';
}
plan skip_all => 'nginx under a checker has a preloaded library already'
    if ($ENV{TEST_NGINX_CHECK} // 'plain') ne 'plain';

my $issuer = ScriptedIssuer->start(endpoints => 2);
my $clock  = File::Temp->new(TEMPLATE => 'clock-XXXXXX', TMPDIR => 1);

# What nginx takes for the time, in seconds beside the real one.
sub jump {
    my ($seconds) = @_;
    my $path = $clock->filename;
    open my $file, '>', "$path.new" or die "$!";
    printf {$file} "%+d\n", $seconds;
    close $file;
    rename "$path.new", $path or die "$!";
}
jump(0);

my %fake = (
    LD_PRELOAD                   => $library,
    FAKETIME_TIMESTAMP_FILE      => $clock->filename,
    FAKETIME_NO_CACHE            => 1,
    FAKETIME_DONT_FAKE_MONOTONIC => 1,
    DONT_FAKE_MONOTONIC          => 1,
);
local @ENV{ keys %fake } = values %fake;
my $nginx = NginxProcess->start(
    workers => 2,
    main    => join("\n", map {"env $_;"} sort keys %fake),
    http    => <<"END");
    token_introspector idp {
        introspection_endpoint @{[ $issuer->url ]};
        connect_timeout 500ms; send_timeout 500ms; read_timeout 500ms;
    }
    token_introspector brief { introspection_endpoint @{[ $issuer->url ]}; cache_ttl 1s; }
    token_introspector patient { introspection_endpoint @{[ $issuer->url ]}; read_timeout 60s; }
    token_introspector keys {
        issuer https://idp.test; jwks_uri @{[ $issuer->url(1, '/keys') ]}; algorithms HS256;
        require_exp off;
    }
    server {
        listen 127.0.0.1:%PORT% reuseport;
        root %DIR%;
        add_header Cache \$token_cache_status always;
        add_header Worker \$pid always;
        add_header Seconds \$msec always;
        location /idp { token_introspect idp; try_files /nginx.conf =404; }
        location /brief { token_introspect brief; try_files /nginx.conf =404; }
        location /patient { token_introspect patient; try_files /nginx.conf =404; }
        location /keys { token_introspect keys; try_files /nginx.conf =404; }
        location /free { try_files /nginx.conf =404; }
    }
END
delete @ENV{ keys %fake };
my @workers = sort $nginx->workers;

sub ask {
    my ($path, $token) = @_;
    my $response = $nginx->get("/$path", Authorization => "Bearer $token");
    return join ' ', $response->{status}, $response->{headers}{cache} // '-';
}

# Jumps, and waits until both workers have noticed.
sub jump_and_see {
    my ($seconds) = @_;
    jump($seconds);
    my %seen;
    return eventually {
        my $headers = $nginx->get('/free')->{headers};
        $seen{ $headers->{worker} } = 1
            if abs($headers->{seconds} - time - $seconds) < 5 * patience();
        keys %seen == 2;
    };
}

if (!jump_and_see(3600) || !jump_and_see(0)) {
    diag 'NOT TESTED: the clock. libfaketime has no effect on this nginx';
    $nginx->stop;
    done_testing;
    exit;
}
pass 'nginx takes the time from this test';

# --- tokens --------------------------------------------------------------------------------------

my $now  = time;
my $exp  = 'exp-' . ($now + 600);
my $jwt  = TokenIntrospect::jwt(exp => $now + 600, nbf => $now - 600, iat => $now - 600);
my $ever = TokenIntrospect::jwt(exp => undef, sub => 'ever');
for my $case ([idp => $exp], [keys => $jwt]) {
    my ($path, $token) = @$case;
    for my $round (1, 2) {
        like ask($path, $token), qr/^200 (?:MISS|HIT)$/, "$path, round $round: a good token";
        is ask($path, $token), '200 HIT', '... is remembered';
        ok jump_and_see(700), '... the clock goes beyond its exp';
        like ask($path, $token), qr/^401/, '... it is refused' for 1 .. 4;
        ok jump_and_see(0), '... the clock goes back';
        like ask($path, $token), qr/^200/, '... it is good again' for 1 .. 4;
        ok jump_and_see(-86400), '... back by a day';
        like ask($path, $token), $path eq 'keys' ? qr/^401/ : qr/^200/,
            $path eq 'keys' ? '... before its nbf it is refused' : '... it is good'
            for 1 .. 2;
        ok jump_and_see(0), '... as it was';
        like ask($path, $token), qr/^200/, '... it is good again' for 1 .. 2;
    }
}

# --- memory --------------------------------------------------------------------------------------

is ask(idp => 'ever'), '200 MISS', 'a token without exp';
like ask(keys => $ever), qr/^200/, 'a JWT without exp';
my @calls = map { $issuer->calls($_) } 0, 1;
for my $seconds (86400 * 365, -86400 * 365, 0) {
    ok jump_and_see($seconds), "the clock jumps to $seconds";
    is ask(idp => 'ever'), '200 HIT', '... the token is remembered' for 1 .. 2;
    is ask(keys => $ever), '200 HIT', '... and so is the JWT' for 1 .. 2;
    like ask(keys => TokenIntrospect::jwt(exp => undef, sub => "fresh$seconds")), qr/^200/,
        '... and the key set';
}
is_deeply [map { $issuer->calls($_) } 0, 1], \@calls, '... and the issuer was not asked';

for my $seconds (-3600, 3600) {
    ok jump_and_see(0), 'cache_ttl 1s';
    like ask(brief => 'brief'), qr/^200/, '... a good token';
    ok jump_and_see($seconds), "... and a jump to $seconds";
    my $calls = $issuer->calls_for('brief');
    ok eventually(sub { ask(brief => 'brief'); $issuer->calls_for('brief') > $calls }),
        '... its time passes all the same';
}

# --- what runs meanwhile -------------------------------------------------------------------------

jump_and_see(0);
for my $seconds (7200, -7200) {
    $issuer->behave('hold', 0);
    my @sockets = map {
        send_request(connect_to($nginx->port), 'GET /patient', Authorization => "Bearer waits$seconds")
    } 1 .. 10;
    ok eventually(sub { $issuer->held == 1 }), 'some wait';
    ok $nginx->caught_up, '... all of them';
    ok jump_and_see($seconds), "... the clock jumps to $seconds";
    is $issuer->held, 1, '... nobody has given up, nobody asks again';
    $issuer->behave('ok', 0);
    is_deeply [map { read_response($_)->{status} } @sockets], [(200) x 10], '... all pass';
    is $issuer->calls_for("waits$seconds"), 1, '... by one call';

    $issuer->behave('hang', 0);
    my $socket = send_request(connect_to($nginx->port), 'GET /idp',
        Authorization => "Bearer silent$seconds");
    ok eventually(sub { $issuer->calls_for("silent$seconds") }), 'a call to a silent issuer';
    ok jump_and_see(0), '... the clock jumps back';
    is read_response($socket)->{status}, 503, '... it ends in time';
    $issuer->behave('ok', 0);
    ok eventually(sub { ask(idp => "silent$seconds") =~ /^200/ }, 40), '... and is well afterwards';
}

is_deeply [sort $nginx->workers], \@workers, 'no worker was lost';
$nginx->stop;
done_testing;
