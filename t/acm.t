# The OAuth2 introspection policy of F5 NGINX API Connectivity Manager, tried as a team would that
# brings its API here: what each of the policy's settings has to do, with ACM's statuses and bodies
# (B88 to B100, B102, B104, B106 to B125, B131, B133, B134).

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use JSON::PP;
use Loopback;
use MIME::Base64 qw(encode_base64);
use NginxProcess;
use Test::More;
use Time::HiRes qw(sleep time);

# What the authorization server says of a good token: the shape of Keycloak's answer.
my %claims = (
    active             => JSON::PP::true,
    exp                => 4102444800,
    iat                => 1665585494,
    iss                => 'http://192.0.2.5:8080/realms/nginx',
    aud                => 'account',
    sub                => 'a95117bf-1a2e-4d46-9c44-5fdee8dddd11',
    typ                => 'Bearer',
    azp                => 'nginx-plus',
    given_name         => '',
    preferred_username => 'nginx-user',
    email_verified     => JSON::PP::true,
    acr                => '1',
    scope              => 'openid email profile',
    client_id          => 'nginx-plus',
    username           => 'nginx-user',
    realm_access       => { roles => ['default-roles-nginx', 'nginx-keycloak-role'] },
    resource_access    =>
        { account => { roles => ['manage-account', 'manage-account-links', 'view-profile'] } },
);
my $json = JSON::PP->new->canonical;

my @tokens;

# A token that the authorization server answers so.
sub answered {
    push @tokens, Issuer::token($_[0]);
    return $tokens[-1];
}

# ... with %claims and changes of them; undef takes one away.
sub token {
    my %answer = (%claims, @_);
    delete @answer{ grep { !defined $answer{$_} } keys %answer };
    return answered($json->encode(\%answer));
}

# Tokens with which the introspection itself goes wrong.
my $good   = '{"active":true,"username":"x"}';
my %faults = (
    'status-500'   => Issuer::answer('500 Oops',         $good, 'Content-Type' => 'application/json'),
    'status-404'   => Issuer::answer('404 Not Found',    $good, 'Content-Type' => 'application/json'),
    'status-401'   => Issuer::answer('401 Unauthorized', '{"error":"invalid_client"}'),
    'status-302'   => Issuer::answer('302 Found',        '', Location => '/introspect'),
    'status-204'   => "HTTP/1.1 204 No Content\r\n\r\n",
    'not-json'     => Issuer::json('active: true'),
    'cut-json'     => Issuer::json('{"active":true'),
    'empty'        => Issuer::json(''),
    'array'        => Issuer::json("[$good]"),
    'html'         => Issuer::answer('200 OK', $good, 'Content-Type' => 'text/html'),
    'text-active'  => Issuer::json('{"active":"true"}'),
    'number'       => Issuer::json('{"active":1}'),
    'null'         => Issuer::json('{"active":null}'),
    'no-active'    => Issuer::json('{"username":"x"}'),
    'too-big'      => Issuer::json('{"active":true,"x":"' . 'x' x 70_000 . '"}'),
    'closed'       => undef,
    'hang'         => 'hang',
);
my $issuer = Issuer->start(sub {
    my ($call) = @_;
    my $token = Issuer::form($call)->{token} // '';
    return Issuer::by_token($call) if !exists $faults{$token};
    sleep 600                      if $token eq 'hang';
    return $faults{$token};
});

# The API: tells what reached it.
my $api = Issuer->start(sub {
    return Issuer::answer('200 OK', $json->encode($_[0]), 'Content-Type' => 'application/json');
});

