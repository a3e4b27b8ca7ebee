#include "jose/signer.hpp"

#include "base/file.hpp"
#include "jose/jws.hpp"
#include "jose_signing.hpp"
#include "temporary_directory.hpp"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>

#include <map>

namespace token_introspect::jose {
namespace {

constexpr std::string_view kPayload = R"({"iss":"https://as.example","sub":"alice"})";
const std::string kSecret = "0123456789abcdef0123456789abcdefABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

// RFC 7515 appendix A.1 to A.4, RFC 8037 appendix A.1.
const std::string kRsaPublic =
    R"("kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPC)"
    "JrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-"
    "bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9"
    R"(kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",)"
    R"("e":"AQAB")";
const std::string kRsaPrivate =
    kRsaPublic
    + R"(,"d":"Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9S)"
      "E-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3M"
      "kqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoF"
      "aFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ"
      "\"";
const std::string kEcPublic =
    R"("kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
    R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")";
const std::string kEcPrivate = kEcPublic + R"(,"d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI")";
const std::string kP521Private =
    R"("kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_Nj)"
    R"(FZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1)"
    R"(WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2","d":"AY5pb7A0UFiB3RELSD64fTLOSV_jazdF7fLYyuTw8l)"
    R"(OfRhWg6Y6rUrPAxerEzgdRhajnu0ferB0d53vM9mE15j2C")";
const std::string kOct =
    R"("kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcg)"
    R"(UuTwjAzZr1Z9CAow")";
const std::string kEdPublic =
    R"("kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")";
const std::string kEdPrivate = kEdPublic + R"(,"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")";

std::string jwk(const std::string &members)
{
    return "{" + members + "}";
}

const EvpKey &key_of(const std::string &type)
{
    static std::map<std::string, EvpKey> keys;
    EvpKey &key = keys[type];
    if (!key) {
        key = test::generate(type);
    }
    return key;
}

KeyOptions with(Algorithm algorithm)
{
    return {.type = {}, .algorithm = algorithm, .kid = {}};
}

Error refusal(std::string_view material, KeyFormat format = KeyFormat::kGuess,
              const KeyOptions &options = {})
{
    const Result<Signer> signer = Signer::make(material, format, options);
    EXPECT_EQ(ERR_peek_error(), 0U);
    return signer ? Error{Code::kActive, "taken"} : signer.error();
}

// A private JWK with all its members, as another program would write it.
std::string private_jwk_of(const EVP_PKEY *key, const std::string &members = {})
{
    std::string text = test::jwk_of(key, members);
    text.pop_back();
    auto add = [&](const char *name, const char *parameter, int size = 0) {
        text.append(",\"").append(name).append("\":\"");
        text.append(base64url_encode(test::number(key, parameter, size))).append("\"");
    };
    if (EVP_PKEY_is_a(key, "RSA") == 1) {
        add("d", OSSL_PKEY_PARAM_RSA_D);
        add("p", OSSL_PKEY_PARAM_RSA_FACTOR1);
        add("q", OSSL_PKEY_PARAM_RSA_FACTOR2);
        add("dp", OSSL_PKEY_PARAM_RSA_EXPONENT1);
        add("dq", OSSL_PKEY_PARAM_RSA_EXPONENT2);
        add("qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1);
    } else if (EVP_PKEY_is_a(key, "EC") == 1) {
        add("d", OSSL_PKEY_PARAM_PRIV_KEY, (EVP_PKEY_get_bits(key) + 7) / 8);
    } else {
        std::vector<std::uint8_t> d(64);
        std::size_t size = d.size();
        test::require(EVP_PKEY_get_raw_private_key(key, d.data(), &size) == 1, "raw key");
        d.resize(size);
        text.append(R"(,"d":")").append(base64url_encode(d)).append("\"");
    }
    return text.append("}");
}

std::string pem_by(EVP_PKEY *key, auto &&write)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = nullptr;
    test::require(write(bio, key) == 1, "PEM");
    const auto size = static_cast<std::size_t>(BIO_get_mem_data(bio, &data));
    std::string pem(data, size);
    BIO_free(bio);
    return pem;
}

