package ScriptedIssuer;

# An issuer for crowds and faults: one process with a loop, any number of endpoints (ports), each
# with a behaviour that the test changes while it runs.
#
#   my $issuer = ScriptedIssuer->start(endpoints => 2, texts => { gzip => "HTTP/1.1 200 OK\r\n..." });
#   $issuer->url(1);               # of the second endpoint
#   $issuer->behave('hang', 1);    # from now on; without a number: all endpoints
#   $issuer->calls(1);             # how many requests came to it
#   $issuer->calls_for('abc', 1);  # ... with this token, or for this path
#
# Behaviours:
#
#   ok               answers at once
#   delay MS         answers later
#   hold             answers as soon as it behaves otherwise
#   refuse           no connection is accepted, those there are closed
#   reset, close     the connection ends instead of an answer
#   hang             no answer
#   hang_head        half of the head, no more
#   hang_body        half of the body, no more
#   say NAME         the text of that name
#   cut NAME         the same, then the connection is closed
#
# Tokens say what they are: bad… is inactive, exp-SECONDS… has that exp, all others are active. A GET
# gets `keys`, by default a key set with the test suite's secret. `answer`, if given, is asked first:
# it takes (method, target, token, number of the endpoint's calls) and gives a body or undef. With
# `forgetful` it only counts its calls.

use strict;
use warnings;

use IO::Handle;
use IO::Socket::INET;
use JSON::PP;
use Loopback;
use MIME::Base64 qw(encode_base64url);
use POSIX        ();
use Socket;
use Time::HiRes qw(time);

my $json = JSON::PP->new->canonical->latin1;
my %running;

our $SECRET = 'a secret of the test suite, long enough';

sub start {
    my ($class, %options) = @_;
    my $count = $options{endpoints} // 1;
    my @ports = map { free_port() } 1 .. $count;
    $options{keys} //=
        $json->encode({ keys => [{ kty => 'oct', k => encode_base64url($SECRET) }] });
    socketpair my $near, my $far, AF_UNIX, SOCK_STREAM, PF_UNSPEC or die "socketpair: $!\n";
    my $pid = fork // die "fork: $!\n";
    if ($pid == 0) {
        setpgrp;
        close $near;
        $SIG{PIPE} = 'IGNORE';
        $SIG{TERM} = 'DEFAULT';
        open STDIN,  '<', '/dev/null';
        open STDOUT, '>', '/dev/null';
        eval { serve($far, \@ports, \%options) };
        warn $@ if $@;
        POSIX::_exit(0);
    }
    close $far;
    $near->autoflush(1);
    $running{$pid} = $$;
    my $self = bless { pid => $pid, ports => \@ports, control => $near }, $class;
    $self->behave('ok');
    return $self;
}

