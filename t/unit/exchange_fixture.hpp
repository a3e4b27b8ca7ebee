#pragma once

#include "base/text.hpp"
#include "claims_image.hpp"
#include "issuer/token_exchange.hpp"
#include "issuer_fixture.hpp"

#include <deque>
#include <initializer_list>
#include <string>
#include <vector>

// Token exchanges for tests: validation itself is a matter of the flow, and is given.

namespace token_introspect::test {

using issuer::Client;
using issuer::Refusal;
using issuer::TokenExchange;
using issuer::TokenForm;
using issuer::ValidatedToken;

inline const std::string kAccess(token::kAccessTokenType);
inline const std::string kJwt(token::kJwtType);
inline const std::string kIdp = "https://idp.example";
inline const std::string kClaims = R"("iss":"https://idp.example","sub":"alice","exp":1800000000)";

/// A JWT whose signature nobody looks at here.
inline std::string jwt(const std::string &claims)
{
    const auto part = [](const std::string &text) { return base64url_encode(as_bytes(text)); };
    return part(R"({"alg":"HS256"})") + "." + part("{" + claims + "}") + "." + part("x");
}

inline std::vector<Client> exchanging_clients()
{
    std::vector<Client> all = {client_of("app"), client_of("jwt"), client_of("bounded"),
                               client_of("refreshing"), client_of("nobody")};
    all[1].format = Client::Format::kJwt;
    all[1].access_token_s = 360;
    all[2].scopes = {"read", "write"};
    all[2].audiences = {"https://api.example", "reports"};
    all[2].format = Client::Format::kJwt;
    all[3].gets_refresh_token = true;
    all[3].exchanges = false;
    all[4].allowed_issuers.clear();
    all[4].exchanges = true;
    return all;
}

/// Their places.
enum : std::size_t { kApp, kJwtClient, kBounded, kRefreshing, kNobody };

class TokenExchangeTest : public ::testing::Test {
protected:
    static Pairs pairs(std::initializer_list<std::pair<std::string, std::string>> changed,
                       const std::string &subject = jwt(kClaims))
    {
        Pairs all = {{"subject_token", subject}, {"subject_token_type", kJwt}};
        for (const auto &[name, value] : changed) {
            if (name == "subject_token" || name == "subject_token_type") {
                std::erase_if(all, [&](const auto &pair) { return pair.first == name; });
            }
            all.emplace_back(name, value);
        }
        return all;
    }

    std::expected<TokenExchange, Refusal> begin(const Pairs &all, std::size_t client = kApp)
    {
        return TokenExchange::begin(worker_.context(), worker_.client(client),
                                    forms_.emplace_back(form_of(all)), worker_.jwts());
    }
    std::string begun(std::initializer_list<std::pair<std::string, std::string>> changed,
                      std::size_t client = kApp)
    {
        return word_of(begin(pairs(changed), client));
    }
    std::string subject(const std::string &claims, std::size_t client = kApp)
    {
        return word_of(begin(pairs({}, jwt(claims)), client));
    }

    /// What accept says of the next token when the flow finds these claims.
    std::string accept(TokenExchange &exchange, const std::string &claims,
                       ValidatedToken token = {})
    {
        token.claims = images_.emplace_back("{" + claims + "}").view();
        return word_of(exchange.accept(token));
    }

    /// The claims of the access token for a subject with these claims; the refusal's word instead.
    std::string issued(const std::string &claims,
                       std::initializer_list<std::pair<std::string, std::string>> changed,
                       std::string_view member, std::size_t client = kJwtClient)
    {
        auto exchange = begin(pairs(changed), client);
        if (!exchange) {
            return word_of(exchange);
        }
        if (const std::string word = accept(*exchange, claims); word != "ok") {
            return word;
        }
        const auto tokens = exchange->issue(at(0));
        if (!tokens) {
            return word_of(tokens);
        }
        const auto opened =
            issuer::open_issued_token(worker_.context(), worker_.jwts(), tokens->access_token);
        std::string json;
        opened.value().claims().find(member).append_json(json);
        return json;
    }

    IssuerWorker worker_{[] {
                             issuer::TokenIssuer issuer = token_issuer();
                             issuer.audiences = {"https://fhir.example", "second"};
                             return issuer;
                         }(),
                         exchanging_clients()};
    std::deque<TokenForm> forms_;
    std::deque<Claims> images_;
};

}  // namespace token_introspect::test
