#include "nginx/conf.hpp"

#include "flow/document_files.hpp"
#include "nginx/bridge.h"
#include "nginx/header_list.hpp"
#include "nginx/issuer_block.hpp"
#include "nginx/worker.hpp"

#include <algorithm>

namespace token_introspect::nginx {

namespace {

constexpr std::size_t kDefaultZoneSize = std::size_t{16} << 20;
constexpr std::string_view kDefaultZoneName = "token_introspect";

template <class T> void inherit(std::optional<T> &child, const std::optional<T> &parent)
{
    if (!child) {
        child = parent;
    }
}

template <class T> void inherit(std::vector<T> &child, const std::vector<T> &parent)
{
    if (child.empty()) {
        child = parent;
    }
}

bool resolve_zone(ngx_conf_t *cf, const MainConf &conf, ConfiguredPeer &configured)
{
    if (configured.zone_name.empty()) {
        configured.zone = conf.zones.front();
        return true;
    }
    for (Zone *zone : conf.zones) {
        if (zone->name() == configured.zone_name) {
            configured.zone = zone;
            return true;
        }
    }
    const flow::Peer &peer = configured.peer();
    const std::string directive = "token_" + std::string(flow::name(peer.role));
    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "unknown zone \"%s\" in %s \"%s\": define it with token_zone "
                  "zone=%s:16m in %s:%ui",
                  configured.zone_name.c_str(), directive.c_str(), peer.name.c_str(),
                  configured.zone_name.c_str(), configured.place.file.c_str(),
                  configured.place.line);
    return false;
}

void gather_peers(MainConf &conf)
{
    for (ConfiguredIntrospector &configured : conf.introspectors) {
        conf.peers.push_back(&configured);
    }
    for (ConfiguredExchanger &configured : conf.exchangers) {
        configured.exchanger.index = conf.peers.size();
        conf.peers.push_back(&configured);
    }
}

// nginx's variables that keep what they were once evaluated to, credential and all.
std::vector<std::string> shown_by(const CredentialSource &source)
{
    std::string name = source.name;
    std::ranges::transform(name, name.begin(), [](char c) {
        return c == '-' ? '_' : static_cast<char>(ngx_tolower(c));
    });
    switch (source.kind) {
    case CredentialSource::Kind::kHeader:
        return {"http_" + name};
    case CredentialSource::Kind::kCookie:
        return {"http_cookie", "cookie_" + source.name};
    case CredentialSource::Kind::kQuery:
        return {"request", "request_uri"};
    case CredentialSource::Kind::kVariable:
        break;
    }
    return {};
}

bool add_introspector(ngx_conf_t *cf, LocationConf &conf, const flow::Introspector &introspector)
{
    if (introspector.cookie.empty()) {
        conf.introspectors.push_back(&introspector);
        return true;
    }
    auto same = std::ranges::find_if(conf.cookies, [&](const IntrospectedCookie &cookie) {
        return cookie.source.name == introspector.cookie;
    });
    if (same == conf.cookies.end()) {
        IntrospectedCookie cookie;
        cookie.source.kind = CredentialSource::Kind::kCookie;
        cookie.source.name = introspector.cookie;
        cookie.source.bearer = false;
        if (!cookie.source.index_variables(cf)) {
            return false;
        }
        conf.cookies.push_back(std::move(cookie));
        same = std::prev(conf.cookies.end());
    }
    same->introspectors.push_back(&introspector);
    return true;
}

// Users, Roles and Clients refer to each other, from whatever file they are.
std::string gather_resources(ngx_conf_t *cf, MainConf &conf)
{
    if (std::optional<std::string> twice = resource::check_unique(conf.resources)) {
        return *twice;
    }
    std::vector<std::string> warnings;
    auto users = resource::UserStore::build(conf.resources, warnings);
    auto clients = resource::ClientStore::build(conf.resources);
    if (!users || !clients) {
        return !users ? users.error() : clients.error();
    }
    conf.users = std::move(*users);
    conf.clients = std::move(*clients);
    for (const std::string &warning : warnings) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0, "%s", warning.c_str());
    }
    return {};
}

