# Nothing of the client's request reaches the issuer, nothing of the fetch the client's request, and
# what http{} sets for other locations does not disturb either (B134).

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use JSON::PP;
use Loopback;
use NginxProcess;
use Test::More;

my $issuer = Issuer->start(sub {
    my ($call) = @_;
    return Issuer::answer(
        '200 OK', '{"active":true,"sub":"alice"}',
        'Content-Type'  => 'application/json',
        'Set-Cookie'    => 'issuer=1',
        'X-Issuer'      => 'yes',
        'Cache-Control' => 'no-store',
        'ETag'          => '"issuer"',
        'Last-Modified' => 'Sun, 22 Nov 2020 00:00:00 GMT'
    );
});
my $upstream = Issuer->start(sub {
    my ($call) = @_;
    return Issuer::answer(
        '200 OK', JSON::PP->new->latin1->encode($call),
        'Content-Type' => 'application/json',
        'X-Upstream'   => 'yes'
    );
});

# Everything an http{} may hold for its usual locations, to its own detriment.
my $disturbing = <<'END';
    proxy_set_header Authorization "http-level";
    proxy_set_header X-Level http;
    proxy_set_header Cookie $http_cookie;
    proxy_hide_header Content-Type;
    proxy_cache_path %DIR%/cache keys_zone=proxy:1m;
    proxy_cache proxy;
    proxy_cache_valid any 1h;
    proxy_cache_methods GET HEAD POST;
    proxy_cache_key fixed;
    proxy_ignore_headers Cache-Control Set-Cookie;
    proxy_no_cache 0;
    proxy_cache_bypass 0;
    proxy_http_version 1.0;
    proxy_buffering off;
    proxy_buffer_size 4k;
    proxy_buffers 2 4k;
    proxy_busy_buffers_size 4k;
    proxy_temp_file_write_size 4k;
    proxy_request_buffering off;
    proxy_intercept_errors on;
    proxy_pass_request_headers off;
    proxy_pass_request_body off;
    proxy_connect_timeout 1ms;
    proxy_next_upstream off;
    proxy_ssl_verify off;
    proxy_limit_rate 1;
    proxy_force_ranges on;
    error_page 401 403 500 502 503 504 =200 /page;
    recursive_error_pages on;
    add_header X-Level http always;
    add_trailer X-Trailer http;
    client_max_body_size 8;
    client_body_buffer_size 1k;
    gzip on;
    gzip_types *;
    gzip_proxied any;
    gzip_min_length 0;
    sub_filter_types *;
    sub_filter active inactive;
    sub_filter_once off;
    add_before_body /before;
    addition_types *;
    expires 1h;
    charset utf-8;
    charset_types *;
    ssi on;
    ssi_types *;
    default_type text/html;
    limit_rate 10;
    limit_req_zone $server_name zone=requests:1m rate=1r/m;
    limit_conn_zone $server_name zone=connections:1m;
    log_subrequest on;
    keepalive_requests 1000;
END
my $location = <<"END";
            client_max_body_size 10m;
            proxy_set_header X-Range "\$http_range";
            proxy_set_header X-Seen "\$http_accept_encoding|\$http_cookie|\$http_x_own|\$http_user_agent|\$content_type|\$content_length|\$request_method|\$uri|\$args|\$arg_a|\$http_referer|\$http_accept";
            proxy_pass_request_headers on;
            proxy_pass_request_body on;
            proxy_request_buffering on;
            proxy_connect_timeout 60s;
            proxy_cache off;
            proxy_force_ranges off;
            proxy_limit_rate 0;
            limit_rate 0;
            gzip off;
            ssi off;
            sub_filter_types text/never;
            addition_types text/never;
            proxy_pass http://127.0.0.1:@{[ $upstream->port ]};
END

# The variables are read before, by the rewrite phase, so that they are cached when the fetch begins.
sub http {
    my ($level) = @_;
    return <<"END";
$level
    token_introspector direct { introspection_endpoint @{[ $issuer->url('/direct') ]}; cache_ttl off; }
    server {
        listen 127.0.0.1:%PORT%;
        root %DIR%;
        location = /page { return 200 "page\\n"; }
        location = /before { return 200 "before\\n"; }
        location /t {
            set \$before "\$http_authorization|\$http_cookie|\$http_range|\$http_x_own|\$content_length";
            token_introspect direct;
            proxy_set_header X-Before \$before;
            proxy_set_header X-Sub \$token_claim_sub;
$location
        }
    }
END
}
my @client = (
    Authorization         => 'Bearer secret',
    Cookie                => 'session=1',
    Range                 => 'bytes=0-3',
    'Accept-Encoding'     => 'gzip, br',
    'X-Own'               => 'own',
    'If-None-Match'       => '"issuer"',
    'If-Modified-Since'   => 'Sun, 22 Nov 2020 00:00:00 GMT',
    Referer               => 'http://r/',
    'User-Agent'          => 'client',
    'X-Forwarded-For'     => '10.0.0.1',
    Origin                => 'http://o',
    Accept                => 'text/html',
    Via                   => '1.1 v',
    TE                    => 'trailers',
    'Content-Type'        => 'text/csv',
    'Proxy-Authorization' => 'Basic x',
    'If-Match'            => '"x"',
    Upgrade               => 'websocket'
);
my $body = join '', map { chr(97 + $_ % 26) } 1 .. 5000;

