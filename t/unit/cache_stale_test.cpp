// Records that no longer count, renewal ahead of time, and the epoch.

#include "store_fixture.hpp"

#include <utility>

namespace token_introspect::cache {
namespace {

using test::at;
using test::key_of;
using test::kMinute;
using test::kStart;
using test::lasting;
using test::text_record;

constexpr StaleUse kOnError{.on_error = true};
constexpr StaleUse kOnTimeout{.on_timeout = true};
constexpr StaleUse kWhileUpdating{.while_updating = true};

class CacheStale : public test::StoreTest {
protected:
    // Counts for a second, and may be stale for two more; to be renewed after half a second.
    std::uint64_t publish_one(std::int64_t expires_at_s = kNeverExpires)
    {
        return publish(
            kKey, at(0), "one",
            {.ttl_ms = 1000, .expires_at_s = expires_at_s, .stale_ms = 2000, .refresh_ms = 500});
    }
    Acquired ask(std::uint64_t ms, StaleUse use = {})
    {
        return acquire(kKey, at(ms), {.stale = use});
    }
    Acquired renew(std::uint64_t ms, std::uint64_t known, std::uint64_t since_ms = 0)
    {
        return store_.renew(
            kKey, at(ms), {.since_ms = since_ms, .lease_ms = kLeaseMs, .known_generation = known});
    }
    std::string stale(std::uint64_t ms, Code failure, StaleUse use)
    {
        const auto record = store_.stale(kKey, at(ms), failure, use, room_.room());
        return record ? std::string(record->text) : "-";
    }

