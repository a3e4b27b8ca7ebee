#include "resource/oauth_client.hpp"

#include "resource/key_lines.hpp"
#include "token/exchange.hpp"

#include <algorithm>
#include <array>

namespace token_introspect::resource {

namespace {

constexpr std::int64_t kMostSeconds = std::int64_t{10} * 365 * 86400;

/// Makes one client. The steps give false when something is wrong; the sentence is in error_.
class ClientMaker {
public:
    ClientMaker(const Resource &resource, const Vault *vault)
        : resource_(resource),
          vault_(vault),
          root_(resource.root())
    {
        client_.block.name = resource.id;
    }

    Checked<std::optional<OAuthClient>> make()
    {
        const bool secret = root_.member("secret").present() || root_.member("_secret").present();
        if (!secret || !root_.member("grant_types").present()) {
            return std::optional<OAuthClient>();
        }
        if (!take_secret() || !take_grants() || !take_active()
            || !take_words(root_.member("allowedIssuers"), "allowed_issuers", Words::kAnyNumber)
            || !take_exchange(root_.member("auth").member("token_exchange")))
        {
            return std::unexpected(std::move(error_));
        }
        return std::move(client_);
    }

private:
    bool refuse(std::string sentence)
    {
        error_ = std::move(sentence);
        return false;
    }

    void add(std::vector<std::string> line) { client_.block.lines.push_back(std::move(line)); }

    bool take_secret()
    {
        auto secret = read_secret(root_, "secret", vault_, resource_);
        if (!secret) {
            return refuse(std::move(secret.error()));
        }
        add({(*secret)->from_file ? "secret_file" : "secret", (*secret)->value});
        return true;
    }

    bool take_grants()
    {
        const Attribute grants = root_.member("grant_types");
        if (auto problem = grants.check_array()) {
            return refuse(std::move(*problem));
        }
        if (grants.size() == 0) {
            return refuse(grants.sentence("is empty; give at least one grant"));
        }
        std::vector<std::string> line = {"grant_types"};
        std::vector<std::string> warnings;
        for (std::size_t i = 0; i < grants.size(); ++i) {
            const Attribute grant = grants.element(i);
            const auto type = grant.text();
            if (!type) {
                return refuse(type.error());
            }
            if (*type == token::kTokenExchangeGrant || *type == "token-exchange"
                || *type == "refresh_token")
            {
                line.emplace_back(*type);
            } else {
                warnings.push_back(grant.sentence('"' + std::string(*type)
                                                  + "\" is no grant of a token_issuer and is "
                                                    "passed over"));
            }
        }
        if (line.size() == 1) {
            return refuse(grants.sentence("has none of the grants of a token_issuer: "
                                          + std::string(token::kTokenExchangeGrant)
                                          + " and refresh_token"));
        }
        client_.block.warnings = std::move(warnings);
        add(std::move(line));
        return true;
    }

    bool take_boolean(const Attribute &attribute, bool &into)
    {
        if (attribute.present() && !json_is_boolean(attribute.json())) {
            return refuse(attribute.sentence("must be true or false"));
        }
        into = attribute.present() ? json_is_true(attribute.json()) : into;
        return true;
    }

    bool take_active() { return take_boolean(root_.member("active"), client_.active); }

    enum class Words : std::uint8_t {
        kAnyNumber,
        kOneOrMore,  // one may stand without its array
    };

    bool take_words(const Attribute &attribute, const char *directive, Words number)
    {
        if (!attribute.present()) {
            return true;
        }
        std::vector<Attribute> places;
        if (number == Words::kOneOrMore && json_is_string(attribute.json())) {
            places.push_back(attribute);
        } else if (auto problem = attribute.check_array()) {
            return refuse(std::move(*problem));
        } else if (number == Words::kOneOrMore && attribute.size() == 0) {
            // which the directive would take for "no bound"
            return refuse(attribute.sentence("is empty; give at least one, or leave it out"));
        }
        for (std::size_t i = 0; i < attribute.size(); ++i) {
            places.push_back(attribute.element(i));
        }
        std::vector<std::string> line = {directive};
        for (const Attribute &place : places) {
            const auto text = place.text();
            if (!text) {
                return refuse(text.error());
            }
            line.emplace_back(*text);
        }
        if (line.size() > 1) {
            add(std::move(line));
        }
        return true;
    }

    bool take_seconds(const Attribute &attribute, const char *directive)
    {
        if (!attribute.present()) {
            return true;
        }
        const auto seconds = attribute.integer(1, kMostSeconds);
        if (!seconds) {
            return refuse(seconds.error());
        }
        add({directive, std::to_string(*seconds) + 's'});
        return true;
    }

    bool take_exchange(const Attribute &exchange)
    {
        constexpr std::array<std::string_view, 6> known = {
            "token_format", "refresh_token", "access_token_expiration", "refresh_token_expiration",
            "audience",     "scope"};
        if (!exchange.present()) {
            return true;
        }
        if (auto problem = exchange.check_members(known)) {
            return refuse(std::move(*problem));
        }
        if (const Attribute format = exchange.member("token_format"); format.present()) {
            const auto text = format.text();
            if (!text || (*text != "jwt" && *text != "opaque")) {
                return refuse(text ? format.sentence("must be jwt or opaque") : text.error());
            }
            add({"token_format", std::string(*text)});
        }
        bool refreshes = false;
        if (!take_boolean(exchange.member("refresh_token"), refreshes)) {
            return false;
        }
        if (refreshes) {
            add({"refresh_token", "on"});
        }
        return take_seconds(exchange.member("access_token_expiration"), "access_token_expiration")
               && take_seconds(exchange.member("refresh_token_expiration"),
                               "refresh_token_expiration")
               && take_words(exchange.member("audience"), "audience", Words::kOneOrMore)
               && take_words(exchange.member("scope"), "scope", Words::kOneOrMore) && split_scope();
    }

    /// A scope may be one text with spaces, as everywhere in OAuth (RFC 6749 section 3.3).
    bool split_scope()
    {
        std::vector<std::string> &line = client_.block.lines.back();
        if (line.front() != "scope" || line.size() != 2) {
            return true;
        }
        const std::string text = std::move(line.back());
        line.pop_back();
        for (std::size_t begin = 0; begin <= text.size();) {
            const std::size_t end = std::min(text.find(' ', begin), text.size());
            if (end != begin) {
                line.push_back(text.substr(begin, end - begin));
            }
            begin = end + 1;
        }
        return line.size() > 1
               || refuse(root_.member("auth")
                             .member("token_exchange")
                             .member("scope")
                             .sentence("is empty"));
    }

    const Resource &resource_;
    const Vault *vault_;
    Attribute root_;
    OAuthClient client_;
    std::string error_;
};

}  // namespace

Checked<std::optional<OAuthClient>> make_oauth_client(const Resource &resource, const Vault *vault)
{
    return ClientMaker(resource, vault).make();
}

}  // namespace token_introspect::resource
