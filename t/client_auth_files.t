# Secrets in files are read again when they change, without a reload (B42).

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use Loopback;
use MIME::Base64;
use NginxProcess;
use Test::More;

my $issuer  = Issuer->start;
my $secrets = File::Temp->newdir;

sub write_secret {
    my ($name, $text) = @_;
    open my $file, '>', "$secrets/$name" or die;
    print {$file} $text;
    close $file;
}
chmod 0755, "$secrets";
write_secret('secret', "first\n");
write_secret('value',  "Bearer one\n");

my $nginx = NginxProcess->start(workers => 2, http => <<"END");
    token_introspector basic {
        introspection_endpoint @{[ $issuer->url ]};
        client_id app;
        client_secret_file $secrets/secret;
        cache_ttl off;
    }
    token_introspector verbatim {
        introspection_endpoint @{[ $issuer->url ]};
        authorization_file $secrets/value;
        cache_ttl off;
    }
    server {
        listen 127.0.0.1:%PORT% reuseport;
        root %DIR%;
        location /basic { token_introspect basic; try_files /nginx.conf =404; }
        location /verbatim { token_introspect verbatim; try_files /nginx.conf =404; }
    }
END

my @token = (Authorization => 'Bearer ' . Issuer::token('{"active":true}'));

sub sent {
    my ($path) = @_;
    my $response = $nginx->get($path, @token);
    return "status $response->{status}" if $response->{status} != 200;
    return Issuer::header(($issuer->calls)[-1], 'authorization');
}
my ($first, $second) = map { 'Basic ' . encode_base64("app:$_", '') } qw(first second);

is sent('/basic'),    $first,       'the secret of the file';
is sent('/verbatim'), 'Bearer one', 'the value of the file';

write_secret('secret', "second\n");
write_secret('value',  "Bearer of another length\n");
# so many connections that both workers come to see the change
sub all_send {
    my ($path, $value) = @_;
    return eventually {
        20 == grep { sent($path) eq $value } 1 .. 20
    }
}
ok all_send('/basic',    $second),                    'the new secret is used by all workers';
ok all_send('/verbatim', 'Bearer of another length'), 'so is the new value';

unlink "$secrets/value";
write_secret('secret', '');
ok eventually(sub { sent('/basic'); $nginx->count_in_log(qr/secret" is empty/) }),
    'an empty file is reported';
is sent('/basic'),    $second,                    '... and the last good secret goes on';
is sent('/verbatim'), 'Bearer of another length', 'so does that of a file that went away';

unlike $nginx->log, qr/app:|Bearer of|YXBw/, 'no secret in the log';
$nginx->stop;
done_testing;
