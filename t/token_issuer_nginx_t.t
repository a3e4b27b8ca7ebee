# token_issuer, token_client, Client resources and `type issued`: what nginx -t says of wrong ones.
#
# valgrind: no, nginx -t and nothing else: a process of two seconds for each of its cases

use strict;
use warnings;
use lib 't/lib';

use NginxProcess;
use Test::More;
use TokenIntrospect qw(json key_file pem $SECRET);

my $key    = 'k' x 32;
my $tried  = NginxProcess->prepare(http => '', files => {
    sealing => "$key\n", short => 'short', empty => '', public => pem('P-256'),
    pem => private_pem('P-256'), rsa => private_pem('RSA'),
});

# The private half of a key of the suite.
sub private_pem {
    open my $in, '<', key_file($_[0]) =~ s/\.pem$/.key/r or die "$_[0]: $!\n";
    return do { local $/; <$in> };
}

# What nginx -t complains of.
sub complaint {
    return $tried->complaint(@_) || 'is taken';
}

sub says {
    my ($http, $sentence, $name) = @_;
    my $said = complaint($http);
    ref $sentence ? like $said, $sentence, $name : is $said, $sentence, $name;
}

my $url    = 'issuer https://a.test;';
my $sign   = "signing_key '$SECRET';";
my $seal   = "encryption_key $key;";
my $issuer = "    token_issuer i { $url $sign $seal }\n";
my $grants = 'grant_types token-exchange;';
my $uri    = 'use an absolute http:// or https:// URL without user information, query or fragment';

