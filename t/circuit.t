# An endpoint, a token or a document that fails again and again is left alone for a while.
# valgrind: no, pauses that grow, over and over; t/cache_use_stale.t runs the same code

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

my %texts = map { $_ => ScriptedIssuer::answer("$_ No", '') } 400, 401, 404, 429, 500, 502, 503, 504;
$texts{broken} = ScriptedIssuer::answer('200 OK', '{"active":tr');

# What makes an endpoint one that is down, and what shows that it lives.
my @down  = ('close', 'reset', 'hang', map {"say $_"} 429, 502, 503, 504);
my @lives = map {"say $_"} 400, 401, 404, 500, 'broken';
my $n     = 0;
my %endpoint =
    map { $_ => $n++ } (map {"down $_"} @down), (map {"lives $_"} @lives), qw(token keys stale gone);
my $issuer = ScriptedIssuer->start(endpoints => $n, texts => \%texts);

my $timeout = 200 * patience();
my $fast    = "connect_timeout ${timeout}ms; send_timeout ${timeout}ms; read_timeout ${timeout}ms;";
my $blocks  = join '', map { <<"END" } sort { $a <=> $b } values %endpoint;
    token_introspector i$_ { introspection_endpoint @{[ $issuer->url($_) ]}; $fast }
    token_introspector s$_ {
        introspection_endpoint @{[ $issuer->url($_) ]};
        cache_ttl 1s; cache_use_stale error timeout; $fast
    }
    token_introspector k$_ {
        issuer https://idp.test; jwks_uri @{[ $issuer->url($_, '/keys') ]}; algorithms HS256; $fast
    }
END
my $locations = join '', map { <<"END" } values %endpoint;
        location = /i$_ { token_introspect i$_; try_files /nginx.conf =404; }
        location = /s$_ { token_introspect s$_; try_files /nginx.conf =404; }
        location = /k$_ { token_introspect k$_; try_files /nginx.conf =404; }
END
my $nginx = NginxProcess->start(workers => 2, http => <<"END");
    $blocks
    server {
        listen 127.0.0.1:%PORT% reuseport;
        root %DIR%;
        add_header Cache \$token_cache_status always;
        add_header Worker \$pid always;
        location = /free { try_files /nginx.conf =404; }
        $locations
    }
END
my @workers = sort $nginx->workers;

# From now on the endpoint behaves so, also over connections that nginx has kept: these are closed
# first, because nginx tries again by itself when a kept one fails.
sub fail_by {
    my ($how, $endpoint) = @_;
    $issuer->behave('refuse', $endpoint);
    my %served;
    eventually { $served{ $nginx->get('/free')->{headers}{worker} } = 1; keys %served == 2 };
    $issuer->behave($how, $endpoint);
}

my $number = 0;
sub fresh { return 'fresh-' . $number++ }

