#pragma once

#include "cache/entry.hpp"

#include <atomic>

namespace token_introspect::cache {

/// What lies at the beginning of the store's block: the index, the memory behind it, and the
/// counters. It finds, makes, moves and drops entries, and knows nothing of leases and pauses but
/// whom to spare. All is done with the lock held.
struct Store::Root {
    using Position = Arena::Position;

    // What workers read without the lock, on a cache line with nothing that hits write.
    std::uint32_t layout;
    std::uint32_t bucket_count;
    std::array<std::uint64_t, 2> seed;
    std::uint64_t size;  // of the whole block
    std::atomic<std::uint64_t> epoch;
    std::array<std::byte, 80> line_end;

    std::atomic<std::uint32_t> changing;  // set while a Change runs
    LeaseId last_lease;
    std::uint64_t last_generation;
    std::uint64_t chance;
    std::uint64_t passed_over;  // entries in use, since one was evicted
    Statistics statistics;
    Arena arena;
    // then the buckets, then the arena's area

    /// A section that changes more than counters and marks of use. A process that is killed in one
    /// leaves the mark set, and who finds it empties the store.
    class Change {
    public:
        explicit Change(Root &root) noexcept : root_(root), outer_(root.is_changing())
        {
            root_.mark_changing(true);
        }
        ~Change() { root_.mark_changing(outer_); }
        Change(const Change &) = delete;
        Change &operator=(const Change &) = delete;

    private:
        Root &root_;
        bool outer_;
    };

    [[nodiscard]] bool is_changing() const noexcept
    {
        return changing.load(std::memory_order_relaxed) != 0;
    }
    // A killed process has done what comes before in its program, and nothing of what comes after,
    // so it is enough that the compiler keeps the order.
    void mark_changing(bool value) noexcept
    {
        std::atomic_signal_fence(std::memory_order_seq_cst);
        changing.store(value ? 1 : 0, std::memory_order_relaxed);
        std::atomic_signal_fence(std::memory_order_seq_cst);
    }

    /// Forgets all entries; what counts up goes on counting up.
    void clear() noexcept;

    Entry *find(const StoredKey &key) noexcept
    {
        for (Position at = bucket(key); at != 0;) {
            Entry &one = entry(at);
            if (one.key == key) {
                return &one;
            }
            at = one.chain;
        }
        return nullptr;
    }

    /// Remembers for eviction that it was of use, and touches nothing else.
    static void touch(Entry &entry) noexcept
    {
        if (!entry.referenced) {
            entry.referenced = true;
        }
    }

    /// A new entry with room for so many bytes of record; nullptr without memory.
    Entry *insert(const StoredKey &key, std::size_t record_size, Now now) noexcept;
    /// The entry where there is room for so many bytes of record behind it, which are lost; nullptr
    /// without memory, and it then stays as it was.
    Entry *resize(Entry &old, std::size_t record_size, Now now) noexcept;
    void remove(Entry &entry) noexcept;

    /// 32 bits of a simple generator, for jitter.
    std::uint32_t random() noexcept;

    [[nodiscard]] bool consistent() noexcept;

private:
    Position allocate(std::size_t bytes, Now now, const Entry *kept) noexcept;
    void drop_dead(Now now, const Entry *kept) noexcept;
    void advance(Position &cursor) noexcept;

    Entry &entry(Position position) noexcept { return *static_cast<Entry *>(arena.at(position)); }
    Position position_of(const Entry &entry) const noexcept
    {
        const auto *self = reinterpret_cast<const std::byte *>(&arena);
        return static_cast<Position>(
            static_cast<std::size_t>(reinterpret_cast<const std::byte *>(&entry) - self)
            / Arena::kGranule);
    }
    Position *buckets() noexcept { return reinterpret_cast<Position *>(this + 1); }
    Position &bucket(const StoredKey &key) noexcept
    {
        std::uint64_t hash = (key.words[0] ^ seed[0]) * (seed[1] | 1);
        hash ^= key.words[1] + (hash >> 29);
        hash *= seed[0] | 1;
        return buckets()[(hash >> 32) * bucket_count >> 32];
    }
    /// The link that leads to the entry.
    Position &link_to(const Entry &entry) noexcept;
};

}  // namespace token_introspect::cache
