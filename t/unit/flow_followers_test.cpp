// Many requests for one token or key set: one asks, the others wait.

#include "flow_fixture.hpp"

namespace token_introspect::flow {
namespace {

using test::key_set;
using test::Request;
using test::signer_a;
using test::signer_b;

const std::string kActive = R"({"active":true,"sub":"s"})";
const std::string kInactive = R"({"active":false})";

class FlowFollowers : public test::FlowTest {};

TEST_F(FlowFollowers, OneAsksForAll)
{
    const Introspector &mine = opaque("mine");
    test::Worker other(zone_, introspectors_);
    Request leader(worker(), now_, {&mine}, "opaque");
    Request same_worker(worker(), now_, {&mine}, "opaque");
    Request other_worker(other, now_, {&mine}, "opaque");
    ASSERT_EQ(leader.advance(), "POST /introspect");
    pass_ms(10);
    ASSERT_EQ(same_worker.advance(), "WAIT");
    ASSERT_EQ(other_worker.advance(), "WAIT");
    EXPECT_EQ(same_worker.wait().peer, &mine);
    EXPECT_EQ(same_worker.wait().key, key_of(mine));
    EXPECT_EQ(same_worker.wait().lease, other_worker.wait().lease);
    EXPECT_TRUE(other.store().pending(key_of(mine), other_worker.wait().lease, now_));

    pass_ms(10);
    EXPECT_EQ(leader.answer(kActive), "active");
    EXPECT_EQ(worker().host().times_settled(key_of(mine)), 1);
    EXPECT_FALSE(other.store().pending(key_of(mine), other_worker.wait().lease, now_));
    for (Request *follower : {&same_worker, &other_worker}) {
        EXPECT_EQ(follower->advance(), "active");
        EXPECT_EQ(follower->claim("sub"), "s");
        EXPECT_EQ(follower->cache(), "HIT");
    }
}

TEST_F(FlowFollowers, WokenTooEarlyTheyWaitOn)
{
    const Introspector &mine = opaque("mine");
    Request leader(worker(), now_, {&mine}, "opaque");
    Request follower(worker(), now_, {&mine}, "opaque");
    leader.advance();

    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(follower.advance(), "WAIT");
        pass_ms(1);
    }
    leader.answer(kInactive);
    EXPECT_EQ(follower.advance(), "inactive");
}

TEST_F(FlowFollowers, InactiveIsSharedEvenWhenNotRemembered)
{
    Introspector &mine = opaque("mine");
    mine.cache_inactive_ttl_ms = 0;
    Request leader(worker(), now_, {&mine}, "opaque");
    Request follower(worker(), now_, {&mine}, "opaque");
    leader.advance();
    follower.advance();
    pass_ms(10);
    EXPECT_EQ(leader.answer(kInactive), "inactive");
    pass_ms(5);

    EXPECT_EQ(follower.advance(), "inactive");
    EXPECT_EQ(verdict({&mine}, "opaque"), "POST /introspect") << "who asks later asks anew";
}

TEST_F(FlowFollowers, FailureIsShared)
{
    const Introspector &mine = opaque("mine");
    Request leader(worker(), now_, {&mine}, "opaque");
    Request follower(worker(), now_, {&mine}, "opaque");
    leader.advance();
    follower.advance();
    pass_ms(10);
    EXPECT_EQ(leader.no_answer(Code::kIssuerTimeout), "issuer_timeout");
    EXPECT_EQ(worker().host().times_settled(key_of(mine)), 1);
    pass_ms(5);

    EXPECT_EQ(follower.advance(), "issuer_timeout");
    EXPECT_EQ(worker().host().reports.size(), 1U);
    EXPECT_EQ(verdict({&mine}, "opaque"), "POST /introspect") << "who asks later asks anew";
}

TEST_F(FlowFollowers, AnswerThatHasExpiredIsSharedAsSuch)
{
    const Introspector &mine = opaque("mine");
    Request leader(worker(), now_, {&mine}, "opaque");
    Request follower(worker(), now_, {&mine}, "opaque");
    leader.advance();
    follower.advance();
    EXPECT_EQ(leader.answer(R"({"active":true,"exp":1700000000})"), "expired");

    EXPECT_EQ(follower.advance(), "expired");
}

// The cache counts whole seconds; the rules do not.
TEST_F(FlowFollowers, AnswerInItsLastSecondIsNoFailure)
{
    const Introspector &mine = opaque("mine");
    const std::string last_second = R"({"active":true,"sub":"s","exp":1700000000.5})";
    Request leader(worker(), now_, {&mine}, "opaque");
    Request follower(worker(), now_, {&mine}, "opaque");
    leader.advance();
    follower.advance();
    EXPECT_EQ(leader.answer(last_second), "active");

    ASSERT_EQ(follower.advance(), "POST /introspect") << "never active without claims";
    EXPECT_EQ(follower.answer(last_second), "active");
    EXPECT_EQ(follower.claim("sub"), "s");
}

TEST_F(FlowFollowers, NextTakesOverWhenTheLeaderVanishes)
{
    const Introspector &mine = opaque("mine");
    Request leader(worker(), now_, {&mine}, "opaque");
    Request second(worker(), now_, {&mine}, "opaque");
    Request third(worker(), now_, {&mine}, "opaque");
    leader.advance();
    second.advance();
    third.advance();
    leader.vanish();
    EXPECT_EQ(worker().host().times_settled(key_of(mine)), 1);

    EXPECT_EQ(second.advance(), "POST /introspect");
    EXPECT_EQ(third.advance(), "WAIT");
    EXPECT_EQ(second.answer(kActive), "active");
    EXPECT_EQ(third.advance(), "active");
}

TEST_F(FlowFollowers, FollowerThatVanishesDisturbsNobody)
{
    const Introspector &mine = opaque("mine");
    Request leader(worker(), now_, {&mine}, "opaque");
    Request follower(worker(), now_, {&mine}, "opaque");
    leader.advance();
    follower.advance();
    follower.vanish();

    EXPECT_EQ(worker().host().times_settled(key_of(mine)), 0);
    EXPECT_EQ(leader.answer(kActive), "active");
}

TEST_F(FlowFollowers, NextTakesOverWhenTheLeaderIsOverdue)
{
    Introspector &mine = opaque("mine");
    mine.fetch_ms = 3000;
    Request leader(worker(), now_, {&mine}, "opaque");
    Request follower(worker(), now_, {&mine}, "opaque");
    leader.advance();
    pass_ms(3999);
    EXPECT_EQ(follower.advance(), "WAIT") << "a second more than the fetch itself may take";
    pass_ms(1);
    EXPECT_EQ(follower.advance(), "POST /introspect");

    EXPECT_EQ(leader.answer(kActive), "active") << "for itself alone";
    EXPECT_EQ(verdict({&mine}, "opaque"), "WAIT");
    EXPECT_EQ(follower.answer(kInactive), "inactive");
    EXPECT_EQ(verdict({&mine}, "opaque"), "inactive");
}

TEST_F(FlowFollowers, KeysAreFetchedByOne)
{
    const Introspector &mine = jwt("mine");
    Request leader(worker(), now_, {&mine}, signer_a().token(R"("n":1)"));
    Request follower(worker(), now_, {&mine}, signer_a().token(R"("n":2)"));
    ASSERT_EQ(leader.advance(), "GET /jwks");
    ASSERT_EQ(follower.advance(), "WAIT");
    EXPECT_EQ(follower.wait().key, mine.key_set_key());

    EXPECT_EQ(leader.answer(key_set({&signer_a()})), "active");
    EXPECT_EQ(follower.advance(), "active");
}

TEST_F(FlowFollowers, RotationIsFetchedByOne)
{
    const Introspector &mine = jwt("mine");
    verdict_with_keys({&mine}, signer_a().token(), key_set({&signer_a()}));
    pass_s(5);
    test::Worker other(zone_, introspectors_);
    Request leader(worker(), now_, {&mine}, signer_b().token(R"("n":1)"));
    Request same_worker(worker(), now_, {&mine}, signer_b().token(R"("n":2)"));
    Request other_worker(other, now_, {&mine}, signer_b().token(R"("n":3)"));
    Request still_unknown(other, now_, {&mine}, test::Signer("c").token());
    ASSERT_EQ(leader.advance(), "GET /jwks");
    for (Request *follower : {&same_worker, &other_worker, &still_unknown}) {
        ASSERT_EQ(follower->advance(), "WAIT");
    }
    EXPECT_EQ(verdict({&mine}, signer_a().token()), "active") << "known keys need not wait";

    EXPECT_EQ(leader.answer(key_set({&signer_b()})), "active");
    EXPECT_EQ(same_worker.advance(), "active");
    EXPECT_EQ(other_worker.advance(), "active");
    EXPECT_EQ(still_unknown.advance(), "unknown_key");
}

TEST_F(FlowFollowers, FailedRotationIsSharedByThoseWhoWait)
{
    const Introspector &mine = jwt("mine");
    verdict_with_keys({&mine}, signer_a().token(), key_set({&signer_a()}));
    pass_s(5);
    Request leader(worker(), now_, {&mine}, signer_b().token(R"("n":1)"));
    Request follower(worker(), now_, {&mine}, signer_b().token(R"("n":2)"));
    leader.advance();
    follower.advance();
    leader.no_answer(Code::kIssuerTimeout);

    EXPECT_EQ(follower.advance(), "issuer_timeout");
}

TEST_F(FlowFollowers, NextTakesOverTheRotation)
{
    const Introspector &mine = jwt("mine");
    verdict_with_keys({&mine}, signer_a().token(), key_set({&signer_a()}));
    pass_s(5);
    Request leader(worker(), now_, {&mine}, signer_b().token(R"("n":1)"));
    Request follower(worker(), now_, {&mine}, signer_b().token(R"("n":2)"));
    leader.advance();
    pass_ms(10);
    follower.advance();
    leader.vanish();

    ASSERT_EQ(follower.advance(), "GET /jwks");
    EXPECT_EQ(follower.answer(key_set({&signer_b()})), "active");
}

TEST_F(FlowFollowers, OverdueLeadersKeysAreReplacedByTheNewerOnes)
{
    Introspector &mine = jwt("mine");
    mine.fetch_ms = 3000;
    Request leader(worker(), now_, {&mine}, signer_a().token());
    leader.advance();
    pass_ms(4000);
    Request successor(worker(), now_, {&mine}, signer_b().token());
    ASSERT_EQ(successor.advance(), "GET /jwks");
    ASSERT_EQ(successor.answer(key_set({&signer_b()})), "active");
    ASSERT_EQ(leader.answer(key_set({&signer_a()})), "active") << "it cannot know";

    EXPECT_EQ(verdict({&mine}, signer_b().token()), "active");
    EXPECT_EQ(verdict({&mine}, signer_a().token()), "unknown_key");
}

TEST_F(FlowFollowers, CacheOffSharesAKeyFetchAmongThoseWhoAskedBefore)
{
    Introspector &mine = jwt("mine");
    mine.cache_ttl_ms = 0;
    Request leader(worker(), now_, {&mine}, signer_a().token());
    Request follower(worker(), now_, {&mine}, signer_a().token());
    leader.advance();
    ASSERT_EQ(follower.advance(), "WAIT");
    pass_ms(10);
    leader.answer(key_set({&signer_a()}));

    EXPECT_EQ(follower.advance(), "active");
}

TEST_F(FlowFollowers, ManyOfAnUnknownKidWithoutACacheComeToAnEnd)
{
    Introspector &mine = jwt("mine");
    mine.cache_ttl_ms = 0;
    std::deque<Request> requests;
    std::vector<std::string> steps;
    for (int i = 0; i < 5; ++i) {
        requests.emplace_back(worker(), now_, test::Listed{&mine}, signer_b().token());
        steps.push_back(requests.back().advance());
    }
    int fetches = 0;
    for (int round = 0; round < 20; ++round) {
        for (std::size_t i = 0; i < requests.size(); ++i) {
            if (steps[i] == "GET /jwks") {
                ++fetches;
                steps[i] = requests[i].answer(key_set({&signer_a()}));
            } else if (steps[i] == "WAIT") {
                steps[i] = requests[i].advance();
            }
        }
        pass_ms(1);
    }
    EXPECT_EQ(std::ranges::count(steps, "unknown_key"), 5);
    EXPECT_LE(fetches, 5);
}

}  // namespace
}  // namespace token_introspect::flow
