# A zone that is much too small: everything is decided rightly all the same.

use strict;
use warnings;
use lib 't/lib';

use Crowd;
use Loopback;
use NginxProcess;
use ScriptedIssuer;
use Test::More;
use TokenIntrospect ();

my $tokens = 20_000;

# A set that fills the zone, one that does not fit into it, and a small one.
sub keys_of {
    my ($count, $size) = @_;
    return TokenIntrospect::jwks(
        (map { TokenIntrospect::jwk("$_-" . 'x' x $size, kid => "k$_") } 1 .. $count - 1),
        TokenIntrospect::jwk($TokenIntrospect::SECRET, kid => 'last'));
}
my %sets   = (small => keys_of(2, 32), large => keys_of(200, 64), huge => keys_of(250, 300));
my $issuer = ScriptedIssuer->start(
    answer => sub {
        my ($method, $target, $token) = @_;
        return $sets{ substr $target, 1 } if $method eq 'GET';
        # answers of all sizes
        return undef if $token =~ /^bad/;
        return "{\"active\":true,\"sub\":\"$token\",\"fill\":\"" . 'x' x (length($token) * 37 % 1500)
            . '"}';
    }
);
my $jwt_blocks = join '', map { <<"END" } sort keys %sets;
    token_introspector $_ {
        issuer https://$_.test; jwks_uri @{[ $issuer->url(0, "/$_") ]}; algorithms HS256;
        response_size 1m;
        zone tiny;
    }
END
my $nginx = NginxProcess->start(workers => 2, http => <<"END");
    token_zone zone=tiny:64k;
    token_introspector idp { introspection_endpoint @{[ $issuer->url ]}; zone tiny; }
    $jwt_blocks
    server {
        listen 127.0.0.1:%PORT% reuseport;
        root %DIR%;
        add_header Cache \$token_cache_status always;
        add_header Sub \$token_claim_sub always;
        location / { token_introspect idp; try_files /nginx.conf =404; }
        @{[ map {"location /$_ { token_introspect $_; try_files /nginx.conf =404; }"} sort keys %sets ]}
    }
END
my @workers = sort $nginx->workers;

# Opaque tokens beside JWTs; what each has to be answered is known from its name.
my @wishes;
for my $n (1 .. $tokens) {
    push @wishes, $n % 5 == 0
        ? { token => 'bad-' . $n, expect => '401' }
        : { token => "token-$n-" . 'y' x ($n % 50), expect => '200', sub => 1 };
    next if $n % 50;
    my $set = (sort keys %sets)[$n / 50 % 3];
    my $sub = "s$n";
    push @wishes, {
        path  => "/$set",
        token => TokenIntrospect::jwt(iss => "https://$set.test", sub => $sub, -kid => 'last'),
        expect => '200',
        named  => $sub,
    }, {
        path   => "/$set",
        token  => TokenIntrospect::jwt(iss => "https://$set.test", -key => 'x' x 40, -kid => 'last'),
        expect => '401',
    };
}
my (%odd, %cache);
my @answers = Crowd::ask($nginx->port, \@wishes, at_once => 32, seconds => 100);
for my $n (0 .. $#wishes) {
    my ($wish, $answer) = ($wishes[$n], $answers[$n]);
    my $status = $answer->{status} || $answer->{failure};
    my $sub    = $wish->{named} // ($wish->{sub} ? $wish->{token} : undef);
    $odd{ ($wish->{path} // '/') . ": $status instead of $wish->{expect}" }++
        if $status ne $wish->{expect};
    $odd{"claims of another token"}++
        if $status eq '200' && $answer->{headers}{sub} ne $sub;
    $cache{ $answer->{headers}{cache} // '-' }++;
}
is_deeply \%odd, {}, "$tokens tokens and JWTs: each is decided rightly";
is $issuer->calls_for($wishes[$_]{token}), 1, 'an opaque token was asked for once' for 0, 1000;

# What was there last is remembered.
is $nginx->get('/', Authorization => 'Bearer last')->{headers}{cache}, $_, "afterwards: $_"
    for qw(MISS HIT);

# Hits among the misses: a crowd that wants few tokens often and many once.
my $load = Crowd->load(
    $nginx->port, 32,
    sub {
        my ($n) = @_;
        return undef if $n >= 5000;
        return { token => "hot-" . $n % 4 } if $n % 2;
        return { token => "bad-cold-$n", expect => [401] } if $n % 3;
        return { token => "cold-$n" };
    }
);
ok eventually(sub { $issuer->calls_for('cold-4998') }, 60), 'a crowd';
my $seen = $load->finish;
is_deeply $seen->{unexpected}, [], '... all answers are right';
is $nginx->count_in_log(qr/\[error\]/), 0,
    'nothing to complain about';
is_deeply [sort $nginx->workers], \@workers, 'no worker was lost';
$nginx->stop;
done_testing;
