# type cookie: a session cookie that its application introspects, such as .ASPXAUTH.

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use Loopback;
use NginxProcess;
use Test::More;

my $issuer = Issuer->start(sub {
    my ($call) = @_;
    my $token = Issuer::form($call)->{token};
    return Issuer::answer('503 Service Unavailable', '') if $token =~ /^down/;
    my $active = $token =~ /^gone/ ? 'false' : 'true';
    return Issuer::json(
        "{\"active\":$active,\"n\":$call->{n},\"sub\":\"" . lc($token) . '","from":"'
            . $call->{target} . '"}');
});

my $url   = $issuer->url('');
my $up    = free_port();
my $nginx = NginxProcess->start(http => <<"END");
    token_introspector aspx {
        type cookie;
        introspection_endpoint $url/aspx;
        authorization "Basic YTpi";
        cache_ttl 1h;
    }
    token_introspector named {
        type cookie;
        cookie SESSION;
        introspection_endpoint $url/named;
    }
    token_introspector second {
        type cookie;
        cookie SESSION;
        introspection_endpoint $url/second;
    }
    token_introspector opaque { introspection_endpoint $url/opaque; }

    server {
        listen 127.0.0.1:%PORT%;
        add_header X-Status \$token_status always;
        add_header X-Type \$token_type always;
        add_header X-By \$token_introspector always;
        add_header X-Cache \$token_cache_status always;
        add_header X-Sub \$token_claim_sub always;
        add_header X-From \$token_claim_from always;
        location /aspx { token_introspect aspx; proxy_pass http://127.0.0.1:$up; }
        location /named { token_introspect named; proxy_pass http://127.0.0.1:$up; }
        location /two { token_introspect named second; proxy_pass http://127.0.0.1:$up; }
        location /both { token_introspect opaque aspx named; proxy_pass http://127.0.0.1:$up; }
        location /kept {
            token_introspect named;
            token_forward_token on;
            proxy_pass http://127.0.0.1:$up;
        }
        location /optional { token_introspect named optional; proxy_pass http://127.0.0.1:$up; }
        location /redirects {
            token_introspect named;
            try_files /none \@inner;
        }
        location \@inner { token_introspect named; proxy_pass http://127.0.0.1:$up; }
        location /redirects-by-bearer {
            token_introspect opaque named;
            try_files /none \@inner-both;
        }
        location \@inner-both { token_introspect opaque named; proxy_pass http://127.0.0.1:$up; }
    }
    server {
        listen 127.0.0.1:$up;
        location / { return 200 '[\$http_cookie][\$http_authorization]'; }
    }
END

sub ask {
    my ($path, %headers) = @_;
    my $response = $nginx->get($path, %headers);
    my %h        = map { $_ => $response->{headers}{"x-$_"} // '-' } qw(status type by cache sub from);
    return join ' ', $response->{status}, @h{qw(status type by cache sub)};
}
sub body { my ($path, %headers) = @_; return $nginx->get($path, %headers)->{body} }

# The cookie's value is introspected, with the configured authorization.
is ask('/aspx', Cookie => '.ASPXAUTH=0A1B2C'), '200 active cookie aspx MISS 0a1b2c', 'the default name';
my ($call) = $issuer->calls;
is $call->{method}, 'POST', '... by POST';
is $call->{body}, 'token=0A1B2C', '... the value as the token';
is(Issuer::header($call, 'authorization'), 'Basic YTpi', '... with the authorization');

# B36: one result per cookie value
is ask('/aspx', Cookie => '.ASPXAUTH=0A1B2C'), '200 active cookie aspx HIT 0a1b2c', 'the same value is remembered';
is ask('/aspx', Cookie => '.ASPXAUTH=FF'), '200 active cookie aspx MISS ff', 'another value is asked for';
is ask('/aspx', Cookie => 'a=1; .ASPXAUTH=FF; b=2'), '200 active cookie aspx HIT ff', 'among others';

is ask('/aspx'), '401 missing - - - -', 'no cookie';
is ask('/aspx', Cookie => 'SESSION=1'), '401 missing - - - -', 'another cookie';
is ask('/aspx', Cookie => '.aspxauth=FF'), '401 missing - - - -', 'names of cookies have case';
is ask('/aspx', Cookie => '.ASPXAUTH='), '401 missing - - - -', 'an empty cookie';
is ask('/aspx', Cookie => '.ASPXAUTH=gone'), '401 inactive cookie aspx MISS -', 'inactive';
is ask('/aspx', Cookie => '.ASPXAUTH=down'), '503 issuer_status cookie aspx MISS -', 'the application is down';
is ask('/aspx', Cookie => '.ASPXAUTH=a; .ASPXAUTH=b'), '400 multiple_credentials - - - -', 'two different values';
is ask('/named', Cookie => 'SESSION=X'), '200 active cookie named MISS x', 'a configured name';

# It never goes upstream, unless that is configured.
is body('/named', Cookie => 'a=1; SESSION=X; b=2'), '[a=1; b=2][]', 'the cookie is taken out';
is body('/named', Cookie => 'SESSION=X'), '[][]', '... and the header with it';
is body('/kept', Cookie => 'a=1; SESSION=X'), '[a=1; SESSION=X][]', 'token_forward_token on keeps it';
is body('/optional', Cookie => 'a=1'), '[a=1][]', 'optional: no cookie';
is ask('/optional', Cookie => 'SESSION=gone'), '401 inactive cookie named MISS -', '... but no bad one';

# Several introspectors of one cookie: the first that knows it wins.
is ask('/two', Cookie => 'SESSION=Y'), '200 active cookie named MISS y', 'the first of two';
is ask('/two', Cookie => 'SESSION=gone1'), '401 inactive cookie named MISS -', 'neither of two';
is scalar(grep { $_->{body} eq 'token=gone1' } $issuer->calls), 2, '... both were asked';

# A Bearer token comes first, and neither is sent where the other belongs.
is ask('/both', Authorization => 'Bearer T', Cookie => 'SESSION=Z; .ASPXAUTH=Z'),
    '200 active opaque opaque MISS t', 'a Bearer token is consulted first';
is body('/both', Authorization => 'Bearer T', Cookie => 'SESSION=Z; .ASPXAUTH=Z; c=3'), '[c=3][]',
    '... and the cookies are taken out all the same';
is ask('/both', Cookie => 'SESSION=Z; .ASPXAUTH=Z'), '200 active cookie aspx MISS z',
    'of two cookies the one of the first introspector';
is ask('/both', Authorization => 'Bearer gone2', Cookie => 'SESSION=Z'), '401 inactive opaque opaque MISS -',
    'a bad Bearer token is not outdone by a good cookie';
is ask('/both', Authorization => 'Bearer a b', Cookie => 'SESSION=Z'), '400 malformed_credential - - - -',
    'nor a malformed one';
is ask('/named', Authorization => 'Bearer T', Cookie => 'SESSION=X'), '401 unknown_issuer - - - -',
    'a Bearer token that nobody here judges';
my %asked = map { $_->{body} => 1 } grep { $_->{target} eq '/opaque' } $issuer->calls;
ok !$asked{'token=Z'} && !$asked{'token=X'}, 'no cookie was sent to the opaque endpoint';
ok !(grep { $_->{target} ne '/opaque' && $_->{body} =~ /token=(T|gone2)/ } $issuer->calls),
    'no Bearer token was sent to an application';

# The location that a redirect leads to sees the credential of the first.
is ask('/redirects', Cookie => 'SESSION=R'), '200 active cookie named HIT r', 'after an internal redirect';
is body('/redirects', Cookie => 'SESSION=R; d=4'), '[d=4][]', '... still without the cookie';
is ask('/redirects-by-bearer', Authorization => 'Bearer B', Cookie => 'SESSION=R'),
    '200 active opaque opaque HIT b', 'a Bearer token stays first after it';

done_testing();
