# Whatever the issuer does wrong: 503 with Retry-After, one line in the log with a stable reason, and
# a request that ends in time.

use strict;
use warnings;
use lib 't/lib';

use IO::Compress::Gzip qw(gzip);
use Issuer;
use Loopback;
use NginxProcess;
use Test::More;
use Time::HiRes qw(sleep);

my $good    = '{"active":true}';
my $type    = "Content-Type: application/json\r\n";
my $chunked = "HTTP/1.1 200 OK\r\n${type}Transfer-Encoding: chunked\r\n\r\n";
gzip(\$good, \my $packed);

# name of the fault => [ what the issuer does, the reason in the log ]. A text is the whole answer;
# after a list's texts the connection is closed, or kept open without a word for 'hang'.
my %faults = (
    status_500 => [
        Issuer::answer('500 Internal Server Error', $good, 'Content-Type' => 'application/json'),
        'issuer_status'
    ],
    status_401 => [
        Issuer::answer(
            '401 Unauthorized', '{"error":"invalid_client"}',
            'Content-Type'     => 'application/json',
            'WWW-Authenticate' => 'Basic'
        ),
        'issuer_status'
    ],
    status_302 => [Issuer::answer('302 Found', '', Location => '/elsewhere'), 'issuer_status'],
    status_201 => [
        Issuer::answer('201 Created', $good, 'Content-Type' => 'application/json'),
        'issuer_status'
    ],
    status_204 => ["HTTP/1.1 204 No Content\r\n\r\n", 'issuer_status'],
    status_206 => [
        Issuer::answer(
            '206 Partial Content', $good,
            'Content-Type'  => 'application/json',
            'Content-Range' => 'bytes 0-14/15'
        ),
        'issuer_status'
    ],
    status_503 =>
        [Issuer::answer('503 Service Unavailable', '', 'Retry-After' => '7200'), 'issuer_status'],
    status_404 => [
        Issuer::answer('404 Not Found', $good, 'Content-Type' => 'application/json'),
        'issuer_status'
    ],

    type_html =>
        [Issuer::answer('200 OK', $good, 'Content-Type' => 'text/html'), 'issuer_response'],
    type_jwt =>
        [Issuer::answer('200 OK', $good, 'Content-Type' => 'application/jwt'), 'issuer_response'],
    type_jsonp =>
        [Issuer::answer('200 OK', $good, 'Content-Type' => 'application/jsonp'), 'issuer_response'],

    empty           => [Issuer::json(''),                                       'issuer_response'],
    not_json        => [Issuer::json('active=true'),                            'issuer_response'],
    array           => [Issuer::json("[$good]"),                                'issuer_response'],
    bare_true       => [Issuer::json('true'),                                   'issuer_response'],
    trailing        => [Issuer::json("$good$good"),                             'issuer_response'],
    duplicate       => [Issuer::json('{"active":false,"active":true}'),         'issuer_response'],
    duplicate_inner => [Issuer::json('{"active":true,"a":{"b":1,"b":2}}'),      'issuer_response'],
    utf8            => [Issuer::json("{\"active\":true,\"sub\":\"\xff\xfe\"}"), 'issuer_response'],
    surrogate       => [Issuer::json('{"active":true,"sub":"\ud800"}'),         'issuer_response'],
    null_in_name    => [Issuer::json('{"active":true,"a\u0000b":1}'),           'issuer_response'],
    deep => [Issuer::json('{"active":true,"a":' . '[' x 400 . ']' x 400 . '}'), 'issuer_response'],
    huge_number => [Issuer::json('{"active":true,"a":1e999}'), 'issuer_response'],

    gzip => [
        Issuer::answer(
            '200 OK', $packed,
            'Content-Type'     => 'application/json',
            'Content-Encoding' => 'gzip'
        ),
        'issuer_response'
    ],
    gzip_claimed => [
        Issuer::answer(
            '200 OK', $good,
            'Content-Type'     => 'application/json',
            'Content-Encoding' => 'gzip'
        ),
        'issuer_response'
    ],

    too_big =>
        [Issuer::json('{"active":true,"x":"' . 'x' x 2048 . '"}'), 'issuer_response_too_big'],
    too_big_chunked => [
        $chunked . join('', map { "400\r\n" . ' ' x 1024 . "\r\n" } 1 .. 64) . "0\r\n\r\n",
        'issuer_response_too_big'
    ],
    too_big_endless =>
        [['HTTP/1.1 200 OK', "\r\n$type\r\n", ('x' x 65536) x 64], 'issuer_response_too_big'],

    cut_body =>
        [["HTTP/1.1 200 OK\r\n${type}Content-Length: 100\r\n\r\n", $good], 'issuer_response'],
    cut_body_valid =>
        [["HTTP/1.1 200 OK\r\n${type}Content-Length: 16\r\n\r\n", $good], 'issuer_response'],
    cut_chunk       => [[$chunked, "20\r\n$good"],              'issuer_response'],
    cut_chunks      => [[$chunked, "f\r\n$good\r\n"],           'issuer_response'],
    bad_chunk       => [[$chunked, "zz\r\n$good\r\n0\r\n\r\n"], 'issuer_response'],
    cut_headers     => [["HTTP/1.1 200 OK\r\nContent-Ty"],      'issuer_unreachable'],
    closed          => [[],                                     'issuer_unreachable'],
    reset           => ['reset',                                'issuer_unreachable'],
    reset_in_body   => ['reset_in_body',                        'issuer_response'],
    not_http        => [["SSH-2.0-OpenSSH_9.2\r\n"],            'issuer_unreachable'],
    bad_status_line =>
        [["HTTP/1.1 OK\r\n${type}Content-Length: 15\r\n\r\n$good"], 'issuer_unreachable'],
    huge_header => [["HTTP/1.1 200 OK\r\nX: " . 'x' x 200_000 . "\r\n\r\n"], 'issuer_unreachable'],

    hang            => [['hang'],                                'issuer_timeout'],
    hang_in_headers => [["HTTP/1.1 200 OK\r\nContent-", 'hang'], 'issuer_timeout'],
    hang_in_body    => [
        ["HTTP/1.1 200 OK\r\n${type}Content-Length: 100\r\n\r\n", $good, 'hang'],
        'issuer_(?:timeout|response)'
    ],
    hang_before_last_chunk => [[$chunked, "f\r\n$good\r\n", 'hang'], 'issuer_(?:timeout|response)'],
    drip                   => ['drip',                               'issuer_timeout'],
    drip_headers           => ['drip_headers',                       'issuer_timeout'],
);