void warn_of_idle_directory(ngx_conf_t *cf, const MainConf &conf)
{
    const bool useful =
        std::ranges::any_of(conf.introspectors, [](const ConfiguredIntrospector &configured) {
            return flow::DocumentFiles::serve(configured.introspector);
        });
    if (!conf.document_directory || useful) {
        return;
    }
    ngx_log_error(
        NGX_LOG_WARN, cf->log, 0,
        "\"jwks_cache_path\" has no effect: no introspector fetches a key set or metadata "
        "that may be saved in %s:%ui",
        conf.document_directory->place.file.c_str(), conf.document_directory->place.line);
}

bool index_authorization(ngx_conf_t *cf)
{
    MainConf *main = main_conf(cf);
    main->authorization_variable = header_variable_index(cf, "Authorization");
    return main->authorization_variable != NGX_ERROR;
}

// True for a location, also a named one; false for the level of a server.
bool is_location(ngx_conf_t *cf) noexcept
{
    const auto *core = static_cast<const ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
    return core->name.len != 0;
}

bool resolve_policies(ngx_conf_t *cf, const MainConf &main, LocationConf &conf, bool own)
{
    if (!conf.authorize || conf.authorize->names.empty()) {
        return true;
    }
    const Place &place = conf.authorize->place;
    if (!conf.enabled && (own || !conf.use) && is_location(cf)) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"token_authorize\" has no effect without token_introspect in %s:%ui",
                      place.file.c_str(), place.line);
        return false;
    }
    for (const std::string &name : conf.authorize->names) {
        if (name == "*") {
            for (const ConfiguredPolicy &configured : main.policies) {
                conf.policies.push_back(&configured.policy);
            }
            continue;
        }
        const ConfiguredPolicy *found = main.find_policy(name);
        if (found == nullptr) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "unknown policy \"%s\" in \"token_authorize\": define it in http with "
                          "token_policy %s { … } or in a file of token_resources in %s:%ui",
                          name.c_str(), name.c_str(), place.file.c_str(), place.line);
            return false;
        }
        conf.policies.push_back(&found->policy);
    }
    return true;
}

bool resolve_exchanger(ngx_conf_t *cf, const MainConf &main, LocationConf &conf, bool own)
{
    if (!conf.exchange || conf.exchange->name.empty()) {
        return true;
    }
    const std::string &name = conf.exchange->name;
    const Place &place = conf.exchange->place;
    auto refuse = [&](const std::string &problem) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "%s in %s:%ui", problem.c_str(),
                      place.file.c_str(), place.line);
        return false;
    };
    const ConfiguredExchanger *found = main.find_exchanger(name);
    if (found == nullptr) {
        return refuse("unknown exchanger \"" + name
                      + "\" in \"token_exchange\": define it in http with token_exchanger " + name
                      + " { … }");
    }
    if (found->exchanger.exchanges_tokens() && !conf.enabled) {
        // inherited where the token is not looked at, it waits for locations that do
        conf.withholds_authorization = true;
        return (!own && conf.use) || !is_location(cf)
               || refuse("\"token_exchange\" has no effect without token_introspect: there is no "
                         "token to exchange (only an exchanger with grant client_credentials needs "
                         "none)");
    }
    conf.exchanger = &found->exchanger;
    if (conf.forwards_token.value_or(LocationConf::ForwardToken::kOff)
        != LocationConf::ForwardToken::kOff)
    {
        return refuse("\"token_exchange\" and \"token_forward_token\" exclude each other: only one "
                      "token can go upstream; say token_forward_token off here");
    }
    return true;
}

