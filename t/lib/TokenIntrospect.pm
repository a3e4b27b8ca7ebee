package TokenIntrospect;

# What the files of the suite share: keys and tokens, an issuer and an upstream, tables of cases.
#
# Servers: the one under test is Test::Nginx's own. `$TEST_NGINX_BACKEND` is an upstream that
# answers with what the section `backend` says (variables of nginx, default "passed"), and
# `$TEST_NGINX_ISSUER` a server with the section `issuer` as its configuration.
#
# Sections beyond Test::Nginx's:
#
#   cases     rows [NAME => TOKEN or [HEADERS], CODE, WORD, URI, HEADERS of the answer], each one request;
#             a location with `$TEST_NGINX_RESULT` shows what became of it
#   after     per request, code to run once its answer is there (await, replace_file, …)
#   fetches   per request, how often the issuer has been asked by then; undef where a clock has a say
#   errors_expected  (empty) lines of level error may be in the log, which is otherwise a failure
#
# That no part of a JWT that a request carried, nor $SECRET, is in the log is asserted everywhere.

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256 hmac_sha384 hmac_sha512);
use Exporter qw(import);
use File::Temp ();
use IO::Socket::INET;
use JSON::PP ();
use Loopback ();
use MIME::Base64 qw(encode_base64 encode_base64url decode_base64);
use Test::More ();
use Time::HiRes qw(sleep);

use Test::Nginx::Socket ();
use Test::Nginx::Util qw(
    add_block_preprocessor html_dir log_level master_on no_shuffle server_port server_root
);

our @EXPORT = qw(
    $ISSUER $SECRET
    b64 b64d json jwt jws sign claims
    key_file pem jwk jwks
    bearer basic get replace_file await fetched in_servroot
);

# `eval` sections are evaluated in this package.
{
    package Test::Base::Filter;
    TokenIntrospect->import();
}

our $ISSUER = 'https://idp.test';
our $SECRET = 'a secret of the test suite, long enough';

my $keys = File::Temp->newdir('token-introspect-XXXXXX', TMPDIR => 1);
chmod 0755, "$keys";

my $port = server_port();

$ENV{TEST_NGINX_SECRET} = $SECRET;
$ENV{TEST_NGINX_HTML_DIR} = html_dir();
$ENV{TEST_NGINX_SERVER_ROOT} = server_root();
$ENV{TEST_NGINX_ISSUER_PORT} = $port + 1;
$ENV{TEST_NGINX_ISSUER} = 'http://127.0.0.1:' . ($port + 1);
$ENV{TEST_NGINX_BACKEND_PORT} = $port + 2;
$ENV{TEST_NGINX_BACKEND} = 'http://127.0.0.1:' . ($port + 2);
$ENV{TEST_NGINX_UNUSED_PORT} = $port + 9;
$ENV{TEST_NGINX_RESULT} =
    'add_header X-Result "$arg_case: $status [$token_status]" always;';

# --- texts ---------------------------------------------------------------------------------------

sub b64 { encode_base64url($_[0]) }
sub b64d { MIME::Base64::decode_base64url($_[0]) }

my $json = JSON::PP->new->canonical->allow_nonref;
sub json { $json->encode($_[0]) }

# --- keys ----------------------------------------------------------------------------------------

my %kinds = (
    RSA => '-algorithm RSA -pkeyopt rsa_keygen_bits:2048',
    PSS => '-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048',
    small => '-algorithm RSA -pkeyopt rsa_keygen_bits:1024',
    'P-256' => '-algorithm EC -pkeyopt ec_paramgen_curve:P-256',
    'P-384' => '-algorithm EC -pkeyopt ec_paramgen_curve:P-384',
    'P-521' => '-algorithm EC -pkeyopt ec_paramgen_curve:P-521',
    secp256k1 => '-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1',
    Ed25519 => '-algorithm ED25519',
    Ed448 => '-algorithm ED448',
);

my %size = ('P-256' => 32, 'P-384' => 48, 'P-521' => 66, secp256k1 => 32, Ed25519 => 32,
    Ed448 => 57);

sub openssl {
    my $out = qx{openssl $_[0] 2>/dev/null};
    die "failed: openssl $_[0]" if $?;
    return $out;
}

# The file of a private key: "KIND", or "KIND/NAME" for more of a kind. Made when asked for.
sub private_key {
    my ($name) = @_;
    my ($kind) = split m{/}, $name;
    my $file = "$keys/" . $name =~ s{/}{-}r . '.key';
    openssl("genpkey $kinds{$kind} -out $file") if !-e $file;
    return $file;
}

# The file of its public key, as PEM.
sub key_file {
    my $private = private_key($_[0]);
    (my $public = $private) =~ s/\.key$/.pem/;
    if (!-e $public) {
        openssl("pkey -in $private -pubout -out $public");
        chmod 0644, $public;
    }
    return $public;
}

sub pem {
    return slurp(key_file($_[0]));
}

