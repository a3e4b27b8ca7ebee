#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace token_introspect::cache {

/// Memory of the store, inside the store's own block: two-level segregated fit (Masmano and others,
/// "TLSF: a new dynamic memory allocator for real-time systems", 2004). Allocation and release take
/// constant time; neighbours that are free are one block at once.
///
/// The object lies in the shared memory, before the area it manages, and knows places by their
/// distance from itself, so that it may be mapped anywhere. It locks nothing.
class alignas(16) Arena {
public:
    /// Of a block, in granules from the Arena: 64 GiB in 32 bits. 0: none.
    using Position = std::uint32_t;

    static constexpr std::size_t kGranule = 16;
    /// Bytes of a block that are the arena's: a block for `size` bytes is size + kOverhead, rounded
    /// up to whole granules.
    static constexpr std::size_t kOverhead = 8;

    /// Takes the bytes from `begin` (aligned to kGranule, behind the Arena) to `end`, forgetting
    /// all that it managed before. What lies more than 64 GiB away is left alone.
    void format(std::byte *begin, std::byte *end) noexcept;

    /// A block for `size` uninitialised bytes, aligned to eight; 0 when none is large enough.
    Position allocate(std::size_t size) noexcept;
    /// Needs a block from allocate.
    void release(Position position) noexcept;
    /// Makes the block fit `size` bytes where it is; its content stays. False, and nothing is
    /// changed, when what follows it is in use or too small.
    bool resize(Position position, std::size_t size) noexcept;

    /// The bytes of a block in use.
    [[nodiscard]] void *at(Position position) noexcept { return &block(position).next_free; }

    /// All blocks in the order of their addresses, free ones, too; 0 behind the last.
    [[nodiscard]] Position first() const noexcept { return first_; }
    [[nodiscard]] Position next(Position position) const noexcept
    {
        const std::uint64_t end = std::uint64_t{position} + size_of(position);
        return end < end_ ? static_cast<Position>(end) : 0;
    }
    [[nodiscard]] bool is_free(Position position) const noexcept
    {
        return (block(position).size & kFree) != 0;
    }
    /// Bytes, with the overhead.
    [[nodiscard]] std::size_t bytes(Position position) const noexcept
    {
        return std::size_t{size_of(position)} * kGranule;
    }
    /// Likewise, for `size` bytes.
    [[nodiscard]] static constexpr std::size_t bytes_for(std::size_t size) noexcept
    {
        return (size + kOverhead + kGranule - 1) / kGranule * kGranule;
    }

    /// Places for whoever walks: each names a block at all times, first() to begin with. When its
    /// block becomes part of another it moves to that one's beginning.
    std::array<Position, 2> cursors;

    /// True when blocks, lists and bitmaps agree. Slow: for tests.
    [[nodiscard]] bool consistent() const noexcept;

private:
    // The links are there in free blocks only.
    struct Block {
        std::uint32_t size;  // granules, and kFree
        Position before;     // its neighbour, 0: none
        Position next_free;
        Position previous_free;
    };
    static_assert(sizeof(Block) == kGranule);

    static constexpr std::uint32_t kFree = std::uint32_t{1} << 31;
    static constexpr std::uint32_t kLargest = kFree - 1;
    // Sizes below 32 granules have a list each; above, each power of two is divided by 32.
    static constexpr unsigned kDivisionBits = 5;
    static constexpr unsigned kDivisions = 1U << kDivisionBits;
    static constexpr unsigned kLevels = 31 - kDivisionBits + 1;

    [[nodiscard]] static unsigned list_of(std::uint32_t granules) noexcept;

    [[nodiscard]] Block &block(Position position) noexcept
    {
        return *reinterpret_cast<Block *>(reinterpret_cast<std::byte *>(this)
                                          + std::size_t{position} * kGranule);
    }
    [[nodiscard]] const Block &block(Position position) const noexcept
    {
        return const_cast<Arena *>(this)->block(position);
    }
    [[nodiscard]] std::uint32_t size_of(Position position) const noexcept
    {
        return block(position).size & ~kFree;
    }

    Position find(std::uint32_t granules) const noexcept;
    void link(Position position) noexcept;
    void unlink(Position position) noexcept;
    void set_size(Position position, std::uint32_t granules) noexcept;
    void trim(Position position, std::uint32_t granules) noexcept;
    bool join_free_next(Position position) noexcept;
    void absorb_next(Position position) noexcept;

    Position first_;
    std::uint64_t end_;  // a position, but it may need 33 bits
    std::uint32_t levels_;
    std::array<std::uint32_t, kLevels> divisions_;
    std::array<Position, std::size_t{kLevels} * kDivisions> lists_;
};

}  // namespace token_introspect::cache
