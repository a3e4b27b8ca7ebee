# jwks_cache_path: key sets and metadata that outlive nginx.
# valgrind: no, nginx started some forty times; t/jwks_cache_path.t runs the same code

use strict;
use warnings;
use lib 't/lib';

use Loopback;
use NginxProcess;
use ScriptedIssuer;
use Test::More;
use Time::HiRes qw(sleep time stat);
use TokenIntrospect ();

# Every case has an endpoint of its own. The documents are the same for all.
my $metadata;
my $issuer = ScriptedIssuer->start(
    endpoints => 8,
    keys      => TokenIntrospect::jwks(TokenIntrospect::jwk('P-256', kid => 'k')),
    answer    => sub {
        my ($method, $target) = @_;
        return undef if $target !~ m{^/metadata/(\d+)};
        return "{\"issuer\":\"https://idp.test\",\"jwks_uri\":\"http://127.0.0.1:$1/keys\"}";
    }
);
my $jwt   = TokenIntrospect::jwt(-alg => 'ES256', -kid => 'k');
my $other = TokenIntrospect::jwt(-alg => 'ES256', -kid => 'k', sub => 'bob');
my $wrong = TokenIntrospect::jwt(-alg => 'ES256', -kid => 'k', -key => 'P-256/2');

my $nginx;

# name => [endpoint, more directives]
sub http {
    my (%introspectors) = @_;
    my ($blocks, $locations) = ('', '');
    for my $name (sort keys %introspectors) {
        my ($endpoint, $more, $keys) = @{ $introspectors{$name} };
        $keys //= 'jwks_uri ' . $issuer->url($endpoint, '/keys') . ';';
        $blocks .= "token_introspector $name { issuer https://idp.test; $keys "
            . "connect_timeout 1s; send_timeout 1s; read_timeout 1s; $more }\n";
        $locations .= "location /$name { token_introspect $name; try_files /nginx.conf =404; }\n";
    }
    return <<"END";
    jwks_cache_path %DIR%/documents;
    $blocks
    server {
        listen 127.0.0.1:%PORT%;
        root %DIR%;
        $locations
    }
END
}

sub files {
    my @found;
    my @directories = ($nginx->dir . '/documents');
    while (my $directory = shift @directories) {
        for my $path (glob "$directory/*") {
            if   (-d $path) { push @directories, $path }
            else            { push @found, $path }
        }
    }
    @found = sort @found;
    return @found;
}

sub slurp {
    my ($path) = @_;
    open my $in, '<:raw', $path or die "$path: $!";
    local $/;
    return scalar <$in>;
}

# A file without leaving the inode, the owner and the mode.
sub overwrite {
    my ($path, $text) = @_;
    open my $out, '+<:raw', $path or die "$path: $!";
    truncate $out, 0;
    print {$out} $text;
    close $out or die "$path: $!";
}

sub ask {
    my ($name, $token) = @_;
    return $nginx->get("/$name", Authorization => 'Bearer ' . ($token // $jwt))->{status};
}

# nginx with these introspectors, each of which has its documents on disk.
sub start {
    my ($files, %introspectors) = @_;
    $issuer->behave('ok');
    $nginx = NginxProcess->prepare(http => http(%introspectors));
    mkdir $nginx->dir . '/documents', 0700 or die "$!";
    $nginx->run;
    is ask($_), 200, "$_: a JWT passes" for sort keys %introspectors;
    ok eventually(sub { files() == $files }), "... $files on disk" or diag join ' ', files();
}

# A new start of nginx while the issuer is down. Before it, the code may change files.
my $log_size;

sub restart {
    my ($change) = @_;
    $nginx->stop;
    $issuer->behave('refuse');
    $change->() if $change;
    $log_size = length $nginx->log;
    $nginx->run;
}

# What the log has to say about documents on disk since the last start.
sub complaints {
    my $path = $nginx->dir . '/documents';
    return grep { /\[(?:warn|error)\]/ && index($_, $path) >= 0 } split /\n/,
        substr $nginx->log, $log_size;
}

# --- they are used -------------------------------------------------------------------------------

start(1, idp => [0, '']);
for my $file (files()) {
    my @stat = stat $file;
    is $stat[2] & 022, 0, 'nobody else may write the file';
    my $text = slurp($file);
    my @parts = grep { length > 15 } split /\./, $jwt;
    is_deeply [grep { index($text, $_) >= 0 } @parts], [], '... and nothing of a token is in it';
}
restart();
is ask(idp => $jwt),   200, 'after a restart without the issuer: a JWT passes';
is ask(idp => $other), 200, '... and another one';
is ask(idp => $wrong), 401, '... but not one of another key';
is_deeply [complaints()], [], '... and nothing is complained about';
restart();
is ask(idp => $jwt), 200, '... and after another restart';
$issuer->behave('ok');
is ask(idp => $jwt), 200, '... and when the issuer is there again';
$nginx->stop;

# metadata
my $discovery = 'discovery ' . $issuer->url(1, '/metadata/' . $issuer->port(1)) . ';';
start(2, idp => [1, '', $discovery]);
restart();
is ask(idp => $jwt),   200, 'with metadata: a JWT passes after a restart without the issuer';
is ask(idp => $wrong), 401, '... but not one of another key';
$nginx->stop;

# a set that has changed is there with its last content
start(1, idp => [2, 'cache_ttl 1s;']);
$issuer->keys(TokenIntrospect::jwks(TokenIntrospect::jwk('P-256/2', kid => 'k')));
ok eventually(sub { ask(idp => $wrong) == 200 }), 'the keys change';
ok eventually(
    sub {
        my ($x) = TokenIntrospect::jwks(TokenIntrospect::jwk('P-256/2')) =~ /"x":"([^"]+)"/;
        grep { index(slurp($_), $x) >= 0 } files();
    }
    ),
    '... on disk, too';
