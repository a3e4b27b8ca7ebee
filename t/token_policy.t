# token_policy: the engines, what they see of a request, whom a policy is for. The operators of matcho
# have their examples in docs/policies.md, see policies_doc.t; wrong policies are in
# token_policy_nginx_t.t.

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use Loopback;
use NginxProcess;
use Test::More;
use TokenIntrospect qw(json jwt $SECRET);

my $issuer = Issuer->start;
my $url    = $issuer->url('');
my %files;

# A policy, the server that asks it (NAME.test), and what else stands in that server.
my (@blocks, @servers);

sub policy {
    my ($name, $engine, $rule, %more) = @_;
    my $source = '';
    if (defined $rule) {
        $files{"$name.json"} = ref $rule ? json($rule) : $rule;
        $source = "file $name.json;";
    }
    push @blocks, "    token_policy $name { engine $engine; $source @{[$more{lines} // '']} }\n";
    served($name, $name, %more);
}

sub served {
    my ($name, $policies, %more) = @_;
    my $introspect = $more{introspect} // 'idp other opaque session optional';
    push @servers, <<"END";
    server {
        listen 127.0.0.1:%PORT%;
        listen 127.0.0.1:%PORT2% ssl;
        server_name $name.test;
        token_introspect $introspect;
        token_authorize $policies;
        @{[$more{server} // '']}
        location / { proxy_pass http://127.0.0.1:UP; }
    }
END
}

# --- the policies --------------------------------------------------------------------------------

policy('allow', 'allow');

# As resources: a schema with constant, a user's department, and whom they are about.
$files{'resources.yaml'} = <<'END';
resourceType: AccessPolicy
id: external-auth-server
engine: json-schema
schema:
  required:
    - jwt
  properties:
    jwt:
      required:
        - iss
      properties:
        iss:
          constant: https://idp.test
---
resourceType: AccessPolicy
id: cardiology
engine: matcho
matcho:
  user:
    data:
      department: cardiology
---
resourceType: User
id: my-user
email: user@example.com
data:
  practitioner_id: pract-123
  department: cardiology
---
resourceType: User
id: 5f2b-uuid
data: { department: oncology }
---
resourceType: User
id: nobody-s-boss
---
resourceType: Role
id: r1
name: doctor
user: { resourceType: User, id: my-user }
---
resourceType: Role
id: r2
name: head
links: { practitioner: { reference: Practitioner/pract-123 } }
user: { reference: User/my-user }
---
resourceType: Role
id: r3
name: clerk
user: { resourceType: User, id: 5f2b-uuid }
---
resourceType: Client
id: portal
secret: not-for-policies
data: { trusted: true }
END
served('external-auth-server', 'external-auth-server');
served('cardiology', 'cardiology');

policy('active', 'matcho', '{"token":{"active":true}}');
policy('introspected', 'matcho', {token => {
    sub => 'alice', scope => '#\bread\b', exp => 4102444800, client_id => 'portal', extra => {deep => [1, 'x']},
}});
policy('jwt', 'matcho', {jwt => {sub => 'alice'}, token => 'nil?'});
policy('token', 'matcho', {token => {sub => 'alice'}, jwt => 'nil?'});
policy('box', 'matcho', {jwt => {sub => '5f2b-uuid'}, user => {id => 'my-user'}});
policy('whole-user', 'matcho', {
    user => {id => 'my-user', email => 'user@example.com', data => {practitioner_id => 'pract-123'}},
});
policy('roles', 'matcho', {
    role => {'$length' => 2, '$present-all' => [{name => 'doctor'}, {name => 'head'}]},
});
policy('session', 'matcho', {
    session => {role => {'$contains' => {name => 'head'}}},
    user => {data => {practitioner_id => 'pract-123'}},
});
policy('role-path', 'matcho', '{"params":{"patient":".role.1.links.practitioner.reference",'
    . '"as":".session.role.0.name"}}');
policy('no-user', 'matcho', {jwt => 'present?', user => 'nil?', role => 'nil?', session => 'nil?'});
policy('schema', 'json-schema', {
    required => ['jwt', 'request-method'],
    properties => {
        jwt => {required => ['level'], properties => {level => {type => 'integer', minimum => 3}}},
        'request-method' => {enum => ['get', 'head']},
        params => {additionalProperties => JSON::PP::false, properties => {page => {pattern => '^[0-9]+$'}}},
    },
});
policy('and', 'complex', '{"and":[{"engine":"matcho","matcho":{"uri":"#^/a"}},'
    . '{"engine":"json-schema","schema":{"required":["jwt"]}}]}');
policy('or', 'complex', '{"or":[{"engine":"matcho","matcho":{"uri":"/public"}},'
    . '{"engine":"complex","and":[{"engine":"matcho","matcho":{"jwt":{"sub":"alice"}}},'
    . '{"engine":"complex","or":[{"engine":"matcho","matcho":{"request-method":"get"}},'
    . '{"engine":"allow","description":"never asked"}]}]}]}');

# every subject
policy('method', 'matcho', '{"request-method":{"$enum":["get","patch"]}}');
policy('http', 'matcho', '{"scheme":"http"}');
policy('https', 'matcho', '{"scheme":"https"}');
policy('uri', 'matcho', '{"uri":"/fhir/Patient/a b"}');
policy('query', 'matcho', '{"query-string":"a=1&b=%20+"}');
policy('no-query', 'matcho', '{"query-string":"nil?","params":{"a":"nil?"}}');
policy('params', 'matcho', {params => {'a b' => 'x y', 'e/f' => '', plus => '1 2', twice => ['1', '2']}});
policy('one-param', 'matcho', '{"params":{"role":"user"}}');
policy('bad-param', 'matcho', '{"params":{"%zz":"%4","ok":"/%"}}');
policy('headers', 'matcho', {headers => {
    'x-one' => 'Value', 'x-two' => 'a, b, c', cookie => 'a=1; b=2',
    'x-none' => 'nil?', 'x-empty' => '',
}});
policy('host', 'matcho', '{"headers":{"host":"host.test"}}');
policy('address', 'matcho', '{"remote-addr":"127.0.0.1"}');
policy('forwarded', 'matcho', '{"remote-addr":"203.0.113.9"}',
    server => 'set_real_ip_from 127.0.0.1; real_ip_header X-Real;');
policy('client', 'matcho', '{"client":{"id":"portal","secret":"nil?","data":{"trusted":true}}}');
policy('any-client', 'matcho', '{"client":{"id":"unheard-of","data":"nil?"}}');
policy('rewritten', 'matcho', '{"uri":"/new/x","params":{"was":"old"}}',
    server => 'rewrite ^/old(/.*)$ /new$1?was=old last;');

# where the credential was
my $no_credential = '{"headers":{"authorization":"nil?","x-key":"nil?","cookie":{"$one-of":["nil?","b=2"]}},'
    . '"params":{"key":"nil?","a":"1"},"query-string":"a=1"}';
policy('gone', 'matcho', $no_credential, introspect => 'idp other opaque session');
served("gone-$_->[0]", 'gone', introspect => 'opaque session', server => "token_source $_->[1];")
    for ['header', 'header=X-Key'], ['query', 'query=key'], ['cookie', 'cookie=key'];
policy('kept', 'matcho', '{"headers":{"authorization":"#^Bearer "}}', server => 'token_forward_token on;');
policy('forged', 'matcho', '{"headers":{"x-token-sub":"present?"}}', server => 'token_forward_claims sub;');

served('other-host', 'host');

# whom a policy is for
policy('for-portal', 'allow', undef, lines => 'link client=portal;');
policy('for-several', 'allow', undef, lines => 'link client=portal user=my-user; link client=app;');
policy('for-user', 'allow', undef, lines => 'link user=my-user;');
policy('for-doctors', 'allow', undef, lines => 'role doctor; description "Doctors may all";');
policy('for-both', 'allow', undef, lines => 'role doctor; link client=portal;');
policy('for-matching', 'matcho', '{"request-method":"get"}', lines => 'role clerk; link user=5f2b-uuid;');
policy('for-star', 'allow', undef, lines => 'role *;');

# ways to write a rule
$files{'written.yaml'} = "request-method: {\$enum: [get, head]}\nuri: '#^/a\\.b\$'\nparams: {n: 1}\n";
push @blocks, <<'END';
    token_policy inline { rule '{"uri": "#^/a\\\\.b$", "params": {"q": "\u00e9\\""}}'; engine matcho; }
    token_policy yaml { engine matcho; file %DIR%/written.yaml; }
    token_policy "two words" { engine allow; description ""; }
END
served('inline', 'inline');
served('yaml', 'yaml');
served('two-words', '"two words"');

# --- the server ----------------------------------------------------------------------------------

my $pki = File::Temp->newdir;
chmod 0755, "$pki";
system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    . " -keyout $pki/key -out $pki/crt 2>/dev/null") == 0 or die 'openssl';

my $up   = free_port();
my $http = <<'END' . join('', @blocks, @servers) . <<'END';
    token_resources resources.yaml;
    ssl_certificate PKI/crt;
    ssl_certificate_key PKI/key;
    token_introspector idp { issuer https://idp.test; secret "SECRET"; user_claim box_user sub; }
    token_introspector other { issuer https://other.test; secret "SECRET"; }
    token_introspector opaque { introspection_endpoint URL/introspect; }
    token_introspector session { type cookie; cookie SESSION; introspection_endpoint URL/introspect; }
    add_header X-Status $token_status always;
    add_header X-Policy $token_policy always;
END
    server {
        listen 127.0.0.1:UP;
        location / { return 200; }
        # the other servers over TLS
        location /tls/ {
            proxy_set_header Host $arg_host;
            proxy_pass https://127.0.0.1:%PORT2%/;
        }
    }
END
$http =~ s/SECRET/$SECRET/g;
$http =~ s/URL/$url/g;
$http =~ s/PKI/$pki/g;
$http =~ s/UP;/$up;/g;

my $nginx = NginxProcess->start(http => $http, files => \%files);

# "STATUS POLICY" or "STATUS WORD" of a request to the server of this name.
sub ask {
    my ($server, $line, @headers) = @_;
    my ($method, $uri) = split / /, $line, 2;
    my $response = request($nginx->port, "$method http://$server.test$uri", @headers)
        or return 'no answer';
    my %header = %{ $response->{headers} };
    return join ' ', $response->{status}, $header{'x-policy'} // $header{'x-status'} // '-';
}
sub bearer { return (Authorization => "Bearer $_[0]") }
sub alice  { return bearer(jwt(@_)) }
sub opaque { return bearer(Issuer::token($_[0])) }

my $refused = '403 policy_refused';
my $nobody  = '401 missing';

# --- engines -------------------------------------------------------------------------------------

is ask('allow', 'GET /'), '200 allow', 'allow: anybody';
is ask('allow', 'DELETE /', alice()), '200 allow', '... anything';
is ask('allow', 'GET /', bearer(jwt(exp => 1))), '401 expired', '... but not with a bad token (B22)';
is ask('allow', 'GET /', bearer('x.y.z')), '401 inactive', '... of whatever kind';

is ask('external-auth-server', 'GET /', alice()), '200 external-auth-server',
    'json-schema: constant, the issuer matches (B13)';
is ask('external-auth-server', 'GET /'), $nobody, '... no jwt (B14)';
is ask('external-auth-server', 'GET /', alice(iss => 'https://other.test')), $refused,
    '... constant counts: another issuer (B15)';
is ask('external-auth-server', 'GET /', opaque('{"active":true,"iss":"https://idp.test"}')), $refused,
    '... an introspected token is no jwt';
is ask('external-auth-server', 'GET /', opaque('{"active":true,"jwt":{"iss":"https://idp.test"}}')), $refused,
    '... nor does it bring one';

is ask('active', 'GET /', opaque('{"active":true}')), '200 active', 'matcho: token.active (B20)';
is ask('active', 'GET /', opaque('{"active":false}')), '401 inactive', '... inactive (B20)';
is ask('active', 'GET /', alice(active => JSON::PP::true)), $refused, '... a JWT that says so of itself';

my %answer = (active => JSON::PP::true, sub => 'alice', scope => 'read write', exp => 4102444800,
    client_id => 'portal', extra => {deep => [1, 'x']});
is ask('introspected', 'GET /', opaque(json(\%answer))), '200 introspected',
    'the whole introspection response (B19, B44)';
is ask('introspected', 'GET /', opaque(json({%answer, exp => '4102444800'}))), '401 bad_claim',
    '... types count, here to the module';
is ask('introspected', 'GET /', opaque(json({%answer, extra => {deep => ['1', 'x']}}))), $refused,
    '... and to the policy';

is ask('jwt', 'GET /', alice()), '200 jwt', 'a JWT is jwt (B21)';
is ask('jwt', 'GET /', opaque('{"active":true,"sub":"alice"}')), $refused, '... and nothing else is';
is ask('token', 'GET /', opaque('{"active":true,"sub":"alice"}')), '200 token', 'an opaque token is token';
is ask('token', 'GET /', Cookie => 'SESSION=' . Issuer::token('{"active":true,"sub":"alice"}')), '200 token',
    '... and so is a cookie';
is ask('token', 'GET /', alice()), $refused, '... and nothing else is';

is ask('schema', 'GET /?page=2', alice(level => 3)), '200 schema', 'json-schema over several parts';
is ask('schema', 'GET /', alice(level => 3)), '200 schema', '... an absent one holds';
is ask('schema', 'GET /?page=', alice(level => 3)), '200 schema', '... and an empty one is absent';
is ask('schema', 'GET /?page=2x', alice(level => 3)), $refused, '... pattern';
is ask('schema', 'GET /?page=2%0a', alice(level => 3)), $refused, '... to the very end';
is ask('schema', 'GET /?page=1&page=2', alice(level => 3)), '200 schema',
    '... pattern says nothing of an array: a schema needs type, too';
is ask('schema', 'GET /?pag%65=2&x=1', alice(level => 3)), $refused, '... additionalProperties';
is ask('schema', 'POST /', alice(level => 3)), $refused, '... enum';
is ask('schema', 'GET /', alice(level => 2)), $refused, '... minimum';
is ask('schema', 'GET /', alice(level => '3')), $refused, '... type';
is ask('schema', 'GET /', alice()), $refused, '... required';

is ask('and', 'GET /a', alice()), '200 and', 'complex and: both';
is ask('and', 'GET /b', alice()), $refused, '... not the first';
is ask('and', 'GET /a', opaque('{"active":true}')), $refused, '... not the second';
is ask('or', 'GET /public'), '200 or', 'complex or: the first';
is ask('or', 'PUT /x', alice()), '200 or', '... the second, complex itself';
is ask('or', 'GET /x', alice(sub => 'bob')), $refused, '... neither';

is ask('inline', 'GET /a.b?q=%c3%a9%22'), '200 inline', 'a rule in nginx.conf: backslashes are doubled for nginx';
is ask('inline', 'GET /a-b?q=%c3%a9%22'), $nobody, '... and reach the regular expression';
is ask('inline', 'GET /a.b?q=%c3%a9'), $nobody, '... and the quote its text';
is ask('yaml', 'GET /a.b?n=1'), $nobody, 'a rule in YAML: 1 is a number, and params are texts';
is ask('two-words', 'GET /'), '200 two words', 'a name in quotes';

# --- what they see -------------------------------------------------------------------------------

is ask('method', "$_ /"), '200 method', "request-method: $_" for qw(GET PATCH);
is ask('method', "$_ /"), $nobody, "... not $_" for qw(POST DELETE HEAD OPTIONS PROPFIND GETS);
is ask('method', 'get /'), '400 -', '... nginx takes capitals only';

is ask('http', 'GET /'), '200 http', 'scheme http';
is ask('https', 'GET /'), $nobody, '... is not https';
sub over_tls {
    my ($server) = @_;
    my $header = request($up, "GET /tls/?host=$server.test")->{headers};
    return $header->{'x-policy'} // $header->{'x-status'};
}
is over_tls('https'), 'https', 'scheme https';
is over_tls('http'), 'missing', '... is not http';

is ask('uri', "GET $_"), '200 uri', "uri: $_"
    for '/fhir/Patient/a%20b', '/fhir/Patient/a%20b?x=1', '/%66hir//Patient/./a%20b', '/x/../fhir/Patient/a%20b#y';
is ask('uri', "GET $_"), $nobody, "uri: not $_"
    for '/fhir/Patient/a%2520b', '/fhir/patient/a%20b', '/fhir/Patient/a%20b/', '/fhir/Patient/a+b', '/?/fhir/Patient/a%20b';
is ask('rewritten', 'GET /old/x'), '200 rewritten', 'uri and params are those after a rewrite';

is ask('query', 'GET /?a=1&b=%20+'), '200 query', 'query-string: as it came';
is ask('query', "GET /$_"), $nobody, "query-string: not $_" for '?a=1&b=%20%20', '?a=1&b=%20+&', '?b=%20+&a=1', '';
is ask('no-query', "GET $_"), '200 no-query', "no query-string: $_" for '/', '/?';
is ask('no-query', 'GET /?a'), $nobody, 'a name alone is a query-string, and a parameter';

my $params = 'a+b=x%20y&e%2Ff&plus=1+2&twice=1&twice=2';
is ask('params', "GET /?$params"), '200 params', 'params: decoded, empty, repeated';
is ask('params', "GET /?&&$params&=&=3"), '200 params', '... with empty ones around';
is ask('params', 'GET /?' . $params =~ s/twice=1&twice/twice=2&twic%65/r), $nobody, '... repeated ones keep their order';
is ask('params', 'GET /?' . $params =~ s/2&/2%00&/r), $nobody, '... NUL is a character like others';
is ask('params', 'GET /?' . $params =~ s/e%2Ff/e%2FF/r), $nobody, '... names have case';
is ask('one-param', 'GET /?role=user'), '200 one-param', 'one parameter';
is ask('one-param', "GET /?$_"), $nobody, "not what is repeated or written otherwise: $_"
    for 'role=user&role=admin', 'role=admin&role=user', 'role=user&%72ole=admin', 'role=user&role', 'role[]=user',
    'role=user;x=1', 'role=user%00', 'role=User', 'ROLE=user', 'role=user%20', 'role=%75ser%';
is ask('bad-param', 'GET /?%zz=%4&ok=/%'), '200 bad-param', 'what cannot be decoded stays as it is';

my @headers = ('X-One' => 'Value', 'X-TWO' => 'a', Cookie => 'a=1', 'x-Two' => 'b', Cookie => 'b=2', 'x-two' => 'c',
    'X-Empty' => '');
is ask('headers', 'GET /', @headers), '200 headers', 'headers: names in lower case, repeated ones joined';
is ask('headers', 'GET /', @headers, 'X-One' => 'Value'), $nobody, '... also when they say the same';
is ask('headers', 'GET /', @headers, 'X-None' => ''), $nobody, '... and an empty one is one';
is ask('headers', 'GET /', 'X-One' => 'value', @headers[2 .. $#headers]), $nobody, '... values have case';

# RFC 9112 section 3.2.2: of a request line with a whole URL the host is the one that counts, and so
# it does for nginx
is ask('host', 'GET /'), '200 host', 'headers.host is the host for which nginx serves';
my $socket = connect_to($nginx->port);
print {$socket} "GET http://other-host.test/ HTTP/1.1\r\nHost: host.test\r\nConnection: close\r\n\r\n";
is read_response($socket)->{status}, 401, '... and not what the header says beside it';

is ask('address', 'GET /', 'X-Forwarded-For' => '203.0.113.9', 'X-Real' => '203.0.113.9'), '200 address',
    'remote-addr: the address of the connection';
is ask('forwarded', 'GET /', 'X-Real' => '203.0.113.9'), '200 forwarded', '... or what ngx_http_realip_module makes of it';

is ask('client', 'GET /', alice(client_id => 'portal')), '200 client', 'client: the Client by client_id, without its secret';
is ask('client', 'GET /', alice(azp => 'portal')), '200 client', '... by azp';
is ask('client', 'GET /', alice(client_id => 'other', azp => 'portal')), $refused, '... client_id comes first';
is ask('client', 'GET /', opaque('{"active":true,"client_id":"portal"}')), '200 client', '... of an introspected token';
is ask('client', 'GET /', alice(client_id => $_)), $refused, '... not of ' . json($_) for {id => 'portal'}, ['portal'], 0;
is ask('any-client', 'GET /', alice(client_id => 'unheard-of')), '200 any-client', '... or its id alone';

# B16, B25 to B32
is ask('cardiology', 'GET /', alice(sub => 'my-user')), '200 cardiology', 'user.data.department (B27, B31)';
is ask('cardiology', 'GET /', alice(sub => '5f2b-uuid')), $refused, '... another one (B31)';
is ask('cardiology', 'GET /', alice(sub => 'nobody-s-boss')), $refused, '... none';
is ask('cardiology', 'GET /', alice()), $refused, '... no user';
is ask('cardiology', 'GET /', alice(user => {data => {department => 'cardiology'}})), $refused, '... in the wrong place';
is ask('whole-user', 'GET /', alice(sub => 'my-user')), '200 whole-user', 'the whole User (B16, B28)';
is ask('box', 'GET /', alice(sub => '5f2b-uuid', box_user => 'my-user')), '200 box',
    'box_user wins over sub, which stays visible (B25, B26, B32)';
is ask('roles', 'GET /', alice(sub => 'my-user')), '200 roles', 'all Roles of the user, and no others (B29, B30)';
is ask('roles', 'GET /', alice(sub => '5f2b-uuid')), $refused, '... of another';
is ask('session', 'GET /', alice(sub => 'my-user')), '200 session', 'session.role, too';
is ask('role-path', 'GET /?patient=Practitioner/pract-123&as=doctor', alice(sub => 'my-user')), '200 role-path',
    'paths into both';
is ask('role-path', 'GET /?patient=Practitioner/pract-124&as=doctor', alice(sub => 'my-user')), $refused, '... differ';
is ask('no-user', 'GET /', alice()), '200 no-user', 'an unresolved user: jwt only (B33)';
is ask('no-user', 'GET /', alice(sub => 'my-user')), $refused, '... a resolved one';

# The credential is gone before policies look; what else is in the same place stays.
my $token = Issuer::token('{"active":true}');
is ask('gone', 'GET /?a=1', bearer($token)), '200 gone', 'no credential in headers';
is ask('gone', 'GET /?a=1', Cookie => "SESSION=$token; b=2"), '200 gone', '... nor a cookie of type cookie';
is ask('gone-header', 'GET /?a=1', 'X-Key' => $token), '200 gone', '... nor a header of its own';
is ask('gone-query', "GET /?key=$token&a=1&key=$token"), '200 gone', '... nor in params and query-string';
is ask('gone-cookie', 'GET /?a=1', Cookie => "key=$token; b=2"), '200 gone', '... nor a cookie';
is ask('kept', 'GET /', bearer($token)), '200 kept', 'token_forward_token on leaves it where it is';
is ask('forged', 'GET /', alice(), 'X-Token-Sub' => 'admin', 'x_token_sub' => 'admin'), $refused,
    'a forged claim header is gone, too';

# --- whom they are for ---------------------------------------------------------------------------

is ask('for-portal', 'GET /', alice(client_id => 'portal')), '200 for-portal', 'link client';
is ask('for-portal', 'GET /', alice(client_id => $_)), $refused, "... not $_" for 'Portal', 'portal ', 'app';
is ask('for-portal', 'GET /', alice(sub => 'portal')), $refused, '... nor a user of that name';
is ask('for-portal', 'GET /'), $nobody, '... nor anybody';
is ask('for-several', 'GET /', alice(client_id => $_)), '200 for-several', "several links: client $_" for 'portal', 'app';
is ask('for-several', 'GET /', alice(sub => 'my-user')), '200 for-several', '... or user';
is ask('for-several', 'GET /', alice(sub => '5f2b-uuid', client_id => 'my-user')), $refused, '... or neither';
is ask('for-user', 'GET /', alice(sub => 'x', box_user => 'my-user')), '200 for-user', 'link user';
is ask('for-user', 'GET /', alice(sub => 'my-user', box_user => 'x')), $refused, '... not another';
is ask('for-doctors', 'GET /', alice(sub => 'my-user')), '200 for-doctors', 'role';
is ask('for-doctors', 'GET /', alice(sub => $_)), $refused, "... $_ has none" for '5f2b-uuid', 'nobody-s-boss', 'x';
is ask('for-doctors', 'GET /', alice(role => [{name => 'doctor'}])), $refused, '... a claim is no role';
is ask('for-doctors', 'GET /'), $nobody, '... nor has anybody';
is ask('for-both', 'GET /', alice(sub => 'my-user', client_id => 'portal')), '200 for-both', 'role and link';
is ask('for-both', 'GET /', alice(sub => 'my-user')), $refused, '... role alone';
is ask('for-both', 'GET /', alice(client_id => 'portal')), $refused, '... link alone';
is ask('for-matching', 'GET /', alice(sub => '5f2b-uuid')), '200 for-matching', 'role, link and rule';
is ask('for-matching', 'PUT /', alice(sub => '5f2b-uuid')), $refused, '... the rule counts all the same';
is ask('for-star', 'GET /', alice(sub => 'my-user')), $refused, 'a role of the name * is no pattern';

is + (grep { $_->{target} !~ /^\/introspect/ } $issuer->calls), 0, 'nothing else was asked for';
$nginx->stop;

done_testing;