# verifyClaims: type and expected value, what the token has, and whether the request passes.
my @rows = (
    ['B113', 'string account', '"account"', 1],
    ['B113', 'string account', '"monitor"', 0],
    ['B113', 'string account', '"Account"', 0],
    ['B114', 'string account', '["account"]',           1],
    ['B114', 'string account', '["account","monitor"]', 1],
    ['B114', 'string account', '["report","monitor"]',  0],
    ['B115', 'string "openid profile email" delimiter=SPACE', '"openid profile email"',         1],
    ['B115', 'string "openid profile email" delimiter=SPACE', '"openid email profile"',         1],
    ['B115', 'string "openid profile email" delimiter=SPACE', '"openid profile email account"', 1],
    ['B116', 'string "openid profile email" delimiter=SPACE', '"openid+email+profile"',         0],
    ['B116', 'string "openid profile email" delimiter=SPACE', '"openid profile"',               0],
    ['B116', 'string "openid profile email" delimiter=SPACE', '["openid","profile","email"]',   0],
    ['B117', 'integer 42',            '42',                             1],
    ['B117', 'integer 42',            '"42"',                           1],
    ['B117', 'integer 42',            '43',                             0],
    ['B118', 'boolean true',          'true',                           1],
    ['B118', 'boolean true',          '"TRUE"',                         1],
    ['B118', 'boolean true',          'false',                          0],
    ['B119', 'array account',         '["account"]',                    1],
    ['B119', 'array account',         '"account"',                      1],
    ['B119', 'array account',         '["monitor"]',                    0],
    ['B119', 'array account',         '["account","monitor"]',          1],
    ['B119', 'array account',         '["report","monitor"]',           0],
    ['B120', 'array account monitor', '["account","monitor"]',          1],
    ['B120', 'array account monitor', '["monitor","account"]',          1],
    ['B120', 'array account monitor', '["account","monitor","report"]', 1],
    ['B120', 'array account monitor', '["account"]',                    0],
);
my %place;
$place{ $_->[1] } //= '/rows/' . keys %place for @rows;

# Locations that differ from the policy's defaults by a few lines.
my %locations = (
    '/'       => '',
    '/header' => 'token_source header=apiAccessToken;',
    '/query'  => 'token_source query=queryAuthz;',
    '/both'   => 'token_source header=Authorization; token_source query=queryAuthz;',
    '/codes'  => 'token_error_code no_match=418 not_supplied=410;',
    '/code'   => 'token_error_code no_match=418;',
    '/ten'    => 'token_introspect ten;',
    '/hint'   => 'token_introspect hint;',
    '/down'   => 'token_introspect down;',
    '/slow'   => 'token_introspect slow;',
    '/lost'   => 'token_introspect lost;',
    '/claims' => 'token_forward_claims username exp scope iss client-id'
        . ' resource_access.account.roles fake-claim given_name;',
    '/verify' => <<'END',
            token_require_claim aud string account;
            token_require_claim scope string "openid profile email" delimiter=SPACE;
            token_require_claim acr integer 1;
            token_require_claim email_verified boolean true;
            token_require_claim resource_access.account.roles array
                manage-account manage-account-links view-profile;
END
    map { $place{$_} => "token_require_claim the.claim $_;" } keys %place,
);
my $locations = join '', map {"location $_ { $locations{$_} proxy_pass @{[ $api->url('') ]}; }\n"}
    sort keys %locations;

