#include "jose/pem.hpp"

#include "jose_signing.hpp"

#include <gtest/gtest.h>

#include <openssl/err.h>
#include <openssl/x509.h>

namespace token_introspect::jose {
namespace {

Code code_of(const std::string &pem)
{
    const Result<KeyMaterial> material = material_from_pem(pem);

    EXPECT_EQ(ERR_peek_error(), 0UL);

    return material ? Code::kActive : material.error().code;
}

template <class Write> std::string written(Write write)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = nullptr;

    test::require(write(bio) == 1, "PEM");

    const auto size = static_cast<std::size_t>(BIO_get_mem_data(bio, &data));
    std::string pem(data, size);

    BIO_free(bio);

    return pem;
}

std::string certificate_of(EVP_PKEY *key)
{
    X509 *certificate = X509_new();

    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -7200);
    X509_gmtime_adj(X509_getm_notAfter(certificate), -3600);  // dates are not looked at
    X509_set_pubkey(certificate, key);
    test::require(X509_sign(certificate, key, EVP_sha256()) > 0, "certificate");

    const std::string pem = written([&](BIO *bio) { return PEM_write_bio_X509(bio, certificate); });

    X509_free(certificate);

    return pem;
}

std::string block(const std::string &name, Bytes der)
{
    return written([&](BIO *bio) {
        return PEM_write_bio(bio, name.c_str(), "", der.data(), static_cast<long>(der.size())) > 0
                   ? 1
                   : 0;
    });
}

std::vector<std::uint8_t> spki_of(EVP_PKEY *key)
{
    unsigned char *der = nullptr;
    const int size = i2d_PUBKEY(key, &der);

    test::require(size > 0, "SubjectPublicKeyInfo");

    std::vector<std::uint8_t> bytes(der, der + size);

    OPENSSL_free(der);

    return bytes;
}

EvpKey from_parameters(EVP_PKEY_CTX *context)
{
    EVP_PKEY *key = nullptr;

    test::require(EVP_PKEY_generate(context, &key) == 1, "generate");

    return EvpKey(key);
}

TEST(Pem, PublicKeysOfEveryType)
{
    const std::pair<const char *, AlgorithmSet> types[] = {
        {"RSA", kRsaAlgorithms},
        {"P-256", {Algorithm::kES256}},
        {"P-384", {Algorithm::kES384}},
        {"P-521", {Algorithm::kES512}},
        {"secp256k1", {Algorithm::kES256K}},
        {"ED25519", {Algorithm::kEdDSA}},
        {"ED448", {Algorithm::kEdDSA}},
    };

    for (const auto &[type, algorithms] : types) {
        const EvpKey key = test::generate(type);
        const Result<KeyMaterial> material = material_from_pem(test::pem_of(key.get()));

        ASSERT_TRUE(material) << type << material.error().text;
        EXPECT_EQ(material->algorithms, algorithms) << type;
        EXPECT_EQ(EVP_PKEY_eq(material->key.get(), key.get()), 1) << type;
    }
}

TEST(Pem, CertificateAndPkcs1)
{
    const EvpKey key = test::generate("RSA");
    unsigned char *der = nullptr;
    const int size = i2d_PublicKey(key.get(), &der);
    const std::string pkcs1 = block("RSA PUBLIC KEY", {der, static_cast<std::size_t>(size)});

    OPENSSL_free(der);

    for (const std::string &pem : {certificate_of(key.get()), pkcs1}) {
        const Result<KeyMaterial> material = material_from_pem(pem);

        ASSERT_TRUE(material) << material.error().text;
        EXPECT_EQ(EVP_PKEY_eq(material->key.get(), key.get()), 1);
    }
}

TEST(Pem, TextAroundTheBlockIsAllowed)
{
    const std::string pem = test::pem_of(test::generate("P-256").get());

    EXPECT_EQ(code_of("subject=CN = example\n\n" + pem + "\n \n"), Code::kActive);
}

TEST(Pem, PrivateKeysAreRefusedWithAdvice)
{
    for (const char *type : {"RSA", "P-256", "ED25519"}) {
        const EvpKey key = test::generate(type);
        const Result<KeyMaterial> material = material_from_pem(test::pem_of(key.get(), true));

        ASSERT_FALSE(material);
        EXPECT_NE(material.error().text.find("give its public key"), std::string_view::npos);
    }
}

TEST(Pem, ExactlyOneBlock)
{
    const EvpKey key = test::generate("P-256");
    const std::string pem = test::pem_of(key.get());

    EXPECT_EQ(code_of(""), Code::kMalformedKey);
    EXPECT_EQ(code_of("not PEM"), Code::kMalformedKey);
    EXPECT_EQ(code_of(pem + pem), Code::kMalformedKey);
    EXPECT_EQ(code_of(pem + "-----BEGIN PUBLIC KEY-----\nAAAA\n"), Code::kMalformedKey);
    EXPECT_EQ(code_of(certificate_of(key.get()) + pem), Code::kMalformedKey);
}

