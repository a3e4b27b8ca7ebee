# Name servers that fail and heal while requests go on.

use strict;
use warnings;
use lib 't/lib';

use Crowd;
use Loopback;
use NameServer;
use NginxProcess;
use ScriptedIssuer;
use Test::More;
use TokenIntrospect ();

my $issuer = ScriptedIssuer->start;
my $port   = $issuer->port;
my %faults = (
    nxdomain => 'NXDOMAIN',
    servfail => 'SERVFAIL',
    drop     => 'DROP',
    moved    => '127.0.0.77',                # nobody listens there
    several  => '127.0.0.77 127.0.0.78',
    empty    => '',
);
my @names   = sort keys %faults;
my $dns     = NameServer->start;
my $timeout = 300 * patience();

my $blocks = join '', map { <<"END" } @names;
    token_introspector $_ {
        introspection_endpoint http://$_.test:$port/introspect;
        resolver @{[ $dns->address ]} valid=1s ipv6=off;
        resolver_timeout ${timeout}ms;
        connect_timeout ${timeout}ms; send_timeout ${timeout}ms; read_timeout ${timeout}ms;
    }
    token_introspector keys_$_ {
        issuer https://$_.test;
        jwks_uri http://$_.test:$port/keys;
        algorithms HS256;
        resolver @{[ $dns->address ]} valid=1s ipv6=off;
        resolver_timeout ${timeout}ms;
        connect_timeout ${timeout}ms; send_timeout ${timeout}ms; read_timeout ${timeout}ms;
    }
END
my $locations = join '', map { <<"END" } @names;
        location /$_ { token_introspect $_; try_files /nginx.conf =404; }
        location /keys_$_ { token_introspect keys_$_; try_files /nginx.conf =404; }
END

sub well { $dns->set(map { ("$_.test" => '127.0.0.1') } @names) }
well();
my $nginx = NginxProcess->start(workers => 2, http => <<"END");
    $blocks
    server {
        listen 127.0.0.1:%PORT% reuseport;
        root %DIR%;
        add_header Cache \$token_cache_status always;
        $locations
    }
END
my @workers = sort $nginx->workers;

sub tokens { return map { { path => "/$_[0]", token => "$_[1]-$_" } } 1 .. $_[2] }
my @known = map { tokens($_, 'known', 2) } @names;
is_deeply Crowd::tally(Crowd::ask($nginx->port, \@known)), { 200 => 2 * @names },
    'names that are found: tokens pass';

for my $round (1, 2) {
    $dns->set(map { ("$_.test" => $faults{$_}) } @names);
    my $number = 0;
    ok eventually(
        sub {
            my $n = $number++;
            !grep { $_->{status} == 200 }
                Crowd::ask($nginx->port, [map { tokens($_, "until-$round-$n", 1) } @names]);
        },
        40
        ),
        "round $round: the names are lost";

    # Fresh tokens, each asked for several times, JWTs without keys, known tokens.
    my @requests = (
        (map { (tokens($_, "fresh-$round", 5)) x 4 } @names),
        ($round == 1
            ? map {
                my $name = $_;
                map { { path => "/keys_$name", token => TokenIntrospect::jwt(iss => "https://$name.test", sub => $_) } }
                    1 .. 5
            } @names
            : ()),
    );
    is_deeply Crowd::tally(Crowd::ask($nginx->port, \@requests)), { 503 => scalar @requests },
        '... nobody is judged, and everybody has an answer';
    my @answers = Crowd::ask($nginx->port, \@known);
    is_deeply Crowd::tally(@answers), { 200 => scalar @known }, '... known tokens pass';
    is_deeply [grep { $_->{headers}{cache} ne 'HIT' } @answers], [], '... from memory';

    well();
    my %sick = map { $_ => 1 } @names;
    ok eventually(
        sub {
            for my $name (keys %sick) {
                my @asked = (
                    tokens($name, "fresh-$round", 5),
                    tokens($name, "after-$round", 2),
                    {
                        path  => "/keys_$name",
                        token => TokenIntrospect::jwt(iss => "https://$name.test")
                    },
                );
                my $tally = Crowd::tally(Crowd::ask($nginx->port, \@asked));
                delete $sick{$name} if ($tally->{200} // 0) == @asked;
            }
            return !%sick;
        },
        60
        ),
        '... all are found again'
        or diag 'not found: ', join ' ', sort keys %sick;
}

# A reload while names are being resolved.
$dns->set(map { ("$_.test" => 'DROP') } @names);
my @sockets = map {
    send_request(connect_to($nginx->port), "GET /$_", Authorization => 'Bearer reloaded')
} @names;
ok $nginx->reload, 'a reload while names are being resolved';
is_deeply [grep { !defined } map { read_response($_) } @sockets], [], '... everybody has an answer';
well();
ok eventually(sub { $nginx->get('/drop', Authorization => 'Bearer reloaded')->{status} == 200 }, 40),
    '... and names are found';

is $nginx->count_in_log(qr/exited on signal/), 0, 'no worker was lost';
$nginx->stop;
done_testing;
