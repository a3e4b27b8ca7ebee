# Secrets of resources in files of their own, which a vault file names (B42).

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use Loopback;
use NginxProcess;
use Test::More;
use TokenIntrospect qw(jwt json);

my $issuer = Issuer->start(sub { Issuer::json('{"active":true}') });
my $url    = $issuer->url('');

my %value = map { $_ => "hidden-$_-value-of-more-than-32-bytes" } qw(secret secret-2 key key-2 rotated other);

# What stands where a value would be.
sub reference {
    my ($name) = @_;
    return {
        extension => [
            { url => 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode => 'masked' },
            { url => 'http://health-samurai.io/fhir/secret-reference', valueString => $name },
        ],
    };
}
sub introspector {
    my ($id, %more) = @_;
    return { resourceType => 'TokenIntrospector', id => $id, type => 'jwt', %more };
}
sub remote {
    my ($id, $type, $name) = @_;
    return introspector($id, type => $type, cache_ttl => 1,
        introspection_endpoint => { url => "$url/$id", _authorization => reference($name) });
}
my @resources = (
    introspector('secret', jwt => { iss => 'https://secret.test', _secret => reference('jwt-secret') }),
    introspector('again', jwt => { iss => 'https://again.test', _secret => reference('jwt-secret') }),
    introspector('keys', jwt => {
        iss  => 'https://keys.test',
        keys => [
            { kty => 'OCT', alg => 'HS256', format => 'plain', _k => reference('jwt-key') },
            { alg => 'HS256', format => 'plain', _k => reference('jwt-key-2') },
        ],
    }),
    remote('opaque', 'opaque', 'authorization'), remote('aspx', 'aspxauth', 'authorization'),
    introspector('mounted', jwt => { iss => 'https://mounted.test', _secret => reference('mounted') }),
);
my %any   = (scope => { resource_type => 'TokenIntrospector' });
my %vault = (
    'jwt-secret'  => { path => 'secrets/secret', %any },
    'jwt-key'     => { path => '%DIR%/secrets/key', scope => { resource_type => 'TokenIntrospector', id => 'keys' } },
    'jwt-key-2'   => { path => 'secrets/key-2', scope => ['TokenIntrospector/keys', 'Client'] },
    authorization => { path => 'secrets/authorization', scope => ['TokenIntrospector/opaque',
        { resource_type => 'TokenIntrospector', id => 'aspx' }] },
    mounted       => { path => 'mount/current/secret', %any },
    other         => { path => 'secrets/other', scope => { resource_type => 'TokenIntrospector', id => 'other' } },
    client        => { path => 'secrets/other', scope => { resource_type => 'Client' } },
    missing       => { path => 'secrets/missing', %any },
);