my $endpoint = $issuer->url('/realms/nginx/protocol/openid-connect/token/introspect');
my $nginx    = NginxProcess->start(http => <<"END");
    token_introspector acm {
        introspection_endpoint $endpoint;
        client_id nginx-plus;
        client_secret "the client's";
    }
    token_introspector ten { introspection_endpoint $endpoint; cache_ttl 10s; }
    token_introspector hint { introspection_endpoint $endpoint; token_type_hint access_token; }
    token_introspector down { introspection_endpoint http://127.0.0.1:@{[ free_port() ]}/; }
    token_introspector slow { introspection_endpoint $endpoint; read_timeout 500ms; }
    token_introspector lost { introspection_endpoint http://nowhere.invalid:8080/introspect; }
    map \$status \$message {
        401 "Unauthorized";
        403 "Forbidden";
        410 "Gone";
        418 "I'm a teapot";
    }
    server {
        listen 127.0.0.1:%PORT%;
        token_introspect acm;
        token_error_code no_match=403;
        token_forward_claims default;
        error_page 401 403 410 418 /_error;
        location = /_error {
            internal;
            token_introspect off;
            default_type application/json;
            return 200 '{"message":"\$message","status":"\$status"}';
        }
        $locations
    }
END
my $log_read = 0;

# What the log has told since the last time, without what nginx puts around each line.
sub told {
    my $log = substr $nginx->log, $log_read;
    $log_read += length $log;
    return map { /\[\w+\] \d+#\d+: (?:\*\d+ )?(.*?), client: / ? $1 : () }
        grep {/token introspect/} split /\n/, $log;
}

# One request. What came of it, and which calls it led to.
sub ask {
    my ($line, @headers) = @_;
    my ($asked, $reached) = ($issuer->call_count, $api->call_count);
    my $response = request($nginx->port, $line, @headers);
    my @calls    = $issuer->calls;
    return {
        %$response,
        asked   => [@calls[$asked .. $#calls]],
        reached => ($api->calls)[$reached],
        told    => [told()],
    };
}
sub bearer { return (Authorization => "Bearer $_[0]") }

# The API was reached. The answer's members for more checks.
sub passes {
    my ($what, $answer) = @_;
    is $answer->{status}, 200, "$what: passes";
    ok $answer->{reached}, '... to the API';
    is_deeply $answer->{told}, [], '... without a word in the log';
    return $answer;
}

# The headers that reached the API, by name. A name that came twice has both values.
sub headers {
    my ($answer) = @_;
    my $call = $answer->{reached};
    return { map { $_->[0] => Issuer::header($call, $_->[0]) } @{ $call->{headers} } };
}
sub claim_headers {
    my %headers = %{ headers(@_) };
    return { map { /^x-token-(.*)/ ? ($1 => $headers{$_}) : () } keys %headers };
}

my %message = (401 => 'Unauthorized', 403 => 'Forbidden', 410 => 'Gone', 418 => "I'm a teapot");

# Refused, with exactly this body and line in the log, and the API not reached.
sub refuses {
    my ($what, $status, $line, $answer) = @_;
    is $answer->{status}, $status, "$what: $status";
    is $answer->{body}, qq({"message":"$message{$status}","status":"$status"}), '... with its body';
    is $answer->{headers}{'content-type'}, 'application/json', '... as JSON';
    is $answer->{reached},                 undef,              '... not the API';
    $line = "token introspect: refused, reason: $line";
    is_deeply $answer->{told}, [$line], '... and its line in the log';
    return $answer;
}

# B102 is looked at again at the end, when time has passed.
my $ten_began = time;
my $ten       = token(jti => 'ten');
passes 'a cache of ten seconds', ask('GET /ten', bearer($ten));
my $again = ask('GET /ten', bearer($ten))->{asked};
is_deeply $again, [], '... remembers' if time - $ten_began < 9;

subtest 'the policy, with its defaults' => sub {
    my $token = token();
    my @post  = (
        'X-NGINX-Test' => 'true',
        'Content-Type' => 'application/json',
        Accept         => '*/*',
        body           => '{"testKey": "testValue"}'
    );

    my $refused = refuses 'no token (B88)', 401, 'missing', ask('POST /my/test/api?a=1', @post);
    is_deeply $refused->{asked}, [], '... and the authorization server is not asked';

    my $answer = passes 'an active token (B89)',
        ask('POST /my/test/api?a=1', @post, bearer($token));
    is scalar @{ $answer->{asked} }, 1, '... is introspected once';
    my $call = $answer->{asked}[0];
    is $call->{method}, 'POST',                                                    '... by POST';
    is $call->{target}, '/realms/nginx/protocol/openid-connect/token/introspect', '... there';
    is $call->{body},   "token=$token",      '... with the token alone, no hint';
    is Issuer::header($call, 'accept'), 'application/json', '... for JSON (B100)';
    is Issuer::header($call, 'content-type'), 'application/x-www-form-urlencoded', '... in a form';
    is Issuer::header($call, 'authorization'),
        'Basic ' . encode_base64('nginx-plus:the+client%27s', ''), '... as this client (B99)';

    is $answer->{reached}{method}, 'POST',                     'the API sees the method (B134)';
    is $answer->{reached}{target}, '/my/test/api?a=1',         '... the target';
    is $answer->{reached}{body},   '{"testKey": "testValue"}', '... the body';
    is_deeply headers($answer),
        {
        'host'             => '127.0.0.1:' . $api->port,
        'connection'       => 'close',
        'content-length'   => 24,
        'content-type'     => 'application/json',
        'accept'           => '*/*',
        'x-nginx-test'     => 'true',
        'x-token-exp'      => '4102444800',
        'x-token-scope'    => 'openid email profile',
        'x-token-username' => 'nginx-user',
        },
        '... its headers, three claims, and no Authorization (B96, B106)';

    $answer = passes 'the same token', ask('GET /', bearer($token));
    is_deeply $answer->{asked}, [], '... is remembered';
    is_deeply claim_headers($answer),
        { exp => '4102444800', scope => 'openid email profile', username => 'nginx-user' },
        '... with its claims';
    is scalar @{ ask('GET /', bearer(token(jti => 2)))->{asked} }, 1, 'another one is not (B104)';

    $answer = passes 'with authzServerTokenHint', ask('GET /hint', bearer($token));
    is $answer->{asked}[0]{body}, "token=$token&token_type_hint=access_token", '... the hint';
};

subtest 'what is no match' => sub {
    refuses 'an inactive token (B90, B133)', 403, 'inactive, introspector: acm',
        ask('GET /', bearer(answered('{"active":false}')));
    refuses 'the same', 403, 'inactive, introspector: acm',
        ask('GET /', bearer(answered('{"active":false}')));
    refuses 'a token that nobody made (B90)', 403, 'inactive, introspector: acm',
        ask('GET /', bearer('nonsense'));
    refuses 'an expired token that is still called active', 403, 'expired, introspector: acm',
        ask('GET /', bearer(token(exp => 1)));
    refuses 'what cannot be a token', 403, 'malformed_credential', ask('GET /', bearer('a b'));
    refuses 'two tokens', 403, 'multiple_credentials',
        ask('GET /both?queryAuthz=' . token(jti => 3), bearer(token()));

    # B91
    my %reason = (
        (map { ("status-$_" => 'issuer_status') } 500, 404, 401, 302, 204),
        (map { ($_          => 'inactive') } qw(text-active number null no-active)),
        (map { ($_          => 'issuer_response') } qw(not-json cut-json empty array html)),
        'too-big' => 'issuer_response_too_big',
        'closed'  => 'issuer_unreachable',
    );
    for my $fault (sort keys %reason) {
        refuses "$fault (B91)", 403, "$reason{$fault}, introspector: acm",
            ask('GET /', bearer($fault));
    }
    refuses 'no answer in time (B91)', 403, 'issuer_timeout, introspector: slow',
        ask('GET /slow', bearer('hang'));
    refuses 'a refused connection (B91)', 403, 'issuer_unreachable, introspector: down',
        ask('GET /down', bearer(token()));
    refuses 'a host that is not found, without a resolver (B131)', 403,
        'issuer_unreachable, introspector: lost', ask('GET /lost', bearer(token()));
    is $nginx->count_in_log(qr/\[error\].* no resolver defined to resolve nowhere\.invalid/), 1,
        '... and its cause in the log';
};

subtest 'where the token is (B92 to B98)' => sub {
    my $token   = token(jti => 'place');
    my $refused = refuses 'Authorization without Bearer (B92)', 401, 'missing',
        ask('GET /', Authorization => $token);
    is_deeply $refused->{asked}, [], '... and nobody is asked';
    refuses 'Authorization of another scheme', 401, 'missing',
        ask('GET /', Authorization => 'Basic ' . encode_base64("a:$token", ''));
    refuses 'a scheme that begins alike', 401, 'missing',
        ask('GET /', Authorization => "Bearertoken $token");

    my $answer = passes 'apiAccessToken (B93)', ask('GET /header', apiAccessToken => $token);
    is $answer->{asked}[0]{body}, "token=$token", '... is introspected as it is';
    is_deeply [sort keys %{ headers($answer) }],
        [qw(connection host x-token-exp x-token-scope x-token-username)],
        '... and is no header of the API (B97)';
    for my $prefix ('Bearer ', 'bearer ', 'BEARER  ') {
        $refused = refuses "apiAccessToken: ${prefix}TOKEN (B94)", 403, 'malformed_credential',
            ask('GET /header', apiAccessToken => "$prefix$token");
        is_deeply $refused->{asked}, [], '... and nobody is asked';
    }
    refuses 'Authorization where apiAccessToken is due', 401, 'missing',
        ask('GET /header', bearer($token));
    refuses 'an argument where apiAccessToken is due', 401, 'missing',
        ask('GET /header?apiAccessToken=elsewhere');

    $answer = passes 'queryAuthz (B95)',
        ask("POST /query?a=1&queryAuthz=$token&b=%20+", body => "queryAuthz=$token");
    is $answer->{reached}{target}, '/query?a=1&b=%20+',  '... is no argument for the API (B98)';
    is $answer->{reached}{body},   "queryAuthz=$token", '... which gets the body as it is';
    $answer = passes 'queryAuthz and other credentials',
        ask("GET /query?queryAuthz=$token", Authorization => 'Basic YTpi', Cookie => 'queryAuthz=1');
    is $answer->{reached}{target}, '/query', '... the argument goes';
    is headers($answer)->{authorization}, 'Basic YTpi', '... Authorization stays';
    is headers($answer)->{cookie}, 'queryAuthz=1', '... and Cookie';
    $answer = ask('GET /query?queryAuthz=a+b%2Bc%2Fd');
    refuses 'a token that has to be encoded', 403, 'inactive, introspector: acm', $answer;
    is $answer->{asked}[0]{body}, 'token=a%2Bb%2Bc%2Fd', '... is introspected decoded once';
    refuses 'a Bearer prefix in queryAuthz', 403, 'malformed_credential',
        ask("GET /query?queryAuthz=Bearer%20$token");
    refuses 'Authorization where queryAuthz is due', 401, 'missing',
        ask('GET /query', bearer($token));
};

subtest 'claims in headers' => sub {
    my @spoofed = map { ("X-Token-$_" => 'spoofed') }
        qw(Username Exp Scope Iss Client-Id Resource-Access-Account-Roles Fake-Claim Given-Name);
    my $answer = passes 'a list of its own (B107)',
        ask('GET /claims', @spoofed, 'X-Token-Other' => 'kept', bearer(token(jti => 'claims')));
    is_deeply claim_headers($answer),
        {
        'username'                      => 'nginx-user',
        'exp'                           => '4102444800',
        'scope'                         => 'openid email profile',
        'iss'                           => 'http://192.0.2.5:8080/realms/nginx',
        'client-id'                     => 'nginx-plus',
        'resource-access-account-roles' => 'manage-account',
        'other'                         => 'kept',
        },
        '... nested, with a hyphen, first of an array, none for what is missing or empty,'
        . ' none of the client (B108 to B112)';

    $answer = passes 'a token without any of them (B111)',
        ask('GET /claims', @spoofed, bearer(answered('{"active":true}')));
    is_deeply claim_headers($answer), {}, '... gives no header';
    $answer = passes 'the default list for it', ask('GET /', bearer(answered('{"active":true}')));
    is_deeply claim_headers($answer), {}, '... gives none either';
};

subtest 'verifyClaims, row by row (B113 to B120)' => sub {
    is scalar @rows, 27, 'all rows';
    for my $row (@rows) {
        my ($item, $expected, $actual, $passes) = @$row;
        my $token = answered(qq({"active":true,"the":{"claim":$actual}}));
        my $what  = "$expected, token has $actual ($item)";
        my $answer = ask("GET $place{$expected}", bearer($token));
        if ($passes) { passes $what, $answer }
        else {
            # B123: all of the line, so no value either
            refuses $what, 403, 'claim_refused, by: the.claim, introspector: acm', $answer;
        }
    }
    for my $expected (sort keys %place) {
        refuses "$expected, token has none (B121)", 403,
            'claim_refused, by: the.claim, introspector: acm',
            ask("GET $place{$expected}", bearer(answered($_)))
            for '{"active":true}', '{"active":true,"the":{}}', '{"active":true,"the":"account"}',
            '{"active":true,"the.claim":"account"}', '{"active":true,"the":{"claim":null}}';
    }
};

subtest 'several at once (B122, B123)' => sub {
    my $log = length $nginx->log;
    passes 'all hold', ask('GET /verify', bearer(token()));
    my @changes = (
        [aud            => 'monitor-value'],
        [scope          => 'openid email secret-scope'],
        [acr            => 2],
        [email_verified => JSON::PP::false],
        [
            resource_access => { account => { roles => ['manage-account', 'view-profile'] } },
            'resource_access.account.roles'
        ],
        [resource_access => undef, 'resource_access.account.roles'],
        [acr             => undef],
    );
    for my $change (@changes) {
        my ($claim, $value, $path) = @$change;
        $path //= $claim;
        refuses "all but $path", 403, "claim_refused, by: $path, introspector: acm",
            ask('GET /verify', bearer(token($claim => $value)));
    }
    refuses 'two that fail: the first is named', 403, 'claim_refused, by: aud, introspector: acm',
        ask('GET /verify', bearer(token(acr => undef, aud => undef)));

    # expected and actual values, in no line of whatever kind
    my $text = substr $nginx->log, $log;
    unlike $text, qr/\Q$_/, "\"$_\" is not in the log"
        for qw(monitor-value secret-scope openid manage-account view-profile), 'account,', 'true';
};

subtest 'returnCode (B124, B125)' => sub {
    my $inactive = answered('{"active":false}');
    refuses 'no token',       410, 'missing', ask('GET /codes');
    refuses 'another scheme', 410, 'missing', ask('GET /codes', Authorization => 'Basic YTpi');
    refuses 'an inactive token', 418, 'inactive, introspector: acm',
        ask('GET /codes', bearer($inactive));
    refuses 'no introspection', 418, 'issuer_status, introspector: acm',
        ask('GET /codes', bearer('status-500'));
    refuses 'what cannot be a token', 418, 'malformed_credential', ask('GET /codes', bearer('a,b'));
    passes 'an active token', ask('GET /codes', bearer(token()));
    refuses 'noMatch alone: no token', 401, 'missing', ask('GET /code');
    refuses '... an inactive one', 418, 'inactive, introspector: acm',
        ask('GET /code', bearer($inactive));
};

# B102
my $asked = 0;
ok eventually(sub {
    sleep 0.1;
    $asked = @{ ask('GET /ten', bearer($ten))->{asked} };
    }),
    'a cache of ten seconds ends';
is $asked, 1, '... and the authorization server is asked again';
cmp_ok time - $ten_began, '>', 9.9, '... not before';

# Not one of all these tokens, nor the client's secret, is in a log.
open my $file, '<', $nginx->dir . '/access.log' or die "$!";
my $logs = do { local $/; <$file> } . $nginx->log;
like $logs, qr{"POST /query\?a=1&b=%20\+ HTTP/1.1" 200}, 'the access log has the request';
is_deeply [grep { index($logs, $_) >= 0 } @tokens, "the client's", 'the+client'], [],
    '... and neither log a token or the secret';

$issuer->stop;
$nginx->stop;
done_testing;
