# Which introspector judges which token, when a location lists several (B21, B46, B130).

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use Loopback;
use NginxProcess;
use Test::More;
use TokenIntrospect qw(jwt);

# Each endpoint knows its own tokens: /a those with "-a-", /b those with "-b-"; "-down-" breaks both.
my $issuer = Issuer->start(sub {
    my ($call) = @_;
    my $token  = Issuer::form($call)->{token};
    my ($who)  = $call->{target} =~ m{^/(\w+)};
    return Issuer::answer('500 Internal Server Error', '') if $token =~ /-down-$who/;
    return Issuer::json($token =~ /-$who-/
            || ($who eq 'all') ? "{\"active\":true,\"sub\":\"$who\"}" : '{"active":false}');
});

my $secret       = 'a secret of at least thirty-two bytes';
my $other_secret = 'another secret of more than thirty-two bytes';
my %lists        = (
    jwt      => 'jwt',
    a        => 'a',
    ab       => 'a b',
    ba       => 'b a',
    jwt_a    => 'jwt a',
    a_jwt    => 'a jwt',
    jwts     => 'jwt same other',
    jwts_all => 'jwt same other all',
    all      => 'all',
    any_all  => 'any all',
    down_b   => 'down b',
    b_down   => 'b down',
);
my $locations = join '',
    map {"location /$_ { token_introspect $lists{$_}; try_files /nginx.conf =404; }\n"}
    sort keys %lists;
my $nginx = NginxProcess->start(http => <<"END");
    token_introspector jwt { issuer https://jwt.test; secret "$secret"; }
    token_introspector same { issuer https://jwt.test; secret "$other_secret"; }
    token_introspector other { issuer https://other.test; secret "$other_secret"; }
    token_introspector any { issuer *; secret "$secret"; }
    token_introspector a { introspection_endpoint @{[ $issuer->url('/a') ]}; }
    token_introspector b { introspection_endpoint @{[ $issuer->url('/b') ]}; }
    token_introspector all { introspection_endpoint @{[ $issuer->url('/all') ]}; }
    token_introspector down { introspection_endpoint http://127.0.0.1:@{[ free_port() ]}/; }
    server {
        listen 127.0.0.1:%PORT%;
        root %DIR%;
        add_header By "\$token_introspector" always;
        add_header Type "\$token_type" always;
        add_header Status "\$token_status" always;
        add_header Cache "\$token_cache_status" always;
        $locations
    }
END

# "status introspector word", and the endpoints that were asked, in order
sub ask {
    my ($path, $token) = @_;
    my $before   = $issuer->call_count;
    my $response = $nginx->get("/$path", Authorization => "Bearer $token");
    my @calls    = $issuer->calls;
    my $asked    = join ' ', map { $_->{target} } @calls[$before .. $#calls];
    my %headers  = %{ $response->{headers} };
    return join(' ', $response->{status}, $headers{by} || '-', $headers{status}) . " [$asked]";
}
sub token { my ($iss, $key, %more) = @_; return jwt(iss => $iss, -key => $key, sub => 'x', %more) }

my $ours    = token('https://jwt.test',     $secret);
my $same    = token('https://jwt.test',     $other_secret);
my $foreign = token('https://foreign.test', $secret);
my $forged  = token('https://jwt.test',     'a secret that nobody here has configured');

# a JWT goes to the introspector of its issuer
is ask(jwt   => $ours), '200 jwt active []', 'a JWT';
is ask(jwt_a => $ours), '200 jwt active []', 'a JWT is not sent anywhere (B46)';
is ask(a_jwt => $ours), '200 jwt active []', '... wherever the opaque one is listed';
is ask(jwt_a => $forged), '401 jwt bad_signature []',
    'a forged JWT of a named issuer is not sent to another endpoint';
is ask(a_jwt => $forged), '401 jwt bad_signature []', '... in no order';
is ask(a_jwt => $forged), '401 jwt bad_signature []', '... nor the second time';
is ask(jwt_a => token('https://jwt.test', $secret, exp => 1)), '401 jwt expired []',
    '... nor an expired one';
is ask(jwts => $same), '200 same active []', 'the same issuer twice: the one whose key fits';
is ask(jwts => $ours), '200 jwt active []',  '... in either place';
is ask(jwts => token('https://other.test', $other_secret)), '200 other active []', 'another issuer';
like ask(jwts => token('https://other.test', $secret)), qr/^401 other bad_signature \[\]/,
    '... with the key of the first (B64)';
is ask(jwts_all => $forged), '401 jwt bad_signature []', 'no key fits: nobody else is asked';

# a JWT that no jwt introspector claims
is ask(jwt => $foreign), '401 - unknown_issuer []', 'a JWT of a foreign issuer';
is ask(a   => $foreign), '401 a inactive [/a]', '... is an opaque token to an opaque introspector';
is ask(all => $foreign), '200 all active [/all]', '... that may know it';
is ask(jwts_all => $foreign), '200 all active []',
    '... and whose answer counts wherever it is listed';
my $stranger = token('https://stranger.test', $secret);
is ask(jwts_all => $stranger), '200 all active [/all]',
    '... after the jwt introspectors have passed';
is ask(jwts_all => $stranger), '200 all active []', '... and from the cache';
like ask(any_all => token('https://x.test', $other_secret)), qr/^401 any bad_signature \[\]/,
    'issuer *: claims every JWT';
is ask(any_all => 'a.b.c'), '200 all active [/all]', '... but not what only looks like one';

# a remembered opaque answer for a JWT does not outweigh the issuer's introspector elsewhere
is ask(all => $ours), '200 all active [/all]',
    'a location that lists only an opaque introspector asks it';
is ask(all => $forged), '200 all active [/all]', '... also for a token that is forged elsewhere';
is ask(jwts_all => $forged), '401 jwt bad_signature []',
    '... which a location with the jwt introspector refuses';

# opaque ones in order
is ask(ab  => 'x-a-'),   '200 a active [/a]',      'the first knows it: the second is not asked';
is ask(ab  => 'x-b-'),   '200 b active [/a /b]',   'the second knows it';
is ask(ab  => 'x-b-'),   '200 b active []',        '... remembered';
is ask(ba  => 'y-a-b-'), '200 b active [/b]',      'the order of the list';
is ask(ab  => 'nobody'), '401 a inactive [/a /b]', 'nobody knows it';
is ask(ab  => 'nobody'), '401 a inactive []',      '... remembered';
is ask(jwt => 'opaque'), '401 - malformed []',     'an opaque token where only JWTs are';
is ask(jwts_all => 'opaque'), '200 all active [/all]',
    'an opaque token beside jwt introspectors (B130)';

# one of them is down
is ask(down_b => 'z-b-'), '200 b active [/b]', 'the first is down, the second knows it';
is ask(down_b => 'z-nobody'), '503 down issuer_unreachable [/b]',
    'the first is down, the second does not know it: nobody can tell';
is ask(b_down => 'w-nobody'),    '503 down issuer_unreachable [/b]', '... in either order';
is ask(ab     => 'v-down-a-b-'), '200 b active [/a /b]', 'the first fails, the second knows it';
is ask(ab     => 'v-down-a'), '503 a issuer_status [/a /b]',
    'the first fails, the second does not know it';

# the variables
is $nginx->get('/ab', Authorization => 'Bearer t-b-')->{headers}{type}, 'opaque',
    '$token_type of an opaque token';
is $nginx->get('/jwt', Authorization => "Bearer $ours")->{headers}{type}, 'jwt',
    '$token_type of a JWT';

$nginx->stop;
done_testing;