# Answers that look odd but are good.
my %fine = (
    plain            => Issuer::json($good),
    chunks           => $chunked . join('', map {"1\r\n$_\r\n"} split //, $good) . "0\r\n\r\n",
    chunk_extensions => "${chunked}f;a=b\r\n$good\r\n0\r\nTrailer: x\r\n\r\n",
    no_length        => ["HTTP/1.1 200 OK\r\n$type\r\n$good"],
    http_1_0         => ["HTTP/1.0 200 OK\r\n$type\r\n$good"],
    type_charset     =>
        Issuer::answer('200 OK', $good, 'Content-Type' => 'Application/JSON; charset="utf-8"'),
    type_suffix =>
        Issuer::answer('200 OK', $good, 'Content-Type' => 'application/token-introspection+json'),
    no_type  => Issuer::answer('200 OK', $good),
    identity => Issuer::answer(
        '200 OK', $good,
        'Content-Type'     => 'application/json',
        'Content-Encoding' => 'identity'
    ),
    white_space => Issuer::json(" \r\n\t$good\n"),
    exact_size  => Issuer::json('{"active":true,"x":"' . 'x' x (1024 - 22) . '"}'),
    no_store    => Issuer::answer(
        '200 OK', $good,
        'Content-Type'       => 'application/json',
        'Cache-Control'      => 'no-store',
        Pragma               => 'no-cache',
        'Set-Cookie'         => 'a=b',
        'X-Accel-Redirect'   => '/status',
        'X-Accel-Buffering'  => 'no',
        'X-Accel-Limit-Rate' => '1'
    ),
);

my $issuer = Issuer->start(sub {
    my ($call, $socket) = @_;
    my $name = Issuer::form($call)->{token};
    my $what = exists $faults{$name} ? $faults{$name}[0] : $fine{$name};
    if (ref $what) {
        for my $part (@$what) {
            if ($part eq 'hang') { sleep 3600 }
            print {$socket} $part;
            sleep 0.02;    # parts come apart
        }
        return;
    }
    if ($what eq 'reset') { return Issuer::reset_connection($socket) }
    if ($what eq 'reset_in_body') {
        print {$socket} "HTTP/1.1 200 OK\r\n${type}Content-Length: 100\r\n\r\n$good";
        sleep 0.1;
        return Issuer::reset_connection($socket);
    }
    if ($what eq 'drip' || $what eq 'drip_headers') {
        print {$socket} "HTTP/1.1 200 OK\r\n";
        print {$socket} "${type}Content-Length: 1000000\r\n\r\n" if $what eq 'drip';
        # longer than anybody here waits
        for (1 .. 36_000) { print {$socket} $what eq 'drip' ? ' ' : "X: y\r\n" or last; sleep 0.1 }
        return;
    }
    return $what;
});
my $refused = free_port();

# All of them are asked at once. Only where a timeout is what is tested, it is a short one.
my $nginx = NginxProcess->start(http => <<"END");
    token_introspector idp {
        introspection_endpoint @{[ $issuer->url ]};
        response_size 1k;
        read_timeout 1h;
    }
    token_introspector brief {
        introspection_endpoint @{[ $issuer->url ]};
        response_size 1k;
        connect_timeout 500ms; send_timeout 500ms; read_timeout 1s;
    }
    token_introspector down { introspection_endpoint http://127.0.0.1:$refused/; }
    server {
        listen 127.0.0.1:%PORT%;
        root %DIR%;
        location /idp { token_introspect idp; try_files /nginx.conf =404; }
        location /brief { token_introspect brief; try_files /nginx.conf =404; }
        location /down { token_introspect down; try_files /nginx.conf =404; }
        location /status { return 200 "status\\n"; }
    }
END

my %running;
my %asked = (
    (map { ($_ => 'idp') } keys %fine),
    (map { ($_ => $faults{$_}[1] =~ /timeout/ ? 'brief' : 'idp') } keys %faults),
);
for my $name (keys %asked) {
    $running{$name} = send_request(connect_to($nginx->port), "GET /$asked{$name}?$name",
        Authorization => "Bearer $name");
}
for my $name (sort keys %fine) {
    my $response = read_response($running{$name});
    is $response->{status}, 200, "$name is fine"
        or diag $nginx->log =~ /.*request: "GET \/idp\?$name .*/g;
}
for my $name (sort keys %faults) {
    my $response = read_response($running{$name});
    my $reason   = $faults{$name}[1];
    subtest $name => sub {
        is $response->{status},                      503,   'status';
        is $response->{headers}{'retry-after'},      1,     'Retry-After';
        is $response->{headers}{'www-authenticate'}, undef, 'no challenge';
        my @lines = grep {/refused, reason: .*request: "GET \/$asked{$name}\?$name /} split /\n/, $nginx->log;
        is @lines, 1, 'one line in the log';
        like $lines[0] // '',
            qr/\[error\] .* token introspect: refused, reason: $reason, introspector: $asked{$name},/,
            'the reason';
    };
}
my $response = $nginx->get('/down', Authorization => 'Bearer x');
is $response->{status}, 503, 'refused connection';
is $nginx->count_in_log(qr/refused, reason: issuer_unreachable, introspector: down/), 1,
    '... and its reason';

# Large answers up to the limit: whatever nginx's buffers are, and whoever's location it is.
my $large = Issuer->start(sub {
    my ($call) = @_;
    my $size = Issuer::form($call)->{token};
    return Issuer::json('{"active":true,"x":"' . 'x' x ($size - 22) . '"}');
});
my $sizes = NginxProcess->start(http => <<"END");
    token_introspector direct { introspection_endpoint @{[ $large->url ]}; }
    token_introspector internal { introspection_endpoint /introspect; }
    token_introspector memory { introspection_endpoint /memory; read_timeout 500ms; connect_timeout 100ms; send_timeout 100ms; }
    server {
        listen 127.0.0.1:%PORT%;
        root %DIR%;
        location = /introspect { internal; proxy_pass @{[ $large->url ]}; }
        location = /memory { internal; proxy_max_temp_file_size 0; proxy_pass @{[ $large->url ]}; }
        location /direct { token_introspect direct; try_files /nginx.conf =404; }
        location /internal { token_introspect internal; try_files /nginx.conf =404; }
        location /memory/ { token_introspect memory; try_files /nginx.conf =404; }
    }
END
for my $path (qw(/direct /internal)) {
    for my $size (4000, 33_000, 65_536) {
        is $sizes->get($path, Authorization => "Bearer $size")->{status}, 200, "$path: $size bytes";
    }
    is $sizes->get($path, Authorization => "Bearer $_")->{status}, 503, "$path: $_ bytes"
        for 65_537, 500_000;
    is $sizes->count_in_log(qr{reason: issuer_response_too_big, .* "GET $path }), 2, '... too big';
}
is $sizes->get('/memory/', Authorization => "Bearer 500000")->{status}, 503,
    'a location that cannot take it in: refused in time';
$sizes->stop;

# A failure is not remembered: as soon as the issuer is well again, tokens are good.
my $calls = $issuer->call_count;
ok eventually(sub {
    $nginx->get('/idp', Authorization => 'Bearer status_500');
    $issuer->call_count >= $calls + 2;
    }),
    'a failure is not cached';

$nginx->stop;
done_testing;
