#pragma once

#include "resource/token_introspector.hpp"

#include <optional>

namespace token_introspect::resource {

/// A Client that may ask a token_issuer for tokens.
struct OAuthClient {
    Block block;  ///< a token_client block in words
    bool active = true;
};

/// What a Client with a secret and grant_types is to the issuers, nothing for one that lacks either,
/// or a sentence. Files named by the vault have not been read.
///
///   secret, or _secret (see Vault, which may be null)
///   grant_types       token-exchange by its URN or that word, refresh_token; others are passed over
///                     with a warning as long as there is one of these
///   allowedIssuers    strings; none of them: every exchange is refused
///   active            a boolean
///   auth.token_exchange.token_format               jwt or opaque
///                      .refresh_token              a boolean
///                      .access_token_expiration    seconds
///                      .refresh_token_expiration   seconds
///                      .audience, .scope           strings, or one; no empty list
///
/// The text of the secret is in no sentence.
Checked<std::optional<OAuthClient>> make_oauth_client(const Resource &resource, const Vault *vault);

}  // namespace token_introspect::resource
