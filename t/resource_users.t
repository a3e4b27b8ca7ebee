# User, Role, Client and AccessPolicy resources at work: whom a token means, and what it may do. The
# policies are those of the vendor's documents, in their shape; t/token_policy.t has the engines.

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use NginxProcess;
use Test::More;
use TokenIntrospect qw(jwt jws json claims b64 $SECRET);

my $issuer   = Issuer->start;
my $upstream = Issuer->start(sub { Issuer::answer('200 OK', 'reached') });

my $introspectors = <<"END";
resourceType: TokenIntrospector
id: idp
type: jwt
jwt:
  iss: https://idp.test
  secret: $SECRET
---
resourceType: TokenIntrospector
id: second
type: jwt
jwt:
  iss: https://second.test
  secret: $SECRET
---
resourceType: TokenIntrospector
id: opaque
type: opaque
introspection_endpoint:
  url: @{[ $issuer->url ]}
  authorization: Basic Y2xpZW50OnNlY3JldA==
END

my $users = <<'END';
- resourceType: User
  id: my-user
  email: user@example.com
  password: hidden-password
  twoFactor: {enabled: true, secretKey: hidden-key}
  data:
    practitioner_id: pract-123
    department: cardiology
    wards: [a, {name: b, beds: 12}]
- {resourceType: User, id: keycloak-uuid-1234, data: {department: surgery}}
- {resourceType: User, id: other, data: {department: oncology}}
- {resourceType: User, id: gone, inactive: true, data: {department: cardiology}}
- {resourceType: User, id: back, inactive: false, data: {department: cardiology}}
- {resourceType: User, id: "42", data: {department: numbers}}
- {resourceType: Role, id: role-1, name: doctor, user: {resourceType: User, id: my-user},
   links: {organization: {resourceType: Organization, id: org-1}}}
- {resourceType: Role, id: role-2, name: nurse, user: {reference: User/other}}
- {resourceType: Role, id: role-3, name: auditor, user: User/my-user, context: {ward: a}}
- {resourceType: Role, id: role-4, name: janitor, user: User/gone}
- {resourceType: Client, id: app, secret: hidden-secret, type: client-confidential, grant_types: [basic]}
END
my %strange = (
    composed   => "Ren\xc3\xa9",
    decomposed => "Rene\xcc\x81",
    capital    => 'My-User-2',
    space      => 'my user',
    slash      => 'a/b',
    dots       => '..',
    percent    => 'a%20b',
    long       => 'x' x 255,
    number     => '1e3',
);
my $strangers = '[' . join(',',
    map {qq({"resourceType":"User","id":"$strange{$_}","data":{"name":"$_"}})} sort keys %strange) . ']';

