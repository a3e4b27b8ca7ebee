package TokenEndpoint;

# A client of a token_issuer's endpoints, for NginxProcess.
#
#   my $client = TokenEndpoint->new($nginx, path => '/auth/token', basic => ['id', 'secret']);
#   my $answer = $client->json(grant_type => 'refresh_token', refresh_token => $token);
#   $answer->{status}, $answer->{headers}, $answer->{body}, $answer->{json}
#
# Parameters are pairs; undef leaves one out. Pairs that begin with '-' are options of one request:
# -path, -basic ([id, secret], or undef for none), -headers ([name => value…]).

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP ();
use Loopback;
use MIME::Base64 qw(encode_base64);
use TokenIntrospect qw(b64d);

our @EXPORT = qw($EXCHANGE $JWT $ACCESS_TOKEN form_of basic_of header_of payload_of summary);

our $EXCHANGE     = 'urn:ietf:params:oauth:grant-type:token-exchange';
our $JWT          = 'urn:ietf:params:oauth:token-type:jwt';
our $ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

my $codec = JSON::PP->new->canonical->utf8;

sub new {
    my ($class, $nginx, %options) = @_;
    return bless { nginx => $nginx, path => '/auth/token', %options }, $class;
}

sub encoded { return $_[0] =~ s/([^A-Za-z0-9._*-])/sprintf '%%%02X', ord $1/ger }

# application/x-www-form-urlencoded of pairs; a reference to an array gives the name once for each.
sub form_of {
    my @pairs;
    while (my ($name, $value) = splice @_, 0, 2) {
        push @pairs, map { encoded($name) . '=' . encoded($_) } ref $value ? @$value : $value // ();
    }
    return join '&', @pairs;
}

sub basic_of { return 'Basic ' . encode_base64(join(':', map { encoded($_) } @_), '') }

# The claims, and the header, of a JWT. Nothing when it is none.
sub payload_of { return part_of($_[0], 1) }
sub header_of  { return part_of($_[0], 0) }

sub part_of {
    my ($token, $index) = @_;
    my @parts = split /\./, $token // '', -1;
    return undef if @parts < 3;
    return eval { $codec->decode(b64d($parts[$index])) };
}

# A refusal in words: the status, the error, the word in the log of token_issuer main.
sub refused {
    my ($self, $code) = @_;
    my $before = length $self->{nginx}->log;
    my $answer = $code->();
    my @words = substr($self->{nginx}->log, $before) =~ /token issuer "main": token request refused: ([^,\s]+)/g;
    return join ' ', summary($answer), @words;
}

sub send {
    my ($self, $type, $body, %options) = @_;
    my $basic = exists $options{-basic} ? $options{-basic} : $self->{basic};
    my @headers = (
        $basic        ? (Authorization  => basic_of(@$basic)) : (),
        defined $type ? ('Content-Type' => $type)             : (),
        @{ $options{-headers} // [] },
    );
    my $answer = request($self->{nginx}->port, 'POST ' . ($options{-path} // $self->{path}), @headers, body => $body)
        // { status => 0, headers => {}, body => '' };
    $answer->{json} = eval { $codec->decode($answer->{body}) };
    return $answer;
}

sub split_options {
    my (%options, @parameters);
    while (my ($name, $value) = splice @_, 0, 2) {
        if   ($name =~ /^-/) { $options{$name} = $value }
        else                 { push @parameters, $name, $value }
    }
    return (\%options, @parameters);
}

# A request with a JSON body, and one with a form.
sub json {
    my ($self, @pairs) = @_;
    my ($options, %parameters) = split_options(@pairs);
    delete @parameters{ grep { !defined $parameters{$_} } keys %parameters };
    return $self->send('application/json', $codec->encode(\%parameters), %$options);
}

sub form {
    my ($self, @pairs) = @_;
    my ($options, @parameters) = split_options(@pairs);
    return $self->send('application/x-www-form-urlencoded', form_of(@parameters), %$options);
}

# The exchange of a JWT by JSON; more pairs add to or replace its parameters.
sub exchange {
    my ($self, $subject, @pairs) = @_;
    return $self->json(
        grant_type         => $EXCHANGE,
        subject_token_type => $JWT,
        subject_token      => $subject,
        @pairs
    );
}

sub refresh {
    my ($self, $token, @pairs) = @_;
    return $self->json(grant_type => 'refresh_token', refresh_token => $token, @pairs);
}

# In a few words: the status, and the error if it is one.
sub summary {
    my ($answer) = @_;
    return join ' ', $answer->{status}, ref $answer->{json} eq 'HASH' ? $answer->{json}{error} // () : ();
}

1;
