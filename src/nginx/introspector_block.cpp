#include "nginx/introspector_block.hpp"

#include "flow/user_uri.hpp"
#include "nginx/bridge.h"
#include "nginx/key_words.hpp"
#include "token/http_text.hpp"
#include "token/metadata.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace token_introspect::nginx {

namespace {

// Directives that change neither which documents are fetched nor who is believed to send them: what
// a document says is judged anew under the words of the day. All others count, so that a set which
// came without ssl_verify is not believed once it is on, and a new directive is careful by itself.
bool concerns_documents(std::string_view directive) noexcept
{
    static constexpr auto others = std::to_array<std::string_view>({"audience",
                                                                    "algorithms",
                                                                    "introspection_endpoint",
                                                                    "authorization",
                                                                    "authorization_file",
                                                                    "client_id",
                                                                    "client_secret",
                                                                    "client_secret_file",
                                                                    "client_auth",
                                                                    "token_type_hint",
                                                                    "leeway",
                                                                    "require_exp",
                                                                    "token_types",
                                                                    "cache_ttl",
                                                                    "cache_inactive_ttl",
                                                                    "cache_use_stale",
                                                                    "cache_stale_ttl",
                                                                    "cache_verified_jwt",
                                                                    "connect_timeout",
                                                                    "send_timeout",
                                                                    "read_timeout",
                                                                    "response_size",
                                                                    "resolver_timeout",
                                                                    "zone",
                                                                    "user_claim",
                                                                    "user_endpoint",
                                                                    "cookie"});
    return std::ranges::find(others, directive) == others.end();
}

}  // namespace

IntrospectorBlock::IntrospectorBlock(ngx_conf_t *cf, std::string_view name, Place place)
    : IntrospectorBlock(cf, std::make_unique<ConfiguredIntrospector>(), name, std::move(place))
{}

IntrospectorBlock::IntrospectorBlock(ngx_conf_t *cf,
                                     std::unique_ptr<ConfiguredIntrospector> configured,
                                     std::string_view name, Place place)
    : PeerBlock(cf, *configured, name, std::move(place)),
      configured_(std::move(configured)),
      introspector_(configured_->introspector)
{
    introspector_.token_types = {"JWT", "at+jwt", ""};
}

std::string IntrospectorBlock::take(const Words &args)
{
    using B = IntrospectorBlock;
    using D = Directive<B>;
    static constexpr std::array directives = {
        D{"type", 1, 2, &B::type},
        D{"issuer", 1, kMany, &B::issuer},
        D{"audience", 1, kMany, &B::audience},
        D{"algorithms", 1, kMany, &B::algorithms},
        D{"secret", 1, 2, &B::secret},
        D{"secret_file", 1, 2, &B::secret},
        D{"key", 1, 5, &B::key},
        D{"jwks_file", 1, 1, &B::jwks_file},
        D{"jwks_uri", 1, 1, &B::jwks_uri},
        D{"discovery", 1, 1, &B::discovery},
        D{"introspection_endpoint", 1, 1, &B::introspection_endpoint},
        D{"token_type_hint", 1, 1, &B::token_type_hint},
        D{"response", 1, 2, &B::response},
        D{"leeway", 1, 1, &B::leeway},
        D{"require_exp", 1, 1, &B::require_exp},
        D{"token_types", 1, kMany, &B::token_types},
        D{"cache_inactive_ttl", 1, 1, &B::cache_inactive_ttl},
        D{"cache_verified_jwt", 1, 1, &B::cache_verified_jwt},
        D{"cache_use_stale", 1, 3, &B::cache_use_stale},
        D{"cache_stale_ttl", 1, 1, &B::cache_stale_ttl},
        D{"decryption_key", 1, 5, &B::decryption_key},
        D{"user_claim", 1, kMany, &B::user_claim},
        D{"user_endpoint", 1, 1, &B::user_endpoint},
        D{"cookie", 1, 1, &B::cookie},
    };
    std::string problem = take_as<B>(*this, directives, args);
    if (problem.empty() && concerns_documents(args[0])) {
        document_words_.emplace_back(args.begin(), args.end());
    }
    return problem;
}

bool IntrospectorBlock::is_repeatable(std::string_view name) const noexcept
{
    return name == "key";
}

std::string IntrospectorBlock::decryption_key(const Words &args)
{
    return unsupported(args);
}

std::string IntrospectorBlock::type(const Words &args)
{
    if (args[1] == "issued") {
        return issued(args);
    }
    if (args.size() != 2) {
        return "invalid number of arguments in \"type\" directive";
    }
    if (args[1] == "jwt") {
        introspector_.kind = flow::Kind::kJwt;
    } else if (args[1] == "opaque") {
        introspector_.kind = flow::Kind::kOpaque;
    } else if (args[1] == "cookie") {
        introspector_.kind = flow::Kind::kOpaque;
        is_cookie_ = true;
    } else {
        return invalid_word(args, 1, "use jwt, opaque, cookie or issued");
    }
    return {};
}

