# The endpoints of a token_issuer in all kinds of locations, and the URLs that its metadata gives them.

use strict;
use warnings;
use lib 't/lib';

use JSON::PP qw(decode_json);
use Loopback;
use NginxProcess;
use Test::More;
use TokenIntrospect qw($SECRET);

my $nginx = NginxProcess->start(http => <<"END");
    token_issuer main { issuer https://gateway.test:8443/tenant/a; signing_key "$SECRET"; }
    token_issuer bare { issuer https://bare.test; signing_key "$SECRET"; }
    token_client c { secret s; grant_types token-exchange; token_format jwt; }
    server {
        listen 127.0.0.1:%PORT%;
        location ~ ^/by-regex { token_exchange_endpoint main; }
        location \@named { token_exchange_endpoint main; }
        location /by-name { try_files /nowhere \@named; }
        location = /first { token_exchange_endpoint main; limit_except POST { deny all; } }
        location /second { token_exchange_endpoint main; }
        location "/a key%set" { token_jwks main; limit_except GET { allow 127.0.0.1; } }
        location /outer {
            location /outer/inner { token_revocation_endpoint main; }
            return 204;
        }
        location /if { token_introspection_endpoint main; if (\$arg_a) { add_header Inside 1 always; } }
        location /main { token_metadata main; }
        location /bare { token_metadata bare; }
    }
END

sub status {
    my $answer = request($nginx->port, @_);
    return join ' ', $answer->{status}, $answer->{headers}{allow} // ();
}

is status("GET $_->[0]"), $_->[1], "GET $_->[0]"
    for ['/by-regex', '405 POST'], ['/by-name', '405 POST'], ['/first', '403'], ['/second', '405 POST'],
    ['/a%20key%25set', '200'], ['/outer', '204'], ['/outer/inner', '405 POST'], ['/if', '405 POST'];
is status("POST $_->[0]"), $_->[1], "POST $_->[0]"
    for ['/by-regex', '400'], ['/by-name', '400'], ['/first', '400'], ['/second', '400'],
    ['/a%20key%25set', '405 GET, HEAD'], ['/outer/inner', '400'], ['/main', '405 GET, HEAD'];
my $answer = request($nginx->port, 'GET /if?a=1');
is "$answer->{status} $answer->{headers}{inside}", '405 1', 'an endpoint within if';

sub urls {
    my $metadata = decode_json($nginx->get($_[0])->{body});
    return { map { $_ => $metadata->{$_} } grep {/_endpoint$|_uri$/} keys %$metadata };
}
is_deeply urls('/main'), {
    token_endpoint         => 'https://gateway.test:8443/first',
    jwks_uri               => 'https://gateway.test:8443/a%20key%25set',
    revocation_endpoint    => 'https://gateway.test:8443/outer/inner',
    introspection_endpoint => 'https://gateway.test:8443/if',
}, 'the metadata names the first location of each that has a fixed path';
is_deeply urls('/bare'), {}, '... and none of an issuer without';

$nginx->stop;
done_testing;
