#include "cache/arena.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <vector>

namespace token_introspect::cache {
namespace {

using Position = Arena::Position;

// An arena and the area behind it.
class CacheArena : public ::testing::Test {
protected:
    CacheArena() { arena_.format(begin(), begin() + kArea); }
    ~CacheArena() override { EXPECT_TRUE(arena_.consistent()); }

    std::byte *begin() { return reinterpret_cast<std::byte *>(&memory_->area); }

    std::byte *bytes(Position position) { return static_cast<std::byte *>(arena_.at(position)); }

    std::size_t blocks() const
    {
        std::size_t count = 0;
        for (Position at = arena_.first(); at != 0; at = arena_.next(at)) {
            ++count;
        }
        return count;
    }

    bool is_one_free_block() const
    {
        return blocks() == 1 && arena_.is_free(arena_.first())
               && arena_.bytes(arena_.first()) == kArea;
    }

    static constexpr std::size_t kArea = 1 << 18;
    struct Memory {
        Arena arena;
        alignas(16) std::byte area[kArea];
    };
    std::unique_ptr<Memory> memory_ = std::make_unique<Memory>();
    Arena &arena_ = memory_->arena;
};

TEST_F(CacheArena, BeginsAsOneFreeBlock)
{
    EXPECT_TRUE(is_one_free_block());
}

TEST_F(CacheArena, CostsEightBytesAndTheRounding)
{
    EXPECT_EQ(Arena::bytes_for(0), 16U);
    EXPECT_EQ(Arena::bytes_for(8), 16U);
    EXPECT_EQ(Arena::bytes_for(9), 32U);
    EXPECT_EQ(Arena::bytes_for(104), 112U);
    for (std::size_t size = 0; size < 3000; ++size) {
        const Position position = arena_.allocate(size);
        ASSERT_NE(position, 0U);
        ASSERT_EQ(arena_.bytes(position), Arena::bytes_for(size));
        arena_.release(position);
    }
}

TEST_F(CacheArena, GivesAllThereIs)
{
    const Position all = arena_.allocate(kArea - Arena::kOverhead);
    EXPECT_NE(all, 0U);
    EXPECT_EQ(arena_.allocate(0), 0U);
    arena_.release(all);
    EXPECT_EQ(arena_.allocate(kArea - Arena::kOverhead + 1), 0U);
    EXPECT_EQ(arena_.allocate(SIZE_MAX), 0U);
    EXPECT_EQ(arena_.allocate(SIZE_MAX - 16), 0U);
    EXPECT_EQ(arena_.allocate(std::size_t{1} << 36), 0U);
    EXPECT_FALSE(arena_.resize(arena_.allocate(1), SIZE_MAX));
}

TEST_F(CacheArena, TakesAFreedBlockOfTheSameSizeAgain)
{
    std::vector<Position> all;
    while (const Position position = arena_.allocate(900)) {
        all.push_back(position);
    }
    for (const Position position : all) {
        arena_.release(position);
        EXPECT_EQ(arena_.allocate(900), position);
    }
}

TEST_F(CacheArena, FreedNeighboursBecomeOneWhateverTheOrder)
{
    std::vector<Position> all(100);
    std::mt19937 random(1);
    for (int round = 0; round < 20; ++round) {
        std::ranges::generate(all, [this] { return arena_.allocate(500); });
        std::ranges::shuffle(all, random);
        for (const Position position : all) {
            arena_.release(position);
        }
        ASSERT_TRUE(is_one_free_block());
    }
}

TEST_F(CacheArena, GrowsIntoWhatIsFreeBehind)
{
    const Position first = arena_.allocate(100);
    const Position second = arena_.allocate(100);
    const Position third = arena_.allocate(100);
    std::memset(bytes(first), 7, 100);

    EXPECT_FALSE(arena_.resize(first, 200)) << "the second is in the way";
    EXPECT_EQ(arena_.bytes(first), Arena::bytes_for(100));
    arena_.release(second);
    EXPECT_FALSE(arena_.resize(first, 300)) << "the third is";
    EXPECT_TRUE(arena_.resize(first, 200));
    EXPECT_EQ(arena_.bytes(first), Arena::bytes_for(200));
    EXPECT_EQ(bytes(first)[99], std::byte{7});
    EXPECT_TRUE(arena_.resize(first, 10));
    EXPECT_EQ(arena_.bytes(first), Arena::bytes_for(10));
    EXPECT_TRUE(arena_.consistent());
    arena_.release(first);
    arena_.release(third);
    EXPECT_TRUE(is_one_free_block());
}

TEST_F(CacheArena, CursorsStayAtBlocks)
{
    std::vector<Position> all(10);
    std::ranges::generate(all, [this] { return arena_.allocate(100); });
    arena_.cursors = {all[4], all[5]};
    arena_.release(all[5]);
    EXPECT_EQ(arena_.cursors[1], all[5]);
    arena_.release(all[4]);
    EXPECT_EQ(arena_.cursors[0], all[4]);
    EXPECT_EQ(arena_.cursors[1], all[4]);
    arena_.release(all[3]);
    EXPECT_EQ(arena_.cursors[0], all[3]);
    EXPECT_TRUE(arena_.resize(all[2], 200));
    EXPECT_EQ(arena_.cursors[0], all[2]);
}

// Every block has a pattern of its own, which nobody else may touch.
TEST_F(CacheArena, AgreesWithAModel)
{
    struct Taken {
        Position position;
        std::size_t size;
        std::byte pattern;
    };
    std::vector<Taken> taken;
    std::size_t taken_bytes = 0;
    std::mt19937 random(20'240'601);
    auto some_size = [&random] {
        return random() % 16 == 0 ? random() % 20'000 : random() % (random() % 2 == 0 ? 64 : 1200);
    };
    auto whole = [this](const Taken &one) {
        const std::span bytes_of(bytes(one.position), one.size);
        return std::ranges::all_of(bytes_of,
                                   [&one](std::byte byte) { return byte == one.pattern; });
    };
    auto fill = [this](const Taken &one) {
        std::fill_n(bytes(one.position), one.size, one.pattern);
    };
    for (int step = 0; step < 60'000; ++step) {
        const std::size_t which = taken.empty() ? 0 : random() % taken.size();
        const unsigned what = random() % 8;
        if (what < 4) {
            const std::size_t size = some_size();
            const Position position = arena_.allocate(size);
            if (position != 0) {
                ASSERT_EQ(reinterpret_cast<std::uintptr_t>(arena_.at(position)) % 8, 0U);
                ASSERT_GE(bytes(position), begin());
                ASSERT_LE(bytes(position) + size, begin() + kArea);
                ASSERT_EQ(arena_.bytes(position), Arena::bytes_for(size));
                taken.push_back({position, size, static_cast<std::byte>(random())});
                fill(taken.back());
                taken_bytes += arena_.bytes(position);
            } else {
                ASSERT_GT(size + taken_bytes, kArea / 4) << "much is free";
            }
        } else if (taken.empty()) {
            continue;
        } else if (what < 7) {
            ASSERT_TRUE(whole(taken[which]));
            taken_bytes -= arena_.bytes(taken[which].position);
            arena_.release(taken[which].position);
            taken[which] = taken.back();
            taken.pop_back();
        } else {
            Taken &one = taken[which];
            ASSERT_TRUE(whole(one));
            const std::size_t before = arena_.bytes(one.position);
            const std::size_t size = some_size();
            if (arena_.resize(one.position, size)) {
                ASSERT_EQ(arena_.bytes(one.position), Arena::bytes_for(size));
                taken_bytes += arena_.bytes(one.position) - before;
                one.size = std::min(one.size, size);
                ASSERT_TRUE(whole(one));
                one.size = size;
                fill(one);
            } else {
                ASSERT_GT(Arena::bytes_for(size), before) << "it can always shrink";
                ASSERT_EQ(arena_.bytes(one.position), before);
            }
        }
        if (step % 16 == 0) {
            arena_.cursors[step / 16 % 2] = arena_.first();
            for (unsigned i = random() % 50; i > 0; --i) {
                Position &cursor = arena_.cursors[step / 16 % 2];
                cursor = arena_.next(cursor) != 0 ? arena_.next(cursor) : cursor;
            }
            ASSERT_TRUE(arena_.consistent());
        }
    }
    for (const Taken &one : taken) {
        ASSERT_TRUE(whole(one));
        arena_.release(one.position);
    }
    EXPECT_TRUE(is_one_free_block());
}

// Address space alone: only what is written to becomes memory.
TEST(CacheArenaOfManyGigabytes, UsesAllThatItsPositionsReach)
{
    constexpr std::size_t size = std::size_t{70} << 30;
    void *memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        GTEST_SKIP() << "no such address space here";
    }
    auto *bytes = static_cast<std::byte *>(memory);
    auto *arena = new (bytes) Arena;
    arena->format(bytes + 4096, bytes + size);
    EXPECT_TRUE(arena->consistent());
    std::vector<Position> all;
    while (const Position position = arena->allocate((std::size_t{1} << 30) - 8)) {
        std::memset(arena->at(position), 1, 8);
        all.push_back(position);
    }
    EXPECT_GE(all.size(), 61U) << "64 GiB but for what two borders between blocks cost";
    EXPECT_TRUE(arena->consistent());
    for (const Position position : all) {
        arena->release(position);
    }
    EXPECT_TRUE(arena->consistent());
    munmap(memory, size);
}

}  // namespace
}  // namespace token_introspect::cache
