#include "cache/store.hpp"

#include "store_fixture.hpp"

#include <algorithm>

namespace token_introspect::cache {
namespace {

using test::at;
using test::key_of;
using test::kMinute;
using test::kStart;
using test::lasting;
using test::text_record;

using CacheStore = test::StoreTest;

TEST(CacheStoreFormat, GivesNothingWithoutMemory)
{
    for (const std::size_t size : {0, 16, 256, 4096}) {
        test::HeapMemory little(size);
        EXPECT_EQ(Store::format(little.block(), {1, 2}), nullptr) << size;
    }
}

TEST(CacheStoreFormat, StaysInItsBlockWhereverThatBegins)
{
    for (const std::size_t skipped : {0U, 1U, 8U, 15U, 16U}) {
        test::HeapMemory memory(64 * 1024);
        std::ranges::fill(memory.block(), std::byte{0x5a});
        const std::span<std::byte> block = memory.block().subspan(skipped, 48 * 1024 + skipped);
        Store store(memory, Store::format(block, {1, 2}));
        for (unsigned i = 0; i < 500; ++i) {
            store.put(key_of(i), at(0), text_record(std::string(i, 'x')), lasting(kMinute));
        }
        EXPECT_TRUE(store.consistent()) << skipped;
        EXPECT_GT(store.statistics().evictions, 0U);
        EXPECT_GT(store.statistics().entries, 60U);
        const auto untouched = [](std::byte byte) { return byte == std::byte{0x5a}; };
        EXPECT_TRUE(std::ranges::all_of(memory.block().first(skipped), untouched)) << skipped;
        EXPECT_TRUE(std::ranges::all_of(memory.block().subspan(skipped + block.size()), untouched))
            << skipped;
    }
}

TEST_F(CacheStore, KnowsItsLayout)
{
    EXPECT_EQ(Store::layout(root_), Store::kLayout);
}

TEST_F(CacheStore, FindsWhatWasPut)
{
    store_.put(key_of(1), at(0), text_record("one"), lasting(kMinute));

    EXPECT_EQ(found(key_of(1), at(0)), "one");
    EXPECT_EQ(found(key_of(2), at(0)), "-");
    EXPECT_EQ(found(key_of(1, 1), at(0)), "-") << "another scope";
}

TEST_F(CacheStore, FindsEachOfManyInOneChain)
{
    // more than there are buckets
    for (unsigned i = 0; i < 1000; ++i) {
        store_.put(key_of(i), at(0), text_record(std::to_string(i)), lasting(kMinute));
    }
    for (unsigned i = 0; i < 1000; ++i) {
        ASSERT_EQ(found(key_of(i), at(0)), std::to_string(i));
    }
}

TEST_F(CacheStore, RecordCountsUntilItsTtl)
{
    store_.put(key_of(1), at(500), text_record("one"), lasting(1000));

    EXPECT_EQ(found(key_of(1), at(1499)), "one");
    EXPECT_EQ(found(key_of(1), at(1500)), "-");
}

TEST_F(CacheStore, ExpiryCapsTheTtl)
{
    store_.put(key_of(1), at(0), text_record("one"),
               {.ttl_ms = kMinute, .expires_at_s = kStart + 2});

    EXPECT_EQ(found(key_of(1), at(1999)), "one");
    EXPECT_EQ(found(key_of(1), at(2000)), "-");
}

TEST_F(CacheStore, LaterRecordReplacesTheEarlier)
{
    store_.put(key_of(1), at(0), text_record("one"), lasting(kMinute));
    store_.put(key_of(1), at(0), text_record("two"), lasting(kMinute));
    EXPECT_EQ(found(key_of(1), at(0)), "two");

    store_.put(key_of(1), at(0), text_record("another size"), lasting(kMinute));
    EXPECT_EQ(found(key_of(1), at(0)), "another size");
    EXPECT_EQ(store_.statistics().entries, 1U);
}

TEST_F(CacheStore, KeepsAllPartsOfARecord)
{
    Record record = text_record("text");
    record.code = Code::kInactive;
    record.key[15] = 7;
    record.claims = as_bytes("claims");
    record.header = as_bytes("header");
    record.presented_issuer = "issuer";
    store_.put(key_of(1), at(0), record, lasting(kMinute));

    const auto copy = store_.find(key_of(1), at(0), room_.room());
    ASSERT_TRUE(copy);
    const auto expect_all = [&](const Record &got) {
        EXPECT_EQ(got.code, Code::kInactive);
        EXPECT_EQ(got.key, record.key);
        EXPECT_EQ(as_text(got.claims), "claims");
        EXPECT_EQ(as_text(got.header), "header");
        EXPECT_EQ(got.presented_issuer, "issuer");
        EXPECT_EQ(got.text, "text");
    };
    expect_all(copy->record);
    expect_all(decode(copy->block));
    EXPECT_EQ(copy->fresh_until_ms, kMinute);
    EXPECT_EQ(copy->expires_at_s, kNeverExpires);
}

TEST_F(CacheStore, CopySurvivesTheRecord)
{
    store_.put(key_of(1), at(0), text_record("one"), lasting(kMinute));
    const auto copy = store_.find(key_of(1), at(0), room_.room());
    store_.put(key_of(1), at(0), text_record("two"), lasting(kMinute));

    EXPECT_EQ(copy->record.text, "one");
}

TEST_F(CacheStore, GlanceTellsOfAnotherEntry)
{
    const std::uint64_t generation = publish(key_of(2), at(0), "keys", lasting(1000));
    store_.put(key_of(1), at(0), text_record("one"), lasting(kMinute));
    const Key other = key_of(2);

    Glance fresh;
    ASSERT_TRUE(store_.find(key_of(1), at(999), room_.room(), &other, &fresh));
    EXPECT_EQ(fresh.generation, generation);
    EXPECT_TRUE(fresh.fresh);

    Glance stale;
    ASSERT_TRUE(store_.find(key_of(1), at(1000), room_.room(), &other, &stale));
    EXPECT_EQ(stale.generation, generation);
    EXPECT_FALSE(stale.fresh);

    const Key absent = key_of(3);
    Glance nothing;
    ASSERT_TRUE(store_.find(key_of(1), at(0), room_.room(), &absent, &nothing));
    EXPECT_EQ(nothing.generation, 0U);
    EXPECT_FALSE(nothing.fresh);
}

TEST_F(CacheStore, GlanceAtALeaseTellsOfNoRecord)
{
    lead(key_of(2), at(0));
    store_.put(key_of(1), at(0), text_record("one"), lasting(kMinute));
    const Key other = key_of(2);

    Glance glance;
    ASSERT_TRUE(store_.find(key_of(1), at(0), room_.room(), &other, &glance));
    EXPECT_EQ(glance.generation, 0U);
    EXPECT_FALSE(glance.fresh);
}

TEST_F(CacheStore, FindTakesNoLease)
{
    EXPECT_EQ(found(key_of(1), at(0)), "-");
    EXPECT_EQ(store_.statistics().entries, 0U);
}

TEST_F(CacheStore, NoRoomForTheCopyIsNoRecord)
{
    publish(key_of(1), at(0), "one");
    room_.refuses = true;

    EXPECT_FALSE(store_.find(key_of(1), at(0), room_.room()));
    const Acquired acquired = acquire(key_of(1), at(0));
    EXPECT_EQ(acquired.state, State::kFailed);
    EXPECT_EQ(acquired.failure, Code::kInternal);
    EXPECT_FALSE(acquired.record);

    const Acquired refreshed = store_.refresh(key_of(1), at(0), {.lease_ms = 1}, 0, room_.room());
    EXPECT_EQ(refreshed.state, State::kFailed);
    EXPECT_EQ(refreshed.failure, Code::kInternal);
}

TEST_F(CacheStore, CountsWhatItDoes)
{
    publish(key_of(1), at(0), "one");  // a miss
    found(key_of(1), at(0));           // a hit
    acquire(key_of(1), at(0));         // a hit
    acquire(key_of(2), at(0));         // a miss
    acquire(key_of(2), at(0));         // waits: neither

    const Statistics statistics = store_.statistics();
    EXPECT_EQ(statistics.entries, 2U);
    EXPECT_EQ(statistics.hits, 2U);
    EXPECT_EQ(statistics.misses, 2U);
    EXPECT_EQ(statistics.evictions, 0U);
    EXPECT_EQ(statistics.refusals, 0U);
}

TEST_F(CacheStore, TwoProcessesSeeOneStore)
{
    Store other(memory_, root_);
    publish(key_of(1), at(0), "one");

    const auto record = other.find(key_of(1), at(0), room_.room());
    ASSERT_TRUE(record);
    EXPECT_EQ(record->record.text, "one");
    EXPECT_EQ(other.statistics().entries, 1U);
}

// Room for some fifty records of a hundred bytes.
class CacheStoreUnderPressure : public test::StoreTest {
protected:
    CacheStoreUnderPressure() : StoreTest(16384) {}

