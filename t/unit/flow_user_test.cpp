// The user that a good token names.

#include "flow/user_uri.hpp"
#include "flow_fixture.hpp"
#include "resource_fixture.hpp"

namespace token_introspect::flow {
namespace {

using test::kIssuer;
using test::Request;
using test::signer_a;

class FlowUser : public test::FlowTest {
protected:
    Introspector &jwt_with_users(const std::string &name, const std::string &endpoint = "/User/")
    {
        Introspector &introspector = jwt_with_key(name);
        introspector.user_claims = {"box_user", "sub"};
        introspector.user_endpoint = endpoint;
        return introspector;
    }
    static std::string user_name(Request &request)
    {
        return std::string(request.validation().user().find("name").string());
    }
};

const std::string kAlice = R"({"user":{"name":"Alice"},"role":[{"name":"doctor"}]})";

TEST_F(FlowUser, EndpointIsAskedAboutTheUserOfAGoodToken)
{
    const Introspector &mine = jwt_with_users("mine");
    Request request(worker(), now_, {&mine}, signer_a().token(R"("sub":"alice")"));
    ASSERT_EQ(request.advance(), "GET /User/alice");
    EXPECT_EQ(request.fetch().document, Document::kUser);
    EXPECT_EQ(request.answer(kAlice), "active");
    EXPECT_EQ(request.validation().user_id(), "alice");
    EXPECT_EQ(user_name(request), "Alice");
    EXPECT_EQ(request.validation().roles().at(0).find("name").string(), "doctor");
    EXPECT_EQ(request.cache(), "MISS");
    EXPECT_EQ(verdict({&mine}, signer_a().token(R"("sub":"alice","n":2)")), "active");
}

TEST_F(FlowUser, NobodyIsAskedAboutTheUserOfABadToken)
{
    const Introspector &mine = jwt_with_users("mine");
    EXPECT_EQ(verdict({&mine}, test::signer_b().token(R"("sub":"alice")")), "unknown_key");
    pass_s(3600);
    EXPECT_EQ(verdict({&mine}, signer_a().token(R"("sub":"alice")")), "expired");
}

TEST_F(FlowUser, ABareUserHasNoRoles)
{
    const Introspector &mine = jwt_with_users("mine");
    Request request(worker(), now_, {&mine}, signer_a().token(R"("sub":"alice")"));
    request.advance();
    EXPECT_EQ(request.answer(R"({"name":"Alice","role":"x"})"), "active");
    EXPECT_EQ(user_name(request), "Alice");
    EXPECT_FALSE(request.validation().roles().present());
}

TEST_F(FlowUser, NoUserIsNoRefusal)
{
    const Introspector &mine = jwt_with_users("mine");
    Request unknown(worker(), now_, {&mine}, signer_a().token(R"("sub":"x")"));
    unknown.advance();
    EXPECT_EQ(unknown.answer("", 404), "active");
    EXPECT_FALSE(unknown.validation().user().present());
    EXPECT_EQ(verdict({&mine}, signer_a().token(R"("sub":"x","n":2)")), "active");

    Request null(worker(), now_, {&mine}, signer_a().token(R"("sub":"y")"));
    null.advance();
    EXPECT_EQ(null.answer(R"({"user":null,"role":[{"name":"doctor"}]})"), "active");
    EXPECT_FALSE(null.validation().user().present());
    EXPECT_FALSE(null.validation().roles().present()) << "nobody's roles";

    EXPECT_EQ(verdict({&mine}, signer_a().token()), "active") << "no claim names one";
}

TEST_F(FlowUser, OneAsksForAllTokensOfAUser)
{
    const Introspector &mine = jwt_with_users("mine");
    test::Worker other(zone_, introspectors_);
    Request leader(worker(), now_, {&mine}, signer_a().token(R"("sub":"a","n":1)"));
    Request follower(other, now_, {&mine}, signer_a().token(R"("sub":"a","n":2)"));
    Request failing(other, now_, {&mine}, signer_a().token(R"("sub":"a","n":3)"));
    ASSERT_EQ(leader.advance(), "GET /User/a");
    ASSERT_EQ(follower.advance(), "WAIT");
    EXPECT_EQ(leader.answer(kAlice), "active");
    EXPECT_EQ(follower.advance(), "active");
    EXPECT_EQ(user_name(follower), "Alice");
    EXPECT_EQ(failing.advance(), "active");
}

TEST_F(FlowUser, ALeaderThatGoesLeavesItToTheNext)
{
    const Introspector &mine = jwt_with_users("mine");
    Request leader(worker(), now_, {&mine}, signer_a().token(R"("sub":"a","n":1)"));
    Request follower(worker(), now_, {&mine}, signer_a().token(R"("sub":"a","n":2)"));
    leader.advance();
    follower.advance();
    leader.vanish();
    EXPECT_EQ(follower.advance(), "GET /User/a");
}

TEST_F(FlowUser, AFailureRefusesThoseWhoAskedAndNobodyLater)
{
    const Introspector &mine = jwt_with_users("mine");
    Request leader(worker(), now_, {&mine}, signer_a().token(R"("sub":"a","n":1)"));
    Request follower(worker(), now_, {&mine}, signer_a().token(R"("sub":"a","n":2)"));
    leader.advance();
    follower.advance();
    EXPECT_EQ(leader.answer("", 500), "issuer_status");
    EXPECT_EQ(follower.advance(), "issuer_status");
    pass_ms(1);
    EXPECT_EQ(verdict({&mine}, signer_a().token(R"("sub":"a","n":3)")), "GET /User/a");
}

TEST_F(FlowUser, IsRememberedForCacheTtl)
{
    Introspector &mine = jwt_with_users("mine");
    mine.cache_ttl_ms = 5000;
    Request first(worker(), now_, {&mine}, signer_a().token(R"("sub":"a")"));
    first.advance();
    first.answer(kAlice);
    pass_ms(4999);
    EXPECT_EQ(verdict({&mine}, signer_a().token(R"("sub":"a")")), "active");
    pass_ms(2);
    EXPECT_EQ(verdict({&mine}, signer_a().token(R"("sub":"a")")), "GET /User/a");
}

TEST_F(FlowUser, WithoutACacheItIsAskedForEachTime)
{
    Introspector &mine = jwt_with_users("mine");
    mine.cache_ttl_ms = 0;
    for (int i = 0; i < 2; ++i) {
        Request request(worker(), now_, {&mine}, signer_a().token(R"("sub":"a")"));
        ASSERT_EQ(request.advance(), "GET /User/a");
        EXPECT_EQ(request.answer(kAlice), "active");
    }
}

TEST_F(FlowUser, AUserAndATokenOfOneNameAreTwoThings)
{
    Introspector &mine = opaque("mine");
    mine.user_claims = {"sub"};
    mine.user_endpoint = "/User/";
    Request request(worker(), now_, {&mine}, "alice");
    ASSERT_EQ(request.advance(), "POST /introspect");
    ASSERT_EQ(request.answer(R"({"active":true,"sub":"alice"})"), "GET /User/alice");
    ASSERT_EQ(request.answer(kAlice), "active");
    EXPECT_EQ(request.claim("sub"), "alice");
    Request again(worker(), now_, {&mine}, "alice");
    EXPECT_EQ(again.advance(), "active");
    EXPECT_EQ(again.claim("sub"), "alice");
    EXPECT_EQ(user_name(again), "Alice");
}

// B16, B25-B30
TEST_F(FlowUser, ResourcesAreAskedWithoutAnEndpoint)
{
    const auto resources = resource::test::resources(R"(
[{"resourceType":"User","id":"alice","name":"Alice"},
 {"resourceType":"User","id":"gone","inactive":true},
 {"resourceType":"Role","id":"r","name":"doctor","user":{"resourceType":"User","id":"alice"}},
 {"resourceType":"Role","id":"s","name":"other","user":{"resourceType":"User","id":"gone"}}])");
    std::vector<std::string> warnings;
    const auto users = resource::UserStore::build(resources, warnings);
    ASSERT_TRUE(users);
    Introspector &mine = jwt_with_users("mine", "");
    worker().environment().users = &*users;

    Request alice(worker(), now_, {&mine}, signer_a().token(R"("sub":"uuid","box_user":"alice")"));
    EXPECT_EQ(alice.advance(), "active");
    EXPECT_EQ(alice.validation().user_id(), "alice");
    EXPECT_EQ(user_name(alice), "Alice");
    EXPECT_EQ(alice.validation().roles().size(), 1U);
    EXPECT_EQ(alice.claim("sub"), "uuid");
    EXPECT_EQ(verdict({&mine}, signer_a().token(R"("sub":"gone")")), "user_inactive");
    EXPECT_EQ(verdict({&mine}, signer_a().token(R"("sub":"bob")")), "active");
}

TEST(UserUri, TakesTheIdWhereItIsWritten)
{
    EXPECT_EQ(user_uri("/User/", "a"), "/User/a");
    EXPECT_EQ(user_uri("https://x/u?id=", "a&b=c"), "https://x/u?id=a%26b%3Dc");
    EXPECT_EQ(user_uri("/u/$token_user_id/full?of=$token_user_id", "a b"),
              "/u/a%20b/full?of=a%20b");
}

TEST(UserUri, MakesNoOtherPath)
{
    for (const std::string_view id : {".", "..", "a/b", "../x", "a\\b", "/"}) {
        EXPECT_EQ(user_uri("/User/", id), "");
        EXPECT_EQ(user_uri("/$token_user_id?x", id), "");
        EXPECT_NE(user_uri("/User?id=", id), "");
        EXPECT_NE(user_uri("/User?id=$token_user_id", id), "");
    }
    EXPECT_EQ(user_uri("/User/", "..."), "/User/...");
}

}  // namespace
}  // namespace token_introspect::flow
