#pragma once

#include "flow/environment.hpp"

#include <cstddef>
#include <cstdint>

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

/// Tells an operator why a fetch was of no use.
void report(Host &host, const Peer &peer, const Error &error, int status);

}  // namespace token_introspect::flow
