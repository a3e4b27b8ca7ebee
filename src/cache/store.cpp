#include "cache/store.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <mutex>
#include <new>

namespace token_introspect::cache {

namespace {

// One insertion may push out this many others before it gives up, and as many more as its size
// outweighs: enough to empty a few slab pages of another size class, little enough to keep the lock
// short.
constexpr std::size_t kMostEvictions = 64;
constexpr std::size_t kBytesPerEviction = 128;
constexpr int kMostPassedOver = 256;
// What has just ended is kept for those who waited for it and have yet to wake.
constexpr std::uint64_t kWakeMs = 1000;

constexpr std::size_t kBytesPerBucket = 2048;
constexpr std::size_t kFewestBuckets = 64;

}  // namespace

struct Store::Entry {
    Key key;
    Entry *chain;  // next in the bucket
    Entry *newer;  // towards the LRU's head
    Entry *older;
    LeaseId lease;  // 0: nobody is asking
    std::uint64_t lease_until_ms;
    std::uint64_t attempted_ms;   // the last lease's beginning
    std::uint64_t failed_ms;      // the last failure since the record came, 0: none
    std::uint64_t unstorable_ms;  // when a record last found no room, 0: never
    std::uint64_t published_ms;
    std::uint64_t fresh_until_ms;
    std::int64_t expires_at_s;
    std::uint64_t generation;  // 0: no record
    std::uint32_t size;        // of the encoded record behind this struct
    Code failure;
    bool abandoned;  // the last lease

    std::uint8_t *block() noexcept { return reinterpret_cast<std::uint8_t *>(this + 1); }

    [[nodiscard]] bool has_record() const noexcept { return generation != 0; }
    [[nodiscard]] bool fresh(Now now) const noexcept
    {
        return has_record() && now.monotonic_ms < fresh_until_ms && now.unix_s < expires_at_s;
    }
    [[nodiscard]] bool counts_for(Now now, std::uint64_t since_ms) const noexcept
    {
        return fresh(now)
               || (has_record() && published_ms >= since_ms && now.unix_s < expires_at_s);
    }
    [[nodiscard]] bool just_ended(Now now) const noexcept
    {
        return now.monotonic_ms < std::max({published_ms, failed_ms, unstorable_ms}) + kWakeMs;
    }
    [[nodiscard]] bool leased(Now now) const noexcept
    {
        return lease != 0 && now.monotonic_ms < lease_until_ms;
    }
};

struct Store::Root {
    std::uint32_t layout;
    std::uint32_t bucket_mask;
    std::array<std::uint64_t, 2> seed;
    LeaseId last_lease;
    std::uint64_t last_generation;
    Entry *newest;
    Entry *oldest;
    Entry **buckets;
    Statistics statistics;
};

// The store with its lock held: the operations that the public methods are made of.
class Store::Locked {
public:
    explicit Locked(Store &store) noexcept
        : memory_(*store.memory_),
          root_(*store.root_),
          guard_(memory_)
    {}

    Root &root() noexcept { return root_; }

    Entry *find(const Key &key) noexcept
    {
        for (Entry *entry = bucket(key); entry != nullptr; entry = entry->chain) {
            if (entry->key == key) {
                return entry;
            }
        }
        return nullptr;
    }

    void touch(Entry &entry) noexcept
    {
        if (root_.newest != &entry) {
            unlink_age(entry);
            link_newest(entry);
        }
    }

    // An entry for the key with room for `size` bytes of record, linked in place of `old`; nullptr
    // without memory, and `old` then stays.
    Entry *insert(const Key &key, std::size_t size, Now now, Entry *old = nullptr) noexcept
    {
        drop_dead(now, old);
        void *memory = memory_.allocate(sizeof(Entry) + size);
        const std::size_t most = kMostEvictions + size / kBytesPerEviction;
        for (std::size_t i = 0; memory == nullptr && i < most; ++i) {
            if (!evict(now, old)) {
                break;
            }
            memory = memory_.allocate(sizeof(Entry) + size);
        }
        if (memory == nullptr) {
            ++root_.statistics.refusals;
            return nullptr;
        }
        if (old != nullptr) {
            remove(*old);
        }
        auto *entry = ::new (memory) Entry{};
        entry->key = key;
        entry->size = static_cast<std::uint32_t>(size);
        Entry *&head = bucket(key);
        entry->chain = head;
        head = entry;
        link_newest(*entry);
        ++root_.statistics.entries;
        return entry;
    }

