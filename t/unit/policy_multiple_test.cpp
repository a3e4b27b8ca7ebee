#include "policy/multiple.hpp"

#include <gtest/gtest.h>

namespace token_introspect::policy {
namespace {

bool is_multiple_of(const char *number, const char *divisor)
{
    return is_multiple(*token::Number::parse(number), *token::Number::parse(divisor));
}

TEST(Multiple, Integers)
{
    EXPECT_TRUE(is_multiple_of("0", "7"));
    EXPECT_TRUE(is_multiple_of("49", "7"));
    EXPECT_TRUE(is_multiple_of("-49", "7"));
    EXPECT_FALSE(is_multiple_of("50", "7"));
    EXPECT_TRUE(is_multiple_of("100", "20"));
    EXPECT_FALSE(is_multiple_of("100", "30"));
    EXPECT_TRUE(is_multiple_of("9223372036854775807", "7"));
    EXPECT_FALSE(is_multiple_of("9223372036854775806", "7"));
    EXPECT_TRUE(is_multiple_of("-9223372036854775808", "2"));
    EXPECT_FALSE(is_multiple_of("-9223372036854775808", "9223372036854775807"));
    EXPECT_TRUE(is_multiple_of("9223372036854775807", "9223372036854775807"));
}

TEST(Multiple, RealsAsTheyAreWritten)
{
    EXPECT_FALSE(is_multiple_of("7.5", "1"));
    EXPECT_TRUE(is_multiple_of("7.5", "2.5"));
    EXPECT_TRUE(is_multiple_of("19.99", "0.01"));
    EXPECT_TRUE(is_multiple_of("0.0075", "0.0001"));
    EXPECT_FALSE(is_multiple_of("0.00751", "0.0001"));
    EXPECT_TRUE(is_multiple_of("-0.3", "0.1"));
    EXPECT_TRUE(is_multiple_of("3", "1.5"));
    EXPECT_FALSE(is_multiple_of("4", "1.5"));
    EXPECT_TRUE(is_multiple_of("3.0", "3"));
    EXPECT_TRUE(is_multiple_of("0.0", "1.5"));
    EXPECT_TRUE(is_multiple_of("1e300", "1e-300"));
    EXPECT_FALSE(is_multiple_of("1e-300", "1e300"));
    EXPECT_FALSE(is_multiple_of("1e308", "0.123456789"));
    EXPECT_FALSE(is_multiple_of("1e300", "3"));
    EXPECT_FALSE(is_multiple_of("1e300", "9223372036854775807"));
    EXPECT_TRUE(is_multiple_of("1e300", "4611686018427387904"));
    EXPECT_TRUE(is_multiple_of("5e-324", "5e-324"));
}

}  // namespace
}  // namespace token_introspect::policy
