# An issuer that fails in every way it can, and heals: whoever asks gets an answer, tokens that are
# known pass meanwhile, and nothing of the fault is left afterwards.

use strict;
use warnings;
use lib 't/lib';

use Crowd;
use IO::Compress::Gzip qw(gzip);
use Loopback;
use NginxProcess;
use ScriptedIssuer;
use Test::More;
use TokenIntrospect ();

my $good = '{"active":true}';
gzip(\$good, \my $packed);

# name of the fault => behaviour of the issuer (see ScriptedIssuer)
my %texts = (
    status_500   => ScriptedIssuer::answer('500 Internal Server Error', $good),
    status_429   => ScriptedIssuer::answer('429 Too Many Requests',     '', 'Retry-After' => 3600),
    status_302   => ScriptedIssuer::answer('302 Found', '', Location => '/elsewhere'),
    status_204   => "HTTP/1.1 204 No Content\r\n\r\n",
    content_type => ScriptedIssuer::answer('200 OK', $good, 'Content-Type' => 'text/html'),
    megabyte     =>
        ScriptedIssuer::answer('200 OK', '{"active":true,"x":"' . 'x' x 2_000_000 . '"}'),
    gzip      => ScriptedIssuer::answer('200 OK', $packed, 'Content-Encoding' => 'gzip'),
    utf8      => ScriptedIssuer::answer('200 OK', "{\"active\":true,\"sub\":\"\xff\xfe\"}"),
    duplicate => ScriptedIssuer::answer('200 OK', '{"active":false,"active":true}'),
    array     => ScriptedIssuer::answer('200 OK', "[$good]"),
    cut_head  => "HTTP/1.1 200 OK\r\nContent-Ty",
    cut_body  => "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n$good",
);
my %faults = (
    (map { $_ => "say $_" } grep { !/^cut/ } keys %texts),
    (map { $_ => "cut $_" } grep {/^cut/} keys %texts),
    map { $_ => $_ } qw(refuse reset close hang hang_head hang_body),
);
my @names  = sort keys %faults;
my %number = map { $names[$_] => $_ } 0 .. $#names;
my $issuer = ScriptedIssuer->start(endpoints => scalar @names, texts => \%texts);

my $timeout = 300 * patience();
my $blocks  = join '', map { <<"END" } @names;
    token_introspector $_ {
        introspection_endpoint @{[ $issuer->url($number{$_}) ]};
        connect_timeout ${timeout}ms; send_timeout ${timeout}ms; read_timeout ${timeout}ms;
    }
    token_introspector keys_$_ {
        issuer https://$_.test;
        jwks_uri @{[ $issuer->url($number{$_}, '/keys') ]};
        algorithms HS256;
        connect_timeout ${timeout}ms; send_timeout ${timeout}ms; read_timeout ${timeout}ms;
    }
END
my $locations = join '', map { <<"END" } @names;
        location /$_ { token_introspect $_; try_files /nginx.conf =404; }
        location /keys_$_ { token_introspect keys_$_; try_files /nginx.conf =404; }
END
my $nginx = NginxProcess->start(workers => 2, http => <<"END");
    $blocks
    server {
        listen 127.0.0.1:%PORT% reuseport;
        root %DIR%;
        add_header Cache \$token_cache_status always;
        $locations
    }
END
my @workers = sort $nginx->workers;

sub wish {
    my ($name, $token, $kind) = @_;
    return { path => "/$name", token => $token, name => $name, kind => $kind };
}

sub jwt {
    my ($name, $sub) = @_;
    return wish("keys_$name", TokenIntrospect::jwt(iss => "https://$name.test", sub => $sub),
        'fresh');
}

# What Crowd answers, by kind and name: { kind => { name => [text of each answer] } }
sub answers {
    my (@requests) = @_;
    my %by;
    my @answers = Crowd::ask($nginx->port, \@requests);
    for my $n (0 .. $#requests) {
        my $answer = $answers[$n];
        push @{ $by{ $requests[$n]{kind} }{ $requests[$n]{name} } }, join ' ',
            $answer->{status} || $answer->{failure}, $answer->{headers}{cache} // '-',
            $answer->{headers}{'retry-after'} ? 'Retry-After' : ();
    }
    return \%by;
}

my $known = answers(map { wish($_, 'known', 'known') } @names, @names)->{known};
is_deeply [map { @$_ } values %$known], [grep { /^200 (?:MISS|HIT)/ } map { @$_ } values %$known],
    'a token is known everywhere';

for my $round (1, 2) {
    $issuer->behave($faults{$_}, $number{$_}) for @names;

    # For each fault at the same time: two tokens that nobody knows, each asked for three times,
    # the first key set, and the known token in between.
    my $seen = answers(map {
        my $name = $_;
        (
            (map { wish($name, "fresh-$round-" . $_ % 2, 'fresh') } 1 .. 6),
            ($round == 1 ? map { jwt($name, "s$_") } 1 .. 3 : ()),
            (map { wish($name, 'known', 'known') } 1 .. 3),
        )
    } @names);
    for my $name (@names) {
        my @fresh = @{ $seen->{fresh}{$name} };
        is_deeply [grep { !/^503 (?:MISS|HIT|UPDATING|-) Retry-After$/ } @fresh], [],
            "$name: tokens are not judged, and the client may try again";
        is_deeply $seen->{known}{$name}, [('200 HIT') x 3], '... the known one passes';
        next if $round > 1;
        is_deeply [grep { !/^503 \S+ Retry-After$/ } @{ $seen->{fresh}{"keys_$name"} }], [],
            '... nor are JWTs without keys';
    }

    $issuer->behave('ok');
    my %sick = map { $_ => 1 } @names;
    ok eventually(
        sub {
            my $now = answers(map {
                my $name = $_;
                (
                    (map { wish($name, "fresh-$round-$_", 'fresh') } 0, 1),
                    wish($name, "after-$round", 'fresh'),
                    jwt($name, "after-$round"),
                )
            } sort keys %sick);
            for my $name (keys %sick) {
                my @all = map { @{ $now->{fresh}{$_} } } $name, "keys_$name";
                delete $sick{$name} if @all == grep {/^200/} @all;
            }
            return !%sick;
        },
        60
        ),
        "round $round: all are well again"
        or diag 'not well: ', join ' ', sort keys %sick;
}

is_deeply [sort $nginx->workers], \@workers, 'no worker was lost';
$nginx->stop;
done_testing;
