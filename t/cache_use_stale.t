# cache_use_stale and cache_stale_ttl: what is served when its time is over.

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

my %texts = (
    500    => ScriptedIssuer::answer('500 Internal Server Error', ''),
    503    => ScriptedIssuer::answer('503 Service Unavailable',   ''),
    broken => ScriptedIssuer::answer('200 OK', '{"active":tr'),
);

# An answer says which call of its endpoint it is: an old result can be told from a new one.
my $exp    = 0;
my $issuer = ScriptedIssuer->start(
    endpoints => 16,
    texts     => \%texts,
    answer    => sub {
        my ($method, $target, $token, $number) = @_;
        return undef if $method eq 'GET' || $token =~ /^(?:bad|exp)/;
        return "{\"active\":true,\"n\":$number}";
    }
);

my $timeout = 300 * patience();
my $fast    = "connect_timeout ${timeout}ms; send_timeout ${timeout}ms; read_timeout ${timeout}ms;";

# name => [endpoint, directives]
my %opaque = (
    error    => [0, "cache_ttl 1s; cache_use_stale error; $fast"],
    status   => [1, "cache_ttl 1s; cache_use_stale error; $fast"],
    broken   => [2, "cache_ttl 1s; cache_use_stale error; $fast"],
    timeout  => [3, "cache_ttl 1s; cache_use_stale timeout; $fast"],
    both     => [4, "cache_ttl 1s; cache_use_stale error timeout; $fast"],
    none     => [5, "cache_ttl 1s; cache_use_stale off; $fast"],
    default  => [6, "cache_ttl 1s; $fast"],
    brief    => [7, "cache_ttl 1s; cache_use_stale error; cache_stale_ttl 2s; $fast"],
    expires  => [8, "cache_ttl 1s; cache_use_stale error timeout updating; $fast"],
    updating => [9, 'cache_ttl 1s; cache_use_stale updating; read_timeout 60s;'],
    renewed  => [10, "cache_ttl 1s; cache_use_stale error timeout updating; $fast"],
    inactive => [11, "cache_ttl 1s; cache_inactive_ttl 1s; cache_use_stale error timeout updating; $fast"],
);
my %jwt = (
    keys_error    => [12, "cache_ttl 1s; cache_use_stale error; $fast"],
    keys_timeout  => [13, "cache_ttl 1s; cache_use_stale timeout; $fast"],
    keys_none     => [14, "cache_ttl 1s; $fast"],
    keys_updating => [15, 'cache_ttl 1s; cache_use_stale updating; read_timeout 60s;'],
);
my %endpoint = map { $_->[0] => $_->[1][0] } map { my $of = $_; map { [$_, $of->{$_}] } keys %$of }
    \%opaque, \%jwt;

my $blocks = join '', (map { <<"END" } sort keys %opaque), (map { <<"END" } sort keys %jwt);
    token_introspector $_ {
        introspection_endpoint @{[ $issuer->url($opaque{$_}[0]) ]};
        $opaque{$_}[1]
    }
END
    token_introspector $_ {
        issuer https://idp.test;
        jwks_uri @{[ $issuer->url($jwt{$_}[0], '/keys') ]};
        algorithms HS256;
        $jwt{$_}[1]
    }
END
my $locations = join '', map { <<"END" } sort keys %opaque, keys %jwt;
        location /$_ { token_introspect $_; try_files /nginx.conf =404; }
END
my $nginx = NginxProcess->start(workers => 2, http => <<"END");
    $blocks
    server {
        listen 127.0.0.1:%PORT% reuseport;
        root %DIR%;
        add_header Cache \$token_cache_status always;
        add_header N \$token_claim_n always;
        add_header Worker \$pid always;
        $locations
        location /free { try_files /nginx.conf =404; }
    }
END
my @workers = sort $nginx->workers;

sub answer_of {
    my ($response) = @_;
    return 'none' if !$response;
    return join ' ', $response->{status}, $response->{headers}{cache} // '-';
}
sub ask { return answer_of($nginx->get("/$_[0]", Authorization => "Bearer $_[1]")) }

# Asks until the answer is another one than a hit, and gives that.
sub after_ttl {
    my ($path, $token) = @_;
    my $answer;
    eventually { ($answer = ask($path, $token)) !~ /HIT/ };
    return $answer;
}

sub behave { my ($name, $how) = @_; $issuer->behave($how, $endpoint{$name}) }
sub calls  { return $issuer->calls($endpoint{ $_[0] }) }

sub well_again {
    my ($name, $token) = @_;
    behave($name, 'ok');
    ok eventually(sub { ask($name, $token) =~ /^200 (?:MISS|EXPIRED|HIT)$/ }, 40),
        '... and is renewed when the issuer is well again';
}

# --- the issuer is down --------------------------------------------------------------------------