sub slurp {
    my ($path) = @_;
    open my $in, '<:raw', $path or die "$path: $!";
    local $/;
    return scalar <$in>;
}

# A public JWK; of other names an oct one with that secret.
sub jwk {
    my ($name, %more) = @_;
    my ($kind) = split m{/}, $name;
    if (!$kinds{$kind}) {
        return {kty => 'oct', k => b64($name), %more};
    }
    my $file = key_file($name);
    if ($kind =~ /^(RSA|PSS|small)$/) {
        my ($n) = openssl("rsa -pubin -in $file -modulus -noout") =~ /=([0-9A-F]+)/;
        return {kty => 'RSA', n => b64(pack 'H*', $n), e => 'AQAB', %more};
    }
    my $der = openssl("pkey -pubin -in $file -outform DER");
    my $size = $size{$kind};
    if ($kind =~ /^Ed/) {
        return {kty => 'OKP', crv => $kind, x => b64(substr $der, -$size), %more};
    }
    return {
        kty => 'EC',
        crv => $kind,
        x => b64(substr $der, -2 * $size, $size),
        y => b64(substr $der, -$size),
        %more
    };
}

# A JWK Set's text.
sub jwks { json({keys => [@_]}) }

# --- tokens --------------------------------------------------------------------------------------

my %hmac = (HS256 => \&hmac_sha256, HS384 => \&hmac_sha384, HS512 => \&hmac_sha512);

my %kind_of = (
    ES256 => 'P-256', ES384 => 'P-384', ES512 => 'P-521', ES256K => 'secp256k1',
    EdDSA => 'Ed25519',
);

