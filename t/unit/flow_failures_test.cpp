// When memory is short: a request may cost more, but it ends, and rightly.

#include "flow_fixture.hpp"

namespace token_introspect::flow {
namespace {

using test::Issuer;
using test::key_set;
using test::kIssuer;
using test::Request;
using test::signer_a;
using test::signer_b;

const std::string kOpenId = kIssuer + "/.well-known/openid-configuration";
const std::string kKeys = kIssuer + "/keys";
const std::string kMetadata = R"({"issuer":"https://issuer.example",)"
                              R"("jwks_uri":"https://issuer.example/keys"})";

class FlowFailures : public test::FlowTest {
protected:
    Introspector &discovering()
    {
        Introspector &introspector = jwt("mine");
        introspector.jwks_uri.clear();
        introspector.discovery_uris = {kOpenId};
        return introspector;
    }
    Issuer issuer()
    {
        return {.documents = {{kOpenId, kMetadata},
                              {kKeys, key_set({&signer_a()})},
                              {"/introspect", R"({"active":true,"sub":"s"})"}},
                .fetches = {}};
    }
};

TEST_F(FlowFailures, StoreWithoutMemoryStillValidates)
{
    const Introspector &mine = discovering();
    const Introspector &theirs = opaque("theirs");
    zone_.fill(now_);
    Issuer remote = issuer();

    for (int i = 1; i <= 3; ++i) {
        Request good(worker(), now_, {&mine}, signer_a().token());
        EXPECT_EQ(remote.decide(good), "active");
        EXPECT_EQ(remote.fetches[kOpenId], 1);
        EXPECT_EQ(remote.fetches[kKeys], 1);
        Request token(worker(), now_, {&theirs}, "opaque");
        EXPECT_EQ(remote.decide(token), "active");
        EXPECT_EQ(token.claim("sub"), "s");
        EXPECT_EQ(remote.fetches["/introspect"], i);
    }
}

TEST_F(FlowFailures, StoreWithoutMemoryFetchesOnceForAnUnknownKid)
{
    const Introspector &mine = discovering();
    zone_.fill(now_);
    Issuer remote = issuer();
    Request unknown(worker(), now_, {&mine}, signer_b().token());

    EXPECT_EQ(remote.decide(unknown), "unknown_key");
    EXPECT_EQ(remote.fetches[kOpenId], 1);
    EXPECT_EQ(remote.fetches[kKeys], 1);
}

TEST_F(FlowFailures, StoreWithoutMemoryReportsFailures)
{
    const Introspector &mine = discovering();
    zone_.fill(now_);
    Issuer remote = issuer();
    remote.documents[kKeys] = "{}";
    Request request(worker(), now_, {&mine}, signer_a().token());

    EXPECT_EQ(remote.decide(request), "malformed_key");
}

TEST_F(FlowFailures, MemoryLostBetweenTheDocumentsDoesNotMatter)
{
    const Introspector &mine = discovering();
    Request request(worker(), now_, {&mine}, signer_a().token());
    request.advance();
    ASSERT_EQ(request.answer(kMetadata), "GET " + kKeys);
    zone_.fill(now_);

    EXPECT_EQ(request.answer(key_set({&signer_a()})), "active");
}

// Leases fit, but no document does.
class FlowFailuresInASmallZone : public test::FlowTest {
protected:
    FlowFailuresInASmallZone() : FlowTest(6144) {}
};

TEST_F(FlowFailuresInASmallZone, DocumentThatFindsNoRoomIsKeptByItsWorker)
{
    Introspector &mine = jwt("mine");
    Issuer remote{.documents = {{"/jwks", key_set({&signer_a()}) + std::string(4000, ' ')}},
                  .fetches = {}};
    ASSERT_NE(zone_.root, nullptr);

    for (int i = 1; i <= 3; ++i) {
        Request request(worker(), now_, {&mine}, signer_a().token());
        EXPECT_EQ(remote.decide(request), "active");
        EXPECT_EQ(remote.fetches["/jwks"], 1) << i;
    }
    now_.monotonic_ms += mine.cache_ttl_ms;
    Request later(worker(), now_, {&mine}, signer_a().token());
    EXPECT_EQ(remote.decide(later), "active");
    EXPECT_EQ(remote.fetches["/jwks"], 2);
}

TEST_F(FlowFailuresInASmallZone, FollowersOfAnAnswerThatFindsNoRoomDoNotTakeTurns)
{
    const Introspector &theirs = opaque("theirs");
    const std::string answer = R"({"active":true,"x":")" + std::string(4000, 'x') + R"("})";
    Request leader(worker(), now_, {&theirs}, "token");
    Request second(worker(), now_, {&theirs}, "token");
    Request third(worker(), now_, {&theirs}, "token");
    ASSERT_EQ(leader.advance(), "POST /introspect");
    ASSERT_EQ(second.advance(), "WAIT");
    ASSERT_EQ(third.advance(), "WAIT");

    EXPECT_EQ(leader.answer(answer), "active");
    ASSERT_EQ(second.advance(), "POST /introspect");
    ASSERT_EQ(third.advance(), "POST /introspect");
    EXPECT_EQ(second.answer(answer), "active");
    EXPECT_EQ(third.answer(answer), "active");
}

TEST_F(FlowFailures, NoRoomForACopyOfAJwtVerifiesItAnew)
{
    const Introspector &mine = jwt_with_key("mine");
    const std::string token = signer_a().token(R"("sub":"s")");
    ASSERT_EQ(verdict({&mine}, token), "active");

    Request request(worker(), now_, {&mine}, token);
    request.room().refuses = true;
    EXPECT_EQ(request.advance(), "active");
    EXPECT_EQ(request.claim("sub"), "s");
    EXPECT_EQ(request.cache(), "MISS");
}

TEST_F(FlowFailures, NoRoomForACopyOfAnAnswerIsInternal)
{
    const Introspector &mine = opaque("mine");
    Request first(worker(), now_, {&mine}, "opaque");
    first.advance();
    first.answer(R"({"active":true})");

    Request request(worker(), now_, {&mine}, "opaque");
    request.room().refuses = true;
    EXPECT_EQ(request.advance(), "internal");
}

TEST_F(FlowFailures, NoRoomForACopyOfTheKeysIsInternal)
{
    const Introspector &mine = jwt("mine");
    verdict_with_keys({&mine}, signer_a().token(), key_set({&signer_a()}));
    test::Worker other(zone_, introspectors_);

    Request request(other, now_, {&mine}, signer_a().token());
    request.room().refuses = true;
    EXPECT_EQ(request.advance(), "internal");
}

TEST_F(FlowFailures, FollowerWithoutRoomWaitsForTheLeader)
{
    Introspector &mine = jwt("mine");
    mine.cache_ttl_ms = 1000;
    verdict_with_keys({&mine}, signer_a().token(), key_set({&signer_a()}));
    pass_s(1);
    test::Worker other(zone_, introspectors_);
    Request leader(worker(), now_, {&mine}, signer_a().token());
    ASSERT_EQ(leader.advance(), "GET /jwks");

    Request follower(other, now_, {&mine}, signer_a().token());
    follower.room().refuses = true;
    EXPECT_EQ(follower.advance(), "WAIT") << "instead of the last good";
    leader.answer(key_set({&signer_a()}));
    follower.room().refuses = false;
    EXPECT_EQ(follower.advance(), "active");
}

TEST_F(FlowFailures, KeySetOfWhitespaceAndGarbageLeavesNoLease)
{
    const Introspector &mine = jwt("mine");
    for (int i = 0; i < 3; ++i) {
        Request request(worker(), now_, {&mine}, signer_a().token());
        ASSERT_EQ(request.advance(), "GET /jwks");
        EXPECT_EQ(request.answer(" "), "issuer_response");
        pass_ms(1);
    }
    EXPECT_EQ(worker().host().times_settled(mine.key_set_key()), 3);
}

}  // namespace
}  // namespace token_introspect::flow
