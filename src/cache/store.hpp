#pragma once

#include "base/clock.hpp"
#include "base/crypto.hpp"
#include "cache/memory.hpp"
#include "cache/record.hpp"

#include <optional>

namespace token_introspect::cache {

/// What an entry is about: the SHA-256 of the token (or of what names a document) within a scope,
/// the fingerprint of everything in the introspector's configuration.
struct Key {
    Sha256 digest{};
    std::array<std::uint8_t, 16> scope{};

    bool operator==(const Key &) const = default;
};

/// How long a record counts.
struct Lifetime {
    std::uint64_t ttl_ms = 0;       ///< 0: only for requests that asked before it came
    std::int64_t expires_at_s = 0;  ///< wall clock; never served from this second on
};

inline constexpr std::int64_t kNeverExpires = INT64_MAX;

/// Right to do the work for a key, for a limited time. 0 means that nothing is shared: there was no
/// memory for an entry, so the holder works for itself alone.
using LeaseId = std::uint64_t;

enum class State : std::uint8_t {
    kFound,    ///< a record that counts
    kLed,      ///< nobody is asking: the caller has the lease and must publish, fail or abandon
    kBusy,     ///< somebody else is asking
    kFailed,   ///< somebody asked on behalf of the caller, too, and failed
    kRefused,  ///< refresh only: asked too recently
};

/// What a request may do now. `record` is set for kFound, and for kBusy when a last good record is
/// there and was wanted. Its parts live in memory from the caller's Room.
struct Acquired {
    State state = State::kLed;
    LeaseId lease = 0;               ///< own lease (kLed), or the one to wait for (kBusy)
    Code failure = Code::kInternal;  ///< kFailed: why
    bool unchanged = false;          ///< the record is the one of known_generation: not copied
    bool had_expired = false;        ///< kLed: a record was there but no longer counts
    std::uint64_t generation = 0;    ///< of the record
    std::optional<Record> record{};
};

/// What may be asked of an entry together with another one, in the same locked section.
struct Glance {
    std::uint64_t generation = 0;  ///< 0: no record
    bool fresh = false;
};

struct Wanted {
    std::uint64_t since_ms = 0;          ///< when the caller began to ask (monotonic)
    std::uint64_t lease_ms = 0;          ///< how long its own work may take
    std::uint64_t known_generation = 0;  ///< skip copying a record of this generation
    bool last_good = false;              ///< take the last record while somebody refreshes it
};

struct Statistics {
    std::uint64_t entries = 0;
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::uint64_t evictions = 0;
    std::uint64_t refusals = 0;  ///< records that found no room
};

/// Results, verified JWTs and documents in shared memory: a hash index, an LRU list, leases.
/// One Store object per process looks at one Root; all methods take the memory's lock themselves
/// and hold it for compares, one memcpy and links only.
class Store {
public:
    struct Root;

    /// Formats a root in fresh memory of `bytes` bytes. `seed` must be random: it keeps a sender
    /// of chosen tokens from filling one chain of the index. nullptr when the memory is too small.
    static Root *format(Memory &memory, std::size_t bytes,
                        std::array<std::uint64_t, 2> seed) noexcept;

    /// Changes whenever the layout of anything in shared memory does.
    static constexpr std::uint32_t kLayout = 1;

    /// The layout a root was formatted with.
    static std::uint32_t layout(const Root *root) noexcept;

    Store(Memory &memory, Root *root) noexcept : memory_(&memory), root_(root) {}

    /// The record when it counts; takes no lease. With `other`, also glances at that entry.
    std::optional<Record> find(const Key &key, Now now, Room room, const Key *other = nullptr,
                               Glance *glance = nullptr) noexcept;

    /// The record, a lease, or whom to wait for.
    Acquired acquire(const Key &key, Now now, const Wanted &wanted, Room room) noexcept;

    /// As acquire for a record that still counts but is known to lack something (an unknown kid):
    /// kFound when the generation has moved on; when the last attempt is less than `interval_ms` ago
    /// kRefused, or kFailed if that attempt failed. An abandoned attempt does not count.
    Acquired refresh(const Key &key, Now now, const Wanted &wanted, std::uint64_t interval_ms,
                     Room room) noexcept;

    /// Stores a record under the lease and ends it. A holder whose lease was taken over stores
    /// nothing: what it knows may be older. Gives the record's generation, 0 when not stored.
    std::uint64_t publish(const Key &key, LeaseId lease, Now now, const Record &record,
                          Lifetime lifetime) noexcept;

    /// Stores a record without a lease (a JWT verified locally).
    void put(const Key &key, Now now, const Record &record, Lifetime lifetime) noexcept;

    /// Ends the lease; those who asked until now get `code`.
    void fail(const Key &key, LeaseId lease, Now now, Code code) noexcept;

    /// Ends the lease without a result: one of those who wait takes over.
    void abandon(const Key &key, LeaseId lease) noexcept;

    /// True while that lease runs.
    [[nodiscard]] bool pending(const Key &key, LeaseId lease, Now now) noexcept;

    [[nodiscard]] Statistics statistics() noexcept;

private:
    struct Entry;
    class Locked;

    Memory *memory_;
    Root *root_;
};

}  // namespace token_introspect::cache
