# The request to the introspection endpoint, and what its answers mean (RFC 7662).

use lib 't/lib';
use Issuer;
use Loopback;
use Test::Nginx::Socket 'no_plan';

our $Issuer = Issuer->start;
$ENV{TEST_NGINX_ISSUER} = $Issuer->url('');
$ENV{TEST_NGINX_UPSTREAM_PORT} = free_port();

# The upstream shows what the protected location passed on in X-Show.
add_block_preprocessor(sub {
    my ($block) = @_;
    my $introspector = $block->introspector // 'introspection_endpoint $TEST_NGINX_ISSUER/introspect;';
    $block->set_value(http_config => <<"_EOC_" . ($block->http_config // ''));
    token_introspector idp { $introspector }
    server {
        listen 127.0.0.1:\$TEST_NGINX_UPSTREAM_PORT;
        location / { return 200 "\$http_x_show\\n"; }
    }
_EOC_
    my $show = $block->show // '$token_status';
    $block->set_value(config => $block->config // <<"_EOC_");
    location /t {
        token_introspect idp;
        proxy_set_header X-Show "$show";
        proxy_pass http://127.0.0.1:\$TEST_NGINX_UPSTREAM_PORT;
    }
_EOC_
    $block->set_value(request => 'GET /t') if !defined $block->request && !defined $block->pipelined_requests;
    if (defined $block->answer) {
        (my $answer = $block->answer) =~ s/NOW([-+]\d+)/time + $1/ge;
        chomp $answer;
        $block->set_value(more_headers => 'Authorization: Bearer ' . Issuer::token($answer));
    }
});

no_long_string();
run_tests();

__DATA__

=== TEST 1: a POST with a form, JSON wanted, without the client's headers (B17, B43, B100)
--- introspector
introspection_endpoint $TEST_NGINX_ISSUER/echo;
--- config
    location /t {
        token_introspect idp;
        add_header Seen-Method $seen_method;
        add_header Seen-Target $seen_target;
        add_header Seen-Version $seen_version;
        add_header Seen-Type $seen_type;
        add_header Seen-Accept $seen_accept;
        add_header Seen-Length $seen_length;
        add_header Seen-Host $seen_host;
        proxy_set_header X-Show $seen_body;
        proxy_pass http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT;
    }
--- http_config
    token_claim_set $seen_method seen.method;
    token_claim_set $seen_target seen.target;
    token_claim_set $seen_version seen.version;
    token_claim_set $seen_body seen.body;
    token_claim_set $seen_type seen.headers.content-type;
    token_claim_set $seen_accept seen.headers.accept;
    token_claim_set $seen_length seen.headers.content-length;
    token_claim_set $seen_host seen.headers.host;
--- answer: {"active":true}
--- response_headers eval
"Seen-Method: POST
Seen-Target: /echo
Seen-Version: HTTP/1.1
Seen-Type: application/x-www-form-urlencoded
Seen-Accept: application/json
Seen-Length: 26
Seen-Host: 127.0.0.1:" . $main::Issuer->port
--- response_body
token=eyJhY3RpdmUiOnRydWV9
--- no_error_log
[error]



=== TEST 2: characters of a token that a form must encode
--- introspector
introspection_endpoint /introspect;
--- config
    location = /introspect {
        internal;
        default_type application/json;
        client_body_in_single_buffer on;
        proxy_pass $TEST_NGINX_ISSUER/any;
    }
    location /t {
        token_introspect idp;
        proxy_set_header X-Show $token_claim_body;
        proxy_pass http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT;
    }
--- more_headers
Authorization: Bearer a+b/c~d-e_f.g==
--- response_body
token=a%2Bb%2Fc%7Ed-e_f.g%3D%3D



=== TEST 3: the query of the endpoint is kept
--- introspector
introspection_endpoint "$TEST_NGINX_ISSUER/echo/a%20b?tenant=1&x=a%2Bb";
--- http_config
    token_claim_set $target seen.target;
--- show: $target
--- answer: {"active":true}
--- response_body
/echo/a%20b?tenant=1&x=a%2Bb



=== TEST 4: token_type_hint access_token
--- introspector
introspection_endpoint $TEST_NGINX_ISSUER/echo;
token_type_hint access_token;
--- http_config
    token_claim_set $body seen.body;
--- show: $body
--- answer: {"active":true}
--- response_body
token=eyJhY3RpdmUiOnRydWV9&token_type_hint=access_token



=== TEST 5: token_type_hint refresh_token
--- introspector
introspection_endpoint $TEST_NGINX_ISSUER/echo;
token_type_hint refresh_token;
--- http_config
    token_claim_set $body seen.body;
--- show: $body
--- answer: {"active":true}
--- response_body
token=eyJhY3RpdmUiOnRydWV9&token_type_hint=refresh_token



=== TEST 6: the answer's members in variables (B44, B19)
--- show: $token_type $token_introspector $token_claim_sub $token_claim_scope $token_claim_exp $token_claim_client_id $token_claim_aud $token_claim_x $token_claims
--- answer: {"active":true,"sub":"alice","scope":"read write","exp":4102444800,"client_id":"app","aud":["a","b"],"x":{"y":1.50}}
--- response_body
opaque idp alice read write 4102444800 app a,b {"y":1.5} {"active":true,"aud":["a","b"],"client_id":"app","exp":4102444800,"scope":"read write","sub":"alice","x":{"y":1.5}}



=== TEST 7: inactive (B20, B45, B133)
--- answer: {"active":false}
--- error_code: 401
--- response_headers_like
WWW-Authenticate: Bearer .*error="invalid_token".*
--- error_log
token introspect: refused, reason: inactive, introspector: idp
--- no_error_log
[error]



=== TEST 8: active as a string is not active
--- answer: {"active":"true"}
--- error_code: 401
--- error_log
reason: inactive



=== TEST 9: active as a number is not active
--- answer: {"active":1}
--- error_code: 401
--- error_log
reason: inactive



=== TEST 10: active as null is not active
--- answer: {"active":null,"sub":"alice"}
--- error_code: 401
--- error_log
reason: inactive



=== TEST 11: no active member
--- answer: {"sub":"alice"}
--- error_code: 401
--- error_log
reason: inactive



=== TEST 12: active further down is not active
--- answer: {"a":{"active":true}}
--- error_code: 401
--- error_log
reason: inactive



=== TEST 13: members' names are case-sensitive
--- answer: {"Active":true}
--- error_code: 401
--- error_log
reason: inactive



=== TEST 14: an issuer that still calls an expired token active is not believed
--- answer: {"active":true,"exp":NOW-60}
--- error_code: 401
--- error_log
reason: expired
--- response_headers_like
WWW-Authenticate: Bearer .*error_description="The access token expired".*



=== TEST 15: leeway
--- introspector
introspection_endpoint $TEST_NGINX_ISSUER/introspect;
leeway 10m;
--- answer: {"active":true,"exp":NOW-60}
--- response_body
active



=== TEST 16: not before
--- answer: {"active":true,"nbf":NOW+600}
--- error_code: 401
--- error_log
reason: not_yet_valid



=== TEST 17: exp of the wrong type
--- answer: {"active":true,"exp":"tomorrow"}
--- error_code: 401
--- error_log
reason: bad_claim



=== TEST 18: exp may be missing in an answer
--- answer: {"active":true,"sub":"x"}
--- response_body
active



=== TEST 19: unless require_exp is written
--- introspector
introspection_endpoint $TEST_NGINX_ISSUER/introspect;
require_exp on;
--- answer: {"active":true,"sub":"x"}
--- error_code: 401
--- error_log
reason: missing_expiry



=== TEST 20: the issuer of the answer, when named, must be ours
--- introspector
introspection_endpoint $TEST_NGINX_ISSUER/introspect;
issuer https://idp.example.com;
--- answer: {"active":true,"iss":"https://evil.example.com"}
--- error_code: 401
--- error_log
reason: wrong_issuer



=== TEST 21: an answer without iss is fine, because the endpoint is the issuer's
--- introspector
introspection_endpoint $TEST_NGINX_ISSUER/introspect;
issuer https://idp.example.com;
--- answer: {"active":true}
--- response_body
active



=== TEST 22: the right iss
--- introspector
introspection_endpoint $TEST_NGINX_ISSUER/introspect;
issuer https://idp.example.com;
--- answer: {"active":true,"iss":"https://idp.example.com"}
--- response_body
active



=== TEST 23: audience: one of several
--- introspector
introspection_endpoint $TEST_NGINX_ISSUER/introspect;
audience api other;
--- answer: {"active":true,"aud":["x","api"]}
--- response_body
active



=== TEST 24: audience: another one
--- introspector
introspection_endpoint $TEST_NGINX_ISSUER/introspect;
audience api;
--- answer: {"active":true,"aud":"apis"}
--- error_code: 401
--- error_log
reason: wrong_audience



=== TEST 25: audience: required but absent
--- introspector
introspection_endpoint $TEST_NGINX_ISSUER/introspect;
audience api;
--- answer: {"active":true}
--- error_code: 401
--- error_log
reason: wrong_audience



=== TEST 26: without a token no call is made (B133)
--- error_code: 401
--- response_headers
WWW-Authenticate: Bearer
--- error_log
reason: missing
--- no_error_log
[error]



=== TEST 27: HEAD and other methods introspect as GET does
--- request
HEAD /t
--- answer: {"active":true}
--- error_code: 200
--- response_body



=== TEST 28: through an internal location of the operator's
--- introspector
introspection_endpoint /introspect;
--- config
    location = /introspect {
        internal;
        proxy_pass $TEST_NGINX_ISSUER/echo;
    }
    location /t {
        token_introspect idp;
        proxy_set_header X-Show "$seen $token_claim_sub";
        proxy_pass http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT;
    }
--- http_config
    token_claim_set $seen seen.body;
--- answer: {"active":true,"sub":"a"}
--- response_body
token=eyJhY3RpdmUiOnRydWUsInN1YiI6ImEifQ a



=== TEST 29: an internal location sees the form's type and length in nginx's variables
--- introspector
introspection_endpoint "/introspect?a=1";
--- config
    location = /introspect {
        internal;
        proxy_set_header X-Seen "$content_type $content_length $args $http_user_agent";
        proxy_pass $TEST_NGINX_ISSUER/echo;
    }
    location /t {
        token_introspect idp;
        proxy_set_header X-Show $seen;
        proxy_pass http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT;
    }
--- http_config
    token_claim_set $seen seen.headers.x-seen;
--- answer: {"active":true}
--- response_body
application/x-www-form-urlencoded 26 a=1 ngx_http_token_introspect_module



=== TEST 30: an internal location that answers by itself
--- introspector
introspection_endpoint /introspect;
--- config
    location = /introspect {
        internal;
        default_type application/json;
        return 200 '{"active":true,"sub":"static"}';
    }
    location /t {
        token_introspect idp;
        proxy_set_header X-Show $token_claim_sub;
        proxy_pass http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT;
    }
--- more_headers
Authorization: Bearer x
--- response_body
static



=== TEST 31: an internal location without an answer refuses
--- introspector
introspection_endpoint /nowhere;
--- config
    location = /nowhere { internal; }
    location /t {
        token_introspect idp;
        proxy_pass http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT;
    }
--- more_headers
Authorization: Bearer x
--- error_code: 503
--- error_log
reason: issuer_status



=== TEST 32: a location that clients can reach is not believed
--- introspector
introspection_endpoint /open;
--- config
    location = /open { default_type application/json; return 200 '{"active":true}'; }
    location /t {
        token_introspect idp;
        proxy_pass http://127.0.0.1:$TEST_NGINX_UPSTREAM_PORT;
    }
--- more_headers
Authorization: Bearer x
--- error_code: 503
--- error_log
must be marked "internal"
reason: issuer_unreachable



=== TEST 33: nothing of a token is logged
--- more_headers
Authorization: Bearer s3cr3t-t0k3n
--- error_code: 401
--- no_error_log eval
[qr/token introspect.*s3cr3t-t0k3n/, qr/\[error\]/]
