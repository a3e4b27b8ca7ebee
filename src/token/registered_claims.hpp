#pragma once

#include "base/clock.hpp"
#include "base/error.hpp"
#include "token/claims.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace token_introspect::token {

/// What an introspector demands of the registered claims (RFC 7519 section 4.1). Run on every
/// request, cached or not.
struct RegisteredClaimRules {
    std::vector<std::string> issuers;    ///< exact values; empty: iss is not checked
    bool require_iss = true;             ///< false: a missing iss passes (introspection answers)
    bool any_issuer = false;             ///< `issuer *`
    std::vector<std::string> audiences;  ///< empty: aud is not checked
    std::int64_t leeway_s = 0;
    bool require_exp = true;  ///< false for introspection answers
};

/// kActive when all hold, else the first that does not, in the order: types, iss, exp, nbf, iat,
/// aud. exp: valid while now < exp + leeway. nbf and iat: valid once now + leeway >= value.
/// Numbers may be integers or reals (RFC 7519 NumericDate); any other type, and NaN or values
/// beyond 2^53, is kBadClaim. aud: a string or an array of strings.
Code check_registered_claims(const ClaimsView &claims, const RegisteredClaimRules &rules,
                             Now now) noexcept;

/// Seconds of the wall clock.
struct Period {
    std::int64_t from_s;   ///< the first
    std::int64_t until_s;  ///< the one after the last
};

/// For claims that are kActive: a period around that moment in which they stay so, as far as they
/// and these rules say.
Period active_period(const ClaimsView &claims, const RegisteredClaimRules &rules) noexcept;

/// exp in whole seconds (rounded down), nothing when absent or not a usable number.
std::optional<std::int64_t> expiry(const ClaimsView &claims) noexcept;

/// True when the header's typ is among `accepted` (ASCII case-insensitive, an `application/` prefix
/// ignored: RFC 7515 section 4.1.9), or typ is absent and `accepted` holds the empty string.
bool accepts_type(const ClaimsView &header, const std::vector<std::string> &accepted) noexcept;

}  // namespace token_introspect::token
