// Pauses after failures, and circuits.

#include "store_fixture.hpp"

#include <algorithm>
#include <array>

namespace token_introspect::cache {
namespace {

using test::at;
using test::key_of;
using test::kMinute;
using test::lasting;
using test::text_record;

class CachePause : public test::StoreTest {
protected:
    // One failed attempt.
    void fail(const Key &key, std::uint64_t ms, Code code = Code::kIssuerStatus)
    {
        store_.fail(key, lead(key, at(ms)), at(ms), code);
    }
    // As many as it takes to begin a pause, the last one now.
    void exhaust(const Key &key, std::uint64_t ms)
    {
        for (std::uint64_t i = 2; i > 0; --i) {
            fail(key, ms - i);
        }
        fail(key, ms);
    }

    const Key kKey = key_of(1);
};

TEST_F(CachePause, FollowsTheThirdFailure)
{
    fail(kKey, 100);
    fail(kKey, 101);
    fail(kKey, 102, Code::kIssuerTimeout);

    const Acquired paused = acquire(kKey, at(200));
    EXPECT_EQ(paused.state, State::kFailed);
    EXPECT_EQ(paused.failure, Code::kIssuerTimeout);
    EXPECT_GE(paused.retry_after_ms, 500U - 98);
    EXPECT_LE(paused.retry_after_ms, 1000U - 98);
    EXPECT_EQ(acquire(key_of(2), at(200)).state, State::kLed) << "another key is another matter";
}

TEST_F(CachePause, EndsWhenItSaid)
{
    exhaust(kKey, 102);
    const std::uint64_t until = 102 + acquire(kKey, at(102), {.since_ms = 103}).retry_after_ms;

    EXPECT_EQ(acquire(kKey, at(until - 1)).state, State::kFailed);
    EXPECT_EQ(acquire(kKey, at(until)).state, State::kLed);
    EXPECT_EQ(acquire(kKey, at(until)).state, State::kBusy) << "one lease";
}

TEST_F(CachePause, FailureAfterItDoublesAndSuccessClears)
{
    exhaust(kKey, 102);
    fail(kKey, 2000);
    EXPECT_GE(acquire(kKey, at(2001)).retry_after_ms, 999U);
    EXPECT_LE(acquire(kKey, at(2001)).retry_after_ms, 1999U);

    publish(kKey, at(5000), "one", lasting(10));
    fail(kKey, 5010);
    fail(kKey, 5011);
    EXPECT_EQ(acquire(kKey, at(5012)).state, State::kLed);
}

TEST_F(CachePause, IsJitteredByTheSeed)
{
    std::array<std::uint64_t, 10> left{};
    for (unsigned i = 0; i < left.size(); ++i) {
        exhaust(key_of(100 + i), 102);
        left[i] = acquire(key_of(100 + i), at(103)).retry_after_ms;
    }
    EXPECT_NE(std::ranges::min(left), std::ranges::max(left));
}

TEST_F(CachePause, OutlastsOtherInsertions)
{
    exhaust(kKey, 102);
    const std::uint64_t until = 102 + acquire(kKey, at(103)).retry_after_ms + 1;
    for (unsigned i = 10; i < 40; ++i) {
        lead(key_of(i), at(until));
    }
    fail(kKey, until);
    EXPECT_GE(acquire(kKey, at(until + 1)).retry_after_ms, 999U) << "it was the fourth failure";
}

TEST_F(CachePause, RecordThatCountsIsFoundAllTheSame)
{
    publish(kKey, at(0), "one",
            {.ttl_ms = kMinute, .expires_at_s = kNeverExpires, .refresh_ms = 1000});
    for (std::uint64_t i = 0; i < 3; ++i) {
        const Acquired mine = store_.renew(kKey, at(1000 + i), {.lease_ms = kLeaseMs});
        // of another generation than 0, and so not to be renewed for who knows none
        ASSERT_EQ(mine.state, State::kRefused);
        const Acquired lease = store_.renew(
            kKey, at(1000 + i), {.lease_ms = kLeaseMs, .known_generation = mine.generation});
        ASSERT_EQ(lease.state, State::kLed);
        store_.fail(kKey, lease.lease, at(1000 + i), Code::kIssuerStatus);
    }
    const Acquired found = acquire(kKey, at(1003));
    EXPECT_EQ(found.state, State::kFound);
    EXPECT_FALSE(found.due) << "not in a pause";
    EXPECT_TRUE(acquire(kKey, at(2003)).due);
    const Acquired refused =
        store_.renew(kKey, at(1003), {.lease_ms = kLeaseMs, .known_generation = found.generation});
    EXPECT_EQ(refused.state, State::kRefused);
    EXPECT_GT(refused.retry_after_ms, 0U);
    EXPECT_EQ(refused.failure, Code::kIssuerStatus);
    EXPECT_EQ(store_
                  .refresh(kKey, at(1003),
                           {.since_ms = 1003, .lease_ms = 1, .known_generation = found.generation},
                           0, room_.room())
                  .state,
              State::kFailed);
}

class CacheCircuit : public CachePause {
protected:
    Acquired ask(unsigned number, std::uint64_t ms, StaleUse use = {})
    {
        return acquire(key_of(number), at(ms), {.stale = use, .circuit = &kCircuit});
    }
    // An attempt for another key each time.
    void down(std::uint64_t ms, Code code = Code::kIssuerUnreachable)
    {
        const Acquired mine = ask(++next_, ms);
        ASSERT_EQ(mine.state, State::kLed);
        store_.fail(key_of(next_), mine.lease, at(ms), code, &kCircuit, true);
    }
    // Gives the end of the pause.
    std::uint64_t open(std::uint64_t ms)
    {
        down(ms);
        down(ms);
        down(ms, Code::kIssuerTimeout);
        return ms + ask(1, ms + 1).retry_after_ms + 1;
    }

