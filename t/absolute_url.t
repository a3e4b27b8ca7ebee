# Absolute URLs: the module's own locations. Keepalive, Host, HTTP/1.1, TLS.

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use Loopback;
use NginxProcess;
use Test::More;

my $issuer = Issuer->start(sub {
    my ($call) = @_;
    my $host   = Issuer::header($call, 'host');
    my $tls    = Issuer::header($call, 'x-tls') // '';
    return Issuer::json(
        "{\"active\":true,\"host\":\"$host\",\"tls\":\"$tls\",\"target\":\"$call->{target}\"}");
});
my $port = $issuer->port;

# A test CA, and another one that nobody trusts.
my $pki = File::Temp->newdir;
chmod 0755, "$pki";

sub openssl {
    my ($command) = @_;
    system("cd $pki && openssl $command >>log 2>&1") == 0
        or die "openssl $command: " . `cat $pki/log`;
}
for my $ca (qw(ca evil)) {
    openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=$ca -keyout $ca.key -out $ca.crt"
    );
}
for my $leaf (
    ['idp',    'ca',   'DNS:idp.test,DNS:localhost,IP:127.0.0.1'],
    ['forged', 'evil', 'DNS:idp.test,DNS:localhost,IP:127.0.0.1'],
    ['other',  'ca',   'DNS:other.test'],
    ['client', 'ca',   'DNS:resource.test'])
{
    my ($name, $ca, $names) = @$leaf;
    open my $file, '>', "$pki/$name.ext" or die;
    print {$file} "subjectAltName=$names\n";
    close $file;
    openssl(
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$name -keyout $name.key -out $name.csr"
    );
    openssl(
        "x509 -req -in $name.csr -CA $ca.crt -CAkey $ca.key -CAcreateserial -days 2 -extfile $name.ext -out $name.crt"
    );
}

# nginx itself is the TLS side of the issuer: it tells what it saw of the handshake.
my %tls     = map { $_ => free_port() } qw(idp forged other client old);
my $servers = join '', map { <<"END" } qw(idp forged other client old);
    server {
        listen 127.0.0.1:$tls{$_} ssl;
        ssl_certificate $pki/@{[ /^(?:client|old)/ ? 'idp' : $_ ]}.crt;
        ssl_certificate_key $pki/@{[ /^(?:client|old)/ ? 'idp' : $_ ]}.key;
        @{[ $_ eq 'client' ? "ssl_verify_client on; ssl_client_certificate $pki/ca.crt;" : '' ]}
        @{[ $_ eq 'old' ? 'ssl_protocols TLSv1.2;' : 'ssl_protocols TLSv1.2 TLSv1.3;' ]}
        location / {
            proxy_set_header X-TLS "\$ssl_server_name \$ssl_client_s_dn \$ssl_protocol";
            proxy_set_header Host \$http_host;
            proxy_pass http://127.0.0.1:$port;
        }
    }
END

my $trust         = "ssl_trusted_certificate $pki/ca.crt;";
my %introspectors = (
    plain        => "introspection_endpoint http://127.0.0.1:$port/a/b?c=d; cache_ttl off;",
    root         => "introspection_endpoint http://127.0.0.1:$port; cache_ttl off;",
    query        => "introspection_endpoint http://127.0.0.1:$port?q=1;",
    upper        => "introspection_endpoint HTTP://LOCALHOST:$port/;",
    localhost    => "introspection_endpoint http://localhost:$port/;",
    trusted      => "introspection_endpoint https://localhost:$tls{idp}/x; $trust",
    address      => "introspection_endpoint https://127.0.0.1:$tls{idp}/x; $trust",
    address_name =>
        "introspection_endpoint https://127.0.0.1:$tls{idp}/x; $trust ssl_name idp.test;",
    system     => "introspection_endpoint https://localhost:$tls{idp}/x;",
    forged     => "introspection_endpoint https://localhost:$tls{forged}/x; $trust",
    forged_off => "introspection_endpoint https://localhost:$tls{forged}/x; ssl_verify off;",
    other      => "introspection_endpoint https://localhost:$tls{other}/x; $trust",
    other_name =>
        "introspection_endpoint https://localhost:$tls{other}/x; $trust ssl_name other.test;",
    wrong_name =>
        "introspection_endpoint https://localhost:$tls{idp}/x; $trust ssl_name nobody.test;",
    client =>
        "introspection_endpoint https://localhost:$tls{client}/x; $trust client_auth tls; client_id rs; ssl_certificate $pki/client.crt; ssl_certificate_key $pki/client.key;",
    no_client => "introspection_endpoint https://localhost:$tls{client}/x; $trust",
    old       =>
        "introspection_endpoint https://localhost:$tls{old}/x; $trust ssl_protocols TLSv1.2 TLSv1.3;",
    too_new =>
        "introspection_endpoint https://localhost:$tls{old}/x; $trust ssl_protocols TLSv1.3;",
    not_tls => "introspection_endpoint https://localhost:$port/x; $trust",
);
my $blocks = join '',
    map {"token_introspector $_ { $introspectors{$_} }\n"} sort keys %introspectors;