std::string traditional_pem(EVP_PKEY *key, const EVP_CIPHER *cipher = nullptr)
{
    return pem_by(key, [cipher](BIO *bio, EVP_PKEY *of) {
        return PEM_write_bio_PrivateKey_traditional(bio, of, cipher, nullptr, 0, nullptr,
                                                    const_cast<char *>("secret"));
    });
}

std::string encrypted_pem(EVP_PKEY *key)
{
    return pem_by(key, [](BIO *bio, EVP_PKEY *of) {
        return PEM_write_bio_PKCS8PrivateKey(bio, of, EVP_aes_128_cbc(), nullptr, 0, nullptr,
                                             const_cast<char *>("secret"));
    });
}

// Verified by OpenSSL alone.
bool openssl_verifies(EVP_PKEY *key, Algorithm algorithm, std::string_view input, Bytes signature)
{
    const EvpDigestContext context(EVP_MD_CTX_new());
    EVP_PKEY_CTX *settings = nullptr;
    std::vector<std::uint8_t> bytes(signature.begin(), signature.end());
    if (const std::size_t half = test::coordinate_size(algorithm); half != 0) {
        EXPECT_EQ(bytes.size(), 2 * half);
        ECDSA_SIG *pair = ECDSA_SIG_new();
        ECDSA_SIG_set0(pair, BN_bin2bn(bytes.data(), static_cast<int>(half), nullptr),
                       BN_bin2bn(bytes.data() + half, static_cast<int>(half), nullptr));
        std::vector<std::uint8_t> der(static_cast<std::size_t>(i2d_ECDSA_SIG(pair, nullptr)));
        unsigned char *at = der.data();
        i2d_ECDSA_SIG(pair, &at);
        ECDSA_SIG_free(pair);
        bytes = der;
    }
    test::require(EVP_DigestVerifyInit_ex(context.get(), &settings, test::digest_of(algorithm),
                                          nullptr, nullptr, key, nullptr)
                      == 1,
                  "verify init");
    if (test::is_pss(algorithm)) {
        test::require(EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING) == 1
                          && EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_DIGEST)
                                 == 1,
                      "PSS");
    }
    const Bytes text = as_bytes(input);
    return EVP_DigestVerify(context.get(), bytes.data(), bytes.size(), text.data(), text.size())
           == 1;
}

struct Case {
    Algorithm algorithm;
    const char *type;
};

class JoseSignerAlgorithms : public testing::TestWithParam<Case> {};

// The project's own Key and OpenSSL both verify it; both PEM forms and a JWK give one signer.
TEST_P(JoseSignerAlgorithms, SignsWhatOthersVerify)
{
    const auto [algorithm, type] = GetParam();
    EVP_PKEY *key = key_of(type).get();
    std::vector<std::string> forms{test::pem_of(key, true), private_jwk_of(key)};
    if (!std::string_view(type).starts_with("ED")) {
        forms.push_back(traditional_pem(key));
    }
    std::string kid;

    for (const std::string &form : forms) {
        const Result<Signer> signer = Signer::make(form, KeyFormat::kGuess, with(algorithm));
        ASSERT_TRUE(signer) << signer.error().text;
        EXPECT_EQ(signer->algorithm(), algorithm);
        EXPECT_TRUE(kid.empty() || kid == signer->kid());
        kid = signer->kid();

        const Result<std::string> token = signer->sign("at+jwt", kPayload);
        ASSERT_TRUE(token) << token.error().text;
        const Result<CompactJws> jws = parse_compact(*token);
        ASSERT_TRUE(jws);
        EXPECT_EQ(as_text(jws->payload), kPayload);
        EXPECT_EQ(json_string_member(jws->header.get(), "alg"), name(algorithm));
        EXPECT_EQ(json_string_member(jws->header.get(), "typ"), "at+jwt");
        EXPECT_EQ(jws->kid(), kid);
        EXPECT_EQ(json_object_size(jws->header.get()), 3U);
        EXPECT_TRUE(openssl_verifies(key, algorithm, jws->signing_input, jws->signature));

        Result<Key> verifier = signer->verification_key();
        ASSERT_TRUE(verifier);
        EXPECT_EQ(verifier->algorithms(), AlgorithmSet{algorithm});
        KeySet keys;
        keys.add(std::move(*verifier));
        EXPECT_TRUE(verify(*jws, keys, {}));

        const Result<Key> published = Key::from_jwk(signer->public_jwk().get(), {});
        ASSERT_TRUE(published);
        EXPECT_EQ(published->kid(), kid);
        EXPECT_TRUE(published->verify(algorithm, as_bytes(jws->signing_input), jws->signature));
    }
}

