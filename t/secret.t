# secret and secret_file.

use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

our $Other = 'another secret of the suite, long enough';

run_tests();

__DATA__

=== TEST 1: HS256 only, unless algorithms says more (B1)
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
    token_introspector more {
        issuer https://more.test;
        secret "$TEST_NGINX_SECRET";
        algorithms HS384 HS512;
    }
--- config
    location /t { token_introspect idp more; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['HS256' => jwt(), 200, 'active'],
    ['HS384' => jwt(-alg => 'HS384'), 401, 'unsupported_algorithm'],
    ['HS512' => jwt(-alg => 'HS512'), 401, 'unsupported_algorithm'],
    ['HS256 where only more is allowed' => jwt(iss => 'https://more.test'), 401,
        'unsupported_algorithm'],
    ['HS384 where allowed' => jwt(iss => 'https://more.test', -alg => 'HS384'), 200, 'active'],
    ['HS512 where allowed' => jwt(iss => 'https://more.test', -alg => 'HS512'), 200, 'active'],
]



=== TEST 2: the secret's bytes are the key: quotes, spaces and UTF-8 stay
--- http_config
    token_introspector idp {
        issuer https://idp.test;
        secret ' schlüssel "with" $dollar and \\ in it  ';
    }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
my $secret = " schl\xc3\xbcssel \"with\" \$dollar and \\ in it  ";
[
    ['same' => jwt(-key => $secret), 200, 'active'],
    ['trimmed' => jwt(-key => $secret =~ s/^ | +$//gr), 401, 'bad_signature'],
]



=== TEST 3: a short secret works, but nginx -t warns
--- http_config
    token_introspector idp { issuer https://idp.test; secret very-secret; }
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[['valid' => jwt(-key => 'very-secret'), 200, 'active']]
--- error_log eval
qr/\[warn\] .*token_introspector "idp": the HMAC secret has fewer than 32 bytes.* in \S+nginx\.conf:\d+/
--- no_error_log
very-secret



=== TEST 4: allow_short silences the warning
--- http_config
    token_introspector idp { issuer https://idp.test; secret very-secret allow_short; }
    token_introspector file { issuer https://file.test; secret_file $TEST_NGINX_HTML_DIR/s allow_short; }
--- user_files
>>> s
very-secret
--- config
    location /t { token_introspect idp file; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['valid' => jwt(-key => 'very-secret'), 200, 'active'],
    ['of the file' => jwt(iss => 'https://file.test', -key => 'very-secret'), 200, 'active'],
]
--- no_error_log
[warn]
very-secret



=== TEST 5: 32 bytes are not short, 31 are
--- http_config
    token_introspector idp { issuer https://idp.test; secret 01234567890123456789012345678901; }
    token_introspector file { issuer https://file.test; secret_file $TEST_NGINX_HTML_DIR/s; }
--- user_files
>>> s
01234567890123456789012345678901
--- config
    location /t { token_introspect idp file; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['valid' => jwt(-key => '01234567890123456789012345678901'), 200, 'active'],
    ['file, without its newline' =>
        jwt(iss => 'https://file.test', -key => '01234567890123456789012345678901'), 200, 'active'],
]
--- no_error_log
[warn]



=== TEST 6: a changed secret_file counts without a reload, also for remembered tokens (B42)
--- http_config
    token_introspector idp { issuer https://idp.test; secret_file $TEST_NGINX_HTML_DIR/secret; }
--- user_files eval
">>> secret\n$SECRET\n"
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['old' => jwt(), 200, 'active'],
    ['old, remembered' => jwt(), 200, 'active'],
    ['new, too early' => jwt(-key => $::Other), 401, 'bad_signature'],
    ['new' => jwt(-key => $::Other), 200, 'active'],
    ['old, too late' => jwt(), 401, 'bad_signature'],
]
--- after eval
[
    undef,
    undef,
    sub {
        replace_file("$ENV{TEST_NGINX_HTML_DIR}/secret", "$::Other\n");
        await('the new secret counts', sub { (get('/t', bearer(jwt(-key => $::Other))))[0] == 200 });
    },
]



=== TEST 7: a secret_file that becomes unusable leaves the last good one
--- http_config
    token_introspector idp { issuer https://idp.test; secret_file $TEST_NGINX_HTML_DIR/secret; }
--- user_files eval
">>> secret\n$SECRET\n"
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['before' => jwt(), 200, 'active'],
    ['after' => jwt(), 200, 'active'],
    ['not a token of an empty secret' => jwt(-key => ''), 401, 'bad_signature'],
]
--- after eval
[sub {
    replace_file("$ENV{TEST_NGINX_HTML_DIR}/secret", "\n");
    await('the error is logged', sub {
        get('/t', bearer(jwt()));
        open my $log, '<', in_servroot('logs/error.log') or die;
        grep { /\[error\] .* introspector "idp": key in ".*secret": an empty secret/ } <$log>;
    });
}]
--- errors_expected



=== TEST 8: a secret_file that disappears leaves the last good one
--- http_config
    token_introspector idp { issuer https://idp.test; secret_file $TEST_NGINX_HTML_DIR/secret; }
--- user_files eval
">>> secret\n$SECRET\n"
--- config
    location /t { token_introspect idp; $TEST_NGINX_RESULT proxy_pass $TEST_NGINX_BACKEND; }
--- cases eval
[
    ['before' => jwt(), 200, 'active'],
    ['after' => jwt(), 200, 'active'],
]
--- after eval
[sub { unlink "$ENV{TEST_NGINX_HTML_DIR}/secret" or die }]
