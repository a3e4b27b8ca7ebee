# token_authorize: which policies are asked and in which order, at which level, with and without a
# token; the refusal; $token_policy.

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use Loopback;
use NginxProcess;
use Test::More;
use TokenIntrospect qw(json jwt $SECRET);

my $issuer   = Issuer->start;
my $upstream = Issuer->start(sub {
    my ($call) = @_;
    return Issuer::answer('200 OK', "$call->{method} " . join ' ', map {
        (Issuer::header($call, $_) // '-')
    } 'authorization', 'x-policy', 'x-token-sub');
});
my $pass = "proxy_pass http://127.0.0.1:@{[$upstream->port]};";

my $introspectors = <<"END";
    token_introspector idp { issuer https://idp.test; secret "$SECRET"; }
    token_introspector opaque { introspection_endpoint @{[$issuer->url]}; }
END

# Policies that say whom they allow; two of them lie in a file.
my $policies = <<'END' . join '', map {<<"END"} qw(bob carol alice);
    token_policy get { engine matcho; rule '{"request-method":"get"}'; }
    token_policy public { engine matcho; rule '{"uri":"#^/optional/public"}'; }
    token_policy linked { engine allow; link client=portal; }
    token_policy active { engine matcho; rule '{"token":{"active":true}}'; }
    token_policy reader { engine matcho; rule '{"request-method":"get","jwt":{"scope":"read"}}'; }
    token_policy inner { engine matcho; rule '{"uri":"/inner/b","jwt":{"sub":"alice"}}'; }
END
    token_policy $_ { engine matcho; rule '{"jwt":{"sub":"$_"}}'; }
END

my $nginx = NginxProcess->start(
    files => {
        'policies.json' => json([map { {
            resourceType => 'AccessPolicy', id => "file-$_", engine => 'matcho', matcho => {jwt => {sub => $_}},
        } } 'dave', 'erin']),
        'html/dir/index.html' => 'index', 'html/dir/b' => 'b',
    },
    http => $introspectors . $policies . <<"END");
    log_format policy '\$uri \$status "\$token_policy"';
    map \$token_policy \$mapped { default "-"; ~. "<\$token_policy>"; }
    token_resources policies.json;
    proxy_set_header X-Policy \$mapped;
    token_introspect idp opaque;
    token_authorize alice;
    add_header X-Status \$token_status always;
    add_header X-Policy \$token_policy always;
    add_header X-Error \$token_error always;

    # the level of http
    server {
        listen 127.0.0.1:%PORT%;
        access_log %DIR%/policy.log policy;
        root %DIR%/html;

        location /http { $pass }
        location /own { token_authorize bob; $pass }
        location /off { token_authorize off; $pass }
        location /nested {
            token_authorize bob;
            $pass
            location /nested/inherited { $pass }
            location /nested/own { token_authorize carol; $pass }
            location /nested/off { token_authorize off; $pass }
        }
        location /several { token_authorize bob alice linked get; $pass }
        location /all { token_authorize *; $pass }
        location /file { token_authorize file-erin carol; $pass }
        location /opaque { token_authorize alice active; $pass }
        location /limited {
            limit_except GET { token_authorize carol; }
            $pass
        }
        location /limited-on {
            token_authorize off;
            limit_except GET HEAD { token_authorize bob carol; }
            $pass
        }
        location /if {
            if (\$arg_x) { set \$x 1; }
            if (\$arg_y) { limit_rate 1m; }
            $pass
        }

        location /optional {
            token_introspect idp opaque optional;
            token_authorize public alice;
            $pass
        }
        location /optional-all { token_introspect idp optional; token_authorize get; $pass }

        location /codes {
            token_error_code forbidden=404 not_supplied=407;
            token_realm api;
            $pass
            location /codes/no-match { token_error_code no_match=418; token_challenge off; $pass }
            location /codes/text { token_challenge 'Token "\$token_status"'; $pass }
        }
        location /page {
            error_page 403 = \@refused;
            $pass
        }
        location \@refused {
            token_introspect off;
            token_authorize off;
            add_header X-Page "\$token_status [\$token_policy]" always;
            return 402 page;
        }
        location /required { token_require_scope write; token_forward_claims sub; $pass }

        location /any { satisfy any; allow 127.0.0.1; deny all; $pass }
        location /any-denied { satisfy any; deny all; $pass }
        location /any-optional {
            satisfy any; deny all;
            token_introspect idp optional; token_authorize get;
            $pass
        }
        location /all-denied { deny all; $pass }

        location /dir/ { token_authorize inner; }
        location /redirects { token_authorize bob; rewrite ^ /inner/b last; }
        location /tries { token_authorize alice; try_files /none /inner/b; }
        location /inner { token_authorize inner; $pass }
        location /named { token_authorize alice; try_files /none \@named; }
        location \@named { token_authorize get; $pass }
    }
    # the level of server
    server {
        listen 127.0.0.1:%PORT2%;
        token_authorize reader;
        location / { $pass }
        location /off { token_authorize off; $pass }
    }
END

# "STATUS POLICY", or "STATUS WORD" without one.
sub answer_of {
    my ($response) = @_;
    my %header = %{ $response->{headers} };
    return join ' ', $response->{status}, $header{'x-policy'} // $header{'x-status'} // '-';
}
sub response_to {
    my ($line, $token, @headers) = @_;
    $line = "GET $line" if $line =~ /^\//;
    return request($nginx->port, $line, (defined $token ? (Authorization => "Bearer $token") : ()), @headers);
}
sub ask { return answer_of(response_to(@_)) }
my %token = map { $_ => jwt(sub => $_) } qw(alice bob carol dave erin frank);
my $opaque = Issuer::token('{"active":true,"sub":"alice","client_id":"portal"}');

my $refused = '403 policy_refused';

# --- levels --------------------------------------------------------------------------------------

is ask('/http', $token{alice}), '200 alice', 'from http (B24)';
is ask('/http', $token{bob}), $refused, '... a good token alone grants nothing (B23, B63)';
is ask('/own', $token{bob}), '200 bob', "a location's own";
is ask('/own', $token{alice}), $refused, '... replaces what it would inherit';
is ask('/off', $token{frank}), '200 active', 'off: the token alone counts, and no policy is named';
is ask('/off'), '401 missing', '... but it counts';
is ask('/nested/inherited', $token{bob}), '200 bob', 'from the location around';
is ask('/nested/inherited', $token{alice}), $refused, '... not from further out';
is ask('/nested/own', $token{carol}), '200 carol', 'own within a location';
is ask('/nested/own', $token{bob}), $refused, '... alone';
is ask('/nested/off', $token{frank}), '200 active', 'off within a location';
is answer_of(request($nginx->{port2}, "$_->[0] /", Authorization => 'Bearer ' . jwt(scope => $_->[1]))), $_->[2],
    "from server: $_->[0] with $_->[1]"
    for ['GET', 'read', '200 reader'], ['POST', 'read', $refused], ['GET', 'write', $refused];
is answer_of(request($nginx->{port2}, 'GET /off', Authorization => "Bearer $token{bob}")), '200 active', '... off there';

is ask('GET /limited', $token{alice}), '200 alice', 'limit_except: the listed methods';
is ask('GET /limited', $token{carol}), $refused, '... have the policies around';
is ask('POST /limited', $token{carol}), '200 carol', '... the others';
is ask('POST /limited', $token{alice}), $refused, '... have their own';
is ask('GET /limited-on', $token{frank}), '200 active', 'policies in limit_except only';
is ask('DELETE /limited-on', $token{$_}), "200 $_", "... $_" for qw(bob carol);
is ask('DELETE /limited-on', $token{alice}), $refused, '... alice';
is ask("/if?$_=1", $token{bob}), $refused, "if in a location ($_) loses no policy" for qw(x y);
is ask("/if?$_=1", $token{alice}), '200 alice', '... and allows' for qw(x y);

# --- which, in which order -----------------------------------------------------------------------

is ask('/several', $token{alice}), '200 alice', 'the first that allows, in the order of token_authorize';
is ask('/several', $token{bob}), '200 bob', '...';
is ask('/several', jwt(sub => 'frank', client_id => 'portal')), '200 linked', '... one that is for this client';
is ask('/several', $token{frank}), '200 get', '... which others pass over';
is ask('POST /several', $token{frank}), $refused, '... none';
is ask('/file', $token{erin}), '200 file-erin', 'a policy from token_resources beside one from nginx.conf';
is ask('/file', $token{carol}), '200 carol', '...';
is ask('/file', $token{dave}), $refused, '... and only the listed';
is ask('GET /all', $token{$_}), '200 get', "*: in the order of nginx.conf ($_)" for qw(alice dave);
is ask('POST /all', $token{$_->[0]}), "200 $_->[1]", "*: $_->[1]"
    for ['alice', 'alice'], ['carol', 'carol'], ['dave', 'file-dave'], ['erin', 'file-erin'];
is ask('POST /all', $opaque), '200 linked', '*: linked';
is ask('POST /all', $token{frank}), $refused, '*: none';

is ask('/opaque', $opaque), '200 active', 'an introspected token: policies wait for the answer';
is ask('/opaque', $opaque), '200 active', '... and judge a remembered one';
is ask('/http', $opaque), $refused, '... in each location anew';
is $issuer->call_count, 1, '... which asks nobody';
is ask('/opaque', Issuer::token('{"active":false}')), '401 inactive', '... but not an inactive one (B22)';

# --- without a token -----------------------------------------------------------------------------

is ask('/optional/public'), '200 public', 'optional: a request without a token is judged';
is ask('/optional/private'), '401 missing', '... and refused with 401: a token is the cure';
is ask('/optional/private', $token{alice}), '200 alice', '... as here';
is ask('/optional/private', $token{bob}), $refused, '... not any token';
is ask('/optional/public', $token{bob}), '200 public', '... what is public is for all';
is ask('/optional/public', $_->[1]), $_->[0], "... but never with a bad token: $_->[0]"
    for ['401 expired', jwt(exp => 1)], ['401 bad_signature', jwt(-key => 'x' x 40)],
    ['401 inactive', Issuer::token('{"active":false}')];
is ask('/optional/public', undef, Authorization => 'Bearer a b'), '400 malformed_credential', '... nor a malformed one';
is ask('/optional/public', undef, Authorization => 'Basic YTpi'), '200 public', 'another scheme is no token';
is ask('/all'), '401 missing', 'without optional nobody is judged who has no token';
is ask('GET /optional-all'), '200 get', 'anonymous by method';
is ask('PUT /optional-all'), '401 missing', '...';

# --- the refusal ---------------------------------------------------------------------------------

my $challenge = 'Bearer error="insufficient_scope", error_description='
    . '"The request requires higher privileges than the access token has"';
sub refusal {
    my $response = response_to(@_);
    return join ' ', $response->{status}, $response->{headers}{'x-error'} // '-',
        $response->{headers}{'www-authenticate'} // 'no challenge';
}
is refusal('/http', $token{bob}), "403 insufficient_scope $challenge", 'status, error and challenge';
is refusal('/optional/private'), '401 - Bearer', '... without a token';
is refusal('/codes', $token{bob}), '404 insufficient_scope ' . $challenge =~ s/Bearer /Bearer realm="api", /r,
    'token_error_code forbidden=, token_realm';
is refusal('/codes'), '407 - Bearer realm="api"', '... not_supplied=';
is refusal('/codes/no-match', $token{bob}), '418 insufficient_scope no challenge', 'no_match=, token_challenge off';
is refusal('/codes/text', $token{bob}), '404 insufficient_scope Token "policy_refused"', 'a challenge of its own';
my $page = response_to('/page', $token{bob});
is "$page->{status} $page->{body} $page->{headers}{'x-page'}", '402 page policy_refused []', 'error_page knows the word';
ok $nginx->count_in_log(qr/\[info\] .*token introspect: refused, reason: policy_refused, introspector: idp, client: /),
    'the log has it, too';

is ask('/required', jwt(scope => 'write')), '200 alice', 'beside requirements: both hold';
is ask('/required', jwt(sub => 'bob', scope => 'write')), $refused, '... the policy does not';
is ask('/required', $token{alice}), '403 insufficient_scope', '... the requirement does not, and no policy is named';

is ask('/any', $token{bob}), '200 -', 'satisfy any: the address is enough, no policy is asked';
is ask('/any-denied', $token{bob}), $refused, '... or it is not';
is ask('/any-denied', $token{alice}), '200 alice', '... and a policy is';
like ask('/any-optional'), qr/^403 /, '... a request without a token does not satisfy, also where a policy allows it';
is ask('/all-denied', $token{alice}), '403 -', 'satisfy all: both';

# --- where it leads ------------------------------------------------------------------------------

is ask('/redirects', $token{alice}), '200 inner', 'rewrite: judged where it leads to';
is ask('/tries', $token{alice}), '200 inner', 'try_files: judged here and there';
is ask('/tries', $token{bob}), $refused, '... not here';
is ask('/tries', jwt(sub => 'alice', scope => 'x')), '200 inner', '... by the path there';
is ask('/inner/a', $token{alice}), $refused, '... not there';
is ask('/named', $token{alice}), '200 get', 'a named location has its own';
is ask('POST /named', $token{alice}), $refused, '... and refuses';
is ask('/dir/', $token{alice}), $refused, 'a directory with its index is two paths';

# --- $token_policy -------------------------------------------------------------------------------

is response_to('/http', $token{alice})->{body}, 'GET - <alice> -', 'the upstream may know the policy, and not the token';
is response_to('/off', $token{alice})->{body}, 'GET - - -', '... or that there was none';
is response_to('/optional/public')->{body}, 'GET - <public> -', '... of an anonymous request, too';
is response_to('/required', jwt(scope => 'write'), 'X-Token-Sub' => 'forged')->{body}, 'GET - <alice> alice',
    '... beside claims';
my $log = eventually {
    open my $in, '<', $nginx->dir . '/policy.log' or return;
    my $text = do { local $/; <$in> };
    $text =~ m{^/required 200 "alice"$}m ? $text : undef;
};
like $log, qr{^/http 200 "alice"$}m, 'in the access log';
like $log, qr{^/http 403 "-?"$}m, '... nothing when refused';
like $log, qr{^/off 200 "-?"$}m, '... nor when no policy was asked';
like $log, qr{^/inner/b 200 "inner"$}m, '... the last one after a redirect';

# B22, B23: what was refused never got there
my %seen;
$seen{ $_->{target} }++ for $upstream->calls;
ok !$seen{$_}, "nothing of $_ reached the upstream" for '/optional/private?', '/inner/a', '/any-denied?', '/all-denied';
is_deeply [map { "$_->{method} $_->{target}" } grep { $_->{target} =~ m{^/(?:own|codes|limited)$} } $upstream->calls],
    ['GET /own', 'GET /limited', 'POST /limited'], 'only what was allowed did';
unlike $nginx->log, qr/\Q$token{bob}\E|\Q$opaque/, 'no token in the log';
$nginx->stop;

# --- no policies at all --------------------------------------------------------------------------

$nginx = NginxProcess->start(http => "$introspectors
    token_introspect idp optional;
    token_authorize *;
    add_header X-Status \$token_status always;
    server { listen 127.0.0.1:%PORT%; location / { $pass } }");
is ask('/', $token{alice}), $refused, 'where there are no policies, none allows (B63)';
is ask('/'), '401 missing', '... nobody';
$nginx->stop;

# --- what nginx -t says --------------------------------------------------------------------------

my $tried = NginxProcess->prepare(http => '');

# A directive marked "#!" has to be blamed by its line.
sub complaint {
    my ($http) = @_;
    $tried->configure($introspectors . $policies . $http);
    my $said = $tried->check;
    return 'is taken' if $said =~ /test is successful/;
    my ($sentence, $line) = $said =~ /\[emerg\] \d+#\d+: (.*?) in \S+\/nginx\.conf:(\d+)$/m or return $said;
    my @lines = do { local @ARGV = ($tried->dir . '/nginx.conf'); <> };
    my ($marked) = grep { $lines[$_ - 1] =~ /#!/ } 1 .. @lines;
    return $sentence . (defined $marked && $line != $marked ? " (line $line, not $marked)" : '');
}
sub in_location {
    my ($line) = @_;
    return complaint("server { location /t { token_introspect idp;\n$line #!\n } }");
}

is in_location('token_authorize alice bob;'), 'is taken', 'nginx -t: good ones';
is in_location('token_authorize;'), 'invalid number of arguments in "token_authorize" directive', 'nginx -t: none named';
is in_location('token_authorize alice nobody;'), 'unknown policy "nobody" in "token_authorize": define it in http with '
    . 'token_policy nobody { … } or in a file of token_resources', 'nginx -t: an unknown policy';
is in_location('token_authorize Alice;'), 'unknown policy "Alice" in "token_authorize": define it in http with '
    . 'token_policy Alice { … } or in a file of token_resources', 'nginx -t: names have case';
is in_location('token_authorize alice alice;'), 'policy "alice" is named twice', 'nginx -t: one twice';
is in_location("token_authorize $_;"), '"off" and "*" in "token_authorize" stand alone', "nginx -t: $_"
    for 'alice off', 'off alice', '* alice', 'alice *', '* off';
is complaint("server { location /t { token_introspect idp;\ntoken_authorize alice;\ntoken_authorize bob; #!\n } }"),
    '"token_authorize" directive is duplicate', 'nginx -t: the directive twice';
is complaint("server { location /t { token_introspect idp;\nif (\$arg_x) {\ntoken_authorize bob; #!\n} } }"),
    '"token_authorize" directive is not allowed here', 'nginx -t: in if';
my $idle = '"token_authorize" has no effect without token_introspect';
is complaint("server { location /t {\ntoken_authorize alice; #!\n } }"), $idle, 'nginx -t: without token_introspect';
is complaint("server { location /t { token_introspect off;\ntoken_authorize alice; #!\n } }"), $idle,
    '... or with it off at the same place';
is complaint("server {\ntoken_authorize alice; #!\nlocation /t { } }"), $idle, '... inherited by what has none';
is complaint("server { location /t { limit_except GET {\ntoken_authorize alice; #!\n} } }"), $idle, '... in limit_except';
is complaint('server { token_authorize alice; location /t { token_introspect idp; } }'), 'is taken',
    'nginx -t: policies around, introspectors within';
is complaint('token_authorize alice; server { token_introspect idp; } server { location /t { token_introspect idp; } }'),
    'is taken', '... at the level of http';
is complaint('server { token_introspect idp; token_authorize alice; location /t { token_introspect off; } }'), 'is taken',
    'nginx -t: a location that switches both off by token_introspect off';
is complaint('token_introspect off; token_authorize off;'), 'is taken', 'nginx -t: off needs nothing';

done_testing;
