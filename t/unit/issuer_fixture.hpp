#pragma once

#include "heap_memory.hpp"
#include "issuer/issuer_context.hpp"
#include "issuer/token_error.hpp"
#include "issuer/token_form.hpp"
#include "store_fixture.hpp"
#include "token/jwt.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace token_introspect::test {

inline const std::string kGateway = "https://gateway.example";
inline const std::string kIssuerSecret = "0123456789abcdef0123456789abcdef";

inline jose::KeySource source_of(std::string value)
{
    jose::KeySource source;
    source.value = std::move(value);
    source.format = jose::KeyFormat::kPlain;
    return source;
}

inline issuer::TokenIssuer token_issuer()
{
    issuer::TokenIssuer issuer;
    issuer.name = "main";
    issuer.issuer = kGateway;
    issuer.signing_keys = {source_of(kIssuerSecret)};
    issuer.encryption_keys = {source_of("fedcba9876543210fedcba9876543210")};
    issuer.audiences = {kGateway};
    return issuer;
}

inline issuer::Client client_of(std::string id)
{
    issuer::Client client;
    client.id = std::move(id);
    client.secret = "secret of " + client.id;
    client.exchanges = true;
    client.allowed_issuers = {"https://idp.example"};
    return client;
}

/// A token_issuer as one worker has it.
class IssuerWorker {
public:
    explicit IssuerWorker(issuer::TokenIssuer issuer = token_issuer(),
                          std::vector<issuer::Client> clients = {client_of("app"),
                                                                 client_of("other")},
                          std::size_t ledger_size = 64 * 1024)
        : issuer_(std::move(issuer)),
          clients_(std::move(clients)),
          memory_(ledger_size),
          keys_(good(issuer::KeyRing::load(issuer_))),
          registry_(good(issuer::ClientRegistry::load(clients_))),
          ledger_(memory_, issuer::Ledger::format(memory_.block(), {17, 19})),
          context_{.issuer = &issuer_, .keys = &keys_, .ledger = &ledger_, .clients = &registry_}
    {}
    IssuerWorker(const IssuerWorker &) = delete;
    IssuerWorker &operator=(const IssuerWorker &) = delete;

    [[nodiscard]] const issuer::IssuerContext &context() const noexcept { return context_; }
    [[nodiscard]] const issuer::Client &client(std::size_t index = 0) const noexcept
    {
        return clients_[index];
    }
    [[nodiscard]] issuer::Ledger &ledger() noexcept { return ledger_; }
    [[nodiscard]] token::JwtParser &jwts() noexcept { return jwts_; }

private:
    template <class T> static T good(std::expected<T, std::string> loaded)
    {
        if (!loaded) {
            throw std::invalid_argument(loaded.error());
        }
        return std::move(*loaded);
    }

    issuer::TokenIssuer issuer_;
    std::vector<issuer::Client> clients_;
    HeapMemory memory_;
    issuer::KeyRing keys_;
    issuer::ClientRegistry registry_;
    issuer::Ledger ledger_;
    issuer::IssuerContext context_;
    token::JwtParser jwts_;
};

using Pairs = std::vector<std::pair<std::string, std::string>>;

/// A form with these parameters.
inline issuer::TokenForm form_of(const Pairs &pairs)
{
    std::string body;
    for (const auto &[name, value] : pairs) {
        body += (body.empty() ? "" : "&") + name + "=" + form_encode(value);
    }
    auto form = issuer::TokenForm::parse("application/x-www-form-urlencoded", body);
    if (!form) {
        throw std::invalid_argument(body);
    }
    return std::move(*form);
}

/// The word of a refusal, "ok" when there is none.
template <class T> std::string word_of(const std::expected<T, issuer::Refusal> &outcome)
{
    return outcome ? "ok" : issuer::log_word(outcome.error());
}

}  // namespace token_introspect::test