for my $case (['an empty http{}' => ''], ['an http{} full of directives' => $disturbing]) {
    my ($name, $level) = @$case;
    my $nginx = NginxProcess->start(http => http($level));
    subtest $name => sub {
        my $calls    = $issuer->call_count;
        my $response = request($nginx->port, 'POST /t/a%20b?a=1&b=2', @client, body => $body);
        is $response->{status}, 200,        'the answer is good' or diag $nginx->log;
        is $issuer->call_count, $calls + 1, 'one call';
        my $call    = ($issuer->calls)[-1];
        my %headers = map {@$_} @{ $call->{headers} };
        is_deeply \%headers,
            {
            'host'           => '127.0.0.1:' . $issuer->port,
            'accept'         => 'application/json',
            'user-agent'     => 'ngx_http_token_introspect_module',
            'content-type'   => 'application/x-www-form-urlencoded',
            'content-length' => 12,
            },
            'the issuer sees the headers of the fetch only';
        is $call->{method},  'POST',         '... by POST';
        is $call->{version}, 'HTTP/1.1',     '... in HTTP/1.1';
        is $call->{target},  '/direct',      '... without the query of the client';
        is $call->{body},    'token=secret', '... and the form only';

        my $seen     = decode_json($response->{body});
        my %upstream = map {@$_} @{ $seen->{headers} };
        is $seen->{method},             'POST',             'the upstream sees the method';
        is $seen->{target},             '/t/a%20b?a=1&b=2', '... the target';
        is $seen->{body},               $body,              '... the body';
        is $upstream{'content-length'}, length $body,       '... its length';
        is $upstream{'content-type'},   'text/csv',         '... its type';
        is $upstream{'x-own'},          'own',              '... its headers';
        is $upstream{range},            'bytes=0-3',        '... its Range';
        is $upstream{'x-sub'},          'alice',            '... and the claims';
        is $upstream{'x-before'}, 'Bearer secret|session=1|bytes=0-3|own|5000', 'variables before';
        is $upstream{'x-range'},  'bytes=0-3', 'a variable used in both';
        is $upstream{'x-seen'},
            'gzip, br|session=1|own|client|text/csv|5000|POST|/t/a b|a=1&b=2|1|http://r/|text/html',
            'variables after';

        is $response->{headers}{'x-upstream'}, 'yes', "the client gets the upstream's headers";
        is $response->{headers}{$_}, undef, "... and not the issuer's $_"
            for qw(x-issuer set-cookie etag);
        unlike $response->{body}, qr/alice.*alice|"active"/s, '... nor its body';
    };
    subtest "$name, others" => sub {
        my $head = request($nginx->port, 'HEAD /t', Authorization => 'Bearer secret');
        is $head->{status}, 200, 'HEAD';
        is + ($issuer->calls)[-1]{method},   'POST', '... asks by POST';
        is + ($upstream->calls)[-1]{method}, 'HEAD', '... and stays HEAD';
        my $put = request($nginx->port, 'PUT /t', Authorization => 'Bearer secret', body => 'x');
        is + ($upstream->calls)[-1]{method}, 'PUT', 'PUT stays PUT';
        is + ($upstream->calls)[-1]{body},   'x',   '... with its body';
        is $nginx->get('/t', Authorization => 'Bearer secret', Expect => 'x')->{status}, 200,
            'other headers';
    };
    $nginx->stop;
}

# An internal location of the operator's has its own rules, but the client's parts stay outside, too.
my $nginx = NginxProcess->start(http => <<"END");
    token_introspector internal { introspection_endpoint /oauth/introspect?tenant=1; cache_ttl off; authorization "Basic abc"; }
    server {
        listen 127.0.0.1:%PORT%;
        root %DIR%;
        location = /oauth/introspect {
            internal;
            proxy_set_header X-Vars "\$http_authorization|\$http_cookie|\$http_range|\$http_x_own|\$args|\$arg_a|\$is_args|\$uri|\$content_type|\$content_length|\$http_user_agent|\$http_accept|\$http_host|\$cookie_session|\$http_referer";
            proxy_pass @{[ $issuer->url('') ]};
        }
        location /t {
            set \$before "\$http_authorization|\$http_cookie|\$args";
            token_introspect internal;
            proxy_set_header X-After "\$before|\$http_cookie|\$args";
            proxy_pass http://127.0.0.1:@{[ $upstream->port ]};
        }
    }
END
my $response = request($nginx->port, 'POST /t?a=1', @client, body => $body);
is $response->{status}, 200, 'an internal location';
my $call = ($issuer->calls)[-1];
is Issuer::header($call, 'x-vars'),
    'Basic abc||||tenant=1||?|/oauth/introspect|application/x-www-form-urlencoded|12|ngx_http_token_introspect_module|application/json|||',
    '... sees the variables of the fetch';
is Issuer::header($call, 'authorization'), 'Basic abc', '... and its Authorization';
is Issuer::header($call, $_), undef, "... no $_ of the client's"
    for
    qw(cookie range accept-encoding x-own referer x-forwarded-for if-none-match origin via te upgrade);
is $call->{body}, 'token=secret', '... and the form';
is Issuer::header(($upstream->calls)[-1], 'x-after'), 'Bearer secret|session=1|a=1|session=1|a=1',
    "the client's variables stay";
is + ($upstream->calls)[-1]{body},             $body, 'and its body';
is $nginx->get('/oauth/introspect')->{status}, 404,   'the location is no way in';
$nginx->stop;

done_testing;
