#include "cache/arena.hpp"

#include <algorithm>
#include <bit>

namespace token_introspect::cache {

namespace {

constexpr std::uint32_t above(unsigned bit) noexcept
{
    return ~std::uint32_t{0} << bit << 1;
}

}  // namespace

void Arena::format(std::byte *begin, std::byte *end) noexcept
{
    const auto *self = reinterpret_cast<const std::byte *>(this);
    constexpr std::uint64_t most = std::uint64_t{1} << 32;
    first_ = static_cast<Position>((begin - self) / static_cast<std::ptrdiff_t>(kGranule));
    end_ = std::min(static_cast<std::uint64_t>(end - self) / kGranule, most);
    levels_ = 0;
    divisions_.fill(0);
    lists_.fill(0);
    cursors.fill(first_);
    Position before = 0;
    for (std::uint64_t at = first_; at < end_; at += size_of(before)) {
        const auto position = static_cast<Position>(at);
        Block &whole = block(position);
        whole.size = static_cast<std::uint32_t>(std::min<std::uint64_t>(end_ - at, kLargest));
        whole.before = before;
        link(position);
        before = position;
    }
}

Arena::Position Arena::allocate(std::size_t size) noexcept
{
    if (size > std::size_t{kLargest - 1} * kGranule) {
        return 0;
    }
    const auto granules = static_cast<std::uint32_t>(bytes_for(size) / kGranule);
    const Position position = find(granules);
    if (position != 0) {
        unlink(position);
        trim(position, granules);
    }
    return position;
}

void Arena::release(Position position) noexcept
{
    join_free_next(position);
    const Position before = block(position).before;
    if (before != 0 && is_free(before) && size_of(before) <= kLargest - size_of(position)) {
        unlink(before);
        absorb_next(before);
        position = before;
    }
    link(position);
}

bool Arena::resize(Position position, std::size_t size) noexcept
{
    if (size > std::size_t{kLargest - 1} * kGranule) {
        return false;
    }
    const auto granules = static_cast<std::uint32_t>(bytes_for(size) / kGranule);
    const std::uint32_t old = size_of(position);
    if (granules > old) {
        const Position after = next(position);
        if (after == 0 || !is_free(after) || size_of(after) < granules - old
            || !join_free_next(position))
        {
            return false;
        }
    }
    trim(position, granules);
    return true;
}

unsigned Arena::list_of(std::uint32_t granules) noexcept
{
    if (granules < kDivisions) {
        return granules;
    }
    const auto width = static_cast<unsigned>(std::bit_width(granules));
    const unsigned level = width - kDivisionBits;
    return level * kDivisions + ((granules >> (width - kDivisionBits - 1)) & (kDivisions - 1));
}

// Blocks of the list for this very size may be too small, those of the lists above are not.
Arena::Position Arena::find(std::uint32_t granules) const noexcept
{
    const unsigned list = list_of(granules);
    if (const Position head = lists_[list]; head != 0 && size_of(head) >= granules) {
        return head;
    }
    unsigned level = list / kDivisions;
    const unsigned division = list % kDivisions;
    std::uint32_t divisions = divisions_[level] & above(division);
    if (divisions == 0) {
        const std::uint32_t levels = levels_ & above(level);
        if (levels == 0) {
            return 0;
        }
        level = static_cast<unsigned>(std::countr_zero(levels));
        divisions = divisions_[level];
    }
    return lists_[level * kDivisions + static_cast<unsigned>(std::countr_zero(divisions))];
}

void Arena::link(Position position) noexcept
{
    Block &it = block(position);
    const unsigned list = list_of(it.size & ~kFree);
    it.size |= kFree;
    it.previous_free = 0;
    it.next_free = lists_[list];
    if (it.next_free != 0) {
        block(it.next_free).previous_free = position;
    }
    lists_[list] = position;
    levels_ |= 1U << (list / kDivisions);
    divisions_[list / kDivisions] |= 1U << (list % kDivisions);
}

void Arena::unlink(Position position) noexcept
{
    Block &it = block(position);
    it.size &= ~kFree;
    if (it.next_free != 0) {
        block(it.next_free).previous_free = it.previous_free;
    }
    if (it.previous_free != 0) {
        block(it.previous_free).next_free = it.next_free;
        return;
    }
    const unsigned list = list_of(it.size);
    lists_[list] = it.next_free;
    if (it.next_free == 0) {
        std::uint32_t &divisions = divisions_[list / kDivisions];
        divisions &= ~(1U << (list % kDivisions));
        if (divisions == 0) {
            levels_ &= ~(1U << (list / kDivisions));
        }
    }
}

// Of a block in use; the neighbour behind it learns where it begins.
void Arena::set_size(Position position, std::uint32_t granules) noexcept
{
    block(position).size = granules;
    if (const Position after = next(position); after != 0) {
        block(after).before = position;
    }
}

// What a block in use has beyond `granules` becomes free.
void Arena::trim(Position position, std::uint32_t granules) noexcept
{
    const std::uint32_t rest = size_of(position) - granules;
    if (rest == 0) {
        return;
    }
    const Position tail = position + granules;
    block(position).size = granules;
    block(tail).before = position;
    set_size(tail, rest);
    join_free_next(tail);
    link(tail);
}

// False when the neighbour is in use or there is none, or both are more than a block can be.
bool Arena::join_free_next(Position position) noexcept
{
    const Position after = next(position);
    if (after == 0 || !is_free(after) || size_of(after) > kLargest - size_of(position)) {
        return false;
    }
    unlink(after);
    absorb_next(position);
    return true;
}

// Both are in no list.
void Arena::absorb_next(Position position) noexcept
{
    const Position after = next(position);
    set_size(position, size_of(position) + size_of(after));
    for (Position &cursor : cursors) {
        if (cursor == after) {
            cursor = position;
        }
    }
}

bool Arena::consistent() const noexcept
{
    std::uint64_t free_blocks = 0;
    Position before = 0;
    std::array<bool, 2> met{};
    std::uint64_t end = first_;
    for (Position at = first_; at != 0; before = at, at = next(at)) {
        if (at != end || size_of(at) == 0 || block(at).before != before) {
            return false;
        }
        end = std::uint64_t{at} + size_of(at);
        for (std::size_t i = 0; i < cursors.size(); ++i) {
            met[i] = met[i] || cursors[i] == at;
        }
        if (is_free(at)) {
            ++free_blocks;
            if (before != 0 && is_free(before) && size_of(before) <= kLargest - size_of(at)) {
                return false;
            }
        }
    }
    for (unsigned list = 0; list < lists_.size(); ++list) {
        const bool marked = (divisions_[list / kDivisions] >> (list % kDivisions) & 1) != 0;
        if (marked != (lists_[list] != 0)) {
            return false;
        }
        Position previous = 0;
        for (Position at = lists_[list]; at != 0; previous = at, at = block(at).next_free) {
            if (free_blocks-- == 0 || !is_free(at) || list_of(size_of(at)) != list
                || block(at).previous_free != previous)
            {
                return false;
            }
        }
    }
    for (unsigned level = 0; level < kLevels; ++level) {
        if ((levels_ >> level & 1) != (divisions_[level] != 0 ? 1U : 0U)) {
            return false;
        }
    }
    return end == end_ && free_blocks == 0
           && std::ranges::all_of(met, [](bool one) { return one; });
}

}  // namespace token_introspect::cache
