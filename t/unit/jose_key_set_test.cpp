#include "jose/key_set.hpp"

#include "jose_signing.hpp"

#include <gtest/gtest.h>

namespace token_introspect::jose {
namespace {

const std::string kSecret =
    R"({"kty":"oct","kid":"s","k":"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg"})";

std::string ec(const std::string &kid)
{
    return test::jwk_of(test::generate("P-256").get(), R"("kid":")" + kid + R"(",)");
}

std::string set_of(const std::vector<std::string> &keys)
{
    std::string text = R"({"keys":[)";

    for (const std::string &key : keys) {
        text += key + (&key == &keys.back() ? "" : ",");
    }

    return text + "]}";
}

Code code_of(const std::string &text, bool allow_symmetric = false)
{
    const Result<KeySet> set = KeySet::from_json(text, allow_symmetric);

    return set ? Code::kActive : set.error().code;
}

TEST(KeySet, KeepsTheOrderAndListsWhatItSkips)
{
    const Result<KeySet> set =
        KeySet::from_json(set_of({R"({"kty":"XYZ"})", ec("a"), "17", kSecret,
                                  R"({"kty":"RSA","use":"enc","n":"AQ","e":"AQAB"})", ec("b")}),
                          false);

    ASSERT_TRUE(set);
    ASSERT_EQ(set->keys().size(), 2U);
    EXPECT_EQ(set->keys()[0].kid(), "a");
    EXPECT_EQ(set->keys()[1].kid(), "b");

    ASSERT_EQ(set->skipped().size(), 4U);
    EXPECT_EQ(set->skipped()[0].index, 0U);
    EXPECT_EQ(set->skipped()[0].error.code, Code::kUnsupportedKey);
    EXPECT_EQ(set->skipped()[1].index, 2U);
    EXPECT_EQ(set->skipped()[1].error.code, Code::kMalformedKey);
    EXPECT_EQ(set->skipped()[2].index, 3U);
    EXPECT_EQ(set->skipped()[3].index, 4U);
}

TEST(KeySet, SymmetricKeysOnlyWhenAllowed)
{
    EXPECT_EQ(code_of(set_of({kSecret})), Code::kNoKeys);
    EXPECT_EQ(code_of(set_of({kSecret}), true), Code::kActive);
    EXPECT_EQ(code_of(set_of({R"({"kty":"oct","k":"c2hvcnQ"})"}), true), Code::kNoKeys);
}

TEST(KeySet, RefusesWhatIsNoSet)
{
    for (const std::string &text :
         {std::string(), std::string("[]"), std::string("{}"), std::string(R"({"keys":{}})"),
          std::string(R"({"keys":"x"})"), set_of({ec("a")}) + "x",
          R"({"keys":[],"keys":[)" + ec("a") + "]}",
          set_of({R"({"kty":"oct","kty":"RSA"})", ec("a")})})
    {
        EXPECT_EQ(code_of(text), Code::kMalformedKey) << text;
    }
    EXPECT_EQ(code_of(R"({"keys":[]})"), Code::kNoKeys);
}

TEST(KeySet, ReadsAtMost256Keys)
{
    std::vector<std::string> keys(256, R"({"kty":"XYZ"})");

    keys.push_back(ec("late"));
    EXPECT_EQ(code_of(set_of(keys)), Code::kNoKeys);

    keys[255] = ec("in time");

    const Result<KeySet> set = KeySet::from_json(set_of(keys), false);

    ASSERT_TRUE(set);
    EXPECT_EQ(set->keys().size(), 1U);
    EXPECT_EQ(set->keys()[0].kid(), "in time");
    EXPECT_EQ(set->skipped().back().index, 256U);
}

TEST(KeySet, KnowsItsKeysById)
{
    const std::string first = ec("a");
    const Result<KeySet> set = KeySet::from_json(set_of({first, ec("b")}), false);
    const Result<KeySet> again = KeySet::from_json(set_of({first}), false);
    const Result<KeySet> other = KeySet::from_json(set_of({ec("a")}), false);

    EXPECT_TRUE(set->contains(again->keys()[0].id()));
    EXPECT_FALSE(set->contains(other->keys()[0].id()));
    EXPECT_FALSE(KeySet().contains(again->keys()[0].id()));
}

TEST(KeySet, LongSetsWithCertificatesAreRead)
{
    const std::string chain(100000, 'M');

    EXPECT_EQ(code_of(set_of(
                  {test::jwk_of(test::generate("P-256").get(), R"("x5c":[")" + chain + R"("],)")})),
              Code::kActive);
    EXPECT_EQ(code_of(R"({"x":")" + std::string(1024UL * 1024, 'x') + R"(","keys":[]})"),
              Code::kMalformedKey);
}

}  // namespace
}  // namespace token_introspect::jose
