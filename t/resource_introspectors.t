# TokenIntrospector resources of every kind at work: they do what the blocks do that say the same.

use strict;
use warnings;
use lib 't/lib';

use File::Temp;
use Issuer;
use Loopback;
use NginxProcess;
use Test::More;
use TokenIntrospect qw(jwt jws json jwk jwks pem replace_file $SECRET);

my $files = File::Temp->newdir;
sub serve { my ($name, @keys) = @_; replace_file("$files/$name", jwks(@keys)) }
serve('set',     jwk('RSA', kid => 'rsa'), jwk('P-256', kid => 'ec'));
serve('rotated', jwk('P-256', kid => 'old'));
serve('no-kid',  jwk('P-256'));

my $issuer = Issuer->start(sub {
    my ($call) = @_;
    if ($call->{method} eq 'GET') {
        my ($name) = $call->{target} =~ m{(\w[\w-]*)$};
        open my $file, '<', "$files/$name" or return Issuer::answer('404 Not Found', '');
        local $/;
        return Issuer::json(scalar <$file>);
    }
    my $token = Issuer::form($call)->{token};
    return Issuer::json($token =~ /^gone/ ? '{"active":false}' : qq({"active":true,"sub":"$token"}));
});
my $url = $issuer->url('');
sub calls_of(&) {
    my ($code) = @_;
    my $before = $issuer->call_count;
    $code->();
    return $issuer->call_count - $before;
}

sub pem_lines {
    my ($kind, $indent) = @_;
    return pem($kind) =~ s/^/' ' x $indent/gmer;
}

my $yaml = <<"END";
resourceType: TokenIntrospector
id: secret
type: jwt
jwt:
  iss: https://auth.example.com
  secret: very-secret
---
resourceType: TokenIntrospector
id: keys
type: jwt
jwt:
  iss: https://keys.test
  keys:
    - pub: |
@{[ pem_lines('RSA', 8) ]}
      kty: RSA
      alg: RS256
      format: PEM
    - pub: |
@{[ pem_lines('RSA/2', 8) ]}
      kty: RSA
      alg: RS384
      format: PEM
    - pub: |
@{[ pem_lines('P-256', 8) ]}
      kty: EC
      alg: ES256
      format: PEM
    - k: $SECRET
      kty: OCT
      alg: HS256
      format: plain
---
resourceType: TokenIntrospector
id: without-kty
type: jwt
jwt:
  iss: https://without-kty.test
  keys:
    - {alg: ES256, format: PEM, pub: "@{[ pem('P-256') =~ s/\n/\\n/gr ]}"}
    - {alg: ES256, format: PEM, pub: "@{[ pem('P-256/2') =~ s/\n/\\n/gr ]}"}
    - {alg: HS256, format: plain, k: "$SECRET"}
---
resourceType: TokenIntrospector
id: silent
type: jwt
jwt:
  secret: $SECRET
END

