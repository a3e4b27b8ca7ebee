# token_resources: which files are read and how, and what a reload does. resource_errors.t has what
# nginx -t says, resource_introspectors.t, resource_users.t and resource_vault.t what comes of it.

use strict;
use warnings;
use lib 't/lib';

use Loopback;
use NginxProcess;
use Resources;
use Test::More;
use TokenIntrospect qw(jwt json $SECRET);

sub token { my ($id, %claims) = @_; return jwt(iss => "https://$id.test", %claims) }

my %files = (
    'one.json'    => json(introspector('json-one')),
    'array.json'  => json([map { introspector($_) } 'json-array-1', 'json-array-2']),
    'bundle.json' => json({
        resourceType => 'Bundle', type => 'collection',
        entry => [map { { fullUrl => "urn:$_", resource => introspector($_) } } 'bundle-1', 'bundle-2'],
    }),
    'one.yaml'       => yaml_introspector('yaml-one'),
    'stream.yml'     => "# two\n---\n" . yaml_introspector('yaml-doc-1') . "---\n"
        . yaml_introspector('yaml-doc-2') . "...\n",
    'list.YAML'      => yaml_introspector('yaml-list') =~ s/^/  /gmr =~ s/^  /- /r,
    'glob/a.json'    => json(introspector('glob-a')),
    'glob/b.yaml'    => yaml_introspector('glob-b'),
    'glob/c.txt'     => 'read by nobody',
    'glob-2/d1.json' => json(introspector('glob-d1')),
    'glob-2/d2.json' => json(introspector('glob-d2')),
    'glob-2/e1.json' => 'read by nobody',
    'empty.json'     => '[]',
    'no-extension'   => json(introspector('no-extension')),
    # what refers to each other is in different files
    'user.yaml'   => "resourceType: User\nid: alice\ndata:\n  department: cardiology\n",
    'role.json'   => json({
        resourceType => 'Role', id => 'r', name => 'doctor', user => { resourceType => 'User', id => 'alice' },
    }),
    'policy.yaml' => "resourceType: AccessPolicy\nid: doctors\nengine: allow\nroleName: doctor\n",
);
my @ids = map { ($files{$_} =~ m{https://([\w-]+)\.test}g) } sort keys %files;
is scalar(@ids), 14, 'introspectors in the files';

my $nginx = NginxProcess->start(files => \%files, http => <<'END' . join '',
    token_resources role.json policy.yaml;
    token_resources user.yaml;
    server {
        listen 127.0.0.1:%PORT%;
        root %DIR%;
        add_header Status $token_status always;
        add_header By $token_introspector always;
        add_header Policy $token_policy always;
        location /doctors { token_introspect json-one; token_authorize doctors; try_files /one.json =404; }
END
    map({"        location /$_/ { token_introspect $_; try_files /one.json =404; }\n"} @ids), <<'END');
    }
    # behind the server that uses them
    token_resources one.json array.json bundle.json %DIR%/one.yaml stream.yml list.YAML no-extension;
    token_resources glob/*.json glob/*.yaml glob-2/d[12].json empty.json;
END

sub ask {
    my ($path, $token) = @_;
    my $response = $nginx->get($path, Authorization => "Bearer $token");
    return join ' ', $response->{status}, map { $response->{headers}{$_} // '-' } 'status', 'by';
}
is ask("/$_/", token($_)), "200 active $_", "an introspector of a file: $_" for @ids;
is ask('/json-one/', token('json-array-1')), '401 unknown_issuer -', 'each with its own issuer';
is ask('/doctors', token('json-one', sub => 'alice')), '200 active json-one',
    'User, Role and AccessPolicy find each other across files';
is ask('/doctors', token('json-one', sub => 'bob')), '403 policy_refused json-one', '... and nobody else';
unlike $nginx->log, qr/\Q$SECRET/, 'no secret in the log';
$nginx->stop;

# --- reload --------------------------------------------------------------------------------------

sub user_file { return join '---', map {"\nresourceType: User\nid: $_\n"} @_ }

$nginx = NginxProcess->start(workers => 2, http => <<'END', files => {
    token_resources idp*.json users.yaml;
    server {
        listen 127.0.0.1:%PORT% reuseport;
        root %DIR%;
        add_header Worker $pid always;
        add_header Status $token_status always;
        add_header By $token_introspector always;
        location /t { token_introspect idp; token_authorize known; try_files /nginx.conf =404; }
        location /free { try_files /nginx.conf =404; }
    }
    token_policy known { engine matcho; rule '{"user":{"id":"present?"}}'; }
END
    'idp.json' => json(introspector('idp')), 'users.yaml' => user_file('alice'),
});
my %alice = (iss => 'https://idp.test', sub => 'alice');
is ask('/t', jwt(%alice)), '200 active idp', 'before';
is ask('/t', jwt(%alice, sub => 'bob')), '403 policy_refused idp', '... a stranger';

$nginx->write('users.yaml', user_file('bob'));
is ask('/t', jwt(%alice)), '200 active idp', 'files are read with the configuration only';
ok $nginx->reload, 'reload';
is ask('/t', jwt(%alice)), '403 policy_refused idp', '... a User is gone, the token is good all the same';
is ask('/t', jwt(%alice, sub => 'bob')), '200 active idp', '... and another has come';

# B55: what a removed key signed is good no more, though it is remembered
my $rotated = 'another secret of the resources, long enough';
$nginx->write('users.yaml', user_file('alice', 'bob'));
$nginx->write('idp.json', json(introspector('idp', jwt => { iss => 'https://idp.test',
    keys => [map { { alg => 'HS256', format => 'plain', k => $_ } } $SECRET, $rotated] })));
ok $nginx->reload, 'reload: a second key';
is ask('/t', jwt(%alice, -key => $_)), '200 active idp', 'old and new key side by side (B54)' for $SECRET, $rotated;
is ask('/t', jwt(%alice, -key => $_)), '200 active idp', '... remembered' for $SECRET, $rotated;
$nginx->write('idp.json', json(introspector('idp', jwt => { iss => 'https://idp.test',
    keys => [{ alg => 'HS256', format => 'plain', k => $rotated }] })));
ok $nginx->reload, 'reload: the first key is removed (B55)';
is ask('/t', jwt(%alice)), '401 bad_signature idp', '... and stops, also for a remembered token';
is ask('/t', jwt(%alice, -key => $rotated)), '200 active idp', '... the other one stays';

# what is broken changes nothing
for my $case (
    ['a broken file', 'users.yaml', "resourceType: User\n  id: x\n", qr/users\.yaml:2: not well-formed YAML/],
    ['a file of no use', 'idp.json', json(introspector('idp', cache_ttl => 0)), qr/idp\.json:1: .*cache_ttl: must be/],
    ['an id twice', 'idp-2.json', json(introspector('idp')), qr/"idp" is defined already/],
    ['no file', 'users.yaml', undef, qr/cannot read ".*users\.yaml"/],
    )
{
    my ($name, $file, $text, $sentence) = @$case;
    my $good = -e $nginx->dir . "/$file" ? do { local (@ARGV, $/) = $nginx->dir . "/$file"; <> } : undef;
    defined $text ? $nginx->write($file, $text) : unlink $nginx->dir . "/$file";
    like $nginx->check, qr/\[emerg\] .*$sentence.*test failed/s, "$name: nginx -t says so";
    my $said = $nginx->count_in_log(qr/\[emerg\] .*$sentence/);
    $nginx->expect(qr/$sentence/);
    my @workers = sort $nginx->workers;
    kill HUP => $nginx->{pid};
    ok eventually { $nginx->count_in_log(qr/\[emerg\] .*$sentence/) > $said }, '... so does a reload';
    is ask('/t', jwt(%alice, -key => $rotated)), '200 active idp', '... and what was there goes on';
    is_deeply [sort $nginx->workers], \@workers, '... in the same workers';
    defined $good ? $nginx->write($file, $good) : unlink $nginx->dir . "/$file";
}
ok $nginx->reload, 'when all is well again, a reload does it';
is ask('/t', jwt(%alice, -key => $rotated)), '200 active idp', '... with the same outcome';

# thousands of users
my $count = 5000;
$nginx->write('users.yaml', json([map { (
    { resourceType => 'User', id => "user-$_", data => { n => $_ } },
    { resourceType => 'Role', id => "role-$_", name => "role $_", user => { reference => "User/user-$_" } },
) } 1 .. $count]));
ok $nginx->reload, "reload: $count users";
is ask('/t', jwt(%alice, sub => "user-$_", -key => $rotated)), '200 active idp', "user $_" for 1, $count / 2, $count;
is ask('/t', jwt(%alice, sub => 'user-' . ($count + 1), -key => $rotated)), '403 policy_refused idp', 'one too many';
$nginx->expect(qr/users\.yaml|idp\.json|is defined already/);
unlike $nginx->log, qr/\Q$SECRET\E|\Q$rotated/, 'no secret in the log';
$nginx->stop;

done_testing;
