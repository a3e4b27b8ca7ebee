#include "jose/algorithm.hpp"

#include <gtest/gtest.h>

namespace token_introspect::jose {
namespace {

TEST(Algorithm, NamesRoundTrip)
{
    for (unsigned i = 0; i < static_cast<unsigned>(Algorithm::kCount); i++) {
        const auto algorithm = static_cast<Algorithm>(i);

        EXPECT_EQ(algorithm_from_name(name(algorithm)), algorithm);
    }
    EXPECT_EQ(name(Algorithm::kHS256), "HS256");
    EXPECT_EQ(name(Algorithm::kPS384), "PS384");
    EXPECT_EQ(name(Algorithm::kES256K), "ES256K");
    EXPECT_EQ(name(Algorithm::kEdDSA), "EdDSA");
    EXPECT_EQ(name(Algorithm::kCount), "");
}

TEST(Algorithm, NoneAndVariantsDoNotExist)
{
    for (std::string_view text : {"none", "None", "NONE", "", "hs256", "HS256 ", "RS1", "HS1",
                                  "ES256k", "RSA-OAEP", "dir", "A128KW", "EDDSA"})
    {
        EXPECT_FALSE(algorithm_from_name(text)) << text;
    }
}

TEST(AlgorithmSet, HoldsWhatWasAdded)
{
    AlgorithmSet set;

    EXPECT_TRUE(set.empty());
    set.add(Algorithm::kEdDSA);
    EXPECT_TRUE(set.has(Algorithm::kEdDSA));
    EXPECT_FALSE(set.has(Algorithm::kHS256));
    EXPECT_FALSE(set.has(Algorithm::kCount));
    EXPECT_EQ(set, AlgorithmSet{Algorithm::kEdDSA});
    EXPECT_TRUE((set & kRsaAlgorithms).empty());
}

TEST(AlgorithmSet, SymmetricAndAsymmetricShareNothingAndAreAll)
{
    EXPECT_TRUE((kHmacAlgorithms & kAsymmetricAlgorithms).empty());

    for (unsigned i = 0; i < static_cast<unsigned>(Algorithm::kCount); i++) {
        const auto algorithm = static_cast<Algorithm>(i);

        EXPECT_NE(kHmacAlgorithms.has(algorithm), kAsymmetricAlgorithms.has(algorithm));
    }
}

}  // namespace
}  // namespace token_introspect::jose
