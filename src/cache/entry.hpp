#pragma once

#include "cache/arena.hpp"
#include "cache/backoff.hpp"
#include "cache/store.hpp"

#include <algorithm>

namespace token_introspect::cache {

/// A Key as entries keep it: the scope is folded into the digest. Whoever could make two keys equal
/// so could choose 128 bits of a SHA-256, given all the others.
struct StoredKey {
    std::array<std::uint64_t, 4> words;

    explicit StoredKey(const Key &key) noexcept
    {
        std::array<std::uint64_t, 2> scope;
        std::memcpy(words.data(), key.digest.data(), sizeof words);
        std::memcpy(scope.data(), key.scope.data(), sizeof scope);
        words[0] ^= scope[0];
        words[1] ^= scope[1];
    }

    // most that are compared are equal
    bool operator==(const StoredKey &other) const noexcept
    {
        return ((words[0] ^ other.words[0]) | (words[1] ^ other.words[1])
                | (words[2] ^ other.words[2]) | (words[3] ^ other.words[3]))
               == 0;
    }
};

/// What an entry keeps beside the bytes of its record, which follow it. There may be millions, and
/// users pay for each byte, so: times have 48 bits, which last for 8900 years; what follows another
/// time is kept as a distance of 32 bits, 49 days at most; and the end of a lease takes the place of
/// its deadline.
struct Store::Entry {
    /// How the last lease ended.
    enum class End : std::uint8_t { kNone, kPublished, kFailed, kUnstorable, kAbandoned };

    StoredKey key;
    Arena::Position chain = 0;     // the next in the bucket
    std::uint32_t size = 0;        // of the encoded record
    std::uint64_t generation = 0;  // 0: no record
    std::int64_t expires_at_s = 0;
    std::uint32_t ttl_ms = 0;      // from published_ms
    std::uint32_t stale_ms = 0;    // from the end of ttl_ms
    std::uint32_t refresh_ms = 0;  // from published_ms
    std::uint32_t lasted_ms = 0;   // from asked_ms: to the deadline of the lease, or to its end
    std::uint64_t published_ms : 48 = 0;
    bool referenced = false;  // since eviction last came by
    End end = End::kNone;
    LeaseId lease = 0;                // 0: nobody is asking
    std::uint64_t asked_ms : 48 = 0;  // the last lease's beginning, 0: none yet
    bool is_circuit = false;
    Backoff backoff{};

    explicit Entry(const StoredKey &stored) noexcept : key(stored) {}

    static std::uint32_t narrow(std::uint64_t ms) noexcept
    {
        return static_cast<std::uint32_t>(std::min<std::uint64_t>(ms, UINT32_MAX));
    }
    static std::uint64_t since(std::uint64_t then_ms, Now now) noexcept
    {
        return now.monotonic_ms > then_ms ? now.monotonic_ms - then_ms : 0;
    }
    // Workers read the clock at different times, but a time so far ahead is of a clock that has
    // been set back, and nothing lasts longer for that.
    static constexpr std::uint64_t kMostAheadMs = 60'000;
    static bool plausible(std::uint64_t then_ms, Now now) noexcept
    {
        return then_ms <= now.monotonic_ms + kMostAheadMs;
    }

    std::uint8_t *block() noexcept { return reinterpret_cast<std::uint8_t *>(this + 1); }

    [[nodiscard]] bool has_record() const noexcept { return generation != 0; }
    [[nodiscard]] std::uint64_t fresh_until_ms() const noexcept
    {
        return std::uint64_t{published_ms} + ttl_ms;
    }
    [[nodiscard]] bool expired(Now now) const noexcept { return now.unix_s >= expires_at_s; }
    [[nodiscard]] bool fresh(Now now) const noexcept
    {
        return has_record() && now.monotonic_ms < fresh_until_ms() && !expired(now)
               && plausible(published_ms, now);
    }
    [[nodiscard]] bool counts_for(Now now, std::uint64_t since_ms) const noexcept
    {
        return fresh(now) || (has_record() && published_ms >= since_ms && !expired(now));
    }
    /// Whether it may be served as stale, as far as its times go.
    [[nodiscard]] bool serves_stale(Now now) const noexcept
    {
        return has_record() && now.monotonic_ms < fresh_until_ms() + stale_ms && !expired(now)
               && plausible(published_ms, now);
    }
    [[nodiscard]] bool leased(Now now) const noexcept
    {
        return lease != 0 && now.monotonic_ms < asked_ms + lasted_ms && plausible(asked_ms, now);
    }
    [[nodiscard]] std::uint64_t lease_left_ms(Now now) const noexcept
    {
        return leased(now) ? asked_ms + lasted_ms - now.monotonic_ms : 0;
    }
    /// The last lease ended so, and not before since_ms.
    [[nodiscard]] bool ended(End how, std::uint64_t since_ms) const noexcept
    {
        return lease == 0 && end == how && asked_ms + lasted_ms >= since_ms;
    }
    /// Its time for renewal has come and nobody cares for it; circuits apart.
    [[nodiscard]] bool due(Now now) const noexcept
    {
        return refresh_ms != 0 && fresh(now) && since(published_ms, now) >= refresh_ms
               && !leased(now) && backoff.pause_ms(now.monotonic_ms) == 0;
    }
    /// Nobody can have any use of it, those included who are about to wake and look.
    [[nodiscard]] bool dead(Now now) const noexcept
    {
        const std::uint64_t ended_ms = lease != 0 || end != End::kNone ? asked_ms + lasted_ms : 0;
        const std::uint64_t last_ms =
            std::max({ended_ms, std::uint64_t{published_ms},
                      has_record() && !expired(now) ? fresh_until_ms() + stale_ms : 0});
        const bool remembered = now.monotonic_ms < last_ms + kWakeMs && plausible(ended_ms, now)
                                && plausible(published_ms, now);
        return !remembered && !leased(now) && !backoff.worth_remembering(now.monotonic_ms);
    }
    /// Eviction leaves alone whom somebody works for, and circuits while they matter: there are only
    /// as many as endpoints.
    [[nodiscard]] bool evictable(Now now) const noexcept
    {
        return !leased(now) && !(is_circuit && backoff.worth_remembering(now.monotonic_ms));
    }

    void begin(LeaseId id, Now now, std::uint64_t lease_ms) noexcept
    {
        lease = id;
        asked_ms = now.monotonic_ms & kTimeMask;
        lasted_ms = narrow(lease_ms);
    }
    void finish(End how, Now now) noexcept
    {
        lease = 0;
        end = how;
        lasted_ms = narrow(since(asked_ms, now));
    }
    void set_lifetime(Now now, const Lifetime &lifetime) noexcept
    {
        published_ms = now.monotonic_ms & kTimeMask;
        ttl_ms = narrow(lifetime.ttl_ms);
        stale_ms = narrow(lifetime.stale_ms);
        refresh_ms = narrow(lifetime.refresh_ms);
        expires_at_s = lifetime.expires_at_s;
    }

    static constexpr std::uint64_t kTimeMask = (std::uint64_t{1} << 48) - 1;
    // What has just ended is kept for those who waited for it and have yet to wake.
    static constexpr std::uint64_t kWakeMs = 1000;
};

}  // namespace token_introspect::cache
