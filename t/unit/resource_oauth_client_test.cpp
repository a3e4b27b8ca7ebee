#include "resource/oauth_client.hpp"

#include "resource_fixture.hpp"
#include "temporary_directory.hpp"

namespace token_introspect::resource {
namespace {

using Lines = std::vector<std::vector<std::string>>;
using test::resources;
using test::sentence;

constexpr std::string_view kExchange = "urn:ietf:params:oauth:grant-type:token-exchange";

Checked<std::optional<OAuthClient>> make(std::string_view text, const Vault *vault = nullptr)
{
    const auto read = resources(text);
    return make_oauth_client(read.front(), vault);
}

/// A Client with a secret, the exchange and these members.
std::string client(std::string_view members)
{
    return R"({"resourceType":"Client","id":"c","secret":"s","grant_types":["token-exchange"])"
           + std::string(members.empty() ? "" : ",") + std::string(members) + '}';
}

std::string exchange(std::string_view members)
{
    return client(R"("auth":{"token_exchange":{)" + std::string(members) + "}}");
}

/// What client() and `more` make.
Lines with(Lines more)
{
    Lines lines = {{"secret", "s"}, {"grant_types", "token-exchange"}};
    lines.insert(lines.end(), more.begin(), more.end());
    return lines;
}

Lines lines_of(const std::string &text)
{
    const auto made = make(text);
    EXPECT_TRUE(made) << made.error();
    return made && *made ? (*made)->block.lines : Lines();
}

TEST(OAuthClient, IsTheBlockThatDoesWhatTheClientSays)
{
    // The example of 003
    const auto made = make(R"({"resourceType":"Client","id":"tokenexchange","secret":"test",
        "grant_types":["urn:ietf:params:oauth:grant-type:token-exchange"],
        "allowedIssuers":["https://idp.example.com"],
        "auth":{"token_exchange":{"token_format":"jwt","refresh_token":true,
          "access_token_expiration":360,"refresh_token_expiration":864000}}})");
    ASSERT_TRUE(made && *made);
    EXPECT_EQ((*made)->block.name, "tokenexchange");
    EXPECT_EQ((*made)->block.lines, (Lines{{"secret", "test"},
                                           {"grant_types", std::string(kExchange)},
                                           {"allowed_issuers", "https://idp.example.com"},
                                           {"token_format", "jwt"},
                                           {"refresh_token", "on"},
                                           {"access_token_expiration", "360s"},
                                           {"refresh_token_expiration", "864000s"}}));
    EXPECT_TRUE((*made)->block.warnings.empty());
    EXPECT_TRUE((*made)->active);
}

TEST(OAuthClient, IsNoneWithoutSecretOrGrants)
{
    for (const char *text : {R"({"resourceType":"Client","id":"c"})",
                             R"({"resourceType":"Client","id":"c","secret":"s"})",
                             R"({"resourceType":"Client","id":"c","grant_types":["basic"]})"})
    {
        const auto made = make(text);
        ASSERT_TRUE(made) << text;
        EXPECT_FALSE(*made) << text;
    }
}

TEST(OAuthClient, LeavesOutWhatIsNotSaid)
{
    EXPECT_EQ(lines_of(client("")), with({}));
    EXPECT_EQ(lines_of(exchange("")), with({}));
    EXPECT_EQ(lines_of(exchange(R"("refresh_token":false)")), with({}));
    EXPECT_EQ(lines_of(client(R"("allowedIssuers":[])")), with({}));
    EXPECT_EQ(lines_of(client(R"("name":"other members are no concern of ours","auth":{})")),
              with({}));
}

TEST(OAuthClient, HasItsAudiencesAndScopes)
{
    EXPECT_EQ(lines_of(exchange(R"("audience":["a","b"],"scope":["read","write"])")),
              with({{"audience", "a", "b"}, {"scope", "read", "write"}}));
    EXPECT_EQ(lines_of(exchange(R"("audience":"a b","scope":"read  write ")")),
              with({{"audience", "a b"}, {"scope", "read", "write"}}));
    EXPECT_EQ(lines_of(exchange(R"("scope":"read")")), with({{"scope", "read"}}));
}

TEST(OAuthClient, MayBeInactive)
{
    EXPECT_FALSE((*make(client(R"("active":false)")))->active);
    EXPECT_TRUE((*make(client(R"("active":true)")))->active);
}

TEST(OAuthClient, WarnsOfGrantsOfOthers)
{
    const auto made = make(R"({"resourceType":"Client","id":"c","secret":"s",
"grant_types":["basic",
"refresh_token","token-exchange"]})");
    ASSERT_TRUE(made && *made);
    EXPECT_EQ((*made)->block.lines,
              (Lines{{"secret", "s"}, {"grant_types", "refresh_token", "token-exchange"}}));
    EXPECT_EQ((*made)->block.warnings,
              (std::vector<std::string>{"r.json:2: Client \"c\": grant_types[0]: \"basic\" is no "
                                        "grant of a token_issuer and is passed over"}));
}

