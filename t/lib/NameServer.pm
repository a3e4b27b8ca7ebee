package NameServer;

# A DNS server on loopback. It answers A queries from a file that the test may change at any time:
# a line "name address...", "name NXDOMAIN", "name SERVFAIL" or "name DROP" (no answer at all).

use strict;
use warnings;

use File::Temp;
use IO::Socket::INET;
use POSIX ();

my %running;

sub start {
    my ($class, %names) = @_;
    my $socket = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1') or die "$@\n";
    my $self   = bless { port => $socket->sockport, dir => File::Temp->newdir }, $class;
    $self->set(%names);
    my $pid = fork // die "fork: $!\n";
    if ($pid == 0) {
        serve($socket, "$self->{dir}/names", "$self->{dir}/queries");
        POSIX::_exit(0);
    }
    $running{$pid} = $$;
    $self->{pid} = $pid;
    return $self;
}

sub address { return "127.0.0.1:$_[0]{port}" }

# Replaces all names.
sub set {
    my ($self, %names) = @_;
    open my $file, '>', "$self->{dir}/new" or die "$!";
    print {$file} "$_ $names{$_}\n" for keys %names;
    close $file;
    rename "$self->{dir}/new", "$self->{dir}/names" or die "$!";
}

# How many A queries for the name came.
sub queries {
    my ($self, $name) = @_;
    open my $file, '<', "$self->{dir}/queries" or return 0;
    return scalar grep { $_ eq "$name 1\n" } <$file>;
}

sub serve {
    my ($socket, $names, $queries) = @_;
    while (my $from = recv $socket, my $query, 512, 0) {
        my ($id, undef, $count) = unpack 'n3', $query;
        my ($at, @labels) = (12);
        while (my $length = ord substr $query, $at, 1) {
            push @labels, substr $query, $at + 1, $length;
            $at += 1 + $length;
        }
        my $name   = lc join '.', @labels;
        my ($type) = unpack 'n', substr $query, $at + 1, 2;
        open my $log, '>>', $queries;
        syswrite $log, "$name $type\n";
        open my $file, '<', $names or next;
        my %names = map {/^(\S+) (.*)$/} <$file>;
        my $value = $names{$name} // 'NXDOMAIN';
        next if $value eq 'DROP';
        my %code      = (NXDOMAIN => 3, SERVFAIL => 2);
        my @addresses = $code{$value} || $type != 1 ? () : split ' ', $value;
        my $reply =
              pack('n6', $id, 0x8180 | ($code{$value} // 0), 1, scalar @addresses, 0, 0)
            . substr($query, 12, $at + 5 - 12)
            . join '', map { pack('n3Nn', 0xc00c, 1, 1, 1, 4) . octets($_) } @addresses;
        send $socket, $reply, 0, $from;
    }
}

sub octets { return pack 'C4', split /\./, $_[0] }

END {
    local $?;
    for my $pid (keys %running) {
        next if $running{$pid} != $$;
        kill TERM => $pid;
        waitpid $pid, 0;
    }
}

1;
