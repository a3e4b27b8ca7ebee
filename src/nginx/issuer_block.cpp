#include "nginx/issuer_block.hpp"

#include "base/text.hpp"
#include "nginx/block.hpp"
#include "nginx/bridge.h"
#include "nginx/client_block.hpp"
#include "nginx/key_words.hpp"
#include "token/metadata.hpp"

#include <algorithm>
#include <array>

namespace token_introspect::nginx {

namespace {

constexpr std::string_view kZonePrefix = "token_issuer_";
constexpr std::uint64_t kMostPeriodMs = 86'400'000;

std::string has_empty(const std::vector<std::string> &names, std::string_view what)
{
    return std::ranges::find(names, "") == names.end() ? "" : std::string(what) + " is empty";
}

}  // namespace

IssuerBlock::IssuerBlock(ngx_conf_t *cf, std::string_view name, Place place)
    : cf_(cf),
      issuer_(configured_.issuer)
{
    configured_.place = std::move(place);
    issuer_.name = name;
}

std::span<const IssuerBlock::Directive> IssuerBlock::directives() noexcept
{
    using B = IssuerBlock;
    constexpr std::size_t many = 256;
    static constexpr std::array table = {
        Directive{"issuer", 1, 1, false, &B::issuer},
        Directive{"signing_key", 1, 4, true, &B::key},
        Directive{"encryption_key", 1, 3, true, &B::key},
        Directive{"audience", 1, many, false, &B::audience},
        Directive{"introspectors", 1, many, false, &B::introspectors},
        Directive{"client_auth_limit", 1, 2, false, &B::client_auth_limit},
        Directive{"zone", 1, 1, false, &B::zone},
    };
    return table;
}

std::string IssuerBlock::take(const Words &args)
{
    const auto table = directives();
    const auto found =
        std::ranges::find_if(table, [&](const Directive &d) { return d.name == args[0]; });
    if (found == table.end()) {
        return "unknown directive " + quote(args[0]) + " in token_issuer";
    }
    if (args.size() - 1 < found->fewest || args.size() - 1 > found->most) {
        return "invalid number of arguments in " + quote(args[0]) + " directive";
    }
    if (!seen_.emplace(args[0]).second && !found->repeats) {
        return quote(args[0]) + " directive is duplicate";
    }
    return (this->*found->handler)(args);
}

std::string IssuerBlock::issuer(const Words &args)
{
    issuer_.issuer = args[1];
    // RFC 8414 section 2
    return token::parse_url(args[1]) && !args[1].contains('?')
               ? ""
               : invalid_word(
                     args, 1,
                     "use an absolute http:// or https:// URL without user information, query "
                     "or fragment");
}

std::string IssuerBlock::key(const Words &args)
{
    static constexpr std::array<std::string_view, 3> parameters = {"alg", "kid", "format"};
    static constexpr std::array<std::string_view, 4> formats = {"PEM", "plain", "base64url", "JWK"};
    const bool signs = args[0] == "signing_key";
    jose::KeySource source;
    std::string problem = signs ? read_key_words(cf_, args, parameters, formats, source)
                                : read_key_words(cf_, args, std::span(parameters).subspan<1>(),
                                                 std::span(formats).subspan<1>(), source);
    (signs ? issuer_.signing_keys : issuer_.encryption_keys).push_back(std::move(source));
    return problem;
}

std::string IssuerBlock::audience(const Words &args)
{
    issuer_.audiences.assign(args.begin() + 1, args.end());
    return has_empty(issuer_.audiences, "an audience");
}

std::string IssuerBlock::introspectors(const Words &args)
{
    auto &names = configured_.introspector_names;
    for (std::size_t i = 1; i < args.size(); ++i) {
        if (std::ranges::find(names, args[i]) != names.end()) {
            return "introspector " + quote(args[i]) + " is named twice";
        }
        names.emplace_back(args[i]);
    }
    return has_empty(names, "the name of an introspector");
}

std::string IssuerBlock::client_auth_limit(const Words &args)
{
    if (args.size() == 2 && args[1] == "off") {
        issuer_.most_failures = 0;
        return {};
    }
    constexpr std::string_view cure = "write a number from 1 to 100000 and a time, such as 10 1m, "
                                      "or off";
    const ngx_str_t text = borrow(args[1]);
    const ngx_int_t number = ngx_atoi(text.data, text.len);
    if (args.size() != 3 || number <= 0 || number > 100000) {
        return invalid_word(args, 1, cure);
    }
    const auto ms = parse_time(args[2]);
    if (!ms || *ms < 1000 || *ms > kMostPeriodMs) {
        return invalid_word(args, 2, "use a time from 1s to 1d");
    }
    issuer_.most_failures = static_cast<unsigned>(number);
    issuer_.failures_ms = *ms;
    return {};
}

std::string IssuerBlock::zone(const Words &args)
{
    const auto size = parse_size(args[1]);
    if (!size || *size < LedgerZone::kSmallest) {
        return invalid_word(args, 1, "use a size of at least 64k, such as 1m");
    }
    configured_.zone_size = *size;
    return {};
}

std::string IssuerBlock::finish(MainConf &conf, bool &logged)
{
    if (!seen_.contains("issuer")) {
        return "\"issuer\" is missing: issuer https://…; is what tokens name as their iss";
    }
    const auto same = std::ranges::find_if(conf.issuers, [this](const ConfiguredIssuer &other) {
        return other.issuer.issuer == issuer_.issuer;
    });
    if (same != conf.issuers.end()) {
        return "token_issuer " + quote(same->issuer.name) + " in " + same->place.file + ":"
               + std::to_string(same->place.line) + " has the same issuer " + quote(issuer_.issuer);
    }
    if (issuer_.signing_keys.empty() && issuer_.encryption_keys.empty()) {
        return "there is no key: a signing_key is needed for JWTs, an encryption_key for opaque "
               "tokens and refresh tokens";
    }
    if (issuer_.audiences.empty()) {
        issuer_.audiences = {issuer_.issuer};
    }
    issuer_.index = conf.issuers.size();
    auto keys = issuer::KeyRing::load(issuer_);
    if (!keys) {
        return keys.error();
    }
    configured_.zone =
        LedgerZone::add(cf_, std::string(kZonePrefix) + issuer_.name, configured_.zone_size);
    if (configured_.zone == nullptr) {
        logged = true;
        return {};
    }
    conf.key_rings.push_back(std::move(*keys));
    conf.issuers.push_back(std::move(configured_));
    return {};
}

namespace {

char *define(ngx_conf_t *cf, MainConf &conf)
{
    const std::string name(words(cf)[1]);
    if (name.empty() || !is_header_safe(name) || !is_utf8(name)) {
        return conf_error(cf, "the name of a token_issuer is empty, or holds control characters");
    }
    if (const ConfiguredIssuer *other = conf.find_issuer(name)) {
        return conf_error(cf, "token_issuer " + quote(name) + " is defined already in "
                                  + other->place.file + ":" + std::to_string(other->place.line));
    }
    IssuerBlock block(cf, name, Place::of(cf));
    return read_block(cf, block, "token_issuer " + quote(name),
                      [&](bool &logged) { return block.finish(conf, logged); });
}

// As conf_error for what was found after parsing.
bool refuse(ngx_conf_t *cf, const Place &place, const std::string &text)
{
    const ngx_str_t message = borrow(text);
    const ngx_str_t file = borrow(place.file);
    ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "%V in %V:%ui", &message, &file, place.line);
    return false;
}

bool take_client_resources(ngx_conf_t *cf, MainConf &conf)
{
    for (const ClientResource &resource : conf.client_resources) {
        if (!resource.client) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "%s", resource.client.error().c_str());
            return false;
        }
        if (!*resource.client) {
            continue;
        }
        const resource::OAuthClient &client = **resource.client;
        for (const std::string &warning : client.block.warnings) {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0, "%s", warning.c_str());
        }
        if (std::string problem = add_client(cf, conf, client, resource.place); !problem.empty()) {
            return refuse(cf, resource.place,
                          "Client " + quote(client.block.name) + ": " + problem);
        }
    }
    return true;
}

