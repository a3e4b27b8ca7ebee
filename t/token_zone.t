# token_zone: several, the default one, a full one, and what a reload keeps.

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use Loopback;
use NginxProcess;
use Test::More;

my $issuer = Issuer->start(sub {
    my ($call) = @_;
    my $form   = Issuer::form($call);
    my ($who)  = $call->{target} =~ m{^/(\w+)};
    return Issuer::json("{\"active\":true,\"sub\":\"$form->{token}\",\"who\":\"$who\",\"fill\":\""
            . 'x' x 600
            . '"}');
});

sub http {
    my ($zones, $extra) = @_;
    return <<"END";
    $zones
    token_introspector a { introspection_endpoint @{[ $issuer->url('/a') ]}; zone one; }
    token_introspector b { introspection_endpoint @{[ $issuer->url('/b') ]}; zone two; }
    token_introspector c { introspection_endpoint @{[ $issuer->url('/c') ]}; }
    server {
        listen 127.0.0.1:%PORT% reuseport;
        root %DIR%;
        add_header Cache "\$token_cache_status" always;
        add_header Seen "\$token_claim_who \$token_claim_sub" always;
        @{[ $extra // '' ]}
        location /a { token_introspect a; try_files /nginx.conf =404; }
        location /b { token_introspect b; try_files /nginx.conf =404; }
        location /c { token_introspect c; try_files /nginx.conf =404; }
    }
END
}
my $zones = 'token_zone zone=one:64k; token_zone zone=two:1m;';
my $nginx = NginxProcess->start(workers => 2, http => http($zones));

sub ask {
    my ($path, $token) = @_;
    my $response = $nginx->get("/$path", Authorization => "Bearer $token");
    return join ' ', $response->{status}, $response->{headers}{cache} // '-',
        $response->{headers}{seen} // '-';
}

# the same token, three introspectors, two of them in one zone
is ask(a  => 'x'), '200 MISS a x', 'a zone of its own';
is ask(b  => 'x'), '200 MISS b x', 'another zone';
is ask(c  => 'x'), '200 MISS c x', 'the first zone: not shared with another introspector';
is ask($_ => 'x'), "200 HIT $_ x", "$_ again" for qw(a b c);

# workers share it
is scalar(grep { ask(b => 'shared') !~ /HIT/ } 1 .. 12), 1, 'one worker asks, the others know';

# a reload keeps what is in it
ok $nginx->reload, 'reload';
is ask(b => 'x'), '200 HIT b x', 'remembered over a reload';

# ... for an introspector whose words are the same only
$nginx->configure(http($zones) =~ s/zone two; \}/zone two; audience api; }/r);
ok $nginx->reload, 'reload with another audience';
is ask(b => 'x'), '401 MISS ', 'a changed introspector starts anew';
$nginx->configure(http($zones));
ok $nginx->reload, 'reload as it was';
is ask(b => 'x'), '200 HIT b x', 'the old words find the old answers';

# a resized zone starts anew and disturbs nobody
$nginx->configure(http('token_zone zone=one:64k; token_zone zone=two:2m;'));
ok $nginx->reload, 'reload with a larger zone';
is ask(b => 'x'), '200 MISS b x', 'the new zone is empty';
is ask(c => 'x'), '200 HIT c x',  'the other one is not';

# 64k under pressure: never an error, and the latest are remembered
my $before = $issuer->call_count;
my @bad    = grep { !/^200 (?:MISS|HIT) a/ } map { ask(a => "pressure-$_") } 1 .. 300;
is_deeply \@bad, [], '300 tokens in a zone for a few dozen';
is $issuer->call_count,      $before + 300,                     '... each asked for once';
is ask(a => 'pressure-300'), '200 HIT a pressure-300',          'the latest is remembered';
is ask(a => 'pressure-1'),   '200 MISS a pressure-1',           'the first had to go';
is $nginx->count_in_log(qr/\[(?:error|crit|alert|emerg)\]/), 0, 'nothing to complain about';

# many at a time, none of which fits beside the others
my @sockets =
    map { send_request(connect_to($nginx->port), 'GET /a', Authorization => "Bearer crowd-$_") }
    1 .. 100;
my %status;
$status{ read_response($_)->{status} // 'none' }++ for @sockets;
is_deeply \%status, { 200 => 100 }, '100 at once in the small zone';
$nginx->stop;

# an answer that no small zone can hold still counts for its request
my $big = Issuer->start(sub { Issuer::json('{"active":true,"sub":"' . 'x' x 60000 . '"}') });
$nginx = NginxProcess->start(http => <<"END");
    token_zone zone=small:64k;
    token_introspector big { introspection_endpoint @{[ $big->url ]}; }
    server {
        listen 127.0.0.1:%PORT%;
        root %DIR%;
        location / { token_introspect big; try_files /nginx.conf =404; }
    }
END
is $nginx->get('/', Authorization => 'Bearer x')->{status}, 200, 'an answer larger than the zone'
    for 1 .. 2;
is $big->call_count, 2, '... is not remembered';
$nginx->stop;

# the default zone
$nginx = NginxProcess->start(workers => 2, http => http('') =~ s/zone (?:one|two);//gr);
is ask(a => 'x'), '200 MISS a x', 'without token_zone';
is ask(a => 'x'), '200 HIT a x',  '... there is one';
ok $nginx->reload, 'reload';
is ask(a => 'x'), '200 HIT a x', '... that survives a reload';
$nginx->stop;

done_testing;
