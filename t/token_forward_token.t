# token_forward_token: whether the upstream sees the token.

use lib 't/lib';
use Issuer;
use Test::Nginx::Socket 'no_plan';
use TokenIntrospect;

our $T = jwt();

# An issuer that signs its answers.
our $Response = jws(
    {alg => 'ES256', typ => 'token-introspection+jwt'},
    {
        iss => $ISSUER, aud => 'gateway', iat => int time,
        token_introspection => {active => JSON::PP::true, sub => 'alice'}
    },
    'ES256'
);
our $Signing = "
    token_introspector idp {
        issuer $ISSUER;
        introspection_endpoint \$TEST_NGINX_ENDPOINT;
        client_id gateway;
        response jwt;
        key file:" . key_file('P-256') . ";
    }
";
our $Endpoint = Issuer->start(sub {
    my ($call) = @_;
    return Issuer::answer('204 No Content', '') if Issuer::form($call)->{token} eq 'inactive';
    return Issuer::answer('200 OK', $Response, 'Content-Type' => 'application/token-introspection+jwt');
});
$ENV{TEST_NGINX_ENDPOINT} = $Endpoint->url;

# An upstream that shows all its Authorization headers, without the white space around them as any
# server would; /…/redirect/PATH goes on there.
our $Upstream = Issuer->start(sub {
    my ($call) = @_;
    my @seen = map { s/^\s+//r } map { $_->[1] } grep { $_->[0] eq 'authorization' } @{$call->{headers}};
    my ($path) = $call->{target} =~ m{/redirect(/.*)};
    return Issuer::answer('200 OK', join('', map {"Authorization: $_\n"} @seen),
        'X-Accel-Redirect' => $path);
});
$ENV{TEST_NGINX_UPSTREAM} = 'http://127.0.0.1:' . $Upstream->port;

# What a client writes into Authorization, and what of it an upstream may see where it takes every
# Bearer token for the issuer's word.
our @Forged = (
    ['Authorization: Bearer forged', ''],
    ['authorization: bearer forged', ''],
    ["Authorization:\tBearer forged", ''],
    ["Authorization: \t Bearer\tforged", ''],
    ["Authorization:\x0bBearer forged", ''],
    ["Authorization: \xa0Bearer forged", ''],
    ['Authorization: Bearer', ''],
    [basic('a', 'b'), basic('a', 'b') . "\n"],
    ['Authorization: BearerX forged', "Authorization: BearerX forged\n"],
);

# What the upstream saw of a request. Test::Nginx's own requests have their white space tidied.
sub seen {
    my ($status, $answer) = get(@_);
    return $status == 200 ? $answer =~ s/.*?\r\n\r\n//sr : $status;
}
sub shown { $_[0] =~ s/([^ -~])/sprintf '\x%02x', ord $1/ger }

run_tests();

__DATA__

=== TEST 1: off by default, on, inherited (B96, B129)
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- backend
[$http_authorization]
--- config
    token_introspect idp;
    location /t { proxy_pass $TEST_NGINX_BACKEND; }
    location /t/off { token_forward_token off; proxy_pass $TEST_NGINX_BACKEND; }
    location /t/on {
        token_forward_token on;
        proxy_pass $TEST_NGINX_BACKEND;
        location /t/on/inner { proxy_pass $TEST_NGINX_BACKEND; }
        location /t/on/off { token_forward_token off; proxy_pass $TEST_NGINX_BACKEND; }
    }
--- request eval
["GET /t", "GET /t/off", "GET /t/on", "GET /t/on/inner", "GET /t/on/off"]
--- more_headers eval
[(bearer($::T)) x 5]
--- response_body eval
["[]\n", "[]\n", "[Bearer $::T]\n", "[Bearer $::T]\n", "[]\n"]



=== TEST 2: on keeps every place as it was
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- backend
[$request_uri][$http_cookie][$http_x_token]
--- config
    location /t {
        token_introspect idp;
        token_source query=t;
        token_source cookie=c;
        token_source header=X-Token;
        token_forward_token on;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
"GET /t?a=1&t=$::T&b"
--- more_headers eval
"Cookie: x=1; c=$::T\nX-Token: $::T"
--- response_body eval
"[/t?a=1&t=$::T&b][x=1; c=$::T][$::T]\n"
--- error_code: 200



=== TEST 3: stripped for static files, fastcgi-like variables and the access log alike
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t {
        token_introspect idp;
        token_source header=Authorization;
        token_source query=t;
        add_header X-Seen "[$http_authorization][$args][$arg_t][$request_uri][$request]";
        alias $TEST_NGINX_HTML_DIR/index.html;
    }
--- request eval
["GET /t?t=$::T&a=1", "GET /t"]
--- more_headers eval
['X-None: 1', bearer($::T)]
--- response_headers eval
["X-Seen: [][a=1][][/t?a=1][GET /t?a=1 HTTP/1.1]", "X-Seen: [][][][/t][GET /t HTTP/1.1]"]



=== TEST 4: introspected: the issuer's signed word in place of the token; inherited (B128, B129)
--- http_config eval
$::Signing
--- config
    token_introspect idp;
    token_forward_token introspected;
    location /t { proxy_pass $TEST_NGINX_UPSTREAM; }
    location /t/off { token_forward_token off; proxy_pass $TEST_NGINX_UPSTREAM; }
    location /t/on {
        token_forward_token on;
        proxy_pass $TEST_NGINX_UPSTREAM;
        location /t/on/inner { proxy_pass $TEST_NGINX_UPSTREAM; }
        location /t/on/introspected {
            token_forward_token introspected;
            proxy_pass $TEST_NGINX_UPSTREAM;
        }
    }
--- request eval
["GET /t", "GET /t", "GET /t/off", "GET /t/on", "GET /t/on/inner", "GET /t/on/introspected"]
--- more_headers eval
[(bearer('opaque')) x 6]
--- response_body eval
[
    "Authorization: Bearer $::Response\n", "Authorization: Bearer $::Response\n", "",
    "Authorization: Bearer opaque\n", "Authorization: Bearer opaque\n",
    "Authorization: Bearer $::Response\n"
]



=== TEST 5: introspected: nothing else of the client's in Authorization (B128)
--- http_config eval
$::Signing
--- config
    location /t {
        token_introspect idp;
        token_source header=X-Token;
        token_forward_token introspected;
        proxy_pass $TEST_NGINX_UPSTREAM;
    }
--- request
GET /t
--- more_headers
X-Token: opaque
--- response_body eval
"Authorization: Bearer $::Response\n"
--- after eval
sub {
    my @more = map { "X-$_: $_" } 1 .. 30;    # nginx keeps headers in parts of 20
    for my $case (@::Forged) {
        my ($header) = @$case;
        for my $headers (['X-Token: opaque', $header], [@more, $header, @more, 'X-Token: opaque']) {
            Test::More::is(::seen('/t', @$headers), "Authorization: Bearer $::Response\n",
                ::shown($header));
        }
    }
}



=== TEST 6: introspected: without a response no Bearer token at all, other schemes stay
--- http_config eval
$::Signing . '
    token_introspector json { introspection_endpoint $TEST_NGINX_ISSUER/json; }
'
--- issuer
        location = /json { default_type application/json; return 200 '{"active":true}'; }
--- config
    token_source header=X-Token;
    token_forward_token introspected;
    location /optional {
        token_introspect idp optional;
        proxy_pass $TEST_NGINX_UPSTREAM;
    }
    location /json {
        token_introspect json idp;
        proxy_pass $TEST_NGINX_UPSTREAM;
    }
    location /any {
        satisfy any;
        allow all;
        token_introspect idp;
        proxy_pass $TEST_NGINX_UPSTREAM;
    }
--- request
GET /optional
--- response_body
--- after eval
sub {
    for my $case (@::Forged) {
        my ($header, $left) = @$case;
        Test::More::is(::seen('/optional', $header), $left, ::shown("no token: $header"));
        Test::More::is(::seen('/json', $header, 'X-Token: opaque'), $left,
            ::shown("an answer in JSON: $header"));
        Test::More::is(::seen('/any', $header), $left, ::shown("satisfy any: $header"));
    }
}



=== TEST 7: introspected: a forged Bearer where that is the source
--- http_config eval
$::Signing
--- config
    location /t {
        token_introspect idp optional;
        token_forward_token introspected;
        error_page 401 = /refused;
        proxy_pass $TEST_NGINX_UPSTREAM;
    }
    location = /refused { return 401 "refused\n"; }
--- request eval
[("GET /t") x 4]
--- more_headers eval
['X-None: 1', basic('a', 'b'), bearer('inactive'), bearer('opaque')]
--- response_body eval
['', basic('a', 'b') . "\n", "refused\n", "Authorization: Bearer $::Response\n"]
--- error_code eval
[200, 200, 401, 200]
--- after eval
[undef, undef, undef, sub {
    for my $value ("\tBearer opaque", " Bearer\x20\x20opaque", " BEARER opaque") {
        Test::More::is(::seen('/t', "Authorization:$value"), "Authorization: Bearer $::Response\n",
            ::shown($value));
    }
}]



=== TEST 8: introspected: internal redirects there and back
--- http_config eval
$::Signing . '
    token_introspector local { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
'
--- config
    location /t/ {
        token_introspect idp local;
        token_forward_token introspected;
        proxy_pass $TEST_NGINX_UPSTREAM;
    }
    location /off {
        token_introspect idp;
        proxy_pass $TEST_NGINX_UPSTREAM;
    }
    location /x {
        token_introspect idp optional;
        token_source header=X-Token;
        token_forward_token introspected;
        proxy_pass $TEST_NGINX_UPSTREAM;
    }
    location /missing {
        token_introspect idp;
        token_forward_token introspected;
        try_files /none @named;
    }
    location @named {
        token_introspect idp;
        token_forward_token introspected;
        proxy_set_header X-Status $token_status;
        proxy_pass $TEST_NGINX_UPSTREAM;
    }
    location /local {
        token_introspect local optional;
        token_forward_token on;
        error_page 401 = /refused;
        proxy_pass $TEST_NGINX_UPSTREAM;
    }
    location = /refused { return 401 "refused\n"; }
--- request eval
[
    "GET /t/", "GET /t/redirect/off", "GET /t/redirect/x", "GET /t/redirect/t/",
    "GET /off/redirect/t/", "GET /t/redirect/off/redirect/t/", "GET /missing",
    "GET /t/redirect/local"
]
--- more_headers eval
[(bearer('opaque')) x 8]
--- response_body eval
my $response = "Authorization: Bearer $::Response\n";
[$response, '', '', $response, $response, $response, $response, "refused\n"]
--- error_code eval
[(200) x 7, 401]



=== TEST 9: introspected: variables see what goes upstream
--- http_config eval
$::Signing
--- config
    location /t {
        set $before $http_authorization;
        token_introspect idp;
        token_forward_token introspected;
        add_header X-Before $before;
        add_header X-Now $http_authorization;
        add_header X-Jwt $token_introspection_jwt;
        proxy_set_header Authorization "";
        proxy_set_header X-Copy $http_authorization;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- backend
[$http_authorization][$http_x_copy]
--- request
GET /t
--- more_headers eval
bearer('opaque')
--- response_body eval
"[][Bearer $::Response]\n"
--- response_headers eval
"X-Before: Bearer opaque\nX-Now: Bearer $::Response\nX-Jwt: $::Response"



=== TEST 10: introspected: every place of a token is emptied
--- http_config eval
$::Signing
--- backend
[$http_authorization][$request_uri][$http_cookie][$http_x_token]
--- config
    location /t {
        token_introspect idp;
        token_source query=t;
        token_source cookie=c;
        token_source header=X-Token;
        token_forward_token introspected;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- request eval
["GET /t?a=1&t=opaque", "GET /t?a=1", "GET /t?a=1"]
--- more_headers eval
['Cookie: x=1', 'Cookie: x=1; c=opaque', "X-Token: opaque\nCookie: x=1"]
--- response_body eval
[("[Bearer $::Response][/t?a=1][x=1][]\n") x 3]



=== TEST 11: introspected: only where requirements hold
--- http_config eval
$::Signing
--- config
    location /t {
        token_introspect idp;
        token_require_scope admin;
        token_forward_token introspected;
        error_page 403 = /seen;
        proxy_pass $TEST_NGINX_UPSTREAM;
    }
    location /seen { proxy_pass $TEST_NGINX_UPSTREAM; }
--- request
GET /t
--- more_headers eval
bearer('opaque')
--- response_body



=== TEST 12: introspected: a session cookie gives way to the response
--- http_config eval
$::Signing =~ s/(token_introspector) idp \{/$1 session { type cookie; cookie S;/r
--- config
    location /t {
        token_introspect session;
        token_forward_token introspected;
        proxy_set_header X-Cookie $http_cookie;
        proxy_pass $TEST_NGINX_BACKEND;
    }
--- backend
[$http_authorization][$http_x_cookie]
--- request
GET /t
--- more_headers
Cookie: a=b; S=opaque
--- response_body eval
"[Bearer $::Response][a=b]\n"



=== TEST 13: introspected: no matter where nothing is checked, or beside other introspectors
--- http_config eval
$::Signing . '
    token_introspector local { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
    token_forward_token introspected;
    token_forward_claims default;
'
--- config
    location /free { proxy_pass $TEST_NGINX_UPSTREAM; }
    location /off { token_introspect off; proxy_pass $TEST_NGINX_UPSTREAM; }
    location /t {
        token_introspect local idp;
        token_forward_claims off;
        proxy_pass $TEST_NGINX_UPSTREAM;
    }
--- request eval
["GET /free", "GET /off", "GET /t", "GET /t"]
--- more_headers eval
[bearer('own'), bearer('own'), bearer('opaque'), bearer($::T)]
--- response_body eval
["Authorization: Bearer own\n", "Authorization: Bearer own\n",
    "Authorization: Bearer $::Response\n", ""]



=== TEST 14: off: white space before the scheme hides no token
--- http_config
    token_introspector idp { issuer https://idp.test; secret "$TEST_NGINX_SECRET"; }
--- config
    location /t { token_introspect idp; proxy_pass $TEST_NGINX_UPSTREAM; }
--- request
GET /t
--- more_headers eval
bearer($::T)
--- response_body
--- after eval
sub { Test::More::is(::seen('/t', "Authorization:\tBearer $::T"), '', 'a tab') }