# The signature of a text. The key is a secret for HS…, else a name as for private_key.
sub sign {
    my ($text, $alg, $key) = @_;
    if (my $hmac = $hmac{$alg}) {
        return $hmac->($text, $key // $SECRET);
    }
    my $file = private_key($key // $kind_of{$alg} // 'RSA');
    my $input = File::Temp->new(DIR => "$keys");
    binmode $input;
    print $input $text;
    close $input;
    if ($alg eq 'EdDSA') {
        return openssl("pkeyutl -sign -rawin -inkey $file -in $input");
    }
    my ($bits) = $alg =~ /(\d+)/;
    my $pss = $alg =~ /^PS/ ? '-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest' : '';
    my $signature = openssl("dgst -sha$bits $pss -sign $file $input");
    return $alg =~ /^ES/ ? raw_ecdsa($signature, {256 => 32, 384 => 48, 512 => 66}->{$bits})
                         : $signature;
}

# r and s at their full length (RFC 7518 section 3.4) from DER.
sub raw_ecdsa {
    my ($der, $size) = @_;
    my $at = ord(substr $der, 1, 1) & 0x80 ? 3 : 2;
    my $raw = '';
    for (1, 2) {
        my $length = ord substr $der, $at + 1, 1;
        my $number = substr $der, $at + 2, $length;
        $number =~ s/^\0+//;
        $raw .= ("\0" x ($size - length $number)) . $number;
        $at += 2 + $length;
    }
    return $raw;
}

# Signs a header and a payload, given as text or as what json() takes.
sub jws {
    my ($header, $payload, $alg, $key) = @_;
    my $input = join '.', map { b64(ref $_ ? json($_) : $_) } $header, $payload;
    return $input . '.' . b64(sign($input, $alg, $key));
}

# Good claims but for the given ones; undef takes one away.
sub claims {
    my %claims = (iss => $ISSUER, sub => 'alice', exp => int(time()) + 3600, @_);
    delete @claims{grep { !defined $claims{$_} } keys %claims};
    return \%claims;
}

# A token: claims as pairs, and -alg, -key, -kid, -header => {…} (undef takes a member away).
sub jwt {
    my %given = @_;
    my %option = map { /^-(.*)/ ? ($1 => delete $given{$_}) : () } keys %given;
    my $alg = $option{alg} // 'HS256';
    my %header = (alg => $alg, typ => 'JWT', %{$option{header} // {}});
    $header{kid} = $option{kid} if defined $option{kid};
    delete @header{grep { !defined $header{$_} } keys %header};
    return jws(\%header, claims(%given), $alg, $option{key});
}

sub bearer { "Authorization: Bearer $_[0]" }
sub basic { 'Authorization: Basic ' . encode_base64("$_[0]:$_[1]", '') }

# --- while nginx runs ----------------------------------------------------------------------------

sub in_servroot { server_root() . "/$_[0]" }

# Replaced at once, so that nobody reads half of it.
sub replace_file {
    my ($path, $text) = @_;
    open my $out, '>:raw', "$path.new" or die "$path.new: $!";
    print $out $text;
    close $out or die "$path: $!";
    rename "$path.new", $path or die "$path: $!";
}

# The status and the whole text of an answer of the server under test.
sub get {
    my ($uri, @headers) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => server_port())
        or die "cannot connect: $!";
    print $socket join "\r\n", "GET $uri HTTP/1.1", 'Host: localhost', 'Connection: close',
        @headers, '', '';
    local $/;
    my $answer = <$socket> // '';
    my ($status) = $answer =~ m{^HTTP/1\.1 (\d+)};
    return ($status // 0, $answer);
}

# Waits until the code gives a true value.
sub await {
    my ($what, $code, $seconds) = @_;
    my $until = time() + ($seconds // 60) * Loopback::patience();
    while (!$code->()) {
        if (time() > $until) {
            Test::More::fail("in time: $what");
            return;
        }
        sleep 0.02;
    }
    Test::More::pass("in time: $what");
}

# How often the issuer was asked, all in all or for one URI.
sub fetched {
    my ($uri) = @_;
    open my $in, '<', in_servroot('logs/issuer.log') or return 0;
    return scalar grep { !defined $uri || $_ eq "$uri\n" } <$in>;
}

# --- sections ------------------------------------------------------------------------------------

sub servers {
    my ($block) = @_;
    my $backend = $block->backend // 'passed';
    chomp $backend;
    my $issuer = $block->issuer // '';
    my $path = server_root();
    return <<"END";
    large_client_header_buffers 4 32k;
    log_format token_introspect_issuer '\$request_uri';
    server {
        listen 127.0.0.1:$ENV{TEST_NGINX_BACKEND_PORT};
        underscores_in_headers on;
        ignore_invalid_headers off;
        location / {
            return 200 '$backend\n';
        }
    }
    server {
        listen 127.0.0.1:$ENV{TEST_NGINX_ISSUER_PORT};
        access_log $path/logs/issuer.log token_introspect_issuer;
        root $ENV{TEST_NGINX_HTML_DIR};
        $issuer
    }
END
}

sub expand_cases {
    my ($block, $cases) = @_;
    my (@requests, @headers, @codes, @results);
    for my $case (@$cases) {
        my ($name, $credential, $code, $word, $uri, @more) = @$case;
        $word //= '';
        $name =~ s/[^A-Za-z0-9.]+/-/g;
        $uri //= '/t';
        $uri .= ($uri =~ /\?/ ? '&' : '?') . "case=$name";
        push @requests, "GET $uri";
        push @headers, !defined $credential ? 'X-None: none'
            : ref $credential ? join "\n", @$credential
            : bearer($credential);
        push @codes, $code;
        push @results, CORE::join "\n", "X-Result: $name: $code [$word]", @more;
    }
    my $single = @$cases == 1;
    my %values = (
        request => \@requests,
        more_headers => \@headers,
        error_code => \@codes,
        response_headers => \@results
    );
    $block->set_value($_ => $single ? $values{$_}[0] : $values{$_}) for keys %values;
}

# The parts of every JWT that the requests carry.
sub secrets_of {
    my ($block) = @_;
    my %found;
    for my $section ($block->request, $block->more_headers, $block->raw_request) {
        for my $text (ref $section eq 'ARRAY' ? @$section : $section // ()) {
            my $flat = ref $text ? join "\n", map { ref $_ ? %$_ : $_ } @$text : $text;
            $found{$_} = 1 for map { split /\./ } $flat =~ /(eyJ[\w-]+\.[\w.-]{20,})/g;
        }
    }
    return grep { length > 15 && !/^eyJhbGci/ } sort keys %found;
}

my $number = 0;

add_block_preprocessor(sub {
    my ($block) = @_;

    if (defined(my $cases = $block->cases)) {
        expand_cases($block, $cases);
    }
    if (defined $block->must_die) {
        $block->set_value(suppress_stderr => 1);
        return;
    }
    $block->set_value(http_config => ($block->http_config // '') . servers($block));
    # Test::Nginx would leave nginx running for a block whose http_config alone differs.
    $number++;
    $block->set_value(config => ($block->config // '') . "\n# $number\n");

    my $quiet = $block->no_error_log;
    my @quiet = ref $quiet eq 'ARRAY' ? @$quiet : ref $quiet ? $quiet : split /\n/, $quiet // '';
    push @quiet, qw([alert] [emerg] [crit]);
    push @quiet, '[error]' if !defined $block->errors_expected;
    push @quiet, secrets_of($block), $SECRET;
    $block->set_value(no_error_log => \@quiet);
});

Test::Nginx::Socket::add_response_body_check(sub {
    my ($block, $body, $index) = @_;
    if (defined(my $fetches = $block->fetches)) {
        my $expected = ref $fetches ? $fetches->[$index] : $fetches + 0;
        Test::More::is(fetched(), $expected,
            $block->name . ' - questions to the issuer after request ' . ($index + 1))
            if defined $expected;
    }
    if (defined(my $after = $block->after)) {
        my $code = ref $after eq 'ARRAY' ? $after->[$index] : $after;
        $code->() if defined $code;
    }
});

log_level('info');
no_shuffle();
master_on();

1;
