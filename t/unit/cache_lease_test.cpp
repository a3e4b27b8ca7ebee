#include "cache/store.hpp"

#include "store_fixture.hpp"

namespace token_introspect::cache {
namespace {

using test::at;
using test::key_of;
using test::kMinute;
using test::kStart;
using test::lasting;
using test::text_record;

class CacheLease : public test::StoreTest {
protected:
    Acquired refresh(Now now, std::uint64_t known, std::uint64_t since_ms = 0)
    {
        return store_.refresh(kKey, now,
                              {.since_ms = since_ms != 0 ? since_ms : now.monotonic_ms,
                               .lease_ms = kLeaseMs,
                               .known_generation = known},
                              kInterval, room_.room());
    }

    static constexpr std::uint64_t kInterval = 5000;
    const Key kKey = key_of(1);
};

TEST_F(CacheLease, OneLeadsAndTheOthersFollow)
{
    const LeaseId lease = lead(kKey, at(0));

    for (int i = 0; i < 3; ++i) {
        const Acquired follower = acquire(kKey, at(1));
        EXPECT_EQ(follower.state, State::kBusy);
        EXPECT_EQ(follower.lease, lease);
        EXPECT_FALSE(follower.record);
    }
    EXPECT_TRUE(store_.pending(kKey, lease, at(1)));
    EXPECT_EQ(acquire(key_of(2), at(1)).state, State::kLed) << "another key is another matter";
}

TEST_F(CacheLease, FollowersGetWhatWasPublished)
{
    const LeaseId lease = lead(kKey, at(0));
    ASSERT_EQ(acquire(kKey, at(1)).state, State::kBusy);
    const std::uint64_t generation =
        store_.publish(kKey, lease, at(2), text_record("one"), lasting(kMinute));

    EXPECT_NE(generation, 0U);
    EXPECT_FALSE(store_.pending(kKey, lease, at(2)));
    const Acquired follower = acquire(kKey, at(3), {.since_ms = 1});
    EXPECT_EQ(follower.state, State::kFound);
    EXPECT_EQ(follower.generation, generation);
    ASSERT_TRUE(follower.record);
    EXPECT_EQ(follower.record->text, "one");
}

TEST_F(CacheLease, FollowerOfAnotherProcessSeesTheLease)
{
    const LeaseId lease = lead(kKey, at(0));
    Store other(memory_, root_);

    EXPECT_TRUE(other.pending(kKey, lease, at(1)));
    EXPECT_EQ(other.acquire(kKey, at(1), {.since_ms = 1, .lease_ms = 1}, room_.room()).state,
              State::kBusy);
    store_.publish(kKey, lease, at(2), text_record("one"), lasting(kMinute));
    EXPECT_FALSE(other.pending(kKey, lease, at(2)));
    EXPECT_EQ(other.acquire(kKey, at(2), {.since_ms = 1, .lease_ms = 1}, room_.room()).state,
              State::kFound);
}

TEST_F(CacheLease, FailureIsForThoseWhoAskedBefore)
{
    const LeaseId lease = lead(kKey, at(100));
    ASSERT_EQ(acquire(kKey, at(150)).state, State::kBusy);
    store_.fail(kKey, lease, at(200), Code::kIssuerTimeout);
    EXPECT_FALSE(store_.pending(kKey, lease, at(200)));

    for (const std::uint64_t since : {150U, 200U}) {
        const Acquired follower = acquire(kKey, at(201), {.since_ms = since});
        EXPECT_EQ(follower.state, State::kFailed) << since;
        EXPECT_EQ(follower.failure, Code::kIssuerTimeout) << since;
    }
    EXPECT_EQ(acquire(kKey, at(201), {.since_ms = 201}).state, State::kLed);
}

TEST_F(CacheLease, WhoAskedBeforeAFailureFollowsTheNextAttempt)
{
    store_.fail(kKey, lead(kKey, at(100)), at(200), Code::kIssuerTimeout);
    const LeaseId second = lead(kKey, at(201));

    const Acquired follower = acquire(kKey, at(202), {.since_ms = 150});
    EXPECT_EQ(follower.state, State::kBusy);
    EXPECT_EQ(follower.lease, second);
}

TEST_F(CacheLease, OutcomeOutlivesOtherInsertionsUntilItsFollowersWake)
{
    store_.publish(kKey, lead(kKey, at(100)), at(200), text_record("one"), lasting(0));
    store_.fail(key_of(2), lead(key_of(2), at(100)), at(200), Code::kIssuerTimeout);
    for (unsigned i = 10; i < 20; ++i) {
        lead(key_of(i), at(201));
    }

    EXPECT_EQ(acquire(kKey, at(210), {.since_ms = 150}).state, State::kFound);
    EXPECT_EQ(acquire(key_of(2), at(210), {.since_ms = 150}).state, State::kFailed);
}

TEST_F(CacheLease, AbandonedLeaseGoesToTheNext)
{
    const LeaseId lease = lead(kKey, at(0));
    store_.abandon(kKey, lease);

    EXPECT_FALSE(store_.pending(kKey, lease, at(1)));
    const LeaseId next = lead(kKey, at(1));
    EXPECT_NE(next, lease);
    EXPECT_EQ(acquire(kKey, at(1)).state, State::kBusy);
}

TEST_F(CacheLease, OverdueLeaseGoesToTheNext)
{
    const LeaseId lease = lead(kKey, at(0));
    ASSERT_EQ(acquire(kKey, at(kLeaseMs - 1)).state, State::kBusy);

    EXPECT_TRUE(store_.pending(kKey, lease, at(kLeaseMs - 1)));
    EXPECT_FALSE(store_.pending(kKey, lease, at(kLeaseMs)));
    EXPECT_NE(lead(kKey, at(kLeaseMs)), lease);
}

TEST_F(CacheLease, OverdueLeaderIsNotHeardAfterTheTakeover)
{
    const LeaseId first = lead(kKey, at(0));
    const LeaseId second = lead(kKey, at(kLeaseMs));
    const Now now = at(kLeaseMs + 1);

    EXPECT_EQ(store_.publish(kKey, first, now, text_record("old"), lasting(kMinute)), 0U);
    store_.fail(kKey, first, now, Code::kIssuerStatus);
    store_.abandon(kKey, first);
    EXPECT_TRUE(store_.pending(kKey, second, now));
    EXPECT_NE(store_.publish(kKey, second, now, text_record("new"), lasting(kMinute)), 0U);
    EXPECT_EQ(store_.publish(kKey, first, now, text_record("old"), lasting(kMinute)), 0U);
    EXPECT_EQ(found(kKey, now), "new");
}

TEST_F(CacheLease, OverdueLeaderWithoutASuccessorIsHeard)
{
    const LeaseId lease = lead(kKey, at(0));

    EXPECT_NE(store_.publish(kKey, lease, at(kLeaseMs + 1), text_record("one"), lasting(kMinute)),
              0U);
    EXPECT_EQ(found(kKey, at(kLeaseMs + 1)), "one");
}

TEST_F(CacheLease, EndsOnce)
{
    const LeaseId lease = lead(kKey, at(0));
    store_.fail(kKey, lease, at(1), Code::kIssuerStatus);

    EXPECT_EQ(store_.publish(kKey, lease, at(1), text_record("one"), lasting(kMinute)), 0U);
    EXPECT_EQ(found(kKey, at(1)), "-");
}

TEST_F(CacheLease, TtlOfZeroServesThoseWhoAskedBefore)
{
    const LeaseId lease = lead(kKey, at(100));
    store_.publish(kKey, lease, at(200), text_record("one"), lasting(0));

    EXPECT_EQ(found(kKey, at(200)), "-");
    const Acquired follower = acquire(kKey, at(300), {.since_ms = 150});
    EXPECT_EQ(follower.state, State::kFound);
    ASSERT_TRUE(follower.record);
    EXPECT_EQ(follower.record->text, "one");
    EXPECT_EQ(acquire(kKey, at(300), {.since_ms = 201}).state, State::kLed);
}

TEST_F(CacheLease, ExpiryIsForThoseWhoAskedBeforeToo)
{
    const LeaseId lease = lead(kKey, at(100));
    store_.publish(kKey, lease, at(200), text_record("one"),
                   {.ttl_ms = kMinute, .expires_at_s = kStart + 1});

    EXPECT_EQ(acquire(kKey, at(999), {.since_ms = 150}).state, State::kFound);
    EXPECT_EQ(acquire(kKey, at(1000), {.since_ms = 150}).state, State::kLed);
}

TEST_F(CacheLease, LeaderLearnsThatARecordHasExpired)
{
    EXPECT_FALSE(acquire(key_of(2), at(0)).had_expired);
    publish(kKey, at(0), "one", lasting(10));

    const Acquired leader = acquire(kKey, at(10));
    EXPECT_EQ(leader.state, State::kLed);
    EXPECT_TRUE(leader.had_expired);
    EXPECT_FALSE(leader.record);
}

TEST_F(CacheLease, KnownGenerationIsNotCopied)
{
    const std::uint64_t first = publish(kKey, at(0), "one", lasting(10));
    const std::size_t copies = room_.copies();

    const Acquired same = acquire(kKey, at(1), {.known_generation = first});
    EXPECT_EQ(same.state, State::kFound);
    EXPECT_TRUE(same.unchanged);
    EXPECT_FALSE(same.record);
    EXPECT_EQ(same.generation, first);
    EXPECT_EQ(room_.copies(), copies);

    const std::uint64_t second = publish(kKey, at(10), "two");
    EXPECT_NE(second, first);
    const Acquired newer = acquire(kKey, at(11), {.known_generation = first});
    EXPECT_FALSE(newer.unchanged);
    ASSERT_TRUE(newer.record);
    EXPECT_EQ(newer.record->text, "two");
    EXPECT_EQ(newer.generation, second);
}

TEST_F(CacheLease, GenerationsNeverRepeat)
{
    const std::uint64_t first = publish(kKey, at(0), "one", lasting(10));
    const std::uint64_t other = publish(key_of(2), at(0), "one", lasting(10));
    const std::uint64_t again = publish(kKey, at(10), "two");

    EXPECT_NE(first, other);
    EXPECT_NE(first, again);
    EXPECT_NE(other, again);
}

TEST_F(CacheLease, LastGoodServesOnlyWhileSomebodyRefreshes)
{
    const std::uint64_t generation = publish(kKey, at(0), "one", lasting(10));
    const Acquired leader = acquire(kKey, at(10), {.last_good = true});
    ASSERT_EQ(leader.state, State::kLed);
    EXPECT_FALSE(leader.record);

    const Acquired follower = acquire(kKey, at(11), {.last_good = true});
    EXPECT_EQ(follower.state, State::kBusy);
    EXPECT_EQ(follower.generation, generation);
    ASSERT_TRUE(follower.record);
    EXPECT_EQ(follower.record->text, "one");
    EXPECT_FALSE(acquire(kKey, at(11)).record) << "not wanted";

    const Acquired knowing =
        acquire(kKey, at(11), {.known_generation = generation, .last_good = true});
    EXPECT_EQ(knowing.state, State::kBusy);
    EXPECT_TRUE(knowing.unchanged);
    EXPECT_FALSE(knowing.record);
}

TEST_F(CacheLease, LastGoodDoesNotServeAfterAFailure)
{
    publish(kKey, at(0), "one", lasting(10));
    store_.fail(kKey, lead(kKey, at(10)), at(20), Code::kIssuerStatus);
    lead(kKey, at(30));

    const Acquired follower = acquire(kKey, at(31), {.last_good = true});
    EXPECT_EQ(follower.state, State::kBusy);
    EXPECT_FALSE(follower.record);
}

TEST_F(CacheLease, LastGoodServesAgainAfterASuccess)
{
    publish(kKey, at(0), "one", lasting(10));
    store_.fail(kKey, lead(kKey, at(10)), at(20), Code::kIssuerStatus);
    publish(kKey, at(30), "two", lasting(10));
    lead(kKey, at(40));

    const Acquired follower = acquire(kKey, at(41), {.last_good = true});
    ASSERT_TRUE(follower.record);
    EXPECT_EQ(follower.record->text, "two");
}

TEST_F(CacheLease, LastGoodIsNotServedPastItsExpiry)
{
    store_.publish(kKey, lead(kKey, at(0)), at(0), text_record("one"),
                   {.ttl_ms = 10, .expires_at_s = kStart + 1});
    lead(kKey, at(10));

    EXPECT_TRUE(acquire(kKey, at(999), {.last_good = true}).record);
    EXPECT_FALSE(acquire(kKey, at(1000), {.last_good = true}).record);
}

TEST_F(CacheLease, RefreshIsLimitedInRate)
{
    const std::uint64_t known = publish(kKey, at(0), "one");

    EXPECT_EQ(refresh(at(kInterval - 1), known).state, State::kRefused);
    const Acquired leader = refresh(at(kInterval), known);
    ASSERT_EQ(leader.state, State::kLed);
    EXPECT_EQ(refresh(at(kInterval + 1), known).state, State::kBusy);
    EXPECT_EQ(acquire(kKey, at(kInterval + 1)).state, State::kFound) << "it counts meanwhile";

    const std::uint64_t next =
        store_.publish(kKey, leader.lease, at(kInterval + 2), text_record("one"), lasting(kMinute));
    EXPECT_EQ(refresh(at(kInterval + 3), next).state, State::kRefused);
    EXPECT_EQ(refresh(at(2 * kInterval - 1), next).state, State::kRefused);
    EXPECT_EQ(refresh(at(2 * kInterval), next).state, State::kLed);
}

TEST_F(CacheLease, RateIsOfAttemptsWhateverTheSizeOfTheirRecords)
{
    const Acquired leader = refresh(at(kInterval), publish(kKey, at(0), "one"));
    const std::uint64_t next = store_.publish(kKey, leader.lease, at(kInterval + 1),
                                              text_record("another size"), lasting(kMinute));

    EXPECT_EQ(refresh(at(2 * kInterval - 1), next).state, State::kRefused);
}

TEST_F(CacheLease, RefreshGivesANewerRecord)
{
    const std::uint64_t first = publish(kKey, at(0), "one", lasting(10));
    publish(kKey, at(10), "two");

    const Acquired found = refresh(at(11), first);
    EXPECT_EQ(found.state, State::kFound);
    ASSERT_TRUE(found.record);
    EXPECT_EQ(found.record->text, "two");
}

TEST_F(CacheLease, FailedRefreshIsLimitedInRateToo)
{
    const std::uint64_t known = publish(kKey, at(0), "one");
    store_.fail(kKey, refresh(at(kInterval), known).lease, at(kInterval + 1), Code::kIssuerStatus);

    const Acquired later = refresh(at(kInterval + 2), known);
    EXPECT_EQ(later.state, State::kFailed);
    EXPECT_EQ(later.failure, Code::kIssuerStatus);
    EXPECT_EQ(refresh(at(2 * kInterval), known).state, State::kLed);
    EXPECT_EQ(found(kKey, at(kInterval + 2)), "one") << "a fresh record outlives it";
}

TEST_F(CacheLease, AbandonedRefreshGoesToTheNext)
{
    const std::uint64_t known = publish(kKey, at(0), "one");
    const Acquired leader = refresh(at(kInterval), known);
    ASSERT_EQ(refresh(at(kInterval + 1), known).state, State::kBusy);
    store_.abandon(kKey, leader.lease);

    EXPECT_EQ(refresh(at(kInterval + 2), known, kInterval + 1).state, State::kLed);
}

TEST_F(CacheLease, RefreshOfNothingLeads)
{
    const Acquired leader = refresh(at(0), 0);
    EXPECT_EQ(leader.state, State::kLed);
    EXPECT_NE(leader.lease, 0U);
    EXPECT_EQ(refresh(at(1), 0).state, State::kBusy);
}

TEST_F(CacheLease, OverdueRefreshGoesToTheNext)
{
    const std::uint64_t known = publish(kKey, at(0), "one");
    refresh(at(kInterval), known);

    EXPECT_EQ(refresh(at(kInterval + kLeaseMs), known).state, State::kLed);
}

}  // namespace
}  // namespace token_introspect::cache
