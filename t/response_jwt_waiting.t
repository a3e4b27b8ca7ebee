# Signed introspection responses whose keys are fetched while many wait: clients that leave, keys
# that fail, a reload in the middle.

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use Loopback;
use NginxProcess;
use Test::More;
use TokenIntrospect ();

# Calls are held back until the test releases them: no clock is involved. A response says which call
# it answers. The keys are symmetric, so that the issuer's processes need no openssl.
my $gates = File::Temp->newdir;
sub release { open my $file, '>', "$gates/$_[0]" or die }
sub hold { eventually { -e "$gates/$_[0]" } 60 }

my $issuer = Issuer->start(sub {
    my ($call) = @_;
    my ($what, $name) = $call->{target} =~ m{^/(\w+)/(\w+)};
    if ($what eq 'jwks') {
        hold("jwks-$name");
        return Issuer::answer('500 Internal Server Error', '') if $name =~ /^broken/;
        return Issuer::json(TokenIntrospect::jwks(TokenIntrospect::jwk($TokenIntrospect::SECRET)));
    }
    my $token = Issuer::form($call)->{token};
    hold($token) if $token =~ /slow/;
    return Issuer::answer(
        '200 OK',
        TokenIntrospect::jws(
            { alg => 'HS256', typ => 'token-introspection+jwt' },
            '{"iss":"https://idp.test","aud":"me","iat":1,"token_introspection":'
                . "{\"active\":true,\"by\":\"call $call->{n}\"}}",
            'HS256'
        ),
        'Content-Type' => 'application/token-introspection+jwt'
    );
});
my $upstream = Issuer->start(sub {
    my ($call) = @_;
    return Issuer::answer('200 OK', Issuer::header($call, 'Authorization') // 'none');
});

# Each has keys of its own to fetch.
my @names = qw(together shared broken leaves reloaded);

sub http {
    my $blocks = join '', map { <<"END" } @names;
    token_introspector $_ {
        issuer https://idp.test;
        introspection_endpoint @{[ $issuer->url("/introspect/$_") ]};
        jwks_uri @{[ $issuer->url("/jwks/$_") ]};
        algorithms HS256;
        response jwt audience=me;
        read_timeout 60s;
    }
END
    my $locations = join '', map { <<"END" } @names;
        location /$_ {
            token_introspect $_;
            token_forward_token introspected;
            proxy_pass @{[ $upstream->url('') ]};
        }
END
    return <<"END";
    $blocks
    server {
        listen 127.0.0.1:%PORT% reuseport;
        root %DIR%;
        add_header Worker \$pid always;
        add_header By \$token_claim_by always;
        add_header Jwt \$token_introspection_jwt always;
        add_header Cache \$token_cache_status always;
        $locations
        location /free { try_files /nginx.conf =404; }
    }
END
}
my $nginx = NginxProcess->start(workers => 2, http => http());

sub ask {
    return send_request(connect_to($nginx->port), "GET /$_[0]", Authorization => "Bearer $_[1]");
}
sub calls_of {
    my ($target, $token) = @_;
    return scalar grep {
        $_->{target} eq "/$target" && (!defined $token || Issuer::form($_)->{token} eq $token)
    } $issuer->calls;
}
# What the requests got: their statuses, and how many different answers.
sub results {
    my (%status, %by, %cache);
    for my $response (map { read_response($_) } @_) {
        my $headers = $response->{headers};
        $status{ $response->{status} }++;
        $cache{ $headers->{cache} // '-' }++;
        $by{ $headers->{by} // '-' }++;
        is $response->{body}, "Bearer $headers->{jwt}", 'the upstream gets the response'
            if $response->{status} == 200 && "Bearer $headers->{jwt}" ne $response->{body};
    }
    return { status => \%status, answers => scalar(keys %by), cache => \%cache };
}

{
    my @sockets = map { ask('together', 'slow') } 1 .. 20;
    ok $nginx->caught_up && eventually(sub { calls_of('introspect/together') }),
        '20 requests wait for one answer';
    release('slow');
    ok eventually(sub { calls_of('jwks/together') }), '... then for its keys';
    push @sockets, map { ask('together', 'slow') } 1 .. 20;
    ok $nginx->caught_up, '... 20 more join them';
    release('jwks-together');
    is_deeply results(@sockets),
        { status => { 200 => 40 }, answers => 1, cache => { MISS => 1, HIT => 39 } },
        '... and all get the one answer';
    is calls_of('introspect/together'), 1, '... by one call';
    is calls_of('jwks/together'),       1, '... and one for the keys';
}
{
    my @sockets = map { ask('shared', "token-$_") } map { ($_) x 3 } 1 .. 8;
    ok $nginx->caught_up && eventually(sub { calls_of('introspect/shared') == 8 }),
        '8 tokens are answered';
    ok eventually(sub { calls_of('jwks/shared') }), '... and wait for the keys';
    release('jwks-shared');
    is_deeply results(@sockets),
        { status => { 200 => 24 }, answers => 8, cache => { MISS => 8, HIT => 16 } },
        '... each gets its own';
    is calls_of('introspect/shared'), 8, '... by 8 calls';
    is calls_of('jwks/shared'),       1, '... and one for the keys';
}
{
    my @sockets = map { ask('broken', "token-$_") } map { ($_) x 3 } 1 .. 4;
    ok $nginx->caught_up && eventually(sub { calls_of('introspect/broken') == 4 }),
        '4 tokens are answered';
    ok eventually(sub { calls_of('jwks/broken') }) && $nginx->caught_up,
        '... and wait for keys that cannot be had';
    release('jwks-broken');
    is_deeply results(@sockets)->{status}, { 503 => 12 }, '... all are refused';
    is calls_of('introspect/broken'), 4, '... without another question';
    is $nginx->count_in_log(
        qr/introspector "broken": the issuer answered with another status than 200/),
        calls_of('jwks/broken'), '... with a line for each failure';
}
{
    my $leader = ask('leaves', 'slow-leaves');
    ok eventually(sub { calls_of('introspect/leaves') }), 'a leader asks';
    my @sockets = map { ask('leaves', 'slow-leaves') } 1 .. 10;
    ok $nginx->caught_up, '... others wait';
    close $leader;
    ok $nginx->caught_up, '... its client hangs up before the answer';
    release('slow-leaves');
    ok eventually(sub { calls_of('jwks/leaves') }), '... the keys are fetched';
    release('jwks-leaves');
    my $results = results(@sockets);
    is_deeply $results->{status}, { 200 => 10 }, '... and the others get the answer';
    is $results->{answers}, 1, '... the same one';
    cmp_ok calls_of('introspect/leaves'), '<=', 2, '... asked once more at most';
}
{
    my @old = map { ask('reloaded', 'token') } 1 .. 10;
    ok eventually(sub { calls_of('jwks/reloaded') }) && $nginx->caught_up, 'keys are fetched';
    ok $nginx->reload, '... a reload';
    my @new = map { ask('reloaded', $_) } ('token', 'another') x 5;
    ok $nginx->caught_up && eventually(sub { calls_of('introspect/reloaded') == 2 }),
        '... new workers join';
    release('jwks-reloaded');
    is_deeply results(@old)->{status}, { 200 => 10 }, '... the old workers answer';
    is_deeply results(@new)->{status}, { 200 => 10 }, '... and the new ones';
    is calls_of('introspect/reloaded'), 2, '... by one call for each token';
    is calls_of('jwks/reloaded'),       1, '... and one for the keys';
    ok eventually(sub { $nginx->workers == 2 }), '... and the old workers end';
    my $kept = results(ask('reloaded', 'token'));
    is_deeply $kept->{cache}, { HIT => 1 }, '... what they learnt stays';
}

# a client that leaves while the keys are fetched
$nginx->stop;
unlink "$gates/jwks-leaves";
$nginx = NginxProcess->start(workers => 2, http => http());
{
    my $before = calls_of('introspect/leaves');
    my $leader = ask('leaves', 'token');
    ok eventually(sub { calls_of('jwks/leaves') == 2 }), 'a leader fetches the keys';
    my @sockets = map { ask('leaves', 'token') } 1 .. 10;
    ok $nginx->caught_up, '... others wait';
    close $leader;
    ok $nginx->caught_up, '... its client hangs up';
    release('jwks-leaves');
    is_deeply results(@sockets)->{status}, { 200 => 10 }, '... and the others get the answer';
    is calls_of('introspect/leaves') - $before, 1, '... of the one call';
}
{
    # every client leaves, at every moment
    my @gone = map { ask('shared', "gone-$_") } 1 .. 30;
    ok $nginx->caught_up, 'clients ask';
    close $_ for @gone;
    ok $nginx->caught_up, '... and leave';
    is_deeply results(map { ask('shared', "gone-$_") } 1 .. 30)->{status}, { 200 => 30 },
        '... which does no harm';
}

$nginx->stop;
done_testing;
