#pragma once

#include "base/clock.hpp"
#include "base/crypto.hpp"
#include "cache/memory.hpp"
#include "cache/record.hpp"

#include <cstddef>
#include <optional>
#include <span>

namespace token_introspect::cache {

/// What an entry is about: the SHA-256 of the token (or of what names a document, or an endpoint
/// for a circuit) within a scope, the fingerprint of everything in the introspector's
/// configuration.
struct Key {
    Sha256 digest{};
    std::array<std::uint8_t, 16> scope{};

    bool operator==(const Key &) const = default;
};

/// How long a record counts. The times in milliseconds are from now on; what is longer than 49 days
/// is taken for 49 days.
struct Lifetime {
    std::uint64_t ttl_ms = 0;       ///< 0: only for requests that asked before it came
    std::int64_t expires_at_s = 0;  ///< wall clock; never served from this second on, stale neither
    std::uint64_t stale_ms = 0;     ///< how long after ttl_ms it may be served as stale
    std::uint64_t refresh_ms = 0;   ///< after how long to renew it ahead of ttl_ms; 0: not ahead
};

inline constexpr std::int64_t kNeverExpires = INT64_MAX;

/// Right to do the work for a key, for a limited time. 0 means that nothing is shared: there was no
/// memory for an entry, so the holder works for itself alone.
using LeaseId = std::uint64_t;

enum class State : std::uint8_t {
    kFound,    ///< a record that counts
    kLed,      ///< nobody is asking: the caller has the lease and must publish, fail or abandon
    kBusy,     ///< somebody else is asking
    kStale,    ///< a record that no longer counts, but may be served
    kFailed,   ///< somebody asked on behalf of the caller, too, and failed; or a pause runs
    kRefused,  ///< refresh and renew only: not now
};

/// When a record that no longer counts is served (RFC 5861 in spirit, nginx's proxy_cache_use_stale).
/// A failure that is a verdict about the token itself (expired, inactive...) permits it never.
struct StaleUse {
    bool on_error = false;        ///< after any failure of the issuer but a timeout
    bool on_timeout = false;      ///< after Code::kIssuerTimeout
    bool while_updating = false;  ///< while somebody asks, or about to
};

/// What a request may do now. `record` is set for kFound and kStale, and for kBusy when a last good
/// record is there and was wanted; for neither when it is `unchanged`. Its parts live in memory from
/// the caller's Room.
struct Acquired {
    State state = State::kLed;
    LeaseId lease = 0;               ///< own lease (kLed), or the one to wait for (kBusy)
    Code failure = Code::kInternal;  ///< kFailed, and kRefused or kStale after a failure: why
    bool unchanged = false;          ///< the record is the one of known_generation: not copied
    bool had_expired = false;        ///< kLed: a record was there but no longer counts
    bool due = false;                ///< kFound: time to renew() it: nobody is, and no pause runs
    bool updating = false;           ///< kStale: somebody is asking already; false: try renew()
    std::uint64_t retry_after_ms =
        0;                         ///< kFailed, kRefused by a pause: when asking may go on; or 0
    std::uint64_t generation = 0;  ///< of the record
    std::optional<Record> record{};
};

/// What may be asked of an entry together with another one, in the same locked section.
struct Glance {
    std::uint64_t generation = 0;  ///< 0: no record
    bool fresh = false;
    bool stale = false;  ///< no longer fresh, but may be served as stale
    bool due = false;    ///< time to renew() it, as in Acquired
    std::uint64_t fresh_until_ms = 0;
};

/// A record that counts, and until when.
struct Found {
    Record record{};                   ///< views into `block`
    std::uint64_t fresh_until_ms = 0;  ///< monotonic; it counts until then, and
    std::int64_t expires_at_s = 0;     ///< until this second of the wall clock
    Bytes block{};                     ///< the encoded record (see decode), in memory from the Room
};

struct Wanted {
    std::uint64_t since_ms = 0;          ///< when the caller began to ask (monotonic)
    std::uint64_t lease_ms = 0;          ///< how long its own work may take
    std::uint64_t known_generation = 0;  ///< skip copying a record of this generation
    bool last_good = false;              ///< take the last record while somebody refreshes it
    StaleUse stale{};
    const Key *circuit = nullptr;  ///< of the endpoint that would be asked; nullptr: none
};

struct Statistics {
    std::uint64_t entries = 0;
    std::uint64_t hits = 0;  ///< records given, stale ones, too
    std::uint64_t misses = 0;
    std::uint64_t evictions = 0;
    std::uint64_t refusals = 0;    ///< records that found no room
    std::uint64_t recoveries = 0;  ///< how often it emptied itself
};

/// Results, verified JWTs and documents in shared memory: a hash index, second-chance eviction,
/// leases, pauses after failures. One Store object per process looks at one Root; all methods but
/// epoch() take the memory's lock themselves and hold it for compares, one memcpy and links only.
///
/// Pauses: from the third failure in a row on, a key is left alone for a time that doubles, see
/// Backoff. So is an endpoint, by its circuit: an entry without a record under a key of its own,
/// there only while the endpoint fails. While its pause runs, nobody gets a lease that names it;
/// afterwards one does, the probe, and the others when that has gone well.
class Store {
public:
    struct Root;