    void remove(Entry &entry) noexcept
    {
        for (Entry **link = &bucket(entry.key); *link != nullptr; link = &(*link)->chain) {
            if (*link == &entry) {
                *link = entry.chain;
                break;
            }
        }
        unlink_age(entry);
        --root_.statistics.entries;
        memory_.release(&entry);
    }

    // Copies the record out; nothing when the caller has no room.
    static std::optional<Record> copy(Entry &entry, Room room) noexcept
    {
        auto *block = static_cast<std::uint8_t *>(room.allocate(room.context, entry.size));
        if (block == nullptr) {
            return std::nullopt;
        }
        std::memcpy(block, entry.block(), entry.size);
        return decode({block, entry.size});
    }

    void grant(Entry &entry, Now now, std::uint64_t lease_ms, Acquired &acquired) noexcept
    {
        entry.lease = ++root_.last_lease;
        entry.lease_until_ms = now.monotonic_ms + lease_ms;
        entry.attempted_ms = now.monotonic_ms;
        entry.abandoned = false;
        acquired.state = State::kLed;
        acquired.lease = entry.lease;
        acquired.had_expired = entry.has_record();
    }

    // The record unless the caller has it already. False when the caller has no room.
    static bool take(Entry &entry, const Wanted &wanted, Room room, Acquired &acquired) noexcept
    {
        acquired.generation = entry.generation;
        if (entry.generation == wanted.known_generation) {
            acquired.unchanged = true;
            return true;
        }
        acquired.record = copy(entry, room);
        return acquired.record.has_value();
    }

    // What both ways of asking share once it is clear that no record counts.
    void lead_or_follow(Entry &entry, Now now, const Wanted &wanted, Room room,
                        Acquired &acquired) noexcept
    {
        if (entry.failed_ms != 0 && entry.failed_ms >= wanted.since_ms && !entry.leased(now)) {
            acquired.state = State::kFailed;
            acquired.failure = entry.failure;
            return;
        }
        if (!entry.leased(now) && entry.unstorable_ms != 0
            && entry.unstorable_ms >= wanted.since_ms)
        {
            // whoever waited in vain asks for itself, and not one after the other
            acquired.had_expired = entry.has_record();
            return;
        }
        if (!entry.leased(now)) {
            grant(entry, now, wanted.lease_ms, acquired);
            return;
        }
        acquired.state = State::kBusy;
        acquired.lease = entry.lease;
        if (wanted.last_good && entry.has_record() && entry.failed_ms == 0
            && now.unix_s < entry.expires_at_s)
        {
            take(entry, wanted, room, acquired);
        }
    }

    std::uint64_t store(const Key &key, Now now, const Record &record, Lifetime lifetime) noexcept
    {
        const std::size_t size = encoded_size(record);
        Entry *old = find(key);
        if (old != nullptr && old->size == size) {
            old->lease = 0;
            fill(*old, now, record, lifetime);
            touch(*old);
            return old->generation;
        }
        const std::uint64_t attempted_ms = old != nullptr ? old->attempted_ms : 0;
        Entry *entry = insert(key, size, now, old);
        if (entry == nullptr) {
            if (old != nullptr) {
                old->lease = 0;
                old->unstorable_ms = now.monotonic_ms;
            }
            return 0;
        }
        entry->attempted_ms = attempted_ms;
        fill(*entry, now, record, lifetime);
        return entry->generation;
    }

private:
    class Guard {
    public:
        explicit Guard(Memory &memory) noexcept : memory_(memory) { memory_.lock(); }
        ~Guard() { memory_.unlock(); }
        Guard(const Guard &) = delete;
        Guard &operator=(const Guard &) = delete;