INSTANTIATE_TEST_SUITE_P(
    All, JoseSignerAlgorithms,
    testing::Values(Case{Algorithm::kRS256, "RSA"}, Case{Algorithm::kRS384, "RSA"},
                    Case{Algorithm::kRS512, "RSA"}, Case{Algorithm::kPS256, "RSA"},
                    Case{Algorithm::kPS384, "RSA"}, Case{Algorithm::kPS512, "RSA"},
                    Case{Algorithm::kES256, "P-256"}, Case{Algorithm::kES384, "P-384"},
                    Case{Algorithm::kES512, "P-521"}, Case{Algorithm::kES256K, "secp256k1"},
                    Case{Algorithm::kEdDSA, "ED25519"}, Case{Algorithm::kEdDSA, "ED448"}),
    [](const auto &info) {
        const std::string type = info.param.type;
        return std::string(name(info.param.algorithm)) + (type == "ED448" ? "_Ed448" : "");
    });

TEST(JoseSigner, SignsWithSecretsAsOpensslDoes)
{
    for (Algorithm algorithm : {Algorithm::kHS256, Algorithm::kHS384, Algorithm::kHS512}) {
        const auto signer = Signer::make(kSecret, KeyFormat::kPlain, with(algorithm));
        ASSERT_TRUE(signer) << signer.error().text;
        EXPECT_EQ(signer->kid(), "");
        EXPECT_FALSE(signer->public_jwk());
        for (int round = 0; round < 2; round++) {
            const auto token = signer->sign("JWT", kPayload);
            ASSERT_TRUE(token);
            const auto jws = parse_compact(*token);
            ASSERT_TRUE(jws);
            EXPECT_EQ(jws->signature, test::mac(as_bytes(kSecret), algorithm, jws->signing_input));
            EXPECT_EQ(json_object_get(jws->header.get(), "kid"), nullptr);
            EXPECT_TRUE(signer->verification_key()->verify(algorithm, as_bytes(jws->signing_input),
                                                           jws->signature));
        }
    }
}

TEST(JoseSigner, SignsWithTheKeysOfTheRfcs)
{
    const std::vector<std::pair<std::string, Algorithm>> keys{{kOct, Algorithm::kHS256},
                                                              {kRsaPrivate, Algorithm::kRS256},
                                                              {kEcPrivate, Algorithm::kES256},
                                                              {kP521Private, Algorithm::kES512},
                                                              {kEdPrivate, Algorithm::kEdDSA}};
    for (const auto &[members, algorithm] : keys) {
        const auto signer = Signer::make(jwk(members), KeyFormat::kGuess, {});
        ASSERT_TRUE(signer) << signer.error().text;
        EXPECT_EQ(signer->algorithm(), algorithm);
        const std::string token = *signer->sign("JWT", kPayload);
        const auto jws = parse_compact(token);
        ASSERT_TRUE(jws);
        // by the RFC's public half, not by what the signer says it is
        const Result<Json> own = parse_json_object(jwk(members));
        EXPECT_TRUE(Key::from_jwk(own->get(), {})
                        ->verify(algorithm, as_bytes(jws->signing_input), jws->signature));
    }
}

