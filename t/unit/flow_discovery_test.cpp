// Authorization server metadata: OpenID Connect Discovery and RFC 8414.

#include "flow_fixture.hpp"

namespace token_introspect::flow {
namespace {

using test::key_set;
using test::kIssuer;
using test::Request;
using test::signer_a;
using test::signer_b;

const std::string kOther = "https://other.example";
const std::string kOpenId = kIssuer + "/.well-known/openid-configuration";
const std::string kOAuth = kIssuer + "/.well-known/oauth-authorization-server";
const std::string kMetadata = R"({"issuer":"https://issuer.example",)"
                              R"("jwks_uri":"https://issuer.example/keys",)"
                              R"("introspection_endpoint":"https://issuer.example/introspect"})";
const std::string kGetKeys = "GET https://issuer.example/keys";

class FlowDiscovery : public test::FlowTest {
protected:
    Introspector &discovering(Introspector &introspector)
    {
        introspector.jwks_uri.clear();
        introspector.introspection_endpoint.clear();
        introspector.discovery_uris = {kOpenId, kOAuth};
        return introspector;
    }
    /// Only its metadata names the issuer.
    Introspector &awaiting_issuer()
    {
        Introspector &introspector = discovering(jwt("awaiting", ""));
        introspector.discovery_uris = {kOpenId};
        return introspector;
    }
    static std::string keys() { return key_set({&signer_a()}); }
};

TEST_F(FlowDiscovery, MetadataThenKeysThenTheVerdict)
{
    const Introspector &mine = discovering(jwt("mine"));
    Request request(worker(), now_, {&mine}, signer_a().token(R"("n":1)"));

    EXPECT_EQ(request.advance(), "GET " + kOpenId);
    EXPECT_EQ(request.fetch().document, Document::kMetadata);
    EXPECT_EQ(request.answer(kMetadata), kGetKeys);
    EXPECT_EQ(request.answer(keys()), "active");
    EXPECT_EQ(verdict({&mine}, signer_a().token(R"("n":2)")), "active");
}

TEST_F(FlowDiscovery, TheOtherAddressIsTriedOnNotFound)
{
    const Introspector &mine = discovering(jwt("mine"));
    Request request(worker(), now_, {&mine}, signer_a().token());

    EXPECT_EQ(request.advance(), "GET " + kOpenId);
    EXPECT_EQ(request.answer("", 404), "GET " + kOAuth);
    EXPECT_EQ(request.answer(kMetadata), kGetKeys);
    EXPECT_EQ(request.answer(keys()), "active");
    EXPECT_TRUE(worker().host().reports.empty());
}

TEST_F(FlowDiscovery, NotFoundAnywhereFails)
{
    const Introspector &mine = discovering(jwt("mine"));
    Request request(worker(), now_, {&mine}, signer_a().token());
    request.advance();
    request.answer("", 404);

    EXPECT_EQ(request.answer("", 404), "issuer_status");
}

TEST_F(FlowDiscovery, OnlyNotFoundLeadsToTheOtherAddress)
{
    const Introspector &mine = discovering(jwt("mine"));

    for (const int status : {301, 401, 410, 500}) {
        Request request(worker(), now_, {&mine}, signer_a().token());
        ASSERT_EQ(request.advance(), "GET " + kOpenId);
        EXPECT_EQ(request.answer("", status), "issuer_status") << status;
        pass_s(60);  // longer than any pause after failures
    }
    Request request(worker(), now_, {&mine}, signer_a().token());
    request.advance();
    EXPECT_EQ(request.no_answer(Code::kIssuerTimeout), "issuer_timeout");
}

TEST_F(FlowDiscovery, EveryRequestStartsWithTheFirstAddress)
{
    const Introspector &first = discovering(jwt("first"));
    const Introspector &second = discovering(jwt("second"));
    Request request(worker(), now_, {&first, &second}, signer_a().token());

    EXPECT_EQ(request.advance(), "GET " + kOpenId);
    EXPECT_EQ(request.answer("", 404), "GET " + kOAuth);
    EXPECT_EQ(request.answer("", 404), "GET " + kOpenId) << "of the second introspector";
    EXPECT_EQ(request.answer(kMetadata), kGetKeys);
    EXPECT_EQ(request.answer(keys()), "active");
    EXPECT_EQ(request.decided_by(), "second");
}

TEST_F(FlowDiscovery, MetadataOfAnotherIssuerIsRefused)
{
    const Introspector &mine = discovering(jwt("mine"));
    for (const char *body :
         {R"({"issuer":"https://issuer.example/","jwks_uri":"https://issuer.example/keys"})",
          R"({"issuer":"https://other.example","jwks_uri":"https://issuer.example/keys"})",
          R"({"jwks_uri":"https://issuer.example/keys"})", R"({"issuer":"https://issuer.example"})",
          R"({"issuer":"https://issuer.example","introspection_endpoint":"https://a.example/"})",
          R"({"issuer":"https://issuer.example","jwks_uri":"http://issuer.example/keys"})",
          R"({"issuer":"https://issuer.example","jwks_uri":"/keys"})"})
    {
        Request request(worker(), now_, {&mine}, signer_a().token());
        ASSERT_EQ(request.advance(), "GET " + kOpenId);
        EXPECT_EQ(request.answer(body), "issuer_metadata") << body;
        EXPECT_FALSE(worker().state(mine).has_metadata());
        pass_s(60);  // longer than any pause after failures
    }
    Request request(worker(), now_, {&mine}, signer_a().token());
    request.advance();
    EXPECT_EQ(request.answer("[]"), "issuer_response");
}

TEST_F(FlowDiscovery, ConfiguredKeyAddressNeedsNoMetadata)
{
    Introspector &mine = discovering(jwt("mine"));
    mine.jwks_uri = "/jwks";

    EXPECT_EQ(verdict_with_keys({&mine}, signer_a().token(), keys()), "active");
}

TEST_F(FlowDiscovery, TokenOfAnotherIssuerFetchesNothing)
{
    const Introspector &mine = discovering(jwt("mine"));

    EXPECT_EQ(verdict({&mine}, signer_a().token_of(kOther)), "unknown_issuer");
}

TEST_F(FlowDiscovery, MetadataServesOtherWorkers)
{
    const Introspector &mine = discovering(jwt("mine"));
    Request first(worker(), now_, {&mine}, signer_a().token());
    first.advance();
    first.answer(kMetadata);
    ASSERT_EQ(first.answer(keys()), "active");

    test::Worker other(zone_, introspectors_);
    Request second(other, now_, {&mine}, signer_a().token());
    EXPECT_EQ(second.advance(), "active");
    EXPECT_EQ(other.state(mine).metadata().issuer, kIssuer);
}

TEST_F(FlowDiscovery, ExpiredMetadataIsFetchedAnew)
{
    Introspector &mine = discovering(jwt("mine"));
    mine.cache_ttl_ms = 60'000;
    Request first(worker(), now_, {&mine}, signer_a().token());
    first.advance();
    first.answer(kMetadata);
    first.answer(keys());
    pass_s(60);

    Request leader(worker(), now_, {&mine}, signer_a().token());
    ASSERT_EQ(leader.advance(), "GET " + kOpenId);
    Request follower(worker(), now_, {&mine}, signer_a().token());
    EXPECT_EQ(follower.advance(), kGetKeys) << "with the last good metadata";
    EXPECT_EQ(leader.answer(kMetadata), "active") << "with the last good keys";
    EXPECT_EQ(follower.answer(keys()), "active");
}

TEST_F(FlowDiscovery, FollowersWaitForTheFirstMetadata)
{
    const Introspector &mine = discovering(jwt("mine"));
    Request leader(worker(), now_, {&mine}, signer_a().token());
    Request follower(worker(), now_, {&mine}, signer_b().token());
    leader.advance();
    EXPECT_EQ(follower.advance(), "WAIT");
    EXPECT_EQ(follower.wait().key, mine.metadata_key());
    leader.answer(kMetadata);
    EXPECT_EQ(worker().host().times_settled(mine.metadata_key()), 1);

    EXPECT_EQ(follower.advance(), "WAIT");
    EXPECT_EQ(follower.wait().key, mine.key_set_key());
    EXPECT_EQ(leader.answer(keys()), "active");
    EXPECT_EQ(worker().host().times_settled(mine.key_set_key()), 1);
    EXPECT_EQ(follower.advance(), "unknown_key");
}

TEST_F(FlowDiscovery, FollowersShareTheFailure)
{
    const Introspector &mine = discovering(jwt("mine"));
    Request leader(worker(), now_, {&mine}, signer_a().token());
    Request follower(worker(), now_, {&mine}, signer_a().token());
    leader.advance();
    follower.advance();
    pass_ms(100);
    leader.no_answer(Code::kIssuerTimeout);
    pass_ms(5);

    EXPECT_EQ(follower.advance(), "issuer_timeout");
}

TEST_F(FlowDiscovery, IntrospectionEndpointIsFoundToo)
{
    const Introspector &mine = discovering(opaque("mine"));
    Request request(worker(), now_, {&mine}, "opaque");

    EXPECT_EQ(request.advance(), "GET " + kOpenId);
    EXPECT_EQ(request.answer(kMetadata), "POST https://issuer.example/introspect");
    EXPECT_EQ(request.answer(R"({"active":true})"), "active");
}

TEST_F(FlowDiscovery, MetadataWithoutIntrospectionEndpointIsRefused)
{
    const Introspector &mine = discovering(opaque("mine"));
    Request request(worker(), now_, {&mine}, "opaque");
    request.advance();

    EXPECT_EQ(request.answer(R"({"issuer":"https://issuer.example","jwks_uri":"https://a.b/"})"),
              "issuer_metadata");
}

TEST_F(FlowDiscovery, MetadataNamesTheIssuer)
{
    const Introspector &mine = awaiting_issuer();
    Request request(worker(), now_, {&mine}, signer_a().token());
    EXPECT_EQ(request.advance(), "GET " + kOpenId);
    EXPECT_EQ(request.answer(kMetadata), kGetKeys);
    EXPECT_EQ(request.answer(keys()), "active");

    EXPECT_EQ(verdict({&mine}, signer_a().token_of(kOther)), "unknown_issuer");
}

TEST_F(FlowDiscovery, TokenGoesNowhereElseWhileItsIssuerIsNotKnown)
{
    const Introspector &theirs = opaque("theirs");
    const Introspector &mine = awaiting_issuer();
    Request request(worker(), now_, {&theirs, &mine}, signer_a().token());
    EXPECT_EQ(request.advance(), "GET " + kOpenId);
    EXPECT_EQ(request.no_answer(Code::kIssuerTimeout), "issuer_timeout");

    pass_ms(1);
    Request next(worker(), now_, {&theirs, &mine}, signer_a().token());
    ASSERT_EQ(next.advance(), "GET " + kOpenId);
    EXPECT_EQ(next.answer(kMetadata), kGetKeys);
    EXPECT_EQ(next.answer(key_set({&signer_b()})), "unknown_key");
}

TEST_F(FlowDiscovery, TokenOfAnotherIssuerGoesOnOnceTheIssuerIsKnown)
{
    const Introspector &theirs = opaque("theirs");
    const Introspector &mine = awaiting_issuer();
    Request request(worker(), now_, {&theirs, &mine}, signer_a().token_of(kOther));
    EXPECT_EQ(request.advance(), "GET " + kOpenId);
    EXPECT_EQ(request.answer(kMetadata), "POST /introspect");
    EXPECT_EQ(request.answer(R"({"active":true})"), "active");
}

TEST_F(FlowDiscovery, OpaqueRecordDoesNotServeWhileTheIssuerIsNotKnown)
{
    const Introspector &theirs = opaque("theirs");
    const Introspector &mine = awaiting_issuer();
    const std::string token = signer_b().token();
    const std::string foreign = signer_b().token_of(kOther);
    for (const std::string &presented : {token, foreign}) {
        Request elsewhere(worker(), now_, {&theirs}, presented);
        elsewhere.advance();
        ASSERT_EQ(elsewhere.answer(R"({"active":true})"), "active");
    }

    Request request(worker(), now_, {&theirs, &mine}, token);
    ASSERT_EQ(request.advance(), "GET " + kOpenId);
    ASSERT_EQ(request.answer(kMetadata), kGetKeys);
    EXPECT_EQ(request.answer(keys()), "unknown_key");
    EXPECT_EQ(verdict({&theirs, &mine}, token), "unknown_key");
    EXPECT_EQ(verdict({&theirs, &mine}, foreign), "active");
}

}  // namespace
}  // namespace token_introspect::flow