sub ask {
    my ($path, $token) = @_;
    return $nginx->get("/$path", Authorization => 'Bearer ' . ($token // fresh()))
        // { status => 0, headers => {} };
}

# 503, with a number of seconds that makes sense.
sub is_put_off {
    my ($response) = @_;
    my $after = $response->{headers}{'retry-after'} // '';
    return $response->{status} == 503 && $after =~ /^\d+$/ && $after >= 1 && $after <= 31;
}

# Asks until the issuer has had so many calls; gives the answers that were none of the expected.
sub until_calls {
    my ($path, $endpoint, $calls, $token) = @_;
    my @odd;
    ok eventually(
        sub {
            my $response = ask($path, $token);
            push @odd, $response if !is_put_off($response);
            $issuer->calls($endpoint) >= $calls;
        },
        40
        ),
        "... until there were $calls calls";
    is_deeply \@odd, [], '... all answered by 503 with Retry-After';
}

# The pauses before the fourth call, the fifth …: at least half of 1 s, 2 s, ….
sub check_pauses {
    my ($what, $first, @times) = @_;
    splice @times, 0, $first;
    my @short;
    for my $n (3 .. $#times) {
        my $pause = $times[$n] - $times[$n - 1];
        my $least = 0.5 * 2**($n - 3);
        push @short, sprintf '%.3f s before call %d', $pause, $n + 1 if $pause < $least - 0.05;
    }
    is_deeply \@short, [], "$what: the pauses are not too short";
}

# --- an endpoint ---------------------------------------------------------------------------------

for my $how (@down) {
    my $endpoint = $endpoint{"down $how"};
    my $path     = "i$endpoint";
    is ask($path, 'known')->{status}, 200, "$how: a good token";
    fail_by($how, $endpoint);
    my $first = $issuer->calls($endpoint);
    my $third;
    for (1 .. 3) {
        $third = time + ($how eq 'hang' ? $timeout / 1000 : 0);
        ok is_put_off(ask($path)), '... a call fails';
    }
    is $issuer->calls($endpoint), $first + 3, '... three of them';

    # The pause is half a second at least: those who have an answer by then have made no call.
    my $quick = 0;
    while (1) {
        my @answers = Crowd::ask($nginx->port, [map { { path => "/$path", token => fresh() } } 1 .. 5]);
        my $calls   = $issuer->calls($endpoint);
        last if time > $third + 0.45;
        $quick += grep { is_put_off($_) } @answers;
        is $calls, $first + 3, '... then it is left alone' if $calls != $first + 3;
        last if $quick > 100;
    }
    SKIP: {
        skip 'too slow', 1 if !$quick;
        pass "... $quick others have their answer without a call";
    }
    is ask($path, 'known')->{headers}{cache}, 'HIT', '... what is known passes';

    # Many at once: one of them is the probe.
    my $load = Crowd->load($nginx->port, 10,
        sub { { path => "/$path", token => "probe-$how-$_[0]" =~ tr/ /-/r, expect => [503] } });
    my $probes = $how eq $down[0] ? 2 : 1;
    ok eventually(sub { $issuer->calls($endpoint) >= $first + 3 + $probes }, 40), '... it is probed';
    my $seen = $load->finish;
    is_deeply $seen->{unexpected}, [], '... whoever asks has 503';
    check_pauses("... $how", $first, $issuer->times($endpoint));

    $issuer->behave('ok', $endpoint);
    ok eventually(sub { ask($path)->{status} == 200 }, 40), '... is well again';
    my $calls = $issuer->calls($endpoint);
    is_deeply [grep { ask($path)->{status} != 200 } 1 .. 5], [], '... for everybody';
    is $issuer->calls($endpoint), $calls + 5, '... each by a call';
    fail_by($how, $endpoint);
    ask($path) for 1 .. 3;
    is $issuer->calls($endpoint), $calls + 8, '... and has three attempts again';
}

# Failures in a row are what counts.
{
    my $endpoint = $endpoint{gone};
    for (1 .. 4) {
        fail_by('close', $endpoint);
        ask("i$endpoint") for 1, 2;
        $issuer->behave('ok', $endpoint);
        is ask("i$endpoint")->{status}, 200, 'two failures and a success';
    }
    is $issuer->calls($endpoint), 12, '... are no reason to pause';

    # connections that are refused: no call can be counted, but the endpoint heals
    $issuer->behave('refuse', $endpoint);
    ok is_put_off(ask("i$endpoint")), 'refused connections' for 1 .. 6;
    $issuer->behave('ok', $endpoint);
    ok eventually(sub { ask("i$endpoint")->{status} == 200 }, 40), '... are forgotten';
}

# --- answers that show that it lives -------------------------------------------------------------

for my $how (@lives) {
    my $endpoint = $endpoint{"lives $how"};
    fail_by($how, $endpoint);
    ok is_put_off(ask("i$endpoint")), "$how: a call fails" for 1 .. 6;
    is $issuer->calls($endpoint), 6, '... others are asked for';
}

# --- a token, a document -------------------------------------------------------------------------

for my $case (['token', 'i', 'a token'], ['keys', 'k', 'a key set']) {
    my ($name, $kind, $what) = @$case;
    my $endpoint = $endpoint{$name};
    my $path     = "$kind$endpoint";
    my $token    = $kind eq 'i' ? 'the-same' : TokenIntrospect::jwt();
    $issuer->behave('say 500', $endpoint);
    until_calls($path, $endpoint, 5, $token);
    check_pauses($what, 0, $issuer->times($endpoint));
    is ask("i$endpoint", "other-$_")->{status}, 503, '... others are asked for' for 1 .. 2;
    my $calls = $issuer->calls_for('other-1', $endpoint) + $issuer->calls_for('other-2', $endpoint);
    is $calls, 2, '... by calls of their own';
    $issuer->behave('ok', $endpoint);
    ok eventually(sub { ask($path, $token)->{status} == 200 }, 40), '... it passes afterwards';
}

# --- what is stale -------------------------------------------------------------------------------

{
    my $endpoint = $endpoint{stale};
    my $path     = "s$endpoint";
    is ask($path, 'old')->{status}, 200, 'a good token';
    $issuer->behave('say 503', $endpoint);
    ask($path) for 1 .. 3;
    ok eventually(sub { ask($path, 'old')->{headers}{cache} ne 'HIT' }), '... its time is over';
    my ($calls, $began) = ($issuer->calls($endpoint), time);
    my @answers = Crowd::ask($nginx->port, [map { { path => "/$path", token => 'old' } } 1 .. 50]);
    is_deeply [grep { $_->{status} != 200 || $_->{headers}{cache} ne 'STALE' } @answers], [],
        '... it is served while the endpoint is left alone';
    cmp_ok $issuer->calls($endpoint), '<=', $calls + 1 + int((time - $began) / 0.5),
        '... almost without a call';
}

is_deeply [sort $nginx->workers], \@workers, 'no worker was lost';
$nginx->stop;
done_testing;
