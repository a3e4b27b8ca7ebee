#pragma once

#include <cstdint>

namespace token_introspect {

/// The time of one step, given by the caller; nothing in the core asks a clock itself.
struct Now {
    std::int64_t unix_s = 0;         ///< wall clock, seconds since 1970: exp, nbf, iat
    std::uint64_t monotonic_ms = 0;  ///< never steps back, the same in all workers: TTLs and leases
};

}  // namespace token_introspect
