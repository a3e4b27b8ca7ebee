# What nginx -t says of a wrong configuration: the file, the line, what is wrong and what would be
# right. Each case becomes a block of its own.
#
# valgrind: no, nginx -t and nothing else: a process of two seconds for each of its cases

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

# The line that must be blamed ends in "#!".
my @cases;

sub wrong {
    my ($name, $text, $message) = @_;
    my @lines = split /\n/, $text;
    my ($line) = grep { $lines[$_ - 1] =~ /#!$/ } 1 .. @lines;
    s/ *#!$// for @lines;
    push @cases, {
        name => $name,
        text => CORE::join("\n", @lines, ''),
        pattern => qr/\[emerg\] \d+#\d+: \Q$message\E in \S+\/case\.conf:$line$/,
    };
}

# A wrong line within a token_introspector …
sub wrong_line {
    my ($line, $message, $name) = @_;
    wrong($name // $line, "token_introspector idp {\n    $line #!\n}", $message);
}

# … and one that is wrong as a whole.
sub wrong_block {
    my ($lines, $message, $name) = @_;
    wrong($name // $lines, "token_introspector idp {\n    $lines\n} #!",
        "token_introspector \"idp\": $message");
}

my $good = "token_introspector idp { issuer https://idp.test; secret '$SECRET'; }";

sub wrong_location {
    my ($line, $message, $name) = @_;
    wrong($name // $line, "$good\nserver {\n    location /t {\n        $line #!\n    }\n}", $message);
}

my $jwt = 'issuer https://idp.test;';
my $rsa = key_file('RSA');
my $ec = key_file('P-256');
my $small = key_file('small');
my $private = $rsa =~ s/\.pem$/.key/r;
my $missing = '/no/such/file';

# token_zone
wrong('zone without a name', "$good\ntoken_zone 16m; #!",
    'invalid parameter "16m": write zone=NAME:SIZE, as zone=tokens:16m');
wrong('zone without a size', "token_zone zone=a; #!\n$good",
    'invalid parameter "zone=a": write zone=NAME:SIZE, as zone=tokens:16m');
wrong('zone too small', "token_zone zone=a:8k; #!\n$good",
    'invalid zone size in "zone=a:8k": at least 64k are needed');
wrong('zone twice', "token_zone zone=a:1m;\ntoken_zone zone=a:1m; #!\n$good",
    'token_zone "a" is defined twice');

# jwks_cache_path
wrong('documents in a file', "$good\njwks_cache_path $rsa; #!",
    "\"$rsa\" is not a directory: \"jwks_cache_path\" needs one of its own");
wrong('documents below a file', "$good\njwks_cache_path $rsa/; #!",
    "\"$rsa\" is not a directory: \"jwks_cache_path\" needs one of its own");
wrong("documents in '$_'", "$good\njwks_cache_path '$_'; #!",
    '"jwks_cache_path" needs a directory of its own') for '', '/', '//';
wrong('documents where all may write', "$good\njwks_cache_path /tmp; #!", '"/tmp" may be written by '
    . 'its group or others, so nothing in it can be trusted: give it mode 0700');
wrong('documents twice', "jwks_cache_path documents;\njwks_cache_path others; #!\n$good",
    '"jwks_cache_path" directive is duplicate');

# token_introspector
wrong('name off', "token_introspector off { $jwt secret '$SECRET'; } #!",
    '"off" cannot name an introspector');
wrong_line('isuer https://idp.test;', 'unknown directive "isuer" in token_introspector');
wrong_line('issuer;', 'invalid number of arguments in "issuer" directive');
wrong('a directive twice',
    "token_introspector idp {\n    issuer a;\n    issuer b; #!\n    secret x;\n}",
    '"issuer" directive is duplicate');
wrong_line('type JWT;', 'invalid value "JWT" in "type": use jwt, opaque, cookie or issued');
wrong_line('issuer "";', 'an issuer cannot be empty');
wrong_line('issuer * https://idp.test;', '"issuer *" stands alone: it accepts every issuer');
wrong_line('algorithms none;',
    'invalid value "none" in "algorithms": unsigned tokens are never accepted');
wrong_line('algorithms HS256 rs256;',
    'invalid value "rs256" in "algorithms": use HS256, HS384, HS512, RS256, RS384, RS512, PS256, '
    . 'PS384, PS512, ES256, ES384, ES512, ES256K or EdDSA');
wrong_line('secret x short;', 'invalid value "short" in "secret": only allow_short may follow the secret');
wrong_line("key file:$rsa alg=RS255;", 'invalid value "alg=RS255" in "key": unknown algorithm');
wrong_line("key file:$rsa kty=DSA;", 'invalid value "kty=DSA" in "key": use kty=RSA, EC, OKP or OCT');
wrong_line("key file:$rsa format=DER;",
    'invalid value "format=DER" in "key": use format=PEM, plain, base64url or JWK');
wrong_line("key file:$rsa id=a;", 'invalid value "id=a" in "key": use alg=, kty=, format= or kid=');
for my $directive (qw(jwks_uri discovery introspection_endpoint)) {
    for my $uri ('jwks', 'ftp://idp.test/', '//idp.test/', 'https://', 'https://a:b@idp.test/',
        'https://idp.test/#x', 'https://idp.test:99999/', '"https://idp.test/a b"')
    {
        my $shown = $uri =~ s/"//gr;
        wrong_line("$directive $uri;", "invalid value \"$shown\" in \"$directive\": use an internal "
            . 'location (/name) or an absolute http:// or https:// URL without user information or '
            . 'fragment');
    }
}
wrong_line('authorization "";', 'the value of "authorization" is empty or holds control characters');
wrong_line('client_id "";', '"client_id" cannot be empty');
wrong_line('client_auth digest;', 'invalid value "digest" in "client_auth": use basic, post, tls or none');
wrong_line('token_type_hint id_token;',
    'invalid value "id_token" in "token_type_hint": use access_token or refresh_token');
wrong_line('leeway -1;', 'invalid value "-1" in "leeway": use a time of at most a day, such as 30s');
wrong_line('leeway 2d;', 'invalid value "2d" in "leeway": use a time of at most a day, such as 30s');
wrong_line('require_exp yes;', 'invalid value "yes" in "require_exp": use on or off');
wrong_line('cache_verified_jwt 1;', 'invalid value "1" in "cache_verified_jwt": use on or off');
# B38
for my $directive (qw(cache_ttl cache_inactive_ttl)) {
    for my $time (qw(86401s 500ms -1s 25h x)) {
        wrong_line("$directive $time;",
            "invalid value \"$time\" in \"$directive\": use a time from 1s to 86400s, or off");
    }
}
wrong_line('connect_timeout 0;', 'invalid value "0" in "connect_timeout": use a time such as 2s or 500ms');
wrong_line('read_timeout x;', 'invalid value "x" in "read_timeout": use a time such as 2s or 500ms');
wrong_line('response_size 10;', 'invalid value "10" in "response_size": use a size from 1k to 16m');
wrong_line('response_size 17m;', 'invalid value "17m" in "response_size": use a size from 1k to 16m');

# Whole blocks
wrong('defined twice', "$good\n$good #!", 'token_introspector "idp" is defined already in '
    . html_dir() . '/case.conf:1');
wrong_block("secret '$SECRET';", 'an introspector of type jwt needs an issuer: issuer https://…; '
    . '(or issuer *; to accept every issuer)');
wrong_block($jwt, 'an introspector of type jwt needs keys: one of secret, key, jwks_file, jwks_uri '
    . 'or discovery');
my $exclusive = '"secret", "key", "jwks_file" and "jwks_uri" (or "discovery") exclude each other: '
    . 'keep one';
# B8
my %sources = (
    secret => "secret '$SECRET';", key => "key file:$rsa;", jwks_file => 'jwks_file x;',
    jwks_uri => 'jwks_uri /x;'
);
for my $pair (['secret', 'key'], ['secret', 'jwks_file'], ['secret', 'jwks_uri'],
    ['key', 'jwks_file'], ['key', 'jwks_uri'], ['jwks_file', 'jwks_uri'])
{
    wrong_block("$jwt $sources{$pair->[0]} $sources{$pair->[1]}", $exclusive);
}
wrong_block("$jwt secret '$SECRET'; secret_file x;", '"secret" and "secret_file" exclude each other');
wrong_block("$jwt secret '$SECRET'; algorithms RS256;",
    'a secret serves HS256, HS384 and HS512 only: "algorithms" permits none of them');
wrong_block('issuer a b; discovery on;',
    '"discovery on" needs exactly one issuer to derive the address from');
wrong_block('discovery on;', '"discovery on" needs exactly one issuer to derive the address from');
wrong_block('issuer urn:x; discovery on;', '"discovery on" needs an issuer that is an http or https '
    . "URL: give the metadata's address with discovery URL;");
wrong_block('type opaque;', 'an introspector of type opaque needs an introspection_endpoint (or discovery)');
for my $lines ("secret '$SECRET';", "key file:$rsa;", 'jwks_uri /x;') {
    wrong_block("introspection_endpoint /x; $lines", 'keys serve an introspector of type jwt, or one '
        . 'with "response jwt": this one has an introspection_endpoint that answers with JSON; to '
        . 'accept JWTs without asking, make two introspectors and list both in token_introspect');
}

wrong_block("$jwt key file:$rsa; key file:$ec; algorithms ES384 HS256;",
    'no key serves any of the algorithms that "algorithms" permits', 'no key for the algorithms');

# Keys and files (B56 to B60)
wrong_block("$jwt secret '';", 'key: an empty secret');
wrong_block("$jwt key file:$missing;", "cannot read \"$missing\": No such file or directory");
wrong_block("$jwt secret_file $missing;", "cannot read \"$missing\": No such file or directory");
wrong_block("$jwt jwks_file $missing;", "cannot read \"$missing\": No such file or directory");
wrong_block("$jwt secret_file /;", '"/" is not a regular file');
wrong_block("$jwt key file:$rsa alg=ES256;", "key in \"$rsa\": the key cannot serve the given algorithm",
    'ES256 with an RSA key (B60)');
wrong_block("$jwt key file:$ec alg=RS256;", "key in \"$ec\": the key cannot serve the given algorithm",
    'RS256 with an EC key (B60)');
wrong_block("$jwt key file:$ec kty=RSA;", "key in \"$ec\": the key is not of the given type",
    'an EC key as RSA');
wrong_block("$jwt key file:$rsa alg=HS256;", "key in \"$rsa\": the key cannot serve the given algorithm",
    'a public key as HMAC secret');
wrong_block("$jwt key file:$rsa format=plain;", "key in \"$rsa\": a PEM block where a secret should be",
    'PEM as plain text');
wrong_block("$jwt key file:$small;", "key in \"$small\": an RSA key below 2048 bits", 'a short RSA key');
wrong_block("$jwt key file:$private;", "key in \"$private\": a private key: give its public key instead "
    . '(openssl pkey -pubout)', 'a private key');
wrong_block("$jwt key not-a-key alg=RS256;", 'key: no PEM block', 'no PEM (B57, B59)');
wrong_block("$jwt key '" . (pem('RSA') =~ s/-----\w+ PUBLIC KEY-----\n//gr) . "' alg=RS256;",
    'key: no PEM block', 'PEM without its lines (B59)');
wrong_block("$jwt key '" . (pem('RSA') =~ s/^M/!/mr) . "' alg=RS256;", 'key: a damaged PEM block',
    'damaged PEM (B59)');
wrong_block("$jwt key 'a b' format=base64url;", 'key: the value is not base64url without padding',
    'no base64url');
wrong_block("$jwt key '{' format=JWK;", 'key: the JWK is not a JSON object', 'no JWK');

# client authentication
my $opaque = 'introspection_endpoint /x;';
wrong_block("$opaque client_secret x;", 'client authentication needs both client_id and '
    . 'client_secret (or client_secret_file)');
wrong_block("$opaque client_id x; client_auth post;", 'client authentication needs both client_id '
    . 'and client_secret (or client_secret_file)');
wrong_block("$opaque client_id x; client_secret y; client_auth none;",
    'client_secret is set but client_auth does not use it');
wrong_block("$opaque authorization x; client_id x; client_secret y;",
    '"authorization" replaces client_secret and client_auth: keep one');
wrong_block("$opaque authorization x; authorization_file y;",
    '"authorization" and "authorization_file" exclude each other');
wrong_block("$opaque client_secret x; client_secret_file y;",
    '"client_secret" and "client_secret_file" exclude each other');

# signed introspection responses
my $signed = "$opaque issuer https://idp.test; client_id x; response jwt;";
wrong_line('response xml;', 'invalid value "xml" in "response": use json or jwt');
wrong_line("response $_;", 'invalid value "' . (split)[1] . '" in "response": only audience=NAME may '
    . 'follow, and only jwt') for 'jwt aud=x', 'jwt audience=', 'jwt x', 'json audience=x';
wrong_line('response jwt audience=x audience=y;', 'invalid number of arguments in "response" directive');
wrong_block($signed, '"response jwt" needs keys: one of secret, key, jwks_file, jwks_uri or discovery');
wrong_block("$signed $sources{$_->[0]} $sources{$_->[1]}", $exclusive)
    for ['secret', 'key'], ['key', 'jwks_file'], ['jwks_file', 'jwks_uri'];
wrong_block("$signed secret x; secret_file y;", '"secret" and "secret_file" exclude each other');
wrong_block("$signed secret '$SECRET'; algorithms RS256;",
    'a secret serves HS256, HS384 and HS512 only: "algorithms" permits none of them');
wrong_block("$signed key file:$rsa; algorithms ES256;",
    'no key serves any of the algorithms that "algorithms" permits', 'no key for the signed response');
wrong_block("$opaque client_id x; response jwt; jwks_uri /x;", '"response jwt" needs an issuer, whose '
    . 'signed answers these are: issuer https://…; (or issuer *; to accept every issuer)');
my $name = '"response jwt" needs to know how the aud of an answer names this resource server: client_id '
    . 'NAME; or response jwt audience=NAME;';
wrong_block("$opaque $jwt response jwt; jwks_uri /x;", $name);
wrong_block("$opaque $jwt response jwt; jwks_uri /x; authorization x;", $name);
wrong_block("$signed jwks_uri /x; cache_verified_jwt off;",
    '"cache_verified_jwt" serves an introspector of type jwt, this one is of type opaque');
wrong_block("$opaque $_->[1]", "\"$_->[0]\" serves an introspector of type jwt, this one is of type opaque")
    for ['algorithms', 'algorithms ES256;'], ['token_types', 'token_types JWT;'],
        ['algorithms', 'response json; algorithms ES256;'];
wrong_block("$jwt jwks_uri /x; response jwt audience=x;",
    '"response" serves an introspector of type opaque, this one is of type jwt');

# token_claim_set, token_header_set
for my $directive (qw(token_claim_set token_header_set)) {
    wrong("$directive without dollar", "$good\n$directive a b; #!",
        'invalid variable name "a": write it with a dollar sign, as $name');
    wrong("$directive with an empty name", "$good\n$directive \$a a..b; #!",
        'invalid path "a..b": empty name at position 3');
    wrong("$directive with an open bracket", "$good\n$directive \$a a[0; #!",
        "invalid path \"a[0\": no ']' for the '[' at position 2");
    wrong("$directive with a bad index", "$good\n$directive \$a a[x]; #!",
        'invalid path "a[x]": expected an index or a quoted name at position 3');
    wrong("$directive with an open quote", "$good\n$directive \$a 'a[\"x]'; #!",
        'invalid path "a["x]": the quote is not closed that opens at position 3');
    wrong("$directive of a variable there is", "$good\n$directive \$token_status a; #!",
        'the duplicate "token_status" variable');
}

# location
wrong_location('token_introspect nobody;', 'unknown introspector "nobody" in "token_introspect": '
    . 'define it in http with token_introspector nobody { … }');
wrong_location('token_introspect optional;',
    '"token_introspect" needs the name of an introspector, or off');
wrong_location('token_introspect idp off;', '"off" in "token_introspect" stands alone');
wrong_location('token_introspect idp idp;', 'introspector "idp" is named twice');
wrong_location('token_introspect idp; token_introspect idp;', '"token_introspect" directive is duplicate');
wrong_location('token_source Authorization;', 'invalid source "Authorization": write header=NAME, '
    . 'query=NAME, cookie=NAME or $variable');
wrong_location('token_source header=;', '"header=" lacks a name');
wrong_location('token_source query=t scheme=none;',
    'invalid "scheme=none": a header may have scheme=Bearer or scheme=none');
wrong_location('token_source header=X-A scheme=Basic;',
    'invalid "scheme=Basic": a header may have scheme=Bearer or scheme=none');
wrong_location('token_realm a; token_realm b;', '"token_realm" directive is duplicate');
wrong_location('token_challenge "";', 'the challenge is empty or holds control characters');
wrong_location('token_challenge on; token_challenge off;', '"token_challenge" directive is duplicate');
my $status = 'a status is a number from 400 to 599';
wrong_location("token_error_code $_;", "invalid \"$_\": $status")
    for qw(invalid=200 invalid=399 invalid=600 invalid=x invalid= no_match=302 not_supplied=-1);
wrong_location("token_error_code $_;",
    "unknown parameter \"$_\": use not_supplied, invalid, forbidden, unavailable or no_match")
    for qw(401 noMatch=403 missing=401);
wrong_location('token_require sub;', '"sub" holds no variable: it would always have one outcome');
wrong_location('token_require error=404;', '"token_require" needs a variable');
wrong_location('token_require $arg_a error=200;', "invalid \"error=200\": $status");
wrong_location('token_require_scope any;', '"token_require_scope" needs a scope');
wrong_location('token_require_scope "a b";', '"a b" is not a scope');
wrong_location('token_require_scope a error=0;', "invalid \"error=0\": $status");
wrong_location('token_require_claim sub is a;', 'unknown operator "is", it must be one of string, '
    . 'integer, boolean, array, eq, ne, lt, le, gt, ge, in, any, all, match, exists, each with or '
    . 'without a "!" before it');
wrong_location('token_require_claim sub error=403;', '"token_require_claim" needs a path and an operator');
wrong_location('token_require_claim a[ eq b;',
    'invalid path "a[": expected an index or a quoted name at position 3');
wrong_location('token_require_claim sub eq;', 'operator "eq" takes exactly one value');
wrong_location('token_require_claim sub eq a b;', 'operator "eq" takes exactly one value');
wrong_location('token_require_claim sub in;', 'operator "in" takes at least one value');
wrong_location('token_require_claim sub exists a;', 'operator "exists" takes no value');
wrong_location('token_require_claim sub integer x;', 'operator "integer": "x" is no integer');
wrong_location('token_require_claim sub integer 1.5;', 'operator "integer": "1.5" is no integer');
wrong_location('token_require_claim sub boolean yes;',
    'operator "boolean": "yes" is no boolean, it must be true or false');
wrong_location('token_require_claim sub lt x;', 'operator "lt": "x" is no number');
wrong_location('token_require_claim sub eq json=null;',
    '"json=null": a null claim fails every comparison, use exists or !exists');
wrong_location('token_require_claim sub string json=1;', 'operator "string" takes no json= value');
wrong_location('token_require_claim sub eq a delimiter=COMMA;', 'operator "eq" takes no delimiter');
wrong_location('token_require_claim sub string a delimiter=,;', 'unknown delimiter ",": use SPACE, '
    . 'COMMA, PERIOD, PLUS, COLON, SEMI-COLON, VERTICAL-BAR, FORWARD-SLASH, BACK-SLASH, HYPHEN or '
    . 'UNDERSCORE');
wrong_location('token_require_claim sub string , delimiter=COMMA;',
    'operator "string": "," has nothing between its delimiters');
wrong_location('token_forward_claims prefix=X-;', '"token_forward_claims" needs a claim, default, or off');
wrong_location('token_forward_claims sub off;', '"off" stands alone');
wrong_location('token_forward_claims sub=;', '"sub=" lacks a header\'s name');
wrong_location('token_forward_claims "sub=X User";',
    '"X User" cannot be a header\'s name: use letters, digits and hyphens');
wrong_location('token_forward_claims sub=X:Y;',
    '"X:Y" cannot be a header\'s name: use letters, digits and hyphens');
wrong_location("token_forward_claims sub=$_;", "\"$_\" means something else to nginx: choose another header")
    for qw(Authorization Host Content-Length Transfer-Encoding Connection Cookie X-Forwarded-For);
wrong_location('token_forward_claims client_id client-id;',
    '"X-Token-client-id" is the header of two claims');
wrong_location('token_forward_claims sub=X-User email=x_user;',
    '"x_user" is the header of two claims');
wrong_location('token_forward_claims sub; token_forward_claims scope;',
    '"token_forward_claims" directive is duplicate');
wrong_location('token_forward_token yes;', 'invalid value "yes": use off, on or introspected');
wrong_location('token_forward_token introspected; token_forward_token off;',
    '"token_forward_token" directive is duplicate');

# What goes upstream must fit the introspectors (B127).
my $signing = "$good\ntoken_introspector signed { $signed jwks_uri /x; }";
my $unfit = '"token_forward_claims" cannot be used with introspector "signed", whose "response" is jwt: '
    . 'forward the signed response with token_forward_token introspected, or single claims with '
    . 'proxy_set_header and $token_claim_NAME, and say token_forward_claims off';
my $lacking = '"token_forward_token introspected" needs an introspector with "response jwt" in '
    . 'token_introspect: no other has a signed response to forward';
wrong('claims of a signed response', "$signing
server {
    location /t {
        token_forward_claims sub;
        token_introspect signed; #!
    }
}", $unfit);
wrong('claims of one signed response among others', "$signing
server {
    location /t {
        token_introspect idp signed; #!
        token_forward_claims default;
        token_forward_token introspected;
    }
}", $unfit);
wrong('claims of a signed response, inherited', "$signing
token_forward_claims sub;
server {
    token_introspect signed; #!
    location /t { }
}", $unfit);
wrong('claims where the server has the introspector', "$signing
server {
    token_introspect signed; #!
    location /t { token_forward_claims sub; }
}", $unfit);
wrong('claims of a signed response in limit_except', "$signing
server {
    location /t {
        token_forward_claims sub;
        token_introspect idp;
        limit_except GET { token_introspect signed; } #!
    }
}", $unfit);
wrong('introspected without a response', "$signing
server {
    location /t {
        token_introspect idp; #!
        token_forward_token introspected;
    }
}", $lacking);
wrong('introspected without a response, inherited', "$signing
token_forward_token introspected;
server {
    token_introspect signed;
    location /s { }
    location /t { token_introspect idp; } #!
}", $lacking);
wrong('introspected without a response in a location', "$signing
server {
    token_introspect idp; #!
    location /t { token_forward_token introspected; }
}", $lacking);

# Where directives may not stand
wrong('an introspector in a server', "server {\n    token_introspector a { } #!\n}",
    '"token_introspector" directive is not allowed here');

our %case = map { $_ => $cases[$_] } 0 .. $#cases;

my $spec = '';
for my $i (0 .. $#cases) {
    my $name = CORE::join ' ', split /\s+/, $cases[$i]{name};
    $name =~ s/\Q$SECRET\E/…/g;
    $spec .= "=== TEST @{[$i + 1]}: $name\n"
        . "--- http_config\n    include \$TEST_NGINX_HTML_DIR/case.conf;\n"
        . "--- config\n    # $i\n"
        . "--- user_files eval\n\">>> case.conf\\n\$::case{$i}{text}\"\n"
        . "--- must_die\n"
        . "--- error_log eval\n\$::case{$i}{pattern}\n"
        . "--- no_error_log eval\n\$SECRET\n\n";
}

spec_string($spec);

run_tests();
