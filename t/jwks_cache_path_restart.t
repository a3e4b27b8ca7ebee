# jwks_cache_path: nginx is restarted while the issuer is down.

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use Loopback;
use NginxProcess;
use Test::More;
use TokenIntrospect ();

my $state = File::Temp->newdir;
sub issuer_is_down { open my $file, '>', "$state/down" or die }
sub issuer_is_up { unlink "$state/down" }

my $keys = TokenIntrospect::jwks(TokenIntrospect::jwk('P-256', kid => 'a'));
my $issuer = Issuer->start(sub {
    my ($call) = @_;
    return Issuer::answer('503 Service Unavailable', '') if -e "$state/down";
    return Issuer::json($keys) if $call->{target} eq '/keys';
    my $host = Issuer::header($call, 'Host');
    return Issuer::json(TokenIntrospect::json(
        { issuer => 'https://idp.test', jwks_uri => "http://$host/keys" }));
});
my $token = TokenIntrospect::jwt(-alg => 'ES256', -kid => 'a');

sub http {
    my ($directory, $words) = @_;
    my $url = $issuer->url('');
    return <<"END";
    $directory
    token_introspector idp { issuer https://idp.test; jwks_uri $url/keys; $words }
    token_introspector found { discovery $url/metadata; $words }
    server {
        listen 127.0.0.1:%PORT%;
        root %DIR%;
        location /idp { token_introspect idp; try_files /nginx.conf =404; }
        location /found { token_introspect found; try_files /nginx.conf =404; }
    }
END
}

my $nginx = NginxProcess->prepare(http => http('jwks_cache_path documents;', ''));
sub files { return sort glob $nginx->dir . '/documents/*' }

sub statuses {
    return CORE::join ' ', map { $nginx->get("/$_", Authorization => "Bearer $token")->{status} }
        qw(idp found);
}

# As root the workers are somebody else, as they should be.
my $user = $> == 0 ? 'nobody ' . getgrgid((getpwnam 'nobody')[3]) : undef;

# The statuses that requests have right after a start with this configuration.
sub restarted {
    $nginx->configure(http(@_));
    if (defined $user) {
        my $text = TokenIntrospect::slurp($nginx->dir . '/nginx.conf');
        $text =~ s/^(\S*)user root;/$1user $user;/m or die;
        $nginx->write('nginx.conf', $text);
    }
    $nginx->run;
    return statuses();
}

is restarted('jwks_cache_path documents;', ''), '200 200', 'the issuer is up';
my @files = files();
is @files, 3, '... two key sets and a metadata document are saved';
is_deeply [map { sprintf '%04o', (stat)[2] & 07777 } @files], [('0600') x 3], '... for nginx alone';
$nginx->stop;

issuer_is_down();
is restarted('', ''), '503 503', 'a restart during an outage';
$nginx->stop;
is restarted('jwks_cache_path documents;', ''), '200 200', '... goes on with what was saved';
is_deeply [files()], \@files, '... which is not saved again';
$nginx->stop;
is restarted('jwks_cache_path documents;', 'read_timeout 2s; leeway 10s; algorithms ES256;'),
    '200 200', '... also when words have changed that do not concern documents';
$nginx->stop;
is restarted('jwks_cache_path documents;', 'ssl_verify off;'), '503 503',
    '... but not for what would have been fetched in another way';
$nginx->stop;

for my $file (@files) {
    is((stat $file)[4], (getpwnam 'nobody')[2], 'the file is the workers\' own') if defined $user;
    open my $out, '>>', $file or die;
    print {$out} ' ';
    close $out;
}
is restarted('jwks_cache_path documents;', ''), '503 503', 'damaged files are not used';
is statuses(), '503 503', '... in no request';
my $unusable = qr/\[warn\] .*introspector "\w+": the (key set|metadata document) cannot be used: /;
is $nginx->count_in_log(qr/$unusable".*" has another length than when it was saved$/), 2,
    '... and each is logged once';

issuer_is_up();
is statuses(), '200 200', 'the issuer is up again';
$nginx->stop;
issuer_is_down();
is restarted('jwks_cache_path documents;', ''), '200 200', '... and has replaced them';
$nginx->stop;
$issuer->stop;

done_testing;
