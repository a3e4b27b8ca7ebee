# token_exchanger and token_exchange: a request's token is exchanged at a token endpoint, and what
# comes from there goes upstream in its place (RFC 8693; RFC 6749 section 4.4).

use strict;
use warnings;
use lib 't/lib';

use Crowd;
use Issuer;
use JSON::PP;
use Loopback;
use MIME::Base64 qw(encode_base64);
use NginxProcess;
use Test::More;
use Time::HiRes qw(sleep);

my $type  = 'urn:ietf:params:oauth:token-type:';
my $grant = 'urn:ietf:params:oauth:grant-type:token-exchange';

# What the token endpoint does for a while: files that its processes look for.
my $gates = File::Temp->newdir;
sub set_gate   { open my $file, '>', "$gates/$_[0]" or die }
sub unset_gate { unlink "$gates/$_[0]" }

# Tokens tell how they are answered; what is issued tells for what, and by which call.
my $sts = Issuer->start(sub {
    my ($call)  = @_;
    my $form    = Issuer::form($call);
    my ($path)  = $call->{target} =~ m{^/(\w+)};
    my $subject = $form->{subject_token} // 'own';
    my $error   = sub { return Issuer::answer($_[0], "{\"error\":\"$_[1]\"}", 'Content-Type' => 'application/json') };
    return $error->('503 No', 'server_error') if -e "$gates/down-$path";
    if (-e "$gates/hold-$path") {
        open my $held, '>', "$gates/held-$path";
        eventually { !-e "$gates/hold-$path" };
    }
    return $error->('400 No', $1) if $subject =~ /^say-(\w+)/;
    my $lasts = $subject =~ /^lasts-(\d+)/ ? $1 : 3600;
    return Issuer::json(qq({"access_token":"issued.$path.$subject.$call->{n}","token_type":"Bearer",)
            . qq("issued_token_type":"${type}access_token","expires_in":$lasts}));
});

# Shows the header lines that came, each on one of its own.
my $upstream = Issuer->start(sub {
    my ($call) = @_;
    return Issuer::answer('502 No', '') if $call->{target} =~ m{^/broken};
    return Issuer::answer('200 OK', '', 'X-Accel-Redirect' => $1) if $call->{target} =~ m{^/to(/.*)};
    return Issuer::answer('200 OK', join '', "target: $call->{target}\n", map {"$_->[0]: $_->[1]\n"} @{ $call->{headers} });
});
my $to = $upstream->url('');

