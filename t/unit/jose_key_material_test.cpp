#include "jose/key_material.hpp"

#include "jose_signing.hpp"

#include <gtest/gtest.h>

#include <openssl/err.h>

namespace token_introspect::jose {
namespace {

TEST(KeyMaterial, CurvesHaveTheirNamesAndTypes)
{
    const std::pair<std::string_view, KeyType> curves[] = {
        {"P-256", KeyType::kEC},     {"P-384", KeyType::kEC},    {"P-521", KeyType::kEC},
        {"secp256k1", KeyType::kEC}, {"Ed25519", KeyType::kOKP}, {"Ed448", KeyType::kOKP},
    };

    for (const auto &[crv, type] : curves) {
        const auto curve = curve_from_name(crv);

        ASSERT_TRUE(curve) << crv;
        EXPECT_EQ(type_of(*curve), type);
    }
    for (std::string_view crv : {"", "P-192", "p-256", "prime256v1", "X25519", "ED25519"}) {
        EXPECT_FALSE(curve_from_name(crv)) << crv;
    }
}

TEST(KeyMaterial, CurveAndTypeMustAgree)
{
    const std::vector<std::uint8_t> bytes(32, 2);

    EXPECT_EQ(ec_material(Curve::kEd25519, bytes, bytes).error().code, Code::kUnsupportedKey);
    EXPECT_EQ(okp_material(Curve::kP256, bytes).error().code, Code::kUnsupportedKey);
}

TEST(KeyMaterial, LeavesTheErrorQueueEmpty)
{
    const std::vector<std::uint8_t> bytes(32, 2);

    EXPECT_EQ(ec_material(Curve::kP256, bytes, bytes).error().code, Code::kMalformedKey);
    EXPECT_EQ(ERR_peek_error(), 0UL);
}

TEST(KeyMaterial, SecretMovesWithoutCopies)
{
    Secret first(std::vector<std::uint8_t>(40, 7));
    const std::uint8_t *data = first.bytes().data();
    Secret second(std::move(first));
    Secret third;

    third = std::move(second);
    EXPECT_EQ(third.bytes().data(), data);
    EXPECT_EQ(third.bytes().size(), 40U);
}

TEST(KeyMaterial, KeyOfOpensslKeepsOnlyItsPublicHalf)
{
    for (const char *type : {"RSA", "P-256", "ED25519"}) {
        const Result<KeyMaterial> material = material_of(test::generate(type));

        ASSERT_TRUE(material) << type;

        BIO *bio = BIO_new(BIO_s_mem());

        EXPECT_NE(PEM_write_bio_PrivateKey(bio, material->key.get(), nullptr, nullptr, 0, nullptr,
                                           nullptr),
                  1)
            << type;
        BIO_free(bio);
        ERR_clear_error();
    }
}

}  // namespace
}  // namespace token_introspect::jose
