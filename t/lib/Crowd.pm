package Crowd;

# Many HTTP clients at a time in one process.
#
#   my @answers = Crowd::ask($port, [map { { token => "t$_" } } 1 .. 200]);
#
# A request has path (default /), token, and headers, a reference to pairs. Each goes over a
# connection of its own. An answer, in the order of the requests, has status, headers, body, and its
# time: begun, ended. Its status is 0 when no complete response came; `failure` says what did.
#
#   my $load = Crowd->load($port, 50, sub { return { token => 'abc', expect => [200] } });
#   my $seen = $load->finish;
#
# lets that many clients ask one after the other in a process of its own, until finish(). What it
# gives: requests, by status, `unexpected` (texts; an answer with a status that was not in `expect`,
# or none at all), the longest time. What a request has to be is up to the function, which gets the
# number of the request.

use strict;
use warnings;

use Errno qw(EAGAIN EINTR EINPROGRESS);
use JSON::PP;
use Loopback;
use POSIX  ();
use Socket qw(:DEFAULT IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);

my %running;

sub text_of {
    my ($request) = @_;
    my $text    = 'GET ' . ($request->{path} // '/') . " HTTP/1.1\r\nHost: localhost\r\n";
    my @headers = @{ $request->{headers} // [] };
    $text .= "Authorization: Bearer $request->{token}\r\n" if defined $request->{token};
    while (my ($name, $value) = splice @headers, 0, 2) { $text .= "$name: $value\r\n" }
    return "${text}Connection: close\r\n\r\n";
}

# A connection with the request sent; undef and $! when there is none.
sub open_request {
    my ($port, $request) = @_;
    socket my $socket, PF_INET, SOCK_STREAM, 0 or return undef;
    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;
    connect $socket, pack_sockaddr_in($port, INADDR_LOOPBACK) or return undef;
    binmode $socket;
    local $SIG{PIPE} = 'IGNORE';
    syswrite $socket, text_of($request);
    $socket->blocking(0);
    return $socket;
}

# The answer in a buffer when it is complete, else undef. `ended`: nothing more comes.
sub parse {
    my ($buffer, $ended) = @_;
    my $failure = $ended ? (length $buffer ? 'cut off' : 'closed without an answer') : undef;
    if ($buffer =~ m{\AHTTP/1\.1 (\d+)[^\r\n]*\r\n(.*?)\r\n\r\n}s) {
        my ($status, $lines, $start) = ($1, $2, $+[0]);
        my %headers = map { /^([^:]+):\s*(.*)$/ ? (lc $1, $2) : () } split /\r\n/, $lines;
        my $body    = substr $buffer, $start;
        my $length  = $headers{'content-length'};
        my $whole =
              defined $length ? length $body >= $length
            : lc($headers{'transfer-encoding'} // '') eq 'chunked' ? $body =~ /(?:\A|\r\n)0\r\n\r\n\z/
            :                                                        $ended;
        return { status => $status, headers => \%headers, body => $body } if $whole;
    }
    return $ended ? { status => 0, headers => {}, body => '', failure => $failure } : undef;
}

# Runs requests from next() until it has none, `at_once` at a time; each goes with its answer to
# done().
sub run {
    my ($port, $at_once, $seconds, $next, $done) = @_;
    my (%slots, $more);
    $more = 1;
    my $read  = '';
    my $until = time + $seconds * patience();
    my $settle = sub {
        my ($slot, $answer) = @_;
        $answer->{begun} = $slot->{begun};
        $answer->{ended} = time;
        $done->($slot->{request}, $answer);
    };
    while (1) {
        while ($more && keys %slots < $at_once) {
            my $request = $next->();
            if (!$request) {
                $more = 0;
                last;
            }
            my $slot    = { request => $request, begun => time, buffer => '' };
            my $socket  = open_request($port, $request);
            if (!$socket) {
                $settle->($slot,
                    { status => 0, headers => {}, body => '', failure => "no connection: $!" });
                next;
            }
            $slot->{socket} = $socket;
            $slots{ fileno $socket } = $slot;
            vec($read, fileno $socket, 1) = 1;
        }
        last if !%slots;
        my $ready = $read;
        my $count = select $ready, undef, undef, 0.2;
        my $late  = time > $until;
        next if $count <= 0 && !$late;
        for my $fd (keys %slots) {
            my $slot  = $slots{$fd};
            my $ended = 0;
            if ($count > 0 && vec $ready, $fd, 1) {
                my $got = sysread $slot->{socket}, $slot->{buffer}, 65536, length $slot->{buffer};
                next if !defined $got && ($! == EAGAIN || $! == EINTR);
                $ended = !$got;
            }
            elsif (!$late) { next }
            my $answer = parse($slot->{buffer}, $ended);
            $answer //= { status => 0, headers => {}, body => '', failure => 'too late' } if $late;
            next if !$answer;
            vec($read, $fd, 1) = 0;
            delete $slots{$fd};
            close $slot->{socket};
            $settle->($slot, $answer);
        }
        $more = 0 if $late;
    }
}

sub ask {
    my ($port, $requests, %options) = @_;
    my @answers;
    my $n     = 0;
    my @queue = map { { %$_, n => $n++ } } @$requests;
    run($port, $options{at_once} // scalar @queue, $options{seconds} // 30,
        sub { shift @queue },
        sub { my ($request, $answer) = @_; $answers[$request->{n}] = $answer });
    return @answers;
}

# How many answers have each status.
sub tally {
    my %tally;
    $tally{ $_->{status} || $_->{failure} }++ for @_;
    return \%tally;
}

sub load {
    my ($class, $port, $clients, $next, %options) = @_;
    pipe my $near, my $far or die "pipe: $!\n";

    # The wish to end is looked for between requests: a signal caught would interrupt a connect.
    my $term    = POSIX::SigSet->new(POSIX::SIGTERM());
    my $before  = POSIX::SigSet->new;
    my $pending = POSIX::SigSet->new;
    POSIX::sigprocmask(POSIX::SIG_BLOCK(), $term, $before) or die "sigprocmask: $!\n";
    my $pid = fork // die "fork: $!\n";
    if ($pid == 0) {
        close $near;
        alarm 300 * patience();
        my %seen = (requests => 0, by => {}, unexpected => [], unexpected_count => 0, longest => 0);
        my $n    = 0;
        srand $$;
        run($port, $clients, 240,
            sub {
                POSIX::sigpending($pending);
                return $pending->ismember(POSIX::SIGTERM()) ? undef : $next->($n++);
            },
            sub {
                my ($request, $answer) = @_;
                my $took = $answer->{ended} - $answer->{begun};
                $seen{requests}++;
                $seen{by}{ $answer->{status} || $answer->{failure} }++;
                $seen{longest} = $took if $took > $seen{longest};
                my $fine = grep { $_ eq ($answer->{status} || $answer->{failure}) }
                    @{ $request->{expect} // [200] };
                return if $fine;
                $seen{unexpected_count}++;
                push @{ $seen{unexpected} }, sprintf '%s %s: %s after %.3f s', $request->{path} // '/',
                    $request->{token} // '-', $answer->{status} || $answer->{failure}, $took
                    if @{ $seen{unexpected} } < 10;
            });
        syswrite $far, encode_json(\%seen);
        POSIX::_exit(0);
    }
    POSIX::sigprocmask(POSIX::SIG_SETMASK(), $before);
    close $far;
    $running{$pid} = $$;
    return bless { pid => $pid, pipe => $near }, $class;
}

sub finish {
    my ($self) = @_;
    delete $running{ $self->{pid} };
    kill TERM => $self->{pid};
    local $/;
    my $text = readline $self->{pipe};
    waitpid $self->{pid}, 0;
    return decode_json($text || '{"unexpected":["the load was lost"],"unexpected_count":1}');
}

END {
    local $?;
    for my $pid (keys %running) {
        next if $running{$pid} != $$;
        kill KILL => $pid;
        waitpid $pid, 0;
    }
}

1;
