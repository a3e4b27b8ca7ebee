#pragma once

#include "base/crypto.hpp"
#include "cache/store.hpp"
#include "flow/exchanger_state.hpp"
#include "flow/front.hpp"
#include "flow/introspector_state.hpp"
#include "issuer/issuer_context.hpp"
#include "resource/user_store.hpp"
#include "token/jwt.hpp"

#include <span>
#include <string_view>

namespace token_introspect::flow {

class DocumentFiles;

/// What the flow tells its surroundings.
class Host {
public:
    virtual ~Host() = default;

    /// The work for a key has ended, well or not: whoever waits for it may look again.
    virtual void settled(const cache::Key &key) noexcept = 0;

    /// Something an operator should read; never token, secret or claim bytes.
    virtual void report(Severity severity, const Peer &peer, std::string_view text) noexcept = 0;
};

/// Everything of a worker that validations share.
struct Environment {
    Sha256Hasher &hasher;
    std::span<IntrospectorState> states;    ///< by Introspector::index
    std::span<cache::Store *const> stores;  ///< by Peer::index; several may share one
    Host &host;
    std::span<const issuer::IssuerContext> issuers{};  ///< by TokenIssuer::index
    const resource::UserStore *users = nullptr;        ///< of the configuration, when there is one
    DocumentFiles *files = nullptr;                    ///< with jwks_cache_path
    Front *front = nullptr;                            ///< nullptr: the store is asked each time
    /// By Peer::index, less that of the first: exchangers come after all introspectors.
    std::span<ExchangerState> exchangers{};
    token::JwtParser jwts{};

    [[nodiscard]] ExchangerState &state_of(const Exchanger &exchanger) const noexcept
    {
        return exchangers[exchanger.index - states.size()];
    }
    [[nodiscard]] cache::Store &store_of(const Peer &peer) const noexcept
    {
        return *stores[peer.index];
    }
};

}  // namespace token_introspect::flow
