# docs/policies.md is run: every policy in it against the requests that stand below it, every wrong
# one against what nginx -t says.
#
# Blocks with a policy:
#   ```json matcho (json-schema, complex), ```yaml matcho     a rule
#   ```yaml AccessPolicy                                      a resource
#   ```nginx http                                             token_policy blocks, asked in their order
# and behind it ```requests: lines of "allowed" or "refused" and, with two spaces or more between
# them, METHOD URI, NAME: VALUE for a header, jwt|token|user JSON, role JSON, a comment after "#".
# Behind ```json ENGINE wrong stands ```text with the sentence. ```json debug is what
# token_policy_debug says with the policies of the block before it.

use strict;
use warnings;
use lib 't/lib';

use Issuer;
use JSON::PP ();
use Loopback;
use NginxProcess;
use Test::More;
use TokenIntrospect qw(json jwt $SECRET);

my $iss     = 'https://idp.example.com';
my $decoder = JSON::PP->new;

# --- the document --------------------------------------------------------------------------------

# [line, words behind ```, text] of each block that is marked; what belongs together follows each
# other.
sub blocks_of {
    my ($path) = @_;
    open my $in, '<', $path or die "$path: $!";
    my (@blocks, $open);
    while (my $line = <$in>) {
        if    (!$open && $line =~ /^```(\S.*?)\s*$/) { $open = [$., $1, ''] }
        elsif ($open && $line =~ /^```\s*$/)         { push @blocks, $open; undef $open }
        elsif ($open)                                { $open->[2] .= $line }
    }
    return @blocks;
}