TEST(JoseSigner, HasTheThumbprintAsKid)
{
    // RFC 7638 section 3.1 has the public half of RFC 7517 appendix A.2
    const auto signer = Signer::make(
        R"({"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu)"
        "1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN"
        "5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91C"
        "bOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-"
        R"(kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256",)"
        R"("d":"X4cTteJY_gn4FYPsXB8rdXix5vwsg1FLN5E3EaG6RJoVH-HLLKD9M7dx5oo7GURknchnrRweUkC7hT5)"
        "fJLM0WbFAKNLWY2vv7B6NqXSzUvxT0_YSfqijwp3RTzlBaCxWp4doFk5N2o8Gy_nHNKroADIkJ46pRUohsXywb"
        "ReAdYaMwFs9tv8d_cPVY3i07a3t8MN6TNwm0dSawm9v47UiCl3Sk5ZiG7xojPLu4sbg1U2jx4IBTNBznbJSzFH"
        "K66jT8bgkuqsk0GjskDJk19Z4qwjwbsnn4j2WBii3RL-Us2lGVkY8fkFzme1z0HbIkfz0Y6mqnOYtqc0X4jfcK"
        R"(oAC8Q"})",
        KeyFormat::kJwk, {});
    ASSERT_TRUE(signer) << signer.error().text;
    EXPECT_EQ(signer->kid(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");

    // RFC 8037 appendix A.3
    const auto edwards = Signer::make(jwk(kEdPrivate), KeyFormat::kJwk, {});
    ASSERT_TRUE(edwards) << edwards.error().text;
    EXPECT_EQ(edwards->kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");

    EVP_PKEY *ec = key_of("P-521").get();
    const std::string ec_text =
        R"({"crv":"P-521","kty":"EC","x":")"
        + base64url_encode(test::number(ec, OSSL_PKEY_PARAM_EC_PUB_X, 66)) + R"(","y":")"
        + base64url_encode(test::number(ec, OSSL_PKEY_PARAM_EC_PUB_Y, 66)) + "\"}";
    const auto ec_signer = Signer::make(test::pem_of(ec, true), KeyFormat::kPem, {});
    ASSERT_TRUE(ec_signer);
    EXPECT_EQ(ec_signer->kid(), base64url_encode(*Sha256Hasher()(as_bytes(ec_text))));
}

TEST(JoseSigner, TakesTheKidThatIsGiven)
{
    const std::string named = jwk(R"("kid":"of-the-jwk",)" + kEcPrivate);
    EXPECT_EQ(Signer::make(named, KeyFormat::kJwk, {})->kid(), "of-the-jwk");
    EXPECT_EQ(
        Signer::make(named, KeyFormat::kJwk, {.type = {}, .algorithm = {}, .kid = "given"})->kid(),
        "given");
    const auto secret = Signer::make(kSecret, KeyFormat::kPlain,
                                     {.type = {}, .algorithm = {}, .kid = "a \"secret\""});
    ASSERT_TRUE(secret);
    const std::string token = *secret->sign("JWT", "{}");
    EXPECT_EQ(parse_compact(token)->kid(), "a \"secret\"");
    EXPECT_EQ(secret->verification_key()->kid(), "a \"secret\"");
    EXPECT_EQ(
        refusal(kSecret, KeyFormat::kPlain, {.type = {}, .algorithm = {}, .kid = "\xff"}).code,
        Code::kMalformedKey);
}

TEST(JoseSigner, ChoosesTheAlgorithmByTheKey)
{
    auto chosen = [](std::string_view material) {
        const auto signer = Signer::make(material, KeyFormat::kGuess, {});
        return signer ? name(signer->algorithm()) : signer.error().text;
    };
    EXPECT_EQ(chosen(test::pem_of(key_of("RSA").get(), true)), "RS256");
    EXPECT_EQ(chosen(test::pem_of(key_of("P-256").get(), true)), "ES256");
    EXPECT_EQ(chosen(test::pem_of(key_of("P-384").get(), true)), "ES384");
    EXPECT_EQ(chosen(test::pem_of(key_of("P-521").get(), true)), "ES512");
    EXPECT_EQ(chosen(test::pem_of(key_of("secp256k1").get(), true)), "ES256K");
    EXPECT_EQ(chosen(test::pem_of(key_of("ED25519").get(), true)), "EdDSA");
    EXPECT_EQ(chosen(test::pem_of(key_of("ED448").get(), true)), "EdDSA");
    EXPECT_EQ(chosen(kSecret), "HS256");
    EXPECT_EQ(chosen(private_jwk_of(key_of("RSA").get(), R"("alg":"PS384",)")), "PS384");
}

TEST(JoseSigner, TakesAnEcKeyBehindItsParameters)
{
    EVP_PKEY *key = key_of("P-256").get();
    const std::string parameters =
        pem_by(key, [](BIO *bio, EVP_PKEY *of) { return PEM_write_bio_Parameters(bio, of); });
    const std::string pem = parameters + traditional_pem(key);
    ASSERT_NE(pem.find("EC PARAMETERS"), std::string::npos);
    EXPECT_EQ(refusal(pem).text, "taken");
    EXPECT_NE(refusal(parameters).text, "taken");
    EXPECT_EQ(refusal(pem + traditional_pem(key)).text, "more than one PEM block");
}

TEST(JoseSigner, TakesAnRsaJwkOfItsExponentAlone)
{
    EVP_PKEY *key = key_of("RSA").get();
    std::string text = test::jwk_of(key);
    text.pop_back();
    text += R"(,"d":")" + base64url_encode(test::number(key, OSSL_PKEY_PARAM_RSA_D)) + "\"";
    const auto signer = Signer::make(text + "}", KeyFormat::kJwk, {});
    ASSERT_TRUE(signer) << signer.error().text;
    const auto token = signer->sign("JWT", "{}");
    ASSERT_TRUE(token);
    const auto jws = parse_compact(*token);
    EXPECT_TRUE(openssl_verifies(key, Algorithm::kRS256, jws->signing_input, jws->signature));
    // some of the primes' members, not all (RFC 7518 section 6.3.2)
    EXPECT_EQ(refusal(text + R"(,"p":"AQAB"})").code, Code::kMalformedKey);
    EXPECT_EQ(refusal(text + R"(,"qi":"AQAB"})").code, Code::kMalformedKey);
    EXPECT_EQ(refusal(text + R"(,"oth":[]})").code, Code::kUnsupportedKey);
}

