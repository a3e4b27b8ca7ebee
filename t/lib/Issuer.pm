package Issuer;

# An introspection endpoint under the test's control. It records every call. Answers come from a
# handler that runs in a process of its own for each connection:
#
#   my $issuer = Issuer->start(sub {
#       my ($call, $socket) = @_;
#       return Issuer::json('{"active":true}');    # the connection is kept
#       return;                                    # the handler wrote what it wanted: closed
#   });
#
# Without a handler the token itself says what to answer: Issuer::token('{"active":true}').

use strict;
use warnings;

use Fcntl qw(:flock);
use File::Temp;
use IO::Socket::INET;
use JSON::PP;
use Loopback;
use MIME::Base64 qw(encode_base64url decode_base64url);
use POSIX        ();
use Socket       qw(SOL_SOCKET SO_LINGER);

my $json = JSON::PP->new->canonical->latin1;
my %running;

# A token for which the default handler answers this text.
sub token { return encode_base64url($_[0]) }

sub answer {
    my ($status, $body, %headers) = @_;
    my $text = "HTTP/1.1 $status\r\n";
    $headers{'Content-Length'} //= length $body;
    $text .= "$_: $headers{$_}\r\n"
        for grep { defined $headers{$_} && $headers{$_} ne '' } sort keys %headers;
    return "$text\r\n$body";
}

sub json { return answer('200 OK', $_[0], 'Content-Type' => 'application/json') }

# The form of a call, decoded.
sub form {
    my ($call) = @_;
    my %form;
    for (split /&/, $call->{body}) {
        my ($name, $value) = split /=/, $_, 2;
        $value //= '';
        $value =~ tr/+/ /;
        $value =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
        $form{$name} = $value;
    }
    return \%form;
}

# Answers the JSON that the token holds; below /echo with what the issuer saw as a member "seen";
# below /any every token is active.
sub by_token {
    my ($call) = @_;
    return json($json->encode({ active => JSON::PP::true, body => $call->{body} }))
        if $call->{target} =~ m{^/any};
    my $text = decode_base64url(form($call)->{token} // '');
    $text = '{"active":false}' if $text !~ /^\{/;
    if ($call->{target} =~ m{^/echo}) {
        my $seen = $json->encode({ %$call, headers => { map {@$_} @{ $call->{headers} } } });
        $text =~ s/\}\s*\z/,"seen":$seen}/;
    }
    return json($text);
}

# Resets the connection: what is unread and unsent is lost.
sub reset_connection {
    my ($socket) = @_;
    setsockopt $socket, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
    close $socket;
    return;
}

sub start {
    my ($class, $handler) = @_;
    $handler //= \&by_token;
    my $log      = File::Temp->new(TEMPLATE => 'issuer-XXXXXX', TMPDIR => 1);
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 128, ReuseAddr => 1)
        or die "cannot listen: $@\n";
    my $self = bless { port => $listener->sockport, log => $log, owner => $$ }, $class;
    my $pid  = fork // die "fork: $!\n";
    if ($pid == 0) {
        setpgrp;
        $SIG{TERM} = 'DEFAULT';
        $SIG{CHLD} = 'IGNORE';
        $SIG{PIPE} = 'IGNORE';
        open STDIN,  '<', '/dev/null';
        open STDOUT, '>', '/dev/null';
        close STDERR if !$ENV{TI_DEBUG};
        for (my $number = 1;; $number++) {
            my $socket = $listener->accept or next;
            my $child  = fork // next;
            if ($child == 0) {
                close $listener;
                eval { serve($socket, $number, $log->filename, $handler) };
                warn $@ if $@ && $ENV{TI_DEBUG};
                POSIX::_exit(0);
            }
            close $socket;
        }
    }
    close $listener;
    $self->{pid} = $pid;
    $running{$pid} = $self->{owner};
    return $self;
}

sub serve {
    my ($socket, $number, $log, $handler) = @_;
    binmode $socket;
    $socket->autoflush(1);
    my $buffer = '';
    while (1) {
        while ($buffer !~ /\r\n\r\n/) {
            sysread $socket, $buffer, 65536, length $buffer or return;
        }
        $buffer =~ s/\A(.*?)\r\n\r\n//s;
        my ($line, @lines) = split /\r\n/, $1;
        my ($method, $target, $version) = split / /, $line;
        my @headers  = map { /^([^:]+):\s*(.*)$/ ? [lc $1, $2] : () } @lines;
        my ($length) = map { $_->[1] } grep { $_->[0] eq 'content-length' } @headers;
        while (length $buffer < ($length // 0)) {
            sysread $socket, $buffer, 65536, length $buffer or return;
        }
        my $call = {
            method     => $method,
            target     => $target,
            version    => $version,
            headers    => \@headers,
            body       => substr($buffer, 0, $length // 0, ''),
            connection => $number,
        };
        record($call, $log);
        my $reply = $handler->($call, $socket);
        return if !defined $reply;
        print {$socket} $reply;
    }
}

# Appends a call and gives it its number.
sub record {
    my ($call, $log) = @_;
    open my $file, '+>>', $log or die "$log: $!";
    flock $file, LOCK_EX;
    seek $file, 0, 0;
    my $count = () = <$file>;
    $call->{n} = $count + 1;
    syswrite $file, $json->encode($call) . "\n";
    close $file;
}

sub port { return $_[0]{port} }

sub url {
    my ($self, $path) = @_;
    return "http://127.0.0.1:$self->{port}" . ($path // '/introspect');
}

# Every call so far, oldest first.
sub calls {
    my ($self) = @_;
    open my $file, '<', $self->{log}->filename or die "$!";
    flock $file, LOCK_SH;
    return map { $json->decode($_) } <$file>;
}

sub call_count { return scalar(my @calls = $_[0]->calls) }

# The value of a header of a call, undef when it was not sent.
sub header {
    my ($call, $name) = @_;
    my @found = map { $_->[1] } grep { $_->[0] eq lc $name } @{ $call->{headers} };
    return @found ? join(', ', @found) : undef;
}

sub stop {
    my ($self) = @_;
    if (delete $running{ $self->{pid} }) {
        kill TERM => -$self->{pid};
        waitpid $self->{pid}, 0;
    }
}

END {
    local $?;
    for my $pid (keys %running) {
        next if $running{$pid} != $$;
        kill TERM => -$pid;
        waitpid $pid, 0;
    }
}

1;
