# token_policy_debug: what is shown, to whom, and that no credential is.

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use JSON::PP ();
use Loopback;
use NginxProcess;
use Test::More;
use TokenIntrospect qw(json jwt $SECRET);

# Every opaque token is active but those that begin with "gone". "slow" ones take a fetch with it.
my $issuer = Issuer->start(sub {
    my ($call) = @_;
    my $token = Issuer::form($call)->{token};
    return Issuer::json($token =~ /^gone/ ? '{"active":false}' : '{"active":true,"client_id":"portal"}');
});
my $up = free_port();

my $nginx = NginxProcess->start(
    files => {
        'resources.json' => json([
            {resourceType => 'User', id => 'alice', password => 'not-to-be-shown', data => {department => 'cardiology'}},
            {resourceType => 'Role', id => 'r', name => 'doctor', user => {reference => 'User/alice'}},
            {resourceType => 'Client', id => 'portal', secret => 'not-to-be-shown', name => 'Portal'},
        ]),
    },
    http => <<"END");
    token_introspector idp { issuer https://idp.test; secret "$SECRET"; }
    token_introspector opaque { introspection_endpoint @{[$issuer->url]}; }
    token_introspector session { type cookie; cookie SESSION; introspection_endpoint @{[$issuer->url]}; }
    token_resources resources.json;
    token_policy never { engine matcho; rule '{"uri":"/never"}'; }
    token_policy cardiology { engine matcho; rule '{"user":{"data":{"department":"cardiology"}}}'; }
    token_policy portal { engine allow; link client=portal; }
    token_policy any { engine allow; }
    token_policy kept { engine matcho; rule '{"headers":{"authorization":"#^Bearer "}}'; }
    large_client_header_buffers 4 32k;
    add_header X-Status \$token_status always;
    add_header X-Policy \$token_policy always;

    server {
        listen 127.0.0.1:%PORT%;
        listen 127.0.0.1:%PORT2% http2;
        token_introspect idp opaque session;
        token_authorize never cardiology portal;
        token_policy_debug on;
        client_max_body_size 4m;
        location /t { proxy_pass http://127.0.0.1:$up; }
        location /any { token_authorize any; proxy_pass http://127.0.0.1:$up; }
        location /kept { token_authorize kept; token_forward_token on; proxy_pass http://127.0.0.1:$up; }
        location /none { token_authorize off; proxy_pass http://127.0.0.1:$up; }
        location /claim { token_require_claim sub eq bob; proxy_pass http://127.0.0.1:$up; }
        location /optional { token_introspect idp optional; proxy_pass http://127.0.0.1:$up; }
        location /off { token_policy_debug off; proxy_pass http://127.0.0.1:$up; }
        location /unchecked { token_introspect off; token_authorize off; proxy_pass http://127.0.0.1:$up; }
        location /limited {
            token_policy_debug off;
            limit_except GET { token_policy_debug on; }
            proxy_pass http://127.0.0.1:$up;
        }

        # a source each; what begins with "on" keeps the credential in the request
        location /header { token_source header=X-Key; proxy_pass http://127.0.0.1:$up; }
        location /query { token_source query=key; proxy_pass http://127.0.0.1:$up; }
        location /cookie { token_source cookie=key; proxy_pass http://127.0.0.1:$up; }
        location /on {
            token_forward_token on;
            proxy_pass http://127.0.0.1:$up;
            location /on/header { token_source header=X-Key; proxy_pass http://127.0.0.1:$up; }
            location /on/query { token_source query=key; proxy_pass http://127.0.0.1:$up; }
            location /on/cookie { token_source cookie=key; proxy_pass http://127.0.0.1:$up; }
        }
        location /variable/header { token_source \$http_x_key; proxy_pass http://127.0.0.1:$up; }
        location /variable/query { token_source \$arg_key; proxy_pass http://127.0.0.1:$up; }
        location /variable/cookie { token_source \$cookie_key; proxy_pass http://127.0.0.1:$up; }
    }
    server {
        listen 127.0.0.1:$up;
        location / { return 200 content; }
    }
END

my $ask   = '__debug=policy';
my $alice = jwt(sub => 'alice');
my @alice = (Authorization => "Bearer $alice");

sub decoded { return JSON::PP->new->utf8->decode($_[0]) }

# What the debugging answer says, undef when it is none.
sub debug {
    my ($line, @headers) = @_;
    $line = "GET $line" if $line =~ /^\//;
    my $response = read_response(send_request(connect_to($nginx->port), $line, @headers), 5) or return;
    return if $response->{status} != 200 || ($response->{headers}{'content-type'} // '') ne 'application/json';
    return eval { decoded($response->{body}) } // "no JSON: $response->{body}";
}
sub status_and_body { my $r = $nginx->get(@_); return "$r->{status} " . ($r->{body} =~ /(content)/ ? $1 : '-') }

# --- what is shown -------------------------------------------------------------------------------

my $said = debug("/t/a%20b?x=1&$ask", @alice, 'X-One' => 'a', 'X-One' => 'b');
delete $said->{request}{jwt}{exp};
is_deeply $said, {
    status   => 'active',
    policies => [
        {id => 'never', result => 'denied'},
        {id => 'cardiology', result => 'allowed'},
        {id => 'portal', result => 'not for this request'},
    ],
    request => {
        'request-method' => 'get', scheme => 'http', uri => '/t/a b', 'query-string' => "x=1&$ask",
        'remote-addr' => '127.0.0.1',
        params  => {x => '1', __debug => 'policy'},
        headers => {host => 'localhost', connection => 'close', 'x-one' => 'a, b'},
        jwt     => {iss => 'https://idp.test', sub => 'alice'},
        user    => {resourceType => 'User', id => 'alice', data => {department => 'cardiology'}},
        role    => [{resourceType => 'Role', id => 'r', name => 'doctor', user => {reference => 'User/alice'}}],
        session => {role => [{resourceType => 'Role', id => 'r', name => 'doctor', user => {reference => 'User/alice'}}]},
    },
}, 'the request, each policy and the word, instead of the content';
is request($nginx->port, "GET /t?$ask", @alice)->{headers}{'cache-control'}, 'no-store', '... which nobody stores';

$said = debug("/t?$ask", Authorization => 'Bearer opaque-1');
is_deeply $said->{request}{token}, {active => JSON::PP::true, client_id => 'portal'}, 'an introspected token, after a fetch';
is_deeply $said->{request}{client}, {resourceType => 'Client', id => 'portal', name => 'Portal'}, '... its client';
is_deeply [map { $_->{result} } @{ $said->{policies} }], ['denied', 'denied', 'allowed'], '... all policies, also behind one';

$said = debug("/t?$ask", Authorization => 'Bearer ' . jwt(sub => 'bob'));
is_deeply [map { $_->{result} } @{ $said->{policies} }], ['denied', 'denied', 'not for this request'], 'a refusal shows why';
is $said->{status}, 'policy_refused', '... and its word';
$said = debug("/claim?$ask", @alice);
is $said->{status}, 'claim_refused', 'a refused claim has its word, too';
is_deeply debug("/none?$ask", @alice)->{policies}, [], 'where no policy is asked, none is shown';
is debug("/any?$ask", @alice)->{policies}[0]{result}, 'allowed', 'allow';
is debug("/kept?$ask", @alice)->{policies}[0]{result}, 'allowed', 'policies see what is masked for people';

$said = debug("/optional?$ask");
is $said->{status}, 'missing', 'anonymous, where that is allowed';
is_deeply [map { $_->{result} } @{ $said->{policies} }], ['denied', 'denied', 'not for this request'], '... its policies';
ok !grep({ exists $said->{request}{$_} } qw(jwt token user role client session)), '... nobody is behind it';

my $head = request($nginx->port, "HEAD /t?$ask", @alice);
is "$head->{headers}{'content-type'} $head->{body}", 'application/json ', 'HEAD: no body';
is_deeply debug("$_->[0] /t?$ask", @alice, @{ $_->[1] })->{request}{'request-method'}, lc $_->[0], "$_->[0]"
    for ['POST', [body => 'x' x 10]], ['PUT', [body => 'x' x 3_000_000]], ['DELETE', []];

# the connection goes on, with bodies and without
my $socket = connect_to($nginx->port);
send_request($socket, "$_->[0]?$ask", @alice, Connection => 'keep-alive', @{ $_->[1] })
    for my @piped = (['GET /t/1', []], ['POST /t/2', [body => 'abc']], ['GET /t/3', []]);
is_deeply [map { my $r = read_response($socket); $r->{status} . ($r->{body} =~ m{"uri":"(.*?)"})[0] } @piped],
    ['200/t/1', '200/t/2', '200/t/3'], 'several on one connection';

# --- to whom -------------------------------------------------------------------------------------

is status_and_body("/t?$_", @alice), '200 content', "no debugging: $_"
    for '', '__debug', '__debug=', '__debug=1', '__debug=POLICY', '__DEBUG=policy', 'a__debug=policy', "x=$ask", '__debug=policy2';
is status_and_body("/t?$ask", Authorization => 'Bearer gone'), '401 -', 'a bad token is refused as ever';
is status_and_body("/t?$ask", Authorization => 'Bearer ' . jwt(exp => 1)), '401 -', '...';
is status_and_body("/t?$ask"), '401 -', 'no token, where one is due';
is status_and_body("/off?$ask", @alice, 'X-Debug' => 'policy'), '200 content', 'off';
is status_and_body("/unchecked?$ask", 'X-Debug' => 'policy'), '200 content', 'where nothing is checked';
is debug("GET /limited?$ask", @alice), undef, 'limit_except: not the listed';
is debug("POST /limited?$ask", @alice)->{status}, 'active', '... but the others';
is debug("/t?x=1&__debug=policy&y=2", @alice)->{status}, 'active', 'among other arguments';
is $nginx->count_in_log(qr/policy debug/), 0, 'no line in the log so far';

# --- the log -------------------------------------------------------------------------------------

# The pieces of what one request made appear.
sub logged {
    my ($path, @headers) = @_;
    my $before = $nginx->log;
    my $response = $nginx->get($path, @headers);
    my $new = substr $nginx->log, length $before;
    my @pieces = $new =~ /\[notice\] .*?token introspect: policy debug: (.*), client: 127\.0\.0\.1, .*$/mg;
    return ($response, join('', @pieces), scalar @pieces, $new);
}
my ($response, $text, $lines) = logged('/t', @alice, 'X-Debug' => 'policy');
is $response->{body}, 'content', 'X-Debug: policy: the content is as ever';
is $lines, 1, '... one line at notice';
my $log = decoded($text);
is_deeply [$log->{status}, map { $_->{result} } @{ $log->{policies} }],
    ['active', 'denied', 'allowed', 'not for this request'], '... says the same';
is $log->{request}{headers}{'x-debug'}, 'policy', '... of the request as it is';

($response, $text, $lines) = logged('/t', Authorization => 'Bearer ' . jwt(sub => 'bob'), 'x-debug' => 'policy');
is $response->{status}, 403, 'a refused one';
is_deeply [map { $_->{result} } @{ decoded($text)->{policies} }],
    ['denied', 'denied', 'not for this request'], '... is in the log';
($response, $text, $lines) = logged('/optional', 'X-Debug' => 'policy');
is $response->{status}, 401, 'an anonymous one';
is decoded($text)->{status}, 'missing', '... too';
for my $value ('Policy', 'policy ', 'policies', '1', '') {
    ($response, $text, $lines) = logged('/t', @alice, 'X-Debug' => $value);
    is $lines, $value eq 'policy ' ? 1 : 0, "X-Debug: '$value'";
}
is +(logged('/off', @alice, 'X-Debug' => 'policy'))[2], 0, 'not without the directive';
is +(logged('/t', 'X-Debug' => 'policy'))[2], 0, 'not without a token where one is due';

my %long = map { ("X-Long-$_" => "$_ " . 'abcdefghij' x 100) } 1 .. 9;
($response, $text, $lines) = logged('/t', @alice, 'X-Debug' => 'policy', %long);
cmp_ok $lines, '>', 5, 'a long request takes several lines';
$log = eval { decoded($text) };
is_deeply { map { $_ => $log->{request}{headers}{lc $_} } keys %long }, \%long, '... of which none is cut';

# what the client chose cannot write a line of its own
($response, $text, $lines) = logged("/t/%0a2026/01/01%20[error]%20forged?a=%0d%0ab%1b", @alice, 'X-Debug' => 'policy');
is $lines, 1, 'one line for line breaks in uri and params';
is decoded($text)->{request}{params}{a}, "\r\nb\e", '... escaped';
($response, $text) = logged("/t?a=%ff%00", @alice, 'X-Debug' => 'policy', 'X-Latin' => "caf\xe9");
ok eval { decoded($text) }, 'what is no UTF-8 makes JSON all the same';

# HTTP/2
my $before = $nginx->log;
like qx(nghttp -H 'authorization: Bearer $alice' -H 'x-debug: policy' 'http://127.0.0.1:$nginx->{port2}/t?$ask'),
    qr/"result":"allowed"/, 'HTTP/2: the answer';
like substr($nginx->log, length $before), qr/policy debug: .*"host":"127\.0\.0\.1:$nginx->{port2}"/, '... and the log';

# --- credentials ---------------------------------------------------------------------------------

# A secret with what JSON and URLs write in another way; "/" does not occur in what is searched for.
my %form = (
    plain   => 'opaque-secret',
    quoted  => 'opaque"sec\\ret"',
    slashed => 'opaque/sec+ret~=',
);
sub escaped { return $_[0] =~ s/([^\w.-])/sprintf '%%%02x', ord $1/ger }

# Nothing of the token, in whatever form, is in the answer and in the log.
sub hidden {
    my ($name, $token, $path, @headers) = @_;
    my $before = $nginx->log;
    my $answer = $nginx->get("$path@{[$path =~ /\?/ ? '&' : '?']}$ask", @headers, 'X-Debug' => 'policy');
    my $shown  = $answer ? $answer->{body} : '';
    like $shown, qr/"status":"active"/, "$name: is debugged";
    my ($new) = join '', map {"$_\n"} grep {/policy debug: /} split /\n/, substr $nginx->log, length $before;
    $new =~ s/, client: 127.*//g;    # nginx's own, with the request line
    for my $where (['answer', $shown], ['log', $new]) {
        my @found = grep { index(lc $where->[1], lc $_) >= 0 } $token, escaped($token), substr(json($token), 1, -1);
        is_deeply \@found, [], "... not in the $where->[0]";
    }
    return $shown;
}
for my $kind (sort keys %form) {
    my $token = $form{$kind};
    my $query = escaped($token);
    if ($kind ne 'quoted') {    # no b64token (RFC 6750)
        hidden("Authorization, $kind", $token, '/t', Authorization => "Bearer $token");
        hidden("Authorization that stays, $kind", $token, '/on', Authorization => "bearer  $token");
    }
    for my $on ('', '/on') {
        hidden("$on/header, $kind", $token, "$on/header", 'X-Key' => $token);
        hidden("$on/query, $kind", $token, "$on/query?key=$query&a=1");
        hidden("$on/cookie, $kind", $token, "$on/cookie", Cookie => "a=1; key=$token; b=2");
        hidden("$on/t session, $kind", $token, $on || '/t', Cookie => "a=1; SESSION=$token");
    }
    hidden("variable of a header, $kind", $token, '/variable/header', 'X-Key' => $token);
    hidden("variable of a cookie, $kind", $token, '/variable/cookie', Cookie => "key=$token");
    hidden("variable of an argument, $kind", $_, "/variable/query?key=$query") for $token, $query;
    hidden("repeated in a header, $kind", $token, '/header', 'X-Key' => $token, 'X-Copy' => "<$token>");
    hidden("repeated in the path, $kind", $token, '/header/' . $query, 'X-Key' => $token) if $kind ne 'slashed';
}
hidden('a variable of an argument with + and %', 'opaque sec/ret', '/variable/query?key=opaque+sec%2fret');
hidden('an argument beside what cannot be decoded', 'opaque/sec', '/header?copy=opaque%2fsec&x=%zz', 'X-Key' => 'opaque/sec');
hidden('a JWT', $alice, '/t', @alice);
hidden('a JWT in an argument', $alice, "/on/query?key=$alice");
hidden('a JWT in a variable', $alice, "/variable/query?key=$alice");

# others' credentials
my @others = (Authorization => 'Basic b3RoZXI6c2VjcmV0', 'Proxy-Authorization' => 'Basic b3RoZXI6c2VjcmV0',
    'X-Client-Auth' => 'Basic b3RoZXI6c2VjcmV0', Cookie => 'login=b3RoZXI6c2VjcmV0');
hidden('other credentials', 'b3RoZXI6c2VjcmV0', '/header', 'X-Key' => 'opaque-2', @others);
hidden("the argument of a source, written otherwise", 'opaque-3', '/query?key=opaque-2&k%65y=opaque-3');
unlike $nginx->get("/t?$ask", @alice)->{body}, qr/not-to-be-shown/, 'secrets of User and Client are not shown';

# A token that occurs in the text around it leaves JSON, and ends.
for my $token ('e', '"', '*', '**', '***', '****', '{', 'policies') {
    my $said = debug("/on/header?$ask", 'X-Key' => $token, 'X-Copy' => "a${token}b");
    is ref $said ? $said->{status} : $said, 'active', "the token $token";
    last if !defined $said;    # the worker is lost
}

my $answer = read_response(send_request(connect_to($nginx->port), 'GET /unchecked'), 5);
ok $answer, 'nginx goes on' or do { kill KILL => $nginx->workers; $nginx->expect(qr/signal 9/) };
$nginx->stop;

# --- what nginx -t says --------------------------------------------------------------------------

my $tried = NginxProcess->prepare(http => '');
sub check { $tried->configure($_[0]); return $tried->check }
my $idp = "token_introspector idp { issuer https://idp.test; secret '$SECRET'; }\n";

like check("$idp server { token_introspect idp;\ntoken_policy_debug on; }"),
    qr/\[warn\] .*"token_policy_debug on" shows claims, headers and policies to whoever asks: keep it away from production in \S+:\d+\n.*successful/s,
    'nginx -t warns';
unlike check("$idp server { token_introspect idp; token_policy_debug off; }"), qr/warn|emerg/, '... not of off';
like check("$idp server { token_introspect idp; token_policy_debug $_->[0]; }"), qr/\[emerg\] .*$_->[1]/, "nginx -t: $_->[0]"
    for ['yes', qr/invalid value "yes": use on or off/], ['', qr/invalid number of arguments/],
    ['on on', qr/invalid number of arguments/], ['off; token_policy_debug off', qr/"token_policy_debug" directive is duplicate/];

done_testing;
