# Endpoints with names: found, not found, healed, without a resolver (B131, B132).

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use Loopback;
use NameServer;
use NginxProcess;
use Test::More;

my $issuer = Issuer->start(sub {
    my ($call) = @_;
    return Issuer::json('{"active":true,"host":"' . Issuer::header($call, 'host') . '"}');
});
my $port = $issuer->port;
my $dns  = NameServer->start(
    'idp.test'   => '127.0.0.1',
    'two.test'   => '127.0.0.1',
    'moves.test' => '127.0.0.2',
    'mute.test'  => 'DROP'
);
my %known = map { ("$_.test" => '127.0.0.1') } qw(idp two kept short spare);
my $other = NameServer->start(%known);
my $mute  = NameServer->start('spare.test' => 'DROP');

my $nginx = NginxProcess->start(http => <<"END");
    token_introspector found { introspection_endpoint http://idp.test:$port/x; resolver @{[ $dns->address ]} valid=1s ipv6=off; cache_ttl off; }
    token_introspector lost { introspection_endpoint http://lost.test:$port/x; resolver @{[ $dns->address ]} valid=1s ipv6=off; cache_ttl off; }
    token_introspector moves { introspection_endpoint http://moves.test:$port/x; resolver @{[ $dns->address ]} valid=1s ipv6=off; cache_ttl off; }
    token_introspector mute { introspection_endpoint http://mute.test:$port/x; resolver @{[ $dns->address ]}; resolver_timeout 500ms; cache_ttl off; }
    token_introspector several { introspection_endpoint http://two.test:$port/x; resolver @{[ $dns->address ]} @{[ $other->address ]} valid=1s; resolver_timeout 30s; cache_ttl off; }
    token_introspector spare { introspection_endpoint http://spare.test:$port/x; resolver @{[ $mute->address ]} @{[ $other->address ]} valid=30s; resolver_timeout 60s; }
    token_introspector kept { introspection_endpoint http://kept.test:$port/x; resolver @{[ $other->address ]} valid=1h; cache_ttl off; }
    token_introspector short { introspection_endpoint http://short.test:$port/x; resolver @{[ $other->address ]}; cache_ttl off; }
    token_introspector none { introspection_endpoint http://nowhere.invalid:$port/x; cache_ttl off; }
    token_introspector literal { introspection_endpoint http://127.0.0.1:$port/x; resolver @{[ $dns->address ]}; }
    server {
        listen 127.0.0.1:%PORT%;
        root %DIR%;
        add_header Seen \$token_claim_host always;
        location /found { token_introspect found; try_files /nginx.conf =404; }
        location /lost { token_introspect lost; try_files /nginx.conf =404; }
        location /moves { token_introspect moves; try_files /nginx.conf =404; }
        location /mute { token_introspect mute; try_files /nginx.conf =404; }
        location /several { token_introspect several; try_files /nginx.conf =404; }
        location /spare { token_introspect spare; try_files /nginx.conf =404; }
        location /kept { token_introspect kept; try_files /nginx.conf =404; }
        location /short { token_introspect short; try_files /nginx.conf =404; }
        location /none { token_introspect none; try_files /nginx.conf =404; }
        location /literal { token_introspect literal; try_files /nginx.conf =404; }
        location /gateway { token_introspect none; token_error_code no_match=403; try_files /nginx.conf =404; }
    }
END
sub ask { return $nginx->get("/$_[0]", Authorization => 'Bearer x') }

sub reasons {
    my ($who) = @_;
    return $nginx->count_in_log(qr/refused, reason: issuer_unreachable, introspector: $who,/);
}

# Several servers (B132): one does not answer, and after five seconds nginx turns to the next.
my $spare = send_request(connect_to($nginx->port), 'GET /spare', Authorization => 'Bearer x');

my $response = ask('found');
is $response->{status},        200,              'a name that is found';
is $response->{headers}{seen}, "idp.test:$port", '... is the Host';
is ask('several')->{status}, 200, 'several resolvers, with port, valid and resolver_timeout (B132)';
ok eventually(sub {
    ask('several');
    $dns->queries('two.test') && $other->queries('two.test');
    }),
    '... which take turns';
is ask('literal')->{status}, 200, 'an address needs none';

is ask('lost')->{status}, 503, 'a name that is not found';
is reasons('lost'),       1,   '... and its reason';
cmp_ok $nginx->count_in_log(qr/lost\.test could not be resolved/), '>=', 1,
    '... and its name in the log';
$dns->set('idp.test' => 'SERVFAIL', 'lost.test' => '127.0.0.1', 'moves.test' => '127.0.0.1');
ok eventually(sub { ask('lost')->{status} == 200 }), '... is found as soon as it is there';

# The servers say that an answer counts for one second: valid= goes before (B132).
is ask($_)->{status}, 200, "$_ is found" for qw(kept short);
ok eventually(sub {
    ask('short');
    $other->queries('short.test') >= 2;
    }),
    'without valid= a name is resolved again when its time is over';
is ask('kept')->{status},        200, '... with it';
is $other->queries('kept.test'), 1,   '... it is not';

ok eventually(sub { ask('moves')->{status} == 200 }), 'a name that moves is followed';
ok eventually(sub { ask('found')->{status} == 503 }), 'a name server that fails';
$dns->set('idp.test' => '127.0.0.1');
ok eventually(sub { ask('found')->{status} == 200 }), '... and heals';

$dns->set('mute.test' => 'DROP');
is ask('mute')->{status}, 503, 'a name server that does not answer';
is reasons('mute'), 1, '... and its reason';
is $nginx->count_in_log(qr/mute\.test could not be resolved \(110: Operation timed out\)/), 1,
    '... because of resolver_timeout (B132)';

is read_response($spare)->{status}, 200, 'a name server that does not answer, and one that does';
cmp_ok $mute->queries('spare.test'), '>=', 1, '... the first was asked';
cmp_ok $other->queries('spare.test'), '>=', 1, '... and the second';

# B131: without a resolver nginx starts all the same
is ask('none')->{status}, 503, 'no resolver';
is reasons('none'),       1,   '... and its reason';
cmp_ok $nginx->count_in_log(qr/no resolver defined to resolve nowhere\.invalid/), '>=', 1,
    '... and its cause in the log';
is ask('gateway')->{status}, 403, '... as no_match=403 says';
like $nginx->log, qr/\[warn\] .*host not found: "nowhere\.invalid"/,
    '... and a warning at the start';
$nginx->stop;

# http's resolver, which stands behind the introspector
$nginx = NginxProcess->start(http => <<"END");
    token_introspector idp { introspection_endpoint http://idp.test:$port/x; }
    token_introspector lost { introspection_endpoint http://lost.test:$port/x; }
    resolver @{[ $other->address ]} ipv6=off;
    server {
        listen 127.0.0.1:%PORT%;
        root %DIR%;
        location / { token_introspect idp; try_files /nginx.conf =404; }
        location /lost { token_introspect lost; try_files /nginx.conf =404; }
    }
END
is ask('')->{status},     200, "http's resolver";
is ask('lost')->{status}, 503, '... does not know a name: nginx has started all the same';
$nginx->stop;

done_testing;
