# token_exchanger and token_exchange: what nginx -t says of wrong ones: what is wrong, and what would
# be right.
#
# valgrind: no, nginx -t and nothing else: a process of two seconds for each of its cases

use strict;
use warnings;
use lib 't/lib';

use NginxProcess;
use Test::More;

my $tried = NginxProcess->prepare(http => '', files => { actor => "actor\n", empty => "\n", secret => "s\n" });

sub complaint { return $tried->complaint(@_) || 'is taken' }

my $endpoint = 'token_endpoint https://127.0.0.1/token;';
my $client   = 'client_id a; client_secret b;';
my $own      = "$endpoint grant client_credentials;";
my $uri_cure = 'use an internal location (/name) or an absolute http:// or https:// URL without user information or fragment';
my $type_cure = 'use access_token, refresh_token, id_token, jwt, or the URI of a type';
my $no_effect = 'serves grant token-exchange: client_credentials asks for a token of the gateway\'s own';

for my $case (
    # good ones
    [$endpoint => 'is taken'],
    ['token_endpoint /token;' => 'is taken'],
    ["$endpoint $client client_auth post; audience a b; resource https://a.test/?b urn:c; scope r w; cache_ttl 1h;"
            . ' requested_token_type jwt; subject_token_type urn:ietf:params:oauth:token-type:saml2;'
            . ' actor_token abc; actor_token_type id_token; connect_timeout 1s; send_timeout 1s; read_timeout 1s;'
            . ' response_size 8k; max_waiting 10; ssl_verify off; ssl_name a.test;' => 'is taken'],
    ["$endpoint actor_token file:actor; cache_ttl off; client_id a; client_secret_file secret;" => 'is taken'],
    ["$endpoint authorization_file secret;" => 'is taken'],
    ["$own $client" => 'is taken'],
    ["$own authorization 'Custom x'; scope r; audience a; resource urn:c;" => 'is taken'],
    # what is missing or unknown
    ['' => ': a token_exchanger needs a token_endpoint: token_endpoint https://…;'],
    ['grant token-exchange;' => ': a token_exchanger needs a token_endpoint: token_endpoint https://…;'],
    ["$endpoint issuer https://a.test;" => 'unknown directive "issuer" in token_exchanger'],
    ["$endpoint cache_use_stale error;" => 'unknown directive "cache_use_stale" in token_exchanger'],
    ["$endpoint $endpoint" => '"token_endpoint" directive is duplicate'],
    ["$endpoint audience a; audience b;" => '"audience" directive is duplicate'],
    ["$endpoint scope;" => 'invalid number of arguments in "scope" directive'],
    ["$endpoint grant a b;" => 'invalid number of arguments in "grant" directive'],
    # values
    ['token_endpoint ftp://a.test/;' => "invalid value \"ftp://a.test/\" in \"token_endpoint\": $uri_cure"],
    ['token_endpoint token;' => "invalid value \"token\" in \"token_endpoint\": $uri_cure"],
    ['token_endpoint "https://a.test/#f";' => "invalid value \"https://a.test/#f\" in \"token_endpoint\": $uri_cure"],
    ["$endpoint grant password;" => 'invalid value "password" in "grant": use token-exchange or client_credentials'],
    ["$endpoint audience '';" => 'an audience cannot be empty'],
    ["$endpoint resource /orders;" => 'invalid value "/orders" in "resource": use an absolute URI without fragment'],
    ["$endpoint resource 'https://a.test/#x';" => 'invalid value "https://a.test/#x" in "resource": use an absolute URI without fragment'],
    ["$endpoint scope 'a b';" => '"a b" is not a scope'],
    ["$endpoint requested_token_type saml2;" => "invalid value \"saml2\" in \"requested_token_type\": $type_cure"],
    ["$endpoint subject_token_type '';" => "invalid value \"\" in \"subject_token_type\": $type_cure"],
    ["$endpoint actor_token a; actor_token_type x;" => "invalid value \"x\" in \"actor_token_type\": $type_cure"],
    ["$endpoint actor_token '';" => '"actor_token" cannot be empty'],
    ["$endpoint actor_token file:;" => '"actor_token" cannot be empty'],
    ["$endpoint actor_token file:nowhere;" => ': cannot read "nowhere": No such file or directory'],
    ["$endpoint actor_token file:empty;" => ': "empty" is empty or holds control characters'],
    ["$endpoint client_secret_file nowhere; client_id a;" => ': cannot read "nowhere": No such file or directory'],
    ["$endpoint cache_ttl 100ms;" => 'invalid value "100ms" in "cache_ttl": use a time from 1s to 86400s, or off'],
    ["$endpoint client_auth private_key_jwt;" => '"client_auth private_key_jwt" is not supported by this version of the module'],
    # what does not fit together
    ["$endpoint actor_token_type jwt;" => ': "actor_token_type" has no effect without actor_token'],
    ["$endpoint client_secret b;" => ': client authentication needs both client_id and client_secret (or client_secret_file)'],
    ["$endpoint $client client_auth none;" => ': client_secret is set but client_auth does not use it'],
    ["$endpoint authorization a; authorization_file secret;" => ': "authorization" and "authorization_file" exclude each other'],
    ["$endpoint zone nowhere;" =>
        'unknown zone "nowhere" in token_exchanger "x": define it with token_zone zone=nowhere:16m'],
    [$own => ': "grant client_credentials" needs credentials: client_id and client_secret (or authorization, or ssl_certificate)'],
    ["$own client_id a;" => ': "grant client_credentials" needs credentials: client_id and client_secret (or authorization, or ssl_certificate)'],
    (map { ["$own $client $_;" => qr/: "\w+" \Q$no_effect\E/] }
        'requested_token_type jwt', 'subject_token_type jwt', 'actor_token a', 'actor_token_type jwt'),
    )
{
    my ($lines, $sentence) = @$case;
    my $said = complaint("    token_exchanger x { $lines }\n");
    $sentence = "token_exchanger \"x\"$sentence" if !ref $sentence && $sentence =~ /^: /;
    ref $sentence ? like $said, $sentence, "nginx -t: { $lines }" : is $said, $sentence, "nginx -t: { $lines }";
}

