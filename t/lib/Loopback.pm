package Loopback;

# What the tests' own servers and clients share: ports, waiting, an HTTP/1.1 client.

use strict;
use warnings;

use Exporter 'import';
use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(free_port eventually patience connect_to send_request read_response request);

# How much longer everything may take under Valgrind and the sanitizers.
sub patience {
    my %factor = (valgrind => 10, asan => 3);
    return $factor{ $ENV{TEST_NGINX_CHECK} // 'plain' } // ($ENV{TEST_NGINX_USE_VALGRIND} ? 10 : 1);
}

my $next_port = $ENV{TEST_NGINX_PORT} ? $ENV{TEST_NGINX_PORT} + 1 : 0;

# A loopback port nobody listens on: from the range that tools/prove gives this file, if any.
sub free_port {
    for (1 .. 200) {
        my $probe = IO::Socket::INET->new(
            LocalAddr => '127.0.0.1',
            LocalPort => $next_port ? $next_port++ : 0,
            Listen    => 1,
            ReuseAddr => 1
        ) or next;
        return $probe->sockport;
    }
    die "no free port on 127.0.0.1\n";
}

# Waits until the condition holds and gives its value; false when it takes too long.
sub eventually(&;$) {
    my ($condition, $seconds) = @_;
    my $until = time + ($seconds // 60) * patience();
    while (1) {
        my $value = $condition->();
        return $value if $value || time > $until;
        sleep 0.01;
    }
}

sub connect_to {
    my ($port) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 10)
        or die "cannot connect to 127.0.0.1:$port: $@\n";
    $socket->autoflush(1);
    return $socket;
}

# send_request($socket, 'GET /path', header => value...): closes afterwards unless told otherwise.
sub send_request {
    my ($socket, $line, @headers) = @_;
    my ($text, $body) = ("$line HTTP/1.1\r\nHost: localhost\r\n", '');
    my $connection = 'close';
    push @{ ${*$socket}{loopback_methods} }, $line =~ /^(\S+)/;
    while (my ($name, $value) = splice @headers, 0, 2) {
        if ($name eq 'body') {
            $body = $value;
            $text .= 'Content-Length: ' . length($value) . "\r\n";
        }
        elsif (lc $name eq 'connection') { $connection = $value }
        else                             { $text .= "$name: $value\r\n" }
    }
    print {$socket} "${text}Connection: $connection\r\n\r\n$body";
    return $socket;
}

# Reads one response: { status, headers (lower case), body }, or undef when it does not come.
sub read_response {
    my ($socket, $seconds) = @_;
    my $until  = time + ($seconds // 60) * patience();
    my $select = IO::Select->new($socket);
    my $buffer = \(${*$socket}{loopback_rest} //= '');
    my $more   = sub {
        my $left = $until - time;
        return 0 if $left <= 0 || !$select->can_read($left);
        return sysread $socket, $$buffer, 65536, length $$buffer;
    };
    while ($$buffer !~ /\r\n\r\n/) { $more->() or return undef }
    $$buffer =~ s/\A(.*?)\r\n\r\n//s;
    my ($line, @lines) = split /\r\n/, $1;
    my %headers;
    for (@lines) {
        my ($name, $value) = /^([^:]+):\s*(.*)$/ or next;
        $name = lc $name;
        $headers{$name} = exists $headers{$name} ? "$headers{$name}, $value" : $value;
    }
    my ($status) = $line =~ m{^HTTP/\d\.\d (\d+)};
    my $body     = '';
    my $final    = ($status // 0) >= 200;
    my $method   = $final ? shift @{ ${*$socket}{loopback_methods} // [] } : '';
    if (!$final || $status == 204 || $status == 304 || ($method // '') eq 'HEAD') {
        # no body
    } elsif (lc($headers{'transfer-encoding'} // '') eq 'chunked') {
        while (1) {
            while ($$buffer !~ /\r\n/) { $more->() or return undef }
            $$buffer =~ s/\A([0-9a-f]+)[^\r\n]*\r\n//i or return undef;
            my $size = hex $1;
            while (length $$buffer < $size + 2) { $more->() or return undef }
            $body .= substr $$buffer, 0, $size;
            substr($$buffer, 0, $size + 2) = '';
            last if $size == 0;
        }
    } elsif (defined $headers{'content-length'}) {
        while (length $$buffer < $headers{'content-length'}) { $more->() or return undef }
        $body = substr $$buffer, 0, $headers{'content-length'}, '';
    } else {
        1 while $more->();
        ($body, $$buffer) = ($$buffer, '');
    }
    return { status => $status, headers => \%headers, body => $body };
}

# One request on a connection of its own.
sub request {
    my ($port, $line, @headers) = @_;
    return read_response(send_request(connect_to($port), $line, @headers));
}

1;