my $http = <<'END';
    token_resources resources.json vault=vault.json;
    server {
        listen 127.0.0.1:%PORT% reuseport;
        root %DIR%;
        add_header Worker $pid always;
        add_header Status $token_status always;
        location /free { try_files /nginx.conf =404; }
END
$http .= "location /$_ { token_introspect $_; try_files /nginx.conf =404; }\n" for map {$_->{id}} @resources;
my $nginx = NginxProcess->prepare(workers => 2, http => "$http}");
my $dir   = $nginx->dir;
my %files = (
    'resources.json'        => json(\@resources),
    'vault.json'            => json({ secret => \%vault }) =~ s/%DIR%/$dir/r,
    'secrets/secret'        => "$value{secret}\n",
    'secrets/key'           => $value{key},
    'secrets/key-2'         => "$value{'key-2'}\r\n",
    'secrets/authorization' => "Basic hidden-authorization==\n",
    'secrets/other'         => $value{other},
    'mount/1/secret'        => "$value{'secret-2'}\n",
    'mount/2/secret'        => "$value{rotated}\n",
);
$nginx->write($_, $files{$_}) for keys %files;
symlink '1', "$dir/mount/current" or die;

# --- what nginx -t says --------------------------------------------------------------------------

sub complaint {
    my (%texts) = @_;
    my $said = $nginx->complaint(undef, %texts);
    $nginx->write($_, $files{$_}) for keys %texts;
    unlike $said, qr/hidden-/, 'no value in what nginx -t says';
    return $said;
}
is complaint(), '', 'the files of this test are good';
my $about = 'resources.json:1: TokenIntrospector "idp": ';
sub with_secret { my ($name) = @_; return json(introspector('idp', jwt => { iss => 'i',
    _secret => reference($name) })) }
for my $case (
    ['a secret of others', with_secret('other'),
        "${about}jwt._secret: the secret \"other\" is for others; name this resource in its scope in vault.json"],
    ['a secret of another type', with_secret('client'),
        "${about}jwt._secret: the secret \"client\" is for others; name this resource in its scope in vault.json"],
    ['a secret that is not in the vault', with_secret('none'),
        "${about}jwt._secret: the vault file vault.json has no secret \"none\""],
    ['a secret whose file is missing', with_secret('missing'),
        qr{^\Q$about\E.*cannot read "secrets/missing": No such file or directory$}],
    ['a key of others', json(introspector('idp', jwt => { iss => 'i', keys => [{ alg => 'HS256', format => 'plain',
        _k => reference('jwt-key') }] })),
        "${about}jwt.keys[0]._k: the secret \"jwt-key\" is for others; name this resource in its scope in vault.json"],
    ['an authorization of others', json(remote('idp', 'opaque', 'authorization')),
        "${about}introspection_endpoint._authorization: the secret \"authorization\" is for others; name this resource in its scope in vault.json"],
    ['both a value and a reference', json(introspector('idp', jwt => { iss => 'i', secret => 'hidden-',
        _secret => reference('jwt-secret') })),
        "${about}jwt._secret: excludes secret: keep one"],
    ['a reference without the code', json(introspector('idp', jwt => { iss => 'i',
        _secret => { extension => [reference('jwt-secret')->{extension}[1]] } })),
        "${about}jwt._secret.extension: needs the url http://hl7.org/fhir/StructureDefinition/data-absent-reason with the valueCode masked"],
    ['a reference where none may be', json(introspector('idp', jwt => { _iss => reference('jwt-secret') })),
        "${about}jwt._iss: unknown attribute; the known ones are iss, secret, _secret, jwks_uri, keys"],
    )
{
    my ($name, $text, $sentence) = @$case;
    my $said = complaint('resources.json' => $text);
    ref $sentence ? like $said, $sentence, $name : is $said, $sentence, $name;
}
for my $case (
    ['no JSON', '{', ':1: not well-formed JSON'],
    ['an array', '[]', ':1: must be an object, not an array'],
    ['a value in the vault', json({ secret => { a => { value => 'hidden-' } } }),
        ':1: secret.a.value: unknown attribute; the known ones are path, scope'],
    ['no scope', json({ secret => { a => { path => '/p' } } }), ':1: secret.a.scope: is missing; it must be an object'],
    )
{
    my ($name, $text, $sentence) = @$case;
    is complaint('vault.json' => $text), "vault.json$sentence", "the vault file: $name";
}
is complaint('secrets/secret' => ''),
    "resources.json:1: TokenIntrospector \"secret\": key in \"secrets/secret\": an empty secret", 'an empty secret';
is complaint('secrets/authorization' => "Basic hidden\nX: y"),
    'resources.json:1: TokenIntrospector "opaque": "secrets/authorization" is empty or holds control characters',
        'an authorization of two lines';
$nginx->configure("token_resources resources.json;");
is complaint(), 'resources.json:1: TokenIntrospector "secret": jwt._secret: refers to the secret "jwt-secret", but there is no vault file', 'no vault';
$nginx->configure('token_resources resources.json vault=none.json;');
is complaint(), 'cannot read "none.json": No such file or directory', 'no such vault';
$nginx->configure("token_resources vault=vault.yaml resources.json;\n");
$nginx->write('vault.yaml', join '', "secret:\n", map {
    my $scope = json($vault{$_}{scope});
    "  $_:\n    path: " . ($vault{$_}{path} =~ s/%DIR%/$dir/r) . "\n    scope: $scope\n"
} sort keys %vault);
is complaint(), '', 'a vault in YAML, wherever the word stands';

# --- at work -------------------------------------------------------------------------------------

$nginx->configure("$http}");
$nginx->run;

sub ask {
    my ($id, $key) = @_;
    my $response = $nginx->get("/$id", Authorization => 'Bearer ' . jwt(iss => "https://$id.test",
        -key => $value{$key}));
    return "$response->{status} $response->{headers}{status}";
}
# so many connections that both workers are asked
sub everywhere(&) { my ($code) = @_; return eventually { 20 == grep { $code->() } 1 .. 20 } }
sub sent {
    my ($path, @headers) = @_;
    my $response = $nginx->get($path, @headers);
    return $response->{status} == 200 ? Issuer::header(($issuer->calls)[-1], 'authorization') : $response->{status};
}
my @token = (Authorization => 'Bearer t');
my @cookie = (Cookie => '.ASPXAUTH=c');

is ask('secret', 'secret'), '200 active', 'jwt.secret comes from its file, without the newline';
is ask('secret', 'key'), '401 bad_signature', '... and is no other';
is ask('again', 'secret'), '200 active', '... another resource may use it, too';
is ask('keys', $_), '200 active', "jwt.keys[].k: $_" for 'key', 'key-2';
is ask('keys', 'secret'), '401 bad_signature', '... and no other';
is sent('/opaque', @token), 'Basic hidden-authorization==', 'introspection_endpoint.authorization of type opaque';
is sent('/aspx', @cookie), 'Basic hidden-authorization==', '... of type aspxauth';
is ask('mounted', 'secret-2'), '200 active', 'a path through a link';

# new values
$nginx->write('secrets/secret', $value{rotated});
$nginx->write('secrets/key', "$value{rotated}\n");
$nginx->write('secrets/authorization', 'Bearer hidden-authorization-2');
ok everywhere { ask('secret', 'rotated') eq '200 active' }, 'a new secret counts in all workers, without a reload';
ok everywhere { ask('again', 'rotated') eq '200 active' }, '... for all who use it';
is ask('secret', 'secret'), '401 bad_signature', '... the old one does not, also for a remembered token';
ok everywhere { ask('keys', 'rotated') eq '200 active' }, 'so does a new key';
is ask('keys', 'key-2'), '200 active', '... beside the other one';
is ask('keys', 'key'), '401 bad_signature', '... the old one does not';
ok everywhere { sent('/opaque', Authorization => 'Bearer t' . rand) eq 'Bearer hidden-authorization-2' },
    'so does a new authorization';
ok everywhere { sent('/aspx', Cookie => '.ASPXAUTH=' . rand) eq 'Bearer hidden-authorization-2' }, '... of cookies';
# as Kubernetes does it: the link leads to another directory
symlink '2', "$dir/mount/next" or die;
rename "$dir/mount/next", "$dir/mount/current" or die;
ok everywhere { ask('mounted', 'rotated') eq '200 active' }, 'a link that leads elsewhere is noticed';
is ask('mounted', 'secret-2'), '401 bad_signature', '... by all';

# what goes away
unlink map {"$dir/secrets/$_"} 'secret', 'key', 'authorization' or die;
unlink "$dir/vault.json" or die;
$nginx->write('mount/2/secret', '');
ok eventually { ask('mounted',
    'rotated'); $nginx->count_in_log(qr/\[error\] .*introspector "mounted": key in ".*secret": an empty secret/) },
    'a secret that becomes empty is reported';
is ask('mounted', 'rotated'), '200 active', '... and the last good one goes on';
is ask('secret', 'rotated'), '200 active', 'so it does when a file vanishes, and the vault';
is ask('secret', 'secret'), '401 bad_signature', '... as it was last';
is ask('keys', 'rotated'), '200 active', '... for keys';
is sent('/opaque', Authorization => 'Bearer after'), 'Bearer hidden-authorization-2', '... for endpoints';

my $refused = qr/cannot read ".*vault\.json"/;
like $nginx->check, qr/\[emerg\] .*$refused/, 'without the vault nginx -t fails';
$nginx->expect($refused);
my @workers = sort $nginx->workers;
kill HUP => $nginx->{pid};
ok eventually { $nginx->count_in_log(qr/\[emerg\] .*$refused/) }, '... and a reload';
is_deeply [sort $nginx->workers], \@workers, '... which leaves the workers';
is ask('secret', 'rotated'), '200 active', '... and what they know';

$nginx->write($_, $files{$_}) for keys %files;
ok $nginx->reload, 'with all files back a reload succeeds';
is ask('secret', 'secret'), '200 active', '... and reads them';
is ask('secret', 'rotated'), '401 bad_signature', '... anew';

unlike $nginx->log, qr/hidden-|aGlkZGVu/, 'no value was ever logged';
$nginx->stop;
done_testing;
