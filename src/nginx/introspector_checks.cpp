#include "nginx/introspector_block.hpp"

#include "flow/user_uri.hpp"
#include "token/metadata.hpp"

#include <algorithm>
#include <array>

// What depends on more than one directive of a token_introspector block.

namespace token_introspect::nginx {

namespace {

constexpr std::size_t kShortSecret = 32;  // bytes below which a secret is short
constexpr std::string_view kFormsAuthenticationCookie = ".ASPXAUTH";

}  // namespace

std::string IntrospectorBlock::check_sources()
{
    // The metadata of an opaque one may be there for its endpoint alone.
    const bool discovers_keys =
        has("discovery") && (introspector_.kind == flow::Kind::kJwt || introspector_.keys.empty());
    const int kinds = (has("secret") || has("secret_file")) + has("key") + has("jwks_file")
                      + (has("jwks_uri") || discovers_keys);
    if (!introspector_.verifies()) {
        if (!introspector_.keys.empty() || has("jwks_uri")) {
            return "keys serve an introspector of type jwt, or one with \"response jwt\": this one "
                   "has an introspection_endpoint that answers with JSON; to accept JWTs without "
                   "asking, make two introspectors and list both in token_introspect";
        }
        return {};
    }
    if (introspector_.issued_by) {
        return {};
    }
    const std::string what =
        introspector_.kind == flow::Kind::kJwt ? "an introspector of type jwt" : "\"response jwt\"";
    if (has("secret") && has("secret_file")) {
        return "\"secret\" and \"secret_file\" exclude each other";
    }
    if (kinds == 0) {
        return what + " needs keys: one of secret, key, jwks_file, jwks_uri or discovery";
    }
    if (kinds > 1) {
        return "\"secret\", \"key\", \"jwks_file\" and \"jwks_uri\" (or \"discovery\") exclude "
               "each "
               "other: keep one";
    }
    return {};
}

std::string IntrospectorBlock::check_issuer()
{
    const auto &issuers = introspector_.rules.issuers;
    if (discovers_from_issuer_) {
        if (issuers.size() != 1) {
            return "\"discovery on\" needs exactly one issuer to derive the address from";
        }
        const std::string &issuer = issuers.front();
        if (!token::parse_url(issuer)) {
            return "\"discovery on\" needs an issuer that is an http or https URL: give the "
                   "metadata's address with discovery URL;";
        }
        introspector_.discovery_uris = {token::openid_configuration_url(issuer),
                                        token::authorization_server_metadata_url(issuer)};
    }
    if (introspector_.verifies() && introspector_.awaits_issuer()
        && introspector_.discovery_uris.empty())
    {
        return introspector_.kind == flow::Kind::kJwt
                   ? "an introspector of type jwt needs an issuer: issuer https://…; (or issuer *; "
                     "to accept every issuer)"
                   : "\"response jwt\" needs an issuer, whose signed answers these are: issuer "
                     "https://…; (or issuer *; to accept every issuer)";
    }
    return {};
}

std::string IntrospectorBlock::check_endpoint()
{
    if (introspector_.kind == flow::Kind::kOpaque && !has("introspection_endpoint")
        && !has("discovery"))
    {
        return "an introspector of type opaque needs an introspection_endpoint (or discovery)";
    }
    return {};
}

std::string IntrospectorBlock::check_issued() const
{
    constexpr std::array settled = {"issuer",    "algorithms",  "token_types",
                                    "secret",    "secret_file", "key",
                                    "jwks_file", "jwks_uri",    "discovery"};
    for (const std::string_view name : settled) {
        if (introspector_.issued_by && has(name)) {
            return quote(name)
                   + " is settled by the token_issuer: remove it from this introspector of type "
                     "issued";
        }
    }
    return {};
}

// A directive that has no effect here would be a mistake that nobody sees.
std::string IntrospectorBlock::check_kind()
{
    if (std::string problem = check_issued(); !problem.empty()) {
        return problem;
    }
    constexpr std::array for_opaque = {"introspection_endpoint",
                                       "authorization",
                                       "authorization_file",
                                       "client_id",
                                       "client_secret",
                                       "client_secret_file",
                                       "client_auth",
                                       "token_type_hint",
                                       "response",
                                       "cache_inactive_ttl"};
    constexpr std::array for_jwt = {"cache_verified_jwt", "algorithms", "token_types"};
    const bool jwt = introspector_.kind == flow::Kind::kJwt;
    std::span<const char *const> others =
        jwt ? std::span<const char *const>(for_opaque) : std::span<const char *const>(for_jwt);
    if (!jwt && introspector_.signed_response) {
        others = others.first(1);  // keys and their like serve to verify the answers
    }
    for (const std::string_view name : others) {
        // the user_endpoint of a jwt introspector has credentials and answers that are remembered
        if (has("user_endpoint")
            && (name.starts_with("client_") || name.starts_with("authorization")
                || name == "cache_inactive_ttl"))
        {
            continue;
        }
        if (has(name)) {
            return quote(name) + " serves an introspector of type " + (jwt ? "opaque" : "jwt")
                   + ", this one is of type " + std::string(type_name());
        }
    }
    if (has("cookie") && !is_cookie_) {
        return "\"cookie\" serves an introspector of type cookie: write type cookie;";
    }
    return {};
}

std::string IntrospectorBlock::check_response_audience()
{
    if (introspector_.signed_response && introspector_.response_audience.empty()) {
        if (!has("client_id")) {
            return "\"response jwt\" needs to know how the aud of an answer names this resource "
                   "server: client_id NAME; or response jwt audience=NAME;";
        }
        introspector_.response_audience = introspector_.credentials.id;
    }
    return {};
}

std::string IntrospectorBlock::check_algorithms()
{
    const bool has_secret = has("secret") || has("secret_file");
    if (has_secret && introspector_.algorithms.empty()) {
        introspector_.algorithms.add(jose::Algorithm::kHS256);
    }
    if (has_secret && (introspector_.algorithms & jose::kHmacAlgorithms).empty()) {
        return "a secret serves HS256, HS384 and HS512 only: \"algorithms\" permits none of them";
    }
    return {};
}

std::string IntrospectorBlock::check_stale()
{
    const cache::StaleUse &use = introspector_.stale_use;
    if (!use.on_error && !use.on_timeout && !use.while_updating) {
        return {};
    }
    if (introspector_.cache_ttl_ms == 0) {
        return "\"cache_use_stale\" has nothing to serve while cache_ttl is off";
    }
    if (introspector_.kind == flow::Kind::kJwt && !introspector_.has_remote_keys()
        && !has("user_endpoint"))
    {
        return "\"cache_use_stale\" serves introspectors that fetch something, and this one's keys "
               "are here";
    }
    return {};
}

void IntrospectorBlock::set_fingerprints()
{
    complete();

    // the name counts: /keys may be another location in the servers of another introspector
    std::vector<std::string_view> parts = {introspector_.name};
    std::ranges::sort(document_words_);
    for (const std::vector<std::string> &directive : document_words_) {
        parts.emplace_back();
        parts.insert(parts.end(), directive.begin(), directive.end());
    }
    introspector_.document_identity = fingerprint_of(parts);
}

std::string IntrospectorBlock::finish(MainConf &conf, bool &logged)
{
    if (is_cookie_ && introspector_.cookie.empty()) {
        introspector_.cookie = kFormsAuthenticationCookie;
    }
    if (!has("type")) {
        introspector_.kind = has("introspection_endpoint") ? flow::Kind::kOpaque : flow::Kind::kJwt;
    }
    using B = IntrospectorBlock;
    static constexpr auto checks = std::to_array<std::string (B::*)()>(
        {&B::check_kind, &B::check_sources, &B::check_endpoint, &B::check_issuer, &B::check_client,
         &B::check_response_audience, &B::check_algorithms, &B::check_stale});
    for (const auto check : checks) {
        if (std::string problem = (this->*check)(); !problem.empty()) {
            return problem;
        }
    }
    if (introspector_.kind == flow::Kind::kOpaque) {
        // RFC 7662 section 2.2: both are optional in an answer
        introspector_.rules.require_iss = false;
        introspector_.rules.require_exp = introspector_.rules.require_exp && has("require_exp");
    }
    const bool asks_for_users = has("user_endpoint") || introspector_.kind == flow::Kind::kJwt;
    if (!has("user_claim") && asks_for_users) {
        introspector_.user_claims = {"sub"};
        if (!introspector_.issued_by) {
            introspector_.user_claims.insert(introspector_.user_claims.begin(), "box_user");
        }
    }
    introspector_.index = conf.introspectors.size();
    introspector_.limits.json.bytes =
        std::max(introspector_.limits.json.bytes, introspector_.response_size);
    set_fingerprints();

    auto state = flow::IntrospectorState::load(introspector_);
    if (!state) {
        return state.error();
    }
    for (const jose::Key &loaded : state->keys().keys()) {
        if (loaded.secret_size() != 0 && loaded.secret_size() < kShortSecret && !allow_short_) {
            conf_warning(cf_, "token_introspector " + quote(introspector_.name)
                                  + ": the HMAC secret has fewer than 32 bytes and can be guessed; "
                                    "use a longer one, or secret … allow_short; to silence this");
        }
    }
    if (!introspector_.algorithms.empty() && !state->keys().keys().empty()
        && std::ranges::none_of(state->keys().keys(), [&](const jose::Key &loaded) {
               return !(loaded.algorithms() & introspector_.algorithms).empty();
           }))
    {
        return "no key serves any of the algorithms that \"algorithms\" permits";
    }
    std::vector<std::string> urls;
    for (const std::string &uri : introspector_.discovery_uris) {
        urls.push_back(uri);
    }
    urls.push_back(introspector_.jwks_uri);
    urls.push_back(introspector_.introspection_endpoint);
    if (has("user_endpoint")) {
        urls.push_back(flow::user_uri(introspector_.user_endpoint, "id"));
    }
    std::erase_if(urls, [](const std::string &uri) { return uri.empty() || uri[0] == '/'; });
    if (!urls.empty() || !introspector_.discovery_uris.empty()) {
        std::string problem =
            make_transport("token_introspect_" + std::to_string(introspector_.index), urls, logged);
        if (logged || !problem.empty()) {
            return problem;
        }
    }
    conf.states.push_back(std::move(*state));
    conf.introspectors.push_back(std::move(*configured_));
    return {};
}

}  // namespace token_introspect::nginx
