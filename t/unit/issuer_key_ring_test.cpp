#include "issuer/key_ring.hpp"

#include "jose/jws.hpp"
#include "jose_signing.hpp"
#include "temporary_directory.hpp"

#include <gtest/gtest.h>
#include <openssl/err.h>

namespace token_introspect::issuer {
namespace {

using token_introspect::test::TemporaryDirectory;

const std::string kSealing = "0123456789abcdef0123456789abcdef";
const std::string kOtherSealing = "fedcba9876543210fedcba9876543210";
const std::string kMac = "a secret for HMAC, of more than 32 bytes";

std::string private_pem(const char *type)
{
    return jose::test::pem_of(jose::test::generate(type).get(), true);
}

jose::KeySource value(const std::string &text, const std::string &kid = {})
{
    return {.value = text, .options = {.type = {}, .algorithm = {}, .kid = kid}};
}

jose::KeySource file(const std::string &path, const std::string &kid = {})
{
    return {.value = path, .from_file = true, .options = {.type = {}, .algorithm = {}, .kid = kid}};
}

TokenIssuer issuer(std::vector<jose::KeySource> signing, std::vector<jose::KeySource> sealing = {})
{
    TokenIssuer made;
    made.name = "as";
    made.issuer = "https://as.example";
    made.signing_keys = std::move(signing);
    made.encryption_keys = std::move(sealing);
    return made;
}

Now at(std::uint64_t monotonic_ms)
{
    return {.unix_s = 1'700'000'000, .monotonic_ms = monotonic_ms};
}

std::string refusal(const TokenIssuer &of)
{
    const auto ring = KeyRing::load(of);
    EXPECT_EQ(ERR_peek_error(), 0U);
    return ring ? "taken" : ring.error();
}

bool verifies(const KeyRing &ring, const std::string &token)
{
    const auto jws = jose::parse_compact(token);
    return jws && jose::verify(*jws, ring.verification_keys(), {}).has_value();
}

TEST(IssuerKeyRing, SignsWithTheFirstAndVerifiesWithAll)
{
    const std::string one = private_pem("P-256");
    const std::string two = private_pem("ED25519");
    const auto ring = KeyRing::load(issuer({value(one), value(two), value(kMac)}));
    ASSERT_TRUE(ring) << ring.error();
    ASSERT_NE(ring->signer(), nullptr);
    EXPECT_EQ(ring->signer()->algorithm(), jose::Algorithm::kES256);
    EXPECT_EQ(ring->verification_keys().keys().size(), 3U);
    EXPECT_TRUE(ring->content_keys().empty());

    const auto turned = KeyRing::load(issuer({value(two), value(one)}));
    const auto secret = KeyRing::load(issuer({value(kMac)}));
    ASSERT_TRUE(turned && secret);
    EXPECT_EQ(turned->signer()->algorithm(), jose::Algorithm::kEdDSA);
    for (const KeyRing *other : {&*ring, &*turned, &*secret}) {
        EXPECT_TRUE(verifies(*ring, *other->signer()->sign("at+jwt", "{}")));
    }
    EXPECT_FALSE(verifies(*turned, *secret->signer()->sign("at+jwt", "{}")));
}

TEST(IssuerKeyRing, PublishesPublicKeysOnly)
{
    const auto ring =
        KeyRing::load(issuer({value(private_pem("P-256"), "one"), value(private_pem("RSA")),
                              value(private_pem("ED25519"), "three"), value(kMac, "mac")},
                             {value(kSealing, "sealing")}));
    ASSERT_TRUE(ring) << ring.error();
    const auto parsed = parse_json_object(ring->jwks());
    ASSERT_TRUE(parsed);
    const json_t *keys = json_object_get(parsed->get(), "keys");
    ASSERT_EQ(json_array_size(keys), 3U);  // neither the HMAC secret nor the one that seals
    EXPECT_EQ(json_object_size(parsed->get()), 1U);
    EXPECT_EQ(json_string_member(json_array_get(keys, 0), "kid"), "one");
    EXPECT_EQ(json_string_member(json_array_get(keys, 2), "kid"), "three");
    for (std::size_t i = 0; i < 3; i++) {
        const json_t *key = json_array_get(keys, i);
        EXPECT_EQ(json_string_member(key, "use"), "sig");
        EXPECT_FALSE(json_string_member(key, "alg").empty());
        EXPECT_FALSE(json_string_member(key, "kid").empty());
        for (const auto &[name, member] : json_members(key)) {
            for (const char *secret : {"d", "p", "q", "dp", "dq", "qi", "k", "oth"}) {
                EXPECT_NE(name, secret);
            }
        }
    }
    // others verify with it what the issuer signs
    const auto set = jose::KeySet::from_json(ring->jwks(), false);
    ASSERT_TRUE(set);
    EXPECT_TRUE(set->skipped().empty());
    const std::string token = *ring->signer()->sign("at+jwt", "{}");
    EXPECT_TRUE(jose::verify(*jose::parse_compact(token), *set, {}));
}

TEST(IssuerKeyRing, HasAnEmptySetWithoutPublicKeys)
{
    const auto ring = KeyRing::load(issuer({}, {value(kSealing)}));
    ASSERT_TRUE(ring) << ring.error();
    EXPECT_EQ(ring->jwks(), R"({"keys":[]})");
    EXPECT_EQ(ring->signer(), nullptr);
    EXPECT_TRUE(ring->content_keys().seal("at+jwe", "{}"));
    EXPECT_EQ(KeyRing::load(issuer({value(kMac)}))->jwks(), R"({"keys":[]})");
}

TEST(IssuerKeyRing, RefusesTwoKeysOfOneKid)
{
    const std::string one = private_pem("P-256");
    const std::string two = private_pem("P-256");
    EXPECT_EQ(refusal(issuer({value(one, "k"), value(two, "k")})),
              "signing_key: another one has the same kid \"k\"");
    EXPECT_EQ(refusal(issuer({value(one, "k"), value(two)})), "taken");
    EXPECT_NE(refusal(issuer({value(one), value(one)})), "taken");
    EXPECT_EQ(refusal(issuer({value(kMac), value(kMac + "2")})), "taken");  // secrets need none
    EXPECT_NE(refusal(issuer({value(kMac, "k"), value(one, "k")})), "taken");
    EXPECT_EQ(refusal(issuer({}, {value(kSealing, "k"), value(kOtherSealing, "k")})),
              "encryption_key: another one has the same kid \"k\"");
    EXPECT_EQ(refusal(issuer({value(one, "k")}, {value(kSealing, "k")})), "taken");
}

TEST(IssuerKeyRing, NamesTheFileThatIsBad)
{
    TemporaryDirectory directory;
    const std::string path = directory.write("bad", "sh0rt");
    EXPECT_EQ(refusal(issuer({file(path)})),
              "signing_key in \"" + path
                  + "\": the secret is shorter than the algorithm's hash (RFC 7518 section 3.2)");
    EXPECT_EQ(refusal(issuer({}, {file(path)})),
              "encryption_key in \"" + path + "\": a key for A256GCM has exactly 32 bytes");
    EXPECT_NE(refusal(issuer({file(directory.path("none"))})).find("No such file"),
              std::string::npos);
}

TEST(IssuerKeyRing, ReadsFilesAgainThatChanged)
{
    TemporaryDirectory directory;
    const std::string signing = directory.write("signing", private_pem("P-256"));
    const std::string sealing = directory.write("sealing", kSealing + "\n");
    const TokenIssuer of = issuer({file(signing)}, {file(sealing)});
    auto ring = KeyRing::load(of);
    ASSERT_TRUE(ring) << ring.error();
    const std::string token = *ring->signer()->sign("at+jwt", "{}");
    const std::string jwks = ring->jwks();
    const std::string sealed = *ring->content_keys().seal("at+jwe", "{}");
    const std::uint64_t revision = ring->revision();

    EXPECT_EQ(ring->reload_changed_files(of, at(1000)), "");
    EXPECT_EQ(ring->revision(), revision);

    directory.write("signing", private_pem("P-384"));
    directory.write("sealing", kOtherSealing);
    EXPECT_EQ(ring->reload_changed_files(of, at(1500)), "");  // not asked again within a second
    EXPECT_EQ(ring->revision(), revision);
    EXPECT_EQ(ring->reload_changed_files(of, at(2500)), "");
    EXPECT_NE(ring->revision(), revision);
    EXPECT_EQ(ring->signer()->algorithm(), jose::Algorithm::kES384);
    EXPECT_NE(ring->jwks(), jwks);
    EXPECT_FALSE(verifies(*ring, token));
    EXPECT_FALSE(ring->content_keys().open("at+jwe", sealed));
    EXPECT_TRUE(verifies(*ring, *ring->signer()->sign("at+jwt", "{}")));
}

TEST(IssuerKeyRing, KeepsTheLastGoodKeys)
{
    TemporaryDirectory directory;
    const std::string signing = directory.write("signing", private_pem("P-256"));
    const std::string sealing = directory.write("sealing", kSealing);
    const TokenIssuer of = issuer({file(signing)}, {file(sealing)});
    auto ring = KeyRing::load(of);
    ASSERT_TRUE(ring) << ring.error();
    const std::string token = *ring->signer()->sign("at+jwt", "{}");
    const std::uint64_t revision = ring->revision();

    // one is bad: neither is taken, and one hears of it once
    directory.write("signing", "half a k");
    directory.write("sealing", kOtherSealing);
    EXPECT_NE(ring->reload_changed_files(of, at(1000)).find(signing), std::string::npos);
    EXPECT_EQ(ring->reload_changed_files(of, at(2000)), "");
    EXPECT_EQ(ring->revision(), revision);
    EXPECT_TRUE(verifies(*ring, token));
    EXPECT_FALSE(ring->signer()->sign("JWT", "{}")->empty());
    EXPECT_TRUE(ring->content_keys().open(
        "at+jwe",
        *KeyRing::load(issuer({}, {value(kSealing)}))->content_keys().seal("at+jwe", "{}")));

    directory.write("signing", private_pem("ED25519"));
    EXPECT_EQ(ring->reload_changed_files(of, at(3000)), "");
    EXPECT_NE(ring->revision(), revision);
    EXPECT_EQ(ring->signer()->algorithm(), jose::Algorithm::kEdDSA);
    EXPECT_FALSE(verifies(*ring, token));
}

}  // namespace
}  // namespace token_introspect::issuer
