#include "nginx/introspector_block.hpp"

#include "base/crypto.hpp"
#include "base/text.hpp"
#include "flow/user_uri.hpp"
#include "token/http_text.hpp"
#include "token/metadata.hpp"

#include <algorithm>
#include <array>

namespace token_introspect::nginx {

namespace {

constexpr std::size_t kShortSecret = 32;  // bytes below which a secret is short
constexpr std::uint64_t kMostSeconds = 86400;
constexpr std::string_view kFormsAuthenticationCookie = ".ASPXAUTH";

std::string quote(std::string_view text)
{
    return "\"" + std::string(text) + "\"";
}

std::string invalid(const IntrospectorBlock::Words &args, std::size_t index, std::string_view cure)
{
    return "invalid value " + quote(args[index]) + " in " + quote(args[0]) + ": "
           + std::string(cure);
}

// An internal location or an absolute URL: the empty sentence.
std::string check_uri(const IntrospectorBlock::Words &args, std::size_t index)
{
    const std::string_view text = args[index];
    const bool internal = text.starts_with('/') && !text.starts_with("//");
    return internal || token::parse_url(text)
               ? ""
               : invalid(args, index,
                         "use an internal location (/name) or an absolute http:// or https:// URL "
                         "without user information or fragment");
}

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

// The first half of the parts' SHA-256.
std::array<std::uint8_t, 16> fingerprint_of(const std::vector<std::string_view> &parts)
{
    const std::optional<Sha256> digest = Sha256Hasher().of_parts(parts);
    if (!digest) {
        throw std::bad_alloc();
    }
    std::array<std::uint8_t, 16> out{};
    std::ranges::copy(std::span(*digest).first<16>(), out.begin());
    return out;
}

std::optional<jose::KeyType> key_type(std::string_view name) noexcept
{
    for (const auto type :
         {jose::KeyType::kRSA, jose::KeyType::kEC, jose::KeyType::kOKP, jose::KeyType::kOct})
    {
        if (equals_ignoring_case(name, jose::name(type))) {
            return type;
        }
    }
    return std::nullopt;
}

std::optional<flow::KeyFormat> key_format(std::string_view name) noexcept
{
    constexpr std::array<std::pair<std::string_view, flow::KeyFormat>, 4> formats = {{
        {"PEM", flow::KeyFormat::kPem},
        {"plain", flow::KeyFormat::kPlain},
        {"base64url", flow::KeyFormat::kBase64url},
        {"JWK", flow::KeyFormat::kJwk},
    }};
    for (const auto &[known, format] : formats) {
        if (equals_ignoring_case(name, known)) {
            return format;
        }
    }
    return std::nullopt;
}

}  // namespace

IntrospectorBlock::IntrospectorBlock(ngx_conf_t *cf, std::string_view name, Place place)
    : cf_(cf),
      introspector_(configured_.introspector)
{
    configured_.place = std::move(place);
    introspector_.name = name;
    introspector_.token_types = {"JWT", "at+jwt", ""};
    transcript_.emplace_back(name);
}

std::span<const IntrospectorBlock::Directive> IntrospectorBlock::directives() noexcept
{
    using B = IntrospectorBlock;
    constexpr std::size_t many = 64;
    static constexpr std::array table = {
        Directive{"type", 1, 1, &B::type},
        Directive{"issuer", 1, many, &B::issuer},
        Directive{"audience", 1, many, &B::audience},
        Directive{"algorithms", 1, many, &B::algorithms},
        Directive{"secret", 1, 2, &B::secret},
        Directive{"secret_file", 1, 2, &B::secret},
        Directive{"key", 1, 5, &B::key},
        Directive{"jwks_file", 1, 1, &B::jwks_file},
        Directive{"jwks_uri", 1, 1, &B::jwks_uri},
        Directive{"discovery", 1, 1, &B::discovery},
        Directive{"introspection_endpoint", 1, 1, &B::introspection_endpoint},
        Directive{"authorization", 1, 1, &B::authorization},
        Directive{"authorization_file", 1, 1, &B::authorization},
        Directive{"client_id", 1, 1, &B::client},
        Directive{"client_secret", 1, 1, &B::client},
        Directive{"client_secret_file", 1, 1, &B::client},
        Directive{"client_auth", 1, 1, &B::client_auth},
        Directive{"token_type_hint", 1, 1, &B::token_type_hint},
        Directive{"response", 1, 2, &B::response},
        Directive{"leeway", 1, 1, &B::leeway},
        Directive{"require_exp", 1, 1, &B::flag},
        Directive{"token_types", 1, many, &B::token_types},
        Directive{"cache_ttl", 1, 1, &B::cache_ttl},
        Directive{"cache_inactive_ttl", 1, 1, &B::cache_ttl},
        Directive{"cache_verified_jwt", 1, 1, &B::flag},
        Directive{"connect_timeout", 1, 1, &B::timeout},
        Directive{"send_timeout", 1, 1, &B::timeout},
        Directive{"read_timeout", 1, 1, &B::timeout},
        Directive{"response_size", 1, 1, &B::response_size},
        Directive{"resolver", 1, many, &B::resolver},
        Directive{"resolver_timeout", 1, 1, &B::resolver},
        Directive{"ssl_verify", 1, 1, &B::flag},
        Directive{"ssl_name", 1, 1, &B::ssl},
        Directive{"ssl_trusted_certificate", 1, 1, &B::ssl},
        Directive{"ssl_certificate", 1, 1, &B::ssl},
        Directive{"ssl_certificate_key", 1, 1, &B::ssl},
        Directive{"ssl_crl", 1, 1, &B::ssl},
        Directive{"ssl_protocols", 1, many, &B::ssl},
        Directive{"ssl_ciphers", 1, 1, &B::ssl},
        Directive{"zone", 1, 1, &B::zone},
        Directive{"client_key_file", 1, 1, &B::unsupported},
        Directive{"decryption_key", 1, 5, &B::unsupported},
        Directive{"cache_use_stale", 1, 3, &B::cache_use_stale},
        Directive{"cache_stale_ttl", 1, 1, &B::cache_stale_ttl},
        Directive{"max_waiting", 1, 1, &B::max_waiting},
        Directive{"user_claim", 1, many, &B::user_claim},
        Directive{"user_endpoint", 1, 1, &B::user_endpoint},
        Directive{"cookie", 1, 1, &B::cookie},
    };
    return table;
}

std::string IntrospectorBlock::take(const Words &args)
{
    const auto table = directives();
    const auto found =
        std::ranges::find_if(table, [&](const Directive &d) { return d.name == args[0]; });
    if (found == table.end()) {
        return "unknown directive " + quote(args[0]) + " in token_introspector";
    }
    if (args.size() - 1 < found->fewest || args.size() - 1 > found->most) {
        return "invalid number of arguments in " + quote(args[0]) + " directive";
    }
    if (!seen_.emplace(args[0]).second && args[0] != "key") {
        return quote(args[0]) + " directive is duplicate";
    }
    transcript_.emplace_back();  // words of two directives must not run together
    transcript_.insert(transcript_.end(), args.begin(), args.end());
    if (concerns_documents(args[0])) {
        document_words_.emplace_back(args.begin(), args.end());
    }
    return (this->*found->handler)(args);
}

std::string IntrospectorBlock::unsupported(const Words &args)
{
    return quote(args[0]) + " is not supported by this version of the module";
}

std::string IntrospectorBlock::type(const Words &args)
{
    if (args[1] == "jwt") {
        introspector_.kind = flow::Kind::kJwt;
    } else if (args[1] == "opaque") {
        introspector_.kind = flow::Kind::kOpaque;
    } else if (args[1] == "cookie") {
        introspector_.kind = flow::Kind::kOpaque;
        is_cookie_ = true;
    } else {
        return invalid(args, 1, "use jwt, opaque or cookie");
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
            return invalid(args, i,
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
            return invalid(args, 2, "only allow_short may follow the secret");
        }
        allow_short_ = true;
    }
    flow::KeySource source;
    source.from_file = args[0] == "secret_file";
    source.value = source.from_file ? full_path(cf_, args[1]) : std::string(args[1]);
    source.format = flow::KeyFormat::kPlain;
    source.options.allow_short = true;  // short ones are warned about
    introspector_.keys.push_back(std::move(source));
    return {};
}

std::string IntrospectorBlock::key(const Words &args)
{
    flow::KeySource source;
    source.from_file = args[1].starts_with("file:");
    source.value = source.from_file ? full_path(cf_, args[1].substr(5)) : std::string(args[1]);
    source.options.allow_short = true;
    for (std::size_t i = 2; i < args.size(); ++i) {
        if (const auto alg = parameter(args[i], "alg")) {
            source.options.algorithm = jose::algorithm_from_name(*alg);
            if (!source.options.algorithm) {
                return invalid(args, i, "unknown algorithm");
            }
        } else if (const auto kty = parameter(args[i], "kty")) {
            source.options.type = key_type(*kty);
            if (!source.options.type) {
                return invalid(args, i, "use kty=RSA, EC, OKP or OCT");
            }
        } else if (const auto kid = parameter(args[i], "kid")) {
            source.options.kid = *kid;
        } else if (const auto format = parameter(args[i], "format")) {
            const auto known = key_format(*format);
            if (!known) {
                return invalid(args, i, "use format=PEM, plain, base64url or JWK");
            }
            source.format = *known;
        } else {
            return invalid(args, i, "use alg=, kty=, format= or kid=");
        }
    }
    introspector_.keys.push_back(std::move(source));
    return {};
}

std::string IntrospectorBlock::jwks_file(const Words &args)
{
    flow::KeySource source;
    source.from_file = true;
    source.value = full_path(cf_, args[1]);
    source.format = flow::KeyFormat::kJwkSet;
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
        seen_.erase("discovery");
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

std::string IntrospectorBlock::authorization(const Words &args)
{
    if (args[0] == "authorization_file") {
        introspector_.authorization_file = full_path(cf_, args[1]);
        return {};
    }
    introspector_.credentials.authorization = args[1];
    return !args[1].empty() && is_header_safe(args[1])
               ? ""
               : "the value of \"authorization\" is empty or holds control characters";
}

std::string IntrospectorBlock::client(const Words &args)
{
    if (args[1].empty()) {
        return quote(args[0]) + " cannot be empty";
    }
    if (args[0] == "client_id") {
        introspector_.credentials.id = args[1];
    } else if (args[0] == "client_secret") {
        introspector_.credentials.secret = args[1];
    } else {
        introspector_.client_secret_file = full_path(cf_, args[1]);
    }
    return {};
}

std::string IntrospectorBlock::client_auth(const Words &args)
{
    if (args[1] == "basic") {
        introspector_.credentials.method = token::ClientAuth::kBasic;
    } else if (args[1] == "post") {
        introspector_.credentials.method = token::ClientAuth::kPost;
    } else if (args[1] == "none" || args[1] == "tls") {
        introspector_.credentials.method = token::ClientAuth::kNone;
    } else if (args[1] == "client_secret_jwt" || args[1] == "private_key_jwt") {
        return quote("client_auth " + std::string(args[1]))
               + " is not supported by this version of the module";
    } else {
        return invalid(args, 1, "use basic, post, tls or none");
    }
    return {};
}

std::string IntrospectorBlock::token_type_hint(const Words &args)
{
    introspector_.token_type_hint = args[1];
    return args[1] == "access_token" || args[1] == "refresh_token"
               ? ""
               : invalid(args, 1, "use access_token or refresh_token");
}

std::string IntrospectorBlock::response(const Words &args)
{
    if (args[1] != "json" && args[1] != "jwt") {
        return invalid(args, 1, "use json or jwt");
    }
    introspector_.signed_response = args[1] == "jwt";
    if (args.size() == 3) {
        const auto audience = parameter(args[2], "audience");
        if (!audience || audience->empty() || !introspector_.signed_response) {
            return invalid(args, 2, "only audience=NAME may follow, and only jwt");
        }
        introspector_.response_audience = *audience;
    }
    return {};
}

std::string IntrospectorBlock::leeway(const Words &args)
{
    const auto ms = parse_time(args[1]);
    if (!ms || *ms > kMostSeconds * 1000) {
        return invalid(args, 1, "use a time of at most a day, such as 30s");
    }
    introspector_.rules.leeway_s = static_cast<std::int64_t>(*ms / 1000);
    return {};
}

std::string IntrospectorBlock::flag(const Words &args)
{
    if (args[1] != "on" && args[1] != "off") {
        return invalid(args, 1, "use on or off");
    }
    const bool on = args[1] == "on";
    if (args[0] == "require_exp") {
        introspector_.rules.require_exp = on;
    } else if (args[0] == "cache_verified_jwt") {
        introspector_.cache_verified_jwt = on;
    } else {
        transport_.ssl_verify = on;
    }
    return {};
}

std::string IntrospectorBlock::token_types(const Words &args)
{
    introspector_.token_types.clear();
    for (std::size_t i = 1; i < args.size(); ++i) {
        introspector_.token_types.emplace_back(args[i] == "none" ? "" : args[i]);
    }
    return {};
}

std::string IntrospectorBlock::cache_ttl(const Words &args)
{
    const auto ms = args[1] == "off" ? std::optional<std::uint64_t>(0) : parse_time(args[1]);
    if (!ms || (*ms != 0 && (*ms < 1000 || *ms > kMostSeconds * 1000))) {
        return invalid(args, 1, "use a time from 1s to 86400s, or off");
    }
    (args[0] == "cache_ttl" ? introspector_.cache_ttl_ms : introspector_.cache_inactive_ttl_ms) =
        *ms;
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
            return invalid(args, i, "use error, timeout and updating, or off alone");
        }
    }
    return {};
}

