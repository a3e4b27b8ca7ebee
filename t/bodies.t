# Request bodies and connections through a protected location.

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use JSON::PP;
use Loopback;
use NginxProcess;
use Test::More;

my $gates = File::Temp->newdir;
sub release { open my $file, '>', "$gates/$_[0]" or die }

# "Bearer good…" is good, anything else is not; "slow" waits for its release.
my $issuer = Issuer->start(sub {
    my ($call) = @_;
    my $token = Issuer::form($call)->{token};
    eventually { -e "$gates/$token" } 60 if $token =~ /slow/;
    return Issuer::json($token =~ /^good/ ? '{"active":true}' : '{"active":false}');
});
my $upstream = Issuer->start(sub {
    my ($call) = @_;
    return Issuer::answer(
        '200 OK',
        JSON::PP->new->latin1->encode($call),
        'Content-Type' => 'application/json'
    );
});

my $nginx = NginxProcess->start(http => <<"END");
    token_introspector idp { introspection_endpoint @{[ $issuer->url ]}; cache_ttl off; cache_inactive_ttl off; }
    token_introspector cached { introspection_endpoint @{[ $issuer->url ]}; }
    server {
        listen 127.0.0.1:%PORT%;
        root %DIR%;
        client_body_buffer_size 8k;
        client_max_body_size 50m;
        proxy_pass_request_headers on;
        location /t { token_introspect idp; proxy_pass http://127.0.0.1:@{[ $upstream->port ]}; }
        location /cached { token_introspect cached; proxy_pass http://127.0.0.1:@{[ $upstream->port ]}; }
        location /unbuffered { token_introspect idp; proxy_request_buffering off; proxy_http_version 1.1; proxy_pass http://127.0.0.1:@{[ $upstream->port ]}; }
        location /small { token_introspect idp; client_max_body_size 100; proxy_pass http://127.0.0.1:@{[ $upstream->port ]}; }
        location /file { token_introspect idp; try_files /small.txt =404; }
    }
END
$nginx->write('small.txt', "file\n");
my $port = $nginx->port;
my @good = (Authorization => 'Bearer good');
my @bad  = (Authorization => 'Bearer bad');
sub body_seen { return decode_json($_[0]{body})->{body} }

sub issuer_bodies {
    return grep { $_->{body} !~ /^token=[a-z0-9.-]+$/ } $issuer->calls;
}

for my $location (qw(/t /cached /unbuffered)) {
    for my $size (0, 1, 8000, 100_000, 300_000) {
        my $body = join '', map { chr(97 + $_ % 26) } 1 .. ($size > 1000 ? 1000 : $size);
        $body x= $size / 1000 if $size > 1000;
        my $response = request($port, "POST $location", @good, body => $body);
        is $response->{status}, 200, "$location: $size bytes";
        ok body_seen($response) eq $body, '... reach the upstream unchanged';
        is request($port, "POST $location", @bad, body => $body)->{status}, 401,
            '... or are refused';
    }
}
is scalar(issuer_bodies()), 0, 'the issuer never saw one';

# refused by nginx itself
is request($port, 'POST /small', @good, body => 'x' x 101)->{status}, 413, 'client_max_body_size';
is request($port, 'POST /small', @good, body => 'x' x 100)->{status}, 200,
    '... is about the client only';

# chunked
sub chunked {
    my ($path, $token, @chunks) = @_;
    my $socket = connect_to($port);
    print {$socket}
        "POST $path HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    for my $chunk (@chunks) { printf {$socket} "%x\r\n%s\r\n", length $chunk, $chunk }
    print {$socket} "0\r\n\r\n";
    return read_response($socket);
}
for my $location (qw(/t /cached)) {
    my $response = chunked($location, 'good', 'abc', 'd' x 20_000, 'ef');
    is $response->{status}, 200, "$location: chunked";
    ok body_seen($response) eq 'abc' . 'd' x 20_000 . 'ef', '... reaches the upstream';
    is chunked($location, 'bad', 'abc')->{status}, 401, '... or is refused';
}
{
    my $response = chunked('/unbuffered', 'good', 'abc');
    is $response->{status}, 200, '/unbuffered: chunked';
}

# the body comes while the issuer is asked
{
    my $socket = connect_to($port);
    print {$socket}
        "POST /t HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good-slow-1\r\nContent-Length: 20000\r\nConnection: close\r\n\r\n"
        . 'a' x 5000;
    ok eventually(
        sub {
            grep { $_->{body} =~ /good-slow-1/ } $issuer->calls;
        }
        ),
        'the issuer is asked before the body is there';
    print {$socket} 'b' x 5000;
    release('good-slow-1');
    print {$socket} 'c' x 10000;
    my $response = read_response($socket);
    is $response->{status}, 200, '... which comes in pieces';
    ok body_seen($response) eq 'a' x 5000 . 'b' x 5000 . 'c' x 10000,
        '... and reaches the upstream';
}

# Expect: 100-continue
for my $case (['good', 200], ['bad', 401]) {
    my ($token, $status) = @$case;
    my $socket = connect_to($port);
    print {$socket}
        "POST /t HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n";
    my $response = read_response($socket);
    if ($status == 200) {
        is $response->{status}, 100, 'Expect: 100-continue with a good token';
        print {$socket} 'hello';
        $response = read_response($socket);
        is body_seen($response), 'hello', '... and the body';
    }
    is $response->{status}, $status, "Expect: 100-continue: $token";
}

# keepalive: one connection, many requests, refused or not
{
    my $socket = connect_to($port);
    my @status;
    for my $round (1 .. 5) {
        for my $token ('good', 'bad') {
            send_request(
                $socket, 'POST /t',
                Authorization => "Bearer $token",
                Connection    => 'keep-alive',
                body          => 'x' x (3000 * $round));
            push @status, read_response($socket)->{status};
            send_request(
                $socket, 'GET /file',
                Authorization => "Bearer $token",
                Connection    => 'keep-alive'
            );
            push @status, read_response($socket)->{status};
        }
    }
    is_deeply \@status, [(200, 200, 401, 401) x 5], 'keepalive';
}

# pipelining: all at once, answers in order
{
    my $socket = connect_to($port);
    my @tokens = map { ("good-$_", "bad-$_", '') } 1 .. 5;
    for my $i (0 .. $#tokens) {
        my @token = $tokens[$i] ? (Authorization => "Bearer $tokens[$i]") : ();
        send_request(
            $socket, ($i % 2 ? 'GET /t' : 'POST /t') . "?$i", @token,
            Connection => $i == $#tokens ? 'close' : 'keep-alive',
            $i % 2 ? () : (body => "body $i"));
    }
    my (@status, @seen);
    for (@tokens) {
        my $response = read_response($socket) or last;
        push @status, $response->{status};
        push @seen, decode_json($response->{body})->{target} . ' ' . body_seen($response)
            if $response->{status} == 200;
    }
    is_deeply \@status, [(200, 401, 401) x 5], 'pipelining: each its own answer';
    is_deeply \@seen, [map { "/t?$_ " . ($_ % 2 ? '' : "body $_") } 0, 3, 6, 9, 12], '... in order';
}

# a pipelined request behind one that waits, whose client then goes
{
    my $socket = connect_to($port);
    send_request(
        $socket, 'GET /t',
        Authorization => 'Bearer good-slow-2',
        Connection    => 'keep-alive'
    );
    send_request($socket, 'GET /file', @good);
    ok eventually(
        sub {
            grep { $_->{body} =~ /good-slow-2/ } $issuer->calls;
        }
        ),
        'the first one waits for the issuer';
    release('good-slow-2');
    is read_response($socket)->{status}, 200, '... gets its answer';
    is read_response($socket)->{status}, 200, '... then the second one its own';

    $socket = connect_to($port);
    send_request(
        $socket, 'GET /t',
        Authorization => 'Bearer good-slow-3',
        Connection    => 'keep-alive'
    );
    ok eventually(sub {
        grep { $_->{body} =~ /good-slow-3/ } $issuer->calls;
        }),
        'a client waits';
    close $socket;
    release('good-slow-3');
    is $nginx->get('/file', @good)->{status}, 200, '... and goes: no harm';
}

# HTTP/1.0 and a client that closes its sending side
{
    my $socket = connect_to($port);
    print {$socket} "GET /file HTTP/1.0\r\nAuthorization: Bearer good\r\n\r\n";
    is read_response($socket)->{status}, 200, 'HTTP/1.0';
}

is scalar(issuer_bodies()), 0, 'the issuer saw tokens only';
$nginx->stop;
done_testing;
