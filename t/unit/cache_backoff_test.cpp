#include "cache/backoff.hpp"

#include <gtest/gtest.h>

namespace token_introspect::cache {
namespace {

constexpr std::uint32_t kLongest = UINT32_MAX;
constexpr std::uint64_t kNow = 1'000'000;

Backoff after(unsigned failures, std::uint32_t random = kLongest)
{
    Backoff backoff;
    for (unsigned i = 0; i < failures; ++i) {
        backoff.failed(kNow, Code::kIssuerStatus, random);
    }
    return backoff;
}

TEST(Backoff, BeginsClosed)
{
    const Backoff backoff;
    EXPECT_FALSE(backoff.open());
    EXPECT_EQ(backoff.failures(), 0U);
    EXPECT_EQ(backoff.pause_ms(0), 0U);
    EXPECT_FALSE(backoff.worth_remembering(0));
}

TEST(Backoff, ToleratesTwoFailures)
{
    for (const unsigned failures : {1U, 2U}) {
        EXPECT_FALSE(after(failures).open());
        EXPECT_EQ(after(failures).pause_ms(kNow), 0U);
    }
    EXPECT_TRUE(after(3).open());
}

TEST(Backoff, PausesDoubleUpToThirtySeconds)
{
    constexpr std::uint64_t pauses[] = {1000, 2000, 4000, 8000, 16'000, 30'000, 30'000};
    unsigned failures = 3;
    for (const std::uint64_t pause_ms : pauses) {
        EXPECT_EQ(after(failures).pause_ms(kNow), pause_ms) << failures;
        ++failures;
    }
    EXPECT_EQ(after(1000).pause_ms(kNow), 30'000U);
    EXPECT_EQ(after(1000).failures(), 255U);
}

TEST(Backoff, ChanceShortensThePauseByUpToAHalf)
{
    EXPECT_EQ(after(3, 0).pause_ms(kNow), 500U);
    EXPECT_EQ(after(3, UINT32_MAX / 2).pause_ms(kNow), 750U);
    EXPECT_EQ(after(9, 0).pause_ms(kNow), 15'000U);
}

TEST(Backoff, PauseRunsOut)
{
    const Backoff backoff = after(3);
    EXPECT_EQ(backoff.pause_ms(kNow + 1), 999U);
    EXPECT_EQ(backoff.pause_ms(kNow + 999), 1U);
    EXPECT_EQ(backoff.pause_ms(kNow + 1000), 0U);
    EXPECT_TRUE(backoff.open()) << "until a success";
}

TEST(Backoff, SuccessClears)
{
    Backoff backoff = after(5);
    backoff.succeeded();
    EXPECT_FALSE(backoff.open());
    EXPECT_EQ(backoff.failures(), 0U);
    EXPECT_EQ(backoff.pause_ms(kNow), 0U);
}

TEST(Backoff, KnowsTheLastFailure)
{
    Backoff backoff = after(1);
    EXPECT_EQ(backoff.code(), Code::kIssuerStatus);
    backoff.failed(kNow, Code::kIssuerTimeout, 0);
    EXPECT_EQ(backoff.code(), Code::kIssuerTimeout);
}

TEST(Backoff, IsForgottenInTime)
{
    EXPECT_TRUE(after(1).worth_remembering(kNow + Backoff::kMemoryMs - 1));
    EXPECT_FALSE(after(1).worth_remembering(kNow + Backoff::kMemoryMs));
    EXPECT_TRUE(after(3).worth_remembering(kNow + Backoff::kMemoryMs));
}

TEST(Backoff, ClockThatStepsBackMakesNoLongerPause)
{
    EXPECT_EQ(after(9).pause_ms(kNow - 600'000), 0U);
}

}  // namespace
}  // namespace token_introspect::cache