// Every client may ask every issuer.
bool check_clients(ngx_conf_t *cf, const MainConf &conf)
{
    for (std::size_t i = 0; i < conf.oauth_clients.size(); ++i) {
        const issuer::Client &client = conf.oauth_clients[i];
        const bool jwt = client.format == issuer::Client::Format::kJwt;
        for (const ConfiguredIssuer &configured : conf.issuers) {
            const issuer::TokenIssuer &issuer = configured.issuer;
            std::string lacks;
            if (jwt && issuer.signing_keys.empty()) {
                lacks = "has token_format jwt, but token_issuer " + quote(issuer.name)
                        + " has no signing_key";
            } else if (issuer.encryption_keys.empty() && (!jwt || client.gets_refresh_token)) {
                lacks = std::string(jwt ? "has refresh_token on" : "has token_format opaque")
                        + ", but token_issuer " + quote(issuer.name) + " has no encryption_key";
            }
            if (!lacks.empty()) {
                return refuse(cf, conf.oauth_client_places[i],
                              "token_client " + quote(client.id) + " " + lacks);
            }
        }
    }
    return true;
}

bool resolve_introspectors(ngx_conf_t *cf, const MainConf &conf, ConfiguredIssuer &configured)
{
    for (const std::string &name : configured.introspector_names) {
        const ConfiguredIntrospector *found = conf.find(name);
        if (found != nullptr) {
            configured.introspectors.push_back(&found->introspector);
        } else if (!conf.idle_introspectors.contains(name)) {
            return refuse(cf, configured.place,
                          "unknown introspector " + quote(name) + " in token_issuer "
                              + quote(configured.issuer.name)
                              + ": define it in http with token_introspector " + name + " { … }");
        }
    }
    if (configured.introspector_names.empty()) {
        for (const ConfiguredIntrospector &one : conf.introspectors) {
            if (one.introspector.kind == flow::Kind::kJwt) {
                configured.introspectors.push_back(&one.introspector);
            }
        }
    }
    return true;
}

}  // namespace

std::string unknown_issuer(std::string_view name, std::string_view directive)
{
    return "unknown token_issuer " + quote(name) + " in " + quote(directive)
           + ": define it in http, before this, with token_issuer " + std::string(name) + " { … }";
}

bool settle_issuers(ngx_conf_t *cf, MainConf &conf)
{
    if (conf.issuers.empty()) {
        return true;  // clients then have nobody to ask
    }
    if (!take_client_resources(cf, conf) || !check_clients(cf, conf)) {
        return false;
    }
    auto registry = issuer::ClientRegistry::load(conf.oauth_clients);
    if (!registry) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "%s", registry.error().c_str());
        return false;
    }
    conf.registry = std::move(*registry);
    for (ConfiguredIssuer &configured : conf.issuers) {
        if (!resolve_introspectors(cf, conf, configured)) {
            return false;
        }
    }
    return true;
}

}  // namespace token_introspect::nginx

using namespace token_introspect::nginx;

extern "C" char *ti_token_issuer(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return guarded(static_cast<char *>(NGX_CONF_ERROR),
                   [&] { return define(cf, *static_cast<MainConf *>(conf)); });
}
