# HTTP/2: streams that wait, streams that are reset while they wait.

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use Loopback;
use NginxProcess;
use Test::More;
use TokenIntrospect ();

my $gates = File::Temp->newdir;
sub release { open my $file, '>', "$gates/$_[0]" or die }

my $issuer = Issuer->start(sub {
    my ($call) = @_;
    my $token = Issuer::form($call)->{token};
    eventually { -e "$gates/$token" } 60 if $token =~ /slow/;
    return Issuer::json(
        $token =~ /^good/ ? "{\"active\":true,\"n\":$call->{n}}" : '{"active":false}');
});
my $upstream =
    Issuer->start(sub { my ($call) = @_; return Issuer::answer('200 OK', "body:$call->{body}") });
my $response = TokenIntrospect::jws(
    { alg => 'ES256', typ => 'token-introspection+jwt' },
    '{"iss":"https://idp.test","aud":"me","iat":1,"token_introspection":{"active":true}}', 'ES256');
my $signing = Issuer->start(sub {
    return Issuer::answer('200 OK', $response,
        'Content-Type' => 'application/token-introspection+jwt');
});
my $nginx = NginxProcess->start(workers => 2, http => <<"END");
    token_introspector idp { introspection_endpoint @{[ $issuer->url ]}; read_timeout 60s; }
    token_introspector signing {
        issuer https://idp.test;
        introspection_endpoint @{[ $signing->url ]};
        response jwt audience=me;
        key file:@{[ TokenIntrospect::key_file('P-256') ]};
    }
    server {
        listen 127.0.0.1:%PORT% http2 reuseport;
        listen 127.0.0.1:%PORT2%;
        root %DIR%;
        http2_max_concurrent_streams 128;
        location /t { token_introspect idp; proxy_pass http://127.0.0.1:@{[ $upstream->port ]}; }
        location /free { return 204; }
        location /signed {
            token_introspect signing optional;
            token_source header=X-Token;
            token_forward_token introspected;
            proxy_pass http://127.0.0.1:@{[ $upstream->port ]};
        }
    }
END
my $port = $nginx->port;

sub calls_for {
    my ($token) = @_;
    return scalar grep { Issuer::form($_)->{token} eq $token } $issuer->calls;
}

# A client of frames, just enough: prior knowledge, literal headers, no flow control.
sub frame {
    my ($type, $flags, $stream, $payload) = @_;
    return substr(pack('N', length $payload), 1) . pack('CCN', $type, $flags, $stream) . $payload;
}

sub literal {
    my ($name, $value) = @_;
    my $length = length $value;
    my $prefix = $length < 127 ? pack('C', $length) : pack('CC', 127, $length - 127);
    return "\x00" . pack('C', length $name) . $name . $prefix . $value;
}

sub headers {
    my ($stream, $token, %option) = @_;
    my $block = "\x86"
        . literal(':method',       $option{method} // 'GET')
        . literal(':path',         $option{path}   // '/t')
        . literal(':authority',    'localhost')
        . literal('authorization', $option{authorization} // "Bearer $token")
        . (defined $option{x_token} ? literal('x-token', $option{x_token}) : '');
    return frame(1, 4 | ($option{body} ? 0 : 1), $stream, $block);
}

sub open_h2 {
    my $socket = connect_to($port);
    print {$socket} "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . frame(4, 0, 0, pack('nN', 4, 1 << 20));
    return $socket;
}
# Reads frames until all the streams have ended: { stream => status }.
sub read_h2 {
    my ($socket, @streams) = @_;
    my (%status, %ended);
    my $buffer = '';
    my $select = IO::Select->new($socket);
    my $take   = sub {
        my ($size) = @_;
        while (length $buffer < $size) {
            $select->can_read(20 * patience()) && sysread $socket, $buffer, 65536, length $buffer
                or return undef;
        }
        return substr $buffer, 0, $size, '';
    };
    while (grep { !$ended{$_} } @streams) {
        my $head = $take->(9) // last;
        my ($length, $type, $flags, $stream) =
            (unpack('N', "\0" . substr $head, 0, 3), unpack 'x3CCN', $head);
        my $payload = $length ? $take->($length) // last : '';
        if ($type == 1) {
            my $first = ord $payload;
            # indexed :status of the static table, or a literal with an indexed name
            my %indexed = (0x88 => 200, 0x89 => 204, 0x8d => 404, 0x8e => 500);
            $payload =~ s/^[\x20-\x3f]//, $first = ord $payload if ($first & 0xe0) == 0x20;
            $status{$stream} = $indexed{$first} // (
                $payload =~ /^.\x03(\d\d\d)/s ? $1 : $payload =~ /^.\x82(..)/s ? huffman($1) : '?');
        }
        $ended{$stream} = 1 if ($type == 0 || $type == 1) && $flags & 1 || $type == 3;
        last                if $type == 7;
    }
    return \%status;
}
# The digits of a status in HPACK's Huffman code.
sub huffman {
    my $bits = unpack 'B*', $_[0];
    my %digit =
        ('00000' => 0, '00001' => 1, '00010' => 2, '011001' => 3, '011010' => 4, '011011' => 5);
    my $text = '';
    $text .= $digit{$1} while $bits =~ s/^(00000|00001|00010|011001|011010|011011)//;
    return $text;
}

# through a real client first
my $curl =
    `curl -s -o /dev/null -w '%{http_code} %{http_version}' --http2-prior-knowledge -H 'Authorization: Bearer good' http://127.0.0.1:$port/t`;
is $curl, '200 2', 'curl';
$curl =
    `curl -s -w ' %{http_code}' --http2-prior-knowledge -H 'Authorization: Bearer good' --data-binary 'hello' http://127.0.0.1:$port/t`;
is $curl, 'body:hello 200', 'curl with a body';
{
    # not by curl, whose 7.88 takes a refusal before the body's end for an error (of `deny all`, too)
    my $socket = open_h2();
    print {$socket} headers(1, 'bad', method => 'POST', body => 1), frame(0, 1, 1, 'hello');
    is read_h2($socket, 1)->{1}, 401, 'a refused request with a body';
}
{
    my $socket  = open_h2();
    my @streams = map { 2 * $_ + 1 } 0 .. 49;
    print {$socket} map { headers($_, 'good-slow-1') } @streams;
    ok eventually(sub { calls_for('good-slow-1') }), '50 streams want one token';
    release('good-slow-1');
    is_deeply read_h2($socket, @streams), { map { $_ => 200 } @streams }, '... and get it';
    is calls_for('good-slow-1'), 1, '... by one call';
}
{
    my $socket  = open_h2();
    my @streams = map { 2 * $_ + 1 } 0 .. 49;
    print {$socket} map { headers($_, $_ % 4 == 1 ? "good-$_" : "bad-$_") } @streams;
    is_deeply read_h2($socket, @streams), { map { $_ => $_ % 4 == 1 ? 200 : 401 } @streams },
        '50 streams with tokens of their own';
}
{
    my $socket  = open_h2();
    my @streams = map { 2 * $_ + 1 } 0 .. 19;
    print {$socket} map { headers($_, 'good-slow-2') } @streams;
    ok eventually(sub { calls_for('good-slow-2') }), '20 streams wait';
    my @gone = grep { $_ % 4 == 1 } @streams;    # the first of them, which asks, among them
    print {$socket} map { frame(3, 0, $_, pack 'N', 8) } @gone;
    print {$socket} headers(101, 'good', path => '/free');
    is read_h2($socket, 101)->{101}, 204, '... half of them are reset';
    release('good-slow-2');
    my @left = grep { $_ % 4 != 1 } @streams;
    is_deeply read_h2($socket, @left), { map { $_ => 200 } @left }, '... the others are answered';
    is calls_for('good-slow-2'), 1, '... by the one call';
}
{
    my $socket = open_h2();
    print {$socket} headers(1, 'good-slow-3', method => 'POST', body => 1),
        frame(0, 0, 1, 'first ');
    ok eventually(sub { calls_for('good-slow-3') }), 'a stream waits with half a body';
    print {$socket} frame(0, 1, 1, 'second');
    release('good-slow-3');
    is read_h2($socket, 1)->{1},       200,            '... and is answered';
    is + ($upstream->calls)[-1]{body}, 'first second', '... with the whole body';
}
{
    my $socket = open_h2();
    print {$socket} map { headers($_, "good-slow-4") } 1, 3, 5;
    ok eventually(sub { calls_for('good-slow-4') }), 'streams wait';
    close $socket;
    release('good-slow-4');
    is request($nginx->{port2}, 'GET /t', Authorization => 'Bearer good-slow-4')->{status}, 200,
        '... whose connection goes: others get the answer';
    is calls_for('good-slow-4'), 1, '... of the one call';
}
# B128; in HTTP/2 nginx leaves white space before a value as it is
for my $value ('Bearer forged', ' Bearer forged', "\tbearer forged", "\x0bBearer forged") {
    my $shown  = $value =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger;
    my $socket = open_h2();
    print {$socket} headers(1, '', path => '/signed?none', authorization => $value),
        headers(3, '', path => '/signed?token', authorization => $value, x_token => 'any');
    is_deeply read_h2($socket, 1, 3), { 1 => 200, 3 => 200 }, "introspected: [$shown]";
    my %sent = map { $_->{target} => Issuer::header($_, 'Authorization') }
        grep { $_->{target} =~ /signed/ } $upstream->calls;
    is $sent{'/signed?none'},  undef,              '... without a token it is removed';
    is $sent{'/signed?token'}, "Bearer $response", '... with one it gives way';
}
{
    # reset at once, again and again
    for (1 .. 20) {
        my $socket = open_h2();
        print {$socket}
            map { (headers(2 * $_ + 1, "good-r$_"), frame(3, 0, 2 * $_ + 1, pack 'N', 8)) } 0 .. 29;
        print {$socket} headers(201, 'good', path => '/free');
        is read_h2($socket, 201)->{201}, 204, 'streams that are reset at once' if $_ == 20;
    }
    is request($nginx->{port2}, 'GET /t', Authorization => 'Bearer good-r1')->{status}, 200,
        '... do no harm';
}

$nginx->stop;
done_testing;
