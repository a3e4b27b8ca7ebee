#include "jose/key.hpp"

#include "jose_signing.hpp"

#include <gtest/gtest.h>

#include <openssl/err.h>

namespace token_introspect::jose {
namespace {

using namespace std::literals;

constexpr std::string_view kInput = "eyJhbGciOiJub3QgcmVhZCJ9.e30";

Result<Key> from_jwk(const std::string &text, const KeyOptions &options = {})
{
    const Result<Json> jwk = parse_json_object(text);

    EXPECT_TRUE(jwk) << text;

    return Key::from_jwk(jwk->get(), options);
}

std::string secret_of(std::size_t size)
{
    return std::string(size, 'k');
}

/// One key for each way to sign, with the algorithms that its JWK allows.
struct Case {
    std::string name;
    Algorithm algorithm;
    EvpKey signer;  // null for HMAC
    Result<Key> key;
};

std::vector<Case> make_cases()
{
    std::vector<Case> cases;
    const std::pair<Algorithm, const char *> pairs[] = {
        {Algorithm::kRS256, "RSA"},     {Algorithm::kRS384, "RSA"},
        {Algorithm::kRS512, "RSA"},     {Algorithm::kPS256, "RSA"},
        {Algorithm::kPS384, "RSA"},     {Algorithm::kPS512, "RSA"},
        {Algorithm::kES256, "P-256"},   {Algorithm::kES384, "P-384"},
        {Algorithm::kES512, "P-521"},   {Algorithm::kES256K, "secp256k1"},
        {Algorithm::kEdDSA, "ED25519"}, {Algorithm::kEdDSA, "ED448"},
    };

    for (const auto &[algorithm, type] : pairs) {
        EvpKey signer = test::generate(type);
        Result<Key> key = from_jwk(test::jwk_of(signer.get()));

        cases.push_back({std::string(name(algorithm)) + " " + type, algorithm, std::move(signer),
                         std::move(key)});
    }
    for (Algorithm algorithm : {Algorithm::kHS256, Algorithm::kHS384, Algorithm::kHS512}) {
        cases.push_back({std::string(name(algorithm)), algorithm, nullptr,
                         Key::from_secret(as_bytes(secret_of(64)), {})});
    }

    return cases;
}

/// Made once: RSA keys take their time.
const std::vector<Case> &all_cases()
{
    static const std::vector<Case> cases = make_cases();

    return cases;
}

std::vector<std::uint8_t> signed_by(const Case &of, Algorithm algorithm)
{
    return of.signer ? test::sign(of.signer.get(), algorithm, kInput)
                     : test::mac(as_bytes(secret_of(64)), algorithm, kInput);
}

TEST(Key, VerifiesWhatOpensslSigned)
{
    for (const Case &of : all_cases()) {
        ASSERT_TRUE(of.key) << of.name << of.key.error().text;

        for (int i = 0; i < 3; i++) {
            const auto signature = signed_by(of, of.algorithm);

            EXPECT_TRUE(of.key->verify(of.algorithm, as_bytes(kInput), signature)) << of.name;
        }
    }
}

TEST(Key, RefusesAlteredBytes)
{
    for (const Case &of : all_cases()) {
        const auto signature = signed_by(of, of.algorithm);

        for (std::size_t i = 0; i < signature.size(); i += 5) {
            auto altered = signature;

            altered[i] ^= 0x80;
            EXPECT_FALSE(of.key->verify(of.algorithm, as_bytes(kInput), altered)) << of.name;
        }
        EXPECT_FALSE(of.key->verify(of.algorithm, as_bytes("x"sv), signature)) << of.name;
        EXPECT_FALSE(of.key->verify(of.algorithm, {}, signature)) << of.name;
        EXPECT_EQ(ERR_peek_error(), 0UL) << of.name;
        EXPECT_TRUE(of.key->verify(of.algorithm, as_bytes(kInput), signature)) << of.name;
    }
}

TEST(Key, RefusesSignaturesOfAnotherLength)
{
    for (const Case &of : all_cases()) {
        const auto signature = signed_by(of, of.algorithm);
        auto longer = signature;
        auto with_zero_before = signature;

        longer.push_back(0);
        with_zero_before.insert(with_zero_before.begin(), 0);

        for (std::size_t size = 0; size < signature.size(); size++) {
            EXPECT_FALSE(
                of.key->verify(of.algorithm, as_bytes(kInput), Bytes(signature).first(size)));
        }
        EXPECT_FALSE(of.key->verify(of.algorithm, as_bytes(kInput), longer)) << of.name;
        EXPECT_FALSE(of.key->verify(of.algorithm, as_bytes(kInput), with_zero_before)) << of.name;
        EXPECT_FALSE(of.key->verify(of.algorithm, as_bytes(kInput),
                                    std::vector<std::uint8_t>(signature.size(), 0)));
    }
}

TEST(Key, RefusesPaddedAndShortenedHalves)
{
    const EvpKey signer = test::generate("P-256");
    const Result<Key> key = from_jwk(test::jwk_of(signer.get()));
    auto signature = test::sign(signer.get(), Algorithm::kES256, kInput);

    // Until r could lose a byte.
    while (signature[0] != 0) {
        signature = test::sign(signer.get(), Algorithm::kES256, kInput);
    }
    ASSERT_TRUE(key->verify(Algorithm::kES256, as_bytes(kInput), signature));

    auto padded = signature;
    auto shortened = signature;

    padded.insert(padded.begin() + 32, 0);
    padded.insert(padded.begin(), 0);
    shortened.erase(shortened.begin());

    EXPECT_FALSE(key->verify(Algorithm::kES256, as_bytes(kInput), padded));
    EXPECT_FALSE(key->verify(Algorithm::kES256, as_bytes(kInput), shortened));
}

TEST(Key, RefusesDerEncodedEcdsa)
{
    const EvpKey signer = test::generate("P-256");
    const Result<Key> key = from_jwk(test::jwk_of(signer.get()));
    const EvpDigestContext context(EVP_MD_CTX_new());
    std::uint8_t der[128];
    std::size_t size = sizeof(der);

    ASSERT_EQ(EVP_DigestSignInit_ex(context.get(), nullptr, "SHA256", nullptr, nullptr,
                                    signer.get(), nullptr),
              1);
    ASSERT_EQ(EVP_DigestSign(context.get(), der, &size, as_bytes(kInput).data(), kInput.size()), 1);
    EXPECT_FALSE(key->verify(Algorithm::kES256, as_bytes(kInput), {der, size}));
}

TEST(Key, MatrixOfAlgorithmsAndKeys)
{
    const std::vector<Case> &cases = all_cases();

    for (const Case &signer : cases) {
        const auto signature = signed_by(signer, signer.algorithm);

        for (const Case &verifier : cases) {
            for (unsigned i = 0; i < static_cast<unsigned>(Algorithm::kCount); i++) {
                const auto algorithm = static_cast<Algorithm>(i);
                const bool same =
                    algorithm == signer.algorithm && verifier.key->id() == signer.key->id();

                EXPECT_EQ(verifier.key->verify(algorithm, as_bytes(kInput), signature), same)
                    << signer.name << " by " << verifier.name << " as " << name(algorithm);
            }
        }
    }
}

TEST(Key, PssSaltIsExactlyAsLongAsTheDigest)
{
    const EvpKey signer = test::generate("RSA");
    const Result<Key> key = from_jwk(test::jwk_of(signer.get()));

    for (int salt : {0, 20, 31, 33, 64}) {
        const auto signature = test::sign(signer.get(), Algorithm::kPS256, kInput, salt);

        EXPECT_FALSE(key->verify(Algorithm::kPS256, as_bytes(kInput), signature)) << salt;
    }
    EXPECT_TRUE(key->verify(Algorithm::kPS256, as_bytes(kInput),
                            test::sign(signer.get(), Algorithm::kPS256, kInput, 32)));
}

TEST(Key, PublicKeyBytesServeNoHmac)
{
    const EvpKey signer = test::generate("RSA");
    const std::string pem = test::pem_of(signer.get());
    const auto forged = test::mac(as_bytes(pem), Algorithm::kHS256, kInput);

    for (const Result<Key> &key : {Key::from_pem(pem, {}), from_jwk(test::jwk_of(signer.get()))}) {
        ASSERT_TRUE(key);
        EXPECT_TRUE((key->algorithms() & kHmacAlgorithms).empty());
        EXPECT_FALSE(key->verify(Algorithm::kHS256, as_bytes(kInput), forged));
    }

    EXPECT_EQ(Key::from_pem(pem, {.algorithm = Algorithm::kHS256}).error().code,
              Code::kUnsupportedKey);
    EXPECT_EQ(from_jwk(test::jwk_of(signer.get(), R"("alg":"HS256",)")).error().code,
              Code::kUnsupportedKey);
    EXPECT_EQ(Key::from_secret(as_bytes(pem), {}).error().code, Code::kMalformedKey);
    EXPECT_EQ(Key::from_secret(as_bytes("\n " + pem), {}).error().code, Code::kMalformedKey);
}

TEST(Key, SecretsHaveTheLengthOfTheHash)
{
    const std::pair<std::optional<Algorithm>, std::size_t> least[] = {
        {std::nullopt, 32},
        {Algorithm::kHS256, 32},
        {Algorithm::kHS384, 48},
        {Algorithm::kHS512, 64},
    };

    for (const auto &[algorithm, size] : least) {
        const KeyOptions options{.algorithm = algorithm};
        KeyOptions lenient = options;

        lenient.allow_short = true;
        EXPECT_TRUE(Key::from_secret(as_bytes(secret_of(size)), options));
        EXPECT_EQ(Key::from_secret(as_bytes(secret_of(size - 1)), options).error().code,
                  Code::kUnsupportedKey);
        EXPECT_TRUE(Key::from_secret(as_bytes("x"), lenient));
        EXPECT_EQ(Key::from_secret({}, lenient).error().code, Code::kMalformedKey);
    }
    EXPECT_EQ(
        Key::from_secret(as_bytes(secret_of(64)), {.algorithm = Algorithm::kRS256}).error().code,
        Code::kUnsupportedKey);
    EXPECT_EQ(Key::from_secret(as_bytes(secret_of(64)), {.type = KeyType::kRSA}).error().code,
              Code::kUnsupportedKey);
}

TEST(Key, OptionsNarrowWhatItServes)
{
    const EvpKey signer = test::generate("RSA");
    const Result<Key> key =
        from_jwk(test::jwk_of(signer.get(), R"("kid":"own",)"),
                 {.type = KeyType::kRSA, .algorithm = Algorithm::kPS256, .kid = "given"});

    ASSERT_TRUE(key);
    EXPECT_EQ(key->kid(), "given");
    EXPECT_EQ(key->type(), KeyType::kRSA);
    EXPECT_EQ(key->algorithms(), AlgorithmSet{Algorithm::kPS256});
    EXPECT_EQ(key->secret_size(), 0U);
    EXPECT_FALSE(key->verify(Algorithm::kRS256, as_bytes(kInput),
                             test::sign(signer.get(), Algorithm::kRS256, kInput)));
    EXPECT_EQ(
        from_jwk(test::jwk_of(signer.get(), R"("alg":"RS256",)"), {.algorithm = Algorithm::kPS256})
            .error()
            .code,
        Code::kUnsupportedKey);
    EXPECT_EQ(Key::from_pem(test::pem_of(signer.get()), {.type = KeyType::kEC}).error().code,
              Code::kUnsupportedKey);
}

TEST(Key, IdIsOfMaterialAndAlgorithmsOnly)
{
    const EvpKey signer = test::generate("RSA");
    const std::string jwk = test::jwk_of(signer.get());
    const Result<Key> plain = from_jwk(jwk);
    const Result<Key> named = from_jwk(test::jwk_of(signer.get(), R"("kid":"a","use":"sig",)"));
    const Result<Key> pem = Key::from_pem(test::pem_of(signer.get()), {.kid = "b"});
    const Result<Key> narrow = from_jwk(test::jwk_of(signer.get(), R"("alg":"RS256",)"));

    EXPECT_EQ(plain->id(), named->id());
    EXPECT_EQ(plain->id(), pem->id());
    EXPECT_NE(plain->id(), narrow->id());
    EXPECT_EQ(narrow->id(), from_jwk(jwk, {.algorithm = Algorithm::kRS256})->id());
    EXPECT_NE(plain->id(), from_jwk(test::jwk_of(test::generate("RSA").get()))->id());
    EXPECT_NE(Key::from_secret(as_bytes(secret_of(64)), {})->id(),
              Key::from_secret(as_bytes(secret_of(65)), {})->id());
    EXPECT_EQ(Key::from_secret(as_bytes(secret_of(64)), {})->secret_size(), 64U);
}

TEST(Key, WorksAfterBeingMoved)
{
    const EvpKey signer = test::generate("ED25519");
    const auto signature = test::sign(signer.get(), Algorithm::kEdDSA, kInput);
    std::vector<Key> keys;

    for (int i = 0; i < 10; i++) {
        keys.push_back(std::move(*from_jwk(test::jwk_of(signer.get()))));
        EXPECT_TRUE(keys.front().verify(Algorithm::kEdDSA, as_bytes(kInput), signature));
    }
    keys.erase(keys.begin());
    for (const Key &key : keys) {
        EXPECT_TRUE(key.verify(Algorithm::kEdDSA, as_bytes(kInput), signature));
    }
}

}  // namespace
}  // namespace token_introspect::jose
