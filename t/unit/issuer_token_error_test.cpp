#include "base/json.hpp"
#include "issuer/token_answer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace token_introspect::issuer {
namespace {

const std::set<std::string_view> kErrors = {
    "invalid_request",         "invalid_client",         "invalid_grant",
    "unauthorized_client",     "unsupported_grant_type", "invalid_scope",
    "temporarily_unavailable", "invalid_target",         "server_error"};

TEST(TokenError, EveryReasonHasARow)
{
    std::set<std::pair<std::string_view, int>> words;
    for (unsigned i = 0; i < static_cast<unsigned>(Reason::kCount); ++i) {
        const auto reason = static_cast<Reason>(i);
        const Refused &row = refused(reason);
        EXPECT_EQ(row.reason, reason);
        EXPECT_TRUE(words.emplace(row.word, row.status).second) << row.word;
        EXPECT_TRUE(std::ranges::all_of(row.word,
                                        [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; }));
        EXPECT_TRUE(kErrors.contains(row.error)) << row.word;
        EXPECT_TRUE(row.description.ends_with('.')) << row.word;
        // RFC 6749 section 5.2
        EXPECT_TRUE(std::ranges::all_of(row.description, [](char c) {
            return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\';
        })) << row.word;
    }
}

TEST(TokenError, TheBodyIsWhatTheRowSays)
{
    for (unsigned i = 0; i < static_cast<unsigned>(Reason::kCount); ++i) {
        const Refused &row = refused(static_cast<Reason>(i));
        const auto body = parse_json_object(error_body({.reason = row.reason}));
        ASSERT_TRUE(body);
        EXPECT_EQ(json_string_member(body->get(), "error"), row.error);
        EXPECT_EQ(json_string_member(body->get(), "error_description"), row.description);
        EXPECT_EQ(json_object_size(body->get()), 2U);
    }
}

TEST(TokenError, StatusesOfRfc6749)
{
    for (unsigned i = 0; i < static_cast<unsigned>(Reason::kCount); ++i) {
        const Refused &row = refused(static_cast<Reason>(i));
        if (row.error == "temporarily_unavailable") {
            EXPECT_EQ(row.status, 503);
        } else if (row.error == "server_error") {
            EXPECT_EQ(row.status, 500);
        } else if (row.error == "invalid_client") {
            EXPECT_TRUE(row.status == 401 || row.status == 429);
        } else if (row.reason != Reason::kMethod && row.reason != Reason::kBodyTooLarge) {
            EXPECT_EQ(row.status, 400) << row.word;
        }
    }
}

TEST(TokenError, ThereIsOneTextForWhoeverFailsToAuthenticate)
{
    EXPECT_EQ(error_body({.reason = Reason::kNoClient}),
              error_body({.reason = Reason::kBadClient}));
}

TEST(TokenError, ThereIsOneTextForBadRefreshTokens)
{
    const std::string body = error_body({.reason = Reason::kRefreshToken});
    for (const Reason reason :
         {Reason::kRefreshTokenExpired, Reason::kRefreshTokenRevoked, Reason::kRefreshTokenClient})
    {
        EXPECT_EQ(error_body({.reason = reason}), body);
    }
}

TEST(TokenError, TheLogSaysWhyAValidationFailed)
{
    EXPECT_EQ(log_word({.reason = Reason::kSubjectToken, .cause = Code::kExpired}),
              "subject_token_expired");
    EXPECT_EQ(log_word({.reason = Reason::kActorUnavailable, .cause = Code::kIssuerTimeout}),
              "actor_token_issuer_timeout");
    EXPECT_EQ(log_word({.reason = Reason::kAudience}), "audience");
}

TEST(TokenError, OnlyWhatAnOperatorMustMendIsAnError)
{
    EXPECT_EQ(severity({.reason = Reason::kNoRoom}), Severity::kError);
    EXPECT_EQ(severity({.reason = Reason::kInternal}), Severity::kError);
    EXPECT_EQ(severity({.reason = Reason::kSubjectUnavailable}), Severity::kError);
    EXPECT_EQ(severity({.reason = Reason::kBadClient}), Severity::kInfo);
    EXPECT_EQ(severity({.reason = Reason::kTooManyFailures}), Severity::kInfo);
}

TEST(RefusalAnswer, RetryAfterIsInWholeSecondsAndNeverZero)
{
    TokenIssuer issuer;
    issuer.name = "main";
    const auto seconds = [&](Reason reason, std::uint64_t ms) {
        return refusal_answer(issuer, {.reason = reason, .retry_after_ms = ms}).retry_after_s;
    };
    EXPECT_EQ(seconds(Reason::kTooManyFailures, 1), 1U);
    EXPECT_EQ(seconds(Reason::kTooManyFailures, 1000), 1U);
    EXPECT_EQ(seconds(Reason::kTooManyFailures, 1001), 2U);
    EXPECT_EQ(seconds(Reason::kSubjectUnavailable, 0), 1U);
    EXPECT_EQ(seconds(Reason::kBadClient, 5000), 0U);
}

TEST(RefusalAnswer, TheChallengeNamesTheIssuer)
{
    TokenIssuer issuer;
    issuer.name = "a \"b\"";
    EXPECT_EQ(refusal_answer(issuer, {.reason = Reason::kBadClient}).challenge, "");
    EXPECT_EQ(refusal_answer(issuer, {.reason = Reason::kBadClient, .challenge = true}).challenge,
              "Basic realm=\"a \\\"b\\\"\"");
}

TEST(TokenAnswer, HasWhatRfc8693Names)
{
    const Answer answer = token_answer({.access_token = "a.b",
                                        .type = token::kJwtType,
                                        .expires_in_s = 360,
                                        .scope = "x y",
                                        .refresh_token = "r"});
    EXPECT_EQ(answer.status, 200);
    EXPECT_FALSE(answer.cacheable);
    const auto body = parse_json_object(answer.body);
    ASSERT_TRUE(body);
    EXPECT_EQ(json_object_size(body->get()), 6U);
    EXPECT_EQ(json_string_member(body->get(), "access_token"), "a.b");
    EXPECT_EQ(json_string_member(body->get(), "issued_token_type"), token::kJwtType);
    EXPECT_EQ(json_string_member(body->get(), "token_type"), "Bearer");
    EXPECT_EQ(json_integer_value(json_object_get(body->get(), "expires_in")), 360);
    EXPECT_EQ(json_string_member(body->get(), "scope"), "x y");
    EXPECT_EQ(json_string_member(body->get(), "refresh_token"), "r");
}

TEST(TokenAnswer, LeavesOutWhatThereIsNot)
{
    const auto body = parse_json_object(
        token_answer({.access_token = "a", .expires_in_s = 1, .scope = {}, .refresh_token = {}})
            .body);
    ASSERT_TRUE(body);
    EXPECT_EQ(json_object_size(body->get()), 4U);
    EXPECT_EQ(json_string_member(body->get(), "issued_token_type"), token::kAccessTokenType);
}

}  // namespace
}  // namespace token_introspect::issuer