my $nginx = NginxProcess->start(
    workers => 2,
    files   => { passwords => "user:{PLAIN}password\n", actor => "actor-1\n" },
    http    => <<"END");
    token_introspector idp { introspection_endpoint /introspect; }
    token_introspector cookies { type cookie; introspection_endpoint /introspect; cookie session; }
    token_exchanger sts {
        token_endpoint @{[ $sts->url('/sts') ]};
        client_id "gate way"; client_secret "p:w";
        audience orders billing; resource https://orders.example/; scope read write;
        requested_token_type access_token;
        read_timeout 60s;
    }
    token_exchanger other { token_endpoint @{[ $sts->url('/other') ]}; }
    token_exchanger inside { token_endpoint /tokens; actor_token file:%DIR%/actor; actor_token_type jwt; }
    token_exchanger outside { token_endpoint /introspectable; }
    token_exchanger down { token_endpoint @{[ $sts->url('/down') ]}; read_timeout 1s; }
    token_exchanger own {
        grant client_credentials; token_endpoint @{[ $sts->url('/own') ]};
        client_id gateway; client_secret secret; client_auth post; scope internal;
    }
    token_exchanger brief { token_endpoint @{[ $sts->url('/brief') ]}; read_timeout 60s; }
    server {
        listen 127.0.0.1:%PORT% reuseport;
        root %DIR%;
        add_header Worker \$pid always;
        add_header Status \$token_status always;
        add_header Exchanged "[\$token_exchanged]" always;
        token_introspect idp;
        token_exchange sts;

        location = /introspect { internal; default_type application/json; return 200 '{"active":true,"scope":"some"}'; }
        location = /tokens { internal; proxy_pass @{[ $sts->url('/inside') ]}; }
        location = /introspectable { token_introspect off; token_exchange off; return 200 '{}'; }
        location = /free { token_introspect off; token_exchange off; try_files /nginx.conf =404; }

        location /t/ { proxy_pass $to/; }
        location /off/ { token_exchange off; proxy_pass $to/; }
        location /other/ { token_exchange other; proxy_pass $to/; }
        location /inside/ { token_exchange inside; proxy_pass $to/; }
        location /outside/ { token_exchange outside; proxy_pass $to/; }
        location /down/ { token_exchange down; proxy_pass $to/; }
        location /brief/ { token_exchange brief; proxy_pass $to/; }
        location /cookie/ { token_introspect idp cookies; proxy_pass $to/; }
        location /query/ { token_source query=token; proxy_pass $to/; }
        location /optional/ { token_introspect optional idp; proxy_pass $to/; }
        location /scoped/ { token_require_scope special; proxy_pass $to/; }
        location /own/ { token_introspect off; token_exchange own; proxy_pass $to/; }
        location /own-optional/ { token_introspect optional idp; token_exchange own; proxy_pass $to/; }
        location /codes/ { token_error_code forbidden=418; proxy_pass $to/; }

        # more than one way in
        location /any/ { satisfy any; allow all; proxy_pass $to/; }
        location /own-any/ { satisfy any; allow all; token_introspect off; token_exchange own; proxy_pass $to/; }
        location /any-deny/ { satisfy any; deny all; proxy_pass $to/; }
        location /any-basic/ {
            satisfy any; auth_basic here; auth_basic_user_file passwords;
            proxy_pass $to/;
        }
        location /basic/ {
            token_introspect cookies; auth_basic here; auth_basic_user_file passwords;
            proxy_pass $to/;
        }
        location /own-basic/ {
            token_introspect off; token_exchange own; auth_basic here; auth_basic_user_file passwords;
            proxy_pass $to/;
        }

        # internal redirects
        location /to/ { proxy_pass $to; }
        location /own-to/ { token_introspect off; token_exchange own; proxy_pass $to/to/; }
        location /plain/ { token_introspect off; token_exchange off; proxy_pass $to/; }
        location /failing/ { error_page 502 = \@plain; proxy_intercept_errors on; proxy_pass $to/broken; }
        location /failing-other/ { error_page 502 = \@other; proxy_intercept_errors on; proxy_pass $to/broken; }
        location /forbidden/ { error_page 403 = \@plain; proxy_pass $to/; }
        location \@plain { token_introspect off; token_exchange off; proxy_pass $to; }
        location \@other { token_exchange other; proxy_pass $to; }

        # subrequests
        location = /page {
            ssi on; ssi_types *; default_type text/plain;
            try_files /page.txt =404;
        }
        location = /mirrored { mirror /mirror-same; mirror /mirror-plain; mirror /mirror-other; proxy_pass $to/mirrored; }
        location = /mirror-same { internal; proxy_pass $to/mirror-same; }
        location = /mirror-plain { internal; token_introspect off; token_exchange off; proxy_pass $to/mirror-plain; }
        location = /mirror-other { internal; token_exchange other; proxy_pass $to/mirror-other; }
        location = /redirected { mirror /late-plain; error_page 404 = /after; }
        location = /redirected-other { mirror /late-plain; error_page 404 = /after-other; }
        location = /after { token_introspect off; token_exchange off; proxy_pass $to/after; }
        location = /after-other { token_exchange other; proxy_pass $to/after-other; }
        location = /late-plain { internal; token_introspect off; token_exchange off; proxy_pass $to/late-plain; }
        location = /shown {
            mirror /shown-plain; proxy_set_header Authorization \$http_authorization; proxy_pass $to/shown;
        }
        location = /shown-plain {
            internal; token_introspect off; token_exchange off;
            proxy_set_header Authorization \$http_authorization; proxy_pass $to/shown-plain;
        }
        location /reads/ { limit_except GET { token_introspect off; } proxy_pass $to/; }
        location /open/ { token_introspect off; proxy_pass $to/; }
        location = /asked { auth_request /ask; proxy_pass $to/asked; }
        location = /asked-inside { token_introspect cookies; auth_request /ask-inside; proxy_pass $to/asked-inside; }
        location = /ask-inside { internal; proxy_pass $to/ask-inside; }
        location = /ask { internal; token_introspect off; token_exchange off; proxy_pass $to/ask; }
    }