for my $case (
    ['error',   'refuse',     'STALE', 'error: connections are refused'],
    ['status',  'say 500',    'STALE', 'error: status 500'],
    ['broken',  'say broken', 'STALE', 'error: an answer that cannot be read'],
    ['timeout', 'hang',       'STALE', 'timeout: no answer'],
    ['both',    'hang',       'STALE', 'error timeout: no answer'],
    ['none',    'refuse',     503,     'off: connections are refused'],
    ['default', 'refuse',     503,     'without the directive: connections are refused'],
    ['error',   'hang',       503,     'error: no answer'],
    ['timeout', 'refuse',     503,     'timeout: connections are refused'],
    )
{
    my ($name, $how, $expected, $what) = @$case;
    my $token = "token-$how" =~ tr/ /-/r;
    ok eventually(sub { ask($name, $token) =~ /^200 (?:MISS|EXPIRED)/ }, 40), "$what: a good token";
    is ask($name, $token), '200 HIT', '... is remembered';
    behave($name, $how);
    my $answer = after_ttl($name, $token);
    if ($expected eq 'STALE') {
        is $answer, '200 STALE', '... is served after its time';
        is ask($name, $token), '200 STALE', '... again' for 1 .. 5;
    }
    else { like $answer, qr/^503 /, '... is not served after its time' }
    like ask($name, "unknown-$token"), qr/^503 /, '... a token without a result is not served';
    well_again($name, $token);
}

# both kinds for one token, one after the other
{
    is ask(both => 'changes'), '200 MISS', 'a good token';
    behave(both => 'say 503');
    is after_ttl(both => 'changes'), '200 STALE', '... is served while the issuer says 503';
    behave(both => 'hang');
    is ask(both => 'changes'), '200 STALE', '... and while it is silent' for 1 .. 3;
    well_again(both => 'changes');
}

# --- for how long --------------------------------------------------------------------------------

{
    is ask(brief => 'token'), '200 MISS', 'cache_stale_ttl: a good token';
    my $known = time;
    behave(brief => 'refuse');
    is after_ttl(brief => 'token'), '200 STALE', '... is served after its time';
    my $last = 0;
    my $answer;
    ok eventually(
        sub {
            my $now = time;
            $answer = ask(brief => 'token');
            $last   = $now if $answer eq '200 STALE';
            $answer ne '200 STALE';
        }
        ),
        '... but not for ever';
    like $answer, qr/^503 /, '... then the issuer is missed';
    cmp_ok $last - $known, '<', 3.2, '... not longer than cache_ttl and cache_stale_ttl';
    well_again(brief => 'token');
}
{
    # whole seconds of the wall clock are what counts
    my $end   = int(time) + 4;
    my $token = "exp-$end";
    is ask(expires => $token), '200 MISS', 'exp: a good token';
    behave(expires => 'refuse');
    is after_ttl(expires => $token), '200 STALE', '... is served after its time';
    my $last = 0;
    my $answer;
    ok eventually(
        sub {
            my $now = time;
            $answer = ask(expires => $token);
            $last   = $now if $answer =~ /^200/;
            $answer !~ /^200/;
        }
        ),
        '... until it expires';
    like $answer, qr/^(?:401|503) /, '... then no more';
    cmp_ok $last, '<', $end + 0.05, '... not once later';
    unlike ask(expires => $token), qr/^200/, '... and not again' for 1 .. 3;
}
{
    is ask(inactive => 'bad-token'), '401 MISS', 'an inactive token';
    behave(inactive => 'refuse');
    unlike after_ttl(inactive => 'bad-token'), qr/^200/, '... is not good after its time';
    unlike ask(inactive => 'bad-token'), qr/^200/, '... at any time';
}

# --- while it is asked ---------------------------------------------------------------------------

sub n_of {
    my ($name, $token) = @_;
    return $nginx->get("/$name", Authorization => "Bearer $token")->{headers}{n};
}

