#include "token/exchange.hpp"

#include <gtest/gtest.h>

namespace token_introspect::token {
namespace {

Answer json(std::string_view body, int status = 200)
{
    return {.status = status,
            .content_type = "application/json;charset=UTF-8",
            .content_encoding = {},
            .body = body};
}

std::string prefix(const std::string &name)
{
    return "urn:ietf:params:oauth:token-type:" + name;
}

TEST(TokenType, HasShortNamesAndUris)
{
    for (const std::string name : {"access_token", "refresh_token", "id_token", "jwt"}) {
        EXPECT_EQ(token_type_uri(name), prefix(name));
        EXPECT_EQ(token_type_uri(prefix(name)), prefix(name));
    }
    EXPECT_EQ(token_type_uri("https://example.org/type"), "https://example.org/type");
    for (const std::string_view name : {"", "saml2", "Access_Token", ":", "urn:", "urn:a b", "1:a"})
    {
        EXPECT_EQ(token_type_uri(name), std::nullopt) << name;
    }
}

// RFC 8693 section 2.1
TEST(ExchangeForm, HasEveryParameterThatIsSet)
{
    const TokenRequest request{.audiences = {"a", "b c"},
                               .resources = {"https://r.example/?a=b"},
                               .scope = "read write",
                               .requested_token_type = prefix("jwt"),
                               .subject_token_type = prefix("access_token"),
                               .actor_token_type = prefix("id_token")};
    EXPECT_EQ(exchange_form(
                  request, "s", "a",
                  {.method = ClientAuth::kPost, .id = "me", .secret = "p&w", .authorization = {}}),
              "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange"
              "&resource=https%3A%2F%2Fr.example%2F%3Fa%3Db"
              "&audience=a&audience=b+c"
              "&scope=read+write"
              "&requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt"
              "&subject_token=s"
              "&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token"
              "&actor_token=a"
              "&actor_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aid_token"
              "&client_id=me&client_secret=p%26w");
}

TEST(ExchangeForm, HasNoActorTypeWithoutActor)
{
    const TokenRequest request{.audiences = {},
                               .resources = {},
                               .scope = {},
                               .requested_token_type = {},
                               .subject_token_type = prefix("jwt"),
                               .actor_token_type = prefix("jwt")};
    EXPECT_EQ(exchange_form(request, "s", "", {}),
              "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange"
              "&subject_token=s"
              "&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt");
}

// RFC 6749 section 4.4.2
TEST(ClientCredentialsForm, HasScopeAndTargets)
{
    TokenRequest request;
    request.subject_token_type = prefix("jwt");
    EXPECT_EQ(client_credentials_form(request, {}), "grant_type=client_credentials");
    request.audiences = {"api"};
    request.scope = "read";
    EXPECT_EQ(
        client_credentials_form(
            request, {.method = ClientAuth::kNone, .id = "me", .secret = {}, .authorization = {}}),
        "grant_type=client_credentials&audience=api&scope=read&client_id=me");
    EXPECT_EQ(
        client_credentials_form(
            {},
            {.method = ClientAuth::kPost, .id = "me", .secret = "x", .authorization = "Custom"}),
        "grant_type=client_credentials");
}

TEST(TokenAnswer, HasATokenAndItsLife)
{
    const auto full = token_answer(
        json(R"({"access_token":"a.b-c_d~e+f/g==","token_type":"bearer","expires_in":60,)"
             R"("issued_token_type":"urn:ietf:params:oauth:token-type:jwt","scope":"x",)"
             R"("refresh_token":"r","more":{"a":[1]}})"),
        prefix("jwt"), {});
    ASSERT_TRUE(full) << full.error().text;
    EXPECT_EQ(full->token, "a.b-c_d~e+f/g==");
    EXPECT_EQ(full->lasts_s, 60U);

    const auto brief = token_answer(json(R"({"access_token":"t","token_type":"N_A"})"), "", {});
    ASSERT_TRUE(brief);
    EXPECT_EQ(brief->lasts_s, std::nullopt);
}

TEST(TokenAnswer, TakesAnyNumberThatIsALife)
{
    for (const auto &[text, seconds] : {std::pair<std::string, std::uint64_t>("1", 1),
                                        {"59.9", 59},
                                        {"3e2", 300},
                                        {"9223372036854775807", 1'000'000'000'000'000},
                                        {"1e300", 1'000'000'000'000'000}})
    {
        const auto answer = token_answer(
            json(R"({"access_token":"t","token_type":"Bearer","expires_in":)" + text + "}"), "",
            {});
        ASSERT_TRUE(answer) << text;
        EXPECT_EQ(answer->lasts_s, seconds) << text;
    }
}

TEST(TokenAnswer, RefusesWhatCannotGoUpstream)
{
    for (const std::string_view body : {
             R"({"token_type":"Bearer"})",
             R"({"access_token":"","token_type":"Bearer"})",
             R"({"access_token":7,"token_type":"Bearer"})",
             R"({"access_token":"a b","token_type":"Bearer"})",
             R"({"access_token":"a\r\nX: y","token_type":"Bearer"})",
             R"({"access_token":"t"})",
             R"({"access_token":"t","token_type":"DPoP"})",
             R"({"access_token":"t","token_type":"Bearer","expires_in":"60"})",
             R"({"access_token":"t","token_type":"Bearer","expires_in":0})",
             R"({"access_token":"t","token_type":"Bearer","expires_in":-1})",
             R"({"access_token":"t","token_type":"Bearer","expires_in":null})",
             R"({"access_token":"t","token_type":"Bearer","issued_token_type":"x"})",
             R"({"access_token":"t","access_token":"u","token_type":"Bearer"})",
             R"(["access_token"])",
             "",
         })
    {
        const auto answer = token_answer(json(body), prefix("jwt"), {});
        ASSERT_FALSE(answer) << body;
        EXPECT_EQ(answer.error().code, Code::kIssuerResponse) << body;
    }
    Answer html = json(R"({"access_token":"t","token_type":"Bearer"})");
    html.content_type = "text/html";
    EXPECT_EQ(token_answer(html, "", {}).error().code, Code::kIssuerResponse);
    EXPECT_EQ(token_answer(json("{}", 201), "", {}).error().code, Code::kIssuerStatus);
}

// RFC 8693 section 2.2.1 demands it; the answers of some servers lack it
TEST(TokenAnswer, IsNoRefreshTokenUnlessOneWasRequested)
{
    const std::string type = "urn:ietf:params:oauth:token-type:refresh_token";
    const std::string answer =
        R"({"access_token":"t","token_type":"N_A","issued_token_type":")" + type + R"("})";
    EXPECT_FALSE(token_answer(json(answer), "", {}));
    EXPECT_TRUE(token_answer(json(answer), type, {}));
}

TEST(TokenAnswer, MayLackTheTypeThatWasRequested)
{
    EXPECT_TRUE(
        token_answer(json(R"({"access_token":"t","token_type":"Bearer"})"), prefix("jwt"), {}));
    EXPECT_TRUE(token_answer(
        json(R"({"access_token":"t","token_type":"Bearer","issued_token_type":"x"})"), "", {}));
}

TEST(TokenError, IsAKnownWordOrNothing)
{
    EXPECT_EQ(token_error(json(R"({"error":"invalid_grant","error_description":"no"})", 400), {}),
              "invalid_grant");
    EXPECT_EQ(token_error(json(R"({"error":"invalid_target"})", 401), {}), "invalid_target");
    EXPECT_EQ(token_error(json(R"({"error":"server_error"})", 500), {}), "server_error");
    EXPECT_EQ(token_error(json(R"({"error":"invalid_grant"})", 200), {}), "");
    EXPECT_EQ(token_error(json(R"({"error":"invalid_grant "})", 400), {}), "");
    EXPECT_EQ(token_error(json(R"({"error":""})", 400), {}), "");
    EXPECT_EQ(token_error(json(R"({"error":["invalid_grant"]})", 400), {}), "");
    EXPECT_EQ(token_error(json("invalid_grant", 400), {}), "");
    EXPECT_EQ(token_error(json("", 400), {}), "");
}

}  // namespace
}  // namespace token_introspect::token