TEST(JoseSigner, TakesAnRsaPssKeyForPssOnly)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(nullptr, "RSA-PSS", nullptr);
    EVP_PKEY *made = nullptr;
    test::require(EVP_PKEY_keygen_init(context) == 1
                      && EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048) == 1
                      && EVP_PKEY_generate(context, &made) == 1,
                  "RSA-PSS");
    EVP_PKEY_CTX_free(context);
    const EvpKey key(made);
    const std::string pem = test::pem_of(key.get(), true);
    const auto signer = Signer::make(pem, KeyFormat::kPem, {});
    ASSERT_TRUE(signer) << signer.error().text;
    EXPECT_EQ(signer->algorithm(), Algorithm::kPS256);
    EXPECT_EQ(refusal(pem, KeyFormat::kPem, with(Algorithm::kRS256)).code, Code::kUnsupportedKey);
}

TEST(JoseSigner, RefusesPublicKeys)
{
    EVP_PKEY *key = key_of("P-256").get();
    EXPECT_EQ(refusal(test::pem_of(key)).text, "a public key where a private one is wanted");
    for (const std::string &text :
         {jwk(kEcPublic), jwk(kRsaPublic), jwk(kEdPublic), test::jwk_of(key)})
    {
        EXPECT_EQ(refusal(text).text, "a public JWK where a private one is wanted");
    }
}

