#include "jose/jws.hpp"

#include "jose_signing.hpp"

#include <gtest/gtest.h>

#include <openssl/err.h>

namespace token_introspect::jose {
namespace {

using namespace std::literals;

const std::string kPayload = R"({"iss":"https://issuer.example","sub":"a"})";
const std::string kSecret = "0123456789abcdef0123456789abcdef";

std::string b64(std::string_view text)
{
    return base64url_encode(as_bytes(text));
}

std::string hmac_token(const std::string &header, const std::string &secret = kSecret,
                       const std::string &payload = kPayload)
{
    const std::string input = test::signing_input(header, payload);

    return test::with_signature(input, test::mac(as_bytes(secret), Algorithm::kHS256, input));
}

Key secret_key(const std::string &kid = {}, const std::string &secret = kSecret)
{
    return std::move(*Key::from_secret(as_bytes(secret), {.kid = kid}));
}

template <class... Keys> KeySet set_of(Keys... keys)
{
    KeySet set;

    (set.add(std::move(keys)), ...);

    return set;
}

void expect_malformed(const std::string &token, const JwsLimits &limits = {})
{
    const Result<CompactJws> jws = parse_compact(token, limits);

    ASSERT_FALSE(jws) << token;
    EXPECT_EQ(jws.error().code, Code::kMalformed) << token;
}

Code verdict(const std::string &token, const KeySet &keys, AlgorithmSet permitted = {})
{
    const Result<CompactJws> jws = parse_compact(token);

    if (!jws) {
        return jws.error().code;
    }

    const Result<const Key *> key = verify(*jws, keys, permitted);

    EXPECT_EQ(ERR_peek_error(), 0UL);

    return key ? Code::kActive : key.error().code;
}

TEST(CompactShape, TellsTokensFromOpaqueOnes)
{
    for (std::string_view token : {"a.b.c", "a.b.", "ey-_.ey-_.09AZ"}) {
        EXPECT_TRUE(has_compact_shape(token)) << token;
    }
    for (std::string_view token :
         {"", "a", "a.b", ".b.c", "a..c", "..", "a.b.c.d", "a.b.c.d.e", "a.b.c=", "a.b c.d",
          "a+.b.c", "a.b.c\n", "2YotnFZFEjr1zCsicMWpAA"})
    {
        EXPECT_FALSE(has_compact_shape(token)) << token;
    }
    EXPECT_FALSE(has_compact_shape("a.b.c\0"sv));
}

TEST(ParseCompact, GivesThePartsOfTheToken)
{
    const std::string header = R"({"alg":"HS256","kid":"k1"})";
    const std::string token = hmac_token(header);
    const Result<CompactJws> jws = parse_compact(token);

    ASSERT_TRUE(jws);
    EXPECT_EQ(jws->signing_input, token.substr(0, token.rfind('.')));
    EXPECT_EQ(jws->signing_input.data(), token.data());
    EXPECT_EQ(jws->signature.size(), 32U);
    EXPECT_EQ(jws->kid(), "k1");
    EXPECT_EQ(as_text(jws->payload), kPayload);

    const std::string bare = hmac_token(R"({"alg":"HS256"})", kSecret, "{}");

    EXPECT_EQ(parse_compact(bare)->kid(), "");
    EXPECT_EQ(as_text(parse_compact(bare)->payload), "{}");
}

TEST(ParseCompact, RefusesOtherShapes)
{
    const std::string token = hmac_token(R"({"alg":"HS256"})");

    for (const std::string &other :
         {""s, "."s, ".."s, "a.b"s, token + "."s, token + ".x"s, "." + token, token + "=",
          token + "\n", " " + token, token + " ", token + "AA", token + "\0"s})
    {
        expect_malformed(other);
    }
}

TEST(ParseCompact, RefusesBase64urlThatIsNotStrict)
{
    const std::string header = b64(R"({"alg":"HS256"})");
    const std::string payload = b64("{}");

    EXPECT_TRUE(parse_compact(header + "." + payload + ".AA"));
    EXPECT_TRUE(parse_compact(header + ".e30."));
    expect_malformed(header + ".e31.AA");  // stray bits
    expect_malformed(header + "." + payload + ".AB");
    expect_malformed(header + ".e30=.AA");
    expect_malformed(header + ".e 30.AA");
    expect_malformed(header + ".e30\n.AA");
    expect_malformed(header + "." + payload + ".A");
    expect_malformed(header + "." + payload + ".+/");
    expect_malformed("e" + header + "." + payload + ".AA");
}

TEST(ParseCompact, RefusesHeadersThatAreNoObjects)
{
    for (std::string_view header :
         {R"(["alg"])"sv, R"("alg")"sv, R"({"alg":"HS256"}x)"sv, R"({"alg":"HS256"}{})"sv,
          R"({"alg":"HS256","alg":"HS256"})"sv, R"({"alg":"HS256","a":{"b":1,"b":1}})"sv, R"({})"sv,
          R"({"alg":1})"sv, R"({"alg":null})"sv, R"({"alg":["HS256"]})"sv,
          R"({"alg":"HS256\u0000"})"sv, "{\"alg\":\"HS256\"}\0"sv,
          "{\"alg\":\"HS256\",\"a\":\"\xff\"}"sv, R"({"alg":"HS256","kid":1})"sv,
          R"({"alg":"HS256","kid":null})"sv, R"({"ALG":"HS256"})"sv, ""sv})
    {
        expect_malformed(b64(header) + ".e30.AA");
    }
}

TEST(ParseCompact, PayloadsAreAnyBytes)
{
    const std::string header = b64(R"({"alg":"HS256"})");

    for (std::string_view payload :
         {"{}"sv, "[]"sv, "text"sv, "\xff\x00"sv, R"({"iss":"a","iss":"b"})"sv})
    {
        const std::string token = header + "." + b64(payload) + ".AA";
        const Result<CompactJws> jws = parse_compact(token);

        ASSERT_TRUE(jws) << payload;
        EXPECT_EQ(as_text(jws->payload), payload);
    }
}

TEST(ParseCompact, BoundsSizesAndDepth)
{
    const std::string token = hmac_token(R"({"alg":"HS256"})");

    EXPECT_TRUE(parse_compact(token, {.token_bytes = token.size()}));
    expect_malformed(token, {.token_bytes = token.size() - 1});
    EXPECT_TRUE(parse_compact(token, {.json = {.bytes = kPayload.size()}}));
    expect_malformed(token, {.json = {.bytes = kPayload.size() - 1}});
    expect_malformed(std::string(70000, 'A'));

    auto nested = [&](std::size_t depth) {
        return b64(R"({"alg":"HS256","a":)" + std::string(depth - 1, '[')
                   + std::string(depth - 1, ']') + "}")
               + "." + b64("{}") + ".AA";
    };

    EXPECT_TRUE(parse_compact(nested(16)));
    expect_malformed(nested(17));
    expect_malformed(nested(20000));
}

TEST(Verify, AlgorithmIsKnownAndPermitted)
{
    const KeySet keys = set_of(secret_key());
    const std::string token = hmac_token(R"({"alg":"HS256"})");

    EXPECT_EQ(verdict(token, keys), Code::kActive);
    EXPECT_EQ(verdict(token, keys, kHmacAlgorithms), Code::kActive);
    EXPECT_EQ(verdict(token, keys, kAsymmetricAlgorithms), Code::kUnsupportedAlgorithm);
    EXPECT_EQ(verdict(token, keys, {Algorithm::kHS384}), Code::kUnsupportedAlgorithm);

    for (const char *alg : {"none", "None", "nOnE", "hs256", "", "HS1", "dir"}) {
        const std::string header = R"({"alg":")" + std::string(alg) + "\"}";

        EXPECT_EQ(verdict(hmac_token(header), keys), Code::kUnsupportedAlgorithm) << alg;
        EXPECT_EQ(verdict(test::signing_input(header, kPayload) + ".", keys),
                  Code::kUnsupportedAlgorithm);
    }
}

TEST(Verify, EmptySignatureIsRefused)
{
    const std::string input = test::signing_input(R"({"alg":"HS256"})", kPayload);

    EXPECT_EQ(verdict(input + ".", set_of(secret_key())), Code::kBadSignature);
}

TEST(Verify, EveryCritIsRefused)
{
    const KeySet keys = set_of(secret_key());

    for (const char *crit :
         {R"(["exp"],"exp":1)", R"(["b64"],"b64":false)", R"(["b64"],"b64":true)", R"(["x"])", "[]",
          "null", R"("b64")", R"(["alg"])", "{}"})
    {
        EXPECT_EQ(verdict(hmac_token(R"({"alg":"HS256","crit":)" + std::string(crit) + "}"), keys),
                  Code::kUnsupportedCritical)
            << crit;
    }
    EXPECT_EQ(verdict(hmac_token(R"({"alg":"HS256","unknown":{"a":[1]}})"), keys), Code::kActive);
}

TEST(Verify, KeysOfTheTokenAreNotFollowed)
{
    const EvpKey own = test::generate("P-256");
    const EvpKey theirs = test::generate("P-256");
    Result<Json> jwk = parse_json_object(test::jwk_of(own.get()));
    const KeySet keys = set_of(std::move(*Key::from_jwk(jwk->get(), {})));
    const std::string input = test::signing_input(
        R"({"alg":"ES256","jku":"https://evil.example/","x5u":"https://evil.example/","jwk":)"
            + test::jwk_of(theirs.get()) + "}",
        kPayload);

    const auto by_own = test::sign(own.get(), Algorithm::kES256, input);
    const auto by_theirs = test::sign(theirs.get(), Algorithm::kES256, input);

    EXPECT_EQ(verdict(test::with_signature(input, by_theirs), keys), Code::kBadSignature);
    EXPECT_EQ(verdict(test::with_signature(input, by_own), keys), Code::kActive);
}

TEST(Verify, KidChoosesAmongKeys)
{
    const std::string other(32, 'o');
    const KeySet both = set_of(secret_key("a", other), secret_key("b"));
    const std::string plain = hmac_token(R"({"alg":"HS256"})");
    const std::string with_a = hmac_token(R"({"alg":"HS256","kid":"a"})");
    const std::string with_b = hmac_token(R"({"alg":"HS256","kid":"b"})");
    const std::string with_c = hmac_token(R"({"alg":"HS256","kid":"c"})");

    EXPECT_EQ(verdict(plain, both), Code::kActive);
    EXPECT_EQ(verdict(with_a, both), Code::kBadSignature);
    EXPECT_EQ(verdict(with_b, both), Code::kActive);
    EXPECT_EQ(verdict(with_c, both), Code::kUnknownKey);
    EXPECT_EQ(verdict(hmac_token(R"({"alg":"HS256","kid":"B"})"), both), Code::kUnknownKey);

    // A key without a kid is a candidate whatever the token says.
    const KeySet nameless = set_of(secret_key("a", other), secret_key());

    EXPECT_EQ(verdict(with_a, nameless), Code::kActive);
    EXPECT_EQ(verdict(with_c, nameless), Code::kActive);

    // Keys may share a kid.
    EXPECT_EQ(verdict(with_a, set_of(secret_key("a", other), secret_key("a"))), Code::kActive);
}

TEST(Verify, KeyOfTheKidIsTriedBeforeAnyNumberOfNamelessOnes)
{
    KeySet keys;
    for (int i = 0; i < 20; i++) {
        keys.add(secret_key("", std::string(32, static_cast<char>('a' + i))));
    }
    const std::string named = hmac_token(R"({"alg":"HS256","kid":"mine"})");
    const std::string plain = hmac_token(R"({"alg":"HS256"})");
    keys.add(secret_key("mine"));

    EXPECT_EQ(verdict(named, keys), Code::kActive);
    // a token that names no key does not have every signature checked
    EXPECT_EQ(verdict(plain, keys), Code::kBadSignature);
}

TEST(Verify, GivesTheKeyThatVerified)
{
    const KeySet keys = set_of(secret_key("a", std::string(32, 'o')), secret_key("b"));
    const std::string token = hmac_token(R"({"alg":"HS256"})");
    const Result<CompactJws> jws = parse_compact(token);
    const Result<const Key *> key = verify(*jws, keys, {});

    ASSERT_TRUE(key);
    EXPECT_EQ(*key, &keys.keys()[1]);
}

TEST(Verify, NoCandidatesIsAnUnknownKey)
{
    const std::string token = hmac_token(R"({"alg":"HS256","kid":"a"})");

    EXPECT_EQ(verdict(token, KeySet()), Code::kUnknownKey);
    EXPECT_EQ(verdict(token, set_of(std::move(
                                 *Key::from_secret(as_bytes(std::string(64, 'k')),
                                                   {.algorithm = Algorithm::kHS512, .kid = "a"})))),
              Code::kUnknownKey);
}

TEST(Verify, PublicKeyIsNoHmacSecret)
{
    const EvpKey rsa = test::generate("RSA");
    const std::string pem = test::pem_of(rsa.get());
    const KeySet keys = set_of(std::move(*Key::from_pem(pem, {.kid = "a"})));

    for (const char *header : {R"({"alg":"HS256"})", R"({"alg":"HS256","kid":"a"})"}) {
        EXPECT_EQ(verdict(hmac_token(header, pem), keys), Code::kUnknownKey);
        EXPECT_EQ(verdict(hmac_token(header, pem), keys, kRsaAlgorithms),
                  Code::kUnsupportedAlgorithm);
    }
}

TEST(Verify, AlteredTokensAreRefused)
{
    const KeySet keys = set_of(secret_key());
    const std::string token = hmac_token(R"({"alg":"HS256"})");

    for (std::size_t i = 0; i < token.size(); i++) {
        std::string altered = token;

        altered[i] = altered[i] == 'A' ? 'B' : 'A';
        EXPECT_NE(verdict(altered, keys), Code::kActive) << i;
    }
    EXPECT_EQ(verdict(token + "A", keys), Code::kBadSignature);  // 33 bytes
    EXPECT_EQ(verdict(token.substr(0, token.size() - 3), keys), Code::kBadSignature);
}

}  // namespace
}  // namespace token_introspect::jose
