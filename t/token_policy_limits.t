# Nothing that a request or a token carries makes the evaluation of a policy slow, deep or wrong:
# regular expressions that backtrack, long arrays, deep nesting. What exceeds a limit is refused, also
# where a policy negates the answer.
#
# No clock tells whether a limit was reached, two policies do: one of them, or its opposite, would
# allow the request if the evaluation went on to its end, which here takes no more than minutes.

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use Loopback;
use NginxProcess;
use Test::More;
use TokenIntrospect qw(json jwt $SECRET);

my $issuer = Issuer->start;
my $up     = free_port();
my $bomb   = '^(a+)+$';

# matcho over one value at jwt.g, token.g or params.g; each has its opposite, not-NAME
my %pattern = (
    bomb     => "#$bomb",
    contains => {'$contains' => "#$bomb"},
    every    => {'$every' => "#$bomb"},
    laborious => {'$every' => '#^(a+)+$|!$'},
    'one-of' => {'$one-of' => ["#$bomb", {'$contains' => '#^(a|aa)+$'}]},
    small    => {'$contains' => '#(a+)+c'},
    last     => {'$contains' => {n => 'last'}},
    same     => '.token.h',
    crossed  => {'$contains' => {'$one-of' => '.token.h'}},
    'all'    => {'$present-all' => ['a', 'b', {n => 'last'}]},
);
%pattern = (%pattern, map { ("not-$_" => {'$not' => $pattern{$_}}) } keys %pattern);
my %schema = (
    'schema-bomb'   => {items => {pattern => $bomb}, type => 'array'},
    'schema-none'   => {items => {not => {pattern => $bomb}}, type => 'array'},
    'schema-unique' => {uniqueItems => JSON::PP::true, type => 'array'},
    'schema-deep'   => {'$ref' => '#/definitions/list'},
    'schema-wide'   => {allOf => [map { {items => {anyOf => [map { {const => $_} } 1 .. 20]}} } 1 .. 20]},
);
%schema = (%schema, map { ("not-$_" => {not => $schema{$_}}) } keys %schema);
# what is looked at without a token
my %rule = (
    uri         => {uri => '#.*a.*b.*c.*d'},
    'small-uri' => {uri => '#(a+)+c'},
    'long-uri'  => {uri => '#^/'},
    header      => {headers => {'x-a' => '#^(a|a)*$'}},
    last        => {params => {p5000 => '5000'}},
    common      => {params => {g => {'$length' => 10_000}}},
    known       => {headers => {'x-a' => '#^b(, b)*$', 'x-300' => 'b'}},
);
%rule = (%rule, map {
    my ($subject, $pattern) = %{ $rule{$_} };
    ("not-$_" => {$subject => {'$not' => $pattern}})
} keys %rule);

my $policies = '';
my $locations = '';
my %files;
sub add_policy {
    my ($name, $engine, $rule) = @_;
    $files{"$name.json"} = json($rule);
    $policies .= "token_policy $name { engine $engine; file $name.json; }\n";
    $locations .= "location /$name/ { token_authorize $name; proxy_pass http://127.0.0.1:$up; }\n";
}
for my $subject (qw(jwt token params)) {
    add_policy("$_-$subject", 'matcho', {$subject => {g => $pattern{$_}}}) for sort keys %pattern;
    for my $name (sort keys %schema) {
        my %definitions = (list => {items => {'$ref' => '#/definitions/list'}});
        add_policy("$name-$subject", 'json-schema', {required => [$subject], definitions => \%definitions,
            properties => {$subject => {required => ['g'], properties => {g => $schema{$name}}}},
        });
    }
}
add_policy($_, 'matcho', $rule{$_}) for sort keys %rule;

