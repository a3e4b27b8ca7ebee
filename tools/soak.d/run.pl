# The run behind tools/soak:  run.pl CLIENT REQUESTS SECONDS WORKERS
#
# A tenth of it warms up, four tenths are with reloads and an issuer that fails now and then, the
# rest is without reloads, so that the workers' memory can be compared: its middle and its end. In
# the last fifth the issuer is well, and nobody may be put off any more.

use strict;
use warnings;

use File::Temp;
use IO::Select;
use JSON::PP;
use List::Util qw(max sum0);
use NginxProcess;
use ScriptedIssuer;
use Time::HiRes qw(sleep time);
use TokenIntrospect ();

my ($client, $most_requests, $most_seconds, $workers) = @ARGV;
$| = 1;

# Workers may have so much more memory at the end than in the middle of the steady part: a share of
# what they have, which counts for short runs, and so much for each million requests.
my ($spare_kib, $grows_kib) = (512, 1024);

my @problems;
my $clients  = 32;
my $known    = 2000;
my $issuer   = ScriptedIssuer->start(
    endpoints => 1,
    forgetful => 1,
    keys      => TokenIntrospect::jwks(TokenIntrospect::jwk($TokenIntrospect::SECRET, kid => 'k')),
    texts     => {
        500    => ScriptedIssuer::answer('500 Internal Server Error', ''),
        429    => ScriptedIssuer::answer('429 Too Many Requests', '', 'Retry-After' => 1),
        broken => ScriptedIssuer::answer('200 OK', '{"active":true,'),
        big    => ScriptedIssuer::answer('200 OK', '{"active":true,"x":"' . 'x' x 200_000 . '"}'),
    }
);

# --- the requests --------------------------------------------------------------------------------

sub jwt { return TokenIntrospect::jwt(exp => time + 86400, aud => 'api', -kid => 'k', @_) }

my @requests;
sub add { my ($times, @lines) = @_; push @requests, (@lines) x $times }

# what is known passes whatever the issuer does
my @jwts = map { jwt(sub => "s$_") } 1 .. 500;
my @warm = (
    (map {"200 /opaque known-$_"} 1 .. $known),
    (map { ("200 /jwt $_", "200 /anew $_") } @jwts),
);
add(4, @warm);
# what has to be asked for passes, or is put off while the issuer fails
add(600, '200/503 /opaque fresh-#');
add(600, '401/503 /opaque bad-#');
add(10, map {"200/503 /brief brief-$_"} 1 .. 50);
# what is refused
add(300, '401 /jwt ' . jwt() . 'x');
add(300, '401 /jwt ' . jwt(exp => time - 10));
add(300, '401 /jwt ' . jwt(iss => 'https://other.test'));
add(300, '401 /jwt ' . jwt(aud => 'others'));
add(300, '401 /jwt ' . jwt(-key => 'the secret of somebody else, long enough'));
add(100, '401/503 /jwt ' . jwt(-kid => 'unknown'));
add(300, '401 /jwt -', '401 /opaque -', '401 /jwt not.a.jwt', '400/401 /opaque ~bad~~token"');
add(300, '403 /admin ' . jwt(sub => 'nobody'), '200 /admin ' . jwt(sub => 'root', scope => 'a admin'));
add(100, '200 /open -', '200 /open known-1');

# --- nginx ---------------------------------------------------------------------------------------

