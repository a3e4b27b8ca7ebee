package NginxProcess;

# An nginx of the test's own, with workers, on free loopback ports and in a temporary directory, for
# what Test::Nginx's blocks are too stiff for: concurrency, signals, reload.
#
#   my $nginx = NginxProcess->start(http => <<"...", workers => 2, files => { name => 'text' });
#   $nginx->get('/path', Authorization => 'Bearer x')->{status};
#
# Options besides these: main (text before events), connections (worker_connections, default 1024).
# In the text %PORT% stands for the first port, %PORT2% for another one, %DIR% for the directory.
# Relative names of files count from there, too.

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Path     qw(make_path);
use File::Temp;
use Loopback;
use Test::More ();

my %running;

# What start() begins with: directory, ports, files.
sub prepare {
    my ($class, %options) = @_;
    my $dir = File::Temp->newdir('nginx-XXXXXX', TMPDIR => 1);
    chmod 0755, "$dir";
    my $self = bless {
        dir      => $dir,
        options  => \%options,
        expected => qr{(?!)},
        port     => free_port(),
        port2    => free_port(),
    }, $class;
    $self->write($_, $options{files}{$_}) for sort keys %{ $options{files} // {} };
    $self->configure($options{http}, $options{main});
    return $self;
}

# What `nginx -t` says of the configuration and the files that are there now; the last line tells
# whether it is good. Needs no start.
sub check {
    my ($self) = @_;
    delete local $ENV{NGINX};
    open my $out, '-|', binary() . " -t -p $self->{dir}/ -c $self->{dir}/nginx.conf -e stderr 2>&1 </dev/null"
        or die "nginx -t: $!\n";
    my $text = do { local $/; <$out> // '' };
    close $out;
    return $text;
}

# The sentence of check() that refuses the configuration, without the directory and without the line of
# nginx.conf; '' when all is good. `http` and files replace what is there.
sub complaint {
    my ($self, $http, %files) = @_;
    $self->write($_, $files{$_}) for sort keys %files;
    $self->configure($http) if defined $http;
    my $said = $self->check;
    return '' if $said =~ /test is successful/;
    return $said if $said !~ /\[emerg\] \d+#\d+: (.*?)(?: in \Q$self->{dir}\E\/nginx\.conf:\d+)?$/m;
    return $1 =~ s/\Q$self->{dir}\E\///gr;
}

sub start {
    my ($class, %options) = @_;
    return $class->prepare(%options)->run;
}

# Starts what is prepared.
sub run {
    my ($self) = @_;
    my $dir = $self->{dir};
    my $pid = fork // die "fork: $!\n";
    if ($pid == 0) {
        setpgrp;
        open STDIN,  '<',  '/dev/null';
        open STDOUT, '>',  "$dir/stdout";
        open STDERR, '>&', \*STDOUT;
        delete $ENV{NGINX};
        exec binary(), '-p', "$dir/", '-c', "$dir/nginx.conf", '-e', "$dir/error.log";
        die "exec: $!\n";
    }
    $self->{pid} = $pid;
    $running{$pid} = $$;
    # with reuseport, the first socket may be open before the others are
    my $workers = $self->{options}{workers} // 1;
    $self->listening($self->{port})
        && eventually { $self->count_in_log(qr/start worker process \d+$/) >= $workers }
        or die "nginx does not start:\n" . $self->log;
    return $self;
}

sub binary { return $ENV{TEST_NGINX_BINARY} || 'nginx' }

# Writes the configuration; takes effect with the start or a reload.
sub configure {
    my ($self, $http, $main) = @_;
    my %options = %{ $self->{options} };
    my $dir     = $self->{dir};
    $main //= $options{main} // '';
    my $workers = $options{workers} // 1;
    my $modules = join '', map {"load_module $_;\n"} split ' ', $ENV{TEST_NGINX_LOAD_MODULES} // '';
    my $user    = $> == 0 ? 'user root;' : '';
    my $text    = <<"END";
$modules$user
daemon off;
master_process on;
worker_processes $workers;
pid %DIR%/nginx.pid;
error_log %DIR%/error.log info;
$main
events {
    worker_connections @{[ $options{connections} // 1024 ]};
}
http {
    access_log %DIR%/access.log;
    client_body_temp_path %DIR%/client_body;
    proxy_temp_path %DIR%/proxy;
    fastcgi_temp_path %DIR%/fastcgi;
    uwsgi_temp_path %DIR%/uwsgi;
    scgi_temp_path %DIR%/scgi;
$http
}
END
    my %value = (DIR => "$dir", PORT => $self->{port}, PORT2 => $self->{port2});
    $text =~ s/%(DIR|PORT2?)%/$value{$1}/g;
    $self->write('nginx.conf', $text);
    return $self;
}

# A file below the directory; replaced at once.
sub write {
    my ($self, $name, $text) = @_;
    make_path(dirname("$self->{dir}/$name"));
    open my $file, '>', "$self->{dir}/$name.new" or die "$name: $!";
    print {$file} $text;
    close $file;
    rename "$self->{dir}/$name.new", "$self->{dir}/$name" or die "$name: $!";
    return "$self->{dir}/$name";
}

sub port { return $_[0]{port} }
sub dir  { return "$_[0]{dir}" }

sub listening {
    my ($self, $port) = @_;
    return eventually {
        return undef if waitpid($self->{pid}, POSIX::WNOHANG()) != 0;
        IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
    };
}

sub get {
    my ($self, $path, @headers) = @_;
    return request($self->{port}, "GET $path", @headers);
}

# The text of the error log, and how many of its lines match.
sub log {
    my ($self) = @_;
    my $text = '';
    for my $name ('stdout', 'error.log') {
        open my $file, '<', "$self->{dir}/$name" or next;
        local $/;
        $text .= <$file> // '';
    }
    return $text;
}

sub count_in_log {
    my ($self, $pattern) = @_;
    return scalar grep { $_ =~ $pattern } split /\n/, $self->log;
}

# The pids of the workers that are not on their way out.
sub workers {
    my ($self) = @_;
    my @pids;
    for my $path (glob '/proc/[0-9]*/stat') {
        open my $file, '<', $path or next;
        my $stat = <$file> // next;
        my ($pid, $parent) = $stat =~ /^(\d+) \(.*\) \S (\d+)/ or next;
        push @pids, $pid if $parent == $self->{pid};
    }
    return @pids;
}

# True once each worker has served another request after all those sent before: a worker takes up
# what came first, so that those are all under way. Needs a location /free that adds the header
# Worker with $pid, and `listen … reuseport`.
sub caught_up {
    my ($self) = @_;
    my %served;
    return eventually {
        $served{ $self->get('/free')->{headers}{worker} } = 1;
        keys %served == $self->{options}{workers};
    };
}

# Reloads, and waits until only new workers accept connections. False when it does not come to that.
sub reload {
    my ($self) = @_;
    my @old = $self->workers;
    kill HUP => $self->{pid};
    return eventually {
        my $log = $self->log;
        !grep { $log !~ / $_#\d+: gracefully shutting down$/m } @old;
    };
}

# Stops it and fails the test when the log tells of a crash or a bug.
sub stop {
    my ($self) = @_;
    delete $running{ $self->{pid} } or return;
    kill QUIT => $self->{pid};
    my $gone = eventually { waitpid($self->{pid}, POSIX::WNOHANG()) != 0 };
    if (!$gone) {
        kill KILL => -$self->{pid};
        waitpid $self->{pid}, 0;
    }
    Test::More::ok($gone, 'nginx stops');
    my @bad = grep { /\[(alert|emerg|crit)\]/ && !/$self->{expected}/ } split /\n/, $self->log;
    Test::More::is_deeply(\@bad, [], 'the error log holds no alert');
}

# Lines at alert or above that this test provokes.
sub expect { $_[0]{expected} = $_[1] }

# A test that is stopped stops its nginx, too.
$SIG{$_} = sub { exit 1 } for qw(INT TERM HUP);

END {
    local $?;
    for my $pid (keys %running) {
        next if $running{$pid} != $$;
        kill TERM => $pid;
        waitpid $pid, 0;
    }
}

require POSIX;

1;