restart();
is ask(idp => $wrong), 200, '... a JWT of the new key passes after a restart';
is ask(idp => $jwt),   401, '... and one of the old key does not';
$nginx->stop;
$issuer->keys(TokenIntrospect::jwks(TokenIntrospect::jwk('P-256', kid => 'k')));

# --- they are not used ---------------------------------------------------------------------------

sub is_not_used {
    my ($what) = @_;
    is ask('idp'), 503, "$what: is not used";
    is ask('idp'), 503, '... at any time' for 1 .. 2;
    my @lines = complaints();
    is @lines, 1, '... and one line of the log says why' or diag join "\n", @lines;
    $issuer->behave('ok');
    ok eventually(sub { ask('idp') == 200 }, 40), '... until the issuer is there again';
    $nginx->stop;
}

# tampered with
my ($x_old) = TokenIntrospect::jwks(TokenIntrospect::jwk('P-256'))   =~ /"x":"([^"]+)"/;
my ($x_new) = TokenIntrospect::jwks(TokenIntrospect::jwk('P-256/2')) =~ /"x":"([^"]+)"/;
my ($y_old) = TokenIntrospect::jwks(TokenIntrospect::jwk('P-256'))   =~ /"y":"([^"]+)"/;
my ($y_new) = TokenIntrospect::jwks(TokenIntrospect::jwk('P-256/2')) =~ /"y":"([^"]+)"/;
my @tampered = (
    ['another key in its place', sub { $_[0] =~ s/\Q$x_old\E/$x_new/r =~ s/\Q$y_old\E/$y_new/r }],
    ['cut short',                sub { substr $_[0], 0, length($_[0]) - 10 }],
    ['with more behind it',      sub {"$_[0]\n{}"}],
    ['empty',                    sub {''}],
    ['a bit changed',            sub { my $text = $_[0]; substr($text, length($text) / 2, 1) ^= "\1"; $text }],
    ['the first byte changed',   sub { my $text = $_[0]; substr($text, 0,                 1) ^= "\1"; $text }],
    ['much too big',             sub { $_[0] . ' ' x 8_000_000 }],
);
for my $case (@tampered) {
    my ($what, $change) = @$case;
    start(1, idp => [3, '']);
    restart(sub {
        for my $file (files()) {
            my $text = slurp($file);
            my $new  = $change->($text);
            isnt $new, $text, "$what: a file is changed";
            overwrite($file, $new);
        }
    });
    is ask(idp => $wrong), 503, '... a JWT of the key that was slipped in';
    is_not_used($what);
}

# writable by others
for my $case (['others', 0666], ['the group', 0660]) {
    my ($who, $mode) = @$case;
    start(1, idp => [4, '']);
    restart(sub { chmod $mode, files() });
    is_not_used("a file that $who may write") if $mode & 02;
    $nginx->stop                              if !($mode & 02);
}

# somebody else's
SKIP: {
    skip 'needs root', 1 if $> != 0;
    start(1, idp => [4, '']);
    restart(sub { chown 65534, 65534, files() });
    is_not_used('a file of another user');
}

# another address
start(1, idp => [5, '']);
restart(sub {
    $nginx->configure(http(idp => [5, '', 'jwks_uri ' . $issuer->url(5, '/others') . ';']));
});
is ask('idp'), 503, 'another jwks_uri: has no document';
$nginx->stop;

# exchanged between two introspectors
start(2, idp => [6, ''], two => [7, '']);
restart(sub {
    my ($one, $two) = files();
    rename $one, "$one.x" or die "$!";
    rename $two, $one     or die "$!";
    rename "$one.x", $two or die "$!";
});
is ask($_), 503, "$_: the file of another address is not used" for qw(idp two);
my @lines = complaints();
is @lines, 2, '... and a line of the log for each says why' or diag join "\n", @lines;
$nginx->stop;

# too old
start(1, idp => [5, 'cache_ttl 1s; cache_stale_ttl 2s;']);
my $known = time;
restart(sub {
    # the age is counted from when the issuer said it
    eventually { time > $known + 1 + 2 + 1.5 };
    my @files = files();
    utime undef, undef, @files;
});
is_not_used('a file older than cache_stale_ttl');

# --- the directory -------------------------------------------------------------------------------

# It cannot be written: said in the log, and no harm for requests.
SKIP: {
    $issuer->behave('ok');
    $nginx = NginxProcess->prepare(http => http(idp => [0, '']));
    $nginx->write('documents', 'no directory');
    my $text = $nginx->check;
    pass 'nginx -t names the directory', last SKIP if $text =~ /\[emerg\].*documents/;
    $nginx->run;
    is ask('idp'), 200, 'a path that is no directory: a JWT passes';
    ok eventually(sub { $nginx->count_in_log(qr/documents/) }), '... and the log tells of it';
    $nginx->stop;
}

done_testing;
