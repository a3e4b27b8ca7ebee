# A key set is fetched anew before its time is over, while requests go on.

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

my $ttl    = 4;
my $issuer = ScriptedIssuer->start(
    endpoints => 4,
    texts     => { 500 => ScriptedIssuer::answer('500 Internal Server Error', '') }
);
my $blocks = join '', map { <<"END" } 0 .. 3;
    token_introspector i$_ {
        issuer https://idp.test;
        jwks_uri @{[ $issuer->url($_, '/keys') ]};
        algorithms HS256;
        cache_ttl ${ttl}s;
        read_timeout 60s;
    }
END
my $locations = join '', map {"location /i$_ { token_introspect i$_; try_files /nginx.conf =404; }\n"}
    0 .. 3;
my $nginx = NginxProcess->start(workers => 2, http => <<"END");
    $blocks
    server {
        listen 127.0.0.1:%PORT% reuseport;
        root %DIR%;
        keepalive_requests 1000000;
        add_header Worker \$pid always;
        $locations
        location /free { try_files /nginx.conf =404; }
    }
END
my @workers = sort $nginx->workers;

my $number = 0;
sub fresh_jwt { return TokenIntrospect::jwt(sub => 'fresh-' . $number++, @_) }

# One connection for all: it must not wait for what its requests set off.
my %socket;

sub ask {
    my ($n, $token) = @_;
    $socket{$n} //= connect_to($nginx->port);
    send_request($socket{$n}, "GET /i$n", Authorization => "Bearer $token", Connection => 'keep-alive');
    my $response = read_response($socket{$n}) // return 'none';
    delete $socket{$n} if ($response->{headers}{connection} // '') eq 'close';
    return $response->{status};
}

# Asks with fresh JWTs until the condition holds; fails when one does not pass.
sub passing_until {
    my ($what, $n, $condition) = @_;
    my $asked = 0;
    my @odd;
    my $fine = eventually {
        $asked++;
        my $status = ask($n, fresh_jwt());
        push @odd, $status if $status ne '200';
        sleep 0.005;
        $condition->();
    };
    ok $fine, $what;
    is_deeply \@odd, [], "... all $asked requests pass";
}

# --- ahead of time -------------------------------------------------------------------------------

is ask(0, fresh_jwt()), 200, 'a JWT';
is $issuer->calls(0),   1,   '... for which the key set was fetched';
my $known = fresh_jwt();
is ask(0, $known), 200, '... and another one';
$issuer->behave('hold', 0);
passing_until('the issuer is asked again', 0, sub { $issuer->calls(0) > 1 });
my @times = $issuer->times(0);
my $after = $times[1] - $times[0];
cmp_ok $after, '>', 0.75 * $ttl - 0.2, '... not before three quarters of the time';
cmp_ok $after, '<', $ttl, '... and before all of it' or diag "after $after s";
is ask(0, fresh_jwt()), 200, '... nobody waits: the connection that set it off' for 1 .. 5;
my @answers =
    Crowd::ask($nginx->port, [map { { path => '/i0', token => fresh_jwt() } } 1 .. 40]);
is_deeply Crowd::tally(@answers), { 200 => 40 }, '... nor others';
my %worker = map { ($_->{headers}{worker} // '-') => 1 } @answers;
is keys %worker,      2, '... in both workers';
is ask(0, $known), 200, '... nor a JWT that is known';
is $issuer->calls(0), 2, '... and it is one call';

# The set has changed meanwhile: both keys work.
my $second = 'the second secret of the issuer, long enough';
$issuer->keys(
    TokenIntrospect::jwks(
        TokenIntrospect::jwk($TokenIntrospect::SECRET, kid => 'first'),
        TokenIntrospect::jwk($second,                  kid => 'second')
    )
);
$issuer->behave('ok', 0);
ok eventually(
    sub {
        # without a kid, so that nobody has a reason to fetch the set
        ask(0, fresh_jwt(-key => $second)) eq '200';
    }
    ),
    'the new set is used';
is $issuer->calls(0), 2, '... without another call';
is ask(0, $known), 200, '... and what is in it still counts';

# It goes on like that.
my $calls = $issuer->calls(0);
passing_until('the next refresh', 0, sub { $issuer->calls(0) > $calls });
@times = $issuer->times(0);
cmp_ok $times[-1] - $times[-2], '>', 0.75 * $ttl - 1, '... is not too soon';

# --- a refresh that fails ------------------------------------------------------------------------

is ask(1, fresh_jwt()), 200, 'a JWT';
$issuer->behave('say 500', 1);
passing_until('a refresh fails', 1, sub { $issuer->calls(1) > 1 });
$issuer->behave('ok', 1);
passing_until('... the issuer heals at once', 1, sub { $issuer->calls(1) > 2 && time > ($issuer->times(1))[0] + $ttl + 0.5 });
cmp_ok $issuer->calls(1), '<=', 8, '... it was not asked all the time';

# --- nobody is there -----------------------------------------------------------------------------

# The client that sets the refresh off hangs up at once.
is ask(2, fresh_jwt()), 200, 'a JWT';
$issuer->behave('hold', 2);
ok eventually(
    sub {
        close send_request(connect_to($nginx->port), 'GET /i2',
            Authorization => 'Bearer ' . fresh_jwt());
        $issuer->calls(2) > 1;
    }
    ),
    'clients that do not wait for their answers';
$issuer->behave('ok', 2);
passing_until('their refresh is finished', 2, sub { $issuer->calls(2) == 2 && $issuer->held(2) == 0 });
is ask(2, fresh_jwt()), 200, '... and the set is there';

# Without requests nothing is fetched.
is ask(3, fresh_jwt()), 200, 'a JWT';
passing_until('others go on', 0, sub { time > ($issuer->times(3))[0] + $ttl + 0.5 });
is $issuer->calls(3), 1, '... nobody asks for a set that nobody needs';

is_deeply [sort $nginx->workers], \@workers, 'no worker was lost';
$nginx->stop;
done_testing;
