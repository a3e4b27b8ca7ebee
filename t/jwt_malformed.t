# What is no well-formed JWT (RFC 7515, RFC 7519) is refused, whoever signed it.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

run_tests();

__DATA__

=== TEST 1: shapes
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
my ($h, $p, $s) = split /\./, jwt();
[
    ['whole' => "$h.$p.$s", 200, 'active'],
    ['one part' => $h, 401, 'malformed'],
    ['two parts' => "$h.$p", 401, 'malformed'],
    ['four parts' => "$h.$p.$s.$s", 401, 'malformed'],
    ['five parts (JWE)' => "$h.$p.$s.$s.$s", 401, 'malformed'],
    ['dot at the end' => "$h.$p.$s.", 401, 'malformed'],
    ['dot at the start' => ".$h.$p.$s", 401, 'malformed'],
    ['only dots' => '..', 401, 'malformed'],
    ['no header' => ".$p.$s", 401, 'malformed'],
    ['no payload' => "$h..$s", 401, 'malformed'],
    ['no signature' => "$h.$p.", 401, 'bad_signature'],
    ['parts swapped' => "$p.$h.$s", 401, 'malformed'],
    ['JSON' => ['Authorization: Bearer ' . json({payload => $p})], 400, 'malformed_credential'],
]



=== TEST 2: strict base64url
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
# A token whose signature has 43 characters, the last of which has two unused bits.
my ($h, $p, $s) = split /\./, jwt();
my $alphabet = CORE::join '', 'A' .. 'Z', 'a' .. 'z', 0 .. 9, '-', '_';
my $stray = sub {
    my ($text) = @_;
    my $last = index $alphabet, substr $text, -1;
    return substr($text, 0, -1) . substr $alphabet, $last + 1, 1;
};
# Signed over the text as it stands, so that only the encoding is at fault.
my $signed = sub { "$_[0].$_[1]." . b64(sign("$_[0].$_[1]", 'HS256')) };
my $padded = sub { $_[0] . '=' x (-length($_[0]) % 4) };
my $h2 = b64('{"alg":"HS256" }');
[
    ['as it is' => $signed->($h, $p), 200, 'active'],
    ['padded signature' => "$h.$p.$s=", 401, 'malformed'],
    # '=' may stand at the end of a b64token only (RFC 6750 section 2.1)
    ['padded header' => $signed->($padded->($h2), $p), 400, 'malformed_credential'],
    ['padded payload' => $signed->($h, "$p="), 400, 'malformed_credential'],
    ['stray bits in the signature' => "$h.$p." . $stray->($s), 401, 'malformed'],
    ['stray bits in the header' => $signed->($stray->(b64('{"alg":"HS256"}' . ' ')), $p), 401,
        'malformed'],
    ['standard alphabet' => $signed->($h, $p . '+/'), 401, 'malformed'],
    ['tilde' => $signed->($h, "$p~"), 401, 'malformed'],
    ['length of 1 mod 4' => $signed->($h, b64('{"iss":"https://idp.test"}  ') . 'AAAAA'), 401,
        'malformed'],
    ['one character' => $signed->('A', $p), 401, 'malformed'],
]



