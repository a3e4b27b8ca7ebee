#include "issuer/server_metadata.hpp"

#include "base/json.hpp"
#include "issuer_fixture.hpp"

#include <algorithm>

namespace token_introspect::issuer {
namespace {

std::vector<std::string_view> names(const json_t *object)
{
    std::vector<std::string_view> all;
    for (const auto &[name, value] : json_members(object)) {
        all.push_back(name);
    }
    std::ranges::sort(all);
    return all;
}

TEST(ServerMetadata, NamesWhatThereIs)
{
    TokenIssuer issuer = test::token_issuer();
    issuer.endpoints = {.token = "https://gateway.example/token",
                        .jwks = "https://gateway.example/jwks",
                        .introspection = "https://gateway.example/introspect",
                        .revocation = "https://gateway.example/revoke"};
    EXPECT_EQ(server_metadata(issuer),
              R"({"grant_types_supported":["urn:ietf:params:oauth:grant-type:token-exchange",)"
              R"("refresh_token"],"introspection_endpoint":"https://gateway.example/introspect",)"
              R"("introspection_endpoint_auth_methods_supported":["client_secret_basic",)"
              R"("client_secret_post"],"issuer":"https://gateway.example",)"
              R"("jwks_uri":"https://gateway.example/jwks","response_types_supported":[],)"
              R"("revocation_endpoint":"https://gateway.example/revoke",)"
              R"("revocation_endpoint_auth_methods_supported":["client_secret_basic",)"
              R"("client_secret_post"],"token_endpoint":"https://gateway.example/token",)"
              R"("token_endpoint_auth_methods_supported":["client_secret_basic",)"
              R"("client_secret_post"]})");
}

TEST(ServerMetadata, LeavesOutWhatThereIsNot)
{
    TokenIssuer issuer = test::token_issuer();
    auto document = parse_json_object(server_metadata(issuer));
    ASSERT_TRUE(document);
    EXPECT_EQ(names(document->get()),
              (std::vector<std::string_view>{"issuer", "response_types_supported"}));
    issuer.endpoints.jwks = "https://gateway.example/a%20b";
    document = parse_json_object(server_metadata(issuer));
    EXPECT_EQ(json_string_member(document->get(), "jwks_uri"), issuer.endpoints.jwks);
}

}  // namespace
}  // namespace token_introspect::issuer
