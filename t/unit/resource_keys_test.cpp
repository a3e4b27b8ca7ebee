#include "resource/token_introspector.hpp"

#include "jose_signing.hpp"
#include "resource_fixture.hpp"

#include <algorithm>

namespace token_introspect::resource {
namespace {

using test::resources;
using test::sentence;

using Words = std::vector<std::string>;

constexpr std::string_view kSecret = "0123456789abcdef0123456789abcdef";

const std::string &rsa_pem()
{
    static const std::string pem = jose::test::pem_of(jose::test::generate("RSA").get());
    return pem;
}

const std::string &ec_pem()
{
    static const std::string pem = jose::test::pem_of(jose::test::generate("P-256").get());
    return pem;
}

/// JSON of a string.
std::string quoted(const std::string &text)
{
    return test::dump(Json(json_string(text.c_str())).get());
}

/// JSON of a key's members.
std::string key(const std::vector<std::pair<std::string, std::string>> &members)
{
    std::string all;
    for (const auto &[name, value] : members) {
        all += (all.empty() ? "{" : ",") + quoted(name) + ':' + quoted(value);
    }
    return all + '}';
}

Checked<Block> block(const std::vector<std::string> &keys)
{
    std::string text = R"({"resourceType":"TokenIntrospector","id":"with-keys","type":"jwt",
"jwt":{"iss":"https://idp.example.com","keys":[
)";
    for (const std::string &one : keys) {
        text += one + (&one == &keys.back() ? "]}}" : ",\n");
    }
    return make_block(resources(text).at(0), nullptr);
}

/// The sentence for a block with this key, after its `jwt.keys[0]`.
std::string problem(const std::string &one)
{
    const std::string prefix = "r.json:3: TokenIntrospector \"with-keys\": jwt.keys[0]";
    const std::string text = sentence(block({one}));
    EXPECT_TRUE(text.starts_with(prefix)) << text;
    return text.substr(std::min(prefix.size(), text.size()));
}

// B3 B4 B5 B6 B7
TEST(ResourceKeys, FourKindsInOneIntrospector)
{
    const auto made =
        block({key({{"pub", rsa_pem()}, {"kty", "RSA"}, {"alg", "RS256"}, {"format", "PEM"}}),
               key({{"pub", rsa_pem()}, {"kty", "RSA"}, {"alg", "RS384"}, {"format", "PEM"}}),
               key({{"pub", ec_pem()}, {"kty", "EC"}, {"alg", "ES256"}, {"format", "PEM"}}),
               key({{"k", std::string(kSecret)},
                    {"kty", "OCT"},
                    {"alg", "HS256"},
                    {"format", "plain"}})});

    ASSERT_TRUE(made) << made.error();
    ASSERT_EQ(made->lines.size(), 6U);
    EXPECT_EQ(made->lines[0], (Words{"type", "jwt"}));
    EXPECT_EQ(made->lines[1], (Words{"issuer", "https://idp.example.com"}));
    EXPECT_EQ(made->lines[2], (Words{"key", rsa_pem(), "kty=RSA", "alg=RS256", "format=PEM"}));
    EXPECT_EQ(made->lines[3], (Words{"key", rsa_pem(), "kty=RSA", "alg=RS384", "format=PEM"}));
    EXPECT_EQ(made->lines[4], (Words{"key", ec_pem(), "kty=EC", "alg=ES256", "format=PEM"}));
    EXPECT_EQ(made->lines[5],
              (Words{"key", std::string(kSecret), "kty=OCT", "alg=HS256", "format=plain"}));
    EXPECT_TRUE(made->warnings.empty());
}

// B51
TEST(ResourceKeys, KtyFollowsFromAlg)
{
    const auto made =
        block({key({{"alg", "RS256"}, {"format", "PEM"}, {"pub", rsa_pem()}}),
               key({{"alg", "ES256"}, {"format", "PEM"}, {"pub", ec_pem()}}),
               key({{"alg", "HS256"}, {"format", "plain"}, {"k", std::string(kSecret)}})});

    ASSERT_TRUE(made) << made.error();
    ASSERT_EQ(made->lines.size(), 5U);
    EXPECT_EQ(made->lines[2][2], "kty=RSA");
    EXPECT_EQ(made->lines[3][2], "kty=EC");
    EXPECT_EQ(made->lines[4][2], "kty=OCT");
}

// B53: their order is that of the resource
TEST(ResourceKeys, SeveralOfOneAlgKeepTheirOrder)
{
    const std::string second = jose::test::pem_of(jose::test::generate("P-256").get());
    const auto made = block({key({{"alg", "ES256"}, {"format", "PEM"}, {"pub", ec_pem()}}),
                             key({{"alg", "ES256"}, {"format", "PEM"}, {"pub", second}})});

    ASSERT_TRUE(made) << made.error();
    ASSERT_EQ(made->lines.size(), 4U);
    EXPECT_EQ(made->lines[2][1], ec_pem());
    EXPECT_EQ(made->lines[3][1], second);
}

// B56
TEST(ResourceKeys, KtyAndFormatHaveToFitAlg)
{
    struct Row {
        std::string alg, kty, format, problem;
    };
    const std::vector<Row> rows = {
        {"RS256", "EC", "PEM", ".kty: \"EC\" does not fit; RS256 goes with kty RSA"},
        {"RS384", "OCT", "PEM", ".kty: \"OCT\" does not fit; RS384 goes with kty RSA"},
        {"ES256", "RSA", "PEM", ".kty: \"RSA\" does not fit; ES256 goes with kty EC"},
        {"HS256", "RSA", "plain", ".kty: \"RSA\" does not fit; HS256 goes with kty OCT"},
        {"HS256", "oct", "plain", ".kty: \"oct\" does not fit; HS256 goes with kty OCT"},
        {"RS256", "RSA", "plain", ".format: \"plain\" does not fit; RS256 goes with format PEM"},
        {"ES256", "EC", "plain", ".format: \"plain\" does not fit; ES256 goes with format PEM"},
        {"HS256", "OCT", "PEM", ".format: \"PEM\" does not fit; HS256 goes with format plain"},
        {"RS256", "RSA", "pem", ".format: \"pem\" does not fit; RS256 goes with format PEM"},
    };
    for (const Row &row : rows) {
        EXPECT_EQ(problem(key({{"alg", row.alg}, {"kty", row.kty}, {"format", row.format}})),
                  row.problem);
    }
}

// B56 B62
TEST(ResourceKeys, OtherAlgorithmsAreRefused)
{
    for (const std::string alg : {"RS512", "PS256", "ES384", "HS512", "EdDSA", "none", "rs256"}) {
        EXPECT_EQ(problem(key({{"alg", alg}})),
                  ".alg: \"" + alg + "\" is not supported; use RS256, RS384, ES256 or HS256");
    }
    EXPECT_EQ(problem(key({{"kty", "RSA"}})), ".alg: is missing; it must be a string");
}

// B57
TEST(ResourceKeys, AnAsymmetricKeyNeedsPemAndPub)
{
    EXPECT_EQ(problem(key({{"alg", "RS256"}, {"format", "PEM"}})),
              ".pub: is missing; RS256 needs a public key in PEM");
    EXPECT_EQ(problem(key({{"alg", "ES256"}, {"pub", ec_pem()}})),
              ".format: is missing; ES256 goes with format PEM");
    EXPECT_EQ(problem(key({{"alg", "ES256"}, {"format", "PEM"}, {"k", "x"}})),
              ".k: ES256 has no use for it; give pub alone");
    EXPECT_EQ(problem(key({{"alg", "ES256"}, {"format", "PEM"}, {"pub", ec_pem()}, {"k", "x"}})),
              ".k: ES256 has no use for it; give pub alone");
    EXPECT_EQ(problem(R"({"alg":"RS256","format":"PEM","pub":1})"),
              ".pub: must be a string, not a number; quote it");
    EXPECT_EQ(problem(key({{"alg", "RS256"}, {"format", "PEM"}, {"pub", ""}})), ".pub: is empty");
}

// B58
TEST(ResourceKeys, ASymmetricKeyNeedsPlainAndK)
{
    EXPECT_EQ(problem(key({{"alg", "HS256"}, {"format", "plain"}})),
              ".k: is missing; HS256 needs a secret");
    EXPECT_EQ(problem(key({{"alg", "HS256"}, {"k", "x"}})),
              ".format: is missing; HS256 goes with format plain");
    EXPECT_EQ(problem(key({{"alg", "HS256"}, {"format", "plain"}, {"pub", rsa_pem()}})),
              ".pub: HS256 has no use for it; give k alone");
    EXPECT_EQ(problem(key({{"alg", "HS256"}, {"format", "plain"}, {"k", rsa_pem()}})),
              ".k: a PEM block where a secret should be");
    EXPECT_EQ(problem(key({{"alg", "HS256"}, {"format", "plain"}, {"k", ""}})), ".k: is empty");
}

// B59
TEST(ResourceKeys, PemNeedsItsLinesAndAValidKey)
{
    const auto pub = [](const std::string &text) {
        return problem(key({{"alg", "RS256"}, {"format", "PEM"}, {"pub", text}}));
    };
    const std::string bare = rsa_pem().substr(27, rsa_pem().size() - 27 - 25);
    ASSERT_TRUE(bare.starts_with("MII"));

    EXPECT_EQ(pub(bare), ".pub: is not PEM: the key needs its lines -----BEGIN PUBLIC KEY----- and "
                         "-----END PUBLIC KEY-----");
    EXPECT_EQ(pub("<RSA_PUBLIC_KEY>").find(".pub: is not PEM"), 0U);
    EXPECT_EQ(pub("file:/etc/hostname").find(".pub: is not PEM"), 0U);

    const std::string cure = "; give RS256 a public RSA key in PEM with its line breaks";
    std::string spaces = rsa_pem();
    std::ranges::replace(spaces, '\n', ' ');
    EXPECT_EQ(pub(spaces), ".pub: no PEM block" + cure);
    EXPECT_EQ(pub("-----BEGIN PUBLIC KEY-----\n" + bare), ".pub: a damaged PEM block" + cure);
    EXPECT_EQ(pub("-----BEGIN PUBLIC KEY-----\n!!\n-----END PUBLIC KEY-----\n"),
              ".pub: a damaged PEM block" + cure);
    EXPECT_EQ(pub(jose::test::pem_of(jose::test::generate("RSA").get(), true))
                  .find(".pub: a private key"),
              0U);
}

// B59: the three keys that 002 shows are cut short or damaged
TEST(ResourceKeys, KeysThatAreCutShortAreRefused)
{
    for (const std::string body : {"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA...",
                                   "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA7Z8...",
                                   "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA4f5w"})
    {
        EXPECT_EQ(problem(key({{"alg", "RS256"},
                               {"format", "PEM"},
                               {"pub", "-----BEGIN PUBLIC KEY-----\n" + body
                                           + "\n-----END PUBLIC KEY-----\n"}}))
                      .find(".pub: "),
                  0U);
    }
}

// 002 writes the base64 of a key as one line
TEST(ResourceKeys, Base64MayBeOneLine)
{
    std::string body = rsa_pem().substr(27, rsa_pem().size() - 27 - 25);
    std::erase(body, '\n');
    const std::string pem = "-----BEGIN PUBLIC KEY-----\n" + body + "\n-----END PUBLIC KEY-----\n";

    const auto made = block({key({{"alg", "RS256"}, {"format", "PEM"}, {"pub", pem}})});
    ASSERT_TRUE(made) << made.error();
    EXPECT_EQ(made->lines[2][1], pem);
}

// B60
TEST(ResourceKeys, TheKeyHasToBeOfItsType)
{
    EXPECT_EQ(problem(key({{"alg", "RS256"}, {"format", "PEM"}, {"pub", ec_pem()}})).find(".pub: "),
              0U);
    EXPECT_EQ(
        problem(key({{"alg", "ES256"}, {"format", "PEM"}, {"pub", rsa_pem()}})).find(".pub: "), 0U);
    const std::string p384 = jose::test::pem_of(jose::test::generate("P-384").get());
    EXPECT_EQ(problem(key({{"alg", "ES256"}, {"kty", "EC"}, {"format", "PEM"}, {"pub", p384}}))
                  .find(".pub: "),
              0U);
}

TEST(ResourceKeys, OneWrongKeyAmongManyIsNamed)
{
    EXPECT_EQ(sentence(block({key({{"alg", "RS256"}, {"format", "PEM"}, {"pub", rsa_pem()}}),
                              key({{"alg", "RS512"}, {"format", "PEM"}, {"pub", rsa_pem()}})})),
              "r.json:4: TokenIntrospector \"with-keys\": jwt.keys[1].alg: \"RS512\" is not "
              "supported; use RS256, RS384, ES256 or HS256");
    EXPECT_EQ(problem(key({{"alg", "RS256"}, {"kid", "a"}})),
              ".kid: unknown attribute; the known ones are kty, alg, format, pub, k, _k");
    EXPECT_EQ(problem("\"RS256\""), ": must be an object, not a string");
}

TEST(ResourceKeys, ASecretThatLooksLikeAFileIsASecret)
{
    const auto made =
        block({key({{"alg", "HS256"}, {"format", "plain"}, {"k", "file:/etc/hostname"}})});

    ASSERT_TRUE(made) << made.error();
    EXPECT_EQ(made->lines[2], (Words{"key", base64url_encode(as_bytes("file:/etc/hostname")),
                                     "kty=OCT", "alg=HS256", "format=base64url"}));
}

TEST(ResourceKeys, SentencesKeepSecrets)
{
    const std::string secret = "hidden-text";
    for (const std::string &one :
         {key({{"alg", "HS256"}, {"format", "PEM"}, {"k", secret}}),
          key({{"alg", "RS256"}, {"format", "PEM"}, {"k", secret}}),
          key({{"alg", "HS256"}, {"format", "plain"}, {"k", secret}, {"_k", secret}})})
    {
        EXPECT_EQ(problem(one).find("hidden"), std::string::npos);
    }
}

// B5: PEM in YAML is a block scalar
TEST(ResourceKeys, YamlHasPemInLines)
{
    std::string text = "resourceType: TokenIntrospector\nid: a\ntype: jwt\njwt:\n  iss: i\n"
                       "  keys:\n    - alg: ES256\n      format: PEM\n      pub: |\n        ";
    for (const char c : ec_pem()) {
        text += c;
        text += c == '\n' ? "        " : "";
    }
    const auto made = make_block(resources(text + "\n").at(0), nullptr);

    ASSERT_TRUE(made) << made.error();
    EXPECT_EQ(made->lines[2][1], ec_pem());
}

}  // namespace
}  // namespace token_introspect::resource