my $nginx = NginxProcess->start(files => \%files, http => <<"END");
    token_introspector idp { issuer https://idp.test; secret "$SECRET"; cache_verified_jwt off; }
    token_introspector opaque { introspection_endpoint @{[$issuer->url]}; response_size 1m; }
    $policies
    large_client_header_buffers 8 64k;
    add_header X-Status \$token_status always;
    server {
        listen 127.0.0.1:%PORT%;
        token_introspect idp opaque optional;
        $locations
    }
    server {
        listen 127.0.0.1:$up;
        location / { return 200; }
    }
END

my $refused = '403 policy_refused';
my $allowed = '200 active';

# "STATUS WORD"; what is bounded is done long before the minute is over.
sub ask {
    my ($path, @headers) = @_;
    my $response = read_response(send_request(connect_to($nginx->port), "GET $path", @headers), 60)
        or return 'no answer';
    return "$response->{status} " . ($response->{headers}{'x-status'} // '-');
}
# The token that carries a value: a JWT, or an opaque one.
sub carrying {
    my ($kind, $g, %more) = @_;
    return $kind eq 'params' ? () : (Authorization => 'Bearer ' . ($kind eq 'jwt' ? jwt(g => $g, %more)
        : Issuer::token(json({active => JSON::PP::true, g => $g, %more}))));
}
sub arguments { return '?' . join '&', map {"g=$_"} @{ $_[0] } }
sub ask_about {
    my ($name, $kind, $g, %more) = @_;
    return ask("/$name-$kind/" . ($kind eq 'params' ? arguments(ref $g ? $g : [$g]) : ''), carrying($kind, $g, %more));
}

# What a policy and its opposite say: 'yes', 'no', or 'neither' when both refuse. The policy is asked
# about a value (NAME, KIND, VALUE, MORE as for ask_about) or a path (NAME, \PATH, HEADERS).
my %answer_of = (
    "$allowed,$refused" => 'yes', "$refused,$allowed" => 'no', "$refused,$refused" => 'neither',
    '200 missing,401 missing' => 'yes', '401 missing,200 missing' => 'no', '401 missing,401 missing' => 'neither',
);
sub answers {
    my ($expected, $what, $name, @about) = @_;
    my $said = join ',', map { ref $about[0] ? ask("/$_/" . ${ $about[0] }, @about[1 .. $#about]) : ask_about($_, @about) }
        $name, "not-$name";
    is $answer_of{$said} // $said, $expected, "$what: $expected";
}

# --- regular expressions -------------------------------------------------------------------------

# PCRE tries some half a million times before it knows that these do not match ...
my $evil = 'a' x 18 . '!';
# ... and less than 20000 times here, though more than 2000.
my $toil = 'a' x 12 . '!';
# The slowest of all, if nothing but PCRE itself bounds it: a tenth of a second each.
my @slow = ('a' x 30 . '!') x 1000;

answers neither => "a bomb in a $_", bomb => $_, $evil for qw(jwt token params);
answers neither => 'a bomb in a header', header => \'', 'X-A' => $evil;
answers neither => 'a bomb in the path', uri => \('d' . join '', map { $_ x 60 } qw(a b c));
answers no => '... a small one', uri => \'dabc';
answers neither => 'many bombs', contains => 'token', \@slow;
answers neither => '... of which each must match', laborious => 'token', \@slow;
answers neither => '... by json-schema', 'schema-none' => 'token', \@slow;

for my $kind (qw(jwt token params)) {
    answers neither => "a bomb and a match in a $kind", contains => $kind, [$evil, 'aaaa'];
    answers neither => '... $one-of', 'one-of' => $kind, [$evil, 'aaaa'];
    answers yes => '... the match first', contains => $kind, ['aaaa', $evil];
    answers neither => '... by json-schema', 'schema-none' => $kind, [$evil, 'b'];
    next if $kind eq 'params';    # those of one name are short enough, or are too long for nginx
    # each has its answer, all together are too much
    answers neither => '... many that are short enough', contains => $kind, [($toil) x 500, 'aaaa'];
    answers neither => '... $every', laborious => $kind, [($toil) x 500];
    answers neither => '... json-schema', 'schema-none' => $kind, [($toil) x 500];
    answers no => '... one', contains => $kind, [$toil];
    answers yes => '... one, by json-schema', 'schema-none' => $kind, [$toil];
}
answers neither => 'json-schema', 'schema-bomb' => 'jwt', [$evil];

# PCRE's limit is for each place where a match might begin, ours for all of them
my $small = ('a' x 12 . 'b') x 14 . 'bc';
answers neither => 'a path of parts that are short enough', 'small-uri' => \$small;
answers neither => '... a claim', small => 'jwt', [$small];
answers no => '... one part', small => 'jwt', ['a' x 8 . 'bc'];

answers yes => 'what does not backtrack much is found in long texts', bomb => 'jwt', 'a' x 2000;
answers yes => '... and in many', every => 'jwt', [('aaaa') x 500];
answers yes => '... by json-schema, too', 'schema-bomb' => 'jwt', [('aaaa') x 500];
answers no => '$not where there is an answer', bomb => 'jwt', 'b';
answers yes => 'a text of 4096 bytes', bomb => 'jwt', 'a' x 4096;
answers neither => '... a longer one', bomb => 'jwt', 'a' x 4097;
answers neither => '... path', 'long-uri' => \('a' x 5000);

# --- arrays and nesting --------------------------------------------------------------------------

my @objects = map { {n => "$_", more => [1, 2, 3]} } 1 .. 700;
answers yes => 'the last of many', last => 'token', [@objects, {n => 'last'}];
answers no => '... is not there', last => 'token', \@objects;
answers yes => '$present-all over many', all => 'token', [@objects, 'b', 'a', {n => 'last'}];

my @numbers = 1 .. 2000;
answers yes => 'two arrays that are equal', same => 'token', \@numbers, h => \@numbers;
answers no => '... or not', same => 'token', \@numbers, h => [@numbers, 1];
answers yes => 'some of one array in another', crossed => 'token', [1 .. 10], h => [10 .. 20];
answers no => '... none of few', crossed => 'token', [1, 2], h => [3];
# 4 million comparisons
answers neither => '... none, beyond all measure', crossed => 'token', \@numbers, h => [map { -$_ } @numbers];
answers neither => '... the last one', crossed => 'token', [@numbers, 'x'], h => [(map { -$_ } @numbers), 'x'];

answers yes => 'uniqueItems', 'schema-unique' => 'token', [@numbers, @objects];
answers no => '... twice', 'schema-unique' => 'token', [@numbers, @objects, $objects[0]];
answers yes => 'many alternatives for many elements', 'schema-wide' => 'token', [map { $_ % 20 + 1 } 1 .. 500];
# 2 million
answers neither => '... beyond all measure', 'schema-wide' => 'token', [(20) x 5000];
my $deep = [1];
$deep = [$deep, $deep] for 1 .. 10;
answers yes => 'a schema that calls itself', 'schema-deep' => 'token', $deep;

answers yes => 'many parameters', last => \('?' . join '&', map {"p$_=$_"} 1 .. 5000);
answers yes => '... of one name', common => \('?' . join '&', ('g=') x 10000);
answers yes => 'many headers', known => \'', map { ("X-$_" => 'b', 'X-A' => 'b') } 1 .. 300;

is $nginx->count_in_log(qr/exited on signal|internal/), 0, 'no worker was lost';
$nginx->stop;
done_testing;
