// The keys that verify signed introspection responses, and who waits for them.

#include "signed_response_fixture.hpp"

namespace token_introspect::flow {
namespace {

using namespace test;
using test::Request;

using FlowSignedResponseKeys = SignedResponseTest;

TEST_F(FlowSignedResponseKeys, KeysAreFetchedForTheFirstAnswer)
{
    const Introspector &mine = fetching("mine");
    Request first(worker(), now_, {&mine}, "one");
    EXPECT_EQ(first.advance(), "POST /introspect");
    EXPECT_EQ(first.answer(signed_answer(response(signer_a()))), "GET /jwks");
    EXPECT_EQ(first.fetch().document, Document::kKeySet);
    EXPECT_EQ(first.fetch().authorization, "") << "the credentials are the endpoint's";
    EXPECT_EQ(first.answer(keys_a()), "active");
    EXPECT_EQ(first.cache(), "MISS");

    EXPECT_EQ(answered(mine, response(signer_a())), "active") << "the keys are there now";
    test::Worker other(zone_, introspectors_);
    Request elsewhere(other, now_, {&mine}, "two");
    EXPECT_EQ(elsewhere.advance(), "POST /introspect");
    EXPECT_EQ(elsewhere.answer(signed_answer(response(signer_a()))), "active");
}

TEST_F(FlowSignedResponseKeys, InactiveWithoutAJwtNeedsNoKeys)
{
    const Introspector &mine = fetching("mine");

    EXPECT_EQ(
        answered(mine, {.status = 204, .content_type = {}, .content_encoding = {}, .body = {}}),
        "inactive");
}

TEST_F(FlowSignedResponseKeys, BodyChangesWhileTheKeysAreFetched)
{
    const Introspector &mine = fetching("mine");
    std::string body = response(signer_a());
    const std::string jwt = body;
    Request request(worker(), now_, {&mine}, "opaque");
    request.advance();
    ASSERT_EQ(request.answer(signed_answer(body)), "GET /jwks");
    std::ranges::fill(body, 'x');  // the fetch's memory is gone by then

    EXPECT_EQ(request.answer(keys_a()), "active");
    EXPECT_EQ(jwt_of(request), jwt);
}

TEST_F(FlowSignedResponseKeys, MetadataNamesEndpointAndKeys)
{
    const Introspector &mine = discovering();
    Request request(worker(), now_, {&mine}, "opaque");

    EXPECT_EQ(request.advance(), "GET https://issuer.example/metadata");
    EXPECT_EQ(request.answer(kMetadata), "POST https://issuer.example/introspect");
    EXPECT_EQ(request.answer(signed_answer(response(signer_a()))),
              "GET https://issuer.example/keys");
    EXPECT_EQ(request.answer(keys_a()), "active");
}

TEST_F(FlowSignedResponseKeys, MetadataNamesTheKeysAlone)
{
    Introspector &mine = discovering();
    mine.introspection_endpoint = "/introspect";
    Request request(worker(), now_, {&mine}, "opaque");

    EXPECT_EQ(request.advance(), "GET https://issuer.example/metadata");
    EXPECT_EQ(request.answer(R"({"issuer":"https://issuer.example",)"
                             R"("jwks_uri":"https://issuer.example/keys"})"),
              "POST /introspect");
    EXPECT_EQ(request.answer(signed_answer(response(signer_a()))),
              "GET https://issuer.example/keys");
    EXPECT_EQ(request.answer(keys_a()), "active");
}

TEST_F(FlowSignedResponseKeys, MetadataNamesTheEndpointAlone)
{
    Introspector &mine = discovering();
    mine.jwks_uri = "/jwks";
    Request request(worker(), now_, {&mine}, "opaque");

    EXPECT_EQ(request.advance(), "GET https://issuer.example/metadata");
    EXPECT_EQ(request.answer(R"({"issuer":"https://issuer.example",)"
                             R"("introspection_endpoint":"https://issuer.example/introspect"})"),
              "POST https://issuer.example/introspect");
    EXPECT_EQ(request.answer(signed_answer(response(signer_a()))), "GET /jwks");
    EXPECT_EQ(request.answer(keys_a()), "active");
}

TEST_F(FlowSignedResponseKeys, MetadataNamesTheIssuer)
{
    Introspector &mine = signing("mine");
    mine.rules.issuers.clear();
    mine.discovery_uris = {"https://issuer.example/metadata"};
    Request request(worker(), now_, {&mine}, "opaque");

    EXPECT_EQ(request.advance(), "GET https://issuer.example/metadata");
    EXPECT_EQ(request.answer(kMetadata), "POST /introspect");
    EXPECT_EQ(request.answer(signed_answer(response(signer_a()))), "active");
    EXPECT_EQ(answered(mine, signer_a().sign(R"({"alg":"ES256","typ":"token-introspection+jwt"})",
                                             envelope(kActive, {}, "https://other.example"))),
              "issuer_response");
}

TEST_F(FlowSignedResponseKeys, MetadataThatLacksAnAddressIsNone)
{
    const Introspector &mine = discovering();
    for (const char *metadata :
         {R"({"issuer":"https://issuer.example",)"
          R"("jwks_uri":"https://issuer.example/keys"})",
          R"({"issuer":"https://issuer.example",)"
          R"("introspection_endpoint":"https://issuer.example/introspect"})"})
    {
        Request request(worker(), now_, {&mine}, "opaque");
        ASSERT_EQ(request.advance(), "GET https://issuer.example/metadata");
        EXPECT_EQ(request.answer(metadata), "issuer_metadata");
        pass_ms(1);
    }
}

TEST_F(FlowSignedResponseKeys, UnknownKidRenewsTheKeysOnce)
{
    const Introspector &mine = with_keys_of_a();
    Request leader(worker(), now_, {&mine}, "opaque");
    ASSERT_EQ(leader.advance(), "POST /introspect");
    ASSERT_EQ(leader.answer(signed_answer(response(signer_b()))), "GET /jwks");
    Request follower(worker(), now_, {&mine}, "opaque");
    EXPECT_EQ(follower.advance(), "WAIT") << "the token's lease is held";
    EXPECT_EQ(follower.wait().key, key_of(mine, "opaque"));
    pass_ms(10);

    EXPECT_EQ(leader.answer(keys_b()), "active");
    EXPECT_EQ(follower.advance(), "active");
    EXPECT_EQ(follower.cache(), "HIT");
    EXPECT_EQ(jwt_of(follower), response(signer_b()));
    EXPECT_EQ(answered(mine, response(signer_b())), "active");
}

TEST_F(FlowSignedResponseKeys, KidThatStaysUnknownIsTheIssuersFault)
{
    const Introspector &mine = with_keys_of_a();
    Request leader(worker(), now_, {&mine}, "opaque");
    leader.advance();
    ASSERT_EQ(leader.answer(signed_answer(response(signer_b()))), "GET /jwks");
    Request follower(worker(), now_, {&mine}, "opaque");
    ASSERT_EQ(follower.advance(), "WAIT");
    pass_ms(10);

    EXPECT_EQ(leader.answer(keys_a()), "issuer_response");
    EXPECT_EQ(follower.advance(), "issuer_response");
    EXPECT_EQ(worker().host().reports.size(), 1U);
    EXPECT_EQ(answered(mine, response(signer_b())), "issuer_response")
        << "no other fetch for a while";
    EXPECT_EQ(answered(mine, response(signer_a())), "active");
    pass_s(kInterval);
    EXPECT_EQ(answered(mine, response(signer_b())), "GET /jwks");
}

TEST_F(FlowSignedResponseKeys, UnknownKidRightAfterTheFirstFetchIsRefused)
{
    const Introspector &mine = fetching("mine");
    Request request(worker(), now_, {&mine}, "opaque");
    request.advance();
    ASSERT_EQ(request.answer(signed_answer(response(signer_b()))), "GET /jwks");

    EXPECT_EQ(request.answer(keys_a()), "issuer_response");
}

TEST_F(FlowSignedResponseKeys, ForgedSignatureFetchesNothing)
{
    const Introspector &mine = with_keys_of_a();

    EXPECT_EQ(answered(mine, signer_b().sign(R"({"alg":"ES256","kid":"a",)"
                                             R"("typ":"token-introspection+jwt"})",
                                             envelope(kActive))),
              "issuer_response");
}

TEST_F(FlowSignedResponseKeys, FollowersAreToldThatTheKeysCannotBeHad)
{
    const Introspector &mine = fetching("mine");
    struct Case {
        const char *name;
        std::string (*fails)(Request &);
        const char *word;
    };
    const auto cases = std::to_array<Case>(
        {{"status", [](Request &request) { return request.answer("", 500); }, "issuer_status"},
         {"timeout", [](Request &request) { return request.no_answer(Code::kIssuerTimeout); },
          "issuer_timeout"},
         {"text", [](Request &request) { return request.answer("<html>"); }, "issuer_response"},
         {"empty", [](Request &request) { return request.answer(R"({"keys":[]})"); }, "no_keys"},
         {"no set", [](Request &request) { return request.answer("{}"); }, "malformed_key"}});

    for (const auto &[name, fails, word] : cases) {
        const std::size_t before = worker().host().reports.size();
        Request leader(worker(), now_, {&mine}, "opaque");
        Request follower(worker(), now_, {&mine}, "opaque");
        ASSERT_EQ(leader.advance(), "POST /introspect") << name;
        ASSERT_EQ(follower.advance(), "WAIT") << name;
        pass_ms(10);
        ASSERT_EQ(leader.answer(signed_answer(response(signer_a()))), "GET /jwks") << name;
        EXPECT_EQ(follower.advance(), "WAIT") << name;
        pass_ms(10);

        EXPECT_EQ(fails(leader), word) << name;
        EXPECT_EQ(follower.advance(), word) << name;
        EXPECT_EQ(worker().host().reports.size(), before + 1) << name;
        pass_s(60);  // longer than any pause after failures
    }
    Request next(worker(), now_, {&mine}, "opaque");
    EXPECT_EQ(next.advance(), "POST /introspect");
    EXPECT_EQ(next.answer(signed_answer(response(signer_a()))), "GET /jwks");
    EXPECT_EQ(next.answer(keys_a()), "active");
}

TEST_F(FlowSignedResponseKeys, FailedRenewalDeniesNobodyElse)
{
    const Introspector &mine = with_keys_of_a();
    Request unknown(worker(), now_, {&mine}, "opaque");
    unknown.advance();
    ASSERT_EQ(unknown.answer(signed_answer(response(signer_b()))), "GET /jwks");
    EXPECT_EQ(unknown.answer("", 500), "issuer_status");
    pass_ms(1);

    EXPECT_EQ(answered(mine, response(signer_a())), "active");
    EXPECT_EQ(verdict({&mine}, "the first"), "active");
}

TEST_F(FlowSignedResponseKeys, OneAsksForAll)
{
    const Introspector &mine = fetching("mine");
    test::Worker other(zone_, introspectors_);
    Request leader(worker(), now_, {&mine}, "opaque");
    Request same_worker(worker(), now_, {&mine}, "opaque");
    Request other_worker(other, now_, {&mine}, "opaque");
    ASSERT_EQ(leader.advance(), "POST /introspect");
    pass_ms(10);
    ASSERT_EQ(same_worker.advance(), "WAIT");
    ASSERT_EQ(leader.answer(signed_answer(response(signer_a()))), "GET /jwks");
    ASSERT_EQ(other_worker.advance(), "WAIT");
    EXPECT_EQ(same_worker.advance(), "WAIT") << "woken too early";
    pass_ms(10);

    EXPECT_EQ(leader.answer(keys_a()), "active");
    EXPECT_EQ(worker().host().times_settled(key_of(mine, "opaque")), 1);
    for (Request *follower : {&same_worker, &other_worker}) {
        EXPECT_EQ(follower->advance(), "active") << "without keys of their own";
        EXPECT_EQ(follower->claim("sub"), "s");
        EXPECT_EQ(follower->cache(), "HIT");
        EXPECT_EQ(jwt_of(*follower), response(signer_a()));
    }
}

TEST_F(FlowSignedResponseKeys, WaitsForKeysThatSomebodyElseFetches)
{
    const Introspector &mine = fetching("mine");
    Request fetches(worker(), now_, {&mine}, "one");
    Request waits(worker(), now_, {&mine}, "two");
    Request follows(worker(), now_, {&mine}, "two");
    fetches.advance();
    waits.advance();
    ASSERT_EQ(fetches.answer(signed_answer(response(signer_a()))), "GET /jwks");
    ASSERT_EQ(waits.answer(signed_answer(response(signer_a()))), "WAIT");
    EXPECT_EQ(waits.wait().key, mine.key_set_key());
    ASSERT_EQ(follows.advance(), "WAIT");
    EXPECT_EQ(follows.wait().key, key_of(mine, "two"));
    EXPECT_EQ(waits.advance(), "WAIT") << "woken too early";
    EXPECT_EQ(follows.advance(), "WAIT");
    pass_ms(10);

    EXPECT_EQ(fetches.answer(keys_a()), "active");
    EXPECT_EQ(follows.advance(), "WAIT");
    EXPECT_EQ(waits.advance(), "active");
    EXPECT_EQ(jwt_of(waits), response(signer_a()));
    EXPECT_EQ(follows.advance(), "active");
}

TEST_F(FlowSignedResponseKeys, FetchesTheKeysItselfWhenSomebodyElseVanishes)
{
    const Introspector &mine = fetching("mine");
    Request fetches(worker(), now_, {&mine}, "one");
    Request waits(worker(), now_, {&mine}, "two");
    fetches.advance();
    waits.advance();
    fetches.answer(signed_answer(response(signer_a())));
    ASSERT_EQ(waits.answer(signed_answer(response(signer_a()))), "WAIT");
    fetches.vanish();

    EXPECT_EQ(waits.advance(), "GET /jwks");
    EXPECT_EQ(waits.answer(keys_a()), "active");
}

TEST_F(FlowSignedResponseKeys, IsToldWhenSomebodyElsesKeyFetchFails)
{
    const Introspector &mine = fetching("mine");
    Request fetches(worker(), now_, {&mine}, "one");
    Request waits(worker(), now_, {&mine}, "two");
    Request follows(worker(), now_, {&mine}, "two");
    fetches.advance();
    waits.advance();
    fetches.answer(signed_answer(response(signer_a())));
    ASSERT_EQ(waits.answer(signed_answer(response(signer_a()))), "WAIT");
    follows.advance();
    pass_ms(10);

    EXPECT_EQ(fetches.no_answer(Code::kIssuerUnreachable), "issuer_unreachable");
    EXPECT_EQ(waits.advance(), "issuer_unreachable");
    EXPECT_EQ(follows.advance(), "issuer_unreachable");
    EXPECT_EQ(worker().host().reports.size(), 1U);
}

TEST_F(FlowSignedResponseKeys, LeaseLastsForTheAnswerAndItsKeys)
{
    Introspector &mine = fetching("mine");
    mine.fetch_ms = 3000;
    Request leader(worker(), now_, {&mine}, "opaque");
    Request follower(worker(), now_, {&mine}, "opaque");
    leader.advance();
    pass_ms(3000);
    ASSERT_EQ(leader.answer(signed_answer(response(signer_a()))), "GET /jwks");
    pass_ms(3000);
    EXPECT_EQ(follower.advance(), "WAIT");
    pass_ms(1999);
    EXPECT_EQ(follower.advance(), "WAIT");
    pass_ms(1);
    EXPECT_EQ(follower.advance(), "POST /introspect");

    EXPECT_EQ(leader.answer(keys_a()), "active") << "for itself alone";
    EXPECT_EQ(verdict({&mine}, "opaque"), "WAIT");
    EXPECT_EQ(
        follower.answer({.status = 204, .content_type = {}, .content_encoding = {}, .body = {}}),
        "inactive");
    EXPECT_EQ(verdict({&mine}, "opaque"), "inactive");
}

// The client goes away: whoever waits takes over at once, nobody is left to a lease's end.
TEST_F(FlowSignedResponseKeys, WhoeverVanishesLeavesNoLease)
{
    const Introspector &mine = with_keys_of_a();
    const cache::Key key = key_of(mine, "opaque");
    const auto leads_now = [&] {
        Request next(worker(), now_, {&mine}, "opaque");
        const std::string step = next.advance();
        return step;  // and vanishes
    };
    const auto keys_are_free = [&] {
        Request next(worker(), now_, {&mine}, "another");
        next.advance();
        return next.answer(signed_answer(response(signer_b())));
    };
    {
        Request request(worker(), now_, {&mine}, "opaque");
        ASSERT_EQ(request.advance(), "POST /introspect");
        ASSERT_EQ(leads_now(), "WAIT");
        request.vanish();
    }
    EXPECT_EQ(leads_now(), "POST /introspect") << "during the introspection";
    EXPECT_EQ(keys_are_free(), "GET /jwks");
    {
        Request request(worker(), now_, {&mine}, "opaque");
        request.advance();
        ASSERT_EQ(request.answer(signed_answer(response(signer_b()))), "GET /jwks");
        ASSERT_EQ(leads_now(), "WAIT");
        ASSERT_EQ(keys_are_free(), "WAIT");
        request.vanish();
    }
    EXPECT_EQ(leads_now(), "POST /introspect") << "during the renewal of the keys";
    EXPECT_EQ(keys_are_free(), "GET /jwks");
    {
        Request fetches(worker(), now_, {&mine}, "one");
        fetches.advance();
        ASSERT_EQ(fetches.answer(signed_answer(response(signer_b()))), "GET /jwks");
        Request request(worker(), now_, {&mine}, "opaque");
        request.advance();
        ASSERT_EQ(request.answer(signed_answer(response(signer_b()))), "WAIT");
        ASSERT_EQ(request.wait().key, mine.key_set_key());
        ASSERT_EQ(leads_now(), "WAIT");
        request.vanish();
        EXPECT_EQ(leads_now(), "POST /introspect") << "while it waits for the keys";
        EXPECT_EQ(keys_are_free(), "WAIT") << "those are fetched by another";
    }
    {
        Request leader(worker(), now_, {&mine}, "opaque");
        leader.advance();
        Request request(worker(), now_, {&mine}, "opaque");
        ASSERT_EQ(request.advance(), "WAIT");
        const auto settled = worker().host().times_settled(key);
        request.vanish();
        EXPECT_EQ(worker().host().times_settled(key), settled) << "a follower held nothing";
        EXPECT_EQ(leader.answer(signed_answer(response(signer_a()))), "active");
        leader.vanish();
    }
    EXPECT_EQ(leads_now(), "active") << "once it is decided";
}

TEST_F(FlowSignedResponseKeys, WhoeverVanishesFromMetadataLeavesNoLease)
{
    const Introspector &mine = discovering();
    Request request(worker(), now_, {&mine}, "opaque");
    ASSERT_EQ(request.advance(), "GET https://issuer.example/metadata");
    Request follower(worker(), now_, {&mine}, "opaque");
    ASSERT_EQ(follower.advance(), "WAIT");
    request.vanish();

    EXPECT_EQ(follower.advance(), "GET https://issuer.example/metadata");
    EXPECT_EQ(follower.answer(kMetadata), "POST https://issuer.example/introspect");
}

}  // namespace
}  // namespace token_introspect::flow