# token_issuer: one line, or the block as a whole (a sentence that begins with a colon)
for my $case (
    ["$url $sign" => 'is taken'],
    ["$url $seal" => 'is taken'],
    ["$url $sign $seal audience a b; introspectors idp; client_auth_limit 5 10s; zone 64k;" => 'is taken'],
    ['issuer https://a.test/with/path; ' . $sign => 'is taken'],
    ['issuer http://127.0.0.1:8080; ' . $sign => 'is taken'],
    # the block
    [$sign => ': "issuer" is missing: issuer https://…; is what tokens name as their iss'],
    [$url => ': there is no key: a signing_key is needed for JWTs, an encryption_key for opaque tokens and refresh tokens'],
    ['' => ': "issuer" is missing: issuer https://…; is what tokens name as their iss'],
    ["$url $url $sign" => '"issuer" directive is duplicate'],
    ["$url $sign audience a; audience b;" => '"audience" directive is duplicate'],
    ['issuer a b;' => 'invalid number of arguments in "issuer" directive'],
    ['audience;' => 'invalid number of arguments in "audience" directive'],
    ['jwks_uri /a;' => 'unknown directive "jwks_uri" in token_issuer'],
    (map { ["issuer $_;" => qq(invalid value "$_" in "issuer": $uri)] }
        'a.test', '/a', 'ftp://a.test', 'https://u@a.test', 'https://a.test?b', 'https://a.test/#b', 'https://'),
    ["$url $sign audience '';" => 'an audience is empty'],
    ["$url $sign introspectors idp idp;" => 'introspector "idp" is named twice'],
    ["$url $sign introspectors nobody;" =>
        'unknown introspector "nobody" in token_issuer "i": define it in http with token_introspector nobody { … }'],
    # client_auth_limit and zone
    (map { ["$url $sign client_auth_limit $_;" => 'is taken'] } 'off', '1 1s', '100000 1d'),
    (map {
        ["$url $sign client_auth_limit $_;" => qq(invalid value "@{[ (split)[0] ]}" in "client_auth_limit": )
            . 'write a number from 1 to 100000 and a time, such as 10 1m, or off']
    } '10', 'on', '0 1m', 'x 1m', '100001 1m', 'off 1m'),
    (map { ["$url $sign client_auth_limit 10 $_;" => qq(invalid value "$_" in "client_auth_limit": use a time from 1s to 1d)] }
        '0', '2d', 'soon', '500ms'),
    (map { ["$url $sign zone $_;" => qq(invalid value "$_" in "zone": use a size of at least 64k, such as 1m)] } '63k', 'big', 'a:1m'),
    # signing_key
    ["$url signing_key file:pem;" => 'is taken'],
    ["$url signing_key file:pem alg=ES256 kid=a format=PEM; signing_key file:rsa alg=PS384;" => 'is taken'],
    ["$url signing_key file:nowhere;" => qr/^token_issuer "i": .*"nowhere": No such file or directory$/],
    ["$url signing_key file:empty;" => qr/^token_issuer "i": signing_key in "empty": /],
    ["$url signing_key file:public;" => qr/^token_issuer "i": signing_key in "public": .*private/],
    ["$url signing_key short;" => qr/^token_issuer "i": signing_key: the secret is shorter than /],
    ["$url signing_key '$SECRET' alg=RS256;" => qr/^token_issuer "i": signing_key: /],
    ["$url signing_key file:pem alg=RS256;" => qr/^token_issuer "i": signing_key in "pem": /],
    ["$url signing_key file:pem kid=a; signing_key file:rsa kid=a;" =>
        ': signing_key in "rsa": another one has the same kid "a"'],
    ["$url signing_key file:pem; signing_key file:pem;" => qr/^token_issuer "i": signing_key in "pem": another one has the same kid "/],
    ["$url signing_key '$SECRET' alg=none;" => 'invalid value "alg=none" in "signing_key": unknown algorithm'],
    ["$url signing_key '$SECRET' kty=OCT;" => 'invalid value "kty=OCT" in "signing_key": use alg=, kid= or format='],
    ["$url signing_key '$SECRET' format=DER;" =>
        'invalid value "format=DER" in "signing_key": use format=PEM, plain, base64url or JWK'],
    ["$url signing_key '$SECRET' a b c d;" => 'invalid number of arguments in "signing_key" directive'],
    # encryption_key
    ["$url encryption_key file:sealing kid=a format=plain;" => 'is taken'],
    ["$url encryption_key short;" => qr/^token_issuer "i": encryption_key: .*32 bytes/],
    ["$url encryption_key file:short;" => qr/^token_issuer "i": encryption_key in "short": .*32 bytes/],
    ["$url encryption_key ${key}x;" => qr/^token_issuer "i": encryption_key: .*32 bytes/],
    ["$url encryption_key $key kid=a; encryption_key @{[ 'j' x 32 ]} kid=a;" => qr/^token_issuer "i": encryption_key: .*kid/],
    ["$url encryption_key $key alg=A256GCM;" => 'invalid value "alg=A256GCM" in "encryption_key": use kid= or format='],
    ["$url encryption_key $key format=PEM;" => 'invalid value "format=PEM" in "encryption_key": use format=plain, base64url or JWK'],
    )
{
    my ($lines, $sentence) = @$case;
    $sentence = "token_issuer \"i\"$sentence" if !ref $sentence && $sentence =~ /^: /;
    my $name = "token_issuer i { $lines }" =~ s/\Q$SECRET\E/SECRET/gr =~ s/\Q$key\E/KEY/gr;
    says("    token_introspector idp { issuer https://idp.test; secret '$SECRET'; }\n    token_issuer i { $lines }\n",
        $sentence, $name);
    unlike $tried->check, qr/\Q$SECRET\E|\Q$key\E/, '... and shows no key' if $sentence ne 'is taken' && ref $sentence;
}

like complaint($issuer x 2), qr/^token_issuer "i" is defined already in nginx\.conf:\d+$/, 'an issuer twice';
says("    token_issuer $_->[0] { $url $sign }\n", 'the name of a token_issuer is empty, or holds control characters', $_->[1])
    for ["''", 'an issuer without a name'], [qq("a\nb"), 'an issuer with a line feed in its name'], [qq("a\xff"), '... no UTF-8'];
says("    token_issuer 'ä b' { $url $sign }\n", 'is taken', '... other names are as good');
like complaint("$issuer    token_issuer j { $url $sign }\n"),
    qr{^token_issuer "j": token_issuer "i" in nginx\.conf:\d+ has the same issuer "https://a\.test"$}, 'two with one URL';
says("$issuer    token_issuer j { issuer https://a.test/j; $sign }\n", 'is taken', '... another path');
says("    server { token_issuer i { $url $sign } }\n", '"token_issuer" directive is not allowed here', 'an issuer in a server');
says("    token_zone zone=token_issuer_i:1m;\n$issuer", 'zone "token_issuer_i" is defined twice', "a zone of the issuer's name");

# token_client
for my $case (
    ["secret s; $grants" => 'is taken'],
    ["secret_file sealing; $grants" => 'is taken'],
    ["secret s; grant_types urn:ietf:params:oauth:grant-type:token-exchange refresh_token; allowed_issuers a b; "
        . 'token_format jwt; refresh_token on; access_token_expiration 1h; refresh_token_expiration 30d; '
        . 'audience a b; scope read write;' => 'is taken'],
    [$grants => ': a client needs a secret: secret VALUE; or secret_file PATH;'],
    ["secret s; secret_file sealing; $grants" => ': "secret" and "secret_file" exclude each other'],
    ['secret s;' => ': "grant_types" is missing: use grant_types token-exchange; and refresh_token'],
    ["secret ''; $grants" => '"secret" cannot be empty'],
    ["secret a; secret b; $grants" => '"secret" directive is duplicate'],
    ["secret a b;" => 'invalid number of arguments in "secret" directive'],
    ["grant_types;" => 'invalid number of arguments in "grant_types" directive'],
    ["active off;" => 'unknown directive "active" in token_client'],
    (map { ["grant_types token-exchange $_;" => qq(invalid value "$_" in "grant_types": use token-exchange and refresh_token)] }
        qw(password client_credentials token_exchange)),
    ['token_format JWT;' => 'invalid value "JWT" in "token_format": use jwt or opaque'],
    ['refresh_token yes;' => 'invalid value "yes" in "refresh_token": use on or off'],
    (map {
        ["access_token_expiration $_;" =>
            qq(invalid value "$_" in "access_token_expiration": use whole seconds from 1s to ten years, such as 5m or 1d)]
    } qw(0 1500ms never 11y)),
    ['refresh_token_expiration off;' => qr/^invalid value "off" in "refresh_token_expiration": /],
    ["allowed_issuers '';" => 'an issuer cannot be empty'],
    ["audience a '';" => 'an audience cannot be empty'],
    [q(scope read 'a"b';) => '"a"b" is not a scope'],
    [q(scope 'a b';) => '"a b" is not a scope'],
    ["secret_file nowhere; $grants" => qr/"nowhere".*No such file or directory/],
    ["secret_file empty; $grants" => qr/"empty"/],
    [q(secret '$9$abc$def'; ) . $grants => qr/token_client "c"|client "c"/],
    # what a guess may cost the worker
    (map { [qq(secret '$_'; $grants) => 'is taken'] }
        '$2b$12$' . 'a' x 53, '$6$rounds=100000$salt$' . 'a' x 86, '$y$jBT$salt$' . 'a' x 43),
    ['secret \'$2b$13$' . 'a' x 53 . "'; $grants" => qr/^client "c": a crypt\(3\) string with a cost above 12: /],
    ['secret \'$6$rounds=100001$salt$' . 'a' x 86 . "'; $grants" => qr/^client "c": a crypt\(3\) string with more than 100000 rounds: /],
    ['secret \'$y$jCT$salt$' . 'a' x 43 . "'; $grants" => qr/^client "c": a crypt\(3\) string with parameters above "jBT" /],
    ['secret \'$7$CU..../....salt$' . 'a' x 43 . "'; $grants" => qr/^client "c": a crypt\(3\) string of a kind that is not accepted /],
    )
{
    my ($lines, $sentence) = @$case;
    $sentence = "token_client \"c\"$sentence" if !ref $sentence && $sentence =~ /^: /;
    says("$issuer    token_client c { $lines }\n", $sentence, "token_client c { $lines }");
}
like complaint("    token_client c { secret a; $grants }\n" x 2),
    qr/^token_client "c": is defined already in nginx\.conf:\d+$/, 'a client twice';
says("    token_client '' { secret a; $grants }\n", 'the id of a token_client is empty, or holds control characters',
    'a client without an id');

# what clients want of the issuers
for my $case (
    [$sign, "secret s; $grants token_format jwt;", 'is taken'],
    [$sign, "secret s; $grants", 'has token_format opaque, but token_issuer "i" has no encryption_key'],
    [$sign, "secret s; $grants token_format jwt; refresh_token on;", 'has refresh_token on, but token_issuer "i" has no encryption_key'],
    [$seal, "secret s; $grants token_format jwt;", 'has token_format jwt, but token_issuer "i" has no signing_key'],
    [$seal, "secret s; $grants refresh_token on;", 'is taken'],
    )
{
    my ($keys, $lines, $sentence) = @$case;
    $sentence = "token_client \"c\" $sentence" if $sentence ne 'is taken';
    # in either order
    says("    token_issuer i { $url $keys }\n    token_client c { $lines }\n", $sentence, "$lines with " . ($keys eq $sign ? 'signing_key' : 'encryption_key'));
    says("    token_client c { $lines }\n    token_issuer i { $url $keys }\n", $sentence, '... the client first');
}
says("    token_client c { secret s; $grants token_format jwt; }\n", 'is taken', 'a client without issuers');

# Client resources
sub with_client {
    my ($more, $lines) = @_;
    my %client = (resourceType => 'Client', id => 'c', secret => 's', grant_types => ['token-exchange'], %$more);
    delete @client{ grep { !defined $client{$_} } keys %client };
    $tried->write('resources.json', json(\%client));
    return ($lines // $issuer) . "    token_resources resources.json;\n";
}
my $about = 'resources.json:1: Client "c": ';
for my $case (
    [{}, 'is taken'],
    [{ grant_types => ['basic'] }, "${about}grant_types: has none of the grants of a token_issuer: "
            . 'urn:ietf:params:oauth:grant-type:token-exchange and refresh_token'],
    [{ grant_types => ['basic'], secret => undef }, 'is taken', 'no secret'],
    [{ grant_types => ['basic', 'token-exchange'] }, 'is taken'],
    [{ auth => { token_exchange => { token_format => 'JWT' } } }, "${about}auth.token_exchange.token_format: must be jwt or opaque"],
    [{ auth => { token_exchange => { scope => 'a"b' } } }, 'Client "c": "a"b" is not a scope in resources.json:1'],
    [{ auth => { token_exchange => { scope => [] } } }, "${about}auth.token_exchange.scope: is empty; give at least one, or leave it out"],
    [{ auth => { token_exchange => { audience => [] } } },
        "${about}auth.token_exchange.audience: is empty; give at least one, or leave it out"],
    [{ grant_types => [] }, "${about}grant_types: is empty; give at least one grant"],
    [{ allowedIssuers => [] }, 'is taken', 'which is none'],
    [{ active => 'yes' }, "${about}active: must be true or false"],
    [{ secret => '' }, "${about}secret: is empty"],
    )
{
    my ($more, $sentence) = @$case;
    says(with_client($more), $sentence, 'a Client with ' . json($more));
    says(with_client($more, ''), 'is taken', '... which without a token_issuer is nobody\'s concern') if $more->{grant_types};
}
says(with_client({ grant_types => ['basic', 'token-exchange'] }), 'is taken', 'a grant of others');
like $tried->check, qr/\[warn\] .*resources\.json:1: Client "c": grant_types\[0\]: "basic" is no grant of a token_issuer and is passed over$/m,
    '... is warned of';
like complaint(with_client({}) . "    token_client c { secret s; $grants }\n"),
    qr/^Client "c": is defined already in nginx\.conf:\d+ in resources\.json:1$/, 'a Client that is a token_client, too';
says(with_client({}, "    token_issuer i { $url $sign }\n"),
    'token_client "c" has token_format opaque, but token_issuer "i" has no encryption_key in resources.json:1',
    'a Client whose tokens nobody can seal');

# type issued
for my $case (
    ['type issued i;' => 'is taken'],
    ['type issued i; audience a; leeway 5s; user_claim client_id; cache_ttl 1m; cache_verified_jwt off; zone z;' => 'is taken'],
    ['type issued;' => '"type issued" needs the name of a token_issuer: type issued NAME;'],
    ['type issued i j;' => 'invalid number of arguments in "type" directive'],
    ['type jwt i;' => 'invalid number of arguments in "type" directive'],
    ['type issued j;' => 'unknown token_issuer "j" in "type issued": define it in http, before this, with token_issuer j { … }'],
    (map {
        ["type issued i; $_;" => ": \"@{[ (split)[0] ]}\" is settled by the token_issuer: "
            . 'remove it from this introspector of type issued']
    } 'issuer https://a.test', 'algorithms RS256', 'token_types JWT', "secret '$SECRET'", 'secret_file sealing',
        'key file:public', 'jwks_uri /keys', 'discovery https://a.test/d'),
    (map {
        ["type issued i; $_;" => ": \"@{[ (split)[0] ]}\" serves an introspector of type opaque, this one is of type issued"]
    } 'introspection_endpoint /introspect', 'client_id a', 'response jwt audience=a', 'token_type_hint access_token'),
    ['type issued i; cookie a;' => ': "cookie" serves an introspector of type cookie: write type cookie;'],
    )
{
    my ($lines, $sentence) = @$case;
    $sentence = "token_introspector \"t\"$sentence" if $sentence =~ /^: /;
    says("    token_zone zone=z:1m;\n$issuer    token_introspector t { $lines }\n", $sentence,
        "token_introspector t { $lines }" =~ s/\Q$SECRET\E/SECRET/gr);
}
says("    token_introspector t { type issued i; }\n$issuer",
    'unknown token_issuer "i" in "type issued": define it in http, before this, with token_issuer i { … }',
    'an introspector before its issuer');

# locations
for my $name (qw(token_exchange_endpoint token_jwks token_introspection_endpoint token_revocation_endpoint token_metadata)) {
    my $in = sub { "$issuer    server { location /a { @_ } }\n" };
    says($in->("$name i;"), 'is taken', $name);
    says($in->("$name j;"), qq(unknown token_issuer "j" in "$name": define it in http, before this, with token_issuer j { … }),
        "$name of nobody");
    says($in->("$name;"), qq(invalid number of arguments in "$name" directive), "$name without a name");
    says($in->("$name i; $name i;"), qq("$name" directive is duplicate), "$name twice");
    my $both = 'a location has an endpoint of a token_issuer and another directive that answers its requests, '
        . 'such as proxy_pass: only one of them can';
    for my $other ('proxy_pass http://127.0.0.1:9;', 'empty_gif;', 'fastcgi_pass 127.0.0.1:9;') {
        says($in->("$name i; $other"), $both, "$name, then $other");
        says($in->("$other $name i;"), $both, "$other then $name");
    }
    like $tried->check, qr/nginx\.conf:\d+$/m, '... with the place';
    says($in->("$name i; location /a/b { proxy_pass http://127.0.0.1:9; }"), 'is taken', "$name beside another location");
    says($in->("proxy_pass http://127.0.0.1:9; location /a/b { $name i; }"), 'is taken', '... inside of another');
    says($in->("$name i; if (\$arg_a) { return 204; } limit_except POST { deny all; }"), 'is taken', '... with if and limit_except');
    says("$issuer    server { $name i; }\n", qq("$name" directive is not allowed here), "$name in a server");
}
says("$issuer    server { location /a { token_jwks i; token_metadata i; } }\n",
    'a location has one endpoint of a token_issuer: "token_metadata" is the second', 'two endpoints in a location');
says("    server { location /a { token_jwks i; } }\n$issuer",
    'unknown token_issuer "i" in "token_jwks": define it in http, before this, with token_issuer i { … }',
    'an endpoint before its issuer');

done_testing;
