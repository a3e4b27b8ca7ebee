# Nothing that a request or a token carries makes the evaluation of a policy slow, deep or wrong:
# regular expressions that backtrack, long arrays, deep nesting. What exceeds a limit is refused, also
# where a policy negates the answer.

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

# matcho over one value at jwt.g, token.g or params.g
my %pattern = (
    bomb     => '#^(a+)+$',
    contains => {'$contains' => '#^(a+)+$'},
    every    => {'$every' => '#^(a+)+$'},
    not      => {'$not' => '#^(a+)+$'},
    'not-contains' => {'$not' => {'$contains' => '#^(a+)+$'}},
    'one-of' => {'$one-of' => ['#^(a+)+$', {'$contains' => '#^(a|aa)+$'}]},
    small    => {'$contains' => '#(a+)+c'},
    last     => {'$contains' => {n => 'last'}},
    same     => '.token.h',
    'not-same' => {'$not' => '.token.h'},
    crossed  => {'$contains' => {'$one-of' => '.token.h'}},
    'not-crossed' => {'$not' => {'$contains' => {'$one-of' => '.token.h'}}},
    'all'    => {'$present-all' => ['a', 'b', {n => 'last'}]},
);
my %schema = (
    'schema-bomb'   => {items => {pattern => '^(a+)+$'}, type => 'array'},
    'schema-not'    => {not => {items => {pattern => '^(a+)+$'}}},
    'schema-none'   => {items => {not => {pattern => '^(a+)+$'}}},
    'schema-unique' => {uniqueItems => JSON::PP::true, type => 'array'},
    'schema-deep'   => {'$ref' => '#/definitions/list'},
    'schema-wide'   => {allOf => [map { {items => {anyOf => [map { {const => $_} } 1 .. 20]}} } 1 .. 20]},
);

my $policies = '';
my %files;
for my $name (sort keys %pattern) {
    $files{"$name-$_.json"} = json({$_ => {g => $pattern{$name}}}) for qw(jwt token params);
    $policies .= "token_policy $name-$_ { engine matcho; file $name-$_.json; }\n" for qw(jwt token params);
}
for my $name (sort keys %schema) {
    my %definitions = (list => {items => {'$ref' => '#/definitions/list'}});
    $files{"$name-$_.json"} = json({required => [$_], definitions => \%definitions, properties => {
        $_ => {required => ['g'], properties => {g => $schema{$name}}},
    }}) for qw(jwt token params);
    $policies .= "token_policy $name-$_ { engine json-schema; file $name-$_.json; }\n" for qw(jwt token params);
}