for my $round (1, 2) {
    my $token  = "token-$round";
    my $socket = connect_to($nginx->port);
    my $same   = sub {
        send_request($socket, 'GET /updating', Authorization => "Bearer $token",
            Connection => 'keep-alive');
        return read_response($socket) // { status => 'none', headers => {} };
    };
    is ask(updating => $token), '200 MISS', "updating, round $round: a good token";
    my $old = n_of(updating => $token);
    behave(updating => 'hold');
    my $calls = calls('updating');
    my $response;
    ok eventually(sub { (($response = $same->())->{headers}{cache} // '') ne 'HIT' }), '... after its time';
    is answer_of($response), '200 STALE', '... is served at once';
    is $response->{headers}{n}, $old, '... as it was';
    is answer_of($same->()), '200 UPDATING', "... the connection's next request does not wait"
        for 1 .. 2;
    my @answers = Crowd::ask($nginx->port,
        [map { { path => '/updating', token => $token } } 1 .. 20]);
    is_deeply [grep { answer_of($_) ne '200 UPDATING' } @answers], [], '... and nobody else does';
    my %worker = map { ($_->{headers}{worker} // '-') => 1 } @answers;
    is keys %worker, 2, '... in both workers';
    ok eventually(sub { calls('updating') == $calls + 1 }), '... while the issuer is asked';
    close $socket if $round == 2;    # whoever began it may leave
    ok $nginx->caught_up, '... and all is quiet';
    is calls('updating'), $calls + 1, '... once';
    behave(updating => 'ok');
    ok eventually(sub { ask(updating => $token) eq '200 HIT' }), '... the new result is remembered';
    cmp_ok n_of(updating => $token), '>', $old, '... and it is new';
}
{
    # requests that only start the renewal, and failures in the background
    is ask(renewed => 'token'), '200 MISS', 'updating error timeout: a good token';
    for my $how ('say 500', 'refuse', 'hang') {
        behave(renewed => $how);
        like after_ttl(renewed => 'token'), qr/^200 (?:STALE|UPDATING)$/,
            "$how: is served after its time";
        like ask(renewed => 'token'), qr/^200 (?:STALE|UPDATING)$/, '... again' for 1 .. 5;
        behave(renewed => 'ok');
        ok eventually(sub { ask(renewed => 'token') eq '200 HIT' }, 40), '... and is renewed';
    }
    # revoked meanwhile: the renewal says so
    my $token = 'bad-later';
    is ask(renewed => $token), '401 MISS', 'a bad token is bad';
}

# --- key sets ------------------------------------------------------------------------------------

my $fresh = 0;
sub fresh_jwt { return TokenIntrospect::jwt(sub => 'fresh-' . $fresh++) }

for my $case (
    ['keys_error',   'refuse',  200, 'error: connections are refused'],
    ['keys_error',   'say 500', 200, 'error: status 500'],
    ['keys_timeout', 'hang',    200, 'timeout: no answer'],
    ['keys_none',    'refuse',  503, 'without the directive: connections are refused'],
    ['keys_error',   'hang',    503, 'error: no answer'],
    )
{
    my ($name, $how, $expected, $what) = @$case;
    my $known = fresh_jwt();
    ok eventually(sub { ask($name, $known) =~ /^200/ }, 40), "key set, $what: a JWT passes";
    my $calls = calls($name);
    behave($name, $how);
    if ($expected == 200) {
        # the set's time is over by the last of them
        my ($began, $last, %seen) = (time, 0);
        while ($last < $began + 1.5) {
            $last = time;
            $seen{ substr ask($name, $_), 0, 3 }++ for $known, fresh_jwt();
        }
        is_deeply [keys %seen], [200], '... and so do all after the time of the set'
            or diag explain \%seen;
    }
    else {
        ok eventually(sub { ask($name, fresh_jwt()) =~ /^503/ }),
            '... and none after the time of the set';
        like ask($name, $known), qr/^503/, '... not even a known one';
    }
    my $strange = TokenIntrospect::jwt(-kid => 'strange', -key => 'another secret, also long enough');
    unlike ask($name, $strange), qr/^200/, '... a wrong signature is none of them';
    behave($name, 'ok');
    ok eventually(sub { ask($name, fresh_jwt()) =~ /^200/ && calls($name) > $calls }, 40),
        '... and the set is renewed';
}
{
    ok eventually(sub { ask(keys_updating => fresh_jwt()) =~ /^200/ }), 'updating: a JWT passes';
    my $calls = calls('keys_updating');
    behave(keys_updating => 'hold');
    my $socket = connect_to($nginx->port);
    my @seen;
    ok eventually(
        sub {
            send_request($socket, 'GET /keys_updating', Authorization => 'Bearer ' . fresh_jwt(),
                Connection => 'keep-alive');
            push @seen, substr answer_of(read_response($socket)), 0, 3;
            calls('keys_updating') > $calls;
        }
        ),
        '... the set is asked for';
    push @seen, substr ask(keys_updating => fresh_jwt()), 0, 3 for 1 .. 10;
    is_deeply [grep { $_ ne '200' } @seen], [], '... and nobody waits for it';
    is calls('keys_updating'), $calls + 1, '... once';
    behave(keys_updating => 'ok');
}

# --- the configuration ---------------------------------------------------------------------------

for my $case (
    ['cache_use_stale always;',                      'an unknown word'],
    ['cache_use_stale;',                             'no word'],
    ['cache_use_stale off error;',                   'off beside another word'],
    ['cache_use_stale error; cache_stale_ttl never;', 'no time'],
    )
{
    my ($directives, $what) = @$case;
    my $bad = NginxProcess->prepare(http =>
            "token_introspector idp { introspection_endpoint http://127.0.0.1:1/; $directives }");
    like $bad->check, qr/\[emerg\].*cache_(?:use_stale|stale_ttl)(?s:.*)test failed/, "nginx -t: $what";
}

is_deeply [sort $nginx->workers], \@workers, 'no worker was lost';
$nginx->stop;
done_testing;
