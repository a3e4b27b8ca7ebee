#include "exchange_fixture.hpp"

// What is issued for tokens that are good.

namespace token_introspect::issuer {
namespace {

using test::at;
using test::kAccess;
using test::kApp;
using test::kBounded;
using test::kClaims;
using test::kIdp;
using test::kJwt;
using test::kJwtClient;
using test::kRefreshing;
using test::TokenExchangeTest;

// --- what is issued ------------------------------------------------------------------------------

TEST_F(TokenExchangeTest, ScopeNarrowing)
{
    const std::string with = kClaims + ",";
    struct Row {
        const char *claim;
        const char *asked;
        std::size_t client;
        const char *granted;
    };
    for (const Row &row : std::initializer_list<Row>{
             {"", "", kJwtClient, ""},
             {"", "a b", kJwtClient, "\"a b\""},
             {R"("scope":"a b c")", "", kJwtClient, "\"a b c\""},
             {R"("scope":"a b c")", "c a", kJwtClient, "\"c a\""},
             {R"("scope":"a b c")", "a a", kJwtClient, "\"a\""},
             {R"("scope":"a b")", "c", kJwtClient, "scope_too_wide"},
             {R"("scope":"a b")", "a c", kJwtClient, "scope_too_wide"},
             {R"("scope":["a","b"])", "b", kJwtClient, "\"b\""},
             {R"("scp":["a","b"])", "", kJwtClient, "\"a b\""},
             {R"("scp":"a")", "b", kJwtClient, "scope_too_wide"},
             {R"("scope":"")", "", kJwtClient, "\"\""},
             {R"("scope":"")", "a", kJwtClient, "scope_too_wide"},
             {R"("scope":7)", "a", kJwtClient, "scope_too_wide"},
             {R"("scope":["a b"])", "a", kJwtClient, "scope_too_wide"},
             {R"("scope":null)", "a", kJwtClient, "\"a\""},
             {"", "", kBounded, "\"read write\""},
             {"", "write", kBounded, "\"write\""},
             {"", "delete", kBounded, "scope_too_wide"},
             {R"("scope":"delete write")", "", kBounded, "\"write\""},
             {R"("scope":"delete write")", "write", kBounded, "\"write\""},
             {R"("scope":"delete write")", "read", kBounded, "scope_too_wide"},
             {R"("scope":"delete")", "", kBounded, "\"\""},
         })
    {
        const std::string claims = *row.claim == 0 ? kClaims : with + row.claim;
        EXPECT_EQ(issued(claims, {{"scope", row.asked}}, "scope", row.client), row.granted)
            << "B86 " << row.claim << " asked " << row.asked;
    }
}

TEST_F(TokenExchangeTest, WhoMayActIsHandedOn)
{
    EXPECT_EQ(issued(kClaims + R"(,"may_act":{"sub":"service","iss":"i","x":{"y":1}})", {},
                     "may_act", kJwtClient),
              R"({"iss":"i","sub":"service"})");
    EXPECT_EQ(issued(kClaims, {}, "may_act", kJwtClient), "");
}

TEST_F(TokenExchangeTest, AudienceIsAStringOrAnArray)
{
    EXPECT_EQ(issued(kClaims, {}, "aud"), R"(["https://fhir.example","second"])");
    EXPECT_EQ(issued(kClaims, {{"audience", "second"}}, "aud"), "\"second\"");
    EXPECT_EQ(issued(kClaims, {{"audience", "second"}, {"audience", "second"}}, "aud"),
              "\"second\"");
    EXPECT_EQ(
        issued(
            kClaims,
            {{"audience", "reports"}, {"resource", "https://api.example"}, {"audience", "second"}},
            "aud", kBounded),
        R"(["https://api.example","reports","second"])");
}

TEST_F(TokenExchangeTest, WhatIsIssued)
{
    auto exchange = begin(pairs({{"scope", "openid"}}), kJwtClient);
    ASSERT_EQ(accept(*exchange, kClaims + R"(,"email":"a@example","role":["x"])"), "ok");
    const auto tokens = exchange->issue(at(0));
    ASSERT_TRUE(tokens);
    EXPECT_EQ(tokens->expires_in_s, 360) << "B83";
    EXPECT_EQ(tokens->scope, "openid") << "B86";
    EXPECT_EQ(tokens->type, token::kAccessTokenType);
    EXPECT_EQ(tokens->refresh_token, "") << "B82";
    const auto jwt = worker_.jwts().parse(tokens->access_token);
    ASSERT_TRUE(jwt) << "B80";
    const token::Value claims = jwt->claims().root();
    EXPECT_EQ(claims.size(), 8U);
    EXPECT_EQ(claims.find("iss").string(), test::kGateway);
    EXPECT_EQ(claims.find("sub").string(), "alice");
    EXPECT_EQ(claims.find("client_id").string(), "jwt");
    EXPECT_EQ(claims.find("scope").string(), "openid");
    EXPECT_EQ(claims.find("iat").integer(), at(0).unix_s);
    EXPECT_EQ(claims.find("exp").integer(), at(0).unix_s + 360);
    EXPECT_EQ(jwt->header().find("typ").string(), "at+jwt");
}

TEST_F(TokenExchangeTest, FormatsAndTypes)
{
    const auto tokens = [&](std::size_t client, const std::string &type) {
        auto exchange = begin(pairs({{"requested_token_type", type}}), client);
        EXPECT_EQ(accept(*exchange, kClaims), "ok");
        return exchange->issue(at(0)).value();
    };
    const auto is_jwt = [&](const IssuedTokens &issued) {
        return worker_.jwts().parse(issued.access_token).has_value();
    };
    EXPECT_FALSE(is_jwt(tokens(kApp, ""))) << "B81";
    EXPECT_TRUE(is_jwt(tokens(kJwtClient, ""))) << "B80";
    EXPECT_TRUE(is_jwt(tokens(kApp, kJwt)));
    EXPECT_EQ(tokens(kApp, kJwt).type, token::kJwtType);
    EXPECT_FALSE(is_jwt(tokens(kApp, kAccess)));
    EXPECT_EQ(tokens(kJwtClient, kAccess).type, token::kAccessTokenType);
    EXPECT_EQ(tokens(kApp, "").refresh_token, "") << "B82";
    EXPECT_NE(tokens(kRefreshing, "").refresh_token, "") << "B82";
    EXPECT_NE(tokens(kApp, "").access_token, tokens(kApp, "").access_token);
}

// --- delegation ----------------------------------------------------------------------------------

class DelegationTest : public TokenExchangeTest {
protected:
    /// `act` as JSON, or the refusal's word; without actor claims there is no actor_token.
    std::string act(const std::string &subject, const std::string &actor)
    {
        auto exchange =
            actor.empty()
                ? begin(pairs({}), kJwtClient)
                : begin(pairs({{"actor_token", "x"}, {"actor_token_type", kAccess}}), kJwtClient);
        std::string word = accept(*exchange, kClaims + subject);
        if (word == "ok" && !actor.empty()) {
            word = accept(*exchange, actor, {.sole_issuer = kIdp});
        }
        if (word != "ok") {
            return word;
        }
        std::string json;
        open_issued_token(worker_.context(), worker_.jwts(), exchange->issue(at(0))->access_token)
            ->claims()
            .find("act")
            .append_json(json);
        return json;
    }
};

TEST_F(DelegationTest, ActNamesTheActorAndWhoActedBefore)
{
    const std::string actor = R"("sub":"service","iss":"https://idp.example","x":1)";
    EXPECT_EQ(act("", ""), "");
    EXPECT_EQ(act("", actor), R"({"iss":"https://idp.example","sub":"service"})");
    EXPECT_EQ(act("", R"("sub":"service")"), R"({"iss":"https://idp.example","sub":"service"})");
    EXPECT_EQ(
        act(R"(,"act":{"sub":"first","act":{"sub":"zeroth"}})", actor),
        R"({"act":{"act":{"sub":"zeroth"},"sub":"first"},"iss":"https://idp.example","sub":"service"})");
    EXPECT_EQ(act(R"(,"act":{"sub":"first"})", ""), R"({"sub":"first"})");
    EXPECT_EQ(act(R"(,"act":null)", ""), "");
    EXPECT_EQ(act(R"(,"act":"first")", ""), "subject_token_malformed");
    EXPECT_EQ(act(R"(,"act":["first"])", actor), "subject_token_malformed");
}

TEST_F(DelegationTest, AChainOfActorsHasAnEnd)
{
    const std::string actor = R"("sub":"service","iss":"https://idp.example")";
    std::string chain = R"({"sub":"0"})";
    for (int i = 1; i < 8; ++i) {
        const std::string longer = R"({"act":)" + chain + R"(,"sub":"x"})";
        EXPECT_EQ(act(",\"act\":" + chain, actor),
                  R"({"act":)" + chain + R"(,"iss":"https://idp.example","sub":"service"})");
        chain = longer;
    }
    EXPECT_EQ(act(",\"act\":" + chain, ""), chain);
    EXPECT_EQ(act(",\"act\":" + chain, actor), "actor_chain");
    EXPECT_EQ(act(R"(,"act":{"act":)" + chain + R"(,"sub":"x"})", ""), "actor_chain");
}

TEST_F(DelegationTest, MayActBindsTheActor)
{
    const std::string actor = R"("sub":"service","iss":"https://idp.example")";
    const std::string good = R"({"iss":"https://idp.example","sub":"service"})";
    EXPECT_EQ(act(R"(,"may_act":{"sub":"service"})", actor), good);
    EXPECT_EQ(act(R"(,"may_act":{"sub":"service","iss":"https://idp.example"})", actor), good);
    EXPECT_EQ(act(R"(,"may_act":null)", actor), good);
    EXPECT_EQ(act(R"(,"may_act":{"sub":"other"})", ""), "") << "without an actor it has no say";
    for (const std::string may_act :
         {R"({"sub":"other"})", R"({"sub":"service","iss":"https://x"})",
          R"({"sub":"service","iss":7})", R"({"iss":"https://idp.example"})", "{}", "[]",
          R"("service")", "true", R"({"sub":["service"]})"})
    {
        EXPECT_EQ(act(",\"may_act\":" + may_act, actor), "actor_not_permitted") << may_act;
    }
}

TEST_F(DelegationTest, TheActorsClaims)
{
    EXPECT_EQ(act("", R"("sub":"")"), "actor_token_without_sub");
    EXPECT_EQ(act("", R"("iss":"https://idp.example")"), "actor_token_without_sub");
    EXPECT_EQ(act("", R"("sub":"a","iss":"https://x")"), "actor_token_issuer");
    EXPECT_EQ(act("", R"("sub":"a","iss":[])"), "actor_token_without_iss");
}

}  // namespace
}  // namespace token_introspect::issuer