my $nginx = NginxProcess->prepare(workers => $workers, http => <<"END");
    token_zone zone=tokens:8m;
    token_introspector idp {
        introspection_endpoint @{[ $issuer->url ]};
        cache_ttl 86400s;
        connect_timeout 300ms; send_timeout 300ms; read_timeout 300ms;
    }
    token_introspector brief {
        introspection_endpoint @{[ $issuer->url ]};
        cache_ttl 1s;
        connect_timeout 300ms; send_timeout 300ms; read_timeout 300ms;
    }
    token_introspector keys {
        issuer https://idp.test;
        audience api;
        jwks_uri @{[ $issuer->url(0, '/keys') ]};
        algorithms HS256;
        cache_ttl 86400s;
        connect_timeout 300ms; send_timeout 300ms; read_timeout 300ms;
    }
    token_introspector anew {
        issuer https://idp.test;
        audience api;
        jwks_uri @{[ $issuer->url(0, '/keys') ]};
        algorithms HS256;
        cache_ttl 86400s;
        cache_verified_jwt off;
    }
    access_log off;
    server {
        listen 127.0.0.1:%PORT% reuseport;
        root %DIR%;
        location /opaque { token_introspect idp; token_forward_claims X-Sub=sub; try_files /answer =404; }
        location /brief { token_introspect brief; try_files /answer =404; }
        location /jwt { token_introspect keys; try_files /answer =404; }
        location /anew { token_introspect anew; try_files /answer =404; }
        location /admin { token_introspect keys; token_require_scope admin; try_files /answer =404; }
        location /open { try_files /answer =404; }
    }
END
my $dir = $nginx->dir;
$nginx->write('answer', 'passed');

# Refusals are lines of level info: a soak would fill the disk with them.
sub quieten {
    open my $in, '<', "$dir/nginx.conf" or die "$!";
    local $/;
    my $text = <$in> =~ s/error\.log info;/error.log notice;/r;
    $nginx->write('nginx.conf', $text);
}
quieten();
$nginx->run;

sub memory {
    my %kib;
    for my $pid ($nginx->workers) {
        open my $file, '<', "/proc/$pid/status" or next;
        for (<$file>) {
            $kib{$1} += $2 if /^(VmRSS|RssAnon):\s+(\d+) kB/;
        }
    }
    return \%kib;
}

my $at_start = memory();

# What is to be known is made known first, one answer after the other.
for my $line (@warm) {
    my (undef, $path, $token) = split / /, $line;
    my $status = $nginx->get($path, Authorization => "Bearer $token")->{status};
    push @problems, "warm-up: $path: $status instead of 200" if $status != 200;
}
die join("\n", @problems), "\n" if @problems;

my $list = File::Temp->new(TEMPLATE => 'soak-XXXXXX', TMPDIR => 1);
print {$list} "$_\n" for @requests;
close $list;
my $began = time;
my $pid   = open my $out, '-|', $client, $nginx->port, $list->filename, $clients
    or die "$client: $!\n";

# --- the run -------------------------------------------------------------------------------------

my $select = IO::Select->new($out);
my $seen   = { requests => 0, unexpected => 0, by => {} };
my $buffer = '';