# The shapes of the documents. What they allow is asserted below.
my %policies = (
    issuer => {
        engine => 'json-schema',
        schema => {
            required   => ['jwt'],
            properties => {
                jwt => { required => ['iss'], properties => { iss => { constant => 'https://idp.test' } } },
            },
        },
    },
    active     => { engine => 'matcho', matcho => { token => { active => \1 } } },
    department => { engine => 'matcho', matcho => { user  => { data => { department => 'cardiology' } } } },
    everybody  => { engine => 'allow' },
    nobody     => { engine => 'matcho', matcho => { 'request-method' => 'brew' } },
    response   => {
        engine => 'matcho',
        matcho => {
            token => {
                active => \1, sub => 'user123', scope => 'read write', exp => 4102444800, client_id => 'my-client',
                aud => { '$length' => 2, '$contains' => 'b' }, realm_access => { roles => ['x'], n => 1.5 },
            },
        },
    },
    resolved => {
        engine => 'matcho',
        matcho => {
            jwt  => { sub => 'keycloak-uuid-1234', box_user => 'my-user' },
            user => {
                id => 'my-user', resourceType => 'User', email => 'user@example.com',
                data => { practitioner_id => 'pract-123', wards => ['a', { name => 'b', beds => 12 }] },
            },
            role => { '$length' => 2, '$present-all' => [
                { name => 'doctor', resourceType => 'Role', id => 'role-1',
                    links => { organization => { id => 'org-1' } } },
                { name => 'auditor', id => 'role-3', context => { ward => 'a' } },
            ] },
        },
    },
    map({ $_->[0] => { engine => 'complex', and => [map { { engine => 'matcho',
        matcho => { params => { org => $_ } } } }
        $_->[1], 'present?'] } } ['path', '.role.0.links.organization.id'], ['alias',
            '.session.role.0.links.organization.id']),
    unresolved  => { engine => 'matcho', matcho => { user => 'nil?', role => 'nil?', session => 'nil?',
        jwt => { sub => 'present?' } } },
    resolves    => { engine => 'matcho', matcho => { user => 'present?' } },
    named       => { engine => 'matcho', matcho => { params => { name => '.user.data.name' },
        user => { data => { name => 'present?' } } } },
    secrets     => { engine => 'complex', or => [map { { engine => 'matcho', matcho => $_ } }
        { user => { password => 'present?' } }, { user => { twoFactor => 'present?' } },
            { client => { secret => 'present?' } },
        { headers => { authorization => 'present?' } }] },
    doctors     => { engine => 'allow', roleName => 'doctor' },
    nurses      => { engine => 'allow', roleName => 'nurse' },
    'for-user'  => { engine => 'allow', link => [{ reference => 'User/other' }] },
    'for-client' => { engine => 'allow', link => [{ resourceType => 'Client', id => 'app' }] },
    'for-either' => { engine => 'allow', link => [{ reference => 'Client/app' }, { reference => 'User/other' }] },
    'for-stranger' => { engine => 'allow', link => [{ reference => 'Client/unknown' }] },
    client      => { engine => 'matcho', matcho => { client => { id => 'app', type => 'client-confidential',
        grant_types => ['basic'] } } },
);
my $policies = json([map { { resourceType => 'AccessPolicy', id => $_, %{ $policies{$_} } } } sort keys %policies]);
my $proxy    = 'proxy_pass http://127.0.0.1:' . $upstream->port . ';';
my $locations = join '', map {"location = /$_ { token_introspect idp second opaque; token_authorize $_; $proxy }\n"}
    sort keys %policies;

my $nginx = NginxProcess->start(
    files => { 'idp.yaml' => $introspectors, 'users.yaml' => $users, 'users.json' => $strangers,
        'policies.json' => $policies },
    http  => <<"END");
    token_resources idp.yaml users.yaml users.json policies.json;
    server {
        listen 127.0.0.1:%PORT%;
        add_header Status \$token_status always;
        add_header User \$token_user_id always;
        add_header Policy \$token_policy always;
        $locations
        location = /plain { token_introspect idp; $proxy }
        location = /list { token_introspect idp opaque; token_authorize nobody department doctors; $proxy }
        location = /all { token_introspect idp opaque; token_authorize *; $proxy }
        location = /explained { token_introspect idp; token_authorize everybody; token_policy_debug on; $proxy }
        location = /optional { token_introspect idp optional; token_authorize everybody; $proxy }
    }
END

