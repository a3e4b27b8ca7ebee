#pragma once

#include "flow/environment.hpp"
#include "flow/procedure.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

// What all procedures that ask a peer on behalf of others have in common.

namespace token_introspect::flow {

/// What to tell the store of work that takes at most so many fetches and began to be wanted at
/// `since_ms` (monotonic).
cache::Wanted wanted(const Peer &peer, std::uint64_t since_ms, std::size_t fetches = 1) noexcept;

/// How long what is fetched now counts, and is served afterwards. Never expires; see expires_at_s.
cache::Lifetime lifetime(const Peer &peer, std::uint64_t ttl_ms) noexcept;

/// What a failed fetch says of the endpoint itself: any other answer shows that it lives. `status`
/// is that of the answer, 0 when none came.
bool endpoint_is_down(Code code, int status) noexcept;

/// The renewal with the right to it, if nobody asks or pauses.
std::optional<Renewal> begin_renewal(Environment &environment, Renewal renewal,
                                     const cache::Key &key, Now now,
                                     const cache::Wanted &want) noexcept;

/// Tells an operator why a fetch was of no use; `word` is a known one of the answer's, or empty.
void report(Host &host, const Peer &peer, const Error &error, int status,
            std::string_view word = {});

}  // namespace token_introspect::flow
