#pragma once

#include "base/clock.hpp"
#include "cache/memory.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace token_introspect::issuer {

/// What all workers must know at once about a token_issuer, in shared memory of its own: which grants
/// and tokens are revoked, and who fails to authenticate. Fixed tables: nothing in it can be left
/// half linked by a process that dies. Never gives up a revocation before it has expired.
class Ledger {
public:
    struct Root;

    /// Formats a block; nullptr when it is too small. `seed` must be random.
    static Root *format(std::span<std::byte> block, std::array<std::uint64_t, 2> seed) noexcept;
    /// Far from any layout of cache::Store: a zone may change its owner by a reload.
    static constexpr std::uint32_t kLayout = 1001;
    static std::uint32_t layout(const Root *root) noexcept;

    Ledger(cache::Memory &memory, Root *root) noexcept : memory_(&memory), root_(root) {}

    /// Revocations outlast a reload that raises the leeway to this.
    static constexpr std::int64_t kLeastLeewayS = 300;

    /// Those who accept the issuer's tokens may do so for so long after they have expired (leeway):
    /// revocations made by this object last longer by as much, and by kLeastLeewayS at least.
    void set_leeway(std::int64_t leeway_s) noexcept
    {
        leeway_s_ = std::max(leeway_s, kLeastLeewayS);
    }

    /// Revokes a jti (or grant id) until its token has expired and the leeway is over. False when there is no room: the token is
    /// not revoked. Revoking twice keeps the later expiry.
    [[nodiscard]] bool revoke(std::string_view id, std::int64_t expires_at_s, Now now) noexcept;

    /// True when the jti, or the grant id before its first '.', is revoked. Takes no lock, and is
    /// free while nothing is.
    [[nodiscard]] bool revoked(std::string_view jti, Now now) const noexcept;

    /// Failed authentications of a client id from an address (any bytes): milliseconds until it may
    /// try again, 0: now. At most `most` failures within `period_ms` (a leaky bucket: after a pause
    /// as long as a share of the period, one more may come); 0: no limit. When there are too many to
    /// remember, those that are nearest to being forgotten are.
    [[nodiscard]] std::uint64_t blocked_ms(std::string_view client, std::string_view address,
                                           unsigned most, std::uint64_t period_ms,
                                           Now now) noexcept;
    void failed(std::string_view client, std::string_view address, unsigned most,
                std::uint64_t period_ms, Now now) noexcept;

    /// How many revocations find room at best.
    [[nodiscard]] std::size_t capacity() const noexcept;

private:
    cache::Memory *memory_;
    Root *root_;
    std::int64_t leeway_s_ = kLeastLeewayS;
};

}  // namespace token_introspect::issuer
