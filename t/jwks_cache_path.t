# jwks_cache_path: the directory, as nginx makes and checks it.

use strict;
use warnings;
use lib 't/lib';

use NginxProcess;
use Test::More;
use TokenIntrospect ();

my $idp = 'token_introspector idp { issuer https://idp.test; jwks_uri http://127.0.0.1:1/jwks; }';
my $server = 'server { listen 127.0.0.1:%PORT%; location / { token_introspect idp; } }';

sub prepared {
    my ($directive, $introspector) = @_;
    return NginxProcess->prepare(http => "$directive\n" . ($introspector // $idp) . "\n$server");
}

sub mode_of { return sprintf '%04o', (stat $_[0])[2] & 07777 }

my $nginx = prepared('jwks_cache_path documents/;');
my $made = $nginx->dir . '/documents';
like $nginx->check, qr/test is successful/, 'a directory that is not there yet';
unlike $nginx->check, qr/\[warn\]/, '... and once it is';
ok -d $made, '... is made, below the prefix';
is mode_of($made), '0700', '... for its owner alone';

SKIP: {
    skip 'needs root to have another user', 2 if $> != 0;
    my ($uid, $gid) = (getpwnam 'nobody')[2, 3] or skip 'there is no nobody', 2;
    my $group = getgrgid $gid;
    my $text = TokenIntrospect::slurp($nginx->dir . '/nginx.conf');
    $text =~ s/user root;/user nobody $group;/;
    $nginx->write('nginx.conf', $text);
    like $nginx->check, qr/test is successful/, 'another user';
    is((stat $made)[4], $uid, '... gets the directory');
}

$nginx = prepared('jwks_cache_path %DIR%/documents;');
mkdir $nginx->dir . '/documents', 0755;
chmod 0755, $nginx->dir . '/documents';
like $nginx->check, qr/test is successful/, 'others may read';
chmod 01777, $nginx->dir . '/documents';
like $nginx->check, qr/\[emerg\] .*may be written by its group or others.* in \S+:\d+$/m,
    '... but not write, sticky or not';

like prepared('jwks_cache_path no/such;')->check, qr/\[emerg\] .*mkdir\(\) ".*no\/such" failed/,
    'what stands above has to be there';
like prepared('jwks_cache_path proxy; proxy_cache_path proxy keys_zone=p:1m;')->check,
    qr/\[emerg\] .*the same path name ".*\/proxy" used in/, 'no directory of another purpose';
like prepared('jwks_cache_path proxy;')->check, qr/\[emerg\] .*the same path name ".*\/proxy" used in/,
    '... nor one of nginx itself';

my $useless = qr/\[warn\] .*"jwks_cache_path" has no effect: no introspector .* may be saved in \S+:\d+$/m;
my $secret = 'secret 0123456789abcdef0123456789abcdef;';
my %without = (
    'a key of its own' => "issuer https://idp.test; $secret",
    'an endpoint'      => 'introspection_endpoint http://127.0.0.1:1/introspect;',
    'cache_ttl 0'      => 'issuer https://idp.test; jwks_uri http://127.0.0.1:1/; cache_ttl 0;',
    'HS256'            => 'issuer https://idp.test; jwks_uri http://127.0.0.1:1/; algorithms HS256;',
);
for my $name (sort keys %without) {
    my $said = prepared('jwks_cache_path d;', "token_introspector idp { $without{$name} }")->check;
    like $said, $useless, "$name: nothing to save";
    like $said, qr/test is successful/, '... is a warning';
}
for my $more ('jwks_uri http://127.0.0.1:1/;', 'discovery http://127.0.0.1:1/;') {
    unlike prepared('jwks_cache_path d;', "token_introspector a { issuer https://idp.test; $secret }"
        . "token_introspector idp { issuer https://idp.test; $more }")->check, $useless, $more;
}

$nginx = NginxProcess->prepare(http => "jwks_cache_path d;\nserver { listen 127.0.0.1:%PORT%; }");
like $nginx->check, $useless, 'no introspector at all';

done_testing;