    const Key kKey = key_of(1);
};

TEST_F(CacheStale, IsServedWhileSomebodyAsks)
{
    const std::uint64_t generation = publish_one();
    const LeaseId lease = lead(kKey, at(1000));

    EXPECT_EQ(ask(1001).state, State::kBusy);
    EXPECT_EQ(ask(1001, kOnError).state, State::kBusy);
    const Acquired served = ask(2999, kWhileUpdating);
    EXPECT_EQ(served.state, State::kStale);
    EXPECT_TRUE(served.updating);
    EXPECT_EQ(served.generation, generation);
    ASSERT_TRUE(served.record);
    EXPECT_EQ(served.record->text, "one");
    const Acquired late = ask(3000, kWhileUpdating);
    EXPECT_EQ(late.state, State::kBusy);
    EXPECT_EQ(late.lease, lease);
}

TEST_F(CacheStale, IsServedToWhoMayRenewIt)
{
    const std::uint64_t generation = publish_one();

    const Acquired served = ask(1000, kWhileUpdating);
    EXPECT_EQ(served.state, State::kStale);
    EXPECT_FALSE(served.updating);
    EXPECT_EQ(renew(1000, generation).state, State::kLed);
    EXPECT_TRUE(ask(1000, kWhileUpdating).updating);
    EXPECT_EQ(renew(1000, generation).state, State::kBusy);
}

TEST_F(CacheStale, IsNotServedUnlessPermitted)
{
    publish_one();
    EXPECT_EQ(ask(1000).state, State::kLed);
}

TEST_F(CacheStale, IsNotServedPastItsExpiry)
{
    publish_one(kStart + 2);
    lead(kKey, at(1000));

    EXPECT_EQ(ask(1999, kWhileUpdating).state, State::kStale);
    EXPECT_EQ(ask(2000, kWhileUpdating).state, State::kBusy);
    EXPECT_EQ(stale(1999, Code::kIssuerStatus, kOnError), "one");
    EXPECT_EQ(stale(2000, Code::kIssuerStatus, kOnError), "-");
}

TEST_F(CacheStale, IsServedAfterAFailureOfAPermittedKind)
{
    publish_one();
    store_.fail(kKey, lead(kKey, at(1000)), at(1100), Code::kIssuerTimeout);

    const auto after = [&](StaleUse use) {
        return acquire(kKey, at(1101), {.since_ms = 1050, .stale = use}).state;
    };
    EXPECT_EQ(after({}), State::kFailed);
    EXPECT_EQ(after(kOnError), State::kFailed);
    EXPECT_EQ(after(kOnTimeout), State::kStale);
    EXPECT_EQ(ask(1101, kOnTimeout).state, State::kLed) << "who came later asks";

    store_.fail(kKey, acquire(kKey, at(1101)).lease, at(1101), Code::kIssuerStatus);
}

TEST_F(CacheStale, IsServedInAPauseAfterAFailureOfAPermittedKind)
{
    publish_one();
    for (std::uint64_t ms = 1000; ms < 1003; ++ms) {
        store_.fail(kKey, lead(kKey, at(ms)), at(ms), Code::kIssuerStatus);
    }
    EXPECT_EQ(ask(1100).state, State::kFailed);
    EXPECT_EQ(ask(1100, kOnTimeout).state, State::kFailed);
    EXPECT_EQ(ask(1100, kWhileUpdating).state, State::kFailed);
    EXPECT_EQ(ask(1100, kOnError).state, State::kStale);
    EXPECT_FALSE(ask(1100, kOnError).updating);
}

TEST_F(CacheStale, LeaderThatHasFailedGetsItIfPermitted)
{
    publish_one();
    store_.fail(kKey, lead(kKey, at(1000)), at(1000), Code::kIssuerTimeout);

    EXPECT_EQ(stale(1000, Code::kIssuerTimeout, kOnTimeout), "one");
    EXPECT_EQ(stale(1000, Code::kIssuerTimeout, kOnError), "-");
    EXPECT_EQ(stale(1000, Code::kIssuerUnreachable, kOnError), "one");
    EXPECT_EQ(stale(2999, Code::kIssuerStatus, kOnError), "one");
    EXPECT_EQ(stale(3000, Code::kIssuerStatus, kOnError), "-");
    EXPECT_FALSE(
        store_.stale(key_of(2), at(0), Code::kIssuerStatus, kOnError, room_.room()).has_value());
    room_.refuses = true;
    EXPECT_EQ(stale(1000, Code::kIssuerStatus, kOnError), "-");
}

TEST_F(CacheStale, VerdictAboutTheTokenIsNotOverruled)
{
    publish_one();
    for (std::uint64_t ms = 1000; ms < 1003; ++ms) {
        store_.fail(kKey, lead(kKey, at(ms)), at(ms), Code::kExpired);
    }
    EXPECT_EQ(ask(1003, {.on_error = true, .on_timeout = true, .while_updating = true}).state,
              State::kFailed);
    EXPECT_EQ(stale(1003, Code::kExpired, kOnError), "-");
    EXPECT_EQ(stale(1003, Code::kInactive, kOnError), "-");
}

TEST_F(CacheStale, KnownGenerationIsNotCopied)
{
    const std::uint64_t generation = publish_one();
    const Acquired same =
        acquire(kKey, at(1000), {.known_generation = generation, .stale = kWhileUpdating});
    EXPECT_EQ(same.state, State::kStale);
    EXPECT_TRUE(same.unchanged);
    EXPECT_FALSE(same.record);
}

TEST_F(CacheStale, NoRoomForTheCopyIsAFailure)
{
    publish_one();
    room_.refuses = true;
    const Acquired acquired = ask(1000, kWhileUpdating);
    EXPECT_EQ(acquired.state, State::kFailed);
    EXPECT_EQ(acquired.failure, Code::kInternal);
}

TEST_F(CacheStale, GlanceTellsOfIt)
{
    publish_one();
    store_.put(key_of(2), at(0), text_record("two"), lasting(kMinute));
    const auto glance = [&](std::uint64_t ms) {
        Glance seen;
        EXPECT_TRUE(store_.find(key_of(2), at(ms), room_.room(), &kKey, &seen));
        return seen;
    };
    EXPECT_TRUE(glance(999).fresh);
    EXPECT_FALSE(glance(999).stale);
    EXPECT_TRUE(glance(2999).stale);
    EXPECT_FALSE(glance(3000).stale);
    EXPECT_FALSE(glance(499).due);
    EXPECT_TRUE(glance(500).due);
    EXPECT_FALSE(glance(1000).due) << "that is another matter";
    EXPECT_EQ(glance(0).fresh_until_ms, 1000U);
    lead(kKey, at(1000));
}

TEST_F(CacheStale, RecordIsDueUntilSomebodyRenewsIt)
{
    const std::uint64_t generation = publish_one();
    EXPECT_FALSE(ask(499).due);
    EXPECT_TRUE(ask(500).due);
    const Acquired mine = renew(500, generation);
    ASSERT_EQ(mine.state, State::kLed);
    EXPECT_FALSE(mine.record);
    EXPECT_EQ(ask(501).state, State::kFound);
    EXPECT_FALSE(ask(501).due);
    EXPECT_EQ(renew(501, generation).lease, mine.lease);

    store_.fail(kKey, mine.lease, at(502), Code::kIssuerStatus);
    EXPECT_TRUE(ask(503).due);
    EXPECT_EQ(found(kKey, at(503)), "one") << "the failure does no harm";
}

TEST_F(CacheStale, RenewedRecordIsNotRenewedAgain)
{
    const std::uint64_t generation = publish_one();
    const Acquired mine = renew(500, generation);
    const std::uint64_t next =
        store_.publish(kKey, mine.lease, at(510), text_record("two"), lasting(1000));

    EXPECT_EQ(renew(511, generation).state, State::kRefused);
    EXPECT_EQ(renew(511, next, 505).state, State::kRefused) << "after the caller began";
    EXPECT_EQ(renew(511, next, 510).state, State::kLed);
}

TEST_F(CacheStale, NothingToRenewIsLedAsWell)
{
    EXPECT_EQ(renew(0, 0).state, State::kLed);
    EXPECT_EQ(renew(0, 0).state, State::kBusy);
}

class CacheEpoch : public CacheStale {
protected:
    bool moved()
    {
        const std::uint64_t before = std::exchange(epoch_, store_.epoch());
        return epoch_ != before;
    }