std::string IntrospectorBlock::issued(const Words &args)
{
    if (args.size() != 3) {
        return "\"type issued\" needs the name of a token_issuer: type issued NAME;";
    }
    const ConfiguredIssuer *found = main_conf(cf_)->find_issuer(args[2]);
    if (found == nullptr) {
        return unknown_issuer(args[2], "type issued");
    }
    introspector_.kind = flow::Kind::kJwt;
    introspector_.issued_by = found->issuer.index;
    introspector_.rules.issuers = {found->issuer.issuer};
    introspector_.token_types = {"at+jwt"};
    introspector_.keys = found->issuer.signing_keys;
    for (jose::KeySource &source : introspector_.keys) {
        source.signing_format = std::exchange(source.format, jose::KeyFormat::kSigning);
    }
    return {};
}

std::string IntrospectorBlock::issuer(const Words &args)
{
    for (std::size_t i = 1; i < args.size(); ++i) {
        if (args[i] == "*") {
            introspector_.rules.any_issuer = true;
        } else if (args[i].empty()) {
            return "an issuer cannot be empty";
        } else {
            introspector_.rules.issuers.emplace_back(args[i]);
        }
    }
    if (introspector_.rules.any_issuer && args.size() > 2) {
        return "\"issuer *\" stands alone: it accepts every issuer";
    }
    return {};
}

std::string IntrospectorBlock::audience(const Words &args)
{
    introspector_.rules.audiences.assign(args.begin() + 1, args.end());
    return {};
}

std::string IntrospectorBlock::algorithms(const Words &args)
{
    for (std::size_t i = 1; i < args.size(); ++i) {
        const std::optional<jose::Algorithm> algorithm = jose::algorithm_from_name(args[i]);
        if (!algorithm) {
            return invalid_word(args, i,
                                args[i] == "none"
                                    ? "unsigned tokens are never accepted"
                                    : "use HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, "
                                      "PS512, ES256, ES384, ES512, ES256K or EdDSA");
        }
        introspector_.algorithms.add(*algorithm);
    }
    return {};
}

std::string IntrospectorBlock::secret(const Words &args)
{
    if (args.size() == 3) {
        if (args[2] != "allow_short") {
            return invalid_word(args, 2, "only allow_short may follow the secret");
        }
        allow_short_ = true;
    }
    jose::KeySource source;
    source.from_file = args[0] == "secret_file";
    source.value = source.from_file ? full_path(cf_, args[1]) : std::string(args[1]);
    source.format = jose::KeyFormat::kPlain;
    source.options.allow_short = true;  // short ones are warned about
    introspector_.keys.push_back(std::move(source));
    return {};
}

std::string IntrospectorBlock::key(const Words &args)
{
    static constexpr std::array<std::string_view, 4> parameters = {"alg", "kty", "format", "kid"};
    static constexpr std::array<std::string_view, 4> formats = {"PEM", "plain", "base64url", "JWK"};
    jose::KeySource source;
    source.options.allow_short = true;
    std::string problem = read_key_words(cf_, args, parameters, formats, source);
    introspector_.keys.push_back(std::move(source));
    return problem;
}

std::string IntrospectorBlock::jwks_file(const Words &args)
{
    jose::KeySource source;
    source.from_file = true;
    source.value = full_path(cf_, args[1]);
    source.format = jose::KeyFormat::kJwkSet;
    introspector_.keys.push_back(std::move(source));
    return {};
}

std::string IntrospectorBlock::jwks_uri(const Words &args)
{
    introspector_.jwks_uri = args[1];
    return check_uri(args, 1);
}

std::string IntrospectorBlock::discovery(const Words &args)
{
    if (args[1] == "off") {
        forget("discovery");
        return {};
    }
    if (args[1] == "on") {
        discovers_from_issuer_ = true;
        return {};
    }
    introspector_.discovery_uris = {std::string(args[1])};
    return check_uri(args, 1);
}

std::string IntrospectorBlock::introspection_endpoint(const Words &args)
{
    introspector_.introspection_endpoint = args[1];
    return check_uri(args, 1);
}

std::string IntrospectorBlock::token_type_hint(const Words &args)
{
    introspector_.token_type_hint = args[1];
    return args[1] == "access_token" || args[1] == "refresh_token"
               ? ""
               : invalid_word(args, 1, "use access_token or refresh_token");
}

std::string IntrospectorBlock::response(const Words &args)
{
    if (args[1] != "json" && args[1] != "jwt") {
        return invalid_word(args, 1, "use json or jwt");
    }
    introspector_.signed_response = args[1] == "jwt";
    if (args.size() == 3) {
        const auto audience = parameter(args[2], "audience");
        if (!audience || audience->empty() || !introspector_.signed_response) {
            return invalid_word(args, 2, "only audience=NAME may follow, and only jwt");
        }
        introspector_.response_audience = *audience;
    }
    return {};
}

