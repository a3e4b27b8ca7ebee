# The examples, run as they stand but for addresses and files.

use strict;
use warnings;
use lib 't/lib';

use Cwd ();
use Issuer;
use JSON::PP ();
use Loopback;
use MIME::Base64 qw(encode_base64);
use NginxProcess;
use Test::More;
use Time::HiRes qw(sleep);
use TokenIntrospect qw(basic jwk jwks jwt pem);

my $key_set = jwks(jwk('RSA'));
my $issuer  = Issuer->start(sub {
    my ($call) = @_;
    return Issuer::json($key_set) if $call->{target} =~ m{/keys$};
    my $token = Issuer::form($call)->{token};
    return Issuer::answer('500 Oops', '') if $token eq 'broken';
    return Issuer::by_token($call) if $token =~ /^eyJ/;
    return Issuer::json(
        $token eq 'active' ? '{"active":true,"username":"alice","scope":"read"}' : '{"active":false}');
});
my $upstream = Issuer->start(sub {
    return Issuer::answer('200 OK', Issuer::header($_[0], 'X-Token-Username') // 'none');
});

sub slurp {
    my ($name) = @_;
    open my $file, '<', $name or die "$name: $!";
    local $/;
    return <$file>;
}

my @kept;    # temporary files are there as long as these

# What stands in the http block of an example.
sub text_of {
    my ($name) = @_;
    my $text = slurp("examples/$name.conf");
    $text =~ s/\A.*?^http \{\n//ms;
    $text =~ s/^\}\s*\z//m;
    return $text;
}

# The same with the addresses of this test.
sub http_of {
    my ($name) = @_;
    my $text = text_of($name);
    my ($authority) = $issuer->url =~ m{^(http://[^/]+)};
    $text =~ s{https://idp\.example\.com/}{$authority/}g;
    my $secret = File::Temp->new;
    print {$secret} "secret\n";
    close $secret;
    push @kept, $secret;
    $text =~ s{secrets/client}{$secret};
    $text =~ s/127\.0\.0\.1:8081/'127.0.0.1:' . $upstream->port/e;
    $text =~ s/127\.0\.0\.1:8080/127.0.0.1:%PORT%/;
    return $text;
}

sub try {
    my ($nginx, $path, $token) = @_;
    return $nginx->get($path, $token ? (Authorization => "Bearer $token") : ());
}

# ACM's statuses and bodies (B88, B89, B90, B91, B92, B124, B125).
my $nginx = NginxProcess->start(http => http_of('error-bodies-json'));
my %acm = (
    401 => '{"message":"Unauthorized","status":"401"}',
    403 => '{"message":"Forbidden","status":"403"}',
    410 => '{"message":"Gone","status":"410"}',
    418 => q({"message":"I'm a teapot","status":"418"}),
);
for my $case (
    ['/', undef, 401], ['/', 'inactive', 403], ['/', 'broken', 403], ['/', 'b@d', 403],
    ['/other-statuses/', undef, 410], ['/other-statuses/', 'inactive', 418],
    )
{
    my ($path, $token, $status) = @$case;
    my $response = try($nginx, $path, $token);
    my $what = "$path " . ($token // 'no token');
    is $response->{status}, $status, "$what: $status";
    is $response->{body}, $acm{$status}, '... with its body';
    like $response->{headers}{'content-type'}, qr{^application/json}, '... as JSON';
}
is try($nginx, '/', 'active')->{body}, 'alice', 'an active token goes on, with its claims';
like $nginx->get('/', Authorization => 'Basic YTpi')->{body}, qr/"status":"401"/,
    'another scheme is no token';
$nginx->stop;

# The whole policy of ACM.
$nginx = NginxProcess->start(http => http_of('acm'));
my %claim = (
    username => '"alice"', exp => 4102444800, scope => '"openid email profile"',
    iss => '"https://idp.example.com"', client_id => '"nginx-plus"', aud => '"account"',
    acr => '"1"', email_verified => 'true',
    resource_access => '{"account":{"roles":["manage-account","manage-account-links","view-profile"]}}',
);
sub claiming {
    my %text = (%claim, @_);
    return Issuer::token(
        '{"active":true' . join('', map {qq(,"$_":$text{$_})} sort keys %text) . '}');
}
my $keycloak = claiming();
my %header = (
    username => 'alice', exp => 4102444800, scope => 'openid email profile',
    iss => 'https://idp.example.com', 'client-id' => 'nginx-plus',
    'resource-access-account-roles' => 'manage-account',
);
for my $case (
    ['/', Authorization => "Bearer $keycloak"],
    ['/by-header/', apiAccessToken => $keycloak],
    ["/by-argument/?a=1&queryAuthz=$keycloak"],
    )
{
    my ($path, @credential) = @$case;
    is $nginx->get($path, @credential, 'X-Token-Username' => 'mallory')->{body}, 'alice',
        'ACM: ' . $path =~ s/eyJ.*//r;
    my $seen   = ($upstream->calls)[-1];
    my %claims = map { $_->[0] =~ /^x-token-(.*)/ ? ($1 => $_->[1]) : () } @{ $seen->{headers} };
    is_deeply \%claims, \%header, '... with its claims';
    unlike join("\n", $seen->{target}, map {@$_} @{ $seen->{headers} }), qr/\Q$keycloak/,
        '... without its token';
}
is + (grep { $_->{body} =~ /token=\Q$keycloak\E&token_type_hint=access_token/ } $issuer->calls), 1,
    '... of which the issuer was asked once, with the hint';
is Issuer::header(($issuer->calls)[-1], 'authorization'), 'Basic ' . encode_base64('nginx-plus:secret', ''),
    '... as this client';
for my $case (
    ['no token', undef, 401], ['an inactive one', 'inactive', 403],
    ['no introspection', 'broken', 403], ['no token in its form', 'b@d', 403],
    ['another audience', claiming(aud => '"other"'), 403],
    ['fewer scopes', claiming(scope => '"openid"'), 403],
    ['another number', claiming(acr => 0), 403],
    ['not verified', claiming(email_verified => 'false'), 403],
    ['no roles', claiming(resource_access => '{}'), 403],
    )
{
    my ($what, $token, $status) = @$case;
    my $response = try($nginx, '/', $token);
    is $response->{status}, $status, "ACM: $what: $status";
    is $response->{body}, $acm{$status}, '... with its body';
}
is $nginx->count_in_log(qr/refused, reason: claim_refused, by: $_, introspector: acm,/), 1, "by $_"
    for qw(aud scope acr email_verified resource_access.account.roles);
$nginx->stop;

# Aidbox's bodies.
sub outcome {
    my ($code, $text) = @_;
    return qq({"resourceType":"OperationOutcome","id":"$code","text":{"status":"generated",)
        . qq("div":"$text"},"issue":[{"severity":"fatal","code":"$code","diagnostics":"$text"}]});
}
$nginx = NginxProcess->start(http => http_of('error-bodies-operation-outcome'));
my %claims = (iss => 'https://idp.example.com', -alg => 'RS256');
is try($nginx, '/fhir/', jwt(%claims, scope => 'system/*.read'))->{status}, 200, 'a good JWT';
my $refused = try($nginx, '/fhir/', jwt(%claims, scope => 'other'));
is $refused->{status}, 403, 'a JWT without the scope';
is $refused->{body}, outcome('forbidden', 'Forbidden'), '... gets an OperationOutcome';
is try($nginx, '/fhir/')->{body}, outcome('login', 'Unauthorized'), 'so does no token';
$nginx->stop;

$nginx = NginxProcess->start(http => http_of('jwt-and-opaque'));
my %both = (%claims, aud => 'https://api.example.com');
is try($nginx, '/', jwt(%both, username => 'bob'))->{body}, 'bob', 'both kinds: a JWT';
is try($nginx, '/', 'active')->{body}, 'alice', '... and an opaque token';
is try($nginx, '/catalogue/')->{body}, 'none', '... and none where it is optional';
is try($nginx, '/orders/', jwt(%both))->{status}, 403, '... but not without a role';
$nginx->stop;

# Aidbox's resources, in their own directory.
my %aidbox  = map { $_ => slurp("examples/aidbox/$_") } 'vault.json',
    map {"resources/$_"} 'introspectors.yaml', 'policies.yaml', 'users.json';
my %secret  = (login => 'of the login, more than 32 bytes long', partners => 'of the partners, more than 32 bytes');
my @private = ('RSA', 'RSA/2', 'P-256');
for ($aidbox{'resources/introspectors.yaml'}) {
    my ($authority) = $issuer->url =~ m{^(http://[^/]+)};
    s{https://idp\.example\.com/}{$authority/}g;
    s{^( *)-----BEGIN.*?-----END[^\n]+\n}{my $indent = $1; pem(shift @private) =~ s/^/$indent/gmr}gmse;
}
is_deeply \@private, [], 'the example has three public keys';
$nginx = NginxProcess->start(http => http_of('aidbox/nginx'), files => { %aidbox,
    map({ ("secrets/$_" => "$secret{$_}\n") } keys %secret),
        'secrets/authorization' => "Basic Z2F0ZXdheTpzZWNyZXQ=\n" });
my %login    = (iss => 'https://login.example.com', -key => $secret{login});
my %partners = (iss => 'https://partners.example.com');
for my $case (
    ['staff (B1, B13)', '/fhir/Patient', 200, %login, sub => 'nobody'],
    ['staff, expired (B10)', '/fhir/Patient', 401, %login, exp => 1],
    ['staff, forged (B11)', '/fhir/Patient', 401, %login, -key => 'x'],
    ['another issuer than staff (B15)', '/fhir/Patient', 403, %claims],
    ['an inactive user', '/fhir/Patient', 403, %login, sub => 'cyd'],
    ['the right department (B16, B31)', '/fhir/Observation', 200, %login, sub => 'ada'],
    ['another department (B31)', '/fhir/Observation', 403, %login, sub => 'ben'],
    ['box_user (B25)', '/fhir/Observation', 200, %login, sub => 'ben', box_user => 'ada'],
    ['nobody (B33)', '/fhir/Observation', 403, %login, sub => 'nobody'],
    ['a key set (B2)', '/fhir/Observation', 200, %claims, sub => 'ada'],
    (map { ["a key: $_->[0] ($_->[1])", '/fhir/Procedure', 200, %partners, sub => 'ada', -alg => $_->[0],
        -key => $_->[2]] }
        ['RS256', 'B3', 'RSA'], ['RS384', 'B4', 'RSA/2'], ['ES256', 'B5', 'P-256'], ['HS256', 'B6', $secret{partners}]),
    ['a client', '/fhir/Appointment/1', 200, %partners, -alg => 'ES256', client_id => 'booking'],
    ['... elsewhere', '/fhir/Patient', 403, %partners, -alg => 'ES256', client_id => 'booking'],
    ['... another one', '/fhir/Appointment/1', 403, %partners, -alg => 'ES256', client_id => 'other'],
    )
{
    my ($name, $path, $status, %token) = @$case;
    my $response = try($nginx, $path, jwt(%token));
    is $response->{status}, $status, "aidbox: $name: $status";
    is $response->{body}, outcome($status == 401 ? ('login', 'Unauthorized') : ('forbidden', 'Forbidden')),
        '... with its body'
        if $status != 200;
}
is try($nginx, '/fhir/Patient', 'active')->{status}, 200, 'aidbox: an opaque token (B20)';
is Issuer::header(($issuer->calls)[-1], 'authorization'), 'Basic Z2F0ZXdheTpzZWNyZXQ=',
    '... with the authorization (B18, B42)';
is try($nginx, '/fhir/Patient', 'inactive')->{status}, 401, '... an inactive one';
is request($nginx->port, 'POST /fhir/Patient', Authorization => 'Bearer active', body => 'x')->{status}, 403,
    '... to write';
is $nginx->get('/fhir/Patient', Cookie => '.ASPXAUTH=active')->{status}, 200, 'aidbox: a session cookie';
is(($issuer->calls)[-1]->{target}, '/session', '... of its application');
is try($nginx, '/fhir/metadata')->{status}, 200, 'aidbox: no token where that is allowed';
is try($nginx, '/fhir/Patient')->{body}, outcome('login', 'Unauthorized'), '... but not elsewhere';
is request($nginx->port, 'DELETE /fhir/metadata')->{status}, 401, '... nor to write';
$nginx->stop;

# Token exchange: two servers, with the example's own scripts.
{
    my $example  = 'examples/token-exchange';
    my $at_ports = sub {
        my ($name, %port) = @_;
        return text_of("token-exchange/$name") =~ s/127\.0\.0\.1:(\d+)/127.0.0.1:$port{$1}/gr;
    };
    my %files = map { ($_ => slurp("$example/$_")) } 'vault.json', 'resources/exchange.yaml';
    my $ours  = NginxProcess->prepare(
        http  => $at_ports->('issuer', 8080 => '%PORT%', 8081 => '%PORT2%'),
        files => \%files);
    my $from = Cwd::getcwd();
    is system('sh', '-c', "cd @{[$ours->dir]} && $from/$example/make-secrets"), 0, 'token exchange: secrets';
    my %of_orders = ('secrets/orders' => slurp($ours->dir . '/secrets/orders'));
    my $services  = NginxProcess->prepare(
        http  => $at_ports->('gateway',
            8080 => $ours->port, 8081 => $ours->{port2}, 8090 => '%PORT%', 8091 => '%PORT2%'),
        files => \%of_orders);
    $_->run for $ours, $services;

    my $login = sub { return `cd @{[$ours->dir]} && $from/$example/login-token @_` =~ s/\n\z//r };
    my $post  = sub {
        my ($path, %form) = @_;
        my $client = basic('portal', slurp($ours->dir . '/secrets/portal') =~ s/\n\z//r) =~ s/.*?: //r;
        my $answer = request($ours->port, "POST $path", Authorization => $client,
            'Content-Type' => 'application/x-www-form-urlencoded',
            body => join '&', map {"$_=$form{$_}"} sort keys %form);
        return { %$answer, json => $answer->{body} =~ /^\{/ ? JSON::PP::decode_json($answer->{body}) : {} };
    };
    my $exchange = sub {
        return $post->('/auth/token', grant_type => 'urn:ietf:params:oauth:grant-type:token-exchange',
            subject_token_type => 'urn:ietf:params:oauth:token-type:jwt', subject_token => @_);
    };

    my $answer = $exchange->($login->('ada'));
    is $answer->{status}, 200, 'token exchange: a token of the login for one of ours (B66, B85)';
    is $answer->{json}{expires_in}, 360, '... for as long as the Client says (B83)';
    my $token = $answer->{json}{access_token};
    unlike $token, qr/^[\w-]+\.[\w-]+\.[\w-]+\z/, '... an opaque one (B81)';
    like try($ours, '/api/me', $token)->{body}, qr/^Authorization: $/m, '... which the API takes (B87)';
    like try($ours, '/api/me', $token)->{body}, qr/^X-Token-Sub: ada$/m, '... as the user';
    is try($ours, '/api/me', $login->('ada'))->{status}, 401, '... and the login\'s no more';
    is $exchange->($login->($_))->{status}, 400, "... $_ gets none (B79)" for 'nobody', 'cyd', 'ada -5';

    my $stock = try($services, '/stock/items', $token)->{body};
    like $stock, qr/^X-Token-Sub: ada$/m,          '... between services: the same user';
    like $stock, qr/^X-Token-Client-Id: orders$/m, '... by the client between';
    is request($services->{port2}, 'GET /items', Authorization => "Bearer $token")->{status}, 401,
        '... and nothing without the exchange';

    my $refresh = $answer->{json}{refresh_token};
    my $next    = $post->('/auth/token', grant_type => 'refresh_token', refresh_token => $refresh);
    is try($ours, '/api/me', $next->{json}{access_token})->{status}, 200, '... refreshed (B82)';
    is $post->('/auth/revoke', token => $refresh)->{status}, 200, '... revoked';
    is try($ours, '/api/me', $_)->{status}, 401, '... with all that came of it' for $token, $next->{json}{access_token};
    $_->stop for $services, $ours;
}

# What an issuer that falls does to those who hold good tokens.
{
    my $http = http_of('resilient') =~ s/cache_ttl 60s/cache_ttl 1s/r;
    my $resilient = NginxProcess->start(http => $http);
    my ($authority) = $issuer->url =~ m{^(http://[^/]+)};
    my $signed = sub { jwt(-alg => 'RS256', iss => "$authority/", username => 'alice', @_) };
    is try($resilient, '/', 'active')->{body}, 'alice', 'resilient: an opaque token';
    is try($resilient, '/', $signed->())->{body}, 'alice', '... and a JWT';
    $issuer->stop;
    ok eventually(sub { try($resilient, '/', 'another')->{status} == 503 }),
        '... the issuer is down: an unknown token has 503';
    is try($resilient, '/', 'active')->{status}, 200, '... the opaque token goes on' for 1 .. 5;
    my $end = time + 3;
    my %seen;
    $seen{ try($resilient, '/', 'active')->{status} }++ && sleep 0.05 while time < $end;
    is_deeply [keys %seen], [200], '... also when its time is over';
    is try($resilient, '/', $signed->(sub => 'another'))->{status}, 200, '... and so do new JWTs';
    $resilient->stop;
}

done_testing;
