# What is remembered of an issuer's answers, for how long, and what $token_cache_status says.

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use Loopback;
use NginxProcess;
use Test::More;

# Each answer has its call's number in it, so that a test sees which one it got.
my $issuer = Issuer->start(sub {
    my ($call) = @_;
    my $token = Issuer::form($call)->{token};
    return Issuer::answer('503 Service Unavailable', '') if $token =~ /^down/;
    my $active = $token =~ /^inactive/  ? 'false'       : 'true';
    my $exp    = $token =~ /^exp-(\d+)/ ? ",\"exp\":$1" : '';
    return Issuer::json("{\"active\":$active,\"n\":$call->{n},\"sub\":\"$token\"$exp}");
});

# B37: both ends of what cache_ttl takes are among these
my %introspectors = (
    default        => '',
    brief          => 'cache_ttl 1s;',
    ten            => 'cache_ttl 10s;',
    longest        => 'cache_ttl 86400s;',
    zero_s         => 'cache_ttl 0s;',
    zero_m         => 'cache_ttl 0m;',
    zero_h         => 'cache_ttl 0h;',
    never          => 'cache_ttl off;',
    inactive_brief => 'cache_inactive_ttl 1s;',
    inactive_off   => 'cache_inactive_ttl off;',
    inactive_long  => 'cache_inactive_ttl 1h; cache_ttl 1s;',
    leeway         => 'leeway 1h;',
);
my $blocks = join '', map {
    "token_introspector $_ { introspection_endpoint @{[ $issuer->url ]}; $introspectors{$_} }\n"
} sort keys %introspectors;
my $locations = join '',
    map {"location /$_ { token_introspect $_; try_files /nginx.conf =404; }\n"}
    sort keys %introspectors;

my $nginx = NginxProcess->start(http => <<"END");
    $blocks
    server {
        listen 127.0.0.1:%PORT%;
        root %DIR%;
        add_header Cache "\$token_cache_status" always;
        add_header N \$token_claim_n always;
        add_header Sub \$token_claim_sub always;
        $locations
        location /strict { token_introspect default; token_require_claim sub eq nobody; try_files /nginx.conf =404; }
        location /plain { try_files /nginx.conf =404; }
    }
END

# status, cache status and the call that was the source of the answer
sub ask {
    my ($path, $token) = @_;
    my $response = $nginx->get("/$path", Authorization => "Bearer $token");
    my $calls    = $issuer->call_count;
    return join ' ', $response->{status}, $response->{headers}{cache} // '-',
        defined $response->{headers}{n} ? 'call ' . ($response->{headers}{n} - $calls) : '-';
}
# how many calls the code makes
sub calls_of(&) {
    my ($code) = @_;
    my $before = $issuer->call_count;
    $code->();
    return $issuer->call_count - $before;
}

# B35, B40, B101: one call per token, whatever the number of requests
is calls_of { is ask(default => 'one'), '200 MISS call 0', 'the first time' },  1, '... calls';
is calls_of { is ask(default => 'one'), '200 HIT call 0',  'the second time' }, 0, '... does not';

# B104: per token
is calls_of { is ask(default => 'two'), '200 MISS call 0', 'another token' }, 1,
    '... has its own call';
is calls_of { is ask(default => 'on'), '200 MISS call 0', 'a prefix of a known token' }, 1,
    '... has its own call';
is ask(default => 'one'), '200 HIT call -2', 'the first one is still there';

# per introspector
is ask(ten => 'one'), '200 MISS call 0', 'another introspector does not share answers';

# requirements are checked on a hit
is ask(strict => 'one'), '403 HIT call -3', 'a hit is judged by the location';

# B103: 0s, 0m, 0h and off
for my $name (qw(zero_s zero_m zero_h never)) {
    is calls_of { is ask($name => 'x'), '200 BYPASS call 0', "$name" for 1 .. 2 }, 2,
        "$name calls each time";
}

# B102: the time is over
is ask(brief => 'x'), '200 MISS call 0', 'cache_ttl 1s: the first time';
my $seen = '';
ok eventually(sub { ($seen = ask(brief => 'x')) !~ /HIT/ }), 'cache_ttl 1s: ends';
is $seen, '200 EXPIRED call 0', '... and asks again';

# inactive tokens
is calls_of { is ask(default => 'inactive'), '401 MISS -', 'inactive' }, 1, '... calls';
is calls_of { is ask(default => 'inactive'), '401 HIT -', 'inactive again' }, 0,
    '... is remembered, too';
is calls_of { ask(inactive_off => 'inactive') for 1 .. 2 }, 2,
    'cache_inactive_ttl off';
ask(inactive_brief => 'inactive');
ok eventually(sub {
    calls_of { ask(inactive_brief => 'inactive') }
    }),
    'cache_inactive_ttl 1s ends';
ask(inactive_long => 'inactive');
ask(inactive_long => 'active');
ok eventually { ask(inactive_long => 'active') !~ /HIT/ }, 'cache_ttl 1s is over';
is calls_of { ask(inactive_long => 'inactive') }, 0,
    'cache_inactive_ttl may be longer than cache_ttl';

# B105: never beyond exp
# (a machine that is too slow to see it before exp gets one of longer life)
my ($exp, @before);
for my $life (3, 10, 30, 90) {
    my $until = time + $life;
    $exp    = "exp-$until";
    @before = map { ask(default => $exp) } 1 .. 2;
    last if time < $until;
}
like $before[0], qr/^200 MISS/, 'a token that expires soon';
like $before[1], qr/^200 HIT/,  '... is remembered until then';
ok eventually(sub { ($seen = ask(default => $exp)) !~ /^200/ }, 120), '... no longer';
like $seen, qr/^401 EXPIRED|^401 MISS/, '... and the issuer is asked once more';
is calls_of { like ask(leeway => $exp), qr/^200/, 'leeway goes beyond exp' for 1 .. 2 }, 1,
    '... in the cache as well';

# failures are not remembered (F.2)
like ask(default => 'down'), qr/^503 MISS/, 'a failure';
ok eventually(sub {
    calls_of { ask(default => 'down') }
    }),
    '... is not remembered';

# a location without the module has nothing to say, and no token has no status
is $nginx->get('/plain')->{headers}{cache},   undef, 'an unprotected location';
is $nginx->get('/default')->{headers}{cache}, undef, 'no token';
is $nginx->get('/default')->{status},         401,   '... is refused';

# B40, B41: the endpoint is down
ask(longest => 'kept');
$issuer->stop;
like ask(longest => 'kept'), qr/^200 HIT/, 'the endpoint is down: a remembered token is good';
like ask(longest => 'new'),  qr/^503/,     '... another one is not';
like ask(never   => 'kept'), qr/^503/,     '... nor one that is never remembered';

$nginx->stop;
done_testing;