my $nginx = NginxProcess->start(files => \%files, http => <<"END");
    token_introspector idp { issuer https://idp.test; secret "$SECRET"; cache_verified_jwt off; }
    token_introspector opaque { introspection_endpoint @{[$issuer->url]}; response_size 1m; }
    $policies
    token_policy uri { engine matcho; rule '{"uri":"#.*a.*b.*c.*d"}'; }
    token_policy not-uri { engine matcho; rule '{"uri":{"\$not":"#.*a.*b.*c.*d"}}'; }
    token_policy small-uri { engine matcho; rule '{"uri":"#(a+)+c"}'; }
    token_policy header { engine matcho; rule '{"headers":{"x-a":"#^(a|a)*\$"}}'; }
    token_policy plain { engine matcho; rule '{"uri":"#^/nothing"}'; }
    large_client_header_buffers 8 64k;
    add_header X-Status \$token_status always;
    server {
        listen 127.0.0.1:%PORT%;
        token_introspect idp opaque optional;
        @{[map {"location /$_/ { token_authorize $_; proxy_pass http://127.0.0.1:$up; }\n"}
            qw(uri not-uri small-uri header plain), map { ("$_-jwt", "$_-token", "$_-params") } keys %pattern, keys %schema]}
    }
    server {
        listen 127.0.0.1:$up;
        location / { return 200; }
    }
END

# How long the workers have worked so far, in seconds of a processor.
sub work {
    my $nanoseconds = 0;
    for my $pid ($nginx->workers) {
        open my $file, '<', "/proc/$pid/schedstat" or next;
        $nanoseconds += (split ' ', <$file> // 0)[0];
    }
    return $nanoseconds / 1e9;
}

# "STATUS WORD", and the work it took; nothing when there is no answer in time.
sub ask {
    my ($path, @headers) = @_;
    my $before   = work();
    my $response = read_response(send_request(connect_to($nginx->port), "GET $path", @headers), 10)
        or return ('no answer', 1e9);
    $response->{headers}{'x-status'} //= '-';
    return ("$response->{status} $response->{headers}{'x-status'}", work() - $before);
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

# --- the measure: ordinary requests --------------------------------------------------------------

my $before = work();
ask('/plain/') for 1 .. 500;
my $unit = work() - $before;
$unit > 0 or plan skip_all => 'the kernel does not tell how long a process works';

# Works no longer than 500 ordinary requests do.
sub cheap {
    my ($name, $expected, $status, $work) = @_;
    return bounded(1, $name, $expected, $status, $work);
}
sub bounded {
    my ($factor, $name, $expected, $status, $work) = @_;
    like $status, qr/^(?:$expected)$/, $name;
    cmp_ok $work, '<=', $factor * $unit, '... at the price of ' . 500 * $factor . ' ordinary requests';
    return $status ne 'no answer';
}

my $refused = '403 policy_refused';
my $nobody  = '401 missing';
my $evil    = 'a' x 30 . '!';

# --- regular expressions -------------------------------------------------------------------------

# After the first that is expensive, the others would take minutes.
REGEX: {
    cheap('a bomb in a claim', $refused, ask_about('bomb', 'jwt', $evil)) or last;
    cheap('... which is not negated', $refused, ask_about('not', 'jwt', $evil)) or last;
    cheap('in an introspection response', $refused, ask_about('bomb', 'token', $evil)) or last;
    cheap('in a parameter, without a token', $nobody, ask_about('bomb', 'params', $evil)) or last;
    cheap('in a header', $nobody, ask('/header/', 'X-A' => $evil x 20)) or last;
    cheap('in the path', $nobody, ask('/uri/d' . ('a' x 2000) . ('b' x 2000) . ('c' x 2000))) or last;
    cheap('... which is not negated', $nobody, ask('/not-uri/d' . ('a' x 2000) . ('b' x 2000) . ('c' x 2000))) or last;
    my @many = ($evil) x 100;
    cheap('many in one array', $refused, ask_about('contains', 'jwt', \@many)) or last;
    cheap('... of a response', $refused, ask_about('contains', 'token', [($evil) x 500])) or last;
    cheap('... of parameters', $nobody, ask_about('contains', 'params', \@many)) or last;
    cheap('$every', $refused, ask_about('every', 'jwt', \@many)) or last;
    cheap('$not $contains', $refused, ask_about('not-contains', 'jwt', \@many)) or last;
    cheap('$one-of', $refused, ask_about('one-of', 'jwt', \@many)) or last;
    bounded(10, '... each short enough for its own limit', $refused, ask_about('contains', 'token', [map { 'a' x 13 . '!' } 1 .. 2500])) or last;
    # PCRE's limit is for each place where a match might begin
    my $small = ('a' x 12 . 'b') x 14 . 'bc';
    bounded(2, 'a long path, each part short enough', $nobody, ask('/small-uri/' . $small x 40)) or last;
    bounded(10, 'many texts of such parts', $refused, ask_about('small', 'token', [($small) x 200])) or last;
    cheap('json-schema', $refused, ask_about('schema-bomb', 'jwt', \@many)) or last;
    cheap('json-schema: not', $refused, ask_about('schema-not', 'jwt', \@many)) or last;
    bounded(10, '... each short enough', "200 active|$refused", ask_about('schema-none', 'token', [map { 'a' x 12 . '!' } 1 .. 2000])) or last;
}
cheap('what does not backtrack much is found in long texts', '200 active', ask_about('bomb', 'jwt', 'a' x 2000));
cheap('... and in many', '200 active', ask_about('every', 'jwt', [('aaaa') x 500]));
cheap('... by json-schema, too', '200 active', ask_about('schema-bomb', 'jwt', [('aaaa') x 500]));
is +(ask_about('not', 'jwt', 'b'))[0], '200 active', '$not where there is an answer';

# --- arrays and nesting --------------------------------------------------------------------------

my @objects = map { {n => "$_", more => [1, 2, 3]} } 1 .. 700;
cheap('the last of many', '200 active', ask_about('last', 'token', [@objects, {n => 'last'}]));
cheap('... is not there', $refused, ask_about('last', 'token', \@objects));
cheap('$present-all over many', '200 active', ask_about('all', 'token', [@objects, 'b', 'a', {n => 'last'}]));

my @numbers = 1 .. 2000;
cheap('two arrays that are equal', '200 active', ask_about('same', 'token', \@numbers, h => \@numbers));
cheap('... or not', $refused, ask_about('same', 'token', \@numbers, h => [@numbers, 1]));
cheap('... and negated', '200 active', ask_about('not-same', 'token', \@numbers, h => [@numbers, 1]));
cheap('each of one array in another', '200 active', ask_about('crossed', 'token', [1 .. 10], h => [10 .. 20]));
cheap('... beyond all measure', $refused, ask_about('crossed', 'token', \@numbers, h => [map { -$_ } @numbers]));
cheap('... is not negated', $refused, ask_about('not-crossed', 'token', \@numbers, h => [map { -$_ } @numbers]));
cheap('... where it can be answered, it is', '200 active', ask_about('not-crossed', 'token', [1, 2], h => [3]));

cheap('uniqueItems', '200 active', ask_about('schema-unique', 'token', [@numbers, @objects]));
cheap('... twice', $refused, ask_about('schema-unique', 'token', [@numbers, @objects, $objects[0]]));
cheap('many alternatives for many elements', '200 active', ask_about('schema-wide', 'token', [map { $_ % 20 + 1 } 1 .. 500]));
cheap('... beyond all measure', $refused, ask_about('schema-wide', 'token', [(20) x 5000]));
my $deep = [1];
$deep = [$deep, $deep] for 1 .. 10;
cheap('a schema that calls itself', '200 active', ask_about('schema-deep', 'token', $deep));

cheap('many parameters', $nobody, ask('/last-params/?' . join '&', map {"p$_=$_"} 1 .. 5000));
cheap('... of one name', $nobody, ask('/last-params/?' . join '&', ('g=') x 10000));
cheap('many headers', $nobody, ask('/header/', map { ("X-$_" => 'b', 'X-A' => 'b') } 1 .. 300));

is $nginx->count_in_log(qr/exited on signal|internal/), 0, 'no worker was lost';
$nginx->stop;
done_testing;