    void put_many(unsigned first, unsigned count, std::uint64_t ms = 0, std::size_t size = 100)
    {
        for (unsigned i = first; i < first + count; ++i) {
            store_.put(key_of(i), at(ms), text_record(std::string(size, 'x')), lasting(kMinute));
        }
    }
};

TEST_F(CacheStoreUnderPressure, OldestGoesAndNothingIsRefused)
{
    put_many(0, 1000);

    EXPECT_NE(found(key_of(999), at(0)), "-");
    EXPECT_NE(found(key_of(980), at(0)), "-");
    EXPECT_EQ(found(key_of(0), at(0)), "-");
    const Statistics statistics = store_.statistics();
    EXPECT_EQ(statistics.refusals, 0U);
    EXPECT_EQ(statistics.entries + statistics.evictions, 1000U);
    EXPECT_TRUE(store_.consistent()) << "nothing leaks";
}

TEST_F(CacheStoreUnderPressure, WhatIsUsedStays)
{
    publish(key_of(5000), at(0), "mine");
    publish(key_of(5001), at(0), "glanced at");
    publish(key_of(5002), at(0), "acquired");
    publish(key_of(5003), at(0), "refreshed");
    publish(key_of(5004), at(0), "unused");
    const Key other = key_of(5001);
    for (unsigned i = 0; i < 500; ++i) {
        put_many(i, 1);
        Glance glance;
        ASSERT_TRUE(store_.find(key_of(5000), at(0), room_.room(), &other, &glance)) << i;
        ASSERT_TRUE(glance.fresh) << i;
        ASSERT_EQ(acquire(key_of(5002), at(0)).state, State::kFound) << i;
        ASSERT_EQ(store_.refresh(key_of(5003), at(0), {}, kMinute, room_.room()).state,
                  State::kFound)
            << i;
    }
    EXPECT_EQ(found(key_of(5004), at(0)), "-");
}

TEST_F(CacheStoreUnderPressure, DeadGoBeforeTheLiving)
{
    for (unsigned i = 0; i < 20; ++i) {
        store_.put(key_of(i), at(0), text_record(std::string(100, 'x')), lasting(10));
    }
    put_many(100, 20, 5000);

    EXPECT_EQ(store_.statistics().evictions, 0U);
    EXPECT_EQ(store_.statistics().entries, 20U);
}

TEST_F(CacheStoreUnderPressure, LeasedEntryStays)
{
    const LeaseId lease = lead(key_of(5000), at(0));
    put_many(0, 1000);

    EXPECT_TRUE(store_.pending(key_of(5000), lease, at(0)));
    EXPECT_NE(store_.publish(key_of(5000), lease, at(0), text_record("one"), lasting(kMinute)), 0U);
    EXPECT_EQ(found(key_of(5000), at(0)), "one");
}

TEST_F(CacheStoreUnderPressure, OverdueLeaseHoldsNoMemory)
{
    const LeaseId lease = lead(key_of(5000), at(0));
    put_many(0, 1000, kLeaseMs);

    EXPECT_FALSE(store_.pending(key_of(5000), lease, at(kLeaseMs)));
    EXPECT_EQ(acquire(key_of(5000), at(kLeaseMs)).state, State::kLed);
}

TEST_F(CacheStoreUnderPressure, MemoryFullOfLeasesGivesALeaseOfNothing)
{
    unsigned leases = 0;
    while (acquire(key_of(leases), at(0)).lease != 0) {
        ASSERT_LT(++leases, 1000U);
    }
    const Acquired acquired = acquire(key_of(5000), at(0));
    EXPECT_EQ(acquired.state, State::kLed);
    EXPECT_EQ(acquired.lease, 0U);
    EXPECT_EQ(store_.publish(key_of(5000), 0, at(0), text_record("one"), lasting(kMinute)), 0U);
    store_.fail(key_of(5000), 0, at(0), Code::kIssuerStatus);
    store_.abandon(key_of(5000), 0);
    EXPECT_EQ(found(key_of(5000), at(0)), "-");
    EXPECT_EQ(store_.refresh(key_of(5000), at(0), {.lease_ms = 1}, 1000, room_.room()).state,
              State::kLed);
    EXPECT_GE(store_.statistics().refusals, 2U);
    EXPECT_EQ(store_.statistics().evictions, 0U);

    // the leases are good all the same
    EXPECT_EQ(acquire(key_of(0), at(0)).state, State::kBusy);
}

TEST_F(CacheStoreUnderPressure, RecordLargerThanTheMemoryIsRefused)
{
    const LeaseId lease = lead(key_of(1), at(0));
    const std::string large(20'000, 'x');

    EXPECT_EQ(store_.publish(key_of(1), lease, at(0), text_record(large), lasting(kMinute)), 0U);
    EXPECT_GE(store_.statistics().refusals, 1U);
    EXPECT_FALSE(store_.pending(key_of(1), lease, at(0)));
    publish(key_of(2), at(0), "small");
    EXPECT_EQ(found(key_of(2), at(0)), "small");
}

TEST_F(CacheStoreUnderPressure, RecordThatNoLongerFitsIsGone)
{
    publish(key_of(1), at(0), "one", lasting(10));
    const LeaseId lease = lead(key_of(1), at(10));
    const std::string large(20'000, 'x');

    EXPECT_EQ(store_.publish(key_of(1), lease, at(10), text_record(large), lasting(kMinute)), 0U);
    EXPECT_EQ(found(key_of(1), at(10)), "-");
}

class CacheStoreFullOfSmallRecords : public test::StoreTest {
protected:
    CacheStoreFullOfSmallRecords() : StoreTest(1 << 18) {}
};

TEST_F(CacheStoreFullOfSmallRecords, LargeRecordFindsRoom)
{
    for (unsigned i = 0; i < 2000; ++i) {
        store_.put(key_of(i), at(0), text_record("inactive"), lasting(kMinute));
    }
    const std::string key_set(60'000, 'k');

    EXPECT_NE(publish(key_of(5000), at(0), key_set), 0U);
    EXPECT_TRUE(found(key_of(5000), at(0)) == key_set);
    EXPECT_EQ(store_.statistics().refusals, 0U);
}

TEST_F(CacheStoreFullOfSmallRecords, LargeRecordFindsRoomAmongRecordsOfAllSizesInUse)
{
    const std::string key_set(60'000, 'k');
    for (unsigned i = 0; i < 20'000; ++i) {
        store_.put(key_of(i), at(0), text_record(std::string(i * 7919 % 1200, 'x')),
                   lasting(kMinute));
        found(key_of(i - i * 31 % 100), at(0));
        if (i % 1000 == 999) {
            for (unsigned used = i - 400; used < i; ++used) {
                found(key_of(used), at(0));
            }
            ASSERT_NE(publish(key_of(50'000 + i), at(0), key_set), 0U) << i;
        }
    }
}

// More of them than one insertion looks at, side by side.
TEST_F(CacheStoreFullOfSmallRecords, WhatIsInUseOutlivesWhatComesOnce)
{
    constexpr unsigned in_use = 600;
    for (unsigned i = 0; i < in_use; ++i) {
        store_.put(key_of(i), at(0), text_record("in use"), lasting(kMinute));
    }
    for (unsigned i = in_use; i < 20'000; ++i) {
        if (i % 300 == 0) {
            for (unsigned used = 0; used < in_use; ++used) {
                ASSERT_EQ(found(key_of(used), at(0)), "in use") << used << " at " << i;
            }
        }
        store_.put(key_of(i), at(0), text_record("once"), lasting(kMinute));
    }
    EXPECT_LT(store_.statistics().refusals, 200U);
}

TEST_F(CacheStoreFullOfSmallRecords, FewAreRefusedWhenAllAreInUse)
{
    for (unsigned i = 0; i < 5000; ++i) {
        store_.put(key_of(i), at(0), text_record("inactive"), lasting(kMinute));
        found(key_of(i), at(0));
    }
    EXPECT_LT(store_.statistics().refusals, 50U);
    EXPECT_GT(store_.statistics().evictions, 1000U);
    EXPECT_EQ(found(key_of(4999), at(0)), "inactive");
}

}  // namespace
}  // namespace token_introspect::cache