    private:
        Memory &memory_;
    };

    Entry *&bucket(const Key &key) noexcept
    {
        std::uint64_t a = 0;
        std::uint64_t b = 0;
        std::uint64_t scope = 0;
        std::memcpy(&a, key.digest.data(), sizeof a);
        std::memcpy(&b, key.digest.data() + sizeof a, sizeof b);
        std::memcpy(&scope, key.scope.data(), sizeof scope);
        std::uint64_t hash = (a ^ root_.seed[0]) * (root_.seed[1] | 1);
        hash ^= (b ^ scope) + (hash >> 29);
        hash *= root_.seed[0] | 1;
        return root_.buckets[(hash >> 32) & root_.bucket_mask];
    }

    void link_newest(Entry &entry) noexcept
    {
        entry.newer = nullptr;
        entry.older = root_.newest;
        (root_.newest != nullptr ? root_.newest->newer : root_.oldest) = &entry;
        root_.newest = &entry;
    }

    void unlink_age(Entry &entry) noexcept
    {
        (entry.newer != nullptr ? entry.newer->older : root_.newest) = entry.older;
        (entry.older != nullptr ? entry.older->newer : root_.oldest) = entry.newer;
    }

    void fill(Entry &entry, Now now, const Record &record, Lifetime lifetime) noexcept
    {
        entry.generation = 0;  // a process killed half way leaves no half record behind
        std::atomic_signal_fence(std::memory_order_seq_cst);
        encode(record, entry.block());
        std::atomic_signal_fence(std::memory_order_seq_cst);
        entry.generation = ++root_.last_generation;
        entry.published_ms = now.monotonic_ms;
        entry.fresh_until_ms = now.monotonic_ms + lifetime.ttl_ms;
        entry.expires_at_s = lifetime.expires_at_s;
        entry.failed_ms = 0;
    }

    // At most two from the old end whose time is over, so that the dead do not push out the living.
    void drop_dead(Now now, const Entry *kept) noexcept
    {
        for (int i = 0; i < 2 && root_.oldest != nullptr; ++i) {
            const Entry &oldest = *root_.oldest;
            if (&oldest == kept || oldest.fresh(now) || oldest.leased(now)
                || oldest.just_ended(now))
            {
                return;
            }
            remove(*root_.oldest);
        }
    }

    // The oldest that nobody is working for; those in use are passed over as if just used. False
    // when there is none, or too many are in use to look further under the lock.
    bool evict(Now now, const Entry *kept) noexcept
    {
        for (int i = 0; i < kMostPassedOver && root_.oldest != nullptr; ++i) {
            Entry &victim = *root_.oldest;
            if (&victim != kept && !victim.leased(now)) {
                remove(victim);
                ++root_.statistics.evictions;
                return true;
            }
            touch(victim);
        }
        return false;
    }