# status, $token_status, $token_user_id and $token_policy
sub answer {
    my ($path, @headers) = @_;
    my $response = $nginx->get($path, @headers);
    return join ' ', $response->{status}, map { $response->{headers}{$_} // '-' } qw(status user policy);
}
sub ask { my ($path, %claims) = @_; return answer($path, Authorization => 'Bearer ' . jwt(%claims)) }
sub introspect { my ($path, $json) = @_; return answer($path, Authorization => 'Bearer ' . Issuer::token($json)) }
sub reached(&) {
    my ($code) = @_;
    my $before = $upstream->call_count;
    $code->();
    return $upstream->call_count - $before;
}

# json-schema on the issuer
is reached { is ask('/issuer'), '200 active alice issuer', 'json-schema: the issuer (B13, B24)' }, 1,
    '... reaches the upstream (B24)';
is reached {
    is ask('/issuer', iss => 'https://second.test'), '403 policy_refused alice -',
        '... another issuer that is good (B15)';
    is introspect('/issuer', '{"active":true,"iss":"https://idp.test"}'), '403 policy_refused - -',
        '... a good token that is no JWT (B14)';
    is introspect('/issuer', '{"active":true,"jwt":{"iss":"https://idp.test"}}'), '403 policy_refused - -',
        '... nor contains one';
    is answer('/issuer?jwt=1', 'jwt' => '{"iss":"https://idp.test"}'), '401 missing - -', '... no token';
}, 0, '... do not';

# matcho on the introspection response
is reached { is introspect('/active', '{"active":true}'), '200 active - active', 'matcho: an active token (B20)' }, 1,
    '... passes';
is reached {
    is introspect('/active', '{"active":false}'), '401 inactive - -', '... an inactive one (B20, B45)';
    is ask('/active', active => \1), '403 policy_refused alice -', '... a JWT that calls itself active';
}, 0, '... do not';
my %response = (
    active => 'true', sub => '"user123"', scope => '"read write"', exp => 4102444800, client_id => '"my-client"',
    aud => '["a","b"]', realm_access => '{"roles":["x","y"],"n":1.5}', more => 'null',
);
sub response { my %r = (%response, @_); return '{' . join(',',
    map {"\"$_\":$r{$_}"} grep { defined $r{$_} } sort keys %r) . '}' }
is introspect('/response', response()), '200 active - response', 'the whole response is in token (B19, B44)';
is introspect('/response', response(@$_)), '403 policy_refused - -', "... another $_->[0]"
    for ['sub', '"user124"'], ['scope', '"read"'], ['scope', undef], ['exp', 4102444801], ['exp', undef],
    ['client_id', '"my-clients"'], ['aud', '["a"]'], ['aud', '"b"'], ['realm_access', '{"roles":["x"],"n":2}'];

# what is refused before
my @bad = (
    ['a forged JWT', jwt(-key => 'another secret') => 'bad_signature'],
    ['an expired JWT', jwt(exp => 1) => 'expired'],
    ['an unsigned JWT', b64('{"alg":"none"}') . '.' . b64(json(claims())) . '.' => 'unsupported_algorithm'],
    ['a token of nobody', Issuer::token('{"active":false,"sub":"my-user"}') => 'inactive'],
);
is reached {
    for my $bad (@bad) {
        is answer('/everybody', Authorization => "Bearer $bad->[1]"), "401 $bad->[2] - -",
            "$bad->[0] meets no policy that allows all (B22)";
    }
    is answer('/everybody'), '401 missing - -', '... nor does no token';
}, 0, '... and not the upstream (B22)';
my $explained = sub { $nginx->count_in_log(qr/policy debug:/) };
my $before = $explained->();
answer('/explained', 'X-Debug' => 'policy', Authorization => "Bearer $_->[1]") for @bad;
is $explained->(), $before, '... no policy is evaluated (B22)';
ask('/explained');
answer('/explained', 'X-Debug' => 'policy', Authorization => 'Bearer ' . jwt());
is $explained->(), $before + 1, '... as one is for a good token';

# a good token is not enough
is reached {
    is ask('/nobody'), '403 policy_refused alice -', 'a good token that no policy allows (B23, B63)';
    is introspect('/nobody', '{"active":true}'), '403 policy_refused - -', '... of either kind';
    is ask('/list', sub => 'other'), '403 policy_refused other -', '... that none of several allows (B23)';
}, 0, '... does not reach the upstream';
is ask('/list', sub => 'back'), '200 active back department', 'one policy of several is enough (B24)';
is ask('/list', sub => 'x', box_user => 'my-user'), '200 active my-user department', '... the first that allows counts';
is ask('/all', sub => 'other'), '200 active other everybody', 'token_authorize *: those of the files';
is ask('/plain'), '200 active alice -', 'without token_authorize policies have no say';
is answer('/optional'), '200 missing - everybody', 'a policy allows a request without a token where that is optional';

# the user
is ask('/department', sub => 'my-user'), '200 active my-user department',
    'sub names the User (B16, B27), whose department is right (B31)';
is ask('/department', sub => 'other'), '403 policy_refused other -', '... is another (B31)';
is ask('/department', sub => 'nobody'), '403 policy_refused nobody -', '... of nobody (B31)';
is ask('/department', sub => 'nobody', user => { data => { department => 'cardiology' } }),
    '403 policy_refused nobody -',
    '... a claim is no User';
is ask('/department', sub => 'keycloak-uuid-1234'), '403 policy_refused keycloak-uuid-1234 -',
    'sub, when there is no box_user (B27)';
is ask('/department', sub => 'keycloak-uuid-1234', box_user => 'my-user'), '200 active my-user department',
    '... box_user goes before it (B25, B26)';
is ask('/department', sub => 'my-user', box_user => 'other'), '403 policy_refused other -',
    '... also when it takes away (B26)';
is ask('/department', sub => 'my-user', box_user => 'nobody'), '403 policy_refused nobody -',
    '... and when nobody is called that';
is ask('/department', sub => 'my-user', box_user => $_), '403 policy_refused - -',
    '... and when it is ' . json($_) for '', ['my-user'], \1;
is ask('/department', sub => 'my-user', box_user => undef), '200 active my-user department',
    '... but not when it is null';
is ask('/resolved', sub => 'keycloak-uuid-1234', box_user => 'my-user'), '200 active my-user resolved',
    'the whole User (B28), all its Roles (B29) and no others (B30), and sub as it was (B32)';
is ask('/doctors', sub => 'my-user'), '200 active my-user doctors', 'roleName: one of the roles';
is ask('/doctors', sub => 'other'), '403 policy_refused other -', "... another's role (B30)";
is ask('/nurses', sub => 'my-user'), '403 policy_refused my-user -', "... another's role (B30)";
is ask('/nurses', sub => 'other'), '200 active other nurses', '... its own';
is ask('/doctors', sub => 'back'), '403 policy_refused back -', '... no role at all';
is ask('/doctors', sub => 'nobody', role => [{ name => 'doctor' }]), '403 policy_refused nobody -',
    '... a claim is no Role';
for my $form (qw(path alias)) {
    is ask("/$form?org=org-1", sub => 'my-user'), "200 active my-user $form", "a path to a role ($form)";
    is ask("/$form?org=org-2", sub => 'my-user'), '403 policy_refused my-user -', '... that leads elsewhere';
}
is ask('/unresolved', sub => 'nobody'), '200 active nobody unresolved', 'nobody: only jwt is there (B33)';
is ask('/unresolved', sub => 'my-user'), '403 policy_refused my-user -', '... with a User there is more';
is introspect('/resolves', '{"active":true,"sub":"my-user","box_user":"my-user"}'), '403 policy_refused - -',
    'an opaque token names no User';
is ask('/secrets', sub => 'my-user', client_id => 'app'), '403 policy_refused my-user -',
    'no policy sees passwords, secrets or the token';

# inactive users
is reached {
    is ask($_, sub => 'gone'), '403 user_inactive gone -',
        "an inactive User at $_" for qw(/department /everybody /plain /optional /issuer);
    is ask('/everybody', sub => 'my-user', box_user => 'gone'), '403 user_inactive gone -', '... by box_user';
    is ask('/everybody', sub => 'gone'), '403 user_inactive gone -', '... remembered';
}, 0, '... does not reach the upstream';
is introspect('/everybody', '{"active":true,"sub":"gone"}'), '200 active - everybody', '... is a matter of JWTs';
is ask('/department', sub => 'back'), '200 active back department', 'inactive: false is active';
like $nginx->log, qr/\[info\] .*refused, reason: user_inactive, introspector: idp/, '... is in the log';

# ids that look alike
for my $name (sort keys %strange) {
    my $jwt = jws({ alg => 'HS256' }, qq({"iss":"https://idp.test","exp":4102444800,"sub":"$strange{$name}"}), 'HS256');
    is answer("/named?name=$_", Authorization => "Bearer $jwt") =~ /^(\d+)/ ? $1 : '', $_ eq $name ? 200 : 403,
        "an id ($name) is the User $_" . ($_ eq $name ? '' : ', not') for sort keys %strange;
}
sub subject { my ($json) = @_; return answer('/resolves', Authorization => 'Bearer '
    . jws({ alg => 'HS256' }, qq({"iss":"https://idp.test","exp":4102444800,"sub":$json}), 'HS256')) }
like subject($_), qr/^200 active 42 resolves/, "the id 42 as $_" for '"42"', '42', '4\u0032' =~ s/(.*)/"$1"/r;
like subject($_), qr/^403 policy_refused/, "no id: $_" for '"042"', '"42 "', '" 42"', '"42.0"', '"4.2e1"', '"0x2a"',
    '-42', '42.5',
    '["42"]', '{"id":"42"}', 'true', 'null', '""', '"MY-USER"', '"my-user\u000a"', '"User/my-user"',
        '"' . 'x' x 256 . '"',
    '"' . 'x' x 5000 . '"', '1000', '9223372036854775807';
is answer('/plain', Authorization => 'Bearer ' . jws({ alg => 'HS256' },
    '{"iss":"https://idp.test","sub":"my-user\u0000"}', 'HS256')),
    '401 malformed - -', 'NUL in an id';

# clients
is ask('/for-client', client_id => 'app'), '200 active alice for-client', 'a link to a Client: client_id';
is ask('/for-client', azp => 'app'), '200 active alice for-client', '... azp';
is ask('/for-client', client_id => 'other', azp => 'app'), '403 policy_refused alice -', '... client_id goes before it';
is ask('/for-client', client_id => $_), '403 policy_refused alice -', '... ' . json($_) for 'App', 'app ', '',
    ['app'], { id => 'app' };
is ask('/for-client'), '403 policy_refused alice -', '... no client';
is ask('/for-client', sub => 'app'), '403 policy_refused app -', '... a User is no Client';
is introspect('/for-client', '{"active":true,"client_id":"app"}'), '200 active - for-client', '... of an opaque token';
is ask('/for-stranger', client_id => 'unknown'), '200 active alice for-stranger', '... without a Client resource';
is ask('/for-user', sub => 'other'), '200 active other for-user', 'a link to a User';
is ask('/for-user', sub => 'x', box_user => 'other'), '200 active other for-user', '... by box_user';
is ask('/for-user', client_id => 'other'), '403 policy_refused alice -', '... a Client is no User';
is ask('/for-either', @$_), '200 active ' . ($_->[0] eq 'sub' ? 'other' : 'alice') . ' for-either',
    "one of two links: $_->[0]"
    for ['sub', 'other'], ['client_id', 'app'];
is ask('/for-either', sub => 'my-user', client_id => 'x'), '403 policy_refused my-user -', '... neither';
is ask('/client', client_id => 'app'), '200 active alice client', 'the Client resource';
is ask('/client', client_id => 'unknown'), '403 policy_refused alice -', '... is not there for others';

unlike $nginx->log, qr/\Q$SECRET\E|hidden-|Y2xp/, 'no secret in the log';
$nginx->stop;

# No policy at all (B23, B63)
$nginx = NginxProcess->start(files => { 'idp.yaml' => $introspectors, 'users.yaml' => $users }, http => <<"END");
    token_resources idp.yaml users.yaml;
    server {
        listen 127.0.0.1:%PORT%;
        add_header Status \$token_status always;
        location /all { token_introspect idp opaque; token_authorize *; $proxy }
        location /optional { token_introspect idp opaque optional; token_authorize *; $proxy }
    }
END
is reached {
    is ask('/all', sub => 'my-user'), '403 policy_refused - -', 'no policies: a good JWT is refused (B63)';
    is introspect('/all', '{"active":true}'), '403 policy_refused - -', '... so is an opaque token';
    is answer('/all'), '401 missing - -', '... and no token';
    is answer('/optional'), '401 missing - -', '... also where it is optional';
}, 0, '... without a word to the upstream';
$nginx->stop;

done_testing;