// What goes upstream must fit what the introspectors of the location give.
bool check_forwarding(ngx_conf_t *cf, const LocationConf &conf)
{
    const auto is_signed = [](const flow::Introspector *introspector) {
        return introspector->signed_response;
    };
    std::vector<const flow::Introspector *> all = conf.introspectors;
    for (const IntrospectedCookie &cookie : conf.cookies) {
        all.insert(all.end(), cookie.introspectors.begin(), cookie.introspectors.end());
    }
    const auto signing = std::ranges::find_if(all, is_signed);
    const bool has_signed = signing != all.end();
    const bool replaces = conf.forwards_token == LocationConf::ForwardToken::kIntrospected;
    const std::string file = conf.use->place.file;
    if (has_signed && conf.forwards && !conf.forwards->empty()) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"token_forward_claims\" cannot be used with introspector \"%s\", whose "
                      "\"response\" is jwt: forward the signed response with token_forward_token "
                      "introspected, or single claims with proxy_set_header and $token_claim_NAME, "
                      "and say token_forward_claims off in %s:%ui",
                      (*signing)->name.c_str(), file.c_str(), conf.use->place.line);
        return false;
    }
    if (replaces && !has_signed && conf.enabled) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"token_forward_token introspected\" needs an introspector with \"response "
                      "jwt\" in token_introspect: no other has a signed response to forward in "
                      "%s:%ui",
                      file.c_str(), conf.use->place.line);
        return false;
    }
    return true;
}

}  // namespace

Place Place::of(const ngx_conf_t *cf)
{
    return {.file = std::string(view(cf->conf_file->file.name)), .line = cf->conf_file->line};
}

MainConf::MainConf() = default;

MainConf::~MainConf() = default;

const ConfiguredIntrospector *MainConf::find(std::string_view name) const noexcept
{
    const auto it = std::ranges::find_if(introspectors, [name](const auto &configured) {
        return configured.introspector.name == name;
    });
    return it == introspectors.end() ? nullptr : &*it;
}

const ConfiguredExchanger *MainConf::find_exchanger(std::string_view name) const noexcept
{
    const auto it = std::ranges::find_if(exchangers, [name](const ConfiguredExchanger &configured) {
        return configured.exchanger.name == name;
    });
    return it == exchangers.end() ? nullptr : &*it;
}

const ConfiguredPolicy *MainConf::find_policy(std::string_view id) const noexcept
{
    const auto it = std::ranges::find_if(policies, [id](const ConfiguredPolicy &configured) {
        return configured.policy.id() == id;
    });
    return it == policies.end() ? nullptr : &*it;
}

const ConfiguredIssuer *MainConf::find_issuer(std::string_view name) const noexcept
{
    const auto it = std::ranges::find_if(issuers, [name](const ConfiguredIssuer &configured) {
        return configured.issuer.name == name;
    });
    return it == issuers.end() ? nullptr : &*it;
}

bool Template::compile(ngx_conf_t *cf, std::string_view text, Template &out)
{
    ngx_str_t source = copy(cf->pool, text);
    ngx_http_compile_complex_value_t compile;
    ngx_memzero(&compile, sizeof compile);
    compile.cf = cf;
    compile.value = &source;
    compile.complex_value = &out.value;
    return source.data != nullptr && ngx_http_compile_complex_value(&compile) == NGX_OK;
}

bool Template::literal(ngx_conf_t *cf, std::string_view text, Template &out) noexcept
{
    out.value = {};
    out.value.value = copy(cf->pool, text);
    return out.value.value.data != nullptr;
}

std::optional<std::string_view> Template::evaluate(ngx_http_request_t *request) const noexcept
{
    ngx_str_t text;
    // nginx's function takes a mutable value but does not change it
    auto *mutable_value = const_cast<ngx_http_complex_value_t *>(&value);
    if (ngx_http_complex_value(request, mutable_value, &text) != NGX_OK) {
        return std::nullopt;
    }
    return view(text);
}

bool CredentialSource::index_variables(ngx_conf_t *cf)
{
    for (const std::string &shown : shown_by(*this)) {
        variables.push_back(variable_index(cf, shown));
        if (variables.back() == NGX_ERROR) {
            return false;
        }
    }
    return true;
}

MainConf *main_conf(ngx_conf_t *cf) noexcept
{
    return static_cast<MainConf *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_token_introspect_module));
}

MainConf *main_conf(ngx_http_request_t *request) noexcept
{
    return static_cast<MainConf *>(
        ngx_http_get_module_main_conf(request, ngx_http_token_introspect_module));
}