std::string IntrospectorBlock::cache_stale_ttl(const Words &args)
{
    const auto ms = parse_time(args[1]);
    if (!ms || *ms < 1000 || *ms > kMostSeconds * 1000) {
        return invalid(args, 1, "use a time from 1s to 86400s");
    }
    introspector_.stale_ttl_ms = *ms;
    return {};
}

std::string IntrospectorBlock::max_waiting(const Words &args)
{
    if (args[1] == "off") {
        introspector_.max_waiting = 0;
        return {};
    }
    const ngx_str_t text = borrow(args[1]);
    const ngx_int_t number = ngx_atoi(text.data, text.len);
    if (number <= 0) {
        return invalid(args, 1, "use a number from 1, or off");
    }
    introspector_.max_waiting = static_cast<std::size_t>(number);
    return {};
}

std::string IntrospectorBlock::timeout(const Words &args)
{
    const auto ms = parse_time(args[1]);
    if (!ms || *ms == 0 || *ms > kMostSeconds * 1000) {
        return invalid(args, 1, "use a time such as 2s or 500ms");
    }
    if (args[0] == "connect_timeout") {
        connect_ms_ = *ms;
        transport_.connect_timeout = args[1];
    } else if (args[0] == "send_timeout") {
        send_ms_ = *ms;
        transport_.send_timeout = args[1];
    } else {
        read_ms_ = *ms;
        transport_.read_timeout = args[1];
    }
    return {};
}

