#include "base/crypto.hpp"

#include <gtest/gtest.h>

#include <openssl/err.h>

#include <vector>

namespace token_introspect {
namespace {

using namespace std::literals;

std::string sha256(Sha256Hasher &hasher, std::string_view text)
{
    const auto digest = hasher(as_bytes(text));

    return digest ? hex_encode(*digest) : "failed";
}

TEST(Sha256Hasher, KnownAnswersFromOneReusedObject)
{
    Sha256Hasher hasher;

    // FIPS 180-4 examples
    EXPECT_EQ(sha256(hasher, "abc"),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256(hasher, ""),
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256(hasher, "abc"),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256Hasher, PartsArePrecededByTheirLength)
{
    Sha256Hasher hasher;
    const std::vector<std::string_view> parts{"a", "", "bc"};
    const auto expected = hasher(as_bytes("\0\0\0\0\0\0\0\1a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2bc"sv));

    EXPECT_EQ(hasher.of_parts(parts), expected);
}

TEST(Sha256Hasher, DifferentListsDiffer)
{
    Sha256Hasher hasher;
    const std::vector<std::vector<std::string_view>> lists{
        {}, {""}, {"", ""}, {"ab"}, {"a", "b"}, {"", "ab"}, {"ab", ""}, {"b", "a"}};

    for (const auto &a : lists) {
        for (const auto &b : lists) {
            EXPECT_EQ(hasher.of_parts(a) == hasher.of_parts(b), &a == &b);
        }
    }
}

TEST(ConstantTime, ComparesAllBytes)
{
    const std::string a = "0123456789abcdef";

    EXPECT_TRUE(equals_in_constant_time(as_bytes(a), as_bytes(a)));
    EXPECT_TRUE(equals_in_constant_time({}, {}));
    EXPECT_FALSE(equals_in_constant_time(as_bytes(a), as_bytes(a).first(15)));
    EXPECT_FALSE(equals_in_constant_time(as_bytes(a), {}));

    for (std::size_t i = 0; i < a.size(); i++) {
        std::string b = a;

        b[i] = static_cast<char>(b[i] ^ 0x80);
        EXPECT_FALSE(equals_in_constant_time(as_bytes(a), as_bytes(b)));
    }
}

TEST(ErrorQueueGuard, EmptiesTheQueue)
{
    {
        const ErrorQueueGuard guard;

        EXPECT_EQ(EVP_MD_fetch(nullptr, "no such digest", nullptr), nullptr);
        EXPECT_NE(ERR_peek_error(), 0UL);
    }
    EXPECT_EQ(ERR_peek_error(), 0UL);
}

}  // namespace
}  // namespace token_introspect