# Takes up what the client has said until then.
sub watch {
    my ($until) = @_;
    while (1) {
        my $left = $until - time;
        my $ready = $select->can_read($left > 0 ? $left : 0);
        if ($ready) {
            sysread $out, $buffer, 65536, length $buffer or return 0;
            while ($buffer =~ s/\A(.*)\n//) { $seen = decode_json($1) }
        }
        return 1 if $left <= 0;
    }
}

sub progress {
    my $share = (time - $began) / $most_seconds;
    $share = max($share, $seen->{requests} / $most_requests) if $most_requests;
    return $share;
}

my @troubles = ('delay 50', 'close', 'say 500', 'hang', 'refuse', 'say broken', 'hang_body', 'reset',
    'say 429', 'hang_head', 'say big');
my ($trouble, $until, $next_trouble, $reloads, $next_reload) = (0, 0, 2, 0, 0);
my ($warm, $middle, $put_off_before, %alive, $lost);
$lost = 0;
my $step = max(0.25, $most_seconds / 200);
while (progress() < 1) {
    if (!watch(time + 0.25)) {
        push @problems, 'the client has ended';
        last;
    }
    my ($share, $elapsed) = (progress(), time - $began);

    # an issuer that fails for a second and is well for some
    if ($until && $elapsed > $until) {
        $issuer->behave('ok');
        $until        = 0;
        $next_trouble = $elapsed + 2;
    }
    elsif (!$until && $share < 0.8 && $elapsed > $next_trouble) {
        $issuer->behave($troubles[$trouble++ % @troubles]);
        $until = $elapsed + 1;
    }

    # reloads
    if ($share > 0.1 && $share < 0.45 && $elapsed > $next_reload) {
        if (!$nginx->reload) { push @problems, 'a reload was not done' }
        $reloads++;
        $next_reload = $elapsed + max(2, $most_seconds / 40);
    }
    elsif ($share > 0.5) {
        # old workers have gone by now: each pid that goes is a loss
        my %now = map { $_ => 1 } $nginx->workers;
        if (!$warm && keys %now == $workers) {
            $warm  = { %{ memory() }, requests => $seen->{requests} };
            %alive = %now;
        }
        elsif ($warm) {
            $lost += grep { !$now{$_} } keys %alive;
            %alive = %now;
        }
    }
    $middle ||= { %{ memory() }, requests => $seen->{requests} } if $warm && $share > 0.75;
    $put_off_before //= $seen->{by}{503} // 0 if $share > 0.95;
}
$issuer->behave('ok');
my $end = memory();
watch(time + 0.6);
$end->{requests} = $seen->{requests};
my $seconds = time - $began;
kill TERM => $pid;
while (watch(time + 1)) {
    last if time > $began + $seconds + 60;
}
close $out;

# --- the end -------------------------------------------------------------------------------------

my $calls = $issuer->calls;
kill QUIT => $nginx->{pid};
my $until_gone = time + 30;
sleep 0.05 while waitpid($nginx->{pid}, POSIX::WNOHANG()) == 0 && time < $until_gone;
push @problems, 'nginx does not stop' if time >= $until_gone;

my @alerts = grep {/\[(?:alert|emerg|crit)\]/} split /\n/, $nginx->log;
my $put_off = ($seen->{by}{503} // 0) - ($put_off_before // $seen->{by}{503} // 0);
push @problems, "$seen->{unexpected} unexpected answers" if $seen->{unexpected};
push @problems, "$lost workers lost"                     if $lost;
push @problems, "the error log: $alerts[0]"              if @alerts;
push @problems, "$put_off requests were put off at the end, when the issuer was well" if $put_off;
push @problems, 'the run was too short for its parts' if !$warm || !$middle;

my ($growth, $per_million);
if ($warm && $middle) {
    my $millions = max(1, $end->{requests} - $middle->{requests}) / 1e6;
    $growth      = $end->{RssAnon} - $middle->{RssAnon};
    $per_million = $growth / $millions;
    push @problems, "the workers' memory grows" if $growth > $spare_kib * $workers + $grows_kib * $millions;
}

sub row { printf "%-34s %s\n", @_ }
sub mib { return sprintf '%.1f MiB (of its own %.1f MiB)', map { ($_ // 0) / 1024 } @{ $_[0] }{qw(VmRSS RssAnon)} }
row('seconds', sprintf '%.0f', $seconds);
row('requests', sprintf '%d (%.0f in a second)', $seen->{requests}, $seen->{requests} / $seconds);
row("answers $_", $seen->{by}{$_}) for sort keys %{ $seen->{by} };
row('unexpected answers', $seen->{unexpected});
row('the longest',        "$seen->{longest} s");
row('sent again (idle connection closed)', $seen->{resent});
row('calls to the issuer',  $calls);
row('times the issuer failed', $trouble);
row('reloads',              $reloads);
row('workers lost',         $lost);
row('alerts in the log',    scalar @alerts);
row('memory of workers: at start',      mib($at_start));
row('  after the last reload',          $warm   ? mib($warm)   : '-');
row('  in the middle of what followed', $middle ? mib($middle) : '-');
row('  at the end',                     mib($end));
if ($warm && $middle) {
    my $first = ($middle->{requests} - $warm->{requests}) / 1e6;
    row('  growth in the first half', sprintf '%+d KiB over %.2f million requests',
        $middle->{RssAnon} - $warm->{RssAnon}, $first);
    row('  growth in the second half', sprintf '%+d KiB over %.2f million requests: %+.0f KiB each',
        $growth, ($end->{requests} - $middle->{requests}) / 1e6, $per_million);
}
if (@problems) {
    print "FAILED: $_\n" for @problems;
    exit 1;
}
print "all is well\n";