std::string IntrospectorBlock::response_size(const Words &args)
{
    const auto size = parse_size(args[1]);
    constexpr std::size_t most = std::size_t{16} << 20;
    if (!size || *size < 1024 || *size > most) {
        return invalid(args, 1, "use a size from 1k to 16m");
    }
    introspector_.response_size = *size;
    return {};
}

std::string IntrospectorBlock::resolver(const Words &args)
{
    if (args[0] == "resolver") {
        transport_.resolver.assign(args.begin() + 1, args.end());
    } else {
        transport_.resolver_timeout = args[1];
    }
    return {};
}

std::string IntrospectorBlock::ssl(const Words &args)
{
    constexpr std::string_view prefix = "ssl_";
    if (args[0] == "ssl_name") {
        transport_.ssl_name = args[1];
        return {};
    }
    std::string value(args[1]);
    for (std::size_t i = 2; i < args.size(); ++i) {
        value.append(" ").append(args[i]);
    }
    if (args[0] == "ssl_protocols"
        && value.find_first_not_of(
               "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789. ")
               != std::string::npos)
    {
        return invalid(args, 1, "use names such as TLSv1.2");
    }
    transport_.ssl.emplace_back(args[0].substr(prefix.size()), std::move(value));
    return {};
}

std::string IntrospectorBlock::zone(const Words &args)
{
    configured_.zone_name = args[1];
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
               : invalid(args, 1,
                         "use an internal location (/name/) or an absolute http:// or https:// "
                         "URL, to which the id is added, or which holds it as $token_user_id");
}

