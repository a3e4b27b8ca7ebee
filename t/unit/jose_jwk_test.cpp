#include "jose/jwk.hpp"

#include "jose_signing.hpp"

#include <gtest/gtest.h>

namespace token_introspect::jose {
namespace {

const std::string kX = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const std::string kY = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
// RFC 7517 appendix A.1
const std::string kN =
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPe"
    "bWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY36"
    "8QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4l"
    "Fd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

Result<Jwk> read(const std::string &text)
{
    const Result<Json> jwk = parse_json(text);

    EXPECT_TRUE(jwk) << text;

    return read_jwk(jwk->get());
}

Code code_of(const std::string &text)
{
    const Result<Jwk> jwk = read(text);

    return jwk ? Code::kActive : jwk.error().code;
}

std::string ec(const std::string &members, const std::string &x = kX, const std::string &y = kY,
               const std::string &crv = "P-256")
{
    return "{" + members + R"("kty":"EC","crv":")" + crv + R"(","x":")" + x + R"(","y":")" + y
           + "\"}";
}

std::string rsa(const std::string &n, const std::string &e, const std::string &members = {})
{
    return "{" + members + R"("kty":"RSA","n":")" + n + R"(","e":")" + e + "\"}";
}

std::string okp(const std::string &crv, const std::string &x)
{
    return R"({"kty":"OKP","crv":")" + crv + R"(","x":")" + x + "\"}";
}

/// An odd number of so many bits.
std::string odd_number(std::size_t bits)
{
    std::vector<std::uint8_t> bytes((bits + 7) / 8, 0xa5);

    bytes.front() = static_cast<std::uint8_t>(1U << ((bits - 1) % 8));
    bytes.back() |= 1;

    return base64url_encode(bytes);
}

TEST(Jwk, Rfc7517AppendixA)
{
    EXPECT_EQ(code_of(ec(R"("use":"enc","kid":"1",)", "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
                         "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM")),
              Code::kUnsupportedKey);
    EXPECT_EQ(code_of(ec(R"("kid":"1",)", "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
                         "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM")),
              Code::kActive);

    const Result<Jwk> signing = read(rsa(kN, "AQAB", R"("alg":"RS256","kid":"2011-04-29",)"));

    ASSERT_TRUE(signing);
    EXPECT_EQ(signing->kid, "2011-04-29");
    EXPECT_EQ(signing->algorithm, Algorithm::kRS256);
    EXPECT_EQ(signing->material.type, KeyType::kRSA);

    EXPECT_EQ(code_of(R"({"kty":"oct","alg":"A128KW","k":"GawgguFyGrWKav7AX4VKUg"})"),
              Code::kUnsupportedKey);

    const Result<Jwk> secret = read(
        R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4h)"
        R"(cgUuTwjAzZr1Z9CAow","kid":"HMAC key used in JWS spec Appendix A.1 example"})");

    ASSERT_TRUE(secret);
    EXPECT_EQ(secret->material.secret.bytes().size(), 64U);
    EXPECT_EQ(secret->material.algorithms, kHmacAlgorithms);
}

TEST(Jwk, IgnoresPrivateAndUnknownMembers)
{
    EXPECT_EQ(code_of(ec(R"("d":17,"x5c":"not looked at","ext":true,)")), Code::kActive);
}

TEST(Jwk, UseAndKeyOps)
{
    EXPECT_EQ(code_of(ec(R"("use":"sig","key_ops":["verify"],)")), Code::kActive);
    EXPECT_EQ(code_of(ec(R"("key_ops":["sign","verify"],)")), Code::kActive);
    EXPECT_EQ(code_of(ec(R"("key_ops":["sign"],)")), Code::kUnsupportedKey);
    EXPECT_EQ(code_of(ec(R"("key_ops":[],)")), Code::kUnsupportedKey);
    EXPECT_EQ(code_of(ec(R"("key_ops":["Verify"],)")), Code::kUnsupportedKey);
    EXPECT_EQ(code_of(ec(R"("key_ops":"verify",)")), Code::kMalformedKey);
    EXPECT_EQ(code_of(ec(R"("key_ops":["verify",1],)")), Code::kMalformedKey);
    EXPECT_EQ(code_of(ec(R"("use":"SIG",)")), Code::kUnsupportedKey);
    EXPECT_EQ(code_of(ec(R"("use":"",)")), Code::kUnsupportedKey);
    EXPECT_EQ(code_of(ec(R"("use":null,)")), Code::kMalformedKey);
}

