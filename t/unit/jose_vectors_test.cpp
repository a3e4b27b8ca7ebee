// The examples of RFC 7515 appendix A, RFC 7520 section 4 and RFC 8037 appendix A.

#include "jose/jws.hpp"
#include "jose/key.hpp"
#include "token/jwt.hpp"

#include <gtest/gtest.h>

#include <string>

namespace token_introspect::jose {
namespace {

const std::string kJoesPayload =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl"
    "fQ";

// RFC 7520 section 4: a text, no claims.
const std::string kBilbosPayload =
    "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250"
    "byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hl"
    "cmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4";

struct Vector {
    const char *name;
    Algorithm algorithm;
    std::string jwk;
    std::string header;
    std::string payload;
    std::string signature;
};

const Vector &hs256()
{
    static const Vector vector{
        "RFC7515_A1",
        Algorithm::kHS256,
        R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4)"
        R"(hcgUuTwjAzZr1Z9CAow"})",
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
        kJoesPayload,
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"};

    return vector;
}

const Vector &rs256()
{
    static const Vector vector{
        "RFC7515_A2",
        Algorithm::kRS256,
        R"({"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw)"
        "-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7"
        "OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxv"
        "b3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h"
        R"(4FRWyuXpoQ","e":"AQAB"})",
        "eyJhbGciOiJSUzI1NiJ9",
        kJoesPayload,
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W"
        "2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkS"
        "jtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnv"
        "Wh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"};

    return vector;
}

const Vector &es256()
{
    static const Vector vector{
        "RFC7515_A3",
        Algorithm::kES256,
        R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
        R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})",
        "eyJhbGciOiJFUzI1NiJ9",
        kJoesPayload,
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"};

    return vector;
}

std::vector<Vector> vectors()
{
    const std::string bilbos_rsa =
        R"({"kty":"RSA","kid":"bilbo.baggins@hobbiton.example","use":"sig","n":")"
        "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_"
        "AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpP"
        "e7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg"
        "_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw"
        R"(","e":"AQAB"})";

    return {
        hs256(),
        rs256(),
        es256(),
        {"RFC7515_A4", Algorithm::kES512,
         R"({"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOn)"
         R"(YG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l)"
         R"(2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"})",
         "eyJhbGciOiJFUzUxMiJ9", "UGF5bG9hZA",
         "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7Xd"
         "tAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_"
         "Jn"},
        {"RFC7520_41", Algorithm::kRS256, bilbos_rsa,
         "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9", kBilbosPayload,
         "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp8"
         "3xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUC"
         "TJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1"
         "U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg"},
        {"RFC7520_42", Algorithm::kPS384, bilbos_rsa,
         "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9", kBilbosPayload,
         "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP"
         "6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdN"
         "qiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN"
         "_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw"},
        {"RFC7520_43", Algorithm::kES512,
         R"({"kty":"EC","kid":"bilbo.baggins@hobbiton.example","use":"sig","crv":"P-521",)"
         R"("x":"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXY)"
         R"(gCF5cj0Kt","y":"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQ)"
         R"(rJmbnX9cwlGfP-HqHZR1"})",
         "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9", kBilbosPayload,
         "AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1e"
         "JAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9x"
         "Q2"},
        {"RFC7520_44", Algorithm::kHS256,
         R"({"kty":"oct","kid":"018c0ae5-4d9b-471b-bfd6-eef314bc7037","use":"sig","alg":"HS256",)"
         R"("k":"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg"})",
         "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9",
         kBilbosPayload, "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0"},
        {"RFC8037_A4", Algorithm::kEdDSA,
         R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})",
         "eyJhbGciOiJFZERTQSJ9", "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
         "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"},
    };
}

std::vector<std::uint8_t> decoded(std::string_view text)
{
    std::vector<std::uint8_t> bytes(base64url_decoded_size(text.size()));

    EXPECT_TRUE(base64url_decode(text, bytes));

    return bytes;
}

Result<Key> key_of(const Vector &vector)
{
    const Result<Json> jwk = parse_json_object(vector.jwk);

    EXPECT_TRUE(jwk);

    return Key::from_jwk(jwk->get(), {});
}

class RfcVector : public testing::TestWithParam<Vector> {};

TEST_P(RfcVector, Verifies)
{
    const Vector &vector = GetParam();
    const Result<Key> key = key_of(vector);
    const std::string input = vector.header + "." + vector.payload;

    ASSERT_TRUE(key) << key.error().text;
    EXPECT_TRUE(key->verify(vector.algorithm, as_bytes(input), decoded(vector.signature)));
}

TEST_P(RfcVector, IsRefusedWithAnyByteAltered)
{
    const Vector &vector = GetParam();
    const Result<Key> key = key_of(vector);
    const std::string input = vector.header + "." + vector.payload;
    const std::vector<std::uint8_t> signature = decoded(vector.signature);

    ASSERT_TRUE(key);
    for (std::size_t i = 0; i < signature.size(); i++) {
        std::vector<std::uint8_t> altered = signature;

        altered[i] ^= 0x01;
        EXPECT_FALSE(key->verify(vector.algorithm, as_bytes(input), altered)) << i;
    }
    for (std::size_t i = 0; i < input.size(); i += 7) {
        std::string altered = input;

        altered[i] = static_cast<char>(altered[i] ^ 0x01);
        EXPECT_FALSE(key->verify(vector.algorithm, as_bytes(altered), signature)) << i;
    }
}

INSTANTIATE_TEST_SUITE_P(All, RfcVector, testing::ValuesIn(vectors()),
                         [](const auto &instance) { return std::string(instance.param.name); });

TEST(RfcExamples, Rfc7515TokensThroughTheWholeOfJws)
{
    for (const Vector &vector : {hs256(), rs256(), es256()}) {
        const std::string token = vector.header + "." + vector.payload + "." + vector.signature;
        const Result<CompactJws> jws = parse_compact(token);
        Result<Key> key = key_of(vector);
        KeySet keys;

        ASSERT_TRUE(jws) << vector.name;
        ASSERT_TRUE(key) << vector.name;
        keys.add(std::move(*key));
        EXPECT_EQ(token::JwtParser().parse(token)->issuer(), "joe");

        const Result<const Key *> verified = verify(*jws, keys, {});

        ASSERT_TRUE(verified) << vector.name;
        EXPECT_EQ(*verified, &keys.keys()[0]);
    }
}

TEST(RfcExamples, UnsecuredTokenIsRefused)
{
    const std::string token = "eyJhbGciOiJub25lIn0." + kJoesPayload + ".";
    const Result<CompactJws> jws = parse_compact(token);
    KeySet keys;

    ASSERT_TRUE(has_compact_shape(token));
    ASSERT_TRUE(jws);
    for (const Vector &vector : vectors()) {
        keys.add(std::move(*key_of(vector)));
    }

    const Result<const Key *> verified = verify(*jws, keys, {});

    ASSERT_FALSE(verified);
    EXPECT_EQ(verified.error().code, Code::kUnsupportedAlgorithm);
}

TEST(RfcExamples, PayloadsThatAreNoClaimsAreNoTokens)
{
    for (const Vector &vector : vectors()) {
        const std::string token = vector.header + "." + vector.payload + "." + vector.signature;

        EXPECT_TRUE(parse_compact(token)) << vector.name;
        EXPECT_EQ(token::JwtParser().parse(token).has_value(), vector.payload == kJoesPayload)
            << vector.name;
    }
}

}  // namespace
}  // namespace token_introspect::jose
