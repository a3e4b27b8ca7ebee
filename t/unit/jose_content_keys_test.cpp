#include "jose/content_keys.hpp"

#include "base/json.hpp"
#include "jose/jws.hpp"
#include "temporary_directory.hpp"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>

namespace token_introspect::jose {
namespace {

using token_introspect::test::TemporaryDirectory;

const std::string kSecret = "0123456789abcdef0123456789abcdef";
const std::string kOther = "fedcba9876543210fedcba9876543210";
const std::string kClaims = R"({"iss":"https://as.example","sub":"alice","aud":"api"})";
constexpr std::string_view kType = "at+jwe";

KeySource source(std::string value, const std::string &kid = {},
                 KeyFormat format = KeyFormat::kGuess)
{
    return {.value = std::move(value),
            .format = format,
            .options = {.type = {}, .algorithm = {}, .kid = kid}};
}

ContentKeys keys_of(const std::vector<KeySource> &sources)
{
    ContentKeys keys;
    for (const KeySource &one : sources) {
        const auto added = keys.add(one);
        EXPECT_TRUE(added) << added.error();
    }
    return keys;
}

std::string refusal(const KeySource &one)
{
    ContentKeys keys;
    const auto added = keys.add(one);
    EXPECT_EQ(keys.empty(), !added);
    EXPECT_EQ(ERR_peek_error(), 0U);
    return added ? "taken" : added.error();
}

Code opening(const ContentKeys &keys, std::string_view jwe, std::string_view type = kType)
{
    const auto opened = keys.open(type, jwe);
    EXPECT_EQ(ERR_peek_error(), 0U);
    return opened ? Code::kActive : opened.error().code;
}

std::vector<std::string> parts_of(const std::string &jwe)
{
    std::vector<std::string> parts(1);
    for (char c : jwe) {
        if (c == '.') {
            parts.emplace_back();
        } else {
            parts.back().push_back(c);
        }
    }
    return parts;
}

std::string joined(const std::vector<std::string> &parts)
{
    std::string text;
    for (const std::string &part : parts) {
        text.append(text.empty() && &part == &parts.front() ? "" : ".").append(part);
    }
    return text;
}

struct Cipher {
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    Cipher() = default;
    Cipher(const Cipher &) = delete;
    Cipher &operator=(const Cipher &) = delete;
    ~Cipher() { EVP_CIPHER_CTX_free(context); }
};

// RFC 7516 section 5.1 by OpenSSL alone: any header, any vector and tag length.
std::string sealed_by_openssl(const std::string &secret, const std::string &header,
                              const std::string &plaintext, const char *algorithm = "AES-256-GCM",
                              std::size_t tag_size = 16)
{
    const std::string encoded = base64url_encode(as_bytes(header));
    const std::string vector = "twelve bytes";
    const Cipher cipher;
    EVP_CIPHER *type = EVP_CIPHER_fetch(nullptr, algorithm, nullptr);
    std::vector<std::uint8_t> out(plaintext.size());
    std::vector<std::uint8_t> tag(16);
    int size = 0;
    bool ok = EVP_EncryptInit_ex2(cipher.context, type, as_bytes(secret).data(),
                                  as_bytes(vector).data(), nullptr)
              == 1;
    ok = ok
         && EVP_EncryptUpdate(cipher.context, nullptr, &size, as_bytes(encoded).data(),
                              static_cast<int>(encoded.size()))
                == 1;
    ok = ok
         && EVP_EncryptUpdate(cipher.context, out.data(), &size, as_bytes(plaintext).data(),
                              static_cast<int>(plaintext.size()))
                == 1;
    ok = ok && EVP_EncryptFinal_ex(cipher.context, out.data() + size, &size) == 1;
    ok = ok && EVP_CIPHER_CTX_ctrl(cipher.context, EVP_CTRL_AEAD_GET_TAG, 16, tag.data()) == 1;
    EVP_CIPHER_free(type);
    EXPECT_TRUE(ok);
    tag.resize(tag_size);
    return encoded + ".." + base64url_encode(as_bytes(vector)) + "." + base64url_encode(out) + "."
           + base64url_encode(tag);
}

TEST(JoseContentKeys, OpensWhatItSealed)
{
    const ContentKeys keys = keys_of({source(kSecret, "one")});
    for (const std::string &text :
         {kClaims, std::string("x"), std::string("\0\xff binary", 9), std::string(40'000, 'a')})
    {
        const auto jwe = keys.seal(kType, text);
        ASSERT_TRUE(jwe) << jwe.error().text;
        const auto opened = keys.open(kType, *jwe);
        ASSERT_TRUE(opened) << opened.error().text;
        EXPECT_EQ(opened->plaintext, text);
        EXPECT_TRUE(keys.contains(opened->key));
        EXPECT_FALSE(has_compact_shape(*jwe));  // no JWT to those who do not know it
    }
    EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST(JoseContentKeys, SealsAsRfc7516Says)
{
    const ContentKeys keys = keys_of({source(kSecret, "one")});
    const std::string jwe = *keys.seal(kType, kClaims);
    const auto parts = parts_of(jwe);
    ASSERT_EQ(parts.size(), 5U);
    const auto header = parse_json_object(*base64url_decode(parts[0]));
    ASSERT_TRUE(header);
    EXPECT_EQ(*json_sorted(header->get()),
              R"({"alg":"dir","enc":"A256GCM","kid":"one","typ":"at+jwe"})");
    EXPECT_EQ(parts[1], "");
    EXPECT_EQ(parts[2].size(), 16U);
    EXPECT_EQ(parts[4].size(), 22U);
    EXPECT_EQ(jwe.find("alice"), std::string::npos);

    // opened by OpenSSL alone
    const auto vector = base64url_decode(parts[2]);
    const auto text = base64url_decode(parts[3]);
    auto tag = base64url_decode(parts[4]);
    const Cipher cipher;
    std::string plain(text->size(), '\0');
    auto *out = reinterpret_cast<unsigned char *>(plain.data());
    int size = 0;
    EXPECT_EQ(EVP_DecryptInit_ex2(cipher.context, EVP_aes_256_gcm(), as_bytes(kSecret).data(),
                                  as_bytes(*vector).data(), nullptr),
              1);
    EXPECT_EQ(EVP_DecryptUpdate(cipher.context, nullptr, &size, as_bytes(parts[0]).data(),
                                static_cast<int>(parts[0].size())),
              1);
    EXPECT_EQ(EVP_DecryptUpdate(cipher.context, out, &size, as_bytes(*text).data(),
                                static_cast<int>(text->size())),
              1);
    EXPECT_EQ(EVP_CIPHER_CTX_ctrl(cipher.context, EVP_CTRL_AEAD_SET_TAG, 16, tag->data()), 1);
    EXPECT_EQ(EVP_DecryptFinal_ex(cipher.context, out + size, &size), 1);
    EXPECT_EQ(plain, kClaims);
}

TEST(JoseContentKeys, NeverUsesAVectorTwice)
{
    const ContentKeys keys = keys_of({source(kSecret)});
    std::vector<std::string> vectors;
    for (int i = 0; i < 100; i++) {
        vectors.push_back(parts_of(*keys.seal(kType, kClaims))[2]);
    }
    std::ranges::sort(vectors);
    EXPECT_EQ(std::ranges::adjacent_find(vectors), vectors.end());
}

TEST(JoseContentKeys, OpensWhatOthersSealed)
{
    const ContentKeys keys = keys_of({source(kSecret, "one")});
    const std::string jwe = sealed_by_openssl(
        kSecret, R"({"typ":"at+jwe","kid":"one","enc":"A256GCM","alg":"dir"})", kClaims);
    const auto opened = keys.open(kType, jwe);
    ASSERT_TRUE(opened) << opened.error().text;
    EXPECT_EQ(opened->plaintext, kClaims);
}

TEST(JoseContentKeys, RefusesEveryChangedByte)
{
    const ContentKeys keys = keys_of({source(kSecret, "one")});
    const std::string jwe = *keys.seal(kType, kClaims);
    for (std::size_t at = 0; at < jwe.size(); at++) {
        for (int bit = 0; bit < 8; bit++) {
            std::string changed = jwe;
            changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
            EXPECT_NE(opening(keys, changed), Code::kActive) << at << " bit " << bit;
        }
        // another character of the alphabet, which may change only what no byte is made of
        std::string changed = jwe;
        changed[at] = changed[at] == 'A' ? 'B' : 'A';
        EXPECT_NE(opening(keys, changed), Code::kActive) << at;
    }
    for (std::size_t size = 0; size < jwe.size(); size++) {
        EXPECT_NE(opening(keys, std::string_view(jwe).substr(0, size)), Code::kActive) << size;
    }
    for (const char *more : {".", "A", "=", "\n", " "}) {
        EXPECT_EQ(opening(keys, jwe + more), Code::kMalformed);
        EXPECT_EQ(opening(keys, more + jwe), Code::kMalformed);
    }
}

TEST(JoseContentKeys, RefusesPartsOfTwoTokens)
{
    const ContentKeys keys = keys_of({source(kSecret, "one")});
    const auto one = parts_of(*keys.seal(kType, kClaims));
    const auto two = parts_of(*keys.seal(kType, kClaims));
    for (std::size_t part : {2U, 3U, 4U}) {
        auto mixed = one;
        mixed[part] = two[part];
        EXPECT_EQ(opening(keys, joined(mixed)), Code::kBadSignature) << part;
    }
    auto with_key = one;
    with_key[1] = "AAAA";
    EXPECT_EQ(opening(keys, joined(with_key)), Code::kMalformed);
}

// cjose's own decoder asserts that no text is of 4n+1 characters.
TEST(JoseContentKeys, RefusesPartsOfAnyLength)
{
    const ContentKeys keys = keys_of({source(kSecret, "one")});
    const auto whole = parts_of(*keys.seal(kType, kClaims));
    for (std::size_t part : {0U, 2U, 3U, 4U}) {
        for (std::size_t more = 1; more <= 4; more++) {
            auto longer = whole;
            longer[part].append(more, 'A');
            EXPECT_NE(opening(keys, joined(longer)), Code::kActive) << part << " and " << more;
            auto shorter = whole;
            shorter[part].resize(shorter[part].size() - more);
            EXPECT_NE(opening(keys, joined(shorter)), Code::kActive) << part << " less " << more;
        }
        auto padded = whole;
        padded[part].append("=");
        EXPECT_EQ(opening(keys, joined(padded)), Code::kMalformed) << part;
        auto single = whole;
        single[part] = "A";
        EXPECT_EQ(opening(keys, joined(single)), Code::kMalformed) << part;
    }
}

// The header is authenticated: a refresh token is no access token, whoever renames it.
TEST(JoseContentKeys, RefusesAnotherType)
{
    const ContentKeys keys = keys_of({source(kSecret, "one")});
    const std::string refresh = *keys.seal("rt+jwe", kClaims);
    EXPECT_EQ(opening(keys, refresh), Code::kUnsupportedType);
    EXPECT_EQ(opening(keys, refresh, "rt+jwe"), Code::kActive);
    auto renamed = parts_of(refresh);
    renamed[0] = parts_of(*keys.seal(kType, kClaims))[0];
    EXPECT_EQ(opening(keys, joined(renamed)), Code::kBadSignature);
    EXPECT_EQ(opening(keys, sealed_by_openssl(
                                kSecret, R"({"kid":"one","enc":"A256GCM","alg":"dir"})", kClaims)),
              Code::kUnsupportedType);
}

TEST(JoseContentKeys, RefusesOtherHeaders)
{
    const ContentKeys keys = keys_of({source(kSecret, "one")});
    auto with = [](const std::string &members) {
        return sealed_by_openssl(kSecret, "{" + members + R"("typ":"at+jwe"})", kClaims);
    };
    EXPECT_EQ(opening(keys, with(R"("kid":"one","alg":"dir","enc":"A256GCM",)")), Code::kActive);
    for (const char *members : {
             R"("kid":"one","alg":"A256KW","enc":"A256GCM",)",
             R"("kid":"one","alg":"A256GCMKW","enc":"A256GCM",)",
             R"("kid":"one","alg":"RSA1_5","enc":"A256GCM",)",
             R"("kid":"one","alg":"none","enc":"A256GCM",)",
             R"("kid":"one","alg":"DIR","enc":"A256GCM",)",
             R"("kid":"one","alg":"dir","enc":"A128GCM",)",
             R"("kid":"one","alg":"dir","enc":"A128CBC-HS256",)",
             R"("kid":"one","alg":"dir","enc":"",)",
             R"("kid":"one","alg":"dir",)",
             R"("kid":"one","enc":"A256GCM",)",
             R"("kid":"one","alg":["dir"],"enc":"A256GCM",)",
             R"("kid":"one","alg":"dir","alg":"dir","enc":"A256GCM",)",
             R"("kid":"one","alg":"dir","enc":"A256GCM","zip":"DEF",)",
             R"("kid":"one","alg":"dir","enc":"A256GCM","crit":["exp"],)",
         })
    {
        EXPECT_EQ(opening(keys, with(members)), Code::kMalformed) << members;
    }
    for (const char *kid : {"", R"("kid":"",)", R"("kid":1,)", R"("kid":"two",)"}) {
        EXPECT_EQ(opening(keys, with(R"("alg":"dir","enc":"A256GCM",)" + std::string(kid))),
                  Code::kUnknownKey)
            << kid;
    }
    EXPECT_EQ(opening(keys, sealed_by_openssl(kSecret, "no JSON", kClaims)), Code::kMalformed);
    EXPECT_EQ(opening(keys, sealed_by_openssl(
                                kSecret,
                                R"({"kid":"one","alg":"dir","enc":"A256GCM","typ":"at+jwe","x":")"
                                    + std::string(2000, 'x') + "\"}",
                                kClaims)),
              Code::kMalformed);
}

// A tag cut short can be guessed (CVE-2023-37464 is of cjose, which took its length from the token).
TEST(JoseContentKeys, RefusesShortTags)
{
    const ContentKeys keys = keys_of({source(kSecret, "one")});
    const std::string header = R"({"kid":"one","alg":"dir","enc":"A256GCM","typ":"at+jwe"})";
    for (std::size_t size : {0U, 1U, 4U, 12U, 15U}) {
        EXPECT_EQ(opening(keys, sealed_by_openssl(kSecret, header, kClaims, "AES-256-GCM", size)),
                  Code::kMalformed)
            << size;
    }
    EXPECT_EQ(opening(keys, sealed_by_openssl(kSecret, header, kClaims)), Code::kActive);
    EXPECT_EQ(opening(keys, sealed_by_openssl(kOther, header, kClaims)), Code::kBadSignature);
}

TEST(JoseContentKeys, RefusesWhatIsNoJwe)
{
    const ContentKeys keys = keys_of({source(kSecret, "one")});
    for (const std::string &token :
         {std::string(), std::string("opaque"), std::string("a.b.c"), std::string("...."),
          std::string("a..b.c.d"), std::string("a.b.c.d.e.f"), std::string(70'000, 'a'),
          std::string(70'000, '.'), "e30.." + std::string(16, 'A') + ".AA." + std::string(22, 'A')})
    {
        EXPECT_EQ(opening(keys, token), Code::kMalformed);
    }
}

TEST(JoseContentKeys, KeepsWithinItsBounds)
{
    const ContentKeys keys = keys_of({source(kSecret, "one")});
    const auto jwe = keys.seal(kType, std::string(60'000, 'a'));
    EXPECT_FALSE(jwe);
    const ContentKeys none;
    EXPECT_TRUE(none.empty());
    EXPECT_FALSE(none.seal(kType, kClaims));
    EXPECT_EQ(opening(none, *keys.seal(kType, kClaims)), Code::kUnknownKey);
}

TEST(JoseContentKeys, RotatesKeys)
{
    const ContentKeys before = keys_of({source(kSecret)});
    const ContentKeys during = keys_of({source(kOther), source(kSecret)});
    const ContentKeys after = keys_of({source(kOther)});
    const std::string old_token = *before.seal(kType, kClaims);
    const std::string new_token = *during.seal(kType, kClaims);
    EXPECT_EQ(opening(during, old_token), Code::kActive);
    EXPECT_EQ(opening(during, new_token), Code::kActive);
    EXPECT_EQ(opening(after, new_token), Code::kActive);
    EXPECT_EQ(opening(after, old_token), Code::kUnknownKey);

    const KeyId old_key = before.open(kType, old_token)->key;
    EXPECT_TRUE(during.contains(old_key));
    EXPECT_FALSE(after.contains(old_key));
    // the key is what its bytes are: its name may be another one
    EXPECT_TRUE(keys_of({source(kSecret, "renamed")}).contains(old_key));
}

// One name for two keys in a row, as a careless rotation has it.
TEST(JoseContentKeys, TriesNoOtherKeyOfTheSameName)
{
    const ContentKeys old_keys = keys_of({source(kSecret, "k")});
    const ContentKeys new_keys = keys_of({source(kOther, "k")});
    EXPECT_EQ(opening(new_keys, *old_keys.seal(kType, kClaims)), Code::kBadSignature);
}

TEST(JoseContentKeys, RefusesTwoKeysOfOneKid)
{
    ContentKeys keys = keys_of({source(kSecret, "k")});
    const auto second = keys.add(source(kOther, "k"));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error(), "encryption_key: another one has the same kid \"k\"");
    EXPECT_TRUE(keys.add(source(kOther, "l")));
    ContentKeys twice = keys_of({source(kSecret)});
    EXPECT_FALSE(twice.add(source(kSecret)));
}

TEST(JoseContentKeys, WantsThirtyTwoBytes)
{
    const std::string_view text = "encryption_key: a key for A256GCM has exactly 32 bytes";
    EXPECT_EQ(refusal(source(kSecret)), "taken");
    EXPECT_EQ(refusal(source(kSecret.substr(0, 31))), text);
    EXPECT_EQ(refusal(source(kSecret + "0")), text);
    EXPECT_EQ(refusal(source("")), text);
    const std::string encoded = base64url_encode(as_bytes(kSecret));
    EXPECT_EQ(refusal(source(encoded, "", KeyFormat::kBase64url)), "taken");
    EXPECT_EQ(refusal(source(encoded)), text);
    EXPECT_EQ(refusal(source(encoded.substr(0, 42), "", KeyFormat::kBase64url)),
              "encryption_key: the value is not base64url without padding");
    EXPECT_EQ(refusal(source(encoded.substr(0, 40), "", KeyFormat::kBase64url)), text);
}

TEST(JoseContentKeys, ReadsJwks)
{
    const std::string k = R"("k":")" + base64url_encode(as_bytes(kSecret)) + "\"";
    auto jwk = [&k](const std::string &members) { return source("{" + members + "," + k + "}"); };
    for (const char *members :
         {R"("kty":"oct")", R"("kty":"oct","use":"enc")", R"("kty":"oct","alg":"dir")",
          R"("kty":"oct","alg":"A256GCM")", R"("kty":"oct","key_ops":["encrypt","decrypt"])"})
    {
        EXPECT_EQ(refusal(jwk(members)), "taken") << members;
    }
    for (const char *members :
         {R"("kty":"RSA")", R"("kty":1)", R"("x":1)", R"("kty":"oct","use":"sig")",
          R"("kty":"oct","alg":"HS256")", R"("kty":"oct","alg":"A128GCM")",
          R"("kty":"oct","key_ops":["sign"])", R"("kty":"oct","kid":7)"})
    {
        EXPECT_NE(refusal(jwk(members)), "taken") << members;
    }
    EXPECT_NE(refusal(source(R"({"kty":"oct"})")), "taken");
    EXPECT_NE(refusal(source(R"({"kty":"oct","k":"AAAA"})")), "taken");

    const ContentKeys plain = keys_of({source(kSecret, "of-the-jwk")});
    const ContentKeys named = keys_of({jwk(R"("kty":"oct","kid":"of-the-jwk")")});
    EXPECT_EQ(opening(named, *plain.seal(kType, kClaims)), Code::kActive);
    const ContentKeys renamed = keys_of({source(jwk(R"("kty":"oct","kid":"x")").value, "given")});
    EXPECT_EQ(opening(keys_of({source(kSecret, "given")}), *renamed.seal(kType, kClaims)),
              Code::kActive);
}

TEST(JoseContentKeys, ReadsFilesAndNamesThemOnly)
{
    TemporaryDirectory directory;
    auto file = [](const std::string &path) {
        return KeySource{.value = path, .from_file = true, .options = {}};
    };
    const ContentKeys keys = keys_of({file(directory.write("key", kSecret + "\n"))});
    EXPECT_EQ(opening(keys_of({source(kSecret)}), *keys.seal(kType, kClaims)), Code::kActive);

    const std::string path = directory.write("short", "sh0rt\n");
    EXPECT_EQ(refusal(file(path)),
              "encryption_key in \"" + path + "\": a key for A256GCM has exactly 32 bytes");
    EXPECT_NE(refusal(file(directory.path("none"))).find("No such file"), std::string::npos);
    EXPECT_EQ(refusal(source("{sh0rt")).find("sh0rt"), std::string::npos);
    EXPECT_NE(refusal(source("-----BEGIN PRIVATE KEY-----\nabc", "", KeyFormat::kPlain)), "taken");
    EXPECT_NE(refusal(source(kSecret, "\xff")), "taken");
    EXPECT_NE(refusal(source(kSecret, std::string(257, 'k'))), "taken");
}

// The kid says nothing about the secret that a digest of it alone would let others try.
TEST(JoseContentKeys, HasAKidOfItsOwn)
{
    const ContentKeys keys = keys_of({source(kSecret)});
    const auto header =
        parse_json_object(*base64url_decode(parts_of(*keys.seal(kType, kClaims))[0]));
    const std::string kid(json_string_member(header->get(), "kid"));
    EXPECT_EQ(kid.size(), 11U);
    const auto plain = Sha256Hasher()(as_bytes(kSecret));
    EXPECT_NE(kid, base64url_encode(Bytes(*plain).first(8)));
    EXPECT_TRUE(keys_of({source(kSecret)}).open(kType, *keys.seal(kType, kClaims)));
}

}  // namespace
}  // namespace token_introspect::jose