std::string IntrospectorBlock::cookie(const Words &args)
{
    if (args[1].empty() || !std::ranges::all_of(args[1], token::is_token_character)) {
        return invalid(args, 1, "use the name of a cookie");
    }
    introspector_.cookie = args[1];
    return {};
}

std::string_view IntrospectorBlock::type_name() const noexcept
{
    if (introspector_.kind == flow::Kind::kJwt) {
        return "jwt";
    }
    return is_cookie_ ? "cookie" : "opaque";
}

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

// A directive that has no effect here would be a mistake that nobody sees.
std::string IntrospectorBlock::check_kind()
{
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

std::string IntrospectorBlock::check_client()
{
    const bool verbatim = has("authorization") || has("authorization_file");
    const bool secret = has("client_secret") || has("client_secret_file");
    if (has("authorization") && has("authorization_file")) {
        return "\"authorization\" and \"authorization_file\" exclude each other";
    }
    if (has("client_secret") && has("client_secret_file")) {
        return "\"client_secret\" and \"client_secret_file\" exclude each other";
    }
    if (verbatim && (secret || has("client_auth"))) {
        return "\"authorization\" replaces client_secret and client_auth: keep one";
    }
    if (!has("client_auth") && secret) {
        introspector_.credentials.method = token::ClientAuth::kBasic;
    }
    const bool needs = introspector_.credentials.method != token::ClientAuth::kNone;
    if (needs && (!secret || !has("client_id"))) {
        return "client authentication needs both client_id and client_secret (or "
               "client_secret_file)";
    }
    if (!needs && secret) {
        return "client_secret is set but client_auth does not use it";
    }
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
    introspector_.fingerprint = fingerprint_of({transcript_.begin(), transcript_.end()});

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
    for (const auto check : {&IntrospectorBlock::check_kind, &IntrospectorBlock::check_sources,
                             &IntrospectorBlock::check_endpoint, &IntrospectorBlock::check_issuer,
                             &IntrospectorBlock::check_client, &IntrospectorBlock::check_algorithms,
                             &IntrospectorBlock::check_stale})
    {
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
        introspector_.user_claims = {"box_user", "sub"};
    }
    introspector_.index = conf.introspectors.size();
    introspector_.fetch_ms = connect_ms_ + send_ms_ + read_ms_;
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
        auto created = configured_.transport.create(cf_, introspector_.index, urls, transport_);
        if (!created) {
            logged = created.error().empty();
            return created.error();
        }
    }
    conf.states.push_back(std::move(*state));
    conf.introspectors.push_back(std::move(configured_));
    return {};
}

