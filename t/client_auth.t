# How this resource server presents its credentials to the introspection endpoint.

use lib 't/lib';
use Issuer;
use Loopback;
use MIME::Base64;
use Test::Nginx::Socket 'no_plan';

our $Issuer = Issuer->start;
$ENV{TEST_NGINX_ISSUER} = $Issuer->url('');
$ENV{TEST_NGINX_UPSTREAM_PORT} = free_port();

sub basic { return 'Basic ' . encode_base64($_[0], '') }

# Shows the Authorization header and the form that the issuer saw.
add_block_preprocessor(sub {
    my ($block) = @_;
    my $introspector = $block->introspector;
    $block->set_value(http_config => <<"_EOC_");
    token_claim_set \$seen_authorization seen.headers.authorization;
    token_claim_set \$seen_body seen.body;
    token_introspector idp {
        introspection_endpoint \$TEST_NGINX_ISSUER/echo;
        $introspector
    }
    server {
        listen 127.0.0.1:\$TEST_NGINX_UPSTREAM_PORT;
        location / { return 200 "\$http_x_show\\n"; }
    }
_EOC_
    $block->set_value(config => <<"_EOC_");
    location /t {
        token_introspect idp;
        proxy_set_header X-Show "[\$seen_authorization] \$seen_body";
        proxy_pass http://127.0.0.1:\$TEST_NGINX_UPSTREAM_PORT;
    }
_EOC_
    $block->set_value(request => 'GET /t');
    $block->set_value(more_headers => 'Authorization: Bearer ' . Issuer::token('{"active":true}'))
        if !defined $block->more_headers;
    $block->set_value(no_error_log => '[error]')
        if !defined $block->error_log && !defined $block->no_error_log;
});

no_long_string();
run_tests();

__DATA__

=== TEST 1: nothing is configured, nothing is sent
--- introspector
--- response_body
[] token=eyJhY3RpdmUiOnRydWV9



=== TEST 2: client_id and client_secret: basic (B99)
--- introspector
client_id app; client_secret s3cret;
--- response_body eval
"[" . main::basic("app:s3cret") . "] token=eyJhY3RpdmUiOnRydWV9\n"



=== TEST 3: basic: special characters are form-encoded first (RFC 6749 section 2.3.1)
--- introspector
client_id "app:1 ü"; client_secret "p+a/ss%&=word";
--- response_body eval
"[" . main::basic("app%3A1+%C3%BC:p%2Ba%2Fss%25%26%3Dword") . "] token=eyJhY3RpdmUiOnRydWV9\n"



=== TEST 4: basic: the standard alphabet of base64, with padding
--- introspector
client_id "a~~"; client_secret "???>"; client_auth basic;
--- response_body eval
"[" . main::basic("a%7E%7E:%3F%3F%3F%3E") . "] token=eyJhY3RpdmUiOnRydWV9\n"



=== TEST 5: post
--- introspector
client_id "app 1"; client_secret "s&=+%"; client_auth post;
--- response_body
[] token=eyJhY3RpdmUiOnRydWV9&client_id=app+1&client_secret=s%26%3D%2B%25



=== TEST 6: none with a client_id
--- introspector
client_id app; client_auth none;
--- response_body
[] token=eyJhY3RpdmUiOnRydWV9&client_id=app



=== TEST 7: authorization goes verbatim (B18)
--- introspector
authorization "Bearer  Ab.c+/=  x";
--- response_body
[Bearer  Ab.c+/=  x] token=eyJhY3RpdmUiOnRydWV9



=== TEST 8: authorization that holds quotes and backslashes
--- introspector
authorization 'Digest username="a\\b", realm="x"';
--- response_body
[Digest username="a\b", realm="x"] token=eyJhY3RpdmUiOnRydWV9



=== TEST 9: a dollar sign is no variable
--- introspector
authorization "Key $host ${args}";
--- response_body
[Key $host ${args}] token=eyJhY3RpdmUiOnRydWV9



=== TEST 10: client_secret_file, its last newline is no part of it (B42)
--- introspector
client_id app; client_secret_file $TEST_NGINX_SERVER_ROOT/html/secret;
--- user_files
>>> secret
from a file
--- response_body eval
"[" . main::basic("app:from+a+file") . "] token=eyJhY3RpdmUiOnRydWV9\n"



=== TEST 11: authorization_file
--- introspector
authorization_file $TEST_NGINX_SERVER_ROOT/html/value;
--- user_files
>>> value
Bearer of-file
--- response_body
[Bearer of-file] token=eyJhY3RpdmUiOnRydWV9



=== TEST 12: a missing file is an error of the configuration
--- introspector
authorization_file /nowhere/value;
--- must_die
--- error_log
cannot read "/nowhere/value"



=== TEST 13: a secret without an id is an error
--- introspector
client_secret s3cret;
--- must_die
--- error_log
client authentication needs both client_id and client_secret



=== TEST 14: two ways at once are an error
--- introspector
authorization "Bearer x"; client_id app; client_secret s3cret;
--- must_die
--- error_log
"authorization" replaces client_secret and client_auth



=== TEST 15: a line break in authorization is an error
--- introspector
authorization "Bearer x
Cookie: y";
--- must_die
--- error_log
the value of "authorization" is empty or holds control characters



=== TEST 16: the secrets are not in the log, whatever its level
--- introspector
client_id app; client_secret s3cr3t-v4lue; client_auth post;
--- error_code: 200
--- no_error_log eval
[qr/token introspect.*s3cr3t-v4lue/, qr/\[error\]/]