TEST(JoseSigner, RefusesHalvesThatDoNotBelongTogether)
{
    const EvpKey other_ec = test::generate("P-256");
    const std::string d =
        base64url_encode(test::number(other_ec.get(), OSSL_PKEY_PARAM_PRIV_KEY, 32));
    const Error mixed = refusal(jwk(kEcPublic + R"(,"d":")" + d + "\""));
    EXPECT_EQ(mixed.code, Code::kMalformedKey);
    EXPECT_EQ(mixed.text, "what the private key signs does not verify with its public half");
    // an Ed25519 seed of another key
    std::string seed = kEdPrivate;
    seed.replace(seed.find("nWGx"), 4, "aWGx");
    EXPECT_EQ(refusal(jwk(seed)).code, Code::kMalformedKey);
    // an RSA exponent of another key
    const std::string exponent =
        base64url_encode(test::number(key_of("RSA").get(), OSSL_PKEY_PARAM_RSA_D));
    EXPECT_EQ(refusal(jwk(kRsaPublic + R"(,"d":")" + exponent + "\"")).code, Code::kMalformedKey);
}

TEST(JoseSigner, RefusesMalformedPrivateMembers)
{
    for (const char *d : {R"(,"d":"")", R"(,"d":"AQ")", R"(,"d":1)", R"(,"d":"*")",
                          R"(,"d":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")"})
    {
        EXPECT_EQ(refusal(jwk(kEcPublic + d)).code, Code::kMalformedKey) << d;
    }
    for (const char *d : {R"(,"d":"")", R"(,"d":"AQ")", R"(,"d":1)"}) {
        EXPECT_EQ(refusal(jwk(kEdPublic + d)).code, Code::kMalformedKey) << d;
    }
    EXPECT_EQ(refusal("{").text, "the JWK is not a JSON object");
    EXPECT_EQ(refusal(R"({"keys":[]})").code, Code::kMalformedKey);
    EXPECT_EQ(refusal(R"({"keys":[]})", KeyFormat::kJwkSet).code, Code::kMalformedKey);
}

TEST(JoseSigner, RefusesKeysOfAnotherPurpose)
{
    EXPECT_EQ(refusal(jwk(R"("use":"sig","key_ops":["sign"],)" + kEcPrivate)).text, "taken");
    EXPECT_EQ(refusal(jwk(R"("use":"enc",)" + kEcPrivate)).code, Code::kUnsupportedKey);
    EXPECT_EQ(refusal(jwk(R"("key_ops":["verify"],)" + kEcPrivate)).code, Code::kUnsupportedKey);
    EXPECT_EQ(refusal(jwk(R"("alg":"ES384",)" + kEcPrivate)).code, Code::kUnsupportedKey);
    EXPECT_EQ(refusal(jwk(R"("alg":"A256GCM",)" + kEcPrivate)).code, Code::kUnsupportedKey);
}

TEST(JoseSigner, RefusesAlgorithmsThatDoNotFit)
{
    const std::string ec = test::pem_of(key_of("P-256").get(), true);
    const std::string rsa = test::pem_of(key_of("RSA").get(), true);
    EXPECT_EQ(refusal(ec, KeyFormat::kPem, with(Algorithm::kES384)).code, Code::kUnsupportedKey);
    EXPECT_EQ(refusal(ec, KeyFormat::kPem, with(Algorithm::kHS256)).code, Code::kUnsupportedKey);
    EXPECT_EQ(refusal(rsa, KeyFormat::kPem, with(Algorithm::kES256)).code, Code::kUnsupportedKey);
    EXPECT_EQ(refusal(kSecret, KeyFormat::kPlain, with(Algorithm::kRS256)).code,
              Code::kUnsupportedKey);
    EXPECT_EQ(refusal(private_jwk_of(key_of("RSA").get(), R"("alg":"PS256",)"), KeyFormat::kJwk,
                      with(Algorithm::kRS256))
                  .code,
              Code::kUnsupportedKey);
    // HMAC with a private key's text would make that text a secret that others may know
    EXPECT_EQ(refusal(ec, KeyFormat::kPlain).code, Code::kMalformedKey);
    EXPECT_EQ(
        refusal(rsa, KeyFormat::kPem, {.type = KeyType::kEC, .algorithm = {}, .kid = {}}).code,
        Code::kUnsupportedKey);
}

TEST(JoseSigner, RefusesShortKeys)
{
    const EvpKey small = test::generate("RSA", 1024);
    EXPECT_EQ(refusal(test::pem_of(small.get(), true)).text, "an RSA key below 2048 bits");
    EXPECT_EQ(refusal(private_jwk_of(small.get())).code, Code::kUnsupportedKey);
    const std::string secret(kSecret, 0, 47);
    EXPECT_EQ(refusal(secret.substr(0, 32)).text, "taken");
    EXPECT_EQ(refusal(secret.substr(0, 31)).code, Code::kUnsupportedKey);
    // also where an introspector would take it with a warning
    EXPECT_EQ(refusal(secret.substr(0, 31), KeyFormat::kPlain,
                      {.type = {}, .algorithm = {}, .kid = {}, .allow_short = true})
                  .code,
              Code::kUnsupportedKey);
    EXPECT_EQ(refusal(secret, KeyFormat::kPlain, with(Algorithm::kHS384)).code,
              Code::kUnsupportedKey);
    EXPECT_EQ(refusal("", KeyFormat::kPlain).code, Code::kMalformedKey);
    // 31 bytes, though their text is longer
    EXPECT_EQ(refusal(base64url_encode(as_bytes(secret.substr(0, 31))), KeyFormat::kBase64url).code,
              Code::kUnsupportedKey);
    EXPECT_EQ(refusal(kSecret + "=", KeyFormat::kBase64url).code, Code::kMalformedKey);
}

TEST(JoseSigner, RefusesCurvesThatTokensDoNotHave)
{
    for (const char *curve : {"brainpoolP256r1", "secp224r1", "X25519"}) {
        const EvpKey key(std::string_view(curve) == "X25519"
                             ? EVP_PKEY_Q_keygen(nullptr, nullptr, curve)
                             : EVP_EC_gen(curve));
        EXPECT_EQ(refusal(test::pem_of(key.get(), true)).code, Code::kUnsupportedKey) << curve;
    }
}

TEST(JoseSigner, RefusesEncryptedKeys)
{
    const std::string_view text = "an encrypted private key: give it decrypted (openssl pkey)";
    EXPECT_EQ(refusal(encrypted_pem(key_of("P-256").get())).text, text);
    EXPECT_EQ(refusal(traditional_pem(key_of("RSA").get(), EVP_aes_128_cbc())).text, text);
    // an encrypted one under the name of a plain one
    std::string renamed = encrypted_pem(key_of("P-256").get());
    for (std::size_t at; (at = renamed.find("ENCRYPTED ")) != std::string::npos;) {
        renamed.erase(at, 10);
    }
    EXPECT_EQ(refusal(renamed).code, Code::kMalformedKey);
}

// With a terminal to ask at, OpenSSL's own readers of PEM would ask and wait there.
TEST(JoseSigner, AsksNobodyForAPassPhrase)
{
    const std::vector<std::string> pems{encrypted_pem(key_of("P-256").get()),
                                        traditional_pem(key_of("RSA").get(), EVP_aes_128_cbc())};
    int terminal = -1;
    const pid_t child = ::forkpty(&terminal, nullptr, nullptr, nullptr);
    ASSERT_GE(child, 0);
    if (child == 0) {
        bool refused = true;
        for (const std::string &pem : pems) {
            refused = refused && !Signer::make(pem, KeyFormat::kPem, {});
        }
        ::_exit(refused ? 0 : 1);
    }
    // ends at once with nothing written, or prompts and waits
    pollfd end{.fd = terminal, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&end, 1, 20'000);
    char asked[256];
    const ssize_t size = ready == 1 ? ::read(terminal, asked, sizeof(asked)) : -1;
    EXPECT_EQ(ready, 1);
    EXPECT_LE(size, 0) << std::string(asked, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    ::close(terminal);  // hangs up on a child that still waits
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST(JoseSigner, LoadsFilesAndNamesThemOnly)
{
    token_introspect::test::TemporaryDirectory directory;
    const std::string pem = directory.write("key.pem", test::pem_of(key_of("P-256").get(), true));
    EXPECT_TRUE(Signer::load({.value = pem, .from_file = true, .options = {}}));

    // the newline that an editor leaves is no part of the secret
    const std::string path = directory.write("secret", kSecret + "\n");
    const auto from_file = Signer::load({.value = path, .from_file = true, .options = {}});
    const auto from_value = Signer::load({.value = kSecret, .options = {}});
    ASSERT_TRUE(from_file && from_value);
    EXPECT_EQ(*from_file->sign("JWT", "{}"), *from_value->sign("JWT", "{}"));

    const std::string bad = directory.write("short", "sh0rt-secret\n");
    const auto refused = Signer::load({.value = bad, .from_file = true, .options = {}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(),
              "signing_key in \"" + bad
                  + "\": the secret is shorter than the algorithm's hash (RFC 7518 section 3.2)");
    for (const char *format : {"sh0rt", "{sh0rt", "-----BEGIN sh0rt"}) {
        const auto inline_refused = Signer::load({.value = format, .options = {}});
        ASSERT_FALSE(inline_refused);
        EXPECT_TRUE(inline_refused.error().starts_with("signing_key: "));
        EXPECT_EQ(inline_refused.error().find("sh0rt"), std::string::npos);
    }
    const auto missing =
        Signer::load({.value = directory.path("none"), .from_file = true, .options = {}});
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().find("No such file"), std::string::npos);
}

// `type issued` verifies with the material of a token_issuer.
TEST(JoseKeySource, GivesTheVerifyingHalfOfASigningKey)
{
    token_introspect::test::TemporaryDirectory directory;
    const std::string path =
        directory.write("key.jwk", private_jwk_of(key_of("P-384").get(), R"("kid":"k",)"));
    KeySet keys;
    EXPECT_EQ(add_keys({.value = path,
                        .from_file = true,
                        .format = KeyFormat::kSigning,
                        .signing_format = KeyFormat::kJwk,
                        .options = {}},
                       keys),
              "");
    ASSERT_EQ(keys.keys().size(), 1U);
    EXPECT_EQ(keys.keys()[0].kid(), "k");
    const auto signer =
        Signer::load({.value = path, .from_file = true, .format = KeyFormat::kJwk, .options = {}});
    ASSERT_TRUE(signer);
    const auto token = signer->sign("at+jwt", kPayload);
    EXPECT_TRUE(verify(*parse_compact(*token), keys, {}));

    // but it is no key of an introspector otherwise
    KeySet others;
    EXPECT_NE(add_keys({.value = test::pem_of(key_of("P-384").get(), true), .options = {}}, others),
              "");
    EXPECT_NE(add_keys({.value = test::pem_of(key_of("P-384").get()),
                        .format = KeyFormat::kSigning,
                        .options = {}},
                       others),
              "");
    EXPECT_TRUE(others.keys().empty());
}

TEST(JoseSigner, RefusesAPayloadThatWasChanged)
{
    const auto signer = Signer::make(jwk(kEcPrivate), KeyFormat::kJwk, {});
    ASSERT_TRUE(signer);
    KeySet keys;
    keys.add(std::move(*signer->verification_key()));
    const std::string token = *signer->sign("at+jwt", kPayload);
    ASSERT_TRUE(verify(*parse_compact(token), keys, {}));
    for (std::size_t at = 0; at < token.size(); at++) {
        std::string changed = token;
        changed[at] = changed[at] == 'A' ? 'B' : 'A';
        const auto jws = parse_compact(changed);
        EXPECT_FALSE(jws && verify(*jws, keys, {})) << at;
    }
}

}  // namespace
}  // namespace token_introspect::jose
