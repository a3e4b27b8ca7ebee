#include "resource/vault.hpp"

#include "resource/token_introspector.hpp"
#include "resource_fixture.hpp"
#include "temporary_directory.hpp"

namespace token_introspect::resource {
namespace {

using test::resources;
using test::sentence;

using Words = std::vector<std::string>;

constexpr std::string_view kVault = R"({"secret":{
"idp-secret":{"path":"/run/secrets/idp","scope":{"resource_type":"TokenIntrospector","id":"idp"}},
"any":{"path":"secrets/any","scope":{"resource_type":"TokenIntrospector"}},
"client":{"path":"/run/secrets/client","scope":{"resource_type":"Client","id":"idp"}},
"list":{"path":"/l","scope":["Client/x","TokenIntrospector/idp",{"resource_type":"Role"}]}
}})";

class VaultTest : public ::testing::Test {
protected:
    Checked<Vault> read(std::string_view text)
    {
        directory_.write("vault.json", text);
        return Vault::read(path_);
    }

    /// A block for a resource with this id and these members.
    Checked<Block> block(const std::string &members, const std::string &id = "idp")
    {
        const auto vault = read(kVault);
        EXPECT_TRUE(vault) << vault.error();
        return make_block(
            resources("resourceType: TokenIntrospector\nid: " + id + '\n' + members).at(0),
            &*vault);
    }

    /// The extensions that name a secret, in YAML's flow style.
    static std::string reference(const std::string &name)
    {
        return "{extension: [{url: http://hl7.org/fhir/StructureDefinition/data-absent-reason, "
               "valueCode: masked}, {url: http://health-samurai.io/fhir/secret-reference, "
               "valueString: "
               + name + "}]}";
    }

    static std::string jwt_secret(const std::string &name)
    {
        return "type: jwt\njwt:\n  iss: i\n  _secret: " + reference(name) + '\n';
    }

    token_introspect::test::TemporaryDirectory directory_;
    const std::string path_ = directory_.path("vault.json");
};

// B42
TEST_F(VaultTest, SecretsComeFromFiles)
{
    const auto secret = block(jwt_secret("idp-secret"));
    ASSERT_TRUE(secret) << secret.error();
    EXPECT_EQ(secret->lines.back(), (Words{"secret_file", "/run/secrets/idp"}));

    const auto key = block("type: jwt\njwt:\n  iss: i\n  keys:\n"
                           "    - alg: HS256\n      format: plain\n      _k: "
                           + reference("any") + '\n');
    ASSERT_TRUE(key) << key.error();
    EXPECT_EQ(key->lines.back(),
              (Words{"key", "file:secrets/any", "kty=OCT", "alg=HS256", "format=plain"}));

    for (const std::string type : {"opaque", "aspxauth"}) {
        const auto opaque = block("type: " + type
                                  + "\nintrospection_endpoint:\n"
                                    "  url: https://h/i\n  _authorization: "
                                  + reference("list") + '\n');
        ASSERT_TRUE(opaque) << opaque.error();
        EXPECT_EQ(opaque->lines.back(), (Words{"authorization_file", "/l"}));
    }
}

// B42
TEST_F(VaultTest, OthersSecretsAreOutOfReach)
{
    EXPECT_EQ(sentence(block(jwt_secret("client"))),
              "r.yaml:6: TokenIntrospector \"idp\": jwt._secret: the secret \"client\" is for "
              "others; name this resource in its scope in "
                  + path_);
    EXPECT_NE(sentence(block(jwt_secret("idp-secret"), "other")).find("is for others"),
              std::string::npos);
    EXPECT_NE(sentence(block(jwt_secret("list"), "other")).find("is for others"),
              std::string::npos);
    EXPECT_TRUE(block(jwt_secret("any"), "other"));
}

