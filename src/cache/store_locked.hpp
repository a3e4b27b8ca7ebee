#pragma once

#include "cache/store_root.hpp"

namespace token_introspect::cache {

/// The store with its lock held, and sound: the operations on leases, records, pauses and circuits
/// that the public methods are made of.
class Store::Locked {
public:
    explicit Locked(Store &store) noexcept : memory_(*store.memory_), root_(*store.root_)
    {
        memory_.lock();
        if (root_.is_changing()) {
            recover();
        }
    }
    ~Locked() { memory_.unlock(); }
    Locked(const Locked &) = delete;
    Locked &operator=(const Locked &) = delete;

    Root &root() noexcept { return root_; }
    Entry *find(const StoredKey &key) noexcept { return root_.find(key); }

    /// Copies the record out; nothing when the caller has no room.
    static std::optional<Found> copy(Entry &entry, Room room) noexcept;

    /// The record, or that the caller has it already, as `state`; kFailed without room.
    static void take(Entry &entry, const Wanted &wanted, Room room, State state,
                     Acquired &acquired) noexcept;

    /// Whether nobody may ask now for the entry (nullptr: none yet) because it or the circuit
    /// pauses. Sets `failure` and `retry_after_ms` then.
    bool pauses(const Entry *entry, const Key *circuit, Now now, Acquired &acquired) noexcept;

    /// Lease for a new entry: one that nobody shares when there is no memory.
    void lead_anew(const StoredKey &key, Now now, const Wanted &wanted,
                   Acquired &acquired) noexcept;
    /// Lease for an entry that nobody is asking for.
    void lead(Entry &entry, Now now, const Wanted &wanted, Acquired &acquired) noexcept;
    /// Somebody is asking: whom to wait for, and the last good record if that is wanted.
    static void follow(Entry &entry, Now now, const Wanted &wanted, Room room,
                       Acquired &acquired) noexcept;
    /// What acquire and refresh share once nobody is asking and no pause runs.
    void lead_or_fail(Entry &entry, Now now, const Wanted &wanted, Room room,
                      Acquired &acquired) noexcept;

    /// Whether the record may be served although it no longer counts.
    static bool permitted(Code failure, StaleUse use) noexcept;

    /// The generation, 0 without memory.
    std::uint64_t store(const StoredKey &key, Now now, const Record &record,
                        const Lifetime &lifetime) noexcept;

    void circuit_succeeded(const Key &circuit) noexcept;
    void circuit_failed(const Key &circuit, LeaseId lease, Now now, Code code) noexcept;
    void circuit_abandoned(const Key &circuit, LeaseId lease) noexcept;

private:
    void recover() noexcept;
    void lead_none(Now now, const Wanted &wanted, Acquired &acquired) noexcept;
    void probe(LeaseId lease, Now now, const Wanted &wanted) noexcept;
    void end_epoch() noexcept { root_.epoch.fetch_add(1, std::memory_order_release); }

    Memory &memory_;
    Root &root_;
};

}  // namespace token_introspect::cache
