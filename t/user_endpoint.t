# user_endpoint and user_claim: who the token's user is, asked for like tokens are.

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use Loopback;
use NginxProcess;
use Test::More;
use TokenIntrospect qw(jwt $SECRET);

my $issuer = Issuer->start(sub {
    my ($call) = @_;
    my $id = $call->{target} =~ m{([^/=]*)\z} ? $1 : '';
    return Issuer::answer('404 Not Found', '', 'Content-Type' => 'text/plain') if $id =~ /^nobody/;
    return Issuer::answer('503 Service Unavailable', '') if $id =~ /^down/;
    return Issuer::json('{"user":{"id":"x"},"role":{}}') if $id =~ /^wrong/;
    return Issuer::json('["no object"]') if $id =~ /^array/;
    return Issuer::json("{\"user\":{\"id\":\"$id\",\"inactive\":true}}") if $id =~ /^inactive/;
    return Issuer::json("{\"id\":\"$id\",\"inactive\":\"true\"}") if $id =~ /^words/;
    return Issuer::json("{\"id\":\"$id\",\"inactive\":true}") if $id =~ /^bare-gone/;
    return Issuer::answer('200 OK', "{\"id\":\"$id\"}", 'Content-Type' => 'application/fhir+json') if $id =~ /^bare/;
    return Issuer::json("{\"user\":{\"id\":\"$id\"},\"role\":[{\"name\":\"doctor\"}]}");
});
my $url = $issuer->url('');
my $up  = free_port();

my $nginx = NginxProcess->start(http => <<"END");
    token_introspector idp {
        issuer https://idp.test;
        secret "$SECRET";
        user_endpoint $url/User/;
        authorization "Basic YTpi";
    }
    token_introspector brief {
        issuer https://idp.test;
        secret "$SECRET";
        user_endpoint $url/brief/User/;
        cache_ttl 1s;
        cache_inactive_ttl 1s;
    }
    token_introspector query {
        issuer https://idp.test;
        secret "$SECRET";
        user_endpoint "$url/query?kind=user&id=\$token_user_id";
        user_claim email;
    }
    token_introspector within {
        issuer https://idp.test;
        secret "$SECRET";
        user_endpoint /within/;
    }
    token_introspector none { issuer https://idp.test; secret "$SECRET"; }

    server {
        listen 127.0.0.1:%PORT%;
        add_header X-Status \$token_status always;
        add_header X-User \$token_user_id always;
        location /idp { token_introspect idp; proxy_pass http://127.0.0.1:$up; }
        location /brief { token_introspect brief; proxy_pass http://127.0.0.1:$up; }
        location /query { token_introspect query; proxy_pass http://127.0.0.1:$up; }
        location /internal { token_introspect within; proxy_pass http://127.0.0.1:$up; }
        location /none { token_introspect none; proxy_pass http://127.0.0.1:$up; }
        location /within/ { internal; proxy_pass $url; }
    }
    server {
        listen 127.0.0.1:$up;
        location / { return 200 'ok'; }
    }
END

sub ask {
    my ($path, %claims) = @_;
    my $response = $nginx->get($path, Authorization => 'Bearer ' . jwt(%claims));
    my %h = map { $_ => $response->{headers}{"x-$_"} // '-' } qw(status user);
    return join ' ', $response->{status}, @h{qw(status user)};
}
sub targets { return map { $_->{target} } $issuer->calls }
sub calls_of(&) {
    my ($code) = @_;
    my $before = $issuer->call_count;
    $code->();
    return $issuer->call_count - $before;
}

# B25, B26, B27: box_user, then sub
is calls_of { is ask('/idp', sub => 'alice'), '200 active alice', 'sub names the user' }, 1, '... asked for';
my ($call) = $issuer->calls;
is "$call->{method} $call->{target}", 'GET /User/alice', '... with the id appended';
is(Issuer::header($call, 'authorization'), 'Basic YTpi', '... with the authorization');
is(Issuer::header($call, 'accept'), 'application/json', '... as JSON');
is calls_of { is ask('/idp', sub => 'alice', n => 2), '200 active alice', 'another token of the user' }, 0,
    '... the user is remembered';
is ask('/idp', sub => 'keycloak-uuid', box_user => 'bob'), '200 active bob', 'box_user wins';
is((targets())[-1], '/User/bob', '... and is asked for');
is ask('/idp', sub => 'carol', box_user => undef), '200 active carol', 'a box_user of null is none';
is ask('/idp', sub => 42), '200 active 42', 'an integer is an id';
is calls_of { is ask('/idp', sub => 'eve', box_user => ['eve']), '200 active -', 'a box_user of no use' }, 0,
    '... does not give way to sub';
is calls_of { is ask('/idp'), '200 active alice', 'the token of the suite names alice' }, 0, '... as before';

# B33: no such user is no refusal
is calls_of { is ask('/idp', sub => 'nobody'), '200 active nobody', 'an unknown user passes' }, 1, '... asked for';
is calls_of { is ask('/idp', sub => 'nobody'), '200 active nobody', '... again' }, 0, '... remembered';

# inactive users, and endpoints that say nothing of use
is ask('/idp', sub => 'inactive'), '403 user_inactive inactive', 'an inactive user is refused';
is calls_of { is ask('/idp', sub => 'inactive'), '403 user_inactive inactive', '... again' }, 0, '... remembered';
is ask('/idp', sub => 'bare'), '200 active bare', 'a User by itself, as FHIR';
is ask('/idp', sub => 'bare-gone'), '403 user_inactive bare-gone', '... an inactive one';
is ask('/idp', sub => 'words'), '503 issuer_response -', 'inactive as a word says nothing of use';
is ask('/idp', sub => 'down'),  '503 issuer_status -',   'the endpoint is down';
is ask('/idp', sub => 'wrong'), '503 issuer_response -', 'roles that are no array';
is ask('/idp', sub => 'array'), '503 issuer_response -', 'no object';
is calls_of { ask('/idp', sub => 'down') }, 1, 'a failure is not remembered';
like $nginx->log, qr/introspector "idp": the issuer answered with another status than 200: 503/, '... but logged with its status';

# ids in addresses
is ask('/idp', sub => 'a b|c%2F'), '200 active a b|c%2F', 'an id with signs';
is((targets())[-1], '/User/a%20b%7Cc%252F', '... is encoded');
for my $id ('..', '.', '../admin', 'a/b', 'a\\b') {
    is calls_of { is ask('/idp', sub => $id), "200 active $id", "no path is made of $id" }, 0, '... nor asked for';
}
is ask('/query', sub => 'x', email => 'a/b@example.com'), '200 active a/b@example.com', 'another claim';
is((targets())[-1], '/query?kind=user&id=a%2Fb%40example.com', '... in the place that was written');
is ask('/internal', sub => 'a b|c'), '200 active a b|c', 'an internal location';
is((targets())[-1], '/within/a%20b%7Cc', '... gets the address encoded once');

is calls_of { is ask('/none', sub => 'alice'), '200 active alice', 'without an endpoint' }, 0, '... nobody is asked';

# what is remembered ends
ask('/brief', sub => 'dora');
ok eventually { (calls_of { ask('/brief', sub => 'dora') }) == 1 },
    'a user is asked for again after cache_ttl';
ask('/brief', sub => 'nobody-else');
ok eventually { (calls_of { ask('/brief', sub => 'nobody-else') }) == 1 },
    'no user is asked for again after cache_inactive_ttl';

done_testing();
