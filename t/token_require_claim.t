# token_require_claim: the typed matches of ACM's verifyClaims (B113 to B123) and all operators.
# valgrind: no, a table of operators; t/acm.t runs the same code

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

# A row for a claim "c" and what becomes of it; claims are JSON texts, undef for none.
our $Row = sub {
    my ($name, $claim, $passes, $uri) = @_;
    my $c = defined $claim ? ",\"c\":$claim" : '';
    my $payload = qq({"iss":"$ISSUER","exp":4102444800$c});
    return [$name => jws({alg => 'HS256'}, $payload, 'HS256'),
        $passes ? (200, 'active') : (403, 'claim_refused'), "/t/$uri"];
};

run_tests();

__DATA__

=== TEST 1: string (B113, B114)
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    token_introspect idp;
    $TEST_NGINX_RESULT
    location /t/s { token_require_claim c string Foo; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/n { token_require_claim c !string Foo; proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    $::Row->('equal', '"Foo"', 1, 's'),
    $::Row->('other case', '"foo"', 0, 's'),
    $::Row->('longer', '"Foo bar"', 0, 's'),
    $::Row->('array containing it', '["bar","Foo"]', 1, 's'),
    $::Row->('array without it', '["bar","foo"]', 0, 's'),
    $::Row->('empty array', '[]', 0, 's'),
    $::Row->('number', '1', 0, 's'),
    $::Row->('object', '{"Foo":"Foo"}', 0, 's'),
    $::Row->('absent', undef, 0, 's'),
    $::Row->('not: equal', '"Foo"', 0, 'n'),
    $::Row->('not: other', '"foo"', 1, 'n'),
    $::Row->('not: absent fails, too', undef, 0, 'n'),
    $::Row->('not: null fails, too', 'null', 0, 'n'),
    $::Row->('not: number fails, too', '1', 0, 'n'),
]



=== TEST 2: string with a delimiter (B115, B116)
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    token_introspect idp;
    $TEST_NGINX_RESULT
    location /t/comma { token_require_claim c string a,b delimiter=COMMA; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/space { token_require_claim c string "a b" delimiter=SPACE; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/period { token_require_claim c string a.b delimiter=PERIOD; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/plus { token_require_claim c string a+b delimiter=PLUS; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/colon { token_require_claim c string a:b delimiter=COLON; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/semicolon { token_require_claim c string "a;b" delimiter=SEMI-COLON; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/bar { token_require_claim c string a|b delimiter=VERTICAL-BAR; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/slash { token_require_claim c string a/b delimiter=FORWARD-SLASH; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/backslash { token_require_claim c string 'a\b' delimiter=BACK-SLASH; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/hyphen { token_require_claim c string a-b delimiter=HYPHEN; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/underscore { token_require_claim c string a_b delimiter=UNDERSCORE; proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    $::Row->('same', '"a,b"', 1, 'comma'),
    $::Row->('order', '"b,a"', 1, 'comma'),
    $::Row->('superset', '"x,b,y,a"', 1, 'comma'),
    $::Row->('another delimiter', '"a b"', 0, 'comma'),
    $::Row->('one missing', '"a,c"', 0, 'comma'),
    $::Row->('array', '["a","b"]', 0, 'comma'),
    $::Row->('number', '1', 0, 'comma'),
    $::Row->('absent', undef, 0, 'comma'),
    $::Row->('case', '"A,B"', 0, 'comma'),
    (map { my ($uri, $d) = @$_;
        ($::Row->("$uri", "\"b${d}a\"", 1, $uri), $::Row->("$uri, missing", "\"b${d}c\"", 0, $uri)) }
        [space => ' '], [period => '.'], [plus => '+'], [colon => ':'], [semicolon => ';'],
        [bar => '|'], [slash => '/'], [backslash => '\\\\'], [hyphen => '-'], [underscore => '_']),
]



=== TEST 3: integer and boolean (B117, B118)
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    token_introspect idp;
    $TEST_NGINX_RESULT
    location /t/i { token_require_claim c integer 42; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/b { token_require_claim c boolean true; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/f { token_require_claim c boolean FALSE; proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    $::Row->('42', '42', 1, 'i'),
    $::Row->('a numeric string', '"42"', 1, 'i'),
    $::Row->('43', '43', 0, 'i'),
    $::Row->('42.0', '42.0', 1, 'i'),
    $::Row->('42.5', '42.5', 0, 'i'),
    $::Row->('string 42.5', '"42.5"', 0, 'i'),
    $::Row->('string with text', '"42x"', 0, 'i'),
    $::Row->('string with a space', '" 42"', 0, 'i'),
    $::Row->('true', 'true', 0, 'i'),
    $::Row->('array', '[42]', 0, 'i'),
    $::Row->('absent', undef, 0, 'i'),
    $::Row->('b: true', 'true', 1, 'b'),
    $::Row->('b: TRUE', '"TRUE"', 1, 'b'),
    $::Row->('b: false', 'false', 0, 'b'),
    $::Row->('b: 1', '1', 0, 'b'),
    $::Row->('b: yes', '"yes"', 0, 'b'),
    $::Row->('b: absent', undef, 0, 'b'),
    $::Row->('f: false', 'false', 1, 'f'),
    $::Row->('f: False', '"False"', 1, 'f'),
    $::Row->('f: absent is not false', undef, 0, 'f'),
    $::Row->('f: null is not false', 'null', 0, 'f'),
]



=== TEST 4: array (B119, B120)
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    token_introspect idp;
    $TEST_NGINX_RESULT
    location /t/one { token_require_claim c array a; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/two { token_require_claim c array a 2; proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    $::Row->('array', '["a"]', 1, 'one'),
    $::Row->('scalar', '"a"', 1, 'one'),
    $::Row->('superset', '["b","a"]', 1, 'one'),
    $::Row->('disjoint', '["b","c"]', 0, 'one'),
    $::Row->('empty', '[]', 0, 'one'),
    $::Row->('another scalar', '"b"', 0, 'one'),
    $::Row->('object', '{"a":"a"}', 0, 'one'),
    $::Row->('two', '["a",2]', 1, 'two'),
    $::Row->('two, order', '["2","a"]', 1, 'two'),
    $::Row->('two, superset', '["x",2,"a"]', 1, 'two'),
    $::Row->('two, one missing', '["a","x"]', 0, 'two'),
    $::Row->('two, scalar', '"a"', 0, 'two'),
    $::Row->('absent', undef, 0, 'two'),
]



=== TEST 5: eq and ne, texts and json= literals
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    token_introspect idp;
    $TEST_NGINX_RESULT
    location /t/text { token_require_claim c eq 1; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/true { token_require_claim c eq true; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/json { token_require_claim c eq 'json={"a":[1,"$"]}'; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/number { token_require_claim c eq json=1; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/string { token_require_claim c eq 'json="1"'; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/ne { token_require_claim c ne 1; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/not { token_require_claim c !eq 1; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/notne { token_require_claim c !ne 1; proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    $::Row->('text, number', '1', 1, 'text'),
    $::Row->('text, string', '"1"', 1, 'text'),
    $::Row->('text, real', '1.0', 1, 'text'),
    $::Row->('text, other', '"01"', 0, 'text'),
    $::Row->('text, array', '["1"]', 0, 'text'),
    $::Row->('true', 'true', 1, 'true'),
    $::Row->('true as string', '"true"', 1, 'true'),
    $::Row->('TRUE', '"TRUE"', 0, 'true'),
    $::Row->('json', '{"a":[1,"$"]}', 1, 'json'),
    $::Row->('json, more', '{"a":[1,"$"],"b":1}', 0, 'json'),
    $::Row->('json, order', '{"a":["$",1]}', 0, 'json'),
    $::Row->('typed number', '1', 1, 'number'),
    $::Row->('typed number, string', '"1"', 0, 'number'),
    $::Row->('typed string', '"1"', 1, 'string'),
    $::Row->('typed string, number', '1', 0, 'string'),
    $::Row->('ne', '2', 1, 'ne'),
    $::Row->('ne, same', '1', 0, 'ne'),
    $::Row->('ne, absent', undef, 0, 'ne'),
    $::Row->('not eq', '2', 1, 'not'),
    $::Row->('not eq, same', '1', 0, 'not'),
    $::Row->('not eq, absent', undef, 0, 'not'),
    $::Row->('not ne', '1', 1, 'notne'),
    $::Row->('not ne, other', '2', 0, 'notne'),
]



=== TEST 6: lt le gt ge
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    token_introspect idp;
    $TEST_NGINX_RESULT
    location /t/lt { token_require_claim c lt 10; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/le { token_require_claim c le 10; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/gt { token_require_claim c gt 10; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/ge { token_require_claim c ge 10; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/nlt { token_require_claim c !lt 10; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/real { token_require_claim c gt 9007199254740992; proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    (map { my ($value, $lt, $le, $gt, $ge, $nlt) = @$_;
        ($::Row->("lt $value", $value, $lt, 'lt'), $::Row->("le $value", $value, $le, 'le'),
         $::Row->("gt $value", $value, $gt, 'gt'), $::Row->("ge $value", $value, $ge, 'ge'),
         $::Row->("nlt $value", $value, $nlt, 'nlt')) }
        ['9', 1, 1, 0, 0, 0], ['10', 0, 1, 0, 1, 1], ['10.5', 0, 0, 1, 1, 1],
        ['"9.5"', 1, 1, 0, 0, 0], ['"x"', 0, 0, 0, 0, 0], ['true', 0, 0, 0, 0, 0],
        ['[9]', 0, 0, 0, 0, 0], ['-1e3', 1, 1, 0, 0, 0]),
    $::Row->('exact beyond 2^53', '9007199254740993', 1, 'real'),
    $::Row->('exact beyond 2^53, same', '9007199254740992', 0, 'real'),
    $::Row->('absent', undef, 0, 'nlt'),
]



=== TEST 7: in any all match exists
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    token_introspect idp;
    $TEST_NGINX_RESULT
    location /t/in { token_require_claim c in a 2 json=true; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/notin { token_require_claim c !in a 2; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/any { token_require_claim c any a b; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/all { token_require_claim c all a b; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/notany { token_require_claim c !any a b; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/anyspace { token_require_claim c any a b delimiter=SPACE; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/match { token_require_claim c match '^[a-c]+$'; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/matchi { token_require_claim c match '(?i)foo'; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/notmatch { token_require_claim c !match x; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/exists { token_require_claim c exists; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/notexists { token_require_claim c !exists; proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    $::Row->('in', '"a"', 1, 'in'), $::Row->('in, number', '2', 1, 'in'),
    $::Row->('in, true', 'true', 1, 'in'), $::Row->('in, none', '"b"', 0, 'in'),
    $::Row->('in, array', '["a"]', 0, 'in'),
    $::Row->('notin', '"b"', 1, 'notin'), $::Row->('notin, one', '"a"', 0, 'notin'),
    $::Row->('notin, absent', undef, 0, 'notin'), $::Row->('notin, array', '["x"]', 0, 'notin'),
    $::Row->('any', '["x","b"]', 1, 'any'), $::Row->('any, scalar', '"a"', 1, 'any'),
    $::Row->('any, none', '["x"]', 0, 'any'), $::Row->('any, text', '"a b"', 0, 'any'),
    $::Row->('all', '["b","x","a"]', 1, 'all'), $::Row->('all, one', '["b"]', 0, 'all'),
    $::Row->('notany', '["x"]', 1, 'notany'), $::Row->('notany, one', '["x","a"]', 0, 'notany'),
    $::Row->('notany, absent', undef, 0, 'notany'), $::Row->('notany, empty', '[]', 1, 'notany'),
    $::Row->('anyspace', '"x a"', 1, 'anyspace'), $::Row->('anyspace, none', '"x ab"', 0, 'anyspace'),
    $::Row->('match', '"abc"', 1, 'match'), $::Row->('match, not', '"abd"', 0, 'match'),
    $::Row->('match, array', '["x","a"]', 1, 'match'), $::Row->('match, number', '1', 0, 'match'),
    $::Row->('match, line break', '"abc\nx"', 0, 'match'),
    $::Row->('matchi', '"xFOOx"', 1, 'matchi'),
    $::Row->('notmatch', '"a"', 1, 'notmatch'), $::Row->('notmatch, x', '"ax"', 0, 'notmatch'),
    $::Row->('notmatch, absent', undef, 0, 'notmatch'), $::Row->('notmatch, number', '1', 0, 'notmatch'),
    $::Row->('exists', '0', 1, 'exists'), $::Row->('exists, false', 'false', 1, 'exists'),
    $::Row->('exists, empty', '""', 1, 'exists'), $::Row->('exists, null', 'null', 0, 'exists'),
    $::Row->('exists, absent', undef, 0, 'exists'),
    $::Row->('notexists', undef, 1, 'notexists'), $::Row->('notexists, null', 'null', 1, 'notexists'),
    $::Row->('notexists, 0', '0', 0, 'notexists'),
]



=== TEST 8: variables as values; paths; several are ANDed (B121, B122)
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    token_introspect idp;
    $TEST_NGINX_RESULT
    location ~ ^/t/tenants/(?<tenant>\w+) {
        token_require_claim tenants any $tenant;
        proxy_pass $TEST_NGINX_BACKEND;
    }
    location /t/several {
        token_require_claim user.address.city eq Bonn;
        token_require_claim 'roles[0]' in admin "root";
        token_require_claim '["https://x.test/level"]' ge 3 error=404;
        proxy_pass $TEST_NGINX_BACKEND;
    }
    location /t/empty { token_require_claim sub eq "$arg_sub"; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/number { token_require_claim level ge "$arg_level"; proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
my %good = (user => {address => {city => 'Bonn'}}, roles => ['root'], 'https://x.test/level' => 3);
[
    ['tenant' => jwt(tenants => ['a', 'b']), 200, 'active', '/t/tenants/b'],
    ['another tenant' => jwt(tenants => ['a', 'b']), 403, 'claim_refused', '/t/tenants/c'],
    ['several' => jwt(%good), 200, 'active', '/t/several'],
    ['first' => jwt(%good, user => {address => 'Bonn'}), 403, 'claim_refused', '/t/several'],
    ['second' => jwt(%good, roles => ['x', 'root']), 403, 'claim_refused', '/t/several'],
    ['third' => jwt(%good, 'https://x.test/level' => 2), 404, 'claim_refused', '/t/several'],
    ['empty variable' => jwt(), 403, 'claim_refused', '/t/empty'],
    ['empty variable, empty claim' => jwt(sub => ''), 200, 'active', '/t/empty'],
    ['variable' => jwt(), 200, 'active', '/t/empty?sub=alice'],
    ['number' => jwt(level => 5), 200, 'active', '/t/number?level=5'],
    ['no number' => jwt(level => 5), 403, 'claim_refused', '/t/number?level=x'],
    ['empty number' => jwt(level => 5), 403, 'claim_refused', '/t/number'],
]



=== TEST 9: the log names the claim, never its value (B123)
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t {
        token_introspect idp;
        token_require_claim user.name eq expected-value;
        $TEST_NGINX_RESULT
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- cases eval
[['refused' => jwt(user => {name => 'secret-claim-value'}), 403, 'claim_refused']]
--- error_log
refused, reason: claim_refused, by: user.name, introspector: idp
--- no_error_log
secret-claim-value
expected-value



=== TEST 10: it holds for introspected tokens, too
--- http_config
    token_introspector idp { introspection_endpoint $TEST_NGINX_ISSUER/introspect; }
--- issuer
    location = /introspect { default_type application/json; return 200 '{"active":true,"c":"a"}'; }
--- config
    token_introspect idp;
    $TEST_NGINX_RESULT
    location /t/a { token_require_claim c string a; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/b { token_require_claim c string b; proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['a' => 'x', 200, 'active', '/t/a'],
    ['b' => 'x', 403, 'claim_refused', '/t/b'],
    ['a again' => 'x', 200, 'active', '/t/a'],
]
--- fetches eval
[1, 1, 1]



=== TEST 11: inherited unless a level has its own
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    token_introspect idp;
    token_require_claim a exists;
    $TEST_NGINX_RESULT
    location /t/inherited { proxy_pass $TEST_NGINX_BACKEND; }
    location /t/own { token_require_claim b exists; proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['inherited' => jwt(a => 1), 200, 'active', '/t/inherited'],
    ['inherited, missing' => jwt(), 403, 'claim_refused', '/t/inherited'],
    ['own' => jwt(b => 1), 200, 'active', '/t/own'],
    ['own, missing' => jwt(a => 1), 403, 'claim_refused', '/t/own'],
]