const LocationConf &location_conf(ngx_http_request_t *request) noexcept
{
    return *static_cast<const LocationConf *>(
        ngx_http_get_module_loc_conf(request, ngx_http_token_introspect_module));
}

char *conf_error(ngx_conf_t *cf, std::string_view text) noexcept
{
    const ngx_str_t message = borrow(text);
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%V", &message);
    return static_cast<char *>(NGX_CONF_ERROR);
}

void conf_warning(ngx_conf_t *cf, std::string_view text) noexcept
{
    const ngx_str_t message = borrow(text);
    ngx_conf_log_error(NGX_LOG_WARN, cf, 0, "%V", &message);
}

bool read_lines(ngx_conf_t *cf, char *(*handler)(ngx_conf_t *, ngx_command_t *, void *),
                void *object)
{
    const ngx_conf_t saved = *cf;
    cf->handler = handler;
    cf->handler_conf = reinterpret_cast<decltype(cf->handler_conf)>(object);
    const char *result = ngx_conf_parse(cf, nullptr);
    *cf = saved;
    return result == NGX_CONF_OK;
}

std::string full_path(ngx_conf_t *cf, std::string_view path)
{
    ngx_str_t name = copy(cf->pool, path);
    if (name.data == nullptr || ngx_conf_full_name(cf->cycle, &name, 1) != NGX_OK) {
        return std::string(path);
    }
    return std::string(view(name));
}

std::vector<std::string_view> words(const ngx_conf_t *cf)
{
    const auto *args = static_cast<const ngx_str_t *>(cf->args->elts);
    std::vector<std::string_view> out;
    for (ngx_uint_t i = 0; i < cf->args->nelts; ++i) {
        out.push_back(view(args[i]));
    }
    return out;
}

ngx_int_t variable_index(ngx_conf_t *cf, std::string_view name)
{
    ngx_str_t kept = copy(cf->pool, name);
    return kept.data != nullptr ? ngx_http_get_variable_index(cf, &kept) : NGX_ERROR;
}

ngx_int_t header_variable_index(ngx_conf_t *cf, std::string_view header)
{
    std::string name = "http_";
    for (const char c : header) {
        name += c == '-' ? '_' : static_cast<char>(ngx_tolower(c));
    }
    return variable_index(cf, name);
}

void forget_variable(ngx_http_request_t *request, ngx_int_t index) noexcept
{
    request->variables[index].valid = 0;
    request->variables[index].not_found = 0;
}

bool known_to_nginx(std::string_view header) noexcept
{
    for (const ngx_http_header_t *known = ngx_http_headers_in; known->name.len != 0; ++known) {
        if (same_header_name(view(known->name), header)) {
            return true;
        }
    }
    return false;
}

std::optional<std::string_view> parameter(std::string_view word, std::string_view name) noexcept
{
    if (word.size() > name.size() && word.starts_with(name) && word[name.size()] == '=') {
        return word.substr(name.size() + 1);
    }
    return std::nullopt;
}

std::optional<std::uint64_t> parse_time(std::string_view text) noexcept
{
    ngx_str_t value = borrow(text);
    const ngx_int_t parsed = ngx_parse_time(&value, 0);
    return parsed < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(parsed));
}

std::optional<std::size_t> parse_size(std::string_view text) noexcept
{
    ngx_str_t value = borrow(text);
    const off_t parsed = ngx_parse_offset(&value);
    return parsed < 0 ? std::nullopt : std::optional(static_cast<std::size_t>(parsed));
}

}  // namespace token_introspect::nginx

using namespace token_introspect;
using namespace token_introspect::nginx;

