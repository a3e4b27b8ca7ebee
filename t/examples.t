# The examples, run as they stand but for addresses and files.

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use Loopback;
use NginxProcess;
use Test::More;
use TokenIntrospect qw(jwk jwks jwt);

my $key_set = jwks(jwk('RSA'));
my $issuer  = Issuer->start(sub {
    my ($call) = @_;
    return Issuer::json($key_set) if $call->{target} =~ m{/keys$};
    my $token = Issuer::form($call)->{token};
    return Issuer::answer('500 Oops', '') if $token eq 'broken';
    return Issuer::json(
        $token eq 'active' ? '{"active":true,"username":"alice","scope":"read"}' : '{"active":false}');
});
my $upstream = Issuer->start(sub {
    return Issuer::answer('200 OK', Issuer::header($_[0], 'X-Token-Username') // 'none');
});

# What stands in the http block of an example, with the addresses of this test.
sub http_of {
    my ($name) = @_;
    open my $file, '<', "examples/$name.conf" or die "$name: $!";
    my $text = do { local $/; <$file> };
    $text =~ s/\A.*?^http \{\n//ms;
    $text =~ s/^\}\s*\z//m;
    my ($authority) = $issuer->url =~ m{^(http://[^/]+)};
    $text =~ s{https://idp\.example\.com/}{$authority/}g;
    my $secret = File::Temp->new(UNLINK => 0);
    print {$secret} "secret\n";
    close $secret;
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

done_testing;