TEST(Jwk, MembersOfWrongTypes)
{
    EXPECT_EQ(code_of("[]"), Code::kMalformedKey);
    EXPECT_EQ(code_of("{}"), Code::kMalformedKey);
    EXPECT_EQ(code_of(R"({"kty":1})"), Code::kMalformedKey);
    EXPECT_EQ(code_of(R"({"kty":"ec"})"), Code::kUnsupportedKey);
    EXPECT_EQ(code_of(R"({"kty":"RSA","e":"AQAB"})"), Code::kMalformedKey);
    EXPECT_EQ(code_of(R"({"kty":"EC","x":"AA","y":"AA"})"), Code::kMalformedKey);
    EXPECT_EQ(code_of(R"({"kty":"EC","crv":7,"x":"AA","y":"AA"})"), Code::kMalformedKey);
    EXPECT_EQ(code_of(R"({"kty":"oct","k":""})"), Code::kMalformedKey);
    EXPECT_EQ(code_of(R"({"kty":"oct","k":"AAA="})"), Code::kMalformedKey);
    EXPECT_EQ(code_of(ec(R"("kid":7,)")), Code::kMalformedKey);
    EXPECT_EQ(code_of(ec(R"("alg":7,)")), Code::kMalformedKey);
}

TEST(Jwk, AlgMustFitTheMaterial)
{
    EXPECT_EQ(code_of(ec(R"("alg":"ES256",)")), Code::kActive);
    for (const char *alg : {"ES384", "ES256K", "RS256", "HS256", "EdDSA", "none", "ECDH-ES", ""}) {
        EXPECT_EQ(code_of(ec(R"("alg":")" + std::string(alg) + R"(",)")), Code::kUnsupportedKey)
            << alg;
    }
    EXPECT_EQ(code_of(rsa(kN, "AQAB", R"("alg":"RSA-OAEP",)")), Code::kUnsupportedKey);
    EXPECT_EQ(code_of(R"({"kty":"oct","alg":"RS256","k":")" + kX + "\"}"), Code::kUnsupportedKey);
}

TEST(Jwk, EcPointIsOnTheCurveAndOfItsLength)
{
    EXPECT_EQ(code_of(ec("", kX, kX)), Code::kMalformedKey);
    EXPECT_EQ(code_of(ec("", kY, kX)), Code::kMalformedKey);
    EXPECT_EQ(code_of(ec("", kX, kY, "secp256k1")), Code::kMalformedKey);
    EXPECT_EQ(code_of(ec("", kX, kY, "P-384")), Code::kMalformedKey);
    EXPECT_EQ(code_of(ec("", kX, kY, "P-224")), Code::kUnsupportedKey);
    EXPECT_EQ(code_of(ec("", kX, kY, "p-256")), Code::kUnsupportedKey);
    EXPECT_EQ(code_of(ec("", kX, kY, "prime256v1")), Code::kUnsupportedKey);
    EXPECT_EQ(code_of(ec("", kX, kY, "Ed25519")), Code::kUnsupportedKey);

    const std::string zeros = base64url_encode(std::vector<std::uint8_t>(32, 0));

    EXPECT_EQ(code_of(ec("", zeros, zeros)), Code::kMalformedKey);

    const std::string x = *base64url_decode(kX);

    EXPECT_EQ(code_of(ec("", base64url_encode(as_bytes(std::string(1, '\0') + x)))),
              Code::kMalformedKey);
    EXPECT_EQ(code_of(ec("", base64url_encode(as_bytes(x.substr(1))))), Code::kMalformedKey);

    // The right bytes, cut in the wrong place.
    const std::string both = x + *base64url_decode(kY);

    EXPECT_EQ(code_of(ec("", base64url_encode(as_bytes(both.substr(0, 31))),
                         base64url_encode(as_bytes(both.substr(31))))),
              Code::kMalformedKey);

    const std::string huge = base64url_encode(std::vector<std::uint8_t>(1000, 1));

    EXPECT_EQ(code_of(ec("", huge, huge)), Code::kMalformedKey);
}

TEST(Jwk, EcCoordinateIsBelowThePrime)
{
    // On P-256 the point with x = 5; x + p names the same residue in 32 bytes.
    const std::string x = "0000000000000000000000000000000000000000000000000000000000000005";
    const std::string x_and_p = "ffffffff00000001000000000000000000000001000000000000000000000004";
    const std::string y = "459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc";

    auto coordinate = [](const std::string &hex) {
        BIGNUM *value = nullptr;
        std::uint8_t bytes[32];

        BN_hex2bn(&value, hex.c_str());
        BN_bn2binpad(value, bytes, 32);
        BN_free(value);

        return base64url_encode(bytes);
    };

    EXPECT_EQ(code_of(ec("", coordinate(x), coordinate(y))), Code::kActive);
    EXPECT_EQ(code_of(ec("", coordinate(x_and_p), coordinate(y))), Code::kMalformedKey);
}

