# The endpoints of a token_issuer beside the exchange itself: keys, metadata, introspection, revocation;
# and what is the same for all of them: methods, bodies, content types, subrequests, waiting, HTTP/2.

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use Loopback;
use NginxProcess;
use Test::More;
use TokenEndpoint;
use TokenIntrospect qw(jwt jws json jwk b64 $SECRET);

my $gates       = File::Temp->newdir;
my $set_of_keys = TokenIntrospect::jwks(jwk('P-256'));
my $keys        = Issuer->start(sub {
    my ($call) = @_;
    eventually { -e "$gates/open" } 60 if $call->{target} eq '/slow';
    return Issuer::answer('503 Unavailable', '') if $call->{target} eq '/down';
    return Issuer::json($set_of_keys);
});
my $asked = Issuer->start;
sub private { return TokenIntrospect::slurp(TokenIntrospect::private_key($_[0])) }

my $nginx = NginxProcess->start(
    workers => 2,
    files   => { sealing => 'k' x 32, 'signing.pem' => private('RSA'), 'old.pem' => private('P-256') },
    http    => <<"CONF");
    token_introspector idp { issuer https://idp.test; secret "$SECRET"; }
    token_introspector slow { issuer https://slow.test; jwks_uri @{[ $keys->url('/slow') ]}; read_timeout 60s; }
    token_introspector down { issuer https://down.test; jwks_uri @{[ $keys->url('/down') ]}; }
    token_introspector asked { introspection_endpoint @{[ $asked->url ]}; issuer https://asked.test; }
    token_issuer main {
        issuer https://gateway.test/base;
        signing_key file:signing.pem kid=new;
        signing_key file:old.pem;
        encryption_key file:sealing;
        introspectors idp slow down asked;
    }
    token_issuer secret {
        issuer https://secret.test;
        signing_key "$SECRET";
        encryption_key file:sealing;
        introspectors idp;
    }
    token_client app {
        secret test;
        grant_types token-exchange;
        allowed_issuers https://idp.test https://slow.test https://down.test https://asked.test;
        token_format jwt;
        refresh_token on;
    }
    token_client other { secret test; grant_types token-exchange; allowed_issuers https://idp.test; token_format jwt; }
    token_client short {
        secret test;
        grant_types token-exchange;
        allowed_issuers https://idp.test;
        token_format jwt;
        access_token_expiration 1s;
    }
    token_introspector issued { type issued main; }
    token_introspector by_jwks { issuer https://gateway.test/base; jwks_uri /own/jwks; }
    token_introspector by_endpoint {
        introspection_endpoint /own/introspect;
        client_id app;
        client_secret test;
    }
    server {
        listen 127.0.0.1:%PORT% http2 reuseport;
        listen 127.0.0.1:%PORT2%;
        root %DIR%;
        add_header Status \$token_status always;
        location = /auth/token { token_exchange_endpoint main; }
        location = /jwks { token_jwks main; }
        location = /introspect { token_introspection_endpoint main; }
        location = /revoke { token_revocation_endpoint main; }
        location = /.well-known/oauth-authorization-server/base { token_metadata main; }
        location = /secret/jwks { token_jwks secret; }
        location = /secret/token { token_exchange_endpoint secret; }
        location = /secret/metadata { token_metadata secret; }
        location = /own/jwks { internal; token_jwks main; }
        location = /own/introspect { internal; token_introspection_endpoint main; }
        location = /api/issued { token_introspect issued; try_files /none =204; }
        location = /api/jwks { token_introspect by_jwks; try_files /none =204; }
        location = /api/endpoint { token_introspect by_endpoint; try_files /none =204; }
        location = /spooled { client_body_in_file_only clean; token_exchange_endpoint main; }
        location = /buffered { client_body_buffer_size 16; token_exchange_endpoint main; }
        location = /small { client_max_body_size 100; token_exchange_endpoint main; }
        location = /limited { limit_except POST { deny all; } token_exchange_endpoint main; }
        location = /allowed { limit_except GET { allow 127.0.0.1; deny all; } token_exchange_endpoint main; }
        location = /guarded { token_introspect idp; token_exchange_endpoint main; }
        location = /redirected { error_page 418 = /auth/token; return 418; }
        location = /named { error_page 418 = \@token; return 418; }
        location \@token { token_exchange_endpoint main; }
        location = /to-jwks { error_page 401 =200 /jwks; token_introspect idp; }
        location = /mirrored { mirror /mirror; token_exchange_endpoint main; }
        location = /mirror { internal; token_exchange_endpoint main; }
        location = /included { ssi on; ssi_types *; alias %DIR%/page.html; }
        location = /free { add_header Worker \$pid; return 204; }
    }
CONF
my $client  = TokenEndpoint->new($nginx, basic => ['app', 'test']);
my $h2 = $nginx->port;
$nginx->{port} = $nginx->{port2};  # t/lib speaks HTTP/1.1
my @grant   = (grant_type => $EXCHANGE, subject_token => jwt(), subject_token_type => $JWT);
my $form    = 'application/x-www-form-urlencoded';

sub api {
    my ($path, $token) = @_;
    my $answer = $nginx->get("/api/$path", Authorization => "Bearer $token");
    return "$answer->{status} $answer->{headers}{status}";
}
sub ask { my ($line, @headers) = @_; return request($nginx->port, $line, @headers) }
sub decoded { return JSON::PP->new->decode($_[0]{body}) }

# --- keys ----------------------------------------------------------------------------------------

my $answer = $nginx->get('/jwks');
is $answer->{status}, 200, 'the key set';
is $answer->{headers}{'content-type'}, 'application/jwk-set+json', '... Content-Type';
is $answer->{headers}{'cache-control'}, 'public, max-age=300', '... Cache-Control';
ok !exists $answer->{headers}{pragma}, '... no Pragma';
my $set = decoded($answer)->{keys};
is_deeply [map { $_->{kty} } @$set], ['RSA', 'EC'], '... all keys, the one that signs first';
is $set->[0]{kid}, 'new', '... kid as configured';
is $set->[0]{n}, jwk('RSA')->{n}, '... the public half';
ok !(grep { exists $_->{d} } @$set), '... and not the private one';
my $head = ask('HEAD /jwks');
is_deeply [@$head{qw(status body)}, $head->{headers}{'content-length'}], [200, '', length $answer->{body}], 'HEAD';
is_deeply decoded($nginx->get('/secret/jwks')), { keys => [] }, 'a secret is no public key';

my $token = $client->form(@grant)->{json}{access_token};
is header_of($token)->{kid}, 'new', 'tokens name the key';
is api('issued', $token), '204 active', 'type issued accepts them';
is api('jwks', $token), '204 active', 'so does a jwt introspector by the key set, of an internal location';
is api('endpoint', $token), '204 active', '... and an opaque one by the introspection endpoint, of another';
# --- metadata ------------------------------------------------------------------------------------

my @methods = ('client_secret_basic', 'client_secret_post');
$answer = $nginx->get('/.well-known/oauth-authorization-server/base');
is $answer->{headers}{'content-type'}, 'application/json', 'metadata: Content-Type';
is $answer->{headers}{'cache-control'}, 'public, max-age=300', '... Cache-Control';
is_deeply decoded($answer), {
    issuer                                        => 'https://gateway.test/base',
    token_endpoint                                => 'https://gateway.test/auth/token',
    jwks_uri                                      => 'https://gateway.test/jwks',
    introspection_endpoint                        => 'https://gateway.test/introspect',
    revocation_endpoint                           => 'https://gateway.test/revoke',
    grant_types_supported                         => [$EXCHANGE, 'refresh_token'],
    token_endpoint_auth_methods_supported         => \@methods,
    introspection_endpoint_auth_methods_supported => \@methods,
    revocation_endpoint_auth_methods_supported    => \@methods,
    response_types_supported                      => [],
    },
    '... what there is (RFC 8414)';
is_deeply [sort keys %{ decoded($nginx->get('/secret/metadata')) }],
    [qw(grant_types_supported issuer jwks_uri response_types_supported token_endpoint token_endpoint_auth_methods_supported)],
    '... and not what there is not';

# --- introspection -------------------------------------------------------------------------------

sub introspect { return $client->form(-path => '/introspect', token => @_) }
my $grant   = $client->form(@grant, scope => 'a b')->{json};
my $claims  = payload_of($grant->{access_token});
is_deeply introspect($grant->{access_token})->{json}, { %$claims, active => JSON::PP::true, token_type => 'Bearer' },
    'introspection: the claims of an access token';
my @hinted  = ($grant->{refresh_token}, token_type_hint => 'refresh_token');
my $refresh = introspect(@hinted)->{json};
is_deeply [@$refresh{qw(active sub scope client_id)}], [JSON::PP::true, 'alice', 'a b', 'app'],
    '... of a refresh token that is called one, for its client';
ok !exists $refresh->{$_}, "... without $_" for qw(fmt token_type);
is introspect(@hinted, -basic => ['other', 'test'])->{body}, '{"active":false}', '... for no other client';
is introspect($grant->{refresh_token}, %$_)->{body}, '{"active":false}', '... and not as an access token'
    for {}, { token_type_hint => 'access_token' };
is introspect($grant->{access_token}, -basic => ['other', 'test'])->{json}{active}, JSON::PP::true, '... by any client';
is introspect($grant->{access_token}, token_type_hint => $_)->{json}{active}, JSON::PP::true, "... with the hint $_"
    for 'refresh_token', 'access_token', 'nonsense';
is introspect($grant->{access_token})->{headers}{'cache-control'}, 'no-store', '... not to be stored';
my %inactive = (
    'nonsense'         => 'x',
    "another issuer's" => jwt(),
    'a changed JWT'    => $grant->{access_token} =~ s/.{4}$/AAAA/r,
    'a changed refresh token' => $grant->{refresh_token} =~ s/.{4}$/AAAA/r,
    "another token_issuer's" => $client->form(@grant, -path => '/secret/token')->{json}{access_token},
    'signed by its secret in the name of this one' => jws({ alg => 'HS256', typ => 'at+jwt' }, $claims, 'HS256'),
    'unsigned'         => b64('{"alg":"none","typ":"at+jwt"}') . '.' . b64(json($claims)) . '.',
    'another typ'      => jws({ alg => 'ES256', typ => 'JWT' }, $claims, 'ES256'),
    'another iss'      => jws({ alg => 'ES256', typ => 'at+jwt' }, { %$claims, iss => 'https://x.test' }, 'ES256'),
    'expired'          => jws({ alg => 'ES256', typ => 'at+jwt' }, { %$claims, exp => 1 }, 'ES256'),
    "of a client that is none" => jws({ alg => 'ES256', typ => 'at+jwt' }, { %$claims, client_id => 'x' }, 'ES256'),
);
is introspect($inactive{$_})->{body}, '{"active":false}', "... not active: $_" for sort keys %inactive;
is introspect(jws({ alg => 'ES256', typ => 'at+jwt' }, $claims, 'ES256'))->{json}{active}, JSON::PP::true,
    '... as the second key has signed it, active';
my $short = $client->form(@grant, -basic => ['short', 'test'])->{json}{access_token};
ok eventually { !introspect($short)->{json}{active} }, 'access_token_expiration is the real one (B83)';
is api('issued', $short), '401 expired', '... everywhere (B83)';
is summary(introspect(undef)), '400 invalid_request', 'no token';
is summary(introspect('x', -basic => undef)), '401 invalid_client', 'no client';

# --- revocation ----------------------------------------------------------------------------------

sub revoke { return $client->form(-path => '/revoke', token => @_) }
$answer = revoke($grant->{access_token}, -basic => ['other', 'test']);
is summary($answer), '400 invalid_grant', "revocation: not of another client's token";
is introspect($grant->{access_token})->{json}{active}, JSON::PP::true, '... which stays good';
$answer = revoke($grant->{access_token}, token_type_hint => 'nonsense');
is_deeply [@$answer{qw(status body)}], [200, ''], '... of its own';
ok !exists $answer->{headers}{'content-type'}, '... with an empty answer';
is introspect($grant->{access_token})->{body}, '{"active":false}', '... which is not active any more';
is api($_, $grant->{access_token}), '401 inactive', "... nor accepted ($_)" for 'issued', 'endpoint';
is summary(revoke($grant->{access_token})), '200', '... once more';
is summary(revoke($inactive{$_})), '200', "... $_" for grep { !/client/ } sort keys %inactive;
is summary(revoke($short, -basic => ['short', 'test'])), '200', '... an expired one of its own';
is introspect(@hinted)->{json}{active}, JSON::PP::true, '... the refresh token stays';
is summary(revoke($grant->{refresh_token})), '200', '... until it is revoked';
is introspect(@hinted)->{body}, '{"active":false}', '... itself';
is summary(revoke(undef)), '400 invalid_request', '... no token';

# --- methods -------------------------------------------------------------------------------------

for my $path ('/auth/token', '/introspect', '/revoke') {
    for my $method ('GET', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND') {
        $answer = ask("$method $path");
        is join(' ', $answer->{status}, $answer->{headers}{allow} // '-'), '405 POST', "$method $path";
    }
    is ask("HEAD $path")->{status}, 405, "HEAD $path";
}
for my $path ('/jwks', '/.well-known/oauth-authorization-server/base') {
    $answer = ask("$_ $path", body => 'x'), is join(' ', $answer->{status}, $answer->{headers}{allow} // '-'),
        '405 GET, HEAD', "$_ $path"
        for 'POST', 'PUT', 'OPTIONS';
}
is_deeply decoded(ask('GET /auth/token')),
    { error => 'invalid_request', error_description => 'The method is not allowed here.' }, '... in JSON';
is summary($client->form(@grant, -path => '/limited')), '200', 'limit_except that lets POST pass';
is ask('GET /limited')->{status}, 403, '... and nothing else';
is summary($client->form(@grant, -path => '/allowed')), '200', 'limit_except that is about POST';
is ask('GET /allowed')->{status}, 405, '... and not GET';

# --- bodies --------------------------------------------------------------------------------------

sub body { my ($type, $body, @more) = @_; return summary($client->send($type, $body, @more)) }
my $good = form_of(@grant);
is body($_, $good), '200', "the content type $_"
    for $form, uc $form, "$form; charset=UTF-8", "$form;charset=utf-8";
is body($_, $good), '400 invalid_request', 'the content type ' . ($_ // 'missing')
    for undef, '', 'text/plain', 'multipart/form-data', 'application/jsonx', 'application/json, text/plain';
my %object = @grant;
is body('application/json; charset=utf-8', json(\%object)), '200', 'the content type of JSON';
my %malformed = (
    'an empty form'          => [$form, ''],
    'JSON as a form'         => [$form, json(\%object)],
    'a form as JSON'         => ['application/json', $good],
    'an empty body as JSON'  => ['application/json', ''],
    'an array'               => ['application/json', '[]'],
    'a string'               => ['application/json', '"x"'],
    'text behind'            => ['application/json', json(\%object) . 'x'],
    'a member twice'         => ['application/json', json(\%object) =~ s/\}$/,"grant_type":"x"}/r],
    'a member twice, elsewhere' => ['application/json', json(\%object) =~ s/\}$/,"x":{"a":1,"a":1}}/r],
    'a number'               => ['application/json', json({ %object, scope => 1 })],
    'null'                   => ['application/json', json({ %object, scope => undef })],
    'a list'                 => ['application/json', json({ %object, scope => ['a'] })],
    'a list of tokens'       => ['application/json', json({ %object, subject_token => [jwt()] })],
    'an object'              => ['application/json', json({ %object, audience => {} })],
    'a list with a number'   => ['application/json', json({ %object, audience => [1] })],
    'a control byte'         => ['application/json', json({ %object, scope => "a\n" })],
    'nested too deeply'      => ['application/json', json(\%object) =~ s/\}$/',"x":' . '[' x 99 . ']' x 99 . '}'/er],
    'a parameter twice'      => [$form, "$good&scope=a&scope=b"],
    'a parameter twice, once empty' => [$form, "$good&scope=&scope=b"],
    'a parameter twice, once encoded' => [$form, "$good&scope=a&%73cope=a"],
    'wrong percent-encoding' => [$form, "$good&scope=%zz"],
    'a lonely percent'       => [$form, "$good&scope=%"],
    'a control byte, encoded' => [$form, "$good&scope=a%00"],
    'no UTF-8'               => [$form, "$good&scope=%ff"],
    'a newline behind'       => [$form, "$good\n"],
);
for my $what (sort keys %malformed) {
    like body(@{ $malformed{$what} }), qr/^40[01] invalid_(request|client)$/, "a body that is wrong: $what";
}
is body($form, "&&$good&unknown=1&unknown=%00&&"), '200', 'parameters that nobody knows do not matter';
is body('application/json', json({ %object, unknown => [1], more => undef })), '200', '... in JSON';
is body($form, "$good&scope=&audience=&actor_token="), '200', 'those without a value are not there';
is body($form, $good =~ s/subject_token=/subject_tok%65n=/r), '200', 'names may be encoded';

my $filled = sub { my ($size) = @_; return "$good&x=" . 'x' x ($size - 3 - length $good) };
is body($form, $filled->(65536)), '200', 'a body of 64k';
is body($form, $filled->(65537)), '413 invalid_request', '... and one byte more';
is body($form, $good, -path => $_), '200', "a body at $_" for '/spooled', '/buffered';
is body($form, $filled->(60000), -path => $_), '200', '... a large one' for '/spooled', '/buffered';
is body($form, $filled->(65537), -path => $_), '413 invalid_request', '... too large a one' for '/spooled', '/buffered';
is body($form, $good, -path => '/small'), '413', "nginx's own limit comes first";

sub chunked {
    my ($path, @chunks) = @_;
    my $socket = connect_to($nginx->port);
    push @{ ${*$socket}{loopback_methods} }, 'POST';
    print {$socket} "POST $path HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
        . "Content-Type: $form\r\nAuthorization: " . basic_of('app', 'test') . "\r\n\r\n",
        (map { sprintf "%x\r\n%s\r\n", length, $_ } @chunks), "0\r\n\r\n";
    return read_response($socket)->{status};
}
is chunked('/auth/token', unpack '(a50)*', $good), 200, 'a chunked body';
is chunked($_, unpack '(a4000)*', $filled->(65536)), 200, "... of 64k at $_" for '/auth/token', '/spooled';
is chunked($_, unpack '(a4000)*', $filled->(65537)), 413, "... of more at $_" for '/auth/token', '/spooled';
is request($nginx->port, 'POST /auth/token', Expect => '100-continue', 'Content-Type' => $form, body => $good)->{status},
    100, 'Expect: 100-continue';

my $socket = connect_to($nginx->port);
for my $try (1, 2) {
    send_request($socket, 'POST /auth/token', Connection => 'keep-alive', 'Content-Type' => $form,
        Authorization => basic_of('app', $try == 1 ? 'wrong' : 'test'), body => $good);
    is read_response($socket)->{status}, $try == 1 ? 401 : 200, "a connection that is kept, request $try";
}

# --- other locations -----------------------------------------------------------------------------

is ask('POST /guarded', 'Content-Type' => $form, body => $good)->{status}, 401, 'token_introspect beside: without a token';
is ask('POST /guarded', 'Content-Type' => $form, Authorization => 'Bearer ' . jwt(),
    body => form_of(@grant, client_id => 'app', client_secret => 'test'))->{status}, 200,
    '... with one, and the client in the body';
is summary($client->form(@grant, -path => '/redirected')), '405 invalid_request',
    'error_page makes it a GET, which is not for this';
is summary($client->form(@grant, -path => '/named')), '200', '... but not for a named location';
$answer = $nginx->get('/to-jwks');
is $answer->{status}, 200, 'error_page to the key set';
ok !exists $answer->{headers}{'www-authenticate'}, '... without the challenge of what was refused';
is summary($client->form(@grant, -path => '/mirrored')), '200', 'a mirror subrequest does no harm';
$nginx->write('page.html', '<!--# include virtual="/auth/token" -->|<!--# include virtual="/jwks" -->|');
$answer = $nginx->get('/included');
like $answer->{body}, qr/^\{"error":"invalid_request".*\}\|\{"keys":\[\{.*\}\]\}\|$/, 'subrequests of a page';

# --- opaque tokens, issuers that are slow or down ------------------------------------------------

sub by { my ($subject, %more) = @_; return $client->form(@grant[0, 1], subject_token => $subject,
        subject_token_type => $ACCESS_TOKEN, %more) }
my $active = Issuer::token('{"active":true,"sub":"alice"}');
is payload_of(by($active)->{json}{access_token})->{sub}, 'alice', 'an opaque token, of an issuer who need not name itself';
is summary(by(Issuer::token($_))), '400 invalid_request', "... $_"
    for '{"active":false}', '{"active":true}', '{"active":true,"sub":"a","iss":"https://other.test"}',
    '{"active":true,"sub":"a","exp":1}';
is summary(by($active, subject_token_type => $JWT)), '400 invalid_request', '... is no JWT';

$answer = by(jwt(iss => 'https://down.test', -alg => 'ES256'));
is summary($answer), '503 temporarily_unavailable', 'the issuer is down';
like $answer->{headers}{'retry-after'}, qr/^\d+$/, '... with Retry-After';
like $nginx->log, qr/\[error\].*token issuer "main": token request refused: subject_token_issuer_status, client "app"/,
    '... which an operator reads';

my $slow = jwt(iss => 'https://slow.test', -alg => 'ES256');
my $waiting = sub {
    my $socket = connect_to($nginx->port);
    return send_request($socket, 'POST /auth/token', 'Content-Type' => $form, Authorization => basic_of('app', 'test'),
        body => form_of(@grant, subject_token => $slow) =~ s/subject_token=[^&]*&//r, @_);
};
my @waiting = map { $waiting->() } 1 .. 6;
my $leaves  = $waiting->();
ok eventually { grep { $_->{target} eq '/slow' } $keys->calls }, 'the key set is fetched';
close $leaves;
open my $gate, '>', "$gates/open" or die;
is read_response($_)->{status}, 200, 'who waited for it is served' for @waiting;
is scalar(grep { $_->{target} eq '/slow' } $keys->calls), 1, '... by one fetch';

# --- a key that changes --------------------------------------------------------------------------

$nginx->write('signing.pem', private('RSA/2'));
ok eventually { decoded($nginx->get('/jwks'))->{keys}[0]{n} eq jwk('RSA/2')->{n} }, 'a key that changes is read anew';
ok eventually { introspect($token)->{body} eq '{"active":false}' }, '... and what the old one has signed is not active any more';

# --- HTTP/2 --------------------------------------------------------------------------------------

my $curl = "curl -s -o /dev/null -w '%{http_code} %{http_version}' --http2-prior-knowledge http://127.0.0.1:$h2";
my $data = form_of(@grant, client_id => 'app', client_secret => 'test');
is `$curl/auth/token --data-binary '$data'`, '200 2', 'HTTP/2: an exchange';
is `$curl/auth/token -H 'Content-Type: $form' -H 'Transfer-Encoding: chunked' -T - </dev/null -X POST`, '401 2',
    '... without a length';
is `$curl/auth/token`, '405 2', '... GET';
is `$curl/jwks`, '200 2', '... the key set';
is `$curl/jwks -I`, '200 2', '... HEAD';

unlike $nginx->log, qr/eyJ[\w-]{20}|\Q$SECRET\E/, 'no token and no secret in the log';
$nginx->stop;

done_testing;