=== TEST 3: headers
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
my $of = sub { jws($_[0], claims(), 'HS256') };
[
    ['good' => $of->('{"alg":"HS256"}'), 200, 'active'],
    ['white space' => $of->(" {\t\"alg\" :\r\n\"HS256\" } \n"), 200, 'active'],
    ['unknown members' => $of->('{"alg":"HS256","x":{"y":[1,null]}}'), 200, 'active'],
    ['no alg' => $of->('{"typ":"JWT"}'), 401, 'malformed'],
    ['alg number' => $of->('{"alg":256}'), 401, 'malformed'],
    ['alg array' => $of->('{"alg":["HS256"]}'), 401, 'malformed'],
    ['alg null' => $of->('{"alg":null}'), 401, 'malformed'],
    ['alg twice' => $of->('{"alg":"none","alg":"HS256"}'), 401, 'malformed'],
    ['alg twice, the same' => $of->('{"alg":"HS256","alg":"HS256"}'), 401, 'malformed'],
    ['alg twice, once escaped' => $of->('{"alg":"HS256","\u0061lg":"none"}'), 401, 'malformed'],
    ['alg with NUL' => $of->('{"alg":"HS256\u0000"}'), 401, 'malformed'],
    ['array' => $of->('["alg","HS256"]'), 401, 'malformed'],
    ['string' => $of->('"HS256"'), 401, 'malformed'],
    ['empty object' => $of->('{}'), 401, 'malformed'],
    ['text behind' => $of->('{"alg":"HS256"}x'), 401, 'malformed'],
    ['two objects' => $of->('{"alg":"HS256"}{}'), 401, 'malformed'],
    ['comma behind' => $of->('{"alg":"HS256",}'), 401, 'malformed'],
    ['single quotes' => $of->("{'alg':'HS256'}"), 401, 'malformed'],
    ['comment' => $of->('{"alg":"HS256"/**/}'), 401, 'malformed'],
    ['byte order mark' => $of->("\xef\xbb\xbf" . '{"alg":"HS256"}'), 401, 'malformed'],
    ['UTF-16' => $of->(CORE::join '', map { "$_\0" } split //, '{"alg":"HS256"}'), 401, 'malformed'],
    ['no UTF-8' => $of->(qq({"alg":"HS256","x":"\xff"})), 401, 'malformed'],
    ['surrogate' => $of->('{"alg":"HS256","x":"\ud800"}'), 401, 'malformed'],
    ['control byte' => $of->(qq({"alg":"HS256","x":"\n"})), 401, 'malformed'],
    ['cut' => $of->('{"alg":"HS256"'), 401, 'malformed'],
]



=== TEST 4: payloads
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
my $later = time + 1000;
my $with = sub {
    jws({alg => 'HS256'}, qq({"iss":"https://idp.test","exp":$later$_[0]}), 'HS256')
};
my $of = sub { jws({alg => 'HS256'}, $_[0], 'HS256') };
[
    ['good' => $with->(''), 200, 'active'],
    ['unknown claims' => $with->(',"a":{"b":[1,2,{"c":null}]},"":1'), 200, 'active'],
    ['exp twice' => $with->(",\"exp\":$later"), 401, 'malformed'],
    ['iss twice' => $with->(',"iss":"https://other.test"'), 401, 'malformed'],
    ['any twice' => $with->(',"a":1,"a":2'), 401, 'malformed'],
    ['twice further down' => $with->(',"a":{"b":1,"b":1}'), 401, 'malformed'],
    ['array' => $of->('[]'), 401, 'malformed'],
    ['string' => $of->('"x"'), 401, 'malformed'],
    ['null' => $of->('null'), 401, 'malformed'],
    ['no JSON' => $of->('x'), 401, 'malformed'],
    ['white space alone' => $of->('  '), 401, 'malformed'],
    ['text behind' => $of->(json(claims()) . 'x'), 401, 'malformed'],
    ['nested JWT' => $of->(jwt()), 401, 'malformed'],
    ['no UTF-8' => $with->(qq(,"a":"\xc3")), 401, 'malformed'],
    ['NUL in a name' => $with->(',"a\u0000":1'), 401, 'malformed'],
    ['deep' => $with->(',"a":' . '[' x 15 . ']' x 15), 200, 'active'],
    ['too deep' => $with->(',"a":' . '[' x 200 . ']' x 200), 401, 'malformed'],
    ['leading zeros' => $with->(',"a":01'), 401, 'malformed'],
]



=== TEST 5: sizes
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['20k' => jwt(a => 'x' x 15_000), 200, 'active'],
    ['20k again' => jwt(a => 'x' x 15_000), 200, 'active'],
    ['a header of 10k' => jwt(-header => {a => 'x' x 10_000}), 200, 'active'],
    ['many claims' => jwt(map { ("claim$_" => $_) } 1 .. 500), 200, 'active'],
    ['long garbage' => 'x' x 20_000, 401, 'malformed'],
    ['long garbage with dots' => 'x.' x 10_000, 401, 'malformed'],
]



=== TEST 6: bytes that no credential may hold
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[map { my ($name, $byte) = @$_; [$name => jwt() . $byte . 'x', 400, 'malformed_credential'] }
    ['comma' => ','], ['quote' => '"'], ['percent' => '%41'], ['latin' => "\xe9"],
    ['equals inside' => '='], ['semicolon' => ';'], ['tab' => "\t"], ['backslash' => '\\']]