    std::uint64_t epoch_ = store_.epoch();
};

TEST_F(CacheEpoch, StaysWhileNothingIsTakenBack)
{
    const std::uint64_t generation = publish_one();
    found(kKey, at(1));
    publish(kKey, at(1000), "two", lasting(1000));  // the first no longer counted
    store_.fail(key_of(2), lead(key_of(2), at(0)), at(0), Code::kIssuerStatus);
    store_.abandon(key_of(3), lead(key_of(3), at(0)));
    EXPECT_FALSE(moved());
    EXPECT_NE(generation, 0U);
}

TEST_F(CacheEpoch, MovesWithADifferentRecord)
{
    publish_one();
    const Store other(memory_, root_);
    store_.put(kKey, at(1), text_record("two"), lasting(1000));
    EXPECT_TRUE(moved());
    EXPECT_EQ(other.epoch(), store_.epoch());
    store_.put(kKey, at(1), text_record("another size"), lasting(1000));
    EXPECT_TRUE(moved());
}

TEST_F(CacheEpoch, SameBytesExtendTheLifetimeAndNothingElse)
{
    const std::uint64_t generation = publish_one();
    const Acquired mine = renew(500, generation);
    EXPECT_EQ(store_.publish(kKey, mine.lease, at(600), text_record("one"), lasting(1000)),
              generation);
    EXPECT_FALSE(moved());
    EXPECT_EQ(found(kKey, at(1599)), "one");
    EXPECT_EQ(acquire(kKey, at(700), {.known_generation = generation}).unchanged, true);
}

TEST_F(CacheEpoch, MovesWhenALifetimeIsShortened)
{
    publish_one();
    store_.put(kKey, at(0), text_record("one"), lasting(999));
    EXPECT_TRUE(moved());
    store_.put(kKey, at(0), text_record("one"), {.ttl_ms = 999, .expires_at_s = kStart + 1});
    EXPECT_TRUE(moved());
}

TEST_F(CacheEpoch, MovesWhenARecordMakesWayForOneThatFindsNoRoom)
{
    publish_one();
    store_.put(kKey, at(1), text_record(std::string(2'000'000, 'x')), lasting(1000));
    EXPECT_TRUE(moved());
    EXPECT_EQ(found(kKey, at(1)), "-");
}

TEST_F(CacheEpoch, EvictionLeavesItAlone)
{
    for (unsigned i = 0; i < 20'000; ++i) {
        store_.put(key_of(i), at(0), text_record(std::string(100, 'x')), lasting(kMinute));
    }
    EXPECT_GT(store_.statistics().evictions, 1000U);
    EXPECT_FALSE(moved());
}

}  // namespace
}  // namespace token_introspect::cache
