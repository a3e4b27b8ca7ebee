#include "resource/client_store.hpp"

#include "resource_fixture.hpp"

namespace token_introspect::resource {
namespace {

using test::resources;

// The shape of 003
constexpr std::string_view kClients = R"([
{"resourceType":"Client","id":"tokenexchange","secret":"hidden",
 "grant_types":["urn:ietf:params:oauth:grant-type:token-exchange"],
 "allowedIssuers":["https://idp.example.com"],
 "auth":{"token_exchange":{"token_format":"jwt","refresh_token":true,
   "access_token_expiration":360,"refresh_token_expiration":864000}}},
{"resourceType":"Client","id":"other","_secret":{"extension":[]}},
{"resourceType":"User","id":"user"}
])";

TEST(ClientStore, FindsClientsByTheirId)
{
    const auto store = ClientStore::build(resources(kClients));

    ASSERT_TRUE(store) << store.error();
    const token::ClaimsView client = store->find("tokenexchange");
    EXPECT_EQ(client.find("id").string(), "tokenexchange");
    EXPECT_EQ(client.find("auth").find("token_exchange").find("token_format").string(), "jwt");
    EXPECT_EQ(client.find("allowedIssuers").at(0).string(), "https://idp.example.com");
    EXPECT_TRUE(store->find("user").empty());
    EXPECT_TRUE(store->find("").empty());
    EXPECT_FALSE(store->empty());
}

TEST(ClientStore, ShowsNoSecret)
{
    const auto store = ClientStore::build(resources(kClients));

    ASSERT_TRUE(store) << store.error();
    std::string text;
    store->find("tokenexchange").root().append_json(text);
    store->find("other").root().append_json(text);
    EXPECT_EQ(text.find("secret"), std::string::npos);
    EXPECT_EQ(text.find("hidden"), std::string::npos);
}

TEST(ClientStore, TheResourcesKeepTheirSecrets)
{
    const auto all = resources(kClients);
    ASSERT_TRUE(ClientStore::build(all));

    EXPECT_EQ(json_string_member(all[0].json.get(), "secret"), "hidden");
}

TEST(ClientStore, IdsAreUnique)
{
    const auto store = ClientStore::build(
        resources("- {resourceType: Client, id: a}\n- {resourceType: Client, id: a}\n"));

    EXPECT_EQ(test::sentence(store), "r.yaml:2: Client \"a\": is defined already in r.yaml:1; ids "
                                     "of one type have to differ");
}

}  // namespace
}  // namespace token_introspect::resource
