#pragma once

#include "issuer/issuer_context.hpp"
#include "token/claims.hpp"
#include "token/jwt.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace token_introspect::issuer {

/// What a client has been granted: what the tokens issued for it say.
struct Grant {
    std::string id;  ///< G: the refresh token's jti, and the part before '.' of access tokens'
    std::string subject;
    std::string subject_issuer;  ///< whose token was exchanged
    std::string client;
    std::vector<std::string> audiences;  ///< not empty
    /// Nothing: nobody has bounded it. Empty: no scope at all, and no wider one later.
    std::optional<std::string> scope{};
    token::Value actor{};    ///< `act`, absent when nobody acts; what holds it must live
    token::Value may_act{};  ///< likewise: who may become the actor
    Client::Format format = Client::Format::kOpaque;  ///< of access tokens
    std::int64_t access_token_s = 0;                  ///< their life when it was granted
};

/// A new grant id: base64url of 16 random bytes. kInternal when the system has no randomness.
Result<std::string> make_grant_id();

/// Header types: of JWTs (RFC 9068 section 2.1), and of sealed tokens.
inline constexpr std::string_view kAccessJwtType = "at+jwt";
inline constexpr std::string_view kAccessSealedType = "at+jwe";
inline constexpr std::string_view kRefreshSealedType = "rt+jwe";

/// An access token of the grant's format that expires `lifetime_s` from now. kNoKeys when the issuer
/// has no key for it; kMalformed when the claims are more than a token should hold.
Result<std::string> mint_access_token(const IssuerContext &context, const Grant &grant,
                                      std::int64_t lifetime_s, Now now);
/// Likewise a refresh token: always sealed.
Result<std::string> mint_refresh_token(const IssuerContext &context, const Grant &grant,
                                       std::int64_t lifetime_s, Now now);

/// A token that this issuer has issued; it may have expired or been revoked since.
struct IssuedToken {
    enum class Kind : std::uint8_t { kAccess, kRefresh };

    Kind kind;
    std::vector<std::uint8_t> image;

    [[nodiscard]] token::ClaimsView claims() const noexcept { return token::ClaimsView(image); }
    [[nodiscard]] std::string_view text(std::string_view claim) const noexcept
    {
        return claims().find(claim).string();
    }
    [[nodiscard]] std::int64_t expires_at_s() const noexcept
    {
        return claims().find("exp").integer().value_or(0);
    }

    /// kActive, kExpired, or kInactive when it, or its grant, is revoked.
    [[nodiscard]] Code state(const IssuerContext &context, Now now) const noexcept;
    /// As it was granted; views into the image.
    [[nodiscard]] Grant grant() const;
};

/// True for claims that are for the issuer alone.
bool is_internal_claim(std::string_view name) noexcept;

/// True for a refresh token of this issuer, good or not.
bool is_refresh_token(const IssuerContext &context, std::string_view token);

/// Verifies or opens a token. Fails when it is not this issuer's: whatever is wrong with it.
Result<IssuedToken> open_issued_token(const IssuerContext &context, token::JwtParser &jwts,
                                      std::string_view token);

}  // namespace token_introspect::issuer
