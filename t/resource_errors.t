# What nginx -t says of resource files that are wrong: file, line, resource, attribute, and the cure.
#
# valgrind: no, nginx -t and nothing else: a process of two seconds for each of its cases

use strict;
use warnings;
use lib 't/lib';

use NginxProcess;
use POSIX qw(mkfifo);
use Resources;
use Test::More;
use TokenIntrospect qw(json pem $SECRET);

my $tried = NginxProcess->prepare(http => '');
my $dir   = $tried->dir;

sub complaint { return $tried->complaint(@_) }
sub warnings_of {
    my ($http, %texts) = @_;
    is complaint($http, %texts), '', '... is no error';
    return map {s/\Q$dir\E\///gr}
        $tried->check =~ /\[warn\] \d+#\d+: (.*?)(?: in \Q$dir\E\/nginx\.conf:\d+)?$/mg;
}

my $resource = qq({"resourceType":"TokenIntrospector","id":"idp","type":"jwt",\n"jwt":{"iss":"i");
my $about    = 'TokenIntrospector "idp": ';
my $key      = '"alg":"RS256","format":"PEM","pub":' . json(pem('RSA'));

for my $case (
    # forms
    ['nothing in JSON', '', ': JSON is empty'],
    ['no JSON', "{\n\"a\":}", ':2: not well-formed JSON'],
    ['a name twice', qq({"resourceType":"User",\n"id":"a","id":"b"}), ':2: a JSON member name occurs twice'],
    ['two JSON values', '{} {}', ':1: text follows the JSON value'],
    ['a string', '"User"', ':1: must be an object: a resource with resourceType and id'],
    ['an array in an array', "[\n[]]", ':2: [0]: must be an object: a resource with resourceType and id'],
    ['no type', qq({"id":"a"}), ':1: resourceType: is missing; it must be a string'],
    ['another type', qq({"resourceType":\n"Patient","id":"a"}),
        ':2: resourceType: "Patient" is not supported; use TokenIntrospector, AccessPolicy, User, Role or Client'],
    ['no id', qq({"resourceType":"User"}), ':1: User: id: is missing; it must be a string'],
    ['a number as id', qq({"resourceType":"User","id":7}),
        ':1: User: id: must be a string, not a number; quote it'],
    ['an empty id', qq({"resourceType":"User","id":""}), ':1: User: id: is empty'],
    ['a Bundle without resource', qq({"resourceType":"Bundle","entry":[{},\n{}]}),
        ':1: entry[0].resource: must be an object: a resource with resourceType and id'],
    ['a wrong resource in a Bundle', qq({"resourceType":"Bundle","entry":[\n{"resource":{"resourceType":"User"}}]}),
        ':2: User: id: is missing; it must be a string'],
    # TokenIntrospector
    ['an id with a slash', qq({"resourceType":"TokenIntrospector","id":"a/b"}),
        ':1: TokenIntrospector: id: must have at most 64 characters, all of them letters, digits, - . or _'],
    ['a word of token_introspect as id', qq({"resourceType":"TokenIntrospector","id":"off","type":"jwt"}),
        ':1: TokenIntrospector "off": id: "off" and "optional" cannot name an introspector; they are words '
            . 'of token_introspect'],
    ['no type of token', qq({"resourceType":"TokenIntrospector","id":"idp"}),
        ":1: ${about}type: is missing; it must be a string"],
    ['an unknown type of token', qq({"resourceType":"TokenIntrospector","id":"idp","type":"saml"}),
        ":1: ${about}type: \"saml\" is not supported; use jwt, opaque or aspxauth"],
    ['an unknown attribute', "$resource,\"sekret\":\"x\"}}",
        ":2: ${about}jwt.sekret: unknown attribute; the known ones are iss, secret, _secret, jwks_uri, keys"],
    # B38: 0 is out of range here
    (map { ["cache_ttl $_", "$resource,\"secret\":\"$SECRET\"},\n\"cache_ttl\":$_}",
        ":3: ${about}cache_ttl: must be an integer from 1 to 86400" . ($_ =~ /\D\d|"/ && $_ ne '-1'
            ? ', not a ' . ($_ =~ /"/ ? 'string' : 'number') : '')] } 0, 86401, -1, '300.5', '"300"'),
    # B8
    ['no keys', "$resource}}", ":1: ${about}has no keys; give exactly one of jwt.secret, jwks_uri and jwt.keys"],
    (map { ["$_->[0] and $_->[1]", "$resource" . join('', map {$$_[1]} grep { $$_[0] eq 'in' } @$_[2, 3]) . '}'
            . join('', map {$$_[1]} grep { $$_[0] eq 'out' } @$_[2, 3]) . '}',
        ":1: ${about}has more than one source of keys; keep exactly one of jwt.secret, jwks_uri and jwt.keys"] }
        map {
            my %source = (
                'secret' => ['in', ",\"secret\":\"$SECRET\""],
                'keys' => ['in', ",\"keys\":[{$key}]"],
                'jwks_uri' => ['out', ',"jwks_uri":"http://127.0.0.1:9/"'],
                'jwt.jwks_uri' => ['in', ',"jwks_uri":"http://127.0.0.1:9/"'],
            );
            [@$_, @source{@$_}]
        } ['secret', 'keys'], ['secret', 'jwks_uri'], ['secret', 'jwt.jwks_uri'], ['keys', 'jwks_uri'],
            ['keys', 'jwt.jwks_uri']),
    ['two places of jwks_uri that differ',
        "$resource,\n\"jwks_uri\":\"http://127.0.0.1:9/a\"},\"jwks_uri\":\"http://127.0.0.1:9/b\"}",
        ":3: ${about}jwt.jwks_uri: differs from jwks_uri of the resource; keep one"],
    ['a jwks_uri that is a path', "$resource},\n\"jwks_uri\":\"/keys\"}",
        ":3: ${about}jwks_uri: is no absolute http:// or https:// URL without user information and fragment"],
    ['no keys in keys', "$resource,\"keys\":[]}}", ":2: ${about}jwt.keys: is empty; give at least one key"],
    # B56
    (map { ["$_->[0] with $_->[1]", "$resource,\"keys\":[\n{\"alg\":\"$_->[0]\",$_->[1],\"pub\":\"x\"}]}}",
        ":3: ${about}jwt.keys[0].$_->[2]"] }
        ['RS256', '"kty":"EC","format":"PEM"', 'kty: "EC" does not fit; RS256 goes with kty RSA'],
        ['ES256', '"kty":"RSA","format":"PEM"', 'kty: "RSA" does not fit; ES256 goes with kty EC'],
        ['HS256', '"kty":"RSA","format":"plain"', 'kty: "RSA" does not fit; HS256 goes with kty OCT'],
        ['RS384', '"format":"plain"', 'format: "plain" does not fit; RS384 goes with format PEM'],
        ['HS256', '"format":"PEM"', 'format: "PEM" does not fit; HS256 goes with format plain'],
        ['RS512', '"format":"PEM"', 'alg: "RS512" is not supported; use RS256, RS384, ES256 or HS256'],
        ['none', '"format":"PEM"', 'alg: "none" is not supported; use RS256, RS384, ES256 or HS256']),
    # B57, B58, B59, B60
    (map { [$_->[0], "$resource,\"keys\":[{$key},\n{$_->[1]}]}}", ":3: ${about}jwt.keys[1].$_->[2]"] }
        ['a key without pub (B57)', '"alg":"RS256","format":"PEM"', 'pub: is missing; RS256 needs a public key in PEM'],
        ['a key without format (B57)', '"alg":"ES256","pub":"x"', 'format: is missing; ES256 goes with format PEM'],
        ['a symmetric key without k (B58)', '"alg":"HS256","format":"plain"', 'k: is missing; HS256 needs a secret'],
        ['a symmetric key without format (B58)', '"alg":"HS256","k":"x"',
            'format: is missing; HS256 goes with format plain'],
        ['PEM without its lines (B59)',
            '"alg":"RS256","format":"PEM","pub":' . json(pem('RSA') =~ s/-----[^-]+-----\n//gr),
            'pub: is not PEM: the key needs its lines -----BEGIN PUBLIC KEY----- and -----END PUBLIC KEY-----'],
        ['damaged PEM (B59)', '"alg":"RS256","format":"PEM","pub":' . json(pem('RSA') =~ s/^M/!/mr),
            'pub: a damaged PEM block; give RS256 a public RSA key in PEM with its line breaks'],
        ['PEM that is cut short (B59)',
            '"alg":"RS256","format":"PEM","pub":' . json(pem('RSA') =~ s/^M.{30}\K.*?(?=\n---)/.../msr),
            'pub: a damaged PEM block; give RS256 a public RSA key in PEM with its line breaks'],
        ['RS256 with an EC key (B60)', '"alg":"RS256","format":"PEM","pub":' . json(pem('P-256')),
            'pub: the key is not of the given type; give RS256 a public RSA key in PEM with its line breaks'],
        ['ES256 with an RSA key (B60)', '"alg":"ES256","format":"PEM","pub":' . json(pem('RSA')),
            'pub: the key is not of the given type; give ES256 a public EC key in PEM with its line breaks']),
    ['jwt for type opaque', qq({"resourceType":"TokenIntrospector","id":"idp","type":"opaque",\n"jwt":{}}),
        ":2: ${about}jwt: serves type jwt, this is type opaque; remove it, or make two resources of this one"],
    ['no endpoint', qq({"resourceType":"TokenIntrospector","id":"idp","type":"opaque"}),
        ":1: ${about}introspection_endpoint: is missing; it must be an object"],
    ['no url', qq({"resourceType":"TokenIntrospector","id":"idp","type":"aspxauth",\n"introspection_endpoint":{}}),
        ":2: ${about}introspection_endpoint.url: is missing; it must be a string"],
    ['authorization of two lines', qq({"resourceType":"TokenIntrospector","id":"idp","type":"opaque",\n)
            . qq("introspection_endpoint":{"url":"http://127.0.0.1:9/",\n"authorization":"Bearer x\\nCookie: y"}}),
        ":3: ${about}introspection_endpoint.authorization: holds control characters, line breaks perhaps; "
            . 'it has to be one line'],
    # the others
    ['an engine that a gateway has not', qq({"resourceType":"AccessPolicy","id":"p","engine":"sql"}),
        ':1: AccessPolicy "p": engine: sql asks a database, and a gateway has none; use matcho or json-schema '
            . q{over what the token and the user's resource say}],
    ['a User that is inactive in words', qq({"resourceType":"User","id":"u",\n"inactive":"yes"}),
        qr/^r\.json:[12]: User "u": inactive: must be true or false$/],
    ['a Role of nobody', qq({"resourceType":"Role","id":"r","name":"n"}),
        ':1: Role "r": user: is missing; it must refer to a User'],
    ['a Role of a Client', qq({"resourceType":"Role","id":"r","name":"n",\n"user":{"reference":"Client/a"}}),
        ':2: Role "r": user: must refer to a User, not to a Client'],
    )
{
    my ($name, $text, $sentence) = @$case;
    my $said = complaint('token_resources r.json;', 'r.json' => $text);
    ref $sentence ? like $said, $sentence, $name : is $said, "r.json$sentence", $name;
}
for my $case (
    ['nothing in YAML', "# nothing\n---\n", ': there is no resource in this file'],
    ['no YAML', "resourceType: User\n  id: a\n",
        ':2: not well-formed YAML: mapping values are not allowed in this context'],
    ['a tab', "data:\n\tx: 1\n", ':2: not well-formed YAML: found character that cannot start any token'],
    ['a number as id', "resourceType: User\nid: 0042\n", ':2: User: id: must be a string, not a number; quote it'],
    ['an anchor', "resourceType: User\nid: &a x\n",
        ':2: anchors are not supported: write the value out wherever it is needed'],
    ['an alias', "resourceType: User\nid: *a\n", ':2: aliases are not supported: write the value out'],
    ['a tag', "resourceType: User\nid: !!str x\n", ':2: tags are not supported: quote a value to make it a string'],
    ['a merge key', "resourceType: User\nid: x\n<<: {a: 1}\ndata: 1\n<<: {b: 1}\n", ':5: the name "<<" occurs twice'],
    ['the second document', yaml_introspector('a') . "---\nresourceType: User\n",
        ':8: User: id: is missing; it must be a string'],
    )
{
    my ($name, $text, $sentence) = @$case;
    is complaint('token_resources r.yaml;', 'r.yaml' => $text), "r.yaml$sentence", "YAML: $name";
}

# --- files ---------------------------------------------------------------------------------------

is complaint('token_resources none.json;'), 'cannot read "none.json": No such file or directory', 'no such file';
is complaint('token_resources none/*.json;'), 'no file matches "none/*.json"', 'a pattern without files';
is complaint('token_resources vault=x;'), 'cannot read "x": No such file or directory', 'a vault alone';
mkfifo("$dir/fifo", 0600) or die "mkfifo: $!";
is complaint('token_resources fifo;'), '"fifo" is not a regular file', 'a FIFO';
is complaint('token_resources %DIR%;'), "\"$dir\" is not a regular file", 'a directory';
is complaint('token_resources /dev/zero;'), '"/dev/zero" is not a regular file', 'a device';
symlink 'loop.json', "$dir/loop.json" or die;
is complaint('token_resources loop.json;'), 'cannot read "loop.json": Too many levels of symbolic links', 'a loop';
symlink 'good.json', "$dir/link.json" or die;
is complaint('token_resources link.json;', 'good.json' => json(introspector('a'))), '', 'a link to a file';
truncate $tried->write('large.json', ''), (16 << 20) + 1 or die;
is complaint('token_resources large.json;'), '"large.json" is larger than 16777216 bytes', 'a large file';

for my $case (
    ['deep arrays in JSON', 'd.json', '{"resourceType":"User","id":"a","data":' . '[' x 1e5 . ']' x 1e5 . '}',
        'd.json:1: JSON is nested too deeply'],
    ['deep arrays in YAML', 'd.yaml', "a: " . '[' x 1e5, 'd.yaml:1: YAML is nested too deeply'],
    ['deep lists in YAML', 'd.yaml', '- ' x 1e5, 'd.yaml:1: YAML is nested too deeply'],
    ['deep objects in YAML', 'd.yaml', '{a: ' x 1e5, 'd.yaml:1: YAML is nested too deeply'],
    ['a billion laughs', 'd.yaml', join('', "a0: &a0 [x, x]\n",
        map {"a$_: &a$_ [*a" . ($_ - 1) . ", *a" . ($_ - 1) . "]\n"} 1 .. 40),
        'd.yaml:1: anchors are not supported: write the value out wherever it is needed'],
    ['half a character', 'd.yaml', "resourceType: User\nid: \"\xc3\"\n",
        'd.yaml:2: not well-formed YAML: invalid trailing UTF-8 octet'],
    ['half a surrogate', 'd.json', '{"resourceType":"User","id":"\ud800"}', 'd.json:1: not well-formed JSON'],
    ['NUL in an id', 'd.json', '{"resourceType":"User","id":"a\u0000b"}', 'd.json:1: a JSON string contains NUL'],
    ['a line break in an id', 'd.json', '{"resourceType":"User","id":"a\nb"}',
        'd.json:1: User: id: must have at most 255 bytes and no control characters'],
    ['256 bytes of id', 'd.json', '{"resourceType":"User","id":"' . 'x' x 256 . '"}',
        'd.json:1: User: id: must have at most 255 bytes and no control characters'],
    )
{
    my ($name, $file, $text, $sentence) = @$case;
    is complaint("token_resources $file;", $file => $text), $sentence, $name;
}

# Secrets are in no sentence, whatever is wrong around them.
my $number = '7' x 32;    # of 32 digits, as some generators give it
my $typo   = "resourceType: TokenIntrospector\nid: a\ntype: jwt\njwt:\n  iss: i\n";
for my $case (
    ['a secret of digits without quotes', 'secret: ' . $number],
    ['a secret of digits with a sign', "secret: +$number"],
    ['a secret that reads as a large float', 'secret: ' . substr($number, 0, 30) . 'e999'],
    ['a secret that reads as hexadecimal', "secret: 0x$number"],
    ['a short number as secret', 'secret: 7777777'],
    ['a secret and more text', "secret: $number: x"],
    ['a secret with quotes inside', "secret: '$number' x"],
    ['a secret that does not end', "secret: \"$number"],
    ['a secret with an anchor', "secret: &$number x"],
    ['a secret with an alias', "secret: *$number"],
    ['a secret with a tag', "secret: !$number x"],
    ['a secret with an unknown escape', "secret: \"$number\\q\""],
    ['a secret as an object', "secret: {value: $number}"],
    ['a secret in a list', "secret: [x$number]"],
    ['a secret in an unknown attribute', "sekret: x$number"],
    ['a secret beside keys', "secret: x$number\n  keys: []"],
    )
{
    my ($name, $line) = @$case;
    my $said = complaint('token_resources r.yaml;', 'r.yaml' => "$typo  $line\n");
    like $said, qr/^r\.yaml:\d+: /, $name;
    unlike $tried->check, qr/7777777/, '... is not shown';
}

# --- ids -----------------------------------------------------------------------------------------

my $block = 'token_introspector idp { issuer https://other.test; secret "' . $SECRET . '"; }';
my $idp   = json(introspector('idp'));
my $idle  = "resourceType: TokenIntrospector\nid: idp\ntype: jwt\njwt:\n  secret: $SECRET\n";
like complaint('token_resources a.json b.json;', 'a.json' => $idp, 'b.json' => "\n$idp"),
    qr/^b\.json:2: TokenIntrospector "idp": .* in a\.json:1\b/, 'an id in two files: both places are named';
like complaint('token_resources a.json a.json;'), qr/^a\.json:1: TokenIntrospector "idp": .* in a\.json:1\b/,
    'a file twice';
like complaint("$block\ntoken_resources a.json;"),
    qr/^a\.json:1: TokenIntrospector "idp": .*"idp" is defined already in nginx\.conf:\d+/,
    'a resource with the name of a block';
like complaint("token_resources a.json;\n$block"), qr/^token_introspector "idp" is defined already in a\.json:1/,
    'a block with the name of a resource';
like complaint("$block\ntoken_resources idle.yaml;", 'idle.yaml' => $idle), qr/"idp" is defined already/,
    'a resource without issuer with the name of a block';
like complaint("token_resources idle.yaml;\n$block"), qr/"idp" is defined already/,
    'a block with the name of a resource without issuer';
my %policy = (resourceType => 'AccessPolicy', id => 'p', engine => 'allow');
like complaint('token_resources a.json b.json;', 'a.json' => json(\%policy), 'b.json' => json(\%policy)),
    qr/^b\.json:1: AccessPolicy "p": .* in a\.json:1\b/, 'an AccessPolicy in two files';
like complaint("token_policy p { engine allow; }\ntoken_resources a.json;"),
    qr/^a\.json:1: AccessPolicy "p": .*"p" is defined already in nginx\.conf:\d+/,
        'an AccessPolicy with the name of a block';
my %user = (resourceType => 'User', id => 'u');
is complaint('token_resources a.json b.json;', 'a.json' => json(\%user), 'b.json' => json([\%user])),
    'b.json:1: User "u": is defined already in a.json:1; ids of one type have to differ', 'a User in two files';
is complaint('token_resources a.json;', 'a.json' => json([\%user, { %user, resourceType => 'Client' },
    { %user, resourceType => 'Role', name => 'n', user => 'User/u' }, { %user, resourceType => 'AccessPolicy',
    engine => 'allow' }, introspector('u')])), '', 'one id for each type is none too many';
is complaint('token_resources a.json;', 'a.json' => json([map { { %user, id => $_ } }
    'a', 'A', 'a ', ' a', "\x{c3}\x{a9}", "e\x{cc}\x{81}", 'a/b', 'a@example.com', '..', '*', 'x' x 255])), '',
    'ids that only look alike are different Users';

is_deeply [warnings_of('token_resources r.yaml;', 'r.yaml' => <<"END")],
- {resourceType: User, id: u}
- {resourceType: Role, id: r, name: n, user: User/v}
- resourceType: TokenIntrospector
  id: a
  type: jwt
  identity_provider: {reference: IdentityProvider/x}
  jwt: {secret: very-secret}
END
    [
        'r.yaml:6: TokenIntrospector "a": identity_provider: has no effect: users are not created from tokens',
        'r.yaml:7: TokenIntrospector "a": jwt.iss: is missing: this introspector matches no token',
        'r.yaml:7: TokenIntrospector "a": jwt.secret: has fewer than 32 bytes and can be guessed; use a longer one',
        'r.yaml:2: Role "r": user: there is no User "v"; the role has no effect',
    ], 'warnings name file, line, resource and attribute, too';
is complaint("token_introspect a;\ntoken_resources r.yaml;\nserver { listen 127.0.0.1:%PORT%; }"), '',
    'an introspector without issuer can be listed';
is complaint("token_introspect none;\ntoken_resources r.yaml;\nserver { listen 127.0.0.1:%PORT%; }"),
    'unknown introspector "none" in "token_introspect": define it in http with token_introspector none { … }',
    'an unknown one cannot';

done_testing;
