#include "issuer/issued_token.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "jose/jws.hpp"
#include "token/claims_writer.hpp"
#include "token/registered_claims.hpp"

#include <openssl/rand.h>

#include <array>

namespace token_introspect::issuer {

namespace {

constexpr std::size_t kGrantBytes = 16;
constexpr std::size_t kTokenBytes = 9;
constexpr std::string_view kJwtFormat = "jwt";
constexpr std::string_view kOpaqueFormat = "opaque";
constexpr std::size_t kLargestClaims = 16384;  // their JSON: more fits into no header

// Of refresh tokens: what is needed when they are used.
constexpr std::string_view kFormat = "fmt";
constexpr std::string_view kSubjectIssuer = "sub_iss";
constexpr std::string_view kAccessLifetime = "access_ttl";

template <std::size_t N> Result<std::string> random_text()
{
    std::array<std::uint8_t, N> bytes;
    if (RAND_bytes(bytes.data(), bytes.size()) != 1) {
        return fail(Code::kInternal, "no random bytes");
    }
    return base64url_encode(bytes);
}

void write_audience(token::ClaimsWriter &writer, const std::vector<std::string> &audiences)
{
    if (audiences.size() == 1) {
        writer.string(audiences.front());
        return;
    }
    writer.begin_array();
    for (const std::string &audience : audiences) {
        writer.string(audience);
    }
    writer.end();
}

Result<std::string> payload(const IssuerContext &context, const Grant &grant, std::string_view jti,
                            std::int64_t lifetime_s, Now now, bool refresh)
{
    token::ClaimsWriter writer;
    const auto text = [&](std::string_view name, std::string_view value) {
        writer.key(name);
        writer.string(value);
    };
    writer.begin_object();
    text("iss", context.issuer->issuer);
    text("sub", grant.subject);
    writer.key("aud");
    write_audience(writer, grant.audiences);
    writer.key("exp");
    writer.integer(now.unix_s + lifetime_s);
    writer.key("iat");
    writer.integer(now.unix_s);
    text("jti", jti);
    text("client_id", grant.client);
    if (grant.scope) {
        text("scope", *grant.scope);
    }
    if (grant.actor.present()) {
        writer.key("act");
        writer.value(grant.actor);
    }
    if (grant.may_act.present()) {
        writer.key("may_act");
        writer.value(grant.may_act);
    }
    if (refresh) {
        text(kFormat, grant.format == Client::Format::kJwt ? kJwtFormat : kOpaqueFormat);
        text(kSubjectIssuer, grant.subject_issuer);
        writer.key(kAccessLifetime);
        writer.integer(grant.access_token_s);
    }
    writer.end();
    const auto image = writer.finish();
    if (!image) {
        return std::unexpected(image.error());
    }
    std::string json;
    token::ClaimsView(*image).root().append_json(json);
    if (json.size() > kLargestClaims) {
        return fail(Code::kMalformed, "more claims than a token should hold");
    }
    return json;
}

bool is_complete(const token::ClaimsView &claims) noexcept
{
    for (const std::string_view name : {"sub", "jti", "client_id"}) {
        if (claims.find(name).string().empty()) {
            return false;
        }
    }
    return claims.find("exp").integer().has_value();
}

Result<IssuedToken> accepted(const IssuerContext &context, IssuedToken::Kind kind,
                             std::vector<std::uint8_t> image)
{
    IssuedToken issued{.kind = kind, .image = std::move(image)};
    if (issued.text("iss") != context.issuer->issuer) {
        return fail(Code::kWrongIssuer, "issued by another issuer");
    }
    if (!is_complete(issued.claims())) {
        return fail(Code::kBadClaim, "not of the claims that are issued here");
    }
    return issued;
}

Result<IssuedToken> open_jwt(const IssuerContext &context, token::JwtParser &jwts,
                             std::string_view token)
{
    Result<token::Jwt> jwt = jwts.parse(token);
    if (!jwt) {
        return std::unexpected(jwt.error());
    }
    if (!token::accepts_type(jwt->header(), {std::string(kAccessJwtType)})) {
        return fail(Code::kUnsupportedType, "another typ");
    }
    const auto key = jose::verify(jwt->jws, context.keys->verification_keys(), {});
    if (!key) {
        return std::unexpected(key.error());
    }
    return accepted(context, IssuedToken::Kind::kAccess, std::move(jwt->claims_image));
}

Result<IssuedToken> open_sealed(const IssuerContext &context, IssuedToken::Kind kind,
                                std::string_view type, std::string_view token)
{
    const auto opened = context.keys->content_keys().open(type, token);
    if (!opened) {
        return std::unexpected(opened.error());
    }
    const Result<Json> json = parse_json_object(opened->plaintext);
    if (!json) {
        return std::unexpected(json.error());
    }
    auto image = token::build_claims(json->get());
    if (!image) {
        return std::unexpected(image.error());
    }
    return accepted(context, kind, std::move(*image));
}

}  // namespace

Result<std::string> make_grant_id()
{
    return random_text<kGrantBytes>();
}

Result<std::string> mint_access_token(const IssuerContext &context, const Grant &grant,
                                      std::int64_t lifetime_s, Now now)
{
    const Result<std::string> own = random_text<kTokenBytes>();
    if (!own) {
        return own;
    }
    const Result<std::string> json =
        payload(context, grant, grant.id + '.' + *own, lifetime_s, now, false);
    if (!json) {
        return json;
    }
    if (grant.format == Client::Format::kOpaque) {
        return context.keys->content_keys().seal(kAccessSealedType, *json);
    }
    const jose::Signer *signer = context.keys->signer();
    if (signer == nullptr) {
        return fail(Code::kNoKeys, "no signing_key");
    }
    return signer->sign(kAccessJwtType, *json);
}

Result<std::string> mint_refresh_token(const IssuerContext &context, const Grant &grant,
                                       std::int64_t lifetime_s, Now now)
{
    const Result<std::string> json = payload(context, grant, grant.id, lifetime_s, now, true);
    return json ? context.keys->content_keys().seal(kRefreshSealedType, *json) : json;
}

Code IssuedToken::state(const IssuerContext &context, Now now) const noexcept
{
    if (now.unix_s >= expires_at_s()) {
        return Code::kExpired;
    }
    return context.ledger->revoked(text("jti"), now) ? Code::kInactive : Code::kActive;
}

Grant IssuedToken::grant() const
{
    const token::ClaimsView view = claims();
    const std::string_view jti = text("jti");
    Grant grant{.id = std::string(jti.substr(0, jti.find('.'))),
                .subject = std::string(text("sub")),
                .subject_issuer = std::string(text(kSubjectIssuer)),
                .client = std::string(text("client_id")),
                .audiences = {},
                .actor = view.find("act"),
                .may_act = view.find("may_act"),
                .format =
                    text(kFormat) == kJwtFormat ? Client::Format::kJwt : Client::Format::kOpaque,
                .access_token_s = view.find(kAccessLifetime).integer().value_or(0)};
    if (const token::Value scope = view.find("scope"); scope.is_string()) {
        grant.scope = scope.string();
    }
    const token::Value audience = view.find("aud");
    if (audience.is_string()) {
        grant.audiences.emplace_back(audience.string());
    }
    for (std::size_t i = 0; i < audience.size() && audience.is_array(); ++i) {
        grant.audiences.emplace_back(audience.at(i).string());
    }
    return grant;
}

bool is_internal_claim(std::string_view name) noexcept
{
    return name == kFormat || name == kSubjectIssuer || name == kAccessLifetime;
}

bool is_refresh_token(const IssuerContext &context, std::string_view token)
{
    return context.keys->content_keys().open(kRefreshSealedType, token).has_value();
}

Result<IssuedToken> open_issued_token(const IssuerContext &context, token::JwtParser &jwts,
                                      std::string_view token)
{
    using Kind = IssuedToken::Kind;
    if (jose::has_compact_shape(token)) {
        return open_jwt(context, jwts, token);
    }
    Result<IssuedToken> access = open_sealed(context, Kind::kAccess, kAccessSealedType, token);
    if (access || access.error().code != Code::kUnsupportedType) {
        return access;
    }
    return open_sealed(context, Kind::kRefresh, kRefreshSealedType, token);
}

}  // namespace token_introspect::issuer
