#pragma once

#include "resource/resource.hpp"
#include "resource/vault.hpp"

namespace token_introspect::resource {

/// A token_introspector block in words.
struct Block {
    std::string name;                             ///< the resource's id
    std::vector<std::vector<std::string>> lines;  ///< name and arguments of each directive
    std::vector<std::string> warnings;            ///< sentences with file and line
    /// A resource of type jwt without jwt.iss: the lines have no `issuer` and make no valid block.
    /// No token may be given to it.
    bool matches_nothing = false;
};

/// The block that does what a TokenIntrospector says, or a sentence. Its keys have been parsed, and
/// its values checked, as the block's own reader does; files named by the vault have not been read.
///
///   type jwt      jwt.iss; one of jwt.secret, jwks_uri (jwt.jwks_uri is the same), jwt.keys
///   type opaque   introspection_endpoint.url and .authorization
///   type aspxauth the same, for a cookie
///   all           cache_ttl, 1 to 86400 seconds
///
/// jwt.keys[] have alg, format and pub or k; kty may be left out. What fits what:
///
///   RS256, RS384  kty RSA  format PEM    pub
///   ES256         kty EC   format PEM    pub
///   HS256         kty OCT  format plain  k
///
/// jwt.secret, jwt.keys[].k and introspection_endpoint.authorization may be in files: see Vault,
/// which may be null. The texts of secrets are in no sentence.
Checked<Block> make_block(const Resource &resource, const Vault *vault);

}  // namespace token_introspect::resource