sub port { return $_[0]{ports}[$_[1] // 0] }
sub url  { return "http://127.0.0.1:" . $_[0]->port($_[1]) . ($_[2] // '/introspect') }

sub command {
    my ($self, @words) = @_;
    print { $self->{control} } $json->encode(\@words) . "\n";
    my $line = readline $self->{control};
    defined $line or die "the issuer has gone\n";
    return $json->decode($line)->[0];
}

sub behave    { my ($self, $how, $n) = @_; return $self->command('behave', $how, $n) }
sub calls     { my ($self, $n) = @_; return $self->command('calls', undef, $n // 0) }
sub calls_for { my ($self, $what, $n) = @_; return $self->command('calls', $what, $n // 0) }
# When they came.
sub times { my ($self, $n) = @_; return @{ $self->command('times', undef, $n // 0) } }
# The target of the last call with this token.
sub target_of { my ($self, $what, $n) = @_; return $self->command('target', $what, $n // 0) }
# Requests that it holds (see behave) and that have no answer yet.
sub held { my ($self, $n) = @_; return $self->command('held', undef, $n // 0) }
# A new text for GET.
sub keys { my ($self, $text) = @_; return $self->command('keys', $text) }

sub answer {
    my ($status, $body, %headers) = @_;
    $headers{'Content-Length'} //= length $body;
    $headers{'Content-Type'}   //= 'application/json';
    return "HTTP/1.1 $status\r\n"
        . join('', map {"$_: $headers{$_}\r\n"} grep { $headers{$_} ne '' } sort { $a cmp $b } CORE::keys %headers)
        . "\r\n$body";
}

# --- the process ---------------------------------------------------------------------------------

sub serve {
    my ($control, $ports, $options) = @_;
    my @endpoints = map { { port => $_, how => 'refuse', calls => 0, for => {} } } @$ports;
    my (%listener, %connection, @later);
    my $read = '';
    vec($read, fileno $control, 1) = 1;
    my $orders = '';

    my $close = sub {
        my ($connection, $reset) = @_;
        my $fd = fileno $connection->{socket};
        vec($read, $fd, 1) = 0;
        delete $connection{$fd};
        $connection->{gone} = 1;
        setsockopt $connection->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0) if $reset;
        close $connection->{socket};
    };
    my $listen = sub {
        my ($endpoint) = @_;
        return if $endpoint->{listener};
        my $socket = IO::Socket::INET->new(
            LocalAddr => '127.0.0.1',
            LocalPort => $endpoint->{port},
            Listen    => 4096,
            ReuseAddr => 1
        ) or die "cannot listen on $endpoint->{port}: $@\n";
        $socket->blocking(0);
        $endpoint->{listener} = $socket;
        $listener{ fileno $socket } = $endpoint;
        vec($read, fileno $socket, 1) = 1;
    };
    my $refuse = sub {
        my ($endpoint) = @_;
        if (my $socket = delete $endpoint->{listener}) {
            vec($read, fileno $socket, 1) = 0;
            delete $listener{ fileno $socket };
            close $socket;
        }
        $close->($_) for grep { $_->{endpoint} == $endpoint } values %connection;
    };
    my $put = sub {
        my ($connection, $text) = @_;
        my $socket = $connection->{socket};
        $socket->blocking(1);
        syswrite $socket, $text;
        $socket->blocking(0);
    };
    my $body = sub {
        my ($call) = @_;
        my $own = $options->{answer} && $options->{answer}->(@$call{qw(method target token number)});
        return $own                              if defined $own;
        return $options->{keys}                  if $call->{method} eq 'GET';
        return '{"active":false}'                if $call->{token} =~ /^bad/;
        return "{\"active\":true,\"exp\":$1}"    if $call->{token} =~ /^exp-(\d+)/;
        return "{\"active\":true,\"sub\":\"" . substr($call->{token}, 0, 64) . '"}';
    };
    my $respond;
    $respond = sub {
        my ($connection, $call, $how) = @_;
        return if $connection->{gone};
        my ($verb, $what) = split / /, $how, 2;
        $connection->{waits} = undef;
        if    ($verb eq 'ok')    { $put->($connection, answer('200 OK', $body->($call))) }
        elsif ($verb eq 'delay') { 
            @later = sort { $a->[0] <=> $b->[0] } @later, [time + $what / 1000, $connection, $call];
        }
        elsif ($verb eq 'hold')  { $connection->{waits} = $call }
        elsif ($verb eq 'say')   { $put->($connection, $options->{texts}{$what}) }
        elsif ($verb eq 'cut') {
            $put->($connection, $options->{texts}{$what});
            $close->($connection);
        }
        elsif ($verb eq 'hang') { }
        elsif ($verb eq 'hang_head') { $put->($connection, "HTTP/1.1 200 OK\r\nContent-Ty") }
        elsif ($verb eq 'hang_body') {
            my $text = answer('200 OK', $body->($call));
            $put->($connection, substr $text, 0, length($text) - 8);
        }
        else { $close->($connection, $verb eq 'reset') }
    };
    my $receive = sub {
        my ($connection) = @_;
        my $buffer = \$connection->{buffer};
        my $got    = sysread $connection->{socket}, $$buffer, 65536, length $$buffer;
        return if !defined $got && ($!{EAGAIN} || $!{EINTR});
        return $close->($connection) if !$got;
        while ($$buffer =~ /\A(.*?)\r\n\r\n/s) {
            my ($head, $end) = ($1, $+[0]);
            my ($length) = $head =~ /^content-length:\s*(\d+)/mi;
            return if length $$buffer < $end + ($length // 0);
            my ($method, $target) = split / /, $head;
            my $form = substr $$buffer, $end, $length // 0;
            substr($$buffer, 0, $end + ($length // 0)) = '';
            my ($token) = $form =~ /(?:^|&)token=([^&]*)/;
            my $endpoint = $connection->{endpoint};
            $endpoint->{calls}++;
            if (!$options->{forgetful}) {
                push @{ $endpoint->{times} }, time;
                $endpoint->{for}{ $token // $target }++;
                $endpoint->{target}{ $token // $target } = $target;
            }
            $respond->(
                $connection,
                {
                    method => $method,
                    target => $target,
                    token  => $token // '',
                    number => $endpoint->{calls}
                },
                $endpoint->{how}
            );
            return if $connection->{gone};
        }
    };
    my $order = sub {
        my ($verb, $what, $n) = @_;
        my $endpoint = $endpoints[$n // 0];
        if ($verb eq 'calls') {
            return defined $what ? $endpoint->{for}{$what} // 0 : $endpoint->{calls};
        }
        if ($verb eq 'times')  { return $endpoint->{times} // [] }
        if ($verb eq 'target') { return $endpoint->{target}{$what} }
        if ($verb eq 'held') {
            return scalar grep { $_->{endpoint} == $endpoint && $_->{waits} } values %connection;
        }
        if ($verb eq 'keys') { $options->{keys} = $what; return 1 }
        for my $endpoint (defined $n ? $endpoint : @endpoints) {
            $endpoint->{how} = $what;
            if   ($what eq 'refuse') { $refuse->($endpoint) }
            else                     { $listen->($endpoint) }
            for my $connection (grep { $_->{endpoint} == $endpoint && $_->{waits} }
                values %connection)
            {
                $respond->($connection, $connection->{waits}, $what);
            }
        }
        return 1;
    };
    while (1) {
        my $wait = @later ? $later[0][0] - time : undef;
        $wait = 0 if defined $wait && $wait < 0;
        my $ready = $read;
        my $count = select $ready, undef, undef, $wait;
        while (@later && $later[0][0] <= time) {
            my (undef, $connection, $call) = @{ shift @later };
            $respond->($connection, $call, 'ok');
        }
        next if $count <= 0;
        if (vec $ready, fileno $control, 1) {
            sysread $control, $orders, 65536, length $orders or return;
            while ($orders =~ s/\A(.*)\n//) {
                syswrite $control, $json->encode([$order->(@{ $json->decode($1) })]) . "\n";
            }
        }
        for my $fd (grep { vec $ready, $_, 1 } CORE::keys %connection) {
            $receive->($connection{$fd}) if $connection{$fd};
        }
        for my $fd (grep { vec $ready, $_, 1 } CORE::keys %listener) {
            my $endpoint = $listener{$fd} or next;
            while (accept my $socket, $endpoint->{listener}) {
                $socket->blocking(0);
                vec($read, fileno $socket, 1) = 1;
                $connection{ fileno $socket } =
                    { socket => $socket, endpoint => $endpoint, buffer => '' };
            }
        }
    }
}

sub stop {
    my ($self) = @_;
    if (delete $running{ $self->{pid} }) {
        kill TERM => $self->{pid};
        waitpid $self->{pid}, 0;
    }
}

END {
    local $?;
    for my $pid (CORE::keys %running) {
        next if $running{$pid} != $$;
        kill TERM => $pid;
        waitpid $pid, 0;
    }
}

1;
