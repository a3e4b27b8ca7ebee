#include "jose/verifier.hpp"

#include "jose_signing.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace token_introspect::jose {
namespace {

std::string der_of(const std::vector<std::uint8_t> &raw)
{
    std::array<std::uint8_t, kMaxEcdsaDer> out;
    const std::size_t size = ecdsa_der(raw, out);

    return hex_encode(Bytes(out).first(size));
}

std::vector<std::uint8_t> halves(std::vector<std::uint8_t> r, const std::vector<std::uint8_t> &s)
{
    r.insert(r.end(), s.begin(), s.end());
    return r;
}

/// What OpenSSL makes of r and s.
std::string openssl_der_of(const std::vector<std::uint8_t> &raw)
{
    const int half = static_cast<int>(raw.size() / 2);
    ECDSA_SIG *signature = ECDSA_SIG_new();
    unsigned char *der = nullptr;

    ECDSA_SIG_set0(signature, BN_bin2bn(raw.data(), half, nullptr),
                   BN_bin2bn(raw.data() + half, half, nullptr));

    const int size = i2d_ECDSA_SIG(signature, &der);
    const std::string hex = hex_encode({der, static_cast<std::size_t>(size)});

    OPENSSL_free(der);
    ECDSA_SIG_free(signature);

    return hex;
}

TEST(EcdsaDer, SmallNumbersAndSigns)
{
    EXPECT_EQ(der_of({0x00, 0x01, 0x00, 0x7f}), "300602010102017f");
    EXPECT_EQ(der_of({0x00, 0x80, 0xff, 0xff}), "30090202008002"
                                                "0300ffff");
}

TEST(EcdsaDer, ZeroIsNoSignature)
{
    const std::vector<std::uint8_t> zero(32, 0);
    const std::vector<std::uint8_t> one(32, 1);

    EXPECT_EQ(der_of(halves(zero, zero)), "");
    EXPECT_EQ(der_of(halves(zero, one)), "");
    EXPECT_EQ(der_of(halves(one, zero)), "");
    EXPECT_EQ(der_of({}), "");
}

TEST(EcdsaDer, EqualsOpensslForEveryLengthOfNumbers)
{
    for (std::size_t half : {32U, 48U, 66U}) {
        for (std::size_t r = 1; r <= half; r++) {
            for (unsigned top : {0x01U, 0x7fU, 0x80U, 0xffU}) {
                std::vector<std::uint8_t> raw(2 * half, 0);

                std::fill(raw.begin() + static_cast<std::ptrdiff_t>(half - r), raw.end(), 0x5a);
                raw[half - r] = static_cast<std::uint8_t>(top);
                raw[half] = static_cast<std::uint8_t>(top ^ 0x81);
                EXPECT_EQ(der_of(raw), openssl_der_of(raw)) << half << " " << r;
            }
        }
    }
}

TEST(SignatureVerifier, IsReusableAfterRefusals)
{
    const EvpKey key = test::generate("P-256");
    auto verifier = SignatureVerifier::prepare(key.get(), Algorithm::kES256);

    ASSERT_TRUE(verifier);
    for (int i = 0; i < 5; i++) {
        const std::string input = "input " + std::to_string(i);
        const auto signature = test::sign(key.get(), Algorithm::kES256, input);

        EXPECT_FALSE((*verifier)(as_bytes("other"), signature));
        EXPECT_TRUE((*verifier)(as_bytes(input), signature));
        EXPECT_FALSE((*verifier)(as_bytes(input), Bytes(signature).first(63)));
        EXPECT_TRUE((*verifier)(as_bytes(input), signature));
    }
}

TEST(SignatureVerifier, RefusesOtherSchemes)
{
    const EvpKey key = test::generate("ED25519");

    EXPECT_FALSE(SignatureVerifier::prepare(key.get(), Algorithm::kEdDSA));
    EXPECT_FALSE(SignatureVerifier::prepare(key.get(), Algorithm::kHS256));
    EXPECT_FALSE(MacVerifier::prepare(as_bytes("secret"), Algorithm::kRS256));
    EXPECT_FALSE(MacVerifier::prepare({}, Algorithm::kHS256));
}

TEST(MacVerifier, RewindsBetweenTokens)
{
    const std::string secret(32, 's');
    auto verifier = MacVerifier::prepare(as_bytes(secret), Algorithm::kHS256);

    ASSERT_TRUE(verifier);
    for (int i = 0; i < 5; i++) {
        const std::string input(static_cast<std::size_t>(i * 50), 'x');
        const auto signature = test::mac(as_bytes(secret), Algorithm::kHS256, input);

        EXPECT_TRUE((*verifier)(as_bytes(input), signature));
        EXPECT_TRUE((*verifier)(as_bytes(input), signature));
        EXPECT_FALSE((*verifier)(as_bytes(input + "x"), signature));
    }
}

}  // namespace
}  // namespace token_introspect::jose
