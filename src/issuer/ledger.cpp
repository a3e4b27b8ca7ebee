#include "issuer/ledger.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <memory>
#include <new>

namespace token_introspect::issuer {

namespace {

/// SipHash-2-4 (Aumasson, Bernstein): whoever does not know the key can neither aim at a set nor make
/// two ids equal.
class KeyedHash {
public:
    explicit KeyedHash(const std::array<std::uint64_t, 2> &key) noexcept
        : v0_(key[0] ^ 0x736f6d6570736575),
          v1_(key[1] ^ 0x646f72616e646f6d),
          v2_(key[0] ^ 0x6c7967656e657261),
          v3_(key[1] ^ 0x7465646279746573)
    {}

    void add(std::string_view bytes) noexcept
    {
        for (const char byte : bytes) {
            word_ |= std::uint64_t{static_cast<unsigned char>(byte)} << (size_ % 8 * 8);
            if (++size_ % 8 == 0) {
                absorb();
            }
        }
    }

    std::uint64_t finish() noexcept
    {
        word_ |= size_ << 56;
        absorb();
        v2_ ^= 0xff;
        for (int i = 0; i < 4; ++i) {
            round();
        }
        return v0_ ^ v1_ ^ v2_ ^ v3_;
    }

private:
    void absorb() noexcept
    {
        v3_ ^= word_;
        round();
        round();
        v0_ ^= word_;
        word_ = 0;
    }

    void round() noexcept
    {
        v0_ += v1_;
        v2_ += v3_;
        v1_ = std::rotl(v1_, 13) ^ v0_;
        v3_ = std::rotl(v3_, 16) ^ v2_;
        v0_ = std::rotl(v0_, 32) + v3_;
        v2_ += v1_;
        v1_ = std::rotl(v1_, 17) ^ v2_;
        v3_ = std::rotl(v3_, 21) ^ v0_;
        v2_ = std::rotl(v2_, 32);
    }

    std::uint64_t v0_;
    std::uint64_t v1_;
    std::uint64_t v2_;
    std::uint64_t v3_;
    std::uint64_t word_ = 0;
    std::uint64_t size_ = 0;
};

/// An entry counts until `until`, and is free from then on. Each half is written in one piece, the
/// tag before the time that makes it count.
struct Slot {
    std::atomic<std::uint64_t> tag;
    std::atomic<std::int64_t> until;
};

constexpr std::size_t kSlots = 8;

/// Two lines of the processor's cache. An entry is in one of two sets: so most slots are in use before
/// both sets of some id are full.
struct alignas(64) Set {
    std::array<Slot, kSlots> slots;
};

static_assert(sizeof(Set) == 128);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

constexpr std::size_t kFewestSets = 4;
constexpr std::size_t kShareOfFailures = 8;  // one of so many sets

// What has expired stays for so long: the workers' clocks may differ by a second.
constexpr std::int64_t kSlackS = 2;
constexpr std::int64_t kNever = INT64_MAX / 2;

class Lock {
public:
    explicit Lock(cache::Memory &memory) noexcept : memory_(memory) { memory_.lock(); }
    ~Lock() { memory_.unlock(); }
    Lock(const Lock &) = delete;
    Lock &operator=(const Lock &) = delete;

private:
    cache::Memory &memory_;
};

/// The two sets where an entry may be.
struct Place {
    std::uint64_t tag;
    std::array<Set *, 2> sets;

    Slot *find() const noexcept
    {
        for (Set *set : sets) {
            for (Slot &slot : set->slots) {
                if (slot.tag.load(std::memory_order_relaxed) == tag
                    && slot.until.load(std::memory_order_acquire) != 0)
                {
                    return &slot;
                }
            }
        }
        return nullptr;
    }

    /// The slot that counts least long; among those that no longer count at `now`, one in the set
    /// that has more of them.
    Slot &least(std::int64_t now) const noexcept
    {
        Slot *best = nullptr;
        std::size_t most_free = 0;
        for (Set *set : sets) {
            const auto until = [](const Slot &slot) {
                return slot.until.load(std::memory_order_relaxed);
            };
            const auto free = static_cast<std::size_t>(std::ranges::count_if(
                set->slots, [&](const Slot &slot) { return until(slot) <= now; }));
            Slot &one = *std::ranges::min_element(set->slots, {}, until);
            if (best == nullptr || free > most_free
                || (free == 0 && most_free == 0 && until(one) < until(*best)))
            {
                best = &one;
                most_free = free;
            }
        }
        return *best;
    }

    void write(Slot &slot, std::int64_t until) const noexcept
    {
        if (slot.tag.load(std::memory_order_relaxed) != tag) {
            slot.until.store(0, std::memory_order_relaxed);
            slot.tag.store(tag, std::memory_order_release);
        }
        slot.until.store(until, std::memory_order_release);
    }
};

/// Failures as a level that sinks by one each `cost_ms`: the time when it will be empty says it all.
struct Bucket {
    std::uint64_t cost_ms;
    std::uint64_t capacity_ms;

    Bucket(unsigned most, std::uint64_t period_ms) noexcept
        : cost_ms(std::max<std::uint64_t>(1, (period_ms + most - 1) / most)),
          capacity_ms(cost_ms * most)
    {}