TEST(OAuthClient, SaysWhatIsWrong)
{
    const auto wrong = [](std::string_view text) {
        constexpr std::string_view about = "r.json:1: Client \"c\": ";
        std::string said = sentence(make(text));
        EXPECT_TRUE(said.starts_with(about)) << said;
        return said.substr(std::min(about.size(), said.size()));
    };
    const auto with_grants = [](std::string_view grants) {
        return R"({"resourceType":"Client","id":"c","secret":"s","grant_types":)"
               + std::string(grants) + '}';
    };
    EXPECT_EQ(wrong(with_grants(R"(["basic"])")),
              "grant_types: has none of the grants of a token_issuer: " + std::string(kExchange)
                  + " and refresh_token");
    EXPECT_EQ(wrong(with_grants("[]")), "grant_types: is empty; give at least one grant");
    EXPECT_EQ(wrong(with_grants(R"("token-exchange")")),
              "grant_types: must be an array, not a string");
    EXPECT_EQ(wrong(with_grants("[1]")),
              "grant_types[0]: must be a string, not a number; quote it");
    EXPECT_EQ(wrong(client(R"("active":"no")")), "active: must be true or false");
    EXPECT_EQ(wrong(client(R"("allowedIssuers":"i")")),
              "allowedIssuers: must be an array, not a string");
    EXPECT_EQ(wrong(client(R"("allowedIssuers":[""])")), "allowedIssuers[0]: is empty");
    EXPECT_EQ(wrong(client(R"("auth":{"token_exchange":1})")),
              "auth.token_exchange: must be an object, not a number");
    EXPECT_EQ(wrong(exchange(R"("token_form":"jwt")")),
              "auth.token_exchange.token_form: unknown attribute; the known ones are token_format, "
              "refresh_token, access_token_expiration, refresh_token_expiration, audience, scope");
    EXPECT_EQ(wrong(exchange(R"("token_format":"saml")")),
              "auth.token_exchange.token_format: must be jwt or opaque");
    EXPECT_EQ(wrong(exchange(R"("refresh_token":"on")")),
              "auth.token_exchange.refresh_token: must be true or false");
    EXPECT_EQ(
        wrong(exchange(R"("access_token_expiration":0)")),
        "auth.token_exchange.access_token_expiration: must be an integer from 1 to 315360000");
    EXPECT_EQ(wrong(exchange(R"("refresh_token_expiration":"1d")")),
              "auth.token_exchange.refresh_token_expiration: must be an integer from 1 to "
              "315360000, not a string");
    EXPECT_EQ(wrong(exchange(R"("audience":{})")),
              "auth.token_exchange.audience: must be an array, not an object");
    // an empty list bounds nothing, whatever was meant by it
    EXPECT_EQ(wrong(exchange(R"("audience":[])")),
              "auth.token_exchange.audience: is empty; give at least one, or leave it out");
    EXPECT_EQ(wrong(exchange(R"("scope":[])")),
              "auth.token_exchange.scope: is empty; give at least one, or leave it out");
    EXPECT_EQ(wrong(exchange(R"("scope":" ")")), "auth.token_exchange.scope: is empty");
    EXPECT_EQ(wrong(R"({"resourceType":"Client","id":"c","secret":7,"grant_types":["basic"]})"),
              "secret: must be a string, not a number; quote it");
}

TEST(OAuthClient, HasASecretOfTheVault)
{
    token_introspect::test::TemporaryDirectory directory;
    const std::string path = directory.write(
        "vault.json", R"({"secret":{"portal":{"path":"/run/portal","scope":"Client/c"}}})");
    const auto vault = Vault::read(path);
    ASSERT_TRUE(vault) << vault.error();
    constexpr std::string_view text =
        R"({"resourceType":"Client","id":"c","grant_types":["token-exchange"],
"_secret":{"extension":[
{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"masked"},
{"url":"http://health-samurai.io/fhir/secret-reference","valueString":"portal"}]}})";
    const auto made = make(text, &*vault);
    ASSERT_TRUE(made && *made);
    EXPECT_EQ((*made)->block.lines.front(),
              (std::vector<std::string>{"secret_file", "/run/portal"}));
    EXPECT_NE(sentence(make(text)).find("there is no vault file"), std::string::npos);
}

}  // namespace
}  // namespace token_introspect::resource
