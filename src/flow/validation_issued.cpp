#include "flow/validation.hpp"

#include "base/json.hpp"
#include "issuer/issued_token.hpp"

#include <algorithm>

// Tokens that a token_issuer of this configuration has issued: JWTs go the way of all JWTs, sealed
// ones are opened here, and neither is good for longer than the ledger says.

namespace token_introspect::flow {

// RFC 7516 section 7.1 with `dir`, whose encrypted key is empty.
bool Validation::has_sealed_shape(std::string_view token) noexcept
{
    return std::ranges::count(token, '.') == 4 && token.contains("..");
}

const issuer::IssuerContext &Validation::issuer_of(const Introspector &introspector) const noexcept
{
    return environment_->issuers[*introspector.issued_by];
}

// True when an issued introspector has a say before any endpoint's answer counts.
bool Validation::may_be_issued() const noexcept
{
    return sealed_ && std::ranges::any_of(listed_, [](const Introspector *introspector) {
               return introspector->issued_by.has_value();
           });
}

// The record of an opened token, provided that the key which opened it is still there.
std::optional<cache::Found> Validation::find_issued(const Introspector &introspector,
                                                    Now now) noexcept
{
    if (!introspector.cache_verified_jwt || introspector.cache_ttl_ms == 0) {
        return std::nullopt;
    }
    std::optional<cache::Found> found =
        environment_->store_of(introspector).find(introspector.token_key(*digest_), now, room_);
    return found && issuer_of(introspector).keys->content_keys().contains(found->record.key)
               ? found
               : std::nullopt;
}

Validation::Attempt Validation::try_issued(const Introspector &introspector, Now now)
{
    const jose::ContentKeys &keys = issuer_of(introspector).keys->content_keys();
    const Result<jose::ContentKeys::Opened> opened = keys.open(issuer::kAccessSealedType, token_);
    if (!opened) {
        const Code code = opened.error().code;
        if (code == Code::kUnsupportedType && keys.open(issuer::kRefreshSealedType, token_)) {
            claimed_ = true;  // nobody else shall see it
            return code;
        }
        // somebody else's, as it seems
        return code == Code::kMalformed || code == Code::kUnsupportedType ? Code::kUnknownIssuer
                                                                          : code;
    }
    claimed_ = true;
    const Result<Json> json = parse_json_object(opened->plaintext, introspector.limits.json);
    if (!json) {
        return json.error().code;
    }
    Result<std::vector<std::uint8_t>> image = token::build_claims(json->get());
    if (!image) {
        return image.error().code;
    }
    claims_image_ = std::move(*image);
    return accept(introspector, {.key = opened->key, .claims = claims_image_}, now);
}

// Asked on every request, whoever remembered the token. Without a jti it could not be told.
bool Validation::withdrawn(const Introspector &introspector, Now now) const noexcept
{
    const issuer::IssuerContext &issuer = issuer_of(introspector);
    const std::string_view jti = claims_.find("jti").string();
    return jti.empty() || issuer.ledger->revoked(jti, now)
           || issuer.clients->find(claims_.find("client_id").string()) == nullptr;
}

}  // namespace token_introspect::flow