    std::uint64_t level_ms(const Slot *slot, Now now) const noexcept
    {
        const std::int64_t until =
            slot != nullptr ? slot->until.load(std::memory_order_relaxed) : 0;
        const auto empty_at = static_cast<std::uint64_t>(until);
        const std::uint64_t level = empty_at > now.monotonic_ms ? empty_at - now.monotonic_ms : 0;
        return std::min(level, capacity_ms);  // it may have been made under another limit
    }
};

}  // namespace

/// What lies at the beginning of the block. Then the sets for revocations, then those for failures.
struct alignas(64) Ledger::Root {
    std::uint32_t layout;
    std::uint32_t failure_sets;
    std::uint64_t revocation_sets;
    std::array<std::uint64_t, 2> seed;
    std::atomic<std::int64_t> revoked_until_s;  // from this second on nothing is

    Place revocation(std::string_view id) noexcept
    {
        KeyedHash hash(seed);
        hash.add(id);
        return place(hash.finish(), sets(), revocation_sets);
    }

    Place failures(std::string_view client, std::string_view address) noexcept
    {
        const std::uint64_t size = client.size();
        std::array<char, sizeof size> length;
        std::memcpy(length.data(), &size, sizeof size);
        KeyedHash hash({~seed[0], seed[1]});
        hash.add({length.data(), length.size()});
        hash.add(client);
        hash.add(address);
        return place(hash.finish(), sets() + revocation_sets, failure_sets);
    }

    Set *sets() noexcept { return reinterpret_cast<Set *>(this + 1); }

private:
    static Place place(std::uint64_t hash, Set *sets, std::uint64_t count) noexcept
    {
        const std::uint64_t first = (hash >> 32) * count >> 32;
        const std::uint64_t second = (hash & UINT32_MAX) * count >> 32;
        return {.tag = hash, .sets = {sets + first, sets + second}};
    }
};

Ledger::Root *Ledger::format(std::span<std::byte> block, std::array<std::uint64_t, 2> seed) noexcept
{
    const auto address = reinterpret_cast<std::uintptr_t>(block.data());
    const std::size_t skipped = -address % alignof(Root);
    const std::size_t size = block.size() - std::min(skipped, block.size());
    const std::size_t count = size < sizeof(Root) ? 0 : (size - sizeof(Root)) / sizeof(Set);
    const std::size_t failures = std::max(
        kFewestSets, std::min<std::size_t>(count / kShareOfFailures, std::size_t{1} << 20));
    if (count < kFewestSets + failures) {
        return nullptr;
    }
    auto *root = ::new (block.data() + skipped) Root{};
    root->failure_sets = static_cast<std::uint32_t>(failures);
    root->revocation_sets = std::min<std::uint64_t>(count - failures, UINT32_MAX);
    root->seed = seed;
    std::uninitialized_value_construct_n(root->sets(), root->revocation_sets + failures);
    root->layout = kLayout;
    return root;
}

std::uint32_t Ledger::layout(const Root *root) noexcept
{
    return root->layout;
}

bool Ledger::revoke(std::string_view id, std::int64_t expires_at_s, Now now) noexcept
{
    const std::int64_t until =
        std::min(std::max<std::int64_t>(expires_at_s, 0), kNever) + leeway_s_;
    if (until <= now.unix_s) {
        return true;
    }
    const Lock lock(*memory_);
    const Place place = root_->revocation(id);
    Slot *slot = place.find();
    if (slot == nullptr) {
        slot = &place.least(now.unix_s - kSlackS);
        if (slot->until.load(std::memory_order_relaxed) > now.unix_s - kSlackS) {
            return false;
        }
    } else if (slot->until.load(std::memory_order_relaxed) >= until) {
        return true;
    }
    // first: who finds nothing revoked does not look any further
    if (root_->revoked_until_s.load(std::memory_order_relaxed) < until) {
        root_->revoked_until_s.store(until, std::memory_order_release);
    }
    place.write(*slot, until);
    return true;
}

bool Ledger::revoked(std::string_view jti, Now now) const noexcept
{
    if (now.unix_s >= root_->revoked_until_s.load(std::memory_order_acquire)) {
        return false;
    }
    const auto counts = [&](std::string_view id) {
        const Slot *slot = root_->revocation(id).find();
        return slot != nullptr && slot->until.load(std::memory_order_relaxed) > now.unix_s;
    };
    const std::size_t dot = jti.find('.');
    return counts(jti) || (dot != jti.npos && counts(jti.substr(0, dot)));
}

std::uint64_t Ledger::blocked_ms(std::string_view client, std::string_view address, unsigned most,
                                 std::uint64_t period_ms, Now now) noexcept
{
    if (most == 0) {
        return 0;
    }
    const Bucket bucket(most, period_ms);
    const Lock lock(*memory_);
    const std::uint64_t next =
        bucket.level_ms(root_->failures(client, address).find(), now) + bucket.cost_ms;
    return next > bucket.capacity_ms ? next - bucket.capacity_ms : 0;
}

void Ledger::failed(std::string_view client, std::string_view address, unsigned most,
                    std::uint64_t period_ms, Now now) noexcept
{
    if (most == 0) {
        return;
    }
    const Bucket bucket(most, period_ms);
    const Lock lock(*memory_);
    const Place place = root_->failures(client, address);
    Slot *slot = place.find();
    const std::uint64_t level =
        std::min(bucket.level_ms(slot, now) + bucket.cost_ms, bucket.capacity_ms);
    place.write(slot != nullptr ? *slot : place.least(static_cast<std::int64_t>(now.monotonic_ms)),
                static_cast<std::int64_t>(now.monotonic_ms + level));
}

std::size_t Ledger::capacity() const noexcept
{
    return static_cast<std::size_t>(root_->revocation_sets) * kSlots;
}

}  // namespace token_introspect::issuer