std::string IntrospectorBlock::leeway(const Words &args)
{
    const auto ms = parse_time(args[1]);
    if (!ms || *ms > kMostSeconds * 1000) {
        return invalid_word(args, 1, "use a time of at most a day, such as 30s");
    }
    introspector_.rules.leeway_s = static_cast<std::int64_t>(*ms / 1000);
    return {};
}

std::string IntrospectorBlock::require_exp(const Words &args)
{
    return read_flag(args, introspector_.rules.require_exp);
}

std::string IntrospectorBlock::cache_verified_jwt(const Words &args)
{
    return read_flag(args, introspector_.cache_verified_jwt);
}

std::string IntrospectorBlock::cache_inactive_ttl(const Words &args)
{
    return read_ttl(args, introspector_.cache_inactive_ttl_ms);
}

std::string IntrospectorBlock::token_types(const Words &args)
{
    introspector_.token_types.clear();
    for (std::size_t i = 1; i < args.size(); ++i) {
        introspector_.token_types.emplace_back(args[i] == "none" ? "" : args[i]);
    }
    return {};
}

std::string IntrospectorBlock::cache_use_stale(const Words &args)
{
    cache::StaleUse &use = introspector_.stale_use;
    for (std::size_t i = 1; i < args.size(); ++i) {
        if (args[i] == "error") {
            use.on_error = true;
        } else if (args[i] == "timeout") {
            use.on_timeout = true;
        } else if (args[i] == "updating") {
            use.while_updating = true;
        } else if (args[i] != "off" || args.size() > 2) {
            return invalid_word(args, i, "use error, timeout and updating, or off alone");
        }
    }
    return {};
}

std::string IntrospectorBlock::cache_stale_ttl(const Words &args)
{
    const auto ms = parse_time(args[1]);
    if (!ms || *ms < 1000 || *ms > kMostSeconds * 1000) {
        return invalid_word(args, 1, "use a time from 1s to 86400s");
    }
    introspector_.stale_ttl_ms = *ms;
    return {};
}

std::string IntrospectorBlock::user_claim(const Words &args)
{
    introspector_.user_claims.assign(args.begin() + 1, args.end());
    return {};
}

std::string IntrospectorBlock::user_endpoint(const Words &args)
{
    introspector_.user_endpoint = args[1];
    // what stands for the id is no part of an address yet
    const std::string with_id = flow::user_uri(args[1], "id");
    const bool in_path = with_id.starts_with('/') || token::parse_url(with_id);
    return in_path && !with_id.contains('$')
               ? ""
               : invalid_word(
                     args, 1,
                     "use an internal location (/name/) or an absolute http:// or https:// "
                     "URL, to which the id is added, or which holds it as $token_user_id");
}

std::string IntrospectorBlock::cookie(const Words &args)
{
    if (args[1].empty() || !std::ranges::all_of(args[1], token::is_token_character)) {
        return invalid_word(args, 1, "use the name of a cookie");
    }
    introspector_.cookie = args[1];
    return {};
}

std::string_view IntrospectorBlock::type_name() const noexcept
{
    if (introspector_.kind == flow::Kind::kJwt) {
        return introspector_.issued_by ? "issued" : "jwt";
    }
    return is_cookie_ ? "cookie" : "opaque";
}

std::string check_introspector_name(const MainConf &conf, std::string_view name)
{
    if (name.empty() || name == "off" || name == "optional") {
        return quote(name) + " cannot name an introspector";
    }
    if (conf.idle_introspectors.contains(name)) {
        return "token_introspector " + quote(name)
               + " is defined already, by a resource without jwt.iss";
    }
    if (const ConfiguredIntrospector *other = conf.find(name)) {
        return "token_introspector " + quote(name) + " is defined already in " + other->place.file
               + ":" + std::to_string(other->place.line);
    }
    return {};
}

namespace {

char *read_block(ngx_conf_t *cf, MainConf &conf)
{
    const std::string_view name = words(cf)[1];
    if (const std::string wrong = check_introspector_name(conf, name); !wrong.empty()) {
        return conf_error(cf, wrong);
    }
    IntrospectorBlock block(cf, name, Place::of(cf));
    return read_peer(cf, conf, name, block);
}

}  // namespace

std::string add_introspector(ngx_conf_t *cf, MainConf &conf, std::string_view name,
                             const std::vector<std::vector<std::string>> &lines, Place place)
{
    std::string problem = check_introspector_name(conf, name);
    IntrospectorBlock block(cf, name, std::move(place));
    for (auto line = lines.begin(); problem.empty() && line != lines.end(); ++line) {
        problem = block.take(Words(line->begin(), line->end()));
    }
    bool logged = false;
    if (problem.empty()) {
        problem = block.finish(conf, logged);
    }
    return logged ? "the introspector cannot be set up" : problem;
}

}  // namespace token_introspect::nginx

using namespace token_introspect::nginx;

extern "C" {

char *ti_token_introspector(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return guarded(static_cast<char *>(NGX_CONF_ERROR),
                   [&] { return read_block(cf, *static_cast<MainConf *>(conf)); });
}

}  // extern "C"