sub resource {
    my ($id, %more) = @_;
    return { resourceType => 'TokenIntrospector', id => $id, type => 'jwt', %more };
}
sub asking {
    my ($id, $type, %more) = @_;
    return resource($id, type => $type, introspection_endpoint => { url => "$url/$id",
        authorization => "Basic  Y2xp+/$id==" }, %more);
}
my $signs     = q(Key $host ${args} "q" 'a' \\ ;{}# x, more than 32 bytes of it);
my @resources = (
    resource('set', jwt => { iss => 'https://set.test' }, jwks_uri => "$url/set"),
    resource('inner', jwt => { iss => 'https://inner.test', jwks_uri => "$url/set" }),
    resource('both', jwt => { iss => 'https://both.test', jwks_uri => "$url/set" }, jwks_uri => "$url/set"),
    resource('rotated', jwt => { iss => 'https://rotated.test' }, jwks_uri => "$url/rotated"),
    resource('no-kid', jwt => { iss => 'https://no-kid.test' }, jwks_uri => "$url/no-kid", cache_ttl => 1),
    resource('brief-set', jwt => { iss => 'https://brief.test' }, jwks_uri => "$url/set", cache_ttl => 1),
    # environments with keys of their own
    (map { resource($_, jwt => { iss => "https://$_.test", secret => "$_ $SECRET" }) } qw(dev stage prod)),
    # one issuer in two resources
    (map { resource("twin-$_", jwt => { iss => 'https://twin.test', secret => "$_ $SECRET" }) } 1, 2),
    asking('opaque', 'opaque'),
    asking('brief', 'opaque', cache_ttl => 1),
    asking('day', 'opaque', cache_ttl => 86400),
    # what has a meaning in nginx.conf
    resource('signs', type => 'opaque', introspection_endpoint => {
        url => "$url/signs?a=\$arg_x&b=%20;c", authorization => $signs }),
    resource('signs-jwt', jwt => { iss => 'https://signs.test', secret => $signs }),
    resource('signs-key', jwt => { iss => $signs, keys => [map { { alg => 'HS256', format => 'plain', k => $_ } }
        $signs, "file:$0"] }),
    asking('aspx', 'aspxauth'),
    asking('aspx-brief', 'aspxauth', cache_ttl => 1),
);

my %listed = (
    (map { $_->{id} => $_->{id} } @resources), map({ $_ => $_ } qw(secret keys without-kty silent)),
    mixed => 'opaque secret keys set', environments => 'dev stage', twins => 'twin-1 twin-2',
    'silent-mixed' => 'silent opaque', 'both-credentials' => 'opaque aspx',
);
my $locations = join '', map {"location /$_/ { token_introspect $listed{$_}; proxy_pass http://127.0.0.1:%PORT2%/; }\n"}
    sort keys %listed;

my $nginx = NginxProcess->start(
    workers => 2,
    files   => { 'keys.yaml' => $yaml, 'others.json' => json(\@resources) },
    http    => <<"END");
    token_resources keys.yaml others.json;
    server {
        listen 127.0.0.1:%PORT% reuseport;
        add_header Status \$token_status always;
        add_header By \$token_introspector always;
        add_header Cache \$token_cache_status always;
        $locations
    }
    server {
        listen 127.0.0.1:%PORT2%;
        location / { return 200 '[\$http_authorization][\$http_cookie]'; }
    }
END

sub answer_to {
    my ($path, @headers) = @_;
    my $response = $nginx->get("/$path/", @headers);
    return join ' ', $response->{status}, map { $response->{headers}{$_} // '-' } qw(status by cache);
}
sub ask { my ($path, $token) = @_; return answer_to($path, Authorization => "Bearer $token") }
sub cookie { my ($path, $value) = @_; return answer_to($path, Cookie => ".ASPXAUTH=$value") }

my $expired  = qr/^401 expired/;
my $unsigned = qr/^401 bad_signature/;

# a secret
my %auth = (iss => 'https://auth.example.com', -key => 'very-secret', sub => 'basic');
like ask(secret => jwt(%auth)), qr/^200 active secret/, 'jwt.secret verifies HS256 (B1)';
like answer_to('secret', authorization => 'bearer ' . jwt(%auth)), qr/^200/, 'the token is a Bearer credential (B12)';
is answer_to('secret', 'X-Token' => jwt(%auth)), '401 missing - -', '... and nowhere else';
like ask(secret => jwt(%auth, exp => time - 1)), $expired, 'a past exp (B10)';
like ask(secret => jwt(%auth, exp => undef)), qr/^401 missing_expiry/, 'no exp';
like ask(secret => jwt(%auth, -key => 'Very-secret')), $unsigned, 'another secret (B11)';
like ask(secret => jwt(%auth, -alg => 'HS384')), qr/^401 unsupported_algorithm/, 'a secret is for HS256';
like ask(secret => jwt(%auth, iss => 'https://auth.example.com/')), qr/^401 unknown_issuer/, 'another iss (B9)';
# what a builder of JWTs gives who changes nothing of its form
is ask(secret => jws({ typ => 'JWT', alg => 'HS256' }, { iss => 'Online JWT Builder', iat => 1657880863,
    exp => 1689416863, aud => 'www.example.com', sub => 'jrocket@example.com' }, 'HS256', 'qwertyuiopasdfgh')),
    '401 unknown_issuer - -', 'the sample of a form that was not filled in (B9)';

# keys
my %of = (RS256 => 'RSA', RS384 => 'RSA/2', ES256 => 'P-256', HS256 => $SECRET);
my %number = (RS256 => 'B3', RS384 => 'B4', ES256 => 'B5', HS256 => 'B6');
for my $alg (sort keys %of) {
    my %token = (iss => 'https://keys.test', -alg => $alg, -key => $of{$alg});
    like ask(keys => jwt(%token)), qr/^200 active keys/, "one of four mixed keys: $alg ($number{$alg}, B7)";
    like ask(keys => jwt(%token, exp => 1)), $expired, "... $alg: expired";
    my ($other) = grep { $_ ne $alg } $alg eq 'RS256' ? 'RS384' : 'RS256';
    like ask(keys => jwt(%token, -key => $alg eq 'HS256' ? 'x' : $alg eq 'ES256' ? 'P-256/2' : $of{$other})),
        $unsigned, "... $alg: a signature of another key (B11, B52)";
}
like ask(keys => jwt(iss => 'https://keys.test', -alg => $_->[0], -key => $_->[1])), qr/^401 unknown_key/,
    "an algorithm that no key has: $_->[0] (B52, B62)"
    for ['RS512', 'RSA'], ['PS256', 'RSA'], ['HS512', $SECRET], ['ES256K', 'secp256k1'];
like ask(keys => jwt(iss => 'https://keys.test', -key => pem('RSA'))), $unsigned, 'a public key is no secret (B62)';
like ask(keys => jws({ alg => 'none' }, { iss => 'https://keys.test', exp => time + 99 }, 'HS256') =~ s/[^.]+$//r),
    qr/^401 unsupported_algorithm/, 'none (B62)';
my %bare = (iss => 'https://without-kty.test');
like ask('without-kty' => jwt(%bare, -alg => 'ES256')), qr/^200/, 'kty follows from alg: ES256 (B51)';
like ask('without-kty' => jwt(%bare)), qr/^200/, '... HS256 (B51)';
like ask('without-kty' => jwt(%bare, -alg => 'ES256', -key => 'P-256/2')), qr/^200/,
    'keys of one alg are tried in sequence (B53, B54)';
like ask('without-kty' => jwt(%bare, -alg => 'ES256', -key => 'P-256/3')), $unsigned, '... and none fits';

# key sets
for my $id (qw(set inner both)) {
    my %token = (iss => "https://$id.test");
    my %where = (set => 'of the resource (B2)', inner => 'below jwt (B47)', both => 'in both places');
    is calls_of { like ask($id => jwt(%token, -alg => 'RS256')), qr/^200 active $id/,
        "jwks_uri $where{$id}: RSA (B50)" },
        1, '... is fetched';
    is calls_of {
        like ask($id => jwt(%token, -alg => 'ES256', sub => $_)), qr/^200 active $id/, '... EC (B50)' for 1 .. 3;
    }, 0, '... is remembered, by all workers (B48)';
    like ask($id => jwt(%token, -alg => 'ES256', exp => 1)), $expired, '... exp is checked';
    like ask($id => jwt(%token, -alg => 'ES256', -key => 'P-256/2')), $unsigned, '... so is the signature';
    like ask($id => jwt(%token, -kid => 'rsa', -key => pem('RSA'))), qr/^401 unknown_key $id/, '... no HS256 (B62)';
}

# rotation
my %old = (iss => 'https://rotated.test', -alg => 'ES256', -kid => 'old');
my $fresh = jwt(%old, -kid => 'new', -key => 'P-256/2');
like ask(rotated => jwt(%old)), qr/^200/, 'rotation: the old key';
serve('rotated', jwk('P-256', kid => 'old'), jwk('P-256/2', kid => 'new'));
like ask(rotated => $fresh), qr/^200|^401 unknown_key/, '... an unknown kid makes the set fresh';
ok eventually { ask(rotated => $fresh) =~ /^200/ }, '... so the new key works, without a reload (B49)';
like ask(rotated => jwt(%old)), qr/^200/, '... beside the old one (B54)';
my %plain = (iss => 'https://no-kid.test', -alg => 'ES256');
my $kept   = jwt(%plain);
my $later  = jwt(%plain, -key => 'P-256/2');
like ask('no-kid' => $kept), qr/^200/, 'rotation without kid: the old key';
serve('no-kid', jwk('P-256/2'));
ok eventually { ask('no-kid' => $later) =~ /^200/ },
    '... the new key works after cache_ttl (B49)';
ok eventually { ask('no-kid' => $kept) =~ $unsigned }, '... a remembered token of the old one stops (B55)';

# opaque tokens
is calls_of { is ask(opaque => 'alice'), '200 active opaque MISS', 'an opaque token' }, 1, '... is asked about';
my ($call) = ($issuer->calls)[-1];
is "$call->{method} $call->{target} $call->{body}", 'POST /opaque token=alice', '... at the url (B17, B43)';
is(Issuer::header($call, 'content-type'), 'application/x-www-form-urlencoded', '... as a form');
is(Issuer::header($call, 'accept'), 'application/json', '... for JSON');
is(Issuer::header($call, 'authorization'), 'Basic  Y2xp+/opaque==', '... with authorization as it is written (B18)');
is calls_of { is ask(opaque => 'alice'), '200 active opaque HIT', 'the same token' }, 0, '... is remembered (B35)';
is ask(opaque => 'bob'), '200 active opaque MISS', 'another token is asked about (B35)';
is ask(opaque => 'gone'), '401 inactive opaque MISS', 'inactive (B45)';
is $nginx->get('/opaque/', Authorization => 'Bearer alice')->{body}, '[][]', 'the token goes no further';

# nothing of a resource is a variable, a quote or a file
like answer_to('signs', Authorization => 'Bearer t', 'X-A' => 'b'), qr/^200 active signs/,
    'signs that nginx.conf has a meaning for';
($call) = ($issuer->calls)[-1];
is $call->{target}, '/signs?a=$arg_x&b=%20;c', '... in a url';
is(Issuer::header($call, 'authorization'), $signs, '... in authorization');
like ask('signs-jwt' => jwt(iss => 'https://signs.test', -key => $signs)), qr/^200 active signs-jwt/,
    '... in jwt.secret';
like ask('signs-key' => jwt(iss => $signs, -key => $_)), qr/^200 active signs-key/, '... in jwt.iss and k' for $signs,
    "file:$0";

# aspxauth
is calls_of { is cookie(aspx => '0AFF'), '200 active aspx MISS', 'a cookie' }, 1, '... is asked about';
($call) = ($issuer->calls)[-1];
is "$call->{method} $call->{target} $call->{body}", 'POST /aspx token=0AFF', '... like a token';
is(Issuer::header($call, 'authorization'), 'Basic  Y2xp+/aspx==', '... with authorization as it is written');
is calls_of { is cookie(aspx => '0AFF'), '200 active aspx HIT', 'the same cookie' }, 0, '... is remembered (B36)';
is cookie(aspx => '0AFE'), '200 active aspx MISS', 'another value is asked about (B36)';
is cookie(aspx => 'gone'), '401 inactive aspx MISS', 'inactive';
is answer_to('aspx'), '401 missing - -', 'no cookie';
like answer_to('both-credentials', Cookie => '.ASPXAUTH=0AFF', Authorization => 'Bearer gone'),
    qr/^401 inactive opaque/,
    'a Bearer token goes before the cookie';

# Which introspector decides (B21, B46)
is calls_of {
    like ask(mixed => jwt(%auth)), qr/^200 active secret/, 'a JWT goes to its issuer';
    like ask(mixed => jwt(%auth, -key => 'x')), qr/^401 bad_signature secret/, '... also a forged one';
}, 0, '... and nobody is asked (B46)';
like ask(mixed => jwt(iss => 'https://keys.test')), qr/^200 active keys/, 'another issuer, another introspector';
is calls_of { like ask(mixed => 'opaque-1'), qr/^200 active opaque/, 'any other token' }, 1, '... is asked about';
is calls_of { like ask(mixed => jwt(iss => 'https://unknown.test')), qr/^200 active opaque/, 'a JWT of nobody' }, 1,
    '... too';

# B61: without jwt.iss nothing matches
is calls_of {
    is ask(silent => jwt(iss => $_->[0])), '401 unknown_issuer - -', "no jwt.iss: iss $_->[1]"
        for [undef, 'absent'], ['', 'empty'], ['https://idp.test', 'any'], ['silent', 'the id'];
    is ask(silent => jws({ alg => 'HS256' }, '{"iss":null,"exp":4102444800}', 'HS256')), '401 unknown_issuer - -',
        '... iss null';
    is ask(silent => 'opaque'), '401 unknown_issuer - -', '... no JWT at all';
    is answer_to('silent'), '401 missing - -', '... no token';
}, 0, '... and nobody is asked';
like ask('silent-mixed' => 'opaque-2'), qr/^200 active opaque/, 'no jwt.iss: others in the list decide';
like $nginx->log, qr/\[warn\] .*keys\.yaml:\d+: TokenIntrospector "silent": jwt\.iss: is missing: this introspector matches no token/,
    '... there was a warning';

# Environments (B64), and one issuer twice
sub of { my ($iss, $key, %more) = @_; return jwt(iss => "https://$iss.test", -key => "$key $SECRET", %more) }
like ask(environments => of($_, $_)), qr/^200 active $_/, "an environment of this location: $_" for qw(dev stage);
is ask(environments => of('prod', 'prod')), '401 unknown_issuer - -', 'the issuer of another environment (B64)';
like ask(environments => of('dev', 'prod')), qr/^401 bad_signature dev/, '... and its key (B64)';
like ask(environments => of('dev', 'stage')), qr/^401 bad_signature dev/, '... no key serves another issuer';
like ask(twins => of('twin', $_)), qr/^200 active twin-$_/, "one issuer in two resources: key $_" for 1, 2;
like ask(twins => of('twin', 3)), qr/^401 bad_signature twin-1/, '... and no other key';

# cache_ttl at its limits (B37)
is ask(day => 'long'), '200 active day MISS', 'cache_ttl 86400 (B37)';
is ask(day => 'long'), '200 active day HIT', '... is remembered';
is ask(brief => 'short'), '200 active brief MISS', 'cache_ttl 1 (B37)';
my $seen;
ok eventually { ($seen = ask(brief => 'short')) !~ /HIT/ }, '... ends';
is $seen, '200 active brief EXPIRED', '... and is asked about again';
my $of_set = jwt(iss => 'https://brief.test', -alg => 'ES256');
like ask('brief-set' => $of_set), qr/^200/, '... of a key set';
is cookie('aspx-brief' => 'AA'), '200 active aspx-brief MISS', '... of a cookie';

# The issuer is down.
$issuer->stop;
is ask(day => 'long'), '200 active day HIT', 'down: a remembered token (B40)';
is cookie(aspx => '0AFF'), '200 active aspx HIT', '... a remembered cookie (B40)';
like ask(set => jwt(iss => 'https://set.test', -alg => 'RS256', sub => 'new')), qr/^200/,
    '... a remembered key set (B39)';
like ask(day => 'never seen'), qr/^400/, '... (what is no token is none)';
is ask(day => 'never-seen'), '503 issuer_unreachable day MISS', '... a new token (B41)';
is cookie(aspx => '0A00'), '503 issuer_unreachable aspx MISS', '... a new cookie (B41)';
ok eventually { ask(brief => 'short') =~ /^503 issuer_unreachable brief/ }, '... a token whose time is over (B41)';
ok eventually { cookie('aspx-brief' => 'AA') =~ /^503 issuer_unreachable aspx-brief/ }, '... a cookie (B41)';
ok eventually { ask('brief-set' => $of_set) =~ /^503 issuer_unreachable/ },
    '... a key set (B41)';

unlike $nginx->log, qr/\Q$SECRET\E|very-secret|Y2xp|\Q$signs/, 'no secret in the log';
$nginx->stop;
done_testing;
