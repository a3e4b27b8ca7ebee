package Resources;

# Resources as the files of token_resources hold them.

use strict;
use warnings;

use Exporter qw(import);
use TokenIntrospect qw($SECRET);

our @EXPORT = qw(introspector yaml_introspector);

# An introspector with this id as its issuer, as JSON has it.
sub introspector {
    my ($id, %more) = @_;
    return {
        resourceType => 'TokenIntrospector', id => $id, type => 'jwt',
        jwt => { iss => "https://$id.test", secret => $SECRET }, %more,
    };
}

# ... and as a text of YAML.
sub yaml_introspector {
    my ($id) = @_;
    return <<"END";
resourceType: TokenIntrospector
id: $id
type: jwt
jwt:
  iss: https://$id.test
  secret: $SECRET
END
}

1;
