#include "nginx/client_block.hpp"

#include "base/text.hpp"
#include "nginx/block.hpp"
#include "nginx/bridge.h"
#include "token/exchange.hpp"
#include "token/scope.hpp"

#include <algorithm>
#include <array>

namespace token_introspect::nginx {

namespace {

constexpr std::uint64_t kMostMs = std::uint64_t{10} * 365 * 86400 * 1000;

std::vector<std::string> rest(const Words &args)
{
    return {args.begin() + 1, args.end()};
}

}  // namespace

ClientBlock::ClientBlock(ngx_conf_t *cf, std::string_view id, Place place)
    : cf_(cf),
      place_(std::move(place))
{
    client_.id = id;
}

std::span<const ClientBlock::Directive> ClientBlock::directives() noexcept
{
    using B = ClientBlock;
    constexpr std::size_t many = 256;
    static constexpr std::array table = {
        Directive{"secret", 1, &B::secret},
        Directive{"secret_file", 1, &B::secret},
        Directive{"grant_types", many, &B::grant_types},
        Directive{"allowed_issuers", many, &B::allowed_issuers},
        Directive{"token_format", 1, &B::token_format},
        Directive{"refresh_token", 1, &B::refresh_token},
        Directive{"access_token_expiration", 1, &B::expiration},
        Directive{"refresh_token_expiration", 1, &B::expiration},
        Directive{"audience", many, &B::audience},
        Directive{"scope", many, &B::scope},
    };
    return table;
}

std::string ClientBlock::take(const Words &args)
{
    const auto table = directives();
    const auto found =
        std::ranges::find_if(table, [&](const Directive &d) { return d.name == args[0]; });
    if (found == table.end()) {
        return "unknown directive " + quote(args[0]) + " in token_client";
    }
    if (args.size() < 2 || args.size() - 1 > found->most) {
        return "invalid number of arguments in " + quote(args[0]) + " directive";
    }
    if (!seen_.emplace(args[0]).second) {
        return quote(args[0]) + " directive is duplicate";
    }
    return (this->*found->handler)(args);
}

std::string ClientBlock::secret(const Words &args)
{
    if (args[1].empty()) {
        return quote(args[0]) + " cannot be empty";
    }
    if (args[0] == "secret_file") {
        client_.secret_file = full_path(cf_, args[1]);
    } else {
        client_.secret = args[1];
    }
    return {};
}

std::string ClientBlock::grant_types(const Words &args)
{
    for (std::size_t i = 1; i < args.size(); ++i) {
        if (args[i] == token::kTokenExchangeGrant || args[i] == "token-exchange") {
            client_.exchanges = true;
        } else if (args[i] == "refresh_token") {
            client_.refreshes = true;
        } else {
            return invalid_word(args, i, "use token-exchange and refresh_token");
        }
    }
    return {};
}

std::string ClientBlock::allowed_issuers(const Words &args)
{
    client_.allowed_issuers = rest(args);
    return std::ranges::find(client_.allowed_issuers, "") == client_.allowed_issuers.end()
               ? ""
               : "an issuer cannot be empty";
}

std::string ClientBlock::token_format(const Words &args)
{
    if (args[1] != "jwt" && args[1] != "opaque") {
        return invalid_word(args, 1, "use jwt or opaque");
    }
    client_.format =
        args[1] == "jwt" ? issuer::Client::Format::kJwt : issuer::Client::Format::kOpaque;
    return {};
}

std::string ClientBlock::refresh_token(const Words &args)
{
    if (args[1] != "on" && args[1] != "off") {
        return invalid_word(args, 1, "use on or off");
    }
    client_.gets_refresh_token = args[1] == "on";
    return {};
}

std::string ClientBlock::expiration(const Words &args)
{
    const auto ms = parse_time(args[1]);
    if (!ms || *ms < 1000 || *ms > kMostMs || *ms % 1000 != 0) {
        return invalid_word(args, 1, "use whole seconds from 1s to ten years, such as 5m or 1d");
    }
    (args[0] == "access_token_expiration" ? client_.access_token_s : client_.refresh_token_s) =
        static_cast<std::int64_t>(*ms / 1000);
    return {};
}

std::string ClientBlock::audience(const Words &args)
{
    client_.audiences = rest(args);
    return std::ranges::find(client_.audiences, "") == client_.audiences.end()
               ? ""
               : "an audience cannot be empty";
}

std::string ClientBlock::scope(const Words &args)
{
    for (std::size_t i = 1; i < args.size(); ++i) {
        const auto scopes = token::parse_scopes(args[i]);
        if (!scopes || scopes->size() != 1) {
            return quote(args[i]) + " is not a scope";
        }
    }
    client_.scopes = rest(args);
    return {};
}

std::string ClientBlock::finish(MainConf &conf, bool active)
{
    const bool text = seen_.contains("secret");
    if (text == seen_.contains("secret_file")) {
        return text ? "\"secret\" and \"secret_file\" exclude each other"
                    : "a client needs a secret: secret VALUE; or secret_file PATH;";
    }
    if (!seen_.contains("grant_types")) {
        return "\"grant_types\" is missing: use grant_types token-exchange; and refresh_token";
    }
    const auto same = std::ranges::find(conf.oauth_clients, client_.id, &issuer::Client::id);
    if (same != conf.oauth_clients.end()) {
        const Place &other =
            conf.oauth_client_places[static_cast<std::size_t>(same - conf.oauth_clients.begin())];
        return "is defined already in " + other.file + ":" + std::to_string(other.line);
    }
    client_.active = active;
    conf.oauth_clients.push_back(std::move(client_));
    conf.oauth_client_places.push_back(std::move(place_));
    return {};
}

std::string add_client(ngx_conf_t *cf, MainConf &conf, const resource::OAuthClient &client,
                       const Place &place)
{
    ClientBlock block(cf, client.block.name, place);
    for (const std::vector<std::string> &line : client.block.lines) {
        if (std::string problem = block.take({line.begin(), line.end()}); !problem.empty()) {
            return problem;
        }
    }
    return block.finish(conf, client.active);
}

namespace {

char *define(ngx_conf_t *cf, MainConf &conf)
{
    const std::string id(words(cf)[1]);
    if (id.empty() || !is_header_safe(id) || !is_utf8(id)) {
        return conf_error(cf, "the id of a token_client is empty, or holds control characters");
    }
    ClientBlock block(cf, id, Place::of(cf));
    return read_block(cf, block, "token_client " + quote(id),
                      [&](bool &) { return block.finish(conf); });
}

}  // namespace

}  // namespace token_introspect::nginx

using namespace token_introspect::nginx;

extern "C" char *ti_token_client(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return guarded(static_cast<char *>(NGX_CONF_ERROR),
                   [&] { return define(cf, *static_cast<MainConf *>(conf)); });
}