my (@examples, @wrong, @debug);
{
    my $last;
    for my $block (blocks_of('docs/policies.md')) {
        my ($line, $mark, $text) = @$block;
        if ($mark eq 'requests') {
            if (!$last) { fail "line $line: requests below a policy"; next }
            $last->{requests} = [map { [$line + $_, (split /\n/, $text)[$_ - 1]] } 1 .. ($text =~ tr/\n//)];
            undef $last;
            next;
        }
        if ($mark eq 'text' && $last && $last->{wrong}) {
            chomp($last->{sentence} = $text);
            undef $last;
            next;
        }
        if ($last && !$last->{server}) { fail "line $last->{line}: nothing follows the policy" }
        if ($mark eq 'json debug') {
            push @debug, {line => $line, policies => $last ? $last->{text} : '', answer => $decoder->decode($text)};
            undef $last;
        } elsif ($mark =~ /^(json|yaml) (matcho|json-schema|complex|AccessPolicy)( wrong)?$/) {
            $last = {line => $line, form => $1, engine => $2, wrong => $3, text => $text};
            push @{ $3 ? \@wrong : \@examples }, $last;
        } elsif ($mark eq 'nginx http' && $text =~ /token_policy/) {
            $last = {line => $line, form => 'nginx', text => $text,
                server => !!($text =~ /^server|^\s*file\s/m)};
            push @examples, $last if !$last->{server};
        } else {
            undef $last;
        }
    }
}
cmp_ok scalar @examples, '>=', 40, 'policies in the document';
is scalar @debug, 1, 'an example of debugging';

# --- the policies --------------------------------------------------------------------------------

my (%files, @http, @users);
my $up = free_port();

for my $i (0 .. $#examples) {
    my $example = $examples[$i];
    my ($form, $engine, $text) = @$example{qw(form engine text)};
    my $names = "example-$i";
    if ($form eq 'nginx') {
        my @names = $text =~ /token_policy\s+(\S+)/g;
        # names may come again in another example
        $text =~ s/(token_policy\s+)(\S+)/$1$2-$i/g;
        push @http, $text;
        $names = join ' ', map {"$_-$i"} @names;
    } elsif ($engine eq 'AccessPolicy') {
        $text =~ s/^id: .*/id: example-$i/m;
        $files{"example-$i.yaml"} = $text;
        push @http, "token_resources example-$i.yaml;";
    } else {
        $files{"example-$i.$form"} = $text;
        push @http, "token_policy example-$i { engine $engine; file example-$i.$form; }";
    }
    push @http, "server { listen 127.0.0.1:%PORT%; server_name example-$i.test; token_authorize $names;"
        . " location / { proxy_pass http://127.0.0.1:$up; } }";
}

# The User and Roles of a request get ids of their own, unless the example says which.
my %id_of;
sub user_id {
    my ($user, $roles) = @_;
    my $key = json([$user, $roles]);
    return $id_of{$key} //= do {
        my $id = $user->{id} // 'user-' . keys %id_of;
        die "two users $id\n" if grep { $_->{id} eq $id } @users;
        push @users, {%$user, resourceType => 'User', id => $id};
        push @users, map { { %{ $roles->[$_] }, resourceType => 'Role', id => "$id-$_", user => "User/$id" } }
            0 .. $#$roles;
        $id;
    };
}

# A line as { allowed, request => 'GET /', headers => […], line, text }.
sub parse {
    my ($number, $text) = @_;
    my ($verdict, @parts) = split /\s{2,}/, $text;
    my %request = (line => $number, text => $text, request => 'GET /', headers => []);
    die "docs/policies.md:$number: allowed or refused?\n" if $verdict !~ /^(allowed|refused)$/;
    $request{allowed} = $verdict eq 'allowed';
    my %json;
    for my $part (@parts) {
        last if $part =~ /^#/;
        if    ($part =~ m{^[A-Z]+ /\S*$})                   { $request{request} = $part }
        elsif ($part =~ /^(jwt|token|user|role) ([{\[].*)$/) { $json{$1} = $decoder->decode($2) }
        elsif ($part =~ /^([A-Za-z-]+):(?: (.*))?$/)         { push @{ $request{headers} }, $1, $2 // '' }
        else                                                 { die "docs/policies.md:$number: $part?\n" }
    }
    if ($json{user}) {
        $json{jwt}{doc_user} = user_id($json{user}, $json{role} // []);
    }
    my $token = $json{jwt} ? jwt(sub => undef, iss => $iss, exp => 4102444800, %{ $json{jwt} })
        : $json{token}     ? Issuer::token(json({active => JSON::PP::true, %{ $json{token} }}))
        :                    undef;
    push @{ $request{headers} }, Authorization => "Bearer $token" if defined $token;
    return \%request;
}
for my $example (@examples) {
    $example->{requests} = [map { parse(@$_) } @{ $example->{requests} // [] }];
}
$files{'users.json'} = json(\@users);

my $issuer = Issuer->start;
my $head   = <<"END";
    token_introspector idp { issuer *; secret "$SECRET"; user_claim doc_user; }
    token_introspector opaque { introspection_endpoint @{[$issuer->url]}; }
    token_introspect idp opaque optional;
    add_header X-Status \$token_status always;
END
my $nginx = NginxProcess->start(files => \%files, http => join "\n", $head, <<"END", @http);
    token_resources users.json;
    server { listen 127.0.0.1:$up; location / { return 200; } }
END

for my $i (0 .. $#examples) {
    my $example = $examples[$i];
    my @requests = @{ $example->{requests} };
    my $where    = "policies.md:$example->{line}";
    ok +(grep { $_->{allowed} } @requests) && (grep { !$_->{allowed} } @requests),
        "$where: shows what is allowed and what is not";
    for my $request (@requests) {
        my ($method, $uri) = split / /, $request->{request}, 2;
        my $response = request($nginx->port, "$method http://example-$i.test$uri", @{ $request->{headers} });
        my $got = !$response                                          ? 'no answer'
            : $response->{status} == 200                              ? 'allowed'
            : $response->{headers}{'x-status'} =~ /^(policy_refused|missing)$/ ? 'refused'
            :                                                           "$response->{status} $response->{headers}{'x-status'}";
        is $got, $request->{allowed} ? 'allowed' : 'refused', "policies.md:$request->{line}: $request->{text}";
    }
}
$nginx->stop;

# --- debugging -----------------------------------------------------------------------------------

for my $example (@debug) {
    my ($policies) = $example->{policies} =~ /\A(.*?)^server/ms;
    my @names   = $policies =~ /token_policy\s+(\S+)/g;
    my %answer  = %{ $example->{answer} };
    my %request = %{ $answer{request} };
    $nginx = NginxProcess->start(http => <<"END");
    $policies
    token_introspector idp { issuer *; secret "$SECRET"; }
    server {
        listen 127.0.0.1:%PORT%;
        location / { token_introspect idp; token_authorize @names; token_policy_debug on; empty_gif; }
    }
END
    my @headers = map { ($_ => $request{headers}{$_}) } grep { !/^(host|connection)$/ } sort keys %{ $request{headers} };
    my $response = request($nginx->port, uc($request{'request-method'}) . " $request{uri}?$request{'query-string'}",
        @headers, Authorization => 'Bearer ' . jwt(%{ $request{jwt} }));
    is_deeply $decoder->decode($response->{body}), \%answer, "policies.md:$example->{line}: what debugging shows";
    $nginx->stop;
}

# --- wrong ones ----------------------------------------------------------------------------------

my $tried = NginxProcess->prepare(http => '');
for my $example (@wrong) {
    $tried->write("rule.$example->{form}", $example->{text});
    $tried->configure("token_policy p { engine $example->{engine}; file rule.$example->{form}; }");
    my ($sentence) = $tried->check =~ /\[emerg\] \d+#\d+: token_policy "p": (.*?) in \S+:\d+$/m;
    is $sentence, $example->{sentence}, "policies.md:$example->{line}: nginx -t";
}

done_testing;