namespace {

char *take_line(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return guarded(static_cast<char *>(NGX_CONF_ERROR), [&]() -> char * {
        const std::string problem = static_cast<IntrospectorBlock *>(conf)->take(words(cf));
        return problem.empty() ? NGX_CONF_OK : conf_error(cf, problem);
    });
}

}  // namespace

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
    if (!read_lines(cf, take_line, &block)) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    bool logged = false;
    const std::string problem = block.finish(conf, logged);
    if (problem.empty() && !logged) {
        return NGX_CONF_OK;
    }
    return logged ? static_cast<char *>(NGX_CONF_ERROR)
                  : conf_error(cf, "token_introspector \"" + std::string(name) + "\": " + problem);
}

}  // namespace

std::string add_introspector(ngx_conf_t *cf, MainConf &conf, std::string_view name,
                             const std::vector<std::vector<std::string>> &lines, Place place)
{
    std::string problem = check_introspector_name(conf, name);
    IntrospectorBlock block(cf, name, std::move(place));
    for (auto line = lines.begin(); problem.empty() && line != lines.end(); ++line) {
        problem = block.take(IntrospectorBlock::Words(line->begin(), line->end()));
    }
    bool logged = false;
    if (problem.empty()) {
        problem = block.finish(conf, logged);
    }
    return logged ? "the introspector cannot be set up" : problem;
}

namespace {

char *read_zone(ngx_conf_t *cf, MainConf &conf)
{
    const std::string_view word = words(cf)[1];
    const auto value = parameter(word, "zone");
    const std::size_t colon = value ? value->rfind(':') : std::string_view::npos;
    if (colon == std::string_view::npos || colon == 0) {
        return conf_error(cf, "invalid parameter \"" + std::string(word)
                                  + "\": write zone=NAME:SIZE, as zone=tokens:16m");
    }
    const auto size = parse_size(value->substr(colon + 1));
    if (!size || *size < Zone::kSmallest) {
        return conf_error(cf, "invalid zone size in \"" + std::string(word)
                                  + "\": at least 64k are needed");
    }
    Zone *zone = Zone::add(cf, value->substr(0, colon), *size);
    if (zone == nullptr) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    conf.zones.push_back(zone);
    return NGX_CONF_OK;
}

}  // namespace

}  // namespace token_introspect::nginx

using namespace token_introspect::nginx;

extern "C" {

char *ti_token_introspector(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return guarded(static_cast<char *>(NGX_CONF_ERROR),
                   [&] { return read_block(cf, *static_cast<MainConf *>(conf)); });
}

char *ti_token_zone(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return guarded(static_cast<char *>(NGX_CONF_ERROR),
                   [&] { return read_zone(cf, *static_cast<MainConf *>(conf)); });
}

}  // extern "C"
