# max_waiting: how many requests of a worker may wait for an introspector.

use strict;
use warnings;
use lib 't/lib';

use Crowd;
use Loopback;
use NginxProcess;
use ScriptedIssuer;
use Test::More;
use TokenIntrospect ();

my $issuer = ScriptedIssuer->start(endpoints => 3);

sub http {
    my ($more) = @_;
    return <<"END";
    token_introspector idp {
        introspection_endpoint @{[ $issuer->url ]};
        read_timeout 60s;
        $more
    }
    token_introspector other { introspection_endpoint @{[ $issuer->url(1) ]}; read_timeout 60s; }
    token_introspector keys {
        issuer https://idp.test;
        jwks_uri @{[ $issuer->url(2, '/keys') ]};
        algorithms HS256;
        read_timeout 60s;
        $more
    }
    server {
        listen 127.0.0.1:%PORT%;
        root %DIR%;
        add_header Cache \$token_cache_status always;
        add_header Worker \$pid always;
        location /idp { token_introspect idp; try_files /nginx.conf =404; }
        location /other { token_introspect other; try_files /nginx.conf =404; }
        location /keys { token_introspect keys; try_files /nginx.conf =404; }
        location /free { try_files /nginx.conf =404; }
    }
END
}

my $nginx;

sub waiting {
    my ($path, $token) = @_;
    return send_request(connect_to($nginx->port), "GET $path", Authorization => "Bearer $token");
}
sub ask {
    return $nginx->get($_[0], Authorization => "Bearer $_[1]") // { status => 0, headers => {} };
}

sub is_put_off {
    my ($response) = @_;
    return $response->{status} == 503 && ($response->{headers}{'retry-after'} // '') =~ /^[1-9]/;
}
sub statuses { return [map { (read_response($_) // {})->{status} // 'none' } @_] }

for my $case (['max_waiting 5;', 1024, 5], ['', 64, 16]) {
    my ($directive, $connections, $limit) = @$case;
    my $name = $directive || "a quarter of $connections connections";
    $issuer->behave('ok');
    $nginx = NginxProcess->start(http => http($directive), connections => $connections);
    my ($worker) = $nginx->workers;
    is ask('/idp', "known-$limit")->{status}, 200, "$name: a good token";
    my $calls = $issuer->calls;

    # as many tokens as may wait
    $issuer->behave('hold', 0);
    my @sockets = map { waiting('/idp', "own-$limit-$_") } 1 .. $limit;
    ok eventually(sub { $issuer->held == $limit }), '... all that may wait do';
    is_deeply [grep { !is_put_off($_) } map { ask('/idp', "more-$_") } 1 .. 5], [],
        '... more tokens have 503 with Retry-After at once';
    is_deeply [grep { !is_put_off($_) } map { ask('/idp', "own-$limit-1") } 1 .. 5], [],
        '... and so have those that somebody else waits for';
    is ask('/idp', "known-$limit")->{headers}{cache}, 'HIT', '... what is known passes' for 1 .. 3;
    is ask('/other', "other-$limit")->{status}, 200, '... another introspector is not concerned';
    is $issuer->calls, $calls + $limit, '... and no call is made for those who may not wait';
    $issuer->behave('ok', 0);
    is_deeply statuses(@sockets), [(200) x $limit], '... those who waited pass';
    is_deeply [map { ask('/idp', "more-$_")->{status} } 1 .. 5], [(200) x 5],
        '... and so do the others afterwards';

    # as many requests for one token
    $issuer->behave('hold', 0);
    @sockets = map { waiting('/idp', "shared-$limit") } 1 .. $limit;
    ok eventually(sub { $issuer->held == 1 }), '... all wait for one token';
    ok eventually(sub { $nginx->get('/free')->{status} == 200 }), '... and have been taken up';
    ok is_put_off(ask('/idp', "shared-$limit")), '... one more has 503';

    # places of those who hang up
    close $_ for splice @sockets, 1, 2;
    my @more;
    ok eventually(
        sub {
            my $socket = waiting('/idp', "shared-$limit");
            my $answer = read_response($socket, 0.3);
            push @more, $socket if !$answer;
            @more == 2;
        }
        ),
        '... two hang up, and two others may wait';
    ok is_put_off(ask('/idp', "shared-$limit")), '... but not three';
    $issuer->behave('ok', 0);
    is_deeply statuses(@sockets, @more), [(200) x $limit], '... all pass';

    # JWTs that wait for keys
    $issuer->behave('hold', 2);
    @sockets = map { waiting('/keys', TokenIntrospect::jwt(sub => $_)) } 1 .. $limit;
    ok eventually(sub { $issuer->held(2) == 1 }), '... all wait for a key set';
    ok eventually(sub { $nginx->get('/free')->{status} == 200 }), '... and have been taken up';
    ok is_put_off(ask('/keys', TokenIntrospect::jwt(sub => 'more'))), '... one more has 503';
    $issuer->behave('ok', 2);
    is_deeply statuses(@sockets), [(200) x $limit], '... those who waited pass';
    is ask('/keys', TokenIntrospect::jwt(sub => 'more'))->{status}, 200, '... and then all do';

    is_deeply [$nginx->workers], [$worker], 'no worker was lost';
    $nginx->stop;
}

# A crowd far beyond the limit: everybody has an answer, and nobody more than waits for is asked for.
{
    $issuer->behave('delay 300', 0);
    $nginx = NginxProcess->start(workers => 2, http => http('max_waiting 20;'));
    my $calls   = $issuer->calls;
    my @answers = Crowd::ask($nginx->port,
        [map { { path => '/idp', token => "crowd-$_" } } 1 .. 300]);
    my $tally = Crowd::tally(@answers);
    is(($tally->{200} // 0) + ($tally->{503} // 0), 300, 'a crowd of 300: 200 or 503');
    is $issuer->calls - $calls, $tally->{200}, '... a call for each that passes';
    is_deeply [grep { $_->{status} == 503 && !is_put_off($_) } @answers], [], '... Retry-After';
    $issuer->behave('ok', 0);
    @answers = Crowd::ask($nginx->port,
        [map { { path => '/idp', token => "crowd-$_" } } 1 .. 300], at_once => 10);
    is_deeply Crowd::tally(@answers), { 200 => 300 }, '... and all pass a few at a time';
    $nginx->stop;
}

for my $bad ('max_waiting;', 'max_waiting -1;', 'max_waiting many;') {
    my $wrong = NginxProcess->prepare(
        http => "token_introspector idp { introspection_endpoint http://127.0.0.1:1/; $bad }");
    like $wrong->check, qr/\[emerg\].*max_waiting(?s:.*)test failed/, "nginx -t: $bad";
}

done_testing;
