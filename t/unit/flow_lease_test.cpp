#include "flow/lease.hpp"

#include "flow_fixture.hpp"

namespace token_introspect::flow {
namespace {

class FlowLease : public ::testing::Test {
protected:
    cache::LeaseId acquire(const cache::Key &key)
    {
        return store_.acquire(key, kNow, {.since_ms = 1, .lease_ms = 1000}, room_.room()).lease;
    }
    Lease led(const cache::Key &key) { return {store_, host_, key, acquire(key)}; }
    cache::State state(const cache::Key &key)
    {
        return store_.acquire(key, kNow, {.since_ms = 1, .lease_ms = 1000}, room_.room()).state;
    }

    static constexpr Now kNow{.unix_s = test::kStart, .monotonic_ms = 1000};
    static constexpr cache::Lifetime kLong{.ttl_ms = 1000, .expires_at_s = cache::kNeverExpires};
    const cache::Key one_{.digest = {1}};
    const cache::Key two_{.digest = {2}};
    test::Zone zone_;
    cache::Store store_{zone_.memory, zone_.root};
    test::CopyRoom room_;
    test::FakeHost host_;
};

TEST_F(FlowLease, PublishEndsIt)
{
    {
        Lease lease = led(one_);
        EXPECT_NE(lease.publish(kNow, {}, kLong), 0U);
        EXPECT_EQ(host_.times_settled(one_), 1);
        EXPECT_EQ(lease.publish(kNow, {}, kLong), 0U);
        lease.fail(kNow, Code::kInternal);
        lease.abandon();
    }
    EXPECT_EQ(host_.times_settled(one_), 1);
    EXPECT_EQ(state(one_), cache::State::kFound);
}

TEST_F(FlowLease, FailEndsIt)
{
    {
        Lease lease = led(one_);
        lease.fail(kNow, Code::kInternal);
        EXPECT_EQ(host_.times_settled(one_), 1);
    }
    EXPECT_EQ(host_.times_settled(one_), 1);
    EXPECT_EQ(state(one_), cache::State::kFailed);
}

TEST_F(FlowLease, DestructorAbandonsIt)
{
    {
        const Lease lease = led(one_);
        EXPECT_EQ(state(one_), cache::State::kBusy);
        EXPECT_EQ(host_.times_settled(one_), 0);
    }
    EXPECT_EQ(host_.times_settled(one_), 1);
    EXPECT_EQ(state(one_), cache::State::kLed);
}

TEST_F(FlowLease, MovesToOneOwner)
{
    Lease lease = led(one_);
    {
        Lease owner(std::move(lease));
        EXPECT_EQ(host_.times_settled(one_), 0);
    }
    EXPECT_EQ(host_.times_settled(one_), 1);
    lease.abandon();
    EXPECT_EQ(host_.times_settled(one_), 1);
}

TEST_F(FlowLease, AssignmentAbandonsWhatWasHeld)
{
    Lease lease = led(one_);
    lease = led(two_);
    EXPECT_EQ(host_.times_settled(one_), 1);
    EXPECT_EQ(host_.times_settled(two_), 0);
    EXPECT_EQ(state(one_), cache::State::kLed);
    EXPECT_EQ(state(two_), cache::State::kBusy);

    lease = Lease();
    EXPECT_EQ(host_.times_settled(two_), 1);
}

TEST_F(FlowLease, AssignmentToItselfKeepsIt)
{
    Lease lease = led(one_);
    Lease &same = lease;
    lease = std::move(same);
    EXPECT_EQ(host_.times_settled(one_), 0);
    EXPECT_EQ(state(one_), cache::State::kBusy);
}

TEST_F(FlowLease, HoldingNothingTellsNobody)
{
    Lease lease;
    EXPECT_EQ(lease.publish(kNow, {}, kLong), 0U);
    lease.fail(kNow, Code::kInternal);
    EXPECT_TRUE(host_.settled_keys.empty());
}

TEST_F(FlowLease, OverdueHolderTellsButChangesNothing)
{
    Lease late = led(one_);
    const Now later{.unix_s = test::kStart + 1, .monotonic_ms = 2000};
    const cache::Acquired successor =
        store_.acquire(one_, later, {.since_ms = 2000, .lease_ms = 1000}, room_.room());
    ASSERT_EQ(successor.state, cache::State::kLed);

    EXPECT_EQ(late.publish(later, {}, kLong), 0U);
    EXPECT_TRUE(store_.pending(one_, successor.lease, later));
}

}  // namespace
}  // namespace token_introspect::flow
