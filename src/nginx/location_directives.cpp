#include "nginx/bridge.h"
#include "nginx/conf.hpp"
#include "nginx/header_list.hpp"
#include "nginx/pattern.hpp"

#include "base/text.hpp"
#include "token/scope.hpp"

#include <algorithm>
#include <array>

namespace token_introspect::nginx {

namespace {

using Words = std::vector<std::string_view>;

LocationConf &location(void *conf) noexcept
{
    return *static_cast<LocationConf *>(conf);
}

char *failed() noexcept
{
    return static_cast<char *>(NGX_CONF_ERROR);
}

// nginx shows it as: "name" directive is duplicate in file:line
char *duplicate() noexcept
{
    return const_cast<char *>("is duplicate");
}

template <class Body> char *directive(ngx_conf_t *cf, Body &&body) noexcept
{
    return guarded(failed(), [&]() -> char * { return body(words(cf)); });
}

// A status that a refusal may have, or 0.
ngx_uint_t status_code(std::string_view text) noexcept
{
    ngx_str_t value = borrow(text);
    const ngx_int_t code = ngx_atoi(value.data, value.len);
    return code >= 400 && code <= 599 ? static_cast<ngx_uint_t>(code) : 0;
}

constexpr std::string_view kStatusCure = "a status is a number from 400 to 599";

// Takes `error=CODE` off the words. False (and logged) when it is no status.
bool take_error(ngx_conf_t *cf, Words &args, ngx_uint_t &status)
{
    for (auto it = args.begin() + 1; it != args.end(); ++it) {
        if (const auto text = parameter(*it, "error")) {
            status = status_code(*text);
            if (status == 0) {
                conf_error(cf, "invalid \"" + std::string(*it) + "\": " + std::string(kStatusCure));
                return false;
            }
            args.erase(it);
            return true;
        }
    }
    return true;
}

char *set_introspectors(ngx_conf_t *cf, LocationConf &conf, const Words &args)
{
    if (conf.use) {
        return duplicate();
    }
    LocationConf::Use use{.names = {}, .optional = false, .place = Place::of(cf)};
    for (std::size_t i = 1; i < args.size(); ++i) {
        const std::string_view word = args[i];
        if (word == "off") {
            if (args.size() != 2) {
                return conf_error(cf, "\"off\" in \"token_introspect\" stands alone");
            }
        } else if (word == "optional") {
            use.optional = true;
        } else if (std::ranges::find(use.names, word) != use.names.end()) {
            return conf_error(cf, "introspector \"" + std::string(word) + "\" is named twice");
        } else {
            use.names.emplace_back(word);
        }
    }
    if (use.names.empty() && args[1] != "off") {
        return conf_error(cf, "\"token_introspect\" needs the name of an introspector, or off");
    }
    conf.use = std::move(use);
    return NGX_CONF_OK;
}

char *add_source(ngx_conf_t *cf, LocationConf &conf, const Words &args)
{
    CredentialSource source;
    const std::string_view what = args[1];
    if (what.starts_with('$')) {
        source.kind = CredentialSource::Kind::kVariable;
        source.name = what;
        if (!Template::compile(cf, what, source.variable)) {
            return failed();
        }
    } else if (const auto name = parameter(what, "header")) {
        source.name = *name;
        source.bearer = equals_ignoring_case(*name, "Authorization");
    } else if (const auto argument = parameter(what, "query")) {
        source.kind = CredentialSource::Kind::kQuery;
        source.name = *argument;
    } else if (const auto cookie = parameter(what, "cookie")) {
        source.kind = CredentialSource::Kind::kCookie;
        source.name = *cookie;
    } else {
        return conf_error(cf, "invalid source \"" + std::string(what)
                                  + "\": write header=NAME, query=NAME, cookie=NAME or $variable");
    }
    if (source.name.empty()) {
        return conf_error(cf, "\"" + std::string(what) + "\" lacks a name");
    }
    if (args.size() == 3) {
        const auto scheme = parameter(args[2], "scheme");
        if (source.kind != CredentialSource::Kind::kHeader || !scheme
            || (!equals_ignoring_case(*scheme, "Bearer") && *scheme != "none"))
        {
            return conf_error(cf, "invalid \"" + std::string(args[2])
                                      + "\": a header may have scheme=Bearer or scheme=none");
        }
        source.bearer = *scheme != "none";
    }
    if (source.kind == CredentialSource::Kind::kHeader && known_to_nginx(source.name)
        && !equals_ignoring_case(source.name, "Authorization"))
    {
        return conf_error(
            cf, "\"" + source.name + "\" means something else to nginx and cannot hold a token"
                    + (equals_ignoring_case(source.name, "Cookie") ? ": use cookie=NAME"
                                                                   : ": use another header"));
    }
    if (!source.index_variables(cf)) {
        return failed();
    }
    conf.sources.push_back(std::move(source));
    return NGX_CONF_OK;
}

char *set_challenge(ngx_conf_t *cf, LocationConf &conf, std::string_view text)
{
    if (conf.challenge) {
        return duplicate();
    }
    if (text == "on" || text == "off") {
        conf.challenge =
            text == "on" ? LocationConf::Challenge::kOn : LocationConf::Challenge::kOff;
        return NGX_CONF_OK;
    }
    if (!is_header_safe(text) || text.empty()) {
        return conf_error(cf, "the challenge is empty or holds control characters");
    }
    conf.challenge = LocationConf::Challenge::kText;
    return Template::compile(cf, text, conf.challenge_text) ? NGX_CONF_OK : failed();
}

char *set_codes(ngx_conf_t *cf, LocationConf &conf, const Words &args)
{
    if (conf.codes) {
        return duplicate();
    }
    StatusCodes codes;
    struct Parameter {
        std::string_view name;
        std::vector<ngx_uint_t *> targets;
    };
    // no_match first: the finer ones refine it, wherever they stand
    const std::array parameters = {
        Parameter{"no_match",
                  {&codes.invalid_request, &codes.invalid, &codes.forbidden, &codes.unavailable}},
        Parameter{"not_supplied", {&codes.not_supplied}},
        Parameter{"invalid", {&codes.invalid}},
        Parameter{"forbidden", {&codes.forbidden}},
        Parameter{"unavailable", {&codes.unavailable}},
    };
    std::vector<std::string_view> unknown(args.begin() + 1, args.end());
    for (const Parameter &known : parameters) {
        for (const std::string_view word : args) {
            const auto text = parameter(word, known.name);
            if (!text) {
                continue;
            }
            std::erase(unknown, word);
            const ngx_uint_t code = status_code(*text);
            if (code == 0) {
                return conf_error(cf, "invalid \"" + std::string(word)
                                          + "\": " + std::string(kStatusCure));
            }
            for (ngx_uint_t *target : known.targets) {
                *target = code;
            }
        }
    }
    if (!unknown.empty()) {
        return conf_error(cf, "unknown parameter \"" + std::string(unknown.front())
                                  + "\": use not_supplied, invalid, forbidden, unavailable or "
                                    "no_match");
    }
    conf.codes = codes;
    return NGX_CONF_OK;
}

char *add_variables(ngx_conf_t *cf, LocationConf &conf, Words args)
{
    VariableRequirement wanted;
    if (!take_error(cf, args, wanted.status)) {
        return failed();
    }
    if (args.size() < 2) {
        return conf_error(cf, "\"token_require\" needs a variable");
    }
    for (std::size_t i = 1; i < args.size(); ++i) {
        Template variable;
        if (!Template::compile(cf, args[i], variable)) {
            return failed();
        }
        if (variable.is_static()) {
            return conf_error(cf, "\"" + std::string(args[i])
                                      + "\" holds no variable: it would always have one outcome");
        }
        wanted.variables.push_back(variable);
    }
    conf.requires_variables.push_back(std::move(wanted));
    return NGX_CONF_OK;
}

char *add_claim(ngx_conf_t *cf, LocationConf &conf, Words args)
{
    ngx_uint_t status = 0;
    if (!take_error(cf, args, status)) {
        return failed();
    }
    std::string_view delimiter;
    const auto delimited = std::ranges::find_if(
        args, [](std::string_view word) { return word.starts_with("delimiter="); });
    if (delimited != args.end()) {
        delimiter = *parameter(*delimited, "delimiter");
        if (policy::delimiter_from_name(delimiter) == 0) {
            return conf_error(cf, "unknown delimiter \"" + std::string(delimiter)
                                      + "\": use SPACE, COMMA, PERIOD, PLUS, COLON, SEMI-COLON, "
                                        "VERTICAL-BAR, FORWARD-SLASH, BACK-SLASH, HYPHEN or "
                                        "UNDERSCORE");
        }
        args.erase(delimited);
    }
    if (args.size() < 3) {
        return conf_error(cf, "\"token_require_claim\" needs a path and an operator");
    }
    std::expected<token::ClaimPath, std::string> path = token::ClaimPath::parse(args[1]);
    if (!path) {
        return conf_error(cf, "invalid path \"" + std::string(args[1]) + "\": " + path.error());
    }
    std::vector<Template> values;
    const std::span<const std::string_view> texts = std::span(args).subspan(3);
    std::vector<std::uint8_t> with_variables;  // vector<bool> gives no span
    // a pattern may end in '$', and a JSON literal may hold one
    const bool is_pattern = args[2] == "match" || args[2] == "!match";
    for (const std::string_view text : texts) {
        Template value;
        const bool literal = is_pattern || text.starts_with("json=");
        if (!(literal ? Template::literal(cf, text, value) : Template::compile(cf, text, value))) {
            return failed();
        }
        with_variables.push_back(value.is_static() ? 0 : 1);
        values.push_back(value);
    }
    const auto flags = std::make_unique<bool[]>(texts.size());
    std::ranges::copy(with_variables, flags.get());
    auto requirement =
        policy::Requirement::compile(std::move(*path), args[2], texts, {flags.get(), texts.size()},
                                     delimiter, compile_pattern, cf);
    if (!requirement) {
        return conf_error(cf, requirement.error());
    }
    conf.requires_claims.push_back(std::make_shared<const ClaimRequirement>(ClaimRequirement{
        .requirement = std::move(*requirement), .values = std::move(values), .status = status}));
    return NGX_CONF_OK;
}

char *add_scopes(ngx_conf_t *cf, LocationConf &conf, Words args)
{
    ScopeRequirement wanted;
    if (!take_error(cf, args, wanted.status)) {
        return failed();
    }
    for (std::size_t i = 1; i < args.size(); ++i) {
        if (args[i] == "any") {
            wanted.any = true;
            continue;
        }
        if (!token::is_scope(args[i])) {
            return conf_error(cf, "\"" + std::string(args[i]) + "\" is not a scope");
        }
        wanted.joined += (wanted.joined.empty() ? "" : " ") + std::string(args[i]);
        wanted.scopes.emplace_back(args[i]);
    }
    if (wanted.scopes.empty()) {
        return conf_error(cf, "\"token_require_scope\" needs a scope");
    }
    conf.requires_scopes.push_back(std::move(wanted));
    return NGX_CONF_OK;
}

char *set_forwards(ngx_conf_t *cf, LocationConf &conf, const Words &args)
{
    if (conf.forwards) {
        return duplicate();
    }
    std::vector<ForwardedClaim> forwards;
    std::string prefix = "X-Token-";
    auto add = [&](std::string_view text, std::string_view header) -> std::string {
        std::expected<token::ClaimPath, std::string> path = token::ClaimPath::parse(text);
        if (!path) {
            return "invalid path \"" + std::string(text) + "\": " + path.error();
        }
        std::string name = header.empty() ? prefix + path->header_suffix() : std::string(header);
        const bool legal = std::ranges::all_of(name, [](char c) {
            return ngx_tolower(c) != ngx_toupper(c) || (c >= '0' && c <= '9') || c == '-'
                   || c == '_';
        });
        if (name.empty() || !legal) {
            return "\"" + name + "\" cannot be a header's name: use letters, digits and hyphens";
        }
        if (known_to_nginx(name)) {
            return "\"" + name + "\" means something else to nginx: choose another header";
        }
        const bool twice = std::ranges::any_of(forwards, [&](const ForwardedClaim &other) {
            return same_header_name(other.header, name);
        });
        if (twice) {
            return "\"" + name + "\" is the header of two claims";
        }
        const ngx_int_t variable = header_variable_index(cf, name);
        if (variable == NGX_ERROR) {
            return "no memory";
        }
        forwards.push_back(
            {.path = std::move(*path), .header = std::move(name), .variable = variable});
        return {};
    };
    for (std::size_t i = 1; i < args.size(); ++i) {
        const std::string_view word = args[i];
        std::string problem;
        if (word == "off") {
            problem = args.size() == 2 ? "" : "\"off\" stands alone";
        } else if (const auto text = parameter(word, "prefix")) {
            prefix = *text;
        } else if (word == "default") {
            for (const std::string_view claim : {"exp", "scope", "username"}) {
                problem = problem.empty() ? add(claim, {}) : problem;
            }
        } else {
            // a quoted key of the path may hold '=', a header's name may not
            const std::size_t equals = word.ends_with(']') ? word.npos : word.rfind('=');
            problem = equals == word.npos ? add(word, {})
                      : equals + 1 == word.size()
                          ? "\"" + std::string(word) + "\" lacks a header's name"
                          : add(word.substr(0, equals), word.substr(equals + 1));
        }
        if (!problem.empty()) {
            return conf_error(cf, problem);
        }
    }
    if (forwards.empty() && args[1] != "off") {
        return conf_error(cf, "\"token_forward_claims\" needs a claim, default, or off");
    }
    conf.forwards = std::move(forwards);
    return NGX_CONF_OK;
}

char *set_policies(ngx_conf_t *cf, LocationConf &conf, const Words &args)
{
    if (conf.authorize) {
        return duplicate();
    }
    LocationConf::Authorize authorize{.names = {}, .place = Place::of(cf)};
    for (std::size_t i = 1; i < args.size(); ++i) {
        if (std::ranges::find(authorize.names, args[i]) != authorize.names.end()) {
            return conf_error(cf, "policy \"" + std::string(args[i]) + "\" is named twice");
        }
        authorize.names.emplace_back(args[i]);
    }
    if (authorize.names.size() > 1
        && (std::ranges::find(authorize.names, "off") != authorize.names.end()
            || std::ranges::find(authorize.names, "*") != authorize.names.end()))
    {
        return conf_error(cf, "\"off\" and \"*\" in \"token_authorize\" stand alone");
    }
    if (authorize.names.front() == "off") {
        authorize.names.clear();
    }
    conf.authorize = std::move(authorize);
    return NGX_CONF_OK;
}

char *set_policy_debug(ngx_conf_t *cf, LocationConf &conf, std::string_view word)
{
    if (conf.policy_debug) {
        return duplicate();
    }
    if (word != "on" && word != "off") {
        return conf_error(cf, "invalid value \"" + std::string(word) + "\": use on or off");
    }
    conf.policy_debug = word == "on";
    if (word == "on") {
        conf_warning(cf, "\"token_policy_debug on\" shows claims, headers and policies to whoever "
                         "asks: keep it away from production");
    }
    return NGX_CONF_OK;
}

char *set_forward_token(ngx_conf_t *cf, LocationConf &conf, std::string_view word)
{
    if (conf.forwards_token) {
        return duplicate();
    }
    using ForwardToken = LocationConf::ForwardToken;
    if (word == "off" || word == "on") {
        conf.forwards_token = word == "on" ? ForwardToken::kOn : ForwardToken::kOff;
    } else if (word == "introspected") {
        conf.forwards_token = ForwardToken::kIntrospected;
    } else {
        return conf_error(cf, "invalid value \"" + std::string(word)
                                  + "\": use off, on or introspected");
    }
    return NGX_CONF_OK;
}

}  // namespace

}  // namespace token_introspect::nginx