    /// Formats a block, which the store then owns whole; shared by all who look at the root. At best
    /// aligned to 16 bytes, at most 64 GiB are used. `seed` must be random: it keeps a sender of
    /// chosen tokens from filling one chain of the index. nullptr when the block is too small.
    static Root *format(std::span<std::byte> block, std::array<std::uint64_t, 2> seed) noexcept;

    /// Changes whenever the layout of anything in shared memory does, and the number of a Code.
    static constexpr std::uint32_t kLayout = 3;

    /// The layout a root was formatted with, of any layout.
    static std::uint32_t layout(const Root *root) noexcept;

    Store(Memory &memory, Root *root) noexcept : memory_(&memory), root_(root) {}

    /// The record when it counts; takes no lease. With `other`, also glances at that entry, if the
    /// record is found.
    std::optional<Found> find(const Key &key, Now now, Room room, const Key *other = nullptr,
                              Glance *glance = nullptr) noexcept;

    /// The record, a lease, whom to wait for, or why none of these: the first that applies of
    /// - kFound: it counts;
    /// - somebody asks: kStale if that is permitted while updating, else kBusy;
    /// - the entry or the circuit pauses: kStale if the failure permits, else kFailed;
    /// - kStale if that is permitted while updating: the caller should renew();
    /// - it has failed since the caller began to ask: kStale if the failure permits, else kFailed;
    /// - kLed.
    Acquired acquire(const Key &key, Now now, const Wanted &wanted, Room room) noexcept;

    /// As acquire for a record that still counts but is known to lack something (an unknown kid):
    /// kFound when the generation has moved on or the record has just come again; when the last attempt is less than `interval_ms` ago
    /// kRefused, or kFailed if that attempt failed. An abandoned attempt does not count. Never
    /// kStale.
    Acquired refresh(const Key &key, Now now, const Wanted &wanted, std::uint64_t interval_ms,
                     Room room) noexcept;

    /// A lease to renew a record in the background, whether it still counts or not: kLed, kBusy when
    /// somebody asks, or kRefused: a pause runs, there is no memory, or the record has been renewed
    /// (its generation is not known_generation, or it was published after since_ms, if that is not
    /// 0). Never a record.
    Acquired renew(const Key &key, Now now, const Wanted &wanted) noexcept;

    /// The record, for a leader that has just failed: when it may be served as stale after such a
    /// failure.
    std::optional<Record> stale(const Key &key, Now now, Code failure, StaleUse use,
                                Room room) noexcept;

    /// Stores a record under the lease and ends it. A holder whose lease was taken over stores
    /// nothing: what it knows may be older. Gives the record's generation, 0 when not stored; a
    /// record of the same bytes keeps its generation and gets the new lifetime. A record that finds
    /// no room takes the one before it away. A success for the circuit in any case.
    std::uint64_t publish(const Key &key, LeaseId lease, Now now, const Record &record,
                          const Lifetime &lifetime, const Key *circuit = nullptr) noexcept;

    /// Stores a record without a lease (a JWT verified locally).
    void put(const Key &key, Now now, const Record &record, const Lifetime &lifetime) noexcept;

    /// Ends the lease; those who asked until now get `code`. Counts as a failure of the key; and of
    /// the circuit if `endpoint_down`, else as a success: the endpoint has answered. While a circuit
    /// is open only its probe's failure counts.
    void fail(const Key &key, LeaseId lease, Now now, Code code, const Key *circuit = nullptr,
              bool endpoint_down = false) noexcept;

    /// Ends the lease without a result: one of those who wait takes over, or probes the circuit.
    void abandon(const Key &key, LeaseId lease, const Key *circuit = nullptr) noexcept;

    /// True while that lease runs.
    [[nodiscard]] bool pending(const Key &key, LeaseId lease, Now now) noexcept;

    /// What a worker remembers of the store is good until its time while this stays the same. Takes
    /// no lock. Moves when a record that still counted is replaced by a different one, has its time
    /// shortened, or is taken away; not when it expires or is evicted. Read it before find: what
    /// was found may then be kept under that epoch.
    [[nodiscard]] std::uint64_t epoch() const noexcept;

    [[nodiscard]] Statistics statistics() noexcept;

    /// True when everything in the memory agrees with everything else. Slow: for tests.
    [[nodiscard]] bool consistent() noexcept;

private:
    struct Entry;
    class Locked;

    Memory *memory_;
    Root *root_;
};

}  // namespace token_introspect::cache
