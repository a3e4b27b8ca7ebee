# What is renewed in the background is a request without a client: it works in a location of the
# user's own, whatever the modules there ask of a request, and is none of the things that are
# counted about clients.

use strict;
use warnings;
use lib 't/lib';

use Loopback;
use NginxProcess;
use ScriptedIssuer;
use Test::More;
use Time::HiRes qw(sleep);

my $issuer = ScriptedIssuer->start(endpoints => 2);
my $nginx  = NginxProcess->start(http => <<"END");
    limit_req_zone \$binary_remote_addr zone=requests:1m rate=1r/m;
    limit_req zone=requests burst=1000 nodelay;
    limit_conn_zone \$server_name zone=connections:1m;
    limit_conn connections 1;

    log_format seen '\$remote_addr|\$remote_port|\$server_addr|\$scheme|\$server_name|\$status|'
                    '\$binary_remote_addr|\$connection_requests|\$request_length|\$bytes_sent|'
                    '\$pipe|\$realip_remote_addr|\$remote_user|\$tcpinfo_rtt|\$request_id|\$args';

    token_introspector inside {
        type opaque; introspection_endpoint /ask;
        cache_ttl 1s; cache_use_stale updating;
    }
    token_introspector outside {
        introspection_endpoint @{[ $issuer->url(1) ]};
        cache_ttl 1s; cache_use_stale updating;
    }
    server {
        listen 127.0.0.1:%PORT%;
        server_name gateway;
        root %DIR%;
        add_header Cache \$token_cache_status always;
        location = /inside { token_introspect inside; try_files /nginx.conf =404; }
        location = /outside { token_introspect outside; try_files /nginx.conf =404; }
        location = /ask {
            internal;
            log_subrequest on;
            access_log %DIR%/ask.log seen;
            set_real_ip_from unix:;
            real_ip_header X-Forwarded-For;
            proxy_set_header X-Client \$remote_addr;
            proxy_pass @{[ $issuer->url(0) ]};
        }
    }
END
my ($worker) = $nginx->workers;

sub ask { return $nginx->get("/$_[0]", Authorization => 'Bearer token') }

my $endpoint = 0;
for my $place (qw(inside outside)) {
    is ask($place)->{status}, 200, "$place: a good token";
    my %seen;
    for my $renewal (1 .. 3) {
        my $calls = $issuer->calls($endpoint);
        ok eventually(
            sub {
                my $response = ask($place);
                $seen{"$response->{status} $response->{headers}{cache}"}++;
                $issuer->calls($endpoint) > $calls;
            }
            ),
            "... renewal $renewal comes";
    }
    is_deeply [grep { !/^200 (?:HIT|STALE|UPDATING)$/ } keys %seen], [], '... nobody waits for it'
        or diag explain \%seen;
    ok $seen{'200 STALE'}, '... and one has it asked for';
    $endpoint++;
}

open my $file, '<', $nginx->dir . '/ask.log' or die "ask.log: $!\n";
my $log = do { local $/; <$file> };
like $log, qr/^127\.0\.0\.1\|/m, 'the first fetch has a client';
my @renewals = grep {/^unix:/} split /\n/, $log;
cmp_ok @renewals, '>=', 2, '... those in the background have none';
like $_, qr/^unix:\|\d*\|unix:\|http\|gateway\|200\|/, '... and variables that make sense' for @renewals;
unlike $nginx->log, qr/limiting/, 'no limit concerns them';
is_deeply [$nginx->workers], [$worker], 'no worker was lost';
$nginx->stop;

done_testing;
