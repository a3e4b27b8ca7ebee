#include "issuer/server_metadata.hpp"

#include "token/exchange.hpp"

#include "token/claims_writer.hpp"

#include <initializer_list>

namespace token_introspect::issuer {

std::string server_metadata(const TokenIssuer &issuer)
{
    token::ClaimsWriter writer;
    const auto text = [&](std::string_view name, std::string_view value) {
        writer.key(name);
        writer.string(value);
    };
    const auto list = [&](std::string_view name, std::initializer_list<std::string_view> values) {
        writer.key(name);
        writer.begin_array();
        for (const std::string_view value : values) {
            writer.string(value);
        }
        writer.end();
    };
    // of the endpoints that authenticate clients
    const auto endpoint = [&](std::string_view name, std::string_view url,
                              std::string_view methods) {
        if (!url.empty()) {
            text(name, url);
            list(methods, {"client_secret_basic", "client_secret_post"});
        }
    };
    const TokenIssuer::Endpoints &urls = issuer.endpoints;
    writer.begin_object();
    text("issuer", issuer.issuer);
    endpoint("token_endpoint", urls.token, "token_endpoint_auth_methods_supported");
    endpoint("introspection_endpoint", urls.introspection,
             "introspection_endpoint_auth_methods_supported");
    endpoint("revocation_endpoint", urls.revocation, "revocation_endpoint_auth_methods_supported");
    if (!urls.jwks.empty()) {
        text("jwks_uri", urls.jwks);
    }
    if (!urls.token.empty()) {
        list("grant_types_supported", {token::kTokenExchangeGrant, token::kRefreshTokenGrant});
    }
    list("response_types_supported", {});
    writer.end();
    std::string json;
    if (const auto image = writer.finish()) {
        token::ClaimsView(*image).root().append_json(json);
    }
    return json;
}

}  // namespace token_introspect::issuer
