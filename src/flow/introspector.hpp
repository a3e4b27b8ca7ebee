#pragma once

#include "flow/peer.hpp"
#include "jose/jws.hpp"
#include "jose/key_source.hpp"
#include "token/registered_claims.hpp"

#include <string>
#include <vector>

namespace token_introspect::flow {

enum class Kind : std::uint8_t { kJwt, kOpaque };

/// A trusted issuer of tokens and how its tokens are validated: one token_introspector block.
/// Immutable once the configuration is read; shared by all requests.
struct Introspector : Peer {
    Introspector() noexcept : Peer(Role::kIntrospector) {}

    Kind kind = Kind::kJwt;
    std::optional<std::size_t> issued_by;  ///< of `type issued`: TokenIssuer::index
    std::string cookie;  ///< of `type cookie`: the cookie whose value is introspected

    token::RegisteredClaimRules rules;
    jose::AlgorithmSet algorithms;         ///< empty: what the keys allow
    std::vector<std::string> token_types;  ///< accepted typ values, "" for none
    jose::JwsLimits limits;

    std::vector<jose::KeySource> keys;
    std::string jwks_uri;                     ///< internal location or absolute URL
    std::vector<std::string> discovery_uris;  ///< tried in order on 404
    std::string introspection_endpoint;
    bool signed_response = false;   ///< the endpoint answers with JWTs that keys verify (RFC 9701)
    std::string response_audience;  ///< this resource server, as RFC 9701's `aud` names it

    std::string token_type_hint;

    std::vector<std::string> user_claims;  ///< the first present names the user; empty: no user
    std::string user_endpoint;             ///< where to ask about users, see user_uri

    std::uint64_t cache_inactive_ttl_ms = 10'000;
    bool cache_verified_jwt = true;

    /// As `fingerprint` over those words only that say which documents it fetches and who is believed to
    /// send them, in any order: what was saved under it survives all other edits of the block.
    std::array<std::uint8_t, 16> document_identity{};

    /// True when it has keys: for its tokens, or for its endpoint's answers about them.
    [[nodiscard]] bool verifies() const noexcept { return kind == Kind::kJwt || signed_response; }
    [[nodiscard]] bool has_remote_keys() const noexcept
    {
        return verifies() && keys.empty() && !issued_by;
    }
    /// True when the metadata document must be read before a token can be judged.
    [[nodiscard]] bool needs_metadata() const noexcept
    {
        if (discovery_uris.empty()) {
            return false;
        }
        return (kind == Kind::kOpaque && introspection_endpoint.empty())
               || (verifies() && awaits_issuer()) || (has_remote_keys() && jwks_uri.empty());
    }
    /// True when only the metadata document names the issuer.
    [[nodiscard]] bool awaits_issuer() const noexcept
    {
        return rules.issuers.empty() && !rules.any_issuer;
    }

    /// Of what the user_endpoint said; `id_digest` is of the user's id.
    [[nodiscard]] cache::Key user_key(const Sha256 &id_digest) const noexcept
    {
        cache::Key key{.digest = id_digest, .scope = fingerprint};
        key.scope.back() ^= 0xff;  // no token's scope
        return key;
    }
    [[nodiscard]] cache::Key key_set_key() const noexcept { return document_key('k'); }
    [[nodiscard]] cache::Key metadata_key() const noexcept { return document_key('m'); }

    /// Of the endpoints that are asked about many things: what they have failed at in a row.
    [[nodiscard]] cache::Key introspection_circuit() const noexcept { return document_key('i'); }
    [[nodiscard]] cache::Key user_circuit() const noexcept { return document_key('u'); }
};

}  // namespace token_introspect::flow
