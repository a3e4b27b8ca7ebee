#include "resource/token_introspector.hpp"

#include "resource_fixture.hpp"

namespace token_introspect::resource {
namespace {

using test::resources;
using test::sentence;

constexpr std::string_view kSecret = "0123456789abcdef0123456789abcdef";

Checked<Block> block(const std::string &members)
{
    return make_block(resources("resourceType: TokenIntrospector\nid: idp\n" + members).at(0),
                      nullptr);
}

/// The directives, one a line, or the sentence.
std::string directives(const Checked<Block> &made)
{
    if (!made) {
        return made.error();
    }
    std::string all;
    for (const auto &line : made->lines) {
        for (const std::string &word : line) {
            all += word + (&word == &line.back() ? "\n" : " ");
        }
    }
    return all;
}

std::string directives(const std::string &members)
{
    return directives(block(members));
}

/// A jwt introspector with a secret and more.
std::string with_secret(const std::string &members)
{
    return "type: jwt\njwt: {iss: https://idp.example.com, secret: " + std::string(kSecret) + "}\n"
           + members;
}

// B1
TEST(TokenIntrospector, SecretIsAJwtBlock)
{
    const auto made = block(with_secret(""));

    EXPECT_EQ(directives(made),
              "type jwt\nissuer https://idp.example.com\nsecret " + std::string(kSecret) + "\n");
    ASSERT_TRUE(made);
    EXPECT_EQ(made->name, "idp");
    EXPECT_FALSE(made->matches_nothing);
    EXPECT_TRUE(made->warnings.empty());
}

// B1: the secret of 000 has eleven bytes
TEST(TokenIntrospector, AShortSecretIsAWarning)
{
    const auto made =
        block("type: jwt\njwt:\n  iss: https://auth.example.com\n  secret: very-secret\n");

    EXPECT_EQ(directives(made),
              "type jwt\nissuer https://auth.example.com\nsecret very-secret allow_short\n");
    ASSERT_TRUE(made);
    ASSERT_EQ(made->warnings.size(), 1U);
    EXPECT_EQ(made->warnings[0], "r.yaml:6: TokenIntrospector \"idp\": jwt.secret: has fewer than "
                                 "32 bytes and can be guessed; use a longer one");
}

TEST(TokenIntrospector, ASecretIsATextThatIsNoKey)
{
    EXPECT_EQ(directives("type: jwt\njwt: {iss: a, secret: 12345}\n"),
              "r.yaml:4: TokenIntrospector \"idp\": jwt.secret: must be a string, not a number; "
              "quote it");
    EXPECT_EQ(directives("type: jwt\njwt: {iss: a, secret: ''}\n"),
              "r.yaml:4: TokenIntrospector \"idp\": jwt.secret: is empty");
    const std::string pem = directives("type: jwt\njwt:\n  iss: a\n  secret: |\n"
                                       "    -----BEGIN PUBLIC KEY-----\n    AAAA\n"
                                       "    -----END PUBLIC KEY-----\n");
    EXPECT_EQ(pem, "r.yaml:6: TokenIntrospector \"idp\": jwt.secret: a PEM block where a secret "
                   "should be");
}

// B2 B47
TEST(TokenIntrospector, JwksUriMayStandInBothPlaces)
{
    const std::string expected =
        "type jwt\nissuer https://idp.example.com\njwks_uri https://idp.example.com/keys\n";

    EXPECT_EQ(directives("type: jwt\njwks_uri: https://idp.example.com/keys\n"
                         "jwt: {iss: https://idp.example.com}\n"),
              expected);
    EXPECT_EQ(directives("type: jwt\njwt:\n  iss: https://idp.example.com\n"
                         "  jwks_uri: https://idp.example.com/keys\n"),
              expected);
    EXPECT_EQ(directives("type: jwt\njwks_uri: https://idp.example.com/keys\njwt:\n"
                         "  iss: https://idp.example.com\n"
                         "  jwks_uri: https://idp.example.com/keys\n"),
              expected);
    EXPECT_EQ(directives("type: jwt\njwks_uri: https://idp.example.com/keys\njwt:\n"
                         "  iss: https://idp.example.com\n"
                         "  jwks_uri: https://idp.example.com/others\n"),
              "r.yaml:7: TokenIntrospector \"idp\": jwt.jwks_uri: differs from jwks_uri of the "
              "resource; keep one");
}

TEST(TokenIntrospector, UrlsAreAbsolute)
{
    for (const std::string url : {"/keys", "idp.example.com/keys", "ftp://idp.example.com/",
                                  "<AUTH_SERVER_URL>/.well-known/jwks.json",
                                  "https://user:word@idp.example.com/", "https://h/#f", "https://"})
    {
        EXPECT_EQ(directives("type: jwt\njwt: {iss: a}\njwks_uri: \"" + url + "\"\n"),
                  "r.yaml:5: TokenIntrospector \"idp\": jwks_uri: is no absolute http:// or "
                  "https:// URL without user information and fragment");
    }
    EXPECT_NE(directives("type: opaque\nintrospection_endpoint: {url: /introspect}\n")
                  .find("introspection_endpoint.url: is no absolute"),
              std::string::npos);
}

// B8
TEST(TokenIntrospector, ExactlyOneSourceOfKeys)
{
    const std::string secret = "secret: " + std::string(kSecret);
    const std::string keys = "keys: [{alg: HS256, format: plain, k: " + std::string(kSecret) + "}]";
    const std::string uri = "jwks_uri: https://h/k";
    const std::string problem = "r.yaml:1: TokenIntrospector \"idp\": has more than one source of "
                                "keys; keep exactly one of jwt.secret, jwks_uri and jwt.keys";

    for (const std::string &two : {secret + ", " + keys, secret + ", " + uri, keys + ", " + uri,
                                   secret + ", " + keys + ", " + uri})
    {
        EXPECT_EQ(directives("type: jwt\njwt: {iss: a, " + two + "}\n"), problem);
    }
    EXPECT_EQ(directives("type: jwt\njwt: {iss: a, " + secret + "}\n" + uri + "\n"), problem);
    EXPECT_EQ(directives("type: jwt\njwt: {iss: a}\n"),
              "r.yaml:1: TokenIntrospector \"idp\": has no keys; give exactly one of jwt.secret, "
              "jwks_uri and jwt.keys");
    EXPECT_NE(directives("type: jwt\njwt: {iss: a, keys: []}\n").find("jwt.keys: is empty"),
              std::string::npos);
    EXPECT_NE(directives("type: jwt\njwt: {iss: a, keys: {}}\n")
                  .find("jwt.keys: must be an array, not an object"),
              std::string::npos);
}

// B61
TEST(TokenIntrospector, WithoutIssuerItMatchesNothing)
{
    for (const std::string members :
         {"type: jwt\njwt: {secret: 0123456789abcdef0123456789abcdef}\n",
          "type: jwt\njwks_uri: https://h/k\n"})
    {
        const auto made = block(members);

        ASSERT_TRUE(made) << made.error();
        EXPECT_TRUE(made->matches_nothing);
        ASSERT_EQ(made->warnings.size(), 1U);
        EXPECT_NE(made->warnings[0].find(
                      "TokenIntrospector \"idp\": jwt.iss: is missing: this introspector matches "
                      "no token"),
                  std::string::npos);
        EXPECT_EQ(directives(made).find("issuer"), std::string::npos);
    }
    EXPECT_FALSE(block("type: jwt\n"));
}

// B9: `issuer *` would accept every issuer
TEST(TokenIntrospector, TheIssuerIsOneExactText)
{
    EXPECT_NE(directives("type: jwt\njwks_uri: https://h/k\njwt: {iss: '*'}\n")
                  .find("jwt.iss: \"*\" is no issuer here"),
              std::string::npos);
    EXPECT_NE(
        directives("type: jwt\njwks_uri: https://h/k\njwt: {iss: ''}\n").find("jwt.iss: is empty"),
        std::string::npos);
    EXPECT_NE(directives("type: jwt\njwks_uri: https://h/k\njwt: {iss: [a]}\n")
                  .find("jwt.iss: must be a string, not an array"),
              std::string::npos);
    EXPECT_EQ(directives("type: jwt\njwks_uri: https://h/k\njwt: {iss: Issuer with words}\n"),
              "type jwt\nissuer Issuer with words\njwks_uri https://h/k\n");
}

// B17 B18
TEST(TokenIntrospector, OpaqueAsksAnEndpoint)
{
    EXPECT_EQ(directives("type: opaque\nintrospection_endpoint:\n"
                         "  url: https://auth.example.com/oauth/introspect\n"
                         "  authorization: Basic Y2xpZW50OnNlY3JldA==\n"),
              "type opaque\nintrospection_endpoint https://auth.example.com/oauth/introspect\n"
              "authorization Basic Y2xpZW50OnNlY3JldA==\n");
    EXPECT_EQ(directives("type: opaque\nintrospection_endpoint: {url: http://h/i}\n"),
              "type opaque\nintrospection_endpoint http://h/i\n");
}

TEST(TokenIntrospector, TheEndpointIsChecked)
{
    EXPECT_EQ(directives("type: opaque\n"),
              "r.yaml:1: TokenIntrospector \"idp\": introspection_endpoint: is missing; it must be "
              "an object");
    EXPECT_NE(directives("type: opaque\nintrospection_endpoint: http://h/i\n")
                  .find("introspection_endpoint: must be an object, not a string"),
              std::string::npos);
    EXPECT_NE(directives("type: opaque\nintrospection_endpoint: {authorization: x}\n")
                  .find("introspection_endpoint.url: is missing"),
              std::string::npos);
    EXPECT_EQ(directives("type: opaque\nintrospection_endpoint:\n  url: http://h/i\n"
                         "  user: x\n"),
              "r.yaml:6: TokenIntrospector \"idp\": introspection_endpoint.user: unknown "
              "attribute; the known ones are url, authorization, _authorization");
    const std::string split = directives("type: opaque\nintrospection_endpoint:\n"
                                         "  url: http://h/i\n  authorization: |\n"
                                         "    Basic hidden\n");
    EXPECT_NE(split.find("authorization: holds control characters"), std::string::npos);
    EXPECT_EQ(split.find("hidden"), std::string::npos);
}

// B36
TEST(TokenIntrospector, AspxauthIsACookie)
{
    EXPECT_EQ(directives("type: aspxauth\ncache_ttl: 60\nintrospection_endpoint:\n"
                         "  url: https://h/i\n  authorization: Basic eA==\n"),
              "type cookie\ncache_ttl 60s\nintrospection_endpoint https://h/i\n"
              "authorization Basic eA==\n");
    EXPECT_NE(directives("type: aspxauth\n").find("introspection_endpoint: is missing"),
              std::string::npos);
}

// B21
TEST(TokenIntrospector, HasOneOfThreeTypes)
{
    EXPECT_EQ(directives("type: saml\n"),
              "r.yaml:3: TokenIntrospector \"idp\": type: \"saml\" is not supported; use jwt, "
              "opaque or aspxauth");
    EXPECT_NE(directives("jwks_uri: https://h/k\n").find("type: is missing"), std::string::npos);
    EXPECT_NE(directives("type: JWT\n").find("\"JWT\" is not supported"), std::string::npos);
}

TEST(TokenIntrospector, RefusesWhatServesAnotherType)
{
    const std::string endpoint = "introspection_endpoint: {url: https://h/i}\n";

    EXPECT_EQ(directives(with_secret(endpoint)),
              "r.yaml:5: TokenIntrospector \"idp\": introspection_endpoint: serves type opaque and "
              "aspxauth, this is type jwt; remove it, or make two resources of this one");
    for (const std::string type : {"opaque", "aspxauth"}) {
        EXPECT_NE(directives("type: " + type + "\n" + endpoint + "jwt: {iss: a}\n")
                      .find("jwt: serves type jwt, this is type " + type),
                  std::string::npos);
        EXPECT_NE(directives("type: " + type + "\n" + endpoint + "jwks_uri: https://h/k\n")
                      .find("jwks_uri: serves type jwt"),
                  std::string::npos);
    }
}

// B34 B35 B37
TEST(TokenIntrospector, CacheTtlIsInSeconds)
{
    EXPECT_EQ(directives(with_secret("")).find("cache_ttl"), std::string::npos);
    for (const std::string ttl : {"1", "300", "86400"}) {
        EXPECT_NE(
            directives(with_secret("cache_ttl: " + ttl + "\n")).find("cache_ttl " + ttl + "s\n"),
            std::string::npos);
    }
}

// B38
TEST(TokenIntrospector, CacheTtlHasARange)
{
    for (const std::string ttl : {"0", "-1", "86401", "9223372036854775807"}) {
        EXPECT_EQ(directives(with_secret("cache_ttl: " + ttl + "\n")),
                  "r.yaml:5: TokenIntrospector \"idp\": cache_ttl: must be an integer from 1 to "
                  "86400");
    }
    EXPECT_NE(directives(with_secret("cache_ttl: '300'\n"))
                  .find("must be an integer from 1 to 86400, not a string"),
              std::string::npos);
    for (const std::string ttl : {"300s", "300.0", "true", "", "off"}) {
        EXPECT_NE(directives(with_secret("cache_ttl: " + ttl + "\n"))
                      .find("cache_ttl: must be an integer"),
                  std::string::npos)
            << ttl;
    }
}

TEST(TokenIntrospector, IdentityProviderIsAWarning)
{
    const auto made =
        block(with_secret("identity_provider: {resourceType: IdentityProvider, id: x}\n"));

    ASSERT_TRUE(made) << made.error();
    ASSERT_EQ(made->warnings.size(), 1U);
    EXPECT_EQ(made->warnings[0], "r.yaml:5: TokenIntrospector \"idp\": identity_provider: has no "
                                 "effect: users are not created from tokens");
}

TEST(TokenIntrospector, RefusesUnknownAttributes)
{
    EXPECT_EQ(directives(with_secret("cacheTtl: 1\n")),
              "r.yaml:5: TokenIntrospector \"idp\": cacheTtl: unknown attribute; the known ones "
              "are resourceType, id, type, cache_ttl, jwt, jwks_uri, introspection_endpoint, "
              "identity_provider, description, meta, text, extension");
    EXPECT_EQ(directives("type: jwt\njwt:\n  iss: a\n  jwksUri: https://h/k\n"),
              "r.yaml:6: TokenIntrospector \"idp\": jwt.jwksUri: unknown attribute; the known ones "
              "are iss, secret, _secret, jwks_uri, keys");
    EXPECT_TRUE(block(with_secret("meta: {versionId: '1'}\ndescription: x\ntext: {}\n")));
}

TEST(TokenIntrospector, ItsNameIsNoWordOfTheDirective)
{
    for (const std::string id : {"\"off\"", "optional"}) {
        const auto made = make_block(resources("resourceType: TokenIntrospector\nid: " + id
                                               + "\ntype: jwt\njwks_uri: https://h/k\n")
                                         .at(0),
                                     nullptr);
        EXPECT_NE(sentence(made).find("cannot name an introspector"), std::string::npos);
    }
}

// What 003 shows has neither resourceType nor id, which stand in its URL, and empty texts.
TEST(TokenIntrospector, AResourceOfTokenExchangeNeedsItsValues)
{
    EXPECT_NE(sentence(test::try_resources(R"({"jwt":{"iss":"","secret":""},"type":"jwt"})"))
                  .find("resourceType: is missing"),
              std::string::npos);
    EXPECT_NE(sentence(make_block(resources(R"({"resourceType":"TokenIntrospector",
                                         "id":"external-auth-server",
                                         "jwt":{"iss":"","secret":""},"type":"jwt"})")
                                      .at(0),
                                  nullptr))
                  .find("jwt.iss: is empty"),
              std::string::npos);
}

}  // namespace
}  // namespace token_introspect::resource
