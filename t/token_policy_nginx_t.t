# token_policy: what nginx -t says of a wrong one: the place in the rule, what is wrong, what would be
# right.
#
# valgrind: no, nginx -t and nothing else: a process of two seconds for each of its cases

use strict;
use warnings;
use lib 't/lib';

use NginxProcess;
use Test::More;

my $tried = NginxProcess->prepare(http => '', files => {
    'rule.json'  => "{\"uri\":\n\"/a\",}",
    'rules.yaml' => "uri: /a\n---\nuri: /b\n",
    'tab.yaml'   => "uri:\n\t/a\n",
    'none.yaml'  => "# nothing\n",
    'list.json'  => '[{"uri":"/a"}]',
});
my $dir = $tried->dir;

# What nginx -t complains of.
sub complaint {
    return $tried->complaint(@_) || 'is taken';
}

my $engines   = 'allow, matcho, json-schema, complex';
my $operators = '$enum, $one-of, $contains, $every, $not, $reference, $present-all, $length';

for my $case (
    ['engine allow;' => 'is taken'],
    [q(engine matcho; rule '{"uri":"/a"}';) => 'is taken'],
    [q(engine matcho; rule '{"uri":"/a"}'; link client=a user=b; link user=c; role r; description "d e";) => 'is taken'],
    # the block
    ['' => ': "engine" is missing: use engine allow, matcho, json-schema or complex;'],
    [q(rule '{"uri":"/a"}';) => ': "engine" is missing: use engine allow, matcho, json-schema or complex;'],
    ['engine;' => 'invalid number of arguments in "engine" directive'],
    ['engine allow matcho;' => 'invalid number of arguments in "engine" directive'],
    ['engine allow; engine allow;' => '"engine" directive is duplicate'],
    ['engine allow; role a; role b;' => '"role" directive is duplicate'],
    ['engine allow; description a; description a;' => '"description" directive is duplicate'],
    ['engine allow; id a;' =>
        'unknown directive "id" in token_policy: use engine, rule, file, link, role or description'],
    ['engine allow; roleName a;' =>
        'unknown directive "roleName" in token_policy: use engine, rule, file, link, role or description'],
    ['engine allow; link;' => '"link" needs client=ID or user=ID'],
    ['engine allow; link portal;' => '"portal" is no link, it must be client=ID or user=ID'],
    ['engine allow; link client=;' => '"client=" is no link, it must be client=ID or user=ID'],
    ['engine allow; link user=a operation=b;' => '"operation=b" is no link, it must be client=ID or user=ID'],
    ['engine allow; role "";' => ': the name of the role is empty'],
    # rule and file
    ['engine matcho;' => ': engine: matcho needs a rule'],
    ['engine json-schema;' => ': engine: json-schema needs a rule'],
    ['engine complex;' => ': engine: complex takes either and or or, a list of rules'],
    [q(engine allow; rule '{"uri":"/a"}';) => ': engine: allow takes no rule'],
    [q(engine matcho; rule '{"uri":"/a"}'; file rule.json;) => '"rule" and "file" exclude each other, and stand once'],
    [q(engine matcho; file list.json; rule '{"uri":"/a"}';) => '"rule" and "file" exclude each other, and stand once'],
    [q(engine matcho; rule '{"uri":"/a"}'; rule '{"uri":"/a"}';) => '"rule" and "file" exclude each other, and stand once'],
    ['engine matcho; rule "";' => 'rule: JSON is empty'],
    [q(engine matcho; rule '{"uri":"/a"';) => 'rule:1: not well-formed JSON'],
    [q(engine matcho; rule 'uri: /a';) => 'rule:1: not well-formed JSON'],
    [q(engine matcho; rule '{"uri":"/a"} {}';) => 'rule:1: text follows the JSON value'],
    [q(engine matcho; rule '{"uri":"/a","uri":"/b"}';) => 'rule:1: a JSON member name occurs twice'],
    [q(engine matcho; rule '{"uri":"#\d"}';) => 'rule:1: not well-formed JSON'],
    ['engine matcho; file nowhere.json;' => 'cannot read "nowhere.json": No such file or directory'],
    ['engine matcho; file .;' => '"." is not a regular file'],
    ['engine matcho; file rule.json;' => 'rule.json:2: not well-formed JSON'],
    ['engine matcho; file tab.yaml;' => 'tab.yaml:2: not well-formed YAML: found character that cannot start any token'],
    ['engine matcho; file rules.yaml;' => '"rules.yaml" holds no rule, or more than one'],
    ['engine matcho; file none.yaml;' => '"none.yaml" holds no rule, or more than one'],
    # engines
    ['engine "";' => ": engine: \"\" is no engine, the engines are $engines"],
    [q(engine cedar; rule '{"uri":"/a"}';) => ": engine: \"cedar\" is no engine, the engines are $engines"],
    ['engine sql;' => qr/^token_policy "p": engine: sql asks a database, .*; use matcho or json-schema/],
    [q(engine sql; rule '{"query":"SELECT true"}';) => qr/^token_policy "p": engine: sql asks a database, .*; use matcho or json-schema/],
    ['engine matcho-rpc;' => qr/^token_policy "p": engine: .*; use matcho over request-method and uri$/],
    ['engine smart-on-fhir;' => qr/^token_policy "p": engine: .*; use matcho over/],
    ['engine clj;' => qr/^token_policy "p": engine: .*; use matcho, json-schema or complex$/],
    # matcho
    (map { [qq(engine matcho; rule '$_->[0]';) => ref $_->[1] ? $_->[1] : ": matcho$_->[1]"] }
        ['{}', ': empty, it would match every request; write what must match, or use the engine allow'],
        ['[]', ': must be an object whose keys are those of the request'],
        ['"present?"', ': must be an object whose keys are those of the request'],
        ['{"user":{"data":{"x":{"$foo":1}}}}', ".user.data.x.\$foo: unknown operator; the operators are $operators"],
        ['{"user":[{"a":{"$and":[]}}]}', ".user[0].a.\$and: unknown operator; the operators are $operators"],
        ['{"uri":null}', '.uri: null is no pattern; write "nil?" for what must be absent or null'],
        ['{"uri":"#("}', '.uri: "(" is no regular expression: pcre2_compile() failed: missing closing parenthesis in "("'],
        ['{"uri":"#"}', '.uri: "#" begins a regular expression, and none follows; a text that begins with # is written '
            . '{"$enum":["#…"]}'],
        ['{"method":"get"}', '.method: unknown key of the request, the keys are request-method, scheme, uri, query-string, '
            . 'remote-addr, params, headers, jwt, token, user, role, client, session'],
        ['{"body":{"a":1}}', ".body: the request's body is not read before access is decided; match uri, params or headers, "
            . 'and let the upstream look at the body'],
        ['{"resource":{"a":1}}', ".resource: the resource is in the request's body, which is not read before access is decided; "
            . 'match uri, params or headers'],
        ['{"operation":{"id":"a"}}', '.operation: a gateway knows no operations; match request-method and uri'],
        ['{"params":{"a":".usr.id"}}', qr/\.params\.a: "\.usr\.id" is a path into the request: unknown key of the request, the keys are /],
        ['{"params":{"a":"..b"}}', qr/\.params\.a: "\.\.b" is a path into the request: its first name is empty; /],
        ['{"params":{"a":".jwt..b"}}', qr/\.params\.a: "\.jwt\.\.b" is a path into the request: it has an empty name; /],
        ['{"request-method":"GET"}', '.request-method: "GET" never occurs, it is in lower case here; write "get"'],
        ['{"request-method":{"$enum":["get","Post"]}}', '.request-method.$enum[1]: "Post" never occurs, it is in lower case here; write "post"'],
        ['{"headers":{"X-Key":"a"}}', '.headers.X-Key: "X-Key" never occurs, it is in lower case here; write "x-key"'],
        ['{"params":{"a":".headers.X-Key"}}', qr/\.params\.a: .*"X-Key" never occurs, it is in lower case here; write "x-key"/],
        ['{"uri":{"$enum":[]}}', '.uri.$enum: takes an array of strings, numbers or booleans, at least one'],
        ['{"uri":{"$enum":"/a"}}', '.uri.$enum: takes an array of strings, numbers or booleans, at least one'],
        ['{"uri":{"$enum":["/a",{"b":1}]}}', '.uri.$enum[1]: must be a string, a number or a boolean; use $one-of for patterns'],
        ['{"uri":{"$one-of":["/a"],"$enum":["/b"]}}', '.uri.$one-of: must be the only key of its object; move the other keys into its patterns'],
        ['{"user":{"$one-of":[{"id":"a"}],"name":"b"}}', '.user.$one-of: must be the only key of its object; move the other keys into its patterns'],
        ['{"user":{"role":{"$one-of":"jwt.roles"}}}', '.user.role.$one-of: takes an array of patterns, or a path to an array such as ".jwt.roles"'],
        ['{"role":{"$present-all":[]}}', '.role.$present-all: takes an array with at least one pattern'],
        ['{"role":{"$length":"2"}}', '.role.$length: takes the number of elements, a whole number from 0 on'],
        ['{"role":{"$length":-1}}', '.role.$length: takes the number of elements, a whole number from 0 on'],
        ['{"user":{"$reference":{"type":"User"}}}', '.user.$reference.type: a reference has nothing but resourceType and id'],
        ['{"$contains":{"uri":"/a"}}', '.$contains: the whole request is an object, for which there are $one-of and $not only'],
        ['{"user":' . '{"a":' x 40 . '1' . '}' x 40 . '}', qr/more than 32 levels|nested too deeply/],
    ),
    # json-schema
    (map { [qq(engine json-schema; rule '$_->[0]';) => ref $_->[1] ? $_->[1] : ": schema$_->[1]"] }
        ['{}', ': it would accept every request; write what must hold, or use the engine allow'],
        ['true', ': it would accept every request; write what must hold, or use the engine allow'],
        ['{"requird":["jwt"]}', '#/requird: is no keyword of draft-07, it would be ignored and more accepted than is meant; correct or remove it'],
        ['{"properties":{"jwt":{"constent":1}}}', '#/properties/jwt/constent: is no keyword of draft-07, it would be ignored and more accepted than is meant; '
            . 'correct or remove it'],
        ['{"type":"strng"}', '#/type: "strng" is no type; the types are array, boolean, integer, null, number, object, string'],
        ['{"const":1,"constant":2}', '#/constant: differs from "const", which means the same; leave one of them'],
        ['{"$ref":"http://x.test/s"}', qr{#/\$ref: leads out of this schema; nothing is fetched, }],
        ['{"$ref":"#"}', qr/refers to itself without a step/],
        ['{"$schema":"http://json-schema.org/draft-04/schema#","type":"object"}', qr/#\/\$schema: is another dialect, only draft-07 is understood/],
        ['{"properties":{"uri":{"pattern":"("}}}', qr/#\/properties\/uri\/pattern: is no regular expression that PCRE reads: /],
        ['{"required":"jwt"}', '#/required: must be a list of strings'],
    ),
    # complex
    (map { [qq(engine complex; rule '$_->[0]';) => ref $_->[1] ? $_->[1] : ": $_->[1]"] }
        ['{}', 'engine: complex takes either and or or, a list of rules'],
        ['[]', 'engine: complex takes either and or or, a list of rules'],
        ['{"and":[{"engine":"allow"}],"or":[{"engine":"allow"}]}', 'engine: complex takes either and or or, a list of rules'],
        ['{"and":[]}', 'and: must be a list with at least one rule'],
        ['{"or":{"engine":"allow"}}', 'or: must be a list with at least one rule'],
        ['{"or":["allow"]}', 'or[0]: must be an object with an engine'],
        ['{"or":[{"engine":"allow"},{"matcho":{"uri":"/a"}}]}', "or[1].engine: missing, it must be one of $engines"],
        ['{"or":[{"engine":"matcho","schema":{"type":"object"}}]}', 'or[0].schema: does not belong to the engine matcho; take one of them away'],
        ['{"and":[{"engine":"matcho","matcho":{"uri":{"$x":1}}}]}', "and[0].matcho.uri.\$x: unknown operator; the operators are $operators"],
        ['{"and":[{"engine":"complex","or":[{"engine":"sql"}]}]}', qr/^token_policy "p": and\[0\]\.or\[0\]\.engine: sql asks a database/],
        ['{"and":[{"engine":"allow","roleName":"r"}]}', qr/^token_policy "p": and\[0\]\.roleName: has no place in a rule/],
        ['{"and":[{"engine":"allow"}],"roleName":"r"}', 'roleName: does not belong to complex, which takes either and or or'],
        ['{"and":[{"engine":"allow"}],"matcho":{"uri":"/a"}}', qr/^token_policy "p": matcho: does not belong to/],
    ),
    )
{
    my ($lines, $sentence) = @$case;
    my $said = complaint("    token_policy p { $lines }\n");
    my $name = "nginx -t: { $lines }";
    $name = substr($name, 0, 100) . ' ...' if length $name > 120;
    $sentence = "token_policy \"p\"$sentence" if !ref $sentence && $sentence =~ /^: /;
    ref $sentence ? like $said, $sentence, $name : is $said, $sentence, $name;
}

# names
is complaint("    token_policy $_->[0] { engine allow; }\n"), $_->[1], "nginx -t: the name $_->[0]"
    for ['off', 'token_policy "off": "off" cannot name a policy'], ['"*"', 'token_policy "*": "*" cannot name a policy'], ['""', 'token_policy "": "" cannot name a policy'],
    ['', 'invalid number of arguments in "token_policy" directive'],
    ['a b', 'invalid number of arguments in "token_policy" directive'], ['optional', 'is taken'], ['a/b', 'is taken'];
like complaint("    token_policy p { engine allow; }\n    token_policy p { engine allow; }\n"),
    qr/^token_policy "p": a policy "p" is defined already in nginx\.conf:\d+$/, 'nginx -t: a policy twice';
is complaint("    token_policy p { engine allow; }\n    token_policy P { engine allow; }\n"), 'is taken',
    'nginx -t: names have case';
is complaint("    server { token_policy p { engine allow; } }\n"), '"token_policy" directive is not allowed here',
    'nginx -t: a policy in a server';
is complaint("    token_policy p;\n"), 'directive "token_policy" has no opening "{"', 'nginx -t: no block';

# the place: of a wrong line itself, of what is wrong as a whole the block's end
$tried->configure("    token_policy p {\n        engine allow;\n        id x;\n    }\n");
my $text = do { local (@ARGV, $/) = ("$dir/nginx.conf"); <> };
my ($before) = $text =~ /\A(.*?)id x;/s;
my $line = 1 + ($before =~ tr/\n//);
like $tried->check, qr/unknown directive "id" .* in \S+:$line$/m, 'nginx -t names the line';

done_testing;