my $locations = join '',
    map {"location /$_ { token_introspect $_; try_files /nginx.conf =404; }\n"}
    sort keys %introspectors;

my $nginx = NginxProcess->start(http => <<"END");
    $blocks
    $servers
    server {
        listen 127.0.0.1:%PORT%;
        root %DIR%;
        add_header Host-Seen "\$token_claim_host" always;
        add_header TLS-Seen "\$token_claim_tls" always;
        add_header Target-Seen "\$token_claim_target" always;
        $locations
    }
END

sub ask {
    my ($path, $token) = @_;
    return $nginx->get("/$path", Authorization => 'Bearer ' . ($token // 'x'));
}

# keepalive: one connection for many calls
ask('plain', "token-$_") for 1 .. 20;
my @calls = $issuer->calls;
is @calls, 20, '20 calls';
my %connections = map { $_->{connection} => 1 } @calls;
is keys %connections,                       1,                 '... over one connection';
is $calls[0]{version},                      'HTTP/1.1',        'HTTP/1.1';
is Issuer::header($calls[0], 'connection'), undef,             'no Connection header';
is Issuer::header($calls[0], 'host'),       "127.0.0.1:$port", "the URL's authority is the Host";
is $calls[0]{target},                       '/a/b?c=d',        'path and query';
is_deeply [sort map { $_->[0] } @{ $calls[0]{headers} }],
    [qw(accept content-length content-type host user-agent)], 'no other headers';
ask('root');
is + ($issuer->calls)[-1]{target},           '/',               'a URL without a path';
is ask('query')->{headers}{'target-seen'},   '/?q=1',           'a URL with a query only';
is ask('localhost')->{headers}{'host-seen'}, "localhost:$port", 'a name that the system knows';
is ask('upper')->{status},                   200,               'scheme and host in upper case';

# a connection that the issuer closes meanwhile costs no request
{
    my $closing = Issuer->start(
        sub { my ($call, $socket) = @_; print {$socket} Issuer::json('{"active":true}'); return });
    my $one = NginxProcess->start(http => <<"END");
    token_introspector idp { introspection_endpoint @{[ $closing->url ]}; cache_ttl off; }
    server { listen 127.0.0.1:%PORT%; root %DIR%; location / { token_introspect idp; try_files /nginx.conf =404; } }
END
    is_deeply [map { $one->get('/', Authorization => 'Bearer x')->{status} } 1 .. 20],
        [(200) x 20], 'an issuer that closes connections';
    is $closing->call_count, 20, '... is asked once each time';
    $one->stop;
}

# TLS
my $response = ask('trusted');
is $response->{status}, 200, 'a certificate of the CA that is trusted';
like $response->{headers}{'tls-seen'}, qr/^localhost .*TLSv1\.3$/,
    '... with SNI, and without a client certificate';
is $response->{headers}{'host-seen'}, "localhost:$tls{idp}", '... and Host';
# nginx compares names only (X509_check_host), never addresses of a certificate
is ask('address')->{status},      503, 'a certificate for an address';
is ask('address_name')->{status}, 200, '... needs ssl_name';
for my $bad (
    ['system',     "the system's CAs do not know the test's"],
    ['forged',     'a CA that is not trusted'],
    ['other',      'a certificate for another name'],
    ['wrong_name', 'ssl_name that the certificate lacks'],
    ['too_new',    'no protocol in common'],
    ['not_tls',    'a peer that speaks no TLS'])
{
    my ($name, $what) = @$bad;
    my $before = $issuer->call_count;
    is ask($name)->{status}, 503, $what;
    is $nginx->count_in_log(
        qr/refused, reason: issuer_(?:unreachable|timeout), introspector: $name,/), 1,
        '... and its reason';
    is $issuer->call_count, $before, '... and the token was not sent' if $name ne 'not_tls';
}
is ask('forged_off')->{status}, 200, 'ssl_verify off';
$response = ask('other_name');
is $response->{status}, 200, 'ssl_name';
like $response->{headers}{'tls-seen'}, qr/^other\.test /, '... is the SNI, too';
is $response->{headers}{'host-seen'}, "localhost:$tls{other}", '... but not the Host';
$response = ask('client');
is $response->{status}, 200, 'a client certificate';
like $response->{headers}{'tls-seen'}, qr/CN=client/, '... is shown';
is Issuer::form(($issuer->calls)[-1])->{client_id}, 'rs', '... with the client_id';
is ask('no_client')->{status},                      503,  'without the certificate that is wanted';
is $nginx->count_in_log(qr/refused, reason: issuer_status, introspector: no_client,/), 1,
    '... and its reason';
like ask('old')->{headers}{'tls-seen'}, qr/TLSv1\.2/, 'ssl_protocols';

# a reload keeps all that
ok $nginx->reload, 'reload';
is ask('trusted', 'another')->{status}, 200, '... TLS works on';
is ask('plain')->{status},              200, '... and so does plain HTTP';

$nginx->expect(qr/SSL_do_handshake\(\) failed/);
$nginx->stop;
done_testing;