using namespace token_introspect::nginx;

extern "C" {

char *ti_token_introspect(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return directive(cf,
                     [&](const auto &args) { return set_introspectors(cf, location(conf), args); });
}

char *ti_token_source(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return directive(cf, [&](const auto &args) { return add_source(cf, location(conf), args); });
}

char *ti_token_realm(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return directive(cf, [&](const auto &args) -> char * {
        if (location(conf).realm) {
            return duplicate();
        }
        Template realm;
        if (!Template::compile(cf, args[1] == "off" ? "" : args[1], realm)) {
            return failed();
        }
        location(conf).realm = realm;
        return NGX_CONF_OK;
    });
}

char *ti_token_challenge(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return directive(cf,
                     [&](const auto &args) { return set_challenge(cf, location(conf), args[1]); });
}

char *ti_token_error_code(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return directive(cf, [&](const auto &args) { return set_codes(cf, location(conf), args); });
}

char *ti_token_require(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return directive(cf, [&](const auto &args) { return add_variables(cf, location(conf), args); });
}

char *ti_token_require_claim(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return directive(cf, [&](const auto &args) { return add_claim(cf, location(conf), args); });
}

char *ti_token_require_scope(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return directive(cf, [&](const auto &args) { return add_scopes(cf, location(conf), args); });
}

char *ti_token_forward_claims(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return directive(cf, [&](const auto &args) { return set_forwards(cf, location(conf), args); });
}

char *ti_token_forward_token(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return directive(
        cf, [&](const auto &args) { return set_forward_token(cf, location(conf), args[1]); });
}

char *ti_token_exchange(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return directive(cf, [&](const auto &args) -> char * {
        if (location(conf).exchange) {
            return duplicate();
        }
        location(conf).exchange = {.name = std::string(args[1] == "off" ? "" : args[1]),
                                   .place = Place::of(cf)};
        return NGX_CONF_OK;
    });
}

char *ti_token_authorize(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return directive(cf, [&](const auto &args) { return set_policies(cf, location(conf), args); });
}

char *ti_token_policy_debug(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return directive(
        cf, [&](const auto &args) { return set_policy_debug(cf, location(conf), args[1]); });
}

}  // extern "C"