# names
is complaint("    token_exchanger $_->[0] { $endpoint }\n"), $_->[1], "nginx -t: the name $_->[0]"
    for ['off', '"off" cannot name an exchanger'], ['""', '"" cannot name an exchanger'], ['optional', 'is taken'];
like complaint("    token_exchanger x { $endpoint }\n    token_exchanger x { $endpoint }\n"),
    qr/^token_exchanger "x" is defined already in nginx\.conf:\d+$/, 'nginx -t: an exchanger twice';
is complaint("    token_exchanger x { $endpoint }\n    token_introspector x { issuer *; secret 12345678901234567890123456789012; }\n"),
    'is taken', 'nginx -t: an introspector may have the same name';
is complaint("    server { token_exchanger x { $endpoint } }\n"), '"token_exchanger" directive is not allowed here',
    'nginx -t: an exchanger in a server';

# token_exchange
my $blocks = <<"END";
    token_introspector i { issuer *; secret 12345678901234567890123456789012; }
    token_exchanger x { $endpoint }
    token_exchanger own { $own $client }
END
my $no_token = '"token_exchange" has no effect without token_introspect: there is no token to exchange '
    . '(only an exchanger with grant client_credentials needs none)';
my $exclude = '"token_exchange" and "token_forward_token" exclude each other: only one token can go upstream; '
    . 'say token_forward_token off here';
for my $case (
    ['', 'location / { token_introspect i; token_exchange x; }' => 'is taken'],
    ['', 'location / { token_introspect optional i; token_exchange x; }' => 'is taken'],
    ['', 'location / { token_exchange own; }' => 'is taken'],
    ['', 'location / { token_introspect i; token_exchange own; }' => 'is taken'],
    ['token_exchange x; token_introspect i;', 'server { location / { } location /a { token_introspect off; } location /b { token_exchange off; } }' => 'is taken'],
    ['', 'token_exchange x; location / { token_introspect i; }' => 'is taken'],
    ['token_exchange own;', 'location / { }' => 'is taken'],
    ['', 'location / { token_introspect i; token_exchange x; token_forward_claims sub; limit_except GET { token_exchange off; } }' => 'is taken'],
    ['', 'location / { token_introspect i; token_exchange x; if ($args) { set $a b; } }' => 'is taken'],
    ['token_forward_token on;', 'location / { token_introspect i; token_exchange x; token_forward_token off; }' => 'is taken'],
    ['', 'location / { token_introspect i; token_exchange y; }' =>
        'unknown exchanger "y" in "token_exchange": define it in http with token_exchanger y { … }'],
    ['', 'location / { token_introspect i; token_exchange i; }' =>
        'unknown exchanger "i" in "token_exchange": define it in http with token_exchanger i { … }'],
    ['', 'location / { token_exchange x; }' => $no_token],
    ['', 'location / { token_introspect off; token_exchange x; }' => $no_token],
    ['token_exchange x;', 'location / { }' => $no_token],
    ['', 'location / { token_introspect i; token_exchange x; token_forward_token on; }' => $exclude],
    ['token_forward_token on; token_introspect i;', 'location / { token_exchange x; }' => $exclude],
    ['', 'location / { token_exchange own; token_forward_token on; }' => $exclude],
    ['', 'location / { token_introspect i; token_exchange x; token_exchange x; }' => '"token_exchange" directive is duplicate'],
    ['', 'location / { token_exchange; }' => 'invalid number of arguments in "token_exchange" directive'],
    ['', 'location / { token_exchange x own; }' => 'invalid number of arguments in "token_exchange" directive'],
    )
{
    my ($http, $server, $sentence) = @$case;
    $server = "server { listen 127.0.0.1:%PORT%; $server }" if $server !~ /^server/;
    is complaint("$blocks    $http $server\n"), $sentence, "nginx -t: $http $server";
}

done_testing;
