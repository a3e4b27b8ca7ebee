#pragma once

#include "cache/store.hpp"
#include "token/client_credentials.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace token_introspect::flow {

/// An authorization server that this gateway asks: where its credentials are from, how long its
/// answers count, and how much of it is borne. Immutable once the configuration is read; shared by
/// all requests.
struct Peer {
    enum class Role : std::uint8_t { kIntrospector, kExchanger };

    explicit Peer(Role its_role) noexcept : role(its_role) {}

    Role role;
    std::string name;       ///< among those of its role
    std::size_t index = 0;  ///< its place among all peers, see Environment::stores

    token::ClientCredentials credentials;
    std::string client_secret_file;
    std::string authorization_file;

    std::uint64_t cache_ttl_ms = 300'000;    ///< 0: off
    cache::StaleUse stale_use;               ///< when results that no longer count are served
    std::uint64_t stale_ttl_ms = 3'600'000;  ///< and for how long

    std::size_t response_size = 65536;
    std::uint64_t fetch_ms = 12'000;  ///< longest time a whole fetch may take
    /// Requests of one worker that may wait for it; 0: any number; nothing: the worker decides.
    std::optional<std::size_t> max_waiting;

    /// The first 16 bytes of a SHA-256 over the block's words: a record made under other words is
    /// never found.
    std::array<std::uint8_t, 16> fingerprint{};

    /// Of what was said about a token.
    [[nodiscard]] cache::Key token_key(const Sha256 &token_digest) const noexcept
    {
        return {.digest = token_digest, .scope = fingerprint};
    }

protected:
    /// For what is one of its kind: no SHA-256 of a token can be expected to equal such a digest.
    [[nodiscard]] cache::Key document_key(char what) const noexcept
    {
        cache::Key key{.digest = {}, .scope = fingerprint};
        key.digest[0] = static_cast<std::uint8_t>(what);
        return key;
    }
};

/// The word for a peer's role in texts for an operator: introspector, exchanger.
constexpr std::string_view name(Peer::Role role) noexcept
{
    return role == Peer::Role::kExchanger ? "exchanger" : "introspector";
}

}  // namespace token_introspect::flow
