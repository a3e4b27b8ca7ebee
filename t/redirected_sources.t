# What nginx does before it reads headers, and what is left of a credential after internal redirects.

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use Loopback;
use NginxProcess;
use Test::More;

my $issuer = Issuer->start(sub {
    my $token = Issuer::form($_[0])->{token};
    return Issuer::json(qq({"active":true,"sub":"$token"}));
});
my $nginx = NginxProcess->start(http => <<"END");
    token_introspector idp { introspection_endpoint @{[ $issuer->url ]}; }
    server {
        listen 127.0.0.1:%PORT%;
        root %DIR%;
        location = /q {
            token_introspect idp;
            token_source query=access_token;
            token_forward_claims sub;
            add_header X-Sub \$http_x_token_sub;
            try_files /small.txt =404;
        }
        location = /a { token_introspect idp; token_source \$arg_a; try_files /nothing /b?\$args; }
        location = /b {
            internal;
            token_introspect idp;
            token_source \$arg_b;
            add_header X-Sub \$token_claim_sub always;
            try_files /small.txt =404;
        }
    }
END
$nginx->write('small.txt', "file\n");
my $port = $nginx->port;

# A request of HTTP/0.9 has no headers, and nginx has no list of them.
my $socket = connect_to($port);
print $socket "GET /q?access_token=alice\r\n";
is join('', <$socket>), "file\n", 'HTTP/0.9: a token in the query, a claim forwarded';
is request($port, 'GET /q?access_token=alice')->{headers}{'x-sub'}, 'alice',
    'the same worker goes on, and the claim is a header';

# A location takes over the credential of another one only where it would have looked for it itself.
is request($port, 'GET /a?a=alice')->{status}, 401, 'another variable is another source';
my $response = request($port, 'GET /a?a=alice&b=bob');
is $response->{status}, 200, 'two locations, two sources: no confusion';
is $response->{headers}{'x-sub'}, 'bob', 'the last location looks where it was told to';

$nginx->stop;
done_testing;
