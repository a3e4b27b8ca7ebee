#pragma once

#include "flow/peer.hpp"
#include "token/exchange.hpp"

#include <cstdint>
#include <string>

namespace token_introspect::flow {

/// An authorization server that gives this gateway tokens for what stands behind it: one
/// token_exchanger block. Immutable once the configuration is read; shared by all requests.
struct Exchanger : Peer {
    enum class Grant : std::uint8_t { kTokenExchange, kClientCredentials };

    Exchanger() noexcept : Peer(Role::kExchanger) {}

    Grant grant = Grant::kTokenExchange;
    std::string token_endpoint;  ///< internal location or absolute URL
    token::TokenRequest request;
    std::string actor_token;  ///< empty: none, or one from a file
    std::string actor_token_file;

    /// True when each token is exchanged for one of its own; false when all requests get one.
    [[nodiscard]] bool exchanges_tokens() const noexcept { return grant == Grant::kTokenExchange; }

    /// Of the gateway's own token.
    [[nodiscard]] cache::Key own_token_key() const noexcept { return document_key('c'); }
    /// Of the token endpoint: what it has failed at in a row.
    [[nodiscard]] cache::Key token_circuit() const noexcept { return document_key('x'); }
};

}  // namespace token_introspect::flow
