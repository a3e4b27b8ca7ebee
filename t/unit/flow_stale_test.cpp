// Results and documents that no longer count, served while the issuer is down; and who is not asked.

#include "flow_fixture.hpp"
#include "signed_response_fixture.hpp"

namespace token_introspect::flow {
namespace {

using test::key_set;
using test::kStart;
using test::Request;
using test::signed_answer;
using test::signer_a;
using test::signer_b;

const std::string kActive = R"({"active":true,"sub":"s"})";
const std::string kInactive = R"({"active":false})";
constexpr cache::StaleUse kOnError{.on_error = true};
constexpr cache::StaleUse kOnTimeout{.on_timeout = true};
constexpr cache::StaleUse kUpdating{.while_updating = true};
constexpr cache::StaleUse kAlways{.on_error = true, .on_timeout = true, .while_updating = true};

class FlowStale : public test::SignedResponseTest {
protected:
    static Introspector &may(Introspector &introspector, cache::StaleUse use)
    {
        introspector.stale_use = use;
        introspector.cache_ttl_ms = 10'000;
        introspector.cache_inactive_ttl_ms = 10'000;
        introspector.stale_ttl_ms = 100'000;
        return introspector;
    }
    void introspect(const Introspector &introspector, const std::string &answer = kActive,
                    const std::string &token = "opaque")
    {
        Request first(worker(), now_, {&introspector}, token);
        ASSERT_EQ(first.advance(), "POST /introspect");
        first.answer(answer);
    }
    /// The end of a request whose fetch fails so, and its cache status.
    std::string after(const Introspector &introspector, Code failure)
    {
        Request request(worker(), now_, {&introspector}, "opaque");
        std::string word = request.advance();
        if (word == "POST /introspect") {
            word = request.no_answer(failure);
            pass_ms(1);  // or the next one has asked with this one
        }
        return word + " " + request.cache();
    }
    /// The word, or the fetch, and the cache status of a visit.
    std::string visit(const Introspector &introspector, const std::string &token = "opaque")
    {
        Request request(worker(), now_, {&introspector}, token);
        const std::string word = request.advance();
        return word + " " + request.cache();
    }
};

TEST_F(FlowStale, NothingIsServedWithoutPermission)
{
    const Introspector &mine = may(opaque("mine"), {});
    introspect(mine);
    pass_s(10);

    EXPECT_EQ(after(mine, Code::kIssuerUnreachable), "issuer_unreachable EXPIRED");
    EXPECT_EQ(after(mine, Code::kIssuerTimeout), "issuer_timeout EXPIRED");
}

TEST_F(FlowStale, AfterAnErrorTheLastResultIsServed)
{
    const Introspector &mine = may(opaque("mine"), kOnError);
    introspect(mine);
    pass_s(10);

    Request request(worker(), now_, {&mine}, "opaque");
    ASSERT_EQ(request.advance(), "POST /introspect") << "it is asked first";
    EXPECT_EQ(request.no_answer(Code::kIssuerUnreachable), "active");
    EXPECT_EQ(request.cache(), "STALE");
    EXPECT_EQ(request.claim("sub"), "s");
    EXPECT_EQ(request.decided_by(), "mine");
    EXPECT_EQ(worker().host().reports.size(), 1U) << "an operator must know";
}

TEST_F(FlowStale, AnAnswerOfNoUseIsAnError)
{
    // one introspector for each, so that the failures before make no pause
    for (const char *name : {"a", "b", "c", "d", "e"}) {
        may(opaque(name), kOnError);
    }
    std::size_t i = 0;
    for (const auto &[status, body] :
         {std::pair(500, ""), {503, ""}, {401, "{}"}, {200, "<html>"}, {200, "[]"}})
    {
        const Introspector &mine = introspectors_[i++];
        introspect(mine);
        pass_s(10);
        Request request(worker(), now_, {&mine}, "opaque");
        ASSERT_EQ(request.advance(), "POST /introspect");
        EXPECT_EQ(request.answer(body, status), "active") << status << body;
        EXPECT_EQ(request.cache(), "STALE") << status << body;
    }
}

TEST_F(FlowStale, ErrorsAndTimeoutsArePermittedEachForItself)
{
    const Introspector &error = may(opaque("error"), kOnError);
    const Introspector &timeout = may(opaque("timeout"), kOnTimeout);
    introspect(error);
    introspect(timeout);
    pass_s(10);

    EXPECT_EQ(after(error, Code::kIssuerTimeout), "issuer_timeout EXPIRED");
    EXPECT_EQ(after(error, Code::kIssuerUnreachable), "active STALE");
    EXPECT_EQ(after(timeout, Code::kIssuerUnreachable), "issuer_unreachable EXPIRED");
    EXPECT_EQ(after(timeout, Code::kIssuerTimeout), "active STALE");
}

TEST_F(FlowStale, TheIssuersWordCountsMore)
{
    const Introspector &mine = may(opaque("mine"), kAlways);
    introspect(mine);
    pass_s(10);
    Request stale(worker(), now_, {&mine}, "opaque");
    ASSERT_EQ(stale.advance(), "active");
    Request renewal(worker(), now_, *stale.validation().take_renewal());
    ASSERT_EQ(renewal.advance(), "POST /introspect");
    renewal.answer(kInactive);

    EXPECT_EQ(visit(mine), "inactive HIT");
    pass_s(10);
    EXPECT_EQ(visit(mine), "inactive STALE") << "what it said last, not what it said once";
}

TEST_F(FlowStale, NoTokenIsServedBeyondItsExpiry)
{
    Introspector &mine = may(opaque("mine"), kOnError);
    mine.rules.leeway_s = 5;
    introspect(mine, test::until(50));
    now_.monotonic_ms += 10'000;

    now_.unix_s = kStart + 54;
    EXPECT_EQ(after(mine, Code::kIssuerUnreachable), "active STALE");
    now_.unix_s = kStart + 55;
    EXPECT_EQ(after(mine, Code::kIssuerUnreachable), "issuer_unreachable EXPIRED");
}

TEST_F(FlowStale, NoTokenIsServedBeyondItsExpiryWhileUpdating)
{
    const Introspector &mine = may(opaque("mine"), kUpdating);
    introspect(mine, test::until(50));
    now_.monotonic_ms += 10'000;

    now_.unix_s = kStart + 49;
    EXPECT_EQ(visit(mine), "active STALE");
    now_.unix_s = kStart + 50;
    EXPECT_EQ(visit(mine), "POST /introspect EXPIRED");
}

TEST_F(FlowStale, NothingIsServedForLongerThanStaleTtl)
{
    const Introspector &error = may(opaque("error"), kOnError);
    const Introspector &updating = may(opaque("updating"), kUpdating);
    introspect(error);
    introspect(updating);

    pass_ms(109'999);
    EXPECT_EQ(visit(updating), "active STALE");
    EXPECT_EQ(after(error, Code::kIssuerUnreachable), "active STALE");  // takes a millisecond
    EXPECT_EQ(after(error, Code::kIssuerUnreachable), "issuer_unreachable EXPIRED");
    EXPECT_EQ(visit(updating), "POST /introspect EXPIRED");
}

TEST_F(FlowStale, FollowersOfAFailureAreServedToo)
{
    const Introspector &mine = may(opaque("mine"), kOnError);
    introspect(mine);
    pass_s(10);
    Request leader(worker(), now_, {&mine}, "opaque");
    Request follower(worker(), now_, {&mine}, "opaque");
    ASSERT_EQ(leader.advance(), "POST /introspect");
    ASSERT_EQ(follower.advance(), "WAIT");
    pass_ms(10);
    leader.no_answer(Code::kIssuerUnreachable);

    EXPECT_EQ(follower.advance(), "active");
    EXPECT_EQ(follower.cache(), "STALE");
}

TEST_F(FlowStale, NobodyIsAskedDuringAPause)
{
    const Introspector &mine = may(opaque("mine"), kOnError);
    introspect(mine);
    pass_s(10);
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(after(mine, Code::kIssuerUnreachable), "active STALE");
    }

    Request request(worker(), now_, {&mine}, "opaque");
    EXPECT_EQ(request.advance(), "active");
    EXPECT_EQ(request.cache(), "STALE");
    EXPECT_FALSE(request.validation().take_renewal());
}

TEST_F(FlowStale, WhileUpdatingTheFirstHasItRenewed)
{
    const Introspector &mine = may(opaque("mine"), kUpdating);
    introspect(mine);
    pass_s(10);
    Request first(worker(), now_, {&mine}, "opaque");
    EXPECT_EQ(first.advance(), "active");
    EXPECT_EQ(first.cache(), "STALE");

    EXPECT_EQ(visit(mine), "active UPDATING");
    Request renewal(worker(), now_, *first.validation().take_renewal());
    ASSERT_EQ(renewal.advance(), "POST /introspect");
    EXPECT_EQ(visit(mine), "active UPDATING");
    renewal.answer(kActive);
    EXPECT_EQ(visit(mine), "active HIT");
}

TEST_F(FlowStale, UpdatingAlonePermitsNothingDuringAPause)
{
    const Introspector &mine = may(opaque("mine"), kUpdating);
    introspect(mine);
    pass_s(10);
    for (int i = 0; i < 3; ++i) {
        Request stale(worker(), now_, {&mine}, "opaque");
        ASSERT_EQ(stale.advance(), "active");
        Request renewal(worker(), now_, *stale.validation().take_renewal());
        ASSERT_EQ(renewal.advance(), "POST /introspect");
        renewal.no_answer(Code::kIssuerUnreachable);
        pass_ms(1);
    }
    EXPECT_EQ(verdict({&mine}, "opaque"), "issuer_unreachable");
}

TEST_F(FlowStale, AnInactiveTokenStaysInactive)
{
    const Introspector &mine = may(opaque("mine"), kAlways);
    introspect(mine, kInactive);
    pass_s(10);
    EXPECT_EQ(visit(mine), "inactive STALE");
}

TEST_F(FlowStale, ClaimsAreCheckedAsEver)
{
    Introspector &mine = may(opaque("mine"), kAlways);
    mine.rules.audiences = {"me"};
    introspect(mine, R"({"active":true,"aud":"you"})");
    pass_s(10);
    EXPECT_EQ(visit(mine), "wrong_audience STALE");
}

TEST_F(FlowStale, WithoutACacheThereIsNothingToServe)
{
    Introspector &mine = may(opaque("mine"), kAlways);
    mine.cache_ttl_ms = 0;
    introspect(mine);
    EXPECT_EQ(after(mine, Code::kIssuerUnreachable), "issuer_unreachable BYPASS");
}

TEST_F(FlowStale, AnotherTokenIsNotServed)
{
    const Introspector &mine = may(opaque("mine"), kAlways);
    introspect(mine);
    pass_s(10);
    Request other(worker(), now_, {&mine}, "other");
    ASSERT_EQ(other.advance(), "POST /introspect");
    EXPECT_EQ(other.no_answer(Code::kIssuerUnreachable), "issuer_unreachable");
}

// --- documents -----------------------------------------------------------------------------------

TEST_F(FlowStale, AKeySetIsServedWhereThatIsPermitted)
{
    const Introspector &strict = may(jwt("strict"), {});
    const Introspector &lenient = may(jwt("lenient"), kOnError);
    verdict_with_keys({&strict}, signer_a().token(R"("n":1)"), keys_a());
    verdict_with_keys({&lenient}, signer_a().token(R"("n":1)"), keys_a());
    pass_s(10);

    for (const auto &[introspector, word] :
         {std::pair{&strict, "issuer_unreachable"}, std::pair{&lenient, "active"}})
    {
        Request request(worker(), now_, {introspector}, signer_a().token(R"("n":2)"));
        ASSERT_EQ(request.advance(), "GET /jwks");
        EXPECT_EQ(request.no_answer(Code::kIssuerUnreachable), word);
    }
    pass_ms(99'999);
    Request last(worker(), now_, {&lenient}, signer_a().token(R"("n":3)"));
    ASSERT_EQ(last.advance(), "GET /jwks");
    EXPECT_EQ(last.no_answer(Code::kIssuerUnreachable), "active");
    pass_ms(1);
    Request late(worker(), now_, {&lenient}, signer_a().token(R"("n":3)"));
    ASSERT_EQ(late.advance(), "GET /jwks");
    EXPECT_EQ(late.no_answer(Code::kIssuerUnreachable), "issuer_unreachable");
}

TEST_F(FlowStale, AStaleKeySetDoesNotSpeakForAKidThatItLacks)
{
    const Introspector &mine = may(jwt("mine"), kOnError);
    verdict_with_keys({&mine}, signer_a().token(R"("n":1)"), keys_a());
    pass_s(10);

    Request request(worker(), now_, {&mine}, signer_b().token());
    ASSERT_EQ(request.advance(), "GET /jwks");
    EXPECT_EQ(request.no_answer(Code::kIssuerUnreachable), "issuer_unreachable")
        << "the client's token may be good";
}

TEST_F(FlowStale, AForgedTokenIsRefusedByAStaleKeySet)
{
    const Introspector &mine = may(jwt("mine"), kOnError);
    verdict_with_keys({&mine}, signer_a().token(R"("n":1)"), keys_a());
    pass_s(10);

    const std::string good = signer_a().token(R"("n":2)");
    const std::string other = signer_a().token(R"("n":3)");
    Request request(worker(), now_, {&mine},
                    good.substr(0, good.rfind('.')) + other.substr(other.rfind('.')));
    ASSERT_EQ(request.advance(), "GET /jwks");
    EXPECT_EQ(request.no_answer(Code::kIssuerUnreachable), "bad_signature");
}

TEST_F(FlowStale, MetadataIsServedToo)
{
    Introspector &mine = may(opaque("mine"), kOnError);
    mine.introspection_endpoint.clear();
    mine.rules.issuers = {test::kIssuer};
    mine.discovery_uris = {"/metadata"};
    Request first(worker(), now_, {&mine}, "opaque");
    ASSERT_EQ(first.advance(), "GET /metadata");
    ASSERT_EQ(first.answer(test::kMetadata), "POST https://issuer.example/introspect");
    ASSERT_EQ(first.answer(kActive), "active");
    pass_s(10);

    Request second(worker(), now_, {&mine}, "opaque");
    ASSERT_EQ(second.advance(), "GET /metadata");
    ASSERT_EQ(second.no_answer(Code::kIssuerUnreachable), "POST https://issuer.example/introspect");
    EXPECT_EQ(second.answer(kActive), "active");
    EXPECT_EQ(second.cache(), "EXPIRED");
}

TEST_F(FlowStale, AUserIsServedToo)
{
    Introspector &mine = may(jwt_with_key("mine"), kOnError);
    mine.user_claims = {"sub"};
    mine.user_endpoint = "/User/";
    Request first(worker(), now_, {&mine}, signer_a().token(R"("sub":"a")"));
    ASSERT_EQ(first.advance(), "GET /User/a");
    ASSERT_EQ(first.answer(R"({"user":{"name":"Alice"}})"), "active");
    Request gone(worker(), now_, {&mine}, signer_a().token(R"("sub":"b")"));
    ASSERT_EQ(gone.advance(), "GET /User/b");
    ASSERT_EQ(gone.answer(R"({"user":{"inactive":true}})"), "user_inactive");
    pass_s(10);

    Request alice(worker(), now_, {&mine}, signer_a().token(R"("sub":"a")"));
    ASSERT_EQ(alice.advance(), "GET /User/a");
    EXPECT_EQ(alice.no_answer(Code::kIssuerUnreachable), "active");
    EXPECT_EQ(alice.validation().user().find("name").string(), "Alice");
    Request other(worker(), now_, {&mine}, signer_a().token(R"("sub":"b")"));
    ASSERT_EQ(other.advance(), "GET /User/b");
    EXPECT_EQ(other.no_answer(Code::kIssuerUnreachable), "user_inactive");
}

TEST_F(FlowStale, ASignedResultIsServedWhenItsKeysCannotBeHad)
{
    const Introspector &mine = may(fetching("mine"), kOnError);
    const std::string jwt = test::response(signer_a());
    Request first(worker(), now_, {&mine}, "opaque");
    ASSERT_EQ(first.advance(), "POST /introspect");
    ASSERT_EQ(first.answer(signed_answer(jwt)), "GET /jwks");
    ASSERT_EQ(first.answer(keys_a()), "active");
    pass_s(10);

    Request second(worker(), now_, {&mine}, "opaque");
    ASSERT_EQ(second.advance(), "POST /introspect");
    ASSERT_EQ(second.answer(signed_answer(test::response(signer_b()))), "GET /jwks");
    EXPECT_EQ(second.no_answer(Code::kIssuerUnreachable), "active");
    EXPECT_EQ(second.cache(), "STALE");
    EXPECT_EQ(jwt_of(second), jwt);
}

// --- circuits ------------------------------------------------------------------------------------

class FlowCircuit : public test::FlowTest {
protected:
    /// What three tokens' fetches end with, then what a fourth token's request does.
    std::string fourth_after(const Introspector &mine, Code failure, int status = 0)
    {
        for (int i = 0; i < 3; ++i) {
            Request request(worker(), now_, {&mine}, "token" + std::to_string(i));
            EXPECT_EQ(request.advance(), "POST /introspect");
            status != 0 ? request.answer("{}", status) : request.no_answer(failure);
            pass_ms(1);
        }
        return verdict({&mine}, "the fourth");
    }
};

TEST_F(FlowCircuit, AnEndpointThatIsDownIsLeftAlone)
{
    std::deque<const Introspector *> mine;
    for (const char *name : {"a", "b", "c", "d", "e", "f"}) {
        mine.push_back(&opaque(name));
    }
    EXPECT_EQ(fourth_after(*mine[0], Code::kIssuerUnreachable), "issuer_unreachable");
    EXPECT_EQ(fourth_after(*mine[1], Code::kIssuerTimeout), "issuer_timeout");
    EXPECT_EQ(fourth_after(*mine[2], {}, 429), "issuer_status");
    EXPECT_EQ(fourth_after(*mine[3], {}, 502), "issuer_status");
    EXPECT_EQ(fourth_after(*mine[4], {}, 503), "issuer_status");
    EXPECT_EQ(fourth_after(*mine[5], {}, 504), "issuer_status");
}

TEST_F(FlowCircuit, AnEndpointThatAnswersOddlyIsNotDown)
{
    std::deque<const Introspector *> mine;
    for (const char *name : {"a", "b", "c", "d", "e"}) {
        mine.push_back(&opaque(name));
    }
    EXPECT_EQ(fourth_after(*mine[0], {}, 500), "POST /introspect");
    EXPECT_EQ(fourth_after(*mine[1], {}, 501), "POST /introspect");
    EXPECT_EQ(fourth_after(*mine[2], {}, 401), "POST /introspect");
    EXPECT_EQ(fourth_after(*mine[3], Code::kIssuerResponseTooBig), "POST /introspect");
    EXPECT_EQ(fourth_after(*mine[4], {}, 200), "POST /introspect") << "no JSON of RFC 7662";
}

TEST_F(FlowCircuit, RefusalsSayWhenToComeAgain)
{
    const Introspector &mine = opaque("mine");
    ASSERT_EQ(fourth_after(mine, Code::kIssuerUnreachable), "issuer_unreachable");
    Request request(worker(), now_, {&mine}, "another");
    const Step step = request.validation().advance(now_);
    const auto *decision = std::get_if<Decision>(&step);
    ASSERT_NE(decision, nullptr);
    EXPECT_GE(decision->retry_after_ms, 400U);
    EXPECT_LE(decision->retry_after_ms, 1000U);
}

TEST_F(FlowCircuit, AfterThePauseOneAsksForAll)
{
    const Introspector &mine = opaque("mine");
    ASSERT_EQ(fourth_after(mine, Code::kIssuerUnreachable), "issuer_unreachable");
    pass_s(1);

    Request probe(worker(), now_, {&mine}, "probe");
    ASSERT_EQ(probe.advance(), "POST /introspect");
    EXPECT_EQ(verdict({&mine}, "other"), "issuer_unreachable");
    EXPECT_EQ(probe.answer(kActive), "active");
    EXPECT_EQ(verdict({&mine}, "other"), "POST /introspect");
}

TEST_F(FlowCircuit, AProbeThatGoesLeavesItToTheNext)
{
    const Introspector &mine = opaque("mine");
    ASSERT_EQ(fourth_after(mine, Code::kIssuerUnreachable), "issuer_unreachable");
    pass_s(1);

    for (int i = 0; i < 3; ++i) {
        Request probe(worker(), now_, {&mine}, "probe" + std::to_string(i));
        ASSERT_EQ(probe.advance(), "POST /introspect");
        probe.validation().give_up(Code::kTooManyWaiting);
    }
    Request probe(worker(), now_, {&mine}, "probe");
    EXPECT_EQ(probe.advance(), "POST /introspect");
}

TEST_F(FlowCircuit, EachEndpointHasItsOwn)
{
    Introspector &mine = opaque("mine");
    mine.user_claims = {"sub"};
    mine.user_endpoint = "/User/";
    const Introspector &theirs = opaque("theirs");
    ASSERT_EQ(fourth_after(theirs, Code::kIssuerUnreachable), "issuer_unreachable");

    for (int i = 0; i < 4; ++i) {
        const std::string name = "u" + std::to_string(i);
        Request request(worker(), now_, {&mine}, name);
        ASSERT_EQ(request.advance(), "POST /introspect") << "whatever ails the users";
        const std::string next = request.answer(R"({"active":true,"sub":")" + name + "\"}");
        if (i == 3) {
            EXPECT_EQ(next, "issuer_unreachable");
            break;
        }
        ASSERT_EQ(next, "GET /User/" + name);
        request.no_answer(Code::kIssuerUnreachable);
        pass_ms(1);
    }
}

TEST_F(FlowCircuit, AKnownTokenNeedsNoEndpoint)
{
    const Introspector &mine = opaque("mine");
    Request first(worker(), now_, {&mine}, "known");
    first.advance();
    ASSERT_EQ(first.answer(kActive), "active");
    ASSERT_EQ(fourth_after(mine, Code::kIssuerUnreachable), "issuer_unreachable");
    EXPECT_EQ(verdict({&mine}, "known"), "active");
}

// --- give_up -------------------------------------------------------------------------------------

class FlowGiveUp : public test::FlowTest {};

TEST_F(FlowGiveUp, LeavesItsWorkToTheNext)
{
    const Introspector &mine = opaque("mine");
    Request leader(worker(), now_, {&mine}, "opaque");
    Request follower(worker(), now_, {&mine}, "opaque");
    leader.advance();
    ASSERT_EQ(follower.advance(), "WAIT");

    EXPECT_EQ(leader.validation().give_up(Code::kTooManyWaiting).code, Code::kTooManyWaiting);
    EXPECT_EQ(worker().host().times_settled(key_of(mine)), 1);
    EXPECT_EQ(follower.advance(), "POST /introspect");
    leader.vanish();
    EXPECT_EQ(worker().host().times_settled(key_of(mine)), 1) << "no more";
    EXPECT_EQ(follower.answer(kActive), "active");
}

TEST_F(FlowGiveUp, ShowsNoClaims)
{
    Introspector &mine = jwt_with_key("mine");
    mine.user_claims = {"sub"};
    mine.user_endpoint = "/User/";
    Request request(worker(), now_, {&mine}, signer_a().token(R"("sub":"a")"));
    ASSERT_EQ(request.advance(), "GET /User/a");
    ASSERT_EQ(request.claim("sub"), "a");

    request.validation().give_up(Code::kTooManyWaiting);
    EXPECT_EQ(request.claim("sub"), "");
    EXPECT_EQ(request.validation().header().find("kid").string(), "");
    EXPECT_EQ(verdict({&mine}, signer_a().token(R"("sub":"a")")), "GET /User/a");
}

TEST_F(FlowGiveUp, OfAKeySetLeavesItToTheNext)
{
    const Introspector &mine = jwt("mine");
    Request leader(worker(), now_, {&mine}, signer_a().token());
    ASSERT_EQ(leader.advance(), "GET /jwks");
    leader.validation().give_up(Code::kTooManyWaiting);
    EXPECT_EQ(verdict_with_keys({&mine}, signer_a().token(), key_set({&signer_a()})), "active");
}

}  // namespace
}  // namespace token_introspect::flow
