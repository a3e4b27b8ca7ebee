#include "base/error.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace token_introspect {
namespace {

constexpr auto kCodes = static_cast<unsigned>(Code::kCount);

TEST(Outcome, EveryCodeHasItsRowAndItsOwnWord)
{
    std::set<std::string_view> words;

    for (unsigned i = 0; i < kCodes; i++) {
        const Outcome &row = outcome(static_cast<Code>(i));

        EXPECT_EQ(static_cast<unsigned>(row.code), i);
        EXPECT_FALSE(row.word.empty());
        EXPECT_TRUE(std::all_of(row.word.begin(), row.word.end(), [](char c) {
            return (c >= 'a' && c <= 'z') || c == '_';
        })) << row.word;
        EXPECT_TRUE(words.insert(row.word).second) << row.word;
    }
}

TEST(Outcome, OnlyActivePasses)
{
    for (unsigned i = 0; i < kCodes; i++) {
        const Outcome &row = outcome(static_cast<Code>(i));

        EXPECT_EQ(row.verdict == Verdict::kPass, row.code == Code::kActive) << row.word;
    }
}

TEST(Outcome, UnknownCodeIsInternal)
{
    EXPECT_EQ(outcome(Code::kCount).code, Code::kInternal);
    EXPECT_EQ(outcome(static_cast<Code>(255)).code, Code::kInternal);
}

TEST(Outcome, Rfc6750ErrorGoesWithTheVerdict)
{
    for (unsigned i = 0; i < kCodes; i++) {
        const Outcome &row = outcome(static_cast<Code>(i));
        std::string_view expected;

        if (row.verdict == Verdict::kInvalidRequest) {
            expected = "invalid_request";
        } else if (row.verdict == Verdict::kInvalid) {
            expected = "invalid_token";
        } else if (row.verdict == Verdict::kForbidden) {
            expected = "insufficient_scope";
        }

        EXPECT_EQ(row.error, expected) << row.word;
        EXPECT_EQ(row.error.empty(), row.description.empty()) << row.word;
    }
}

TEST(Outcome, DescriptionsDoNotTellWhichCheckRefusedAForgery)
{
    for (Code code : {Code::kUnknownKey, Code::kBadSignature, Code::kUnknownIssuer,
                      Code::kWrongIssuer, Code::kWrongAudience, Code::kUnsupportedAlgorithm})
    {
        EXPECT_EQ(outcome(code).description, "The access token is invalid");
    }
    EXPECT_EQ(outcome(Code::kExpired).description, "The access token expired");
}

TEST(Outcome, DescriptionsFitTheChallengeGrammar)
{
    // RFC 6750 section 3: %x20-21 / %x23-5B / %x5D-7E
    for (unsigned i = 0; i < kCodes; i++) {
        for (char c : outcome(static_cast<Code>(i)).description) {
            EXPECT_TRUE(c >= 0x20 && c <= 0x7e && c != '"' && c != '\\');
        }
    }
}

TEST(Outcome, RowsThatOthersRelyOn)
{
    EXPECT_EQ(outcome(Code::kMissing).verdict, Verdict::kNotSupplied);
    EXPECT_EQ(outcome(Code::kMultipleCredentials).verdict, Verdict::kInvalidRequest);
    EXPECT_EQ(outcome(Code::kInactive).verdict, Verdict::kInvalid);
    EXPECT_EQ(outcome(Code::kPolicyRefused).verdict, Verdict::kForbidden);
    EXPECT_EQ(outcome(Code::kIssuerTimeout).verdict, Verdict::kUnavailable);
    EXPECT_EQ(outcome(Code::kIssuerTimeout).severity, Severity::kError);
    EXPECT_EQ(outcome(Code::kNoKeys).verdict, Verdict::kUnavailable);
    EXPECT_EQ(outcome(Code::kInternal).verdict, Verdict::kInternal);
    EXPECT_EQ(outcome(Code::kIssuerResponseTooBig).word, "issuer_response_too_big");
}

}  // namespace
}  // namespace token_introspect
