#include "token/number.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace token_introspect::token {
namespace {

constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

TEST(NumberParse, IntegersStayIntegers)
{
    for (const auto &[text, value] : {std::pair<const char *, std::int64_t>{"0", 0},
                                      {"-0", 0},
                                      {"42", 42},
                                      {"-42", -42},
                                      {"9223372036854775807", kMax},
                                      {"-9223372036854775808", kMin}})
    {
        const auto number = Number::parse(text);
        ASSERT_TRUE(number) << text;
        EXPECT_FALSE(number->is_real()) << text;
        EXPECT_EQ(number->integer(), value) << text;
    }
}

TEST(NumberParse, RealsByTheGrammarOfJson)
{
    for (const auto &[text, value] : {std::pair<const char *, double>{"1.5", 1.5},
                                      {"-0.25", -0.25},
                                      {"1e3", 1000},
                                      {"1E+3", 1000},
                                      {"25e-1", 2.5},
                                      {"1.7e9", 1.7e9}})
    {
        const auto number = Number::parse(text);
        ASSERT_TRUE(number) << text;
        EXPECT_TRUE(number->is_real()) << text;
        EXPECT_EQ(number->real(), value) << text;
    }
}

TEST(NumberParse, RefusesWhatIsNoJsonNumber)
{
    for (const char *text : {"",
                             "-",
                             "+1",
                             "01",
                             "-01",
                             "00",
                             "1.",
                             ".5",
                             "1e",
                             "1e+",
                             "0x10",
                             " 1",
                             "1 ",
                             "1a",
                             "--1",
                             "NaN",
                             "nan",
                             "Infinity",
                             "inf",
                             "1.5.2",
                             "1e5e5",
                             "1,5",
                             "9223372036854775808",
                             "-9223372036854775809",
                             "1e400",
                             "-1e400"})
    {
        EXPECT_FALSE(Number::parse(text)) << '"' << text << '"';
    }
}

TEST(NumberCompare, IntegersAndRealsExactly)
{
    const auto real = [](double value) { return Number::from_real(value); };
    constexpr std::int64_t two53 = std::int64_t{1} << 53;

    EXPECT_EQ(Number(42), real(42.0));
    EXPECT_LT(Number(42), real(42.5));
    EXPECT_GT(Number(43), real(42.5));
    EXPECT_GT(real(-42.0), real(-42.5));
    EXPECT_GT(Number(-42), real(-42.5));
    EXPECT_LT(Number(-43), real(-42.5));
    EXPECT_LT(real(-42.5), Number(-42));
    EXPECT_EQ(Number(0), real(-0.0));

    // As doubles these would be equal.
    EXPECT_GT(Number(two53 + 1), real(9007199254740992.0));
    EXPECT_NE(Number(two53 + 1), real(9007199254740992.0));
    EXPECT_NE(Number(kMax), real(9223372036854775808.0));
    EXPECT_LT(Number(kMax), real(9223372036854775808.0));
    EXPECT_LT(Number(kMax), real(1e300));
    EXPECT_EQ(Number(kMin), real(-9223372036854775808.0));
    EXPECT_GT(Number(kMin), real(-1e300));
    EXPECT_GT(Number(kMin), real(std::nextafter(-9223372036854775808.0, -1e300)));
    EXPECT_GT(real(1e300), Number(kMax));
    EXPECT_LT(real(-1e300), Number(kMin));
}

}  // namespace
}  // namespace token_introspect::token
