#include "jose/edwards_point.hpp"

#include "jose_signing.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace token_introspect::jose {
namespace {

/// Bytes of most significant digit first, as one writes a number; gives the encoding.
std::vector<std::uint8_t> encoding(const std::string &hex, bool negative = false)
{
    std::vector<std::uint8_t> bytes;

    for (std::size_t i = 0; i < hex.size(); i += 2) {
        bytes.push_back(static_cast<std::uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
    }
    std::reverse(bytes.begin(), bytes.end());
    if (negative) {
        bytes.back() |= 0x80;
    }

    return bytes;
}

TEST(EdwardsPoint, AcceptsGeneratedKeys)
{
    for (const char *type : {"ED25519", "ED448"}) {
        for (int i = 0; i < 50; i++) {
            const EvpKey key = test::generate(type);
            std::uint8_t point[57];
            std::size_t size = sizeof(point);

            ASSERT_EQ(EVP_PKEY_get_raw_public_key(key.get(), point, &size), 1);
            EXPECT_TRUE(is_acceptable_edwards_point({point, size}));
        }
    }
}

TEST(EdwardsPoint, RefusesSmallOrderAndNonCanonicalEd25519)
{
    const std::string f(60, 'f');
    const std::string zeros(62, '0');

    for (const std::string &y :
         {zeros + "00", zeros + "01", "7f" + f + "ec", "7f" + f + "ed", "7f" + f + "ee",
          "7f" + f + "ff",
          std::string("05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826"),
          std::string("7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7")})
    {
        EXPECT_FALSE(is_acceptable_edwards_point(encoding(y))) << y;
        EXPECT_FALSE(is_acceptable_edwards_point(encoding(y, true))) << y;
    }
    EXPECT_TRUE(is_acceptable_edwards_point(encoding(zeros + "02")));
    EXPECT_TRUE(is_acceptable_edwards_point(encoding("7f" + f + "eb")));
}

TEST(EdwardsPoint, RefusesSmallOrderAndNonCanonicalEd448)
{
    const std::string zeros(112, '0');
    const std::string high = "00" + std::string(55, 'f') + "e" + std::string(54, 'f');

    // 2^448 - 2^224 - 1 is the prime: high + "ff"
    for (const std::string &y :
         {zeros + "00", zeros + "01", high + "fe", high + "ff", "00" + std::string(112, 'f'),
          "01" + zeros.substr(2) + "02", "40" + zeros.substr(2) + "02"})
    {
        EXPECT_FALSE(is_acceptable_edwards_point(encoding(y))) << y;
        EXPECT_FALSE(is_acceptable_edwards_point(encoding(y, true))) << y;
    }
    EXPECT_TRUE(is_acceptable_edwards_point(encoding(zeros + "02")));
    EXPECT_TRUE(is_acceptable_edwards_point(encoding(high + "fd")));
}

TEST(EdwardsPoint, RefusesOtherLengths)
{
    for (std::size_t size : {0U, 31U, 33U, 56U, 58U}) {
        EXPECT_FALSE(is_acceptable_edwards_point(std::vector<std::uint8_t>(size, 2)));
    }
}

}  // namespace
}  // namespace token_introspect::jose