    Memory &memory_;
    Root &root_;
    Guard guard_;
};

Store::Root *Store::format(Memory &memory, std::size_t bytes,
                           std::array<std::uint64_t, 2> seed) noexcept
{
    const std::size_t count = std::bit_ceil(std::max(kFewestBuckets, bytes / kBytesPerBucket));
    void *block = memory.allocate(sizeof(Root));
    if (block == nullptr) {
        return nullptr;
    }
    auto *root = ::new (block) Root{};
    root->buckets = static_cast<Entry **>(memory.allocate(count * sizeof(Entry *)));
    if (root->buckets == nullptr) {
        memory.release(block);
        return nullptr;
    }
    std::fill_n(root->buckets, count, nullptr);
    root->bucket_mask = static_cast<std::uint32_t>(count - 1);
    root->seed = seed;
    root->layout = kLayout;
    return root;
}

std::uint32_t Store::layout(const Root *root) noexcept
{
    return root->layout;
}

std::optional<Record> Store::find(const Key &key, Now now, Room room, const Key *other,
                                  Glance *glance) noexcept
{
    Locked locked(*this);
    Entry *entry = locked.find(key);
    if (entry == nullptr || !entry->fresh(now)) {
        return std::nullopt;
    }
    if (other != nullptr) {
        if (Entry *second = locked.find(*other); second != nullptr) {
            locked.touch(*second);
            glance->generation = second->generation;
            glance->fresh = second->fresh(now);
        }
    }
    locked.touch(*entry);
    ++locked.root().statistics.hits;
    return Locked::copy(*entry, room);
}

Acquired Store::acquire(const Key &key, Now now, const Wanted &wanted, Room room) noexcept
{
    Locked locked(*this);
    Acquired acquired;
    Entry *entry = locked.find(key);
    if (entry == nullptr) {
        entry = locked.insert(key, 0, now);
        ++locked.root().statistics.misses;
        if (entry != nullptr) {
            locked.grant(*entry, now, wanted.lease_ms, acquired);
        }
        return acquired;
    }
    locked.touch(*entry);
    if (entry->counts_for(now, wanted.since_ms)) {
        ++locked.root().statistics.hits;
        if (Locked::take(*entry, wanted, room, acquired)) {
            acquired.state = State::kFound;
        } else {
            acquired.state = State::kFailed;
        }
        return acquired;
    }
    locked.lead_or_follow(*entry, now, wanted, room, acquired);
    if (acquired.state == State::kLed) {
        ++locked.root().statistics.misses;
    }
    return acquired;
}

Acquired Store::refresh(const Key &key, Now now, const Wanted &wanted, std::uint64_t interval_ms,
                        Room room) noexcept
{
    Locked locked(*this);
    Acquired acquired;
    Entry *entry = locked.find(key);
    if (entry == nullptr) {
        entry = locked.insert(key, 0, now);
        if (entry != nullptr) {
            locked.grant(*entry, now, wanted.lease_ms, acquired);
        }
        return acquired;
    }
    locked.touch(*entry);
    if (entry->has_record() && entry->generation != wanted.known_generation
        && entry->counts_for(now, wanted.since_ms))
    {
        acquired.state =
            Locked::take(*entry, wanted, room, acquired) ? State::kFound : State::kFailed;
        return acquired;
    }
    if (!entry->leased(now) && !entry->abandoned
        && now.monotonic_ms < entry->attempted_ms + interval_ms)
    {
        acquired.state = entry->failed_ms != 0 ? State::kFailed : State::kRefused;
        acquired.failure = entry->failure;
        return acquired;
    }
    locked.lead_or_follow(*entry, now, wanted, room, acquired);
    return acquired;
}

std::uint64_t Store::publish(const Key &key, LeaseId lease, Now now, const Record &record,
                             Lifetime lifetime) noexcept
{
    Locked locked(*this);
    Entry *entry = locked.find(key);
    if (lease == 0 || (entry != nullptr && entry->lease != lease)) {
        return 0;
    }
    return locked.store(key, now, record, lifetime);
}

void Store::put(const Key &key, Now now, const Record &record, Lifetime lifetime) noexcept
{
    Locked locked(*this);
    locked.store(key, now, record, lifetime);
}

void Store::fail(const Key &key, LeaseId lease, Now now, Code code) noexcept
{
    Locked locked(*this);
    Entry *entry = locked.find(key);
    if (entry != nullptr && lease != 0 && entry->lease == lease) {
        entry->lease = 0;
        entry->failed_ms = now.monotonic_ms;
        entry->failure = code;
    }
}

void Store::abandon(const Key &key, LeaseId lease) noexcept
{
    Locked locked(*this);
    Entry *entry = locked.find(key);
    if (entry != nullptr && lease != 0 && entry->lease == lease) {
        entry->lease = 0;
        entry->abandoned = true;
    }
}

bool Store::pending(const Key &key, LeaseId lease, Now now) noexcept
{
    Locked locked(*this);
    const Entry *entry = locked.find(key);
    return entry != nullptr && entry->lease == lease && entry->leased(now);
}

Statistics Store::statistics() noexcept
{
    Locked locked(*this);
    return locked.root().statistics;
}

}  // namespace token_introspect::cache