TEST(Pem, DamageIsRefused)
{
    const EvpKey key = test::generate("P-256");
    const std::string pem = test::pem_of(key.get());
    std::vector<std::uint8_t> der = spki_of(key.get());

    EXPECT_EQ(code_of(pem.substr(0, pem.size() - 10)), Code::kMalformedKey);
    EXPECT_EQ(code_of(std::string(pem).replace(40, 1, "!")), Code::kMalformedKey);
    EXPECT_EQ(code_of(block("CERTIFICATE", der)), Code::kMalformedKey);
    EXPECT_EQ(code_of(block("X509 CRL", der)), Code::kMalformedKey);
    EXPECT_EQ(code_of(std::string(70000, ' ') + pem), Code::kMalformedKey);

    der.push_back(0);
    EXPECT_EQ(code_of(block("PUBLIC KEY", der)), Code::kMalformedKey);
}

TEST(Pem, UnsupportedTypesCurvesAndSizes)
{
    EXPECT_EQ(code_of(test::pem_of(test::generate("RSA", 1024).get())), Code::kUnsupportedKey);
    EXPECT_EQ(code_of(test::pem_of(test::generate("P-224").get())), Code::kUnsupportedKey);
    EXPECT_EQ(code_of(test::pem_of(test::generate("brainpoolP256r1").get())),
              Code::kUnsupportedKey);

    const EvpKey x25519(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"));

    EXPECT_EQ(code_of(test::pem_of(x25519.get())), Code::kUnsupportedKey);
}

TEST(Pem, ExplicitCurveParametersAreRefused)
{
    const EvpKeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
    char group[] = "P-256";
    char encoding[] = "explicit";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, encoding, 0),
        OSSL_PARAM_construct_end()};

    ASSERT_EQ(EVP_PKEY_keygen_init(context.get()), 1);
    ASSERT_EQ(EVP_PKEY_CTX_set_params(context.get(), params), 1);
    EXPECT_EQ(code_of(test::pem_of(from_parameters(context.get()).get())), Code::kUnsupportedKey);
}

TEST(Pem, RsaPssKeysServePssOnly)
{
    const EvpKeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA-PSS", nullptr));

    ASSERT_EQ(EVP_PKEY_keygen_init(context.get()), 1);
    ASSERT_EQ(EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), 2048), 1);

    const EvpKey any = from_parameters(context.get());
    const Result<KeyMaterial> free = material_from_pem(test::pem_of(any.get()));

    ASSERT_TRUE(free) << free.error().text;
    EXPECT_EQ(free->algorithms,
              (AlgorithmSet{Algorithm::kPS256, Algorithm::kPS384, Algorithm::kPS512}));

    ASSERT_EQ(EVP_PKEY_CTX_set_rsa_pss_keygen_md(context.get(), EVP_sha256()), 1);
    ASSERT_EQ(EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md(context.get(), EVP_sha256()), 1);
    ASSERT_EQ(EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(context.get(), 32), 1);

    const EvpKey bound = from_parameters(context.get());
    const Result<KeyMaterial> restricted = material_from_pem(test::pem_of(bound.get()));

    ASSERT_TRUE(restricted) << restricted.error().text;
    EXPECT_EQ(restricted->algorithms, AlgorithmSet{Algorithm::kPS256});

    const Result<Key> key = Key::from_pem(test::pem_of(bound.get()), {});
    const auto signature = test::sign(bound.get(), Algorithm::kPS256, "input");

    EXPECT_TRUE(key->verify(Algorithm::kPS256, as_bytes("input"), signature));
    EXPECT_FALSE(key->verify(Algorithm::kRS256, as_bytes("input"), signature));

    ASSERT_EQ(EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(context.get(), 40), 1);
    EXPECT_EQ(code_of(test::pem_of(from_parameters(context.get()).get())), Code::kUnsupportedKey);
}

TEST(Pem, LooksLikePem)
{
    EXPECT_TRUE(looks_like_pem("-----BEGIN PUBLIC KEY-----"));
    EXPECT_TRUE(looks_like_pem("\r\n\t -----BEGIN CERTIFICATE-----"));
    EXPECT_FALSE(looks_like_pem(""));
    EXPECT_FALSE(looks_like_pem("   "));
    EXPECT_FALSE(looks_like_pem("a secret -----BEGIN PUBLIC KEY-----"));
}

}  // namespace
}  // namespace token_introspect::jose
