#include "token/challenge.hpp"

#include <gtest/gtest.h>

namespace token_introspect::token {
namespace {

using std::string_view_literals::operator""sv;

TEST(BearerChallenge, WithoutATokenThereIsNoError)
{
    EXPECT_EQ(bearer_challenge(Code::kMissing, "", ""), "Bearer");
    EXPECT_EQ(bearer_challenge(Code::kMissing, "api", ""), "Bearer realm=\"api\"");
    EXPECT_EQ(bearer_challenge(Code::kMissing, "api", "read"), "Bearer realm=\"api\"");
}

TEST(BearerChallenge, ErrorsOfRfc6750)
{
    EXPECT_EQ(bearer_challenge(Code::kExpired, "api", ""),
              "Bearer realm=\"api\", error=\"invalid_token\", "
              "error_description=\"The access token expired\"");
    EXPECT_EQ(bearer_challenge(Code::kExpired, "", "read"),
              "Bearer error=\"invalid_token\", error_description=\"The access token expired\"");
    EXPECT_EQ(bearer_challenge(Code::kMultipleCredentials, "", "").substr(0, 30),
              "Bearer error=\"invalid_request\"");
}

TEST(BearerChallenge, ScopeOnlyForInsufficientScope)
{
    const std::string description(outcome(Code::kInsufficientScope).description);
    EXPECT_EQ(bearer_challenge(Code::kInsufficientScope, "", "read write"),
              "Bearer error=\"insufficient_scope\", error_description=\"" + description
                  + "\", scope=\"read write\"");
    EXPECT_EQ(bearer_challenge(Code::kInsufficientScope, "r", ""),
              "Bearer realm=\"r\", error=\"insufficient_scope\", error_description=\"" + description
                  + "\"");
}

TEST(BearerChallenge, EscapesAndDrops)
{
    EXPECT_EQ(bearer_challenge(Code::kMissing, R"(a"b\c)", ""), R"(Bearer realm="a\"b\\c")");
    EXPECT_EQ(bearer_challenge(Code::kMissing, "a\r\nX: y\t\0\x7f z"sv, ""),
              "Bearer realm=\"aX: y z\"");
    EXPECT_EQ(bearer_challenge(Code::kMissing, "Büro", ""), "Bearer realm=\"Bro\"");
    const std::string challenge = bearer_challenge(Code::kInsufficientScope, "", "a\"b\r\n\\c");
    EXPECT_TRUE(challenge.ends_with(R"(scope="a\"b\\c")")) << challenge;
}

TEST(BearerChallenge, EveryOutcomeIsWellFormed)
{
    for (unsigned i = 0; i < static_cast<unsigned>(Code::kCount); ++i) {
        const auto code = static_cast<Code>(i);
        const std::string challenge = bearer_challenge(code, "r", "s");
        EXPECT_TRUE(challenge.starts_with("Bearer realm=\"r\""));
        EXPECT_EQ(challenge.contains("error="), !outcome(code).error.empty());
        EXPECT_EQ(challenge.contains("scope="), code == Code::kInsufficientScope);
        EXPECT_FALSE(challenge.contains("\"\"")) << challenge;
    }
}

TEST(BasicChallenge, QuotesTheRealm)
{
    EXPECT_EQ(basic_challenge("main"), "Basic realm=\"main\"");
    EXPECT_EQ(basic_challenge(""), "Basic realm=\"\"");
    EXPECT_EQ(basic_challenge("a\"b\\c\r\n\xc3\xa9"), "Basic realm=\"a\\\"b\\\\c\"");
}

}  // namespace
}  // namespace token_introspect::token