END
$nginx->write('page.txt', join '', map {"<!--# include virtual=\"$_\" wait=\"yes\" -->\n"} qw(/t/same /plain/plain /other/other));

sub bearer { return (Authorization => "Bearer $_[0]") }
sub basic  { return (Authorization => 'Basic ' . encode_base64($_[0], '')) }

# What an upstream was shown of Authorization headers: all of them.
sub shown {
    my ($text) = @_;
    return join ' | ', $text =~ /^authorization: (.*)$/mg;
}

sub ask {
    my ($path, @headers) = @_;
    my $response = $nginx->get($path, @headers) // { status => 0, headers => {}, body => '' };
    return ($response->{status}, shown($response->{body}), $response);
}

sub calls_for {
    my ($path, $subject) = @_;
    return grep {
        $_->{target} eq "/$path"
            && (!defined $subject || (Issuer::form($_)->{subject_token} // '') eq $subject)
    } $sts->calls;
}

my $issued = sub { my ($path, $subject) = @_; return qr/^Bearer issued\.\Q$path\E\.\Q$subject\E\.\d+$/ };

# --- what is sent, and where to --------------------------------------------------------------------
{
    my ($status, $shown, $response) =
        ask('/t/a', bearer('one'), Cookie => 'a=b', 'X-Mine' => 'mine');
    is $status, 200, 'a token is exchanged';
    like $shown, $issued->('sts', 'one'), '... what was issued goes upstream, and nothing else as Authorization';
    like $response->{body}, qr/^cookie: a=b$/m, '... with everything else that the client sent';
    like $response->{headers}{exchanged}, qr/^\[issued\.sts\.one\.\d+\]$/, '... and is $token_exchanged';
    my ($call) = calls_for('sts', 'one');
    is $call->{method}, 'POST', 'the token endpoint gets a POST';
    is $call->{body},
        'grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange'
        . '&resource=https%3A%2F%2Forders.example%2F&audience=orders&audience=billing&scope=read+write'
        . '&requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token'
        . '&subject_token=one&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token',
        '... of just this form (RFC 8693 section 2.1)';
    is Issuer::header($call, 'content-type'), 'application/x-www-form-urlencoded', '... as a form';
    is Issuer::header($call, 'accept'),       'application/json',                  '... that wants JSON';
    is Issuer::header($call, 'authorization'), 'Basic ' . encode_base64('gate+way:p%3Aw', ''),
        '... with the client credentials of RFC 6749 section 2.3.1';
    is Issuer::header($call, $_), undef, "... and no $_ of the client's" for qw(cookie x-mine);
}
{
    my ($status, $shown) = ask('/inside/', bearer('one'));
    like $shown, $issued->('inside', 'one'), 'a token endpoint behind an internal location';
    my $form = Issuer::form((calls_for('inside'))[0]);
    is_deeply $form,
        {
        grant_type         => $grant,
        subject_token      => 'one',
        subject_token_type => "${type}access_token",
        actor_token        => 'actor-1',
        actor_token_type   => "${type}jwt",
        },
        '... with an actor token from a file';
    ($status, $shown) = ask('/outside/', bearer('one'));
    is $status, 503, '... but not behind one that clients can reach';
}

# --- caching ---------------------------------------------------------------------------------------
{
    my (undef, $first)  = ask('/t/', bearer('kept'));
    my (undef, $second) = ask('/t/', bearer('kept'));
    is $second, $first, 'what was issued is kept';
    is scalar(calls_for('sts', 'kept')), 1, '... and not asked for again';
    my (undef, $another) = ask('/t/', bearer('kept-2'));
    like $another, $issued->('sts', 'kept-2'), '... for its own token only';
    my (undef, $other) = ask('/other/', bearer('kept'));
    like $other, $issued->('other', 'kept'), '... and by its own exchanger only';
}
{
    my (undef, $first) = ask('/t/', bearer('lasts-1'));
    my $second = $first;
    ok eventually(sub { (undef, $second) = ask('/t/', bearer('lasts-1')); $second ne $first }),
        'what was issued for a second is not kept longer';
    like $second, $issued->('sts', 'lasts-1'), '... but issued anew';
}
{
    set_gate('hold-sts');
    my $crowd = fork // die;
    if (!$crowd) {
        my @answers = Crowd::ask($nginx->port, [map { { path => '/t/', token => 'crowd' } } 1 .. 100], seconds => 60);
        open my $file, '>', "$gates/crowd";
        print {$file} encode_json(\@answers);
        close $file;
        POSIX::_exit(0);
    }
    ok eventually(sub { -e "$gates/held-sts" }), '100 requests with a new token: one asks';
    ok $nginx->caught_up, '... the others wait';
    unset_gate('hold-sts');
    waitpid $crowd, 0;
    open my $file, '<', "$gates/crowd" or die;
    my @answers = @{ decode_json(<$file>) };
    is_deeply Crowd::tally(@answers), { 200 => 100 }, '... and all are answered';
    my %seen = map { shown($_->{body}) => 1 } @answers;
    is scalar(keys %seen), 1, '... with one token';
    my %worker = map { $_->{headers}{worker} => 1 } @answers;
    is scalar(keys %worker), 2, '... in both workers';
    is scalar(calls_for('sts', 'crowd')), 1, '... for one call';
}
{
    my $token = 'lasts-4';
    my ($status, $old) = ask('/brief/', bearer($token));
    set_gate('hold-brief');
    my %before;
    ok eventually(
        sub {
            my ($status, $shown) = ask('/brief/', bearer($token));
            $before{"$status $shown"} = 1;
            calls_for('brief', $token) > 1;
        }),
        'what nears its end is asked for again';
    is_deeply [keys %before], ["200 $old"], '... while nobody waits';
    unset_gate('hold-brief');
    ok eventually(sub { my ($status, $shown) = ask('/brief/', bearer($token)); $status == 200 && $shown ne $old }),
        '... and the new one is used as soon as it is there';
}

{
    unlink "$gates/held-sts";
    set_gate('hold-sts');
    my $leader = send_request(connect_to($nginx->port), 'GET /t/', bearer('leaves'));
    ok eventually(sub { -e "$gates/held-sts" }), 'a client whose exchange is under way';
    my @followers = map { send_request(connect_to($nginx->port), 'GET /t/', bearer('leaves')) } 1 .. 10;
    ok $nginx->caught_up, '... with others behind it';
    close $leader;
    ok $nginx->caught_up, '... hangs up';
    unset_gate('hold-sts');
    my %seen = map { my $response = read_response($_); ("$response->{status} " . shown($response->{body}) => 1) } @followers;
    is scalar(keys %seen), 1, '... and the others get what it asked for';
    like +(keys %seen)[0], qr/^200 Bearer issued\.sts\.leaves\./, '... a token';
    is scalar(calls_for('sts', 'leaves')), 1, '... by one call';
}

# --- refusals --------------------------------------------------------------------------------------
for my $word (qw(invalid_grant invalid_request)) {
    my $token = "say-$word";
    my ($status, $shown, $response) = ask('/t/', bearer($token));
    is $status, 403, "$word: the request is refused";
    is $response->{headers}{status}, 'exchange_refused', '... and $token_status says why';
    like $response->{headers}{'www-authenticate'}, qr/error="insufficient_scope"/, '... with a challenge';
    is $response->{headers}{exchanged}, '[]', '... there is no $token_exchanged';
    ask('/t/', bearer($token)) for 1 .. 3;
    is scalar(calls_for('sts', $token)), 1, '... which is remembered for a while';
    my ($codes) = ask('/codes/', bearer("$token-2"));
    is $codes, 418, '... the status is that of token_error_code';
}
ok $nginx->count_in_log(qr/exchanger "sts": the token endpoint refuses a token: invalid_grant/), 'the log has the error';
ok $nginx->count_in_log(qr/refused, reason: exchange_refused, exchanger: sts/), '... and the refusal';
for my $word (qw(invalid_client invalid_target invalid_scope unauthorized_client)) {
    my ($status, undef, $response) = ask('/other/', bearer("say-$word"));
    is $status, 503, "$word: it is not the token's fault";
    like $response->{headers}{'retry-after'}, qr/^\d+$/, '... so one may come again';
    ok $nginx->count_in_log(qr/exchanger "other": the issuer answered with another status than 200: 400, $word/),
        '... and the log says what is wrong';
}
{
    my ($status) = ask('/other/', bearer('say-eyJhbGciOiJIUzI1NiJ9'));
    is $status, 503, 'an error that no RFC knows';
    unlike $nginx->log, qr/eyJhbGciOiJIUzI1NiJ9/, '... is not logged';
}
{
    set_gate('down-down');
    my %seen;
    for my $n (1 .. 20) {
        my ($status, undef, $response) = ask('/down/', bearer("down-$n"));
        $seen{$status}++;
        like $response->{headers}{'retry-after'}, qr/^\d+$/, 'Retry-After' if $n == 20;
    }
    is_deeply \%seen, { 503 => 20 }, 'an endpoint that is down: requests are put off';
    cmp_ok scalar(calls_for('down')), '<', 10, '... and it is left alone';
    my ($other) = ask('/t/', bearer('meanwhile'));
    is $other, 200, '... which concerns no other exchanger';
    unset_gate('down-down');
    ok eventually(sub { my ($status, $shown) = ask('/down/', bearer('down-1')); $status == 200 && $shown =~ $issued->('down', 'down-1') }),
        '... until it is up again';
}

# --- which requests, and whose credentials ---------------------------------------------------------
{
    my ($status, $shown, $response) = ask('/t/');
    is $status, 401, 'without a token there is no way in';
    ($status, $shown, $response) = ask('/optional/');
    is "$status [$shown]", '200 []', 'an optional token that is absent: nothing goes upstream';
    ($status, $shown) = ask('/optional/', basic('user:password'));
    is "$status [$shown]", '200 []', "... not the client's own Authorization either";
    ($status, $shown) = ask('/optional/', bearer('optional'));
    like $shown, $issued->('sts', 'optional'), '... one that is present is exchanged';
    my $before = $sts->call_count;
    ($status) = ask('/scoped/', bearer('unscoped'));
    is $status, 403, 'a token that a requirement refuses';
    is $sts->call_count, $before, '... is not exchanged';
    ($status, $shown) = ask('/off/', bearer('unexchanged'));
    is "$status [$shown]", '200 []', 'token_exchange off';
    is $sts->call_count, $before, '... asks nobody';
    ($status, $shown) = ask('/t/', bearer('three'), Token_Exchanged => 'forged', 'Token-Exchanged' => 'forged');
    like $shown, $issued->('sts', 'three'), 'no header of the client is taken for what was issued';
    my $response2;
    ($status, $shown, $response2) = ask('/cookie/', Cookie => 'a=b; session=from-cookie', basic('user:password'));
    like $shown, $issued->('sts', 'from-cookie'), 'a token in a cookie is exchanged';
    unlike $response2->{body}, qr/session=/, '... and the cookie stays here';
    ($status, $shown, $response2) = ask('/query/x?a=b&token=from-query');
    like $shown, $issued->('sts', 'from-query'), 'so is one in the query';
    like $response2->{body}, qr{^target: /x\?a=b$}m, '... which loses it';
}
{
    my ($status, $shown) = ask('/any/', bearer('any'));
    is "$status [$shown]", '200 []', 'satisfy any: who comes in by address comes without a token';
    ($status, $shown) = ask('/any/', basic('user:password'));
    is "$status [$shown]", '200 []', '... and without credentials of its own';
    ($status, $shown) = ask('/own-any/', basic('user:password'));
    like $shown, $issued->('own', 'own'), "... the gateway's own token does not depend on the way";
    ($status, $shown) = ask('/any-deny/', bearer('any'));
    like $shown, $issued->('sts', 'any'), '... who comes in by a token has it exchanged';
    ($status, $shown) = ask('/any-basic/', basic('user:password'));
    is "$status [$shown]", '200 []', '... a password is not passed on';
    ($status, $shown) = ask('/basic/', basic('user:password'), Cookie => 'session=with-password');
    is $status, 200, 'a password and a token';
    like $shown, $issued->('sts', 'with-password'), '... only what was issued goes upstream';
    my $before = $sts->call_count;
    ($status) = ask('/basic/', basic('user:wrong'), Cookie => 'session=with-wrong-password');
    is $status, 401, 'a wrong password';
    is $sts->call_count, $before, '... costs no exchange';
}
{
    my ($status, $shown, $response) = ask('/own/', bearer("client's-own"));
    is $status, 200, "a token of the gateway's own";
    like $shown, $issued->('own', 'own'), '... goes upstream in the place of any other';
    like $response->{headers}{exchanged}, qr/^\[issued\.own\.own\.\d+\]$/, '... and is $token_exchanged';
    for my $headers ([], [basic('user:password')], [bearer('another')]) {
        my (undef, $again) = ask('/own/', @$headers);
        is $again, $shown, '... the same for all requests';
    }
    my (undef, $anonymous) = ask('/own-optional/');
    is $anonymous, $shown, '... also where a token is optional';
    my (undef, $protected) = ask('/own-basic/', basic('user:password'));
    is $protected, $shown, '... and behind a password';
    my @calls = calls_for('own');
    is scalar(@calls), 1, '... it was asked for once';
    is $calls[0]{body}, 'grant_type=client_credentials&scope=internal&client_id=gateway&client_secret=secret',
        '... by this form (RFC 6749 section 4.4.2)';
}

# --- internal redirects ----------------------------------------------------------------------------
{
    my ($status, $shown) = ask('/to/other/', bearer('moved'));
    like $shown, $issued->('other', 'moved'), 'X-Accel-Redirect to another exchanger: it gets the token of the client';
    ($status, $shown) = ask('/failing-other/', bearer('moved-2'));
    like $shown, $issued->('other', 'moved-2'), 'error_page likewise';
    is scalar(calls_for('sts', $_)), 1, "... after the first exchanger had $_" for qw(moved moved-2);
    for my $path (qw(/to/plain/ /failing/ /to/off/)) {
        my $response;
        ($status, $shown, $response) = ask($path, bearer('left'));
        is "$status [$shown]", '200 []', "$path: where nothing is exchanged, no token arrives";
        is $response->{headers}{exchanged}, '[]', '... and none is shown';
    }
    ($status, $shown) = ask('/own-to/other/', bearer('handed'));
    like $shown, $issued->('other', 'handed'), "after a location with the gateway's own token, the client's counts";
    my $response;
    ($status, $shown, $response) = ask('/forbidden/', bearer('say-invalid_grant-page'));
    is "$status [$shown]", '200 []', 'the page for a refused exchange gets no token';
    is_deeply [grep {/^issued/} map { Issuer::form($_)->{subject_token} // '' } $sts->calls], [],
        'nothing that was issued is exchanged';
}

# --- subrequests -----------------------------------------------------------------------------------
{
    my ($status, undef, $response) = ask('/page', bearer('page'));
    is $status, 200, 'a page with parts';
    my %part = map { /^target: (\S+)\n/ ? ($1 => shown($_)) : () } split /(?=^target: )/m, $response->{body};
    like $part{'/same'}, $issued->('sts', 'page'), '... a part of the same exchanger gets the token';
    is $part{'/plain'}, '', '... one without an exchanger gets none';
    is $part{'/other'}, '', '... one of another exchanger gets none';

    ($status) = ask('/mirrored', bearer('mirror'));
    my %mirror;
    ok eventually(
        sub {
            %mirror = map { $_->{target} => Issuer::header($_, 'authorization') // '' }
                grep { $_->{target} =~ /^\/mirror-/ } $upstream->calls;
            keys %mirror == 3;
        }),
        'a mirrored request';
    like $mirror{'/mirror-same'}, $issued->('sts', 'mirror'), '... has the token where it is for the same exchanger';
    is $mirror{'/mirror-plain'}, '', '... and nowhere else';
    is $mirror{'/mirror-other'}, '', '... not for another one';

    # The mirror's request is made with the headers of then, and run when its own has gone on.
    for my $path ('/redirected', '/redirected-other') {
        my $seen = () = grep { $_->{target} eq '/late-plain' } $upstream->calls;
        for my $place (0 .. 2) {
            my @lines = ("Host: localhost\r\n", "Connection: close\r\n");
            splice @lines, $place, 0, "Authorization: Bearer place-$place\r\n";
            my $socket = connect_to($nginx->port);
            syswrite $socket, join '', "GET $path HTTP/1.1\r\n", @lines, "\r\n";
            read_response($socket);
        }
        my @late;
        ok eventually(sub { @late = grep { $_->{target} eq '/late-plain' } $upstream->calls; @late >= $seen + 3 }),
            "$path: a mirrored request that goes on elsewhere";
        is join(' ', map { Issuer::header($_, 'authorization') // '-' } @late), join(' ', ('-') x @late),
            '... leaves no token behind';
    }

    my $shown;
    ($status, $shown) = ask('/shown', bearer('shown'));
    like $shown, $issued->('sts', 'shown'), '$http_authorization upstream';
    my $copy;
    ok eventually(sub { ($copy) = grep { $_->{target} eq '/shown-plain' } $upstream->calls }), '... of a mirrored request';
    is Issuer::header($copy, 'authorization'), undef, '... whose mirror is not shown the token';

    my $posted = read_response(send_request(connect_to($nginx->port), 'POST /reads/a', bearer('posted'), 'Content-Length' => 0));
    is shown($posted->{body}), '', 'where token_exchange is on, but no token looked at, none goes upstream';
    is +(ask('/open/a', bearer('open')))[1], '', '... inherited or not';
    like +(ask('/reads/a', bearer('read')))[1], $issued->('sts', 'read'), '... while others are exchanged';

    ($status, $shown) = ask('/asked', bearer('asked'));
    like $shown, $issued->('sts', 'asked'), 'auth_request beside it';
    my ($ask) = grep { $_->{target} eq '/ask' } $upstream->calls;
    is Issuer::header($ask, 'authorization'), undef, '... whose subrequest gets no token';
    ($status, $shown) = ask('/asked-inside', Cookie => 'session=asked-inside', basic('user:password'));
    like $shown, $issued->('sts', 'asked-inside'), '... also where it stands under token_exchange';
    ($ask) = grep { $_->{target} eq '/ask-inside' } $upstream->calls;
    is Issuer::header($ask, 'authorization'), undef, '... and none of the client\'s';
}

# --- reload ----------------------------------------------------------------------------------------
{
    my (undef, $before) = ask('/t/', bearer('reloaded'));
    ok $nginx->reload, 'a reload';
    my (undef, $after) = ask('/t/', bearer('reloaded'));
    is $after, $before, '... what was issued is still there';
    is scalar(calls_for('sts', 'reloaded')), 1, '... and not asked for again';
}

# --- nothing but an exchanger ----------------------------------------------------------------------
{
    my $only = NginxProcess->start(http => <<"END");
    token_exchanger own {
        grant client_credentials; token_endpoint @{[ $sts->url('/only') ]};
        client_id gateway; client_secret secret;
    }
    token_exchange own;
    server {
        listen 127.0.0.1:%PORT%;
        location / { proxy_pass $to; }
    }
END
    for my $number (1 .. 3) {
        my $response = $only->get('/', basic('user:password'));
        like shown($response->{body}), $issued->('only', 'own'), "no introspector at all, request $number";
    }
    is scalar(calls_for('only')), 1, '... and one call for all';
    $only->stop;
}

unlike $nginx->log, qr/issued\.|p:w|kept|crowd/, 'the log has no token and no secret';
$nginx->stop;
done_testing;