TEST(Jwk, RsaSizes)
{
    EXPECT_EQ(code_of(rsa(odd_number(2047), "AQAB")), Code::kUnsupportedKey);
    EXPECT_EQ(code_of(rsa(odd_number(2048), "AQAB")), Code::kActive);
    EXPECT_EQ(code_of(rsa(odd_number(8192), "AQAB")), Code::kActive);
    EXPECT_EQ(code_of(rsa(odd_number(8193), "AQAB")), Code::kUnsupportedKey);
    EXPECT_EQ(code_of(rsa(odd_number(100000), "AQAB")), Code::kUnsupportedKey);
    EXPECT_EQ(code_of(rsa("", "AQAB")), Code::kMalformedKey);
    EXPECT_EQ(code_of(rsa("AAAA", "AQAB")), Code::kMalformedKey);

    std::string even = *base64url_decode(kN);

    even.back() = static_cast<char>(even.back() & 0xfe);
    EXPECT_EQ(code_of(rsa(base64url_encode(as_bytes(even)), "AQAB")), Code::kMalformedKey);
}

TEST(Jwk, RsaExponents)
{
    EXPECT_EQ(code_of(rsa(kN, "Aw")), Code::kActive);          // 3
    EXPECT_EQ(code_of(rsa(kN, "AQ")), Code::kMalformedKey);    // 1
    EXPECT_EQ(code_of(rsa(kN, "AA")), Code::kMalformedKey);    // 0
    EXPECT_EQ(code_of(rsa(kN, "AQAA")), Code::kMalformedKey);  // even
    EXPECT_EQ(code_of(rsa(kN, "_____w")), Code::kActive);
    EXPECT_EQ(code_of(rsa(kN, odd_number(64))), Code::kActive);
    EXPECT_EQ(code_of(rsa(kN, odd_number(65))), Code::kUnsupportedKey);
}

TEST(Jwk, LeadingZerosOfRsaNumbersDoNotMakeAnotherKey)
{
    // Seen in the wild, although RFC 7518 section 6.3.1 has none.
    const Result<Jwk> plain = read(rsa(kN, "AQAB"));
    const Result<Jwk> padded = read(
        rsa(base64url_encode(as_bytes(std::string(1, '\0') + *base64url_decode(kN))), "AAEAAQ"));

    ASSERT_TRUE(plain && padded);
    EXPECT_EQ(plain->material.canonical_parts, padded->material.canonical_parts);
}

TEST(Jwk, OkpCurvesAndPoints)
{
    const std::string x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    EXPECT_EQ(code_of(okp("Ed25519", x)), Code::kActive);
    EXPECT_EQ(code_of(okp("Ed448", x)), Code::kMalformedKey);
    EXPECT_EQ(code_of(okp("X25519", x)), Code::kUnsupportedKey);
    EXPECT_EQ(code_of(okp("P-256", x)), Code::kUnsupportedKey);
    EXPECT_EQ(code_of(okp("Ed25519", x.substr(0, 42))), Code::kMalformedKey);
    EXPECT_EQ(code_of(okp("Ed25519", base64url_encode(std::vector<std::uint8_t>(32, 0)))),
              Code::kMalformedKey);
    EXPECT_EQ(code_of(R"({"kty":"OKP","alg":"ES256","crv":"Ed25519","x":")" + x + "\"}"),
              Code::kUnsupportedKey);
}

TEST(Jwk, MembersAreStrictBase64url)
{
    EXPECT_EQ(code_of(ec("", kX + "=")), Code::kMalformedKey);
    EXPECT_EQ(code_of(ec("", kX.substr(0, 42) + "V")), Code::kMalformedKey);  // stray bits
    EXPECT_EQ(code_of(rsa(kN, "AQAB\\n")), Code::kMalformedKey);
    EXPECT_EQ(code_of(rsa(kN, " AQAB")), Code::kMalformedKey);
    EXPECT_EQ(code_of(rsa("+" + kN.substr(1), "AQAB")), Code::kMalformedKey);
}

}  // namespace
}  // namespace token_introspect::jose