TEST_F(VaultTest, UnknownSecretsAreNamed)
{
    EXPECT_EQ(sentence(block(jwt_secret("none"))),
              "r.yaml:6: TokenIntrospector \"idp\": jwt._secret: the vault file " + path_
                  + " has no secret \"none\"");
    EXPECT_EQ(sentence(make_block(
                  resources("resourceType: TokenIntrospector\nid: a\n" + jwt_secret("none")).at(0),
                  nullptr)),
              "r.yaml:6: TokenIntrospector \"a\": jwt._secret: refers to the secret \"none\", but "
              "there is no vault file");
}

// B8
TEST_F(VaultTest, ASecretIsGivenOnce)
{
    EXPECT_NE(sentence(block("type: jwt\njwt:\n  iss: i\n  secret: x\n  _secret: "
                             + reference("any") + '\n'))
                  .find("jwt._secret: excludes secret: keep one"),
              std::string::npos);
    EXPECT_NE(sentence(block(jwt_secret("any") + "jwks_uri: https://h/k\n"))
                  .find("more than one source of keys"),
              std::string::npos);
}

TEST_F(VaultTest, TheReferenceHasItsForm)
{
    const auto problem = [this](const std::string &extensions) {
        return sentence(block("type: jwt\njwt:\n  iss: i\n  _secret: " + extensions + '\n'));
    };
    EXPECT_NE(problem("name").find("jwt._secret: must be an object, not a string"),
              std::string::npos);
    EXPECT_NE(problem("{}").find("jwt._secret.extension: is missing; it must be an array"),
              std::string::npos);
    EXPECT_NE(problem("{value: x}").find("jwt._secret.value: unknown attribute"),
              std::string::npos);
    EXPECT_NE(problem("{extension: [{url: http://health-samurai.io/fhir/secret-reference, "
                      "valueString: any}]}")
                  .find("data-absent-reason with the valueCode masked"),
              std::string::npos);
    EXPECT_NE(problem("{extension: [{url: http://hl7.org/fhir/StructureDefinition/"
                      "data-absent-reason, valueCode: masked}]}")
                  .find("secret-reference with the secret's name"),
              std::string::npos);
    EXPECT_NE(problem("{extension: [{url: http://hl7.org/fhir/StructureDefinition/"
                      "data-absent-reason, valueCode: masked}, "
                      "{url: http://health-samurai.io/fhir/secret-reference}]}")
                  .find("jwt._secret.extension[1].valueString: is missing"),
              std::string::npos);
}

TEST_F(VaultTest, TheFileIsChecked)
{
    const auto problem = [this](std::string_view text) {
        const std::string all = sentence(read(text));
        EXPECT_TRUE(all.starts_with(path_ + ":1: ")) << all;
        return all.substr(std::min(all.size(), path_.size() + 4));
    };
    EXPECT_EQ(problem("[]"), "must be an object, not an array");
    EXPECT_EQ(problem("{}"),
              "secret: must be an object: a path and a scope for each secret's name");
    EXPECT_EQ(problem(R"({"secret":{},"x":1})"), "x: unknown attribute; the known ones are secret");
    EXPECT_EQ(problem(R"({"secret":{"a":{"scope":"User"}}})"),
              "secret.a.path: is missing; it must be a string");
    EXPECT_EQ(problem(R"({"secret":{"a":{"path":"/p"}}})"),
              "secret.a.scope: is missing; it must be an object");
    EXPECT_EQ(problem(R"({"secret":{"a":{"path":"/p","scope":{"id":"x"}}}})"),
              "secret.a.scope.resource_type: is missing; it must be a string");
    EXPECT_EQ(problem(R"({"secret":{"a":{"path":"/p","scope":["User/"]}}})"),
              "secret.a.scope[0]: write TYPE or TYPE/ID");
    EXPECT_EQ(problem(R"({"secret":{"a":{"path":"/p","scope":{"resource_type":"X","id":""}}}})"),
              "secret.a.scope.id: is empty");
    EXPECT_EQ(problem(R"({"secret":{"a":{"value":"s3cret"}}})"),
              "secret.a.value: unknown attribute; the known ones are path, scope");
    EXPECT_FALSE(Vault::read(directory_.path("none.json")));
}

}  // namespace
}  // namespace token_introspect::resource
