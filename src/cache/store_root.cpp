#include "cache/store_root.hpp"

#include <new>

namespace token_introspect::cache {

namespace {

constexpr std::size_t kBytesPerBucket = 512;
constexpr std::size_t kFewestBuckets = 16;
constexpr std::size_t kSmallestArea = 1024;

// Bounds of what one insertion does under the lock. It looks at so many entries, and at as many
// more as a record of its size can outweigh; it passes over those in use for the first of them.
// Then what is small gives way itself, as long as there may be entries that are not in use.
constexpr std::size_t kMostLooks = 256;
constexpr std::size_t kLooksAtUnused = 128;
constexpr std::size_t kSmall = 1024;
constexpr int kLooksForDead = 2;

constexpr std::size_t kEvictCursor = 0;
constexpr std::size_t kDropCursor = 1;

}  // namespace

Store::Root *Store::format(std::span<std::byte> block, std::array<std::uint64_t, 2> seed) noexcept
{
    const auto address = reinterpret_cast<std::uintptr_t>(block.data());
    const std::size_t skipped = -address % alignof(Root);
    const std::size_t size = block.size() - std::min(skipped, block.size());
    const std::size_t count = std::clamp(size / kBytesPerBucket, kFewestBuckets,
                                         std::size_t{UINT32_MAX} / sizeof(Arena::Position));
    if (size < sizeof(Root) + count * sizeof(Arena::Position) + kSmallestArea) {
        return nullptr;
    }
    auto *root = ::new (block.data() + skipped) Root{};
    root->bucket_count = static_cast<std::uint32_t>(count);
    root->seed = seed;
    root->chance = seed[0] ^ seed[1];
    root->size = size;
    root->clear();
    root->layout = kLayout;
    return root;
}

void Store::Root::clear() noexcept
{
    auto *const begin = reinterpret_cast<std::byte *>(this);
    const std::size_t index = sizeof(Root) + bucket_count * sizeof(Position);
    std::fill_n(buckets(), bucket_count, Position{0});
    arena.format(begin + (index + Arena::kGranule - 1) / Arena::kGranule * Arena::kGranule,
                 begin + size);
    statistics.entries = 0;
}

Store::Entry *Store::Root::insert(const StoredKey &key, std::size_t record_size, Now now) noexcept
{
    drop_dead(now, nullptr);
    const Position position = allocate(sizeof(Entry) + record_size, now, nullptr);
    if (position == 0) {
        return nullptr;
    }
    auto *made = ::new (arena.at(position)) Entry(key);
    made->size = static_cast<std::uint32_t>(record_size);
    Position &head = bucket(key);
    made->chain = head;
    head = position;
    ++statistics.entries;
    return made;
}

Store::Entry *Store::Root::resize(Entry &old, std::size_t record_size, Now now) noexcept
{
    const Position position = position_of(old);
    if (arena.resize(position, sizeof(Entry) + record_size)) {
        old.size = static_cast<std::uint32_t>(record_size);
        return &old;
    }
    drop_dead(now, &old);
    const Position next = allocate(sizeof(Entry) + record_size, now, &old);
    if (next == 0) {
        return nullptr;
    }
    auto *moved = ::new (arena.at(next)) Entry(old);
    moved->size = static_cast<std::uint32_t>(record_size);
    link_to(old) = next;
    arena.release(position);
    return moved;
}

void Store::Root::remove(Entry &entry) noexcept
{
    link_to(entry) = entry.chain;
    --statistics.entries;
    arena.release(position_of(entry));
}

std::uint32_t Store::Root::random() noexcept
{
    // splitmix64
    std::uint64_t word = chance += 0x9e3779b97f4a7c15;
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
    word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
    return static_cast<std::uint32_t>(word >> 32);
}

Arena::Position &Store::Root::link_to(const Entry &entry) noexcept
{
    const Position position = position_of(entry);
    Position *link = &bucket(entry.key);
    while (*link != position) {
        link = &this->entry(*link).chain;
    }
    return *link;
}

// A block, for which entries go if need be. Second chance (CLOCK), with the blocks in the order of
// their addresses for the clock's face: what goes makes one free block with what went before, so
// that large records find room, too; and what comes mostly takes the place just behind the hand,
// where it is safe for a whole turn.
Arena::Position Store::Root::allocate(std::size_t bytes, Now now, const Entry *kept) noexcept
{
    Position &hand = arena.cursors[kEvictCursor];
    const std::size_t most = kMostLooks + 2 * (bytes / sizeof(Entry));
    Position position = arena.allocate(bytes);
    for (std::size_t looks = 0; position == 0 && looks < most; ++looks) {
        Entry *one = arena.is_free(hand) ? nullptr : &entry(hand);
        if (one == nullptr || one == kept || !one->evictable(now)) {
            advance(hand);
            continue;
        }
        const bool dead = one->dead(now);
        const bool in_use = one->referenced && !dead;
        if (in_use && looks < kLooksAtUnused) {
            one->referenced = false;
            ++passed_over;
            advance(hand);
        } else if (in_use && bytes <= kSmall && passed_over < statistics.entries) {
            break;
        } else {
            passed_over = 0;
            statistics.evictions += dead ? 0 : 1;
            remove(*one);
            position = arena.allocate(bytes);
        }
    }
    if (position == 0) {
        ++statistics.refusals;
    } else if (position == hand) {
        advance(hand);
    }
    return position;
}

// The dead are not left to push out the living: two are looked for with each insertion, on a round
// of its own.
void Store::Root::drop_dead(Now now, const Entry *kept) noexcept
{
    Position &cursor = arena.cursors[kDropCursor];
    for (int i = 0; i < kLooksForDead; ++i) {
        if (arena.is_free(cursor)) {
            advance(cursor);  // its neighbour is in use, unless there is none
        }
        if (arena.is_free(cursor)) {
            return;
        }
        Entry &one = entry(cursor);
        if (&one != kept && one.dead(now)) {
            remove(one);
        } else {
            advance(cursor);
        }
    }
}

void Store::Root::advance(Position &cursor) noexcept
{
    const Position next = arena.next(cursor);
    cursor = next != 0 ? next : arena.first();
}

bool Store::Root::consistent() noexcept
{
    if (is_changing() || !arena.consistent()) {
        return false;
    }
    std::uint64_t used = 0;
    for (Position at = arena.first(); at != 0; at = arena.next(at)) {
        if (!arena.is_free(at)) {
            ++used;
            if (arena.bytes(at) < Arena::bytes_for(sizeof(Entry) + entry(at).size)) {
                return false;
            }
        }
    }
    std::uint64_t listed = 0;
    for (std::uint32_t i = 0; i < bucket_count; ++i) {
        for (Position at = buckets()[i]; at != 0; at = entry(at).chain) {
            if (++listed > used || arena.is_free(at) || &bucket(entry(at).key) != &buckets()[i]) {
                return false;
            }
        }
    }
    return listed == used && used == statistics.entries;
}

}  // namespace token_introspect::cache