    const Key kCircuit = key_of(7, 77);
    unsigned next_ = 1000;
};

TEST_F(CacheCircuit, OpensAfterThreeFailuresOfTheEndpoint)
{
    down(100);
    down(100);
    EXPECT_EQ(ask(1, 101).state, State::kLed);
    down(102, Code::kIssuerTimeout);

    const Acquired paused = ask(2, 103);
    EXPECT_EQ(paused.state, State::kFailed);
    EXPECT_EQ(paused.failure, Code::kIssuerTimeout);
    EXPECT_GE(paused.retry_after_ms, 499U);
    EXPECT_LE(paused.retry_after_ms, 999U);
    EXPECT_EQ(ask(1, 103).state, State::kBusy) << "who asks already goes on";
    EXPECT_EQ(acquire(key_of(3), at(103)).state, State::kLed) << "asks another endpoint";
}

TEST_F(CacheCircuit, AnswerOfAnyKindIsASuccess)
{
    down(100);
    down(100);
    const Acquired refused = ask(1, 101);
    store_.fail(key_of(1), refused.lease, at(101), Code::kIssuerResponse, &kCircuit, false);
    down(102);
    down(102);
    const Acquired answered = ask(2, 103);
    store_.publish(key_of(2), answered.lease, at(103), text_record("x"), lasting(1), &kCircuit);
    down(104);
    down(104);

    EXPECT_EQ(ask(3, 105).state, State::kLed);
}

TEST_F(CacheCircuit, LetsOneProbeThroughAfterThePause)
{
    const std::uint64_t until = open(100);
    EXPECT_EQ(ask(2, until - 1).state, State::kFailed);

    const Acquired probe = ask(2, until);
    ASSERT_EQ(probe.state, State::kLed);
    const Acquired other = ask(3, until + 1);
    EXPECT_EQ(other.state, State::kFailed);
    EXPECT_EQ(other.failure, Code::kIssuerTimeout);
    EXPECT_EQ(other.retry_after_ms, kLeaseMs - 1);
    EXPECT_EQ(store_.renew(key_of(3), at(until + 1), {.lease_ms = 1, .circuit = &kCircuit}).state,
              State::kRefused);

    store_.publish(key_of(2), probe.lease, at(until + 2), text_record("x"), lasting(1), &kCircuit);
    EXPECT_EQ(ask(3, until + 2).state, State::kLed);
    EXPECT_EQ(ask(4, until + 2).state, State::kLed) << "all may ask again";
}

TEST_F(CacheCircuit, FailedProbeDoublesThePause)
{
    const std::uint64_t until = open(100);
    down(until);

    const Acquired paused = ask(3, until);
    EXPECT_EQ(paused.state, State::kFailed);
    EXPECT_EQ(paused.failure, Code::kIssuerUnreachable);
    EXPECT_GE(paused.retry_after_ms, 1000U);
    EXPECT_LE(paused.retry_after_ms, 2000U);
}

TEST_F(CacheCircuit, ThoseUnderWayWhenItOpensDoNotLengthenThePause)
{
    std::array<Acquired, 20> under_way{};
    for (unsigned i = 0; i < under_way.size(); ++i) {
        under_way[i] = ask(10 + i, 100);
    }
    for (unsigned i = 0; i < under_way.size(); ++i) {
        store_.fail(key_of(10 + i), under_way[i].lease, at(200), Code::kIssuerTimeout, &kCircuit,
                    true);
    }
    EXPECT_LE(ask(1, 200).retry_after_ms, 1000U);
}

TEST_F(CacheCircuit, AbandonedProbeGoesToTheNext)
{
    const std::uint64_t until = open(100);
    const Acquired probe = ask(2, until);
    store_.abandon(key_of(2), probe.lease, &kCircuit);

    EXPECT_EQ(ask(3, until).state, State::kLed);
    EXPECT_EQ(ask(4, until).state, State::kFailed);
}

TEST_F(CacheCircuit, ProbeWhoseHolderDiedGoesToTheNext)
{
    const std::uint64_t until = open(100);
    ASSERT_EQ(ask(2, until).state, State::kLed);

    EXPECT_EQ(ask(3, until + kLeaseMs - 1).state, State::kFailed);
    EXPECT_EQ(ask(3, until + kLeaseMs).state, State::kLed);
    EXPECT_EQ(ask(4, until + kLeaseMs).state, State::kFailed);
}

TEST_F(CacheCircuit, LateSuccessClosesItToo)
{
    const Acquired slow = ask(1, 50);
    open(100);
    store_.publish(key_of(1), slow.lease, at(102), text_record("x"), lasting(1), &kCircuit);

    EXPECT_EQ(ask(3, 103).state, State::kLed);
}

TEST_F(CacheCircuit, ServesStaleWhileItIsOpen)
{
    store_.put(key_of(2), at(0), text_record("old"),
               {.ttl_ms = 10, .expires_at_s = kNeverExpires, .stale_ms = kMinute});
    open(100);  // by a timeout

    EXPECT_EQ(ask(2, 102).state, State::kFailed);
    EXPECT_EQ(ask(2, 102, {.on_error = true, .while_updating = true}).state, State::kFailed);
    const Acquired stale = ask(2, 102, {.on_timeout = true});
    EXPECT_EQ(stale.state, State::kStale);
    EXPECT_FALSE(stale.updating);
    ASSERT_TRUE(stale.record);
    EXPECT_EQ(stale.record->text, "old");
    EXPECT_EQ(ask(3, 102, {.on_timeout = true}).state, State::kFailed) << "nothing to serve";
}

TEST_F(CacheCircuit, RecordThatIsDueWaitsForTheEndpoint)
{
    store_.put(key_of(2), at(0), text_record("one"),
               {.ttl_ms = kMinute, .expires_at_s = kNeverExpires, .refresh_ms = 50});
    EXPECT_TRUE(ask(2, 99).due);
    const std::uint64_t until = open(100);

    EXPECT_EQ(ask(2, 102).state, State::kFound);
    EXPECT_FALSE(ask(2, 102).due);
    EXPECT_TRUE(ask(2, until).due);
}

class CacheCircuitUnderPressure : public CacheCircuit {};

TEST_F(CacheCircuitUnderPressure, IsNotPushedOutWhileItMatters)
{
    const std::uint64_t until = open(100);
    for (unsigned i = 0; i < 20'000; ++i) {
        store_.put(key_of(10'000 + i), at(101), text_record(std::string(100, 'x')),
                   lasting(kMinute));
    }
    ASSERT_GT(store_.statistics().evictions, 1000U);

    EXPECT_EQ(ask(2, until - 1).state, State::kFailed);
}

TEST_F(CacheCircuitUnderPressure, IsForgottenInTime)
{
    open(100);
    for (unsigned i = 0; i < 20'000; ++i) {
        store_.put(key_of(10'000 + i), at(200'000), text_record(std::string(100, 'x')),
                   lasting(kMinute));
    }
    down(200'001);
    EXPECT_EQ(ask(2, 200'002).state, State::kLed) << "failures of long ago do not count";
}

}  // namespace
}  // namespace token_introspect::cache