extern "C" {

void *ti_create_main_conf(ngx_conf_t *cf)
{
    return guarded(nullptr, [&]() -> void * {
        seed_json_hash();
        return make_in<MainConf>(cf->pool);
    });
}

char *ti_init_main_conf(ngx_conf_t *cf, void *object)
{
    return guarded(static_cast<char *>(NGX_CONF_ERROR), [&]() -> char * {
        auto &conf = *static_cast<MainConf *>(object);
        warn_of_idle_directory(cf, conf);
        if (conf.introspectors.empty() && conf.exchangers.empty() && conf.resources.empty()
            && conf.issuers.empty())
        {
            return NGX_CONF_OK;
        }
        if (conf.zones.empty()) {
            Zone *zone = Zone::add(cf, kDefaultZoneName, kDefaultZoneSize);
            if (zone == nullptr) {
                return static_cast<char *>(NGX_CONF_ERROR);
            }
            conf.zones.push_back(zone);
        }
        if (const std::string problem = gather_resources(cf, conf); !problem.empty()) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "%s", problem.c_str());
            return static_cast<char *>(NGX_CONF_ERROR);
        }
        gather_peers(conf);
        const bool resolved = std::ranges::all_of(conf.peers, [&](ConfiguredPeer *configured) {
            return resolve_zone(cf, conf, *configured);
        });
        return resolved && settle_issuers(cf, conf) ? NGX_CONF_OK
                                                    : static_cast<char *>(NGX_CONF_ERROR);
    });
}

void *ti_create_loc_conf(ngx_conf_t *cf)
{
    return guarded(nullptr, [&]() -> void * { return make_in<LocationConf>(cf->pool); });
}

char *ti_merge_loc_conf(ngx_conf_t *cf, void *parent_object, void *child_object)
{
    return guarded(static_cast<char *>(NGX_CONF_ERROR), [&]() -> char * {
        const auto &parent = *static_cast<const LocationConf *>(parent_object);
        auto &child = *static_cast<LocationConf *>(child_object);

        if (!inherit_endpoint(cf, parent, child)) {
            return static_cast<char *>(NGX_CONF_ERROR);
        }
        if (child.sources.empty()) {
            child.sources = parent.sources;
        }
        if (child.sources.empty()) {
            CredentialSource authorization;
            if (!authorization.index_variables(cf)) {
                return static_cast<char *>(NGX_CONF_ERROR);
            }
            child.sources.push_back(std::move(authorization));
        }
        if (!child.challenge) {
            child.challenge = parent.challenge;
            child.challenge_text = parent.challenge_text;
        }
        inherit(child.use, parent.use);
        inherit(child.realm, parent.realm);
        inherit(child.codes, parent.codes);
        inherit(child.requires_variables, parent.requires_variables);
        inherit(child.requires_claims, parent.requires_claims);
        inherit(child.requires_scopes, parent.requires_scopes);
        inherit(child.forwards, parent.forwards);
        inherit(child.forwards_token, parent.forwards_token);
        const bool own_exchange = child.exchange.has_value();
        inherit(child.exchange, parent.exchange);
        const bool own_policies = child.authorize.has_value();
        inherit(child.authorize, parent.authorize);
        inherit(child.policy_debug, parent.policy_debug);

        child.enabled = child.use && !child.use->names.empty();
        if (!resolve_policies(cf, *main_conf(cf), child, own_policies)
            || !resolve_exchanger(cf, *main_conf(cf), child, own_exchange))
        {
            return static_cast<char *>(NGX_CONF_ERROR);
        }
        if ((child.enabled || child.exchanger != nullptr) && !index_authorization(cf)) {
            return static_cast<char *>(NGX_CONF_ERROR);
        }
        if (!child.enabled) {
            return NGX_CONF_OK;
        }
        for (const std::string &name : child.use->names) {
            if (main_conf(cf)->idle_introspectors.contains(name)) {
                continue;
            }
            const ConfiguredIntrospector *found = main_conf(cf)->find(name);
            if (found == nullptr) {
                ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                              "unknown introspector \"%s\" in \"token_introspect\": define it in "
                              "http with token_introspector %s { … } in %s:%ui",
                              name.c_str(), name.c_str(), child.use->place.file.c_str(),
                              child.use->place.line);
                return static_cast<char *>(NGX_CONF_ERROR);
            }
            if (!add_introspector(cf, child, found->introspector)) {
                return static_cast<char *>(NGX_CONF_ERROR);
            }
        }
        return check_forwarding(cf, child) ? NGX_CONF_OK : static_cast<char *>(NGX_CONF_ERROR);
    });
}

}  // extern "C"
