#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

namespace token_introspect {

/// Every way in which checking a token, reading a key or talking to an issuer can end.
/// The table in error.cpp gives each its words; nothing else in the project maps a code to a text.
enum class Code : std::uint8_t {
    kActive,                ///< the token is good
    kMissing,               ///< no credential in the request
    kMultipleCredentials,   ///< two different credentials (RFC 6750 section 2: invalid_request)
    kMalformedCredential,   ///< the credential is not a b64token / has a prefix that must not be
    kMalformed,             ///< looks like a JWT but is not a well-formed JWS compact serialization
    kUnknownIssuer,         ///< no configured introspector answers for this token
    kUnsupportedAlgorithm,  ///< alg unknown, none, or not permitted here
    kUnsupportedCritical,   ///< crit names an extension (RFC 7515 section 4.1.11)
    kUnsupportedType,       ///< typ is not among the accepted ones (RFC 8725 section 3.11)
    kUnknownKey,            ///< no key of the set fits kid and alg
    kBadSignature,          ///< candidates existed, none verified
    kMissingExpiry,         ///< no exp although required
    kBadClaim,              ///< exp, nbf, iat, iss or aud has the wrong JSON type
    kExpired,
    kNotYetValid,
    kIssuedInFuture,
    kWrongIssuer,
    kWrongAudience,
    kInactive,           ///< RFC 7662 answer without boolean active:true
    kClaimRefused,       ///< token_require_claim failed: 403
    kInsufficientScope,  ///< token_require_scope failed: 403 insufficient_scope
    kRequireRefused,     ///< token_require failed: 403
    kPolicyRefused,      ///< no access policy allowed: 403
    kUserInactive,       ///< the user that the token names may not log in: 403
    kExchangeRefused,    ///< the token endpoint gives no token for this one: 403
    kIssuerStatus,       ///< the endpoint answered with another status than 200
    kIssuerUnreachable,  ///< refused, reset, unresolvable, TLS failure
    kIssuerTimeout,
    kIssuerResponse,  ///< not JSON, wrong type, duplicate members, encoded, ...
    kIssuerResponseTooBig,
    kIssuerMetadata,  ///< discovery document unusable (issuer differs, endpoint missing)
    kTooManyWaiting,  ///< as many requests as may wait for this peer do
    kNoKeys,          ///< the issuer's key set holds no usable key
    kMalformedKey,    ///< a JWK, PEM or secret that cannot be a key
    kUnsupportedKey,  ///< kty, crv or size that this module does not accept
    kInternal,        ///< out of memory and its like
    kCount
};

/// What an outcome means for the request; token_error_code maps these to statuses.
enum class Verdict : std::uint8_t {
    kPass,
    kNotSupplied,
    kInvalidRequest,
    kInvalid,
    kForbidden,
    kUnavailable,
    kInternal
};

enum class Severity : std::uint8_t { kDebug, kInfo, kWarn, kError };

struct Outcome {
    Code code;
    std::string_view word;  ///< the stable `$token_status` word, also in the log line
    Verdict verdict;
    std::string_view error;        ///< RFC 6750 section 3.1 code, empty when there is none
    std::string_view description;  ///< error_description: nothing that helps an attacker
    Severity severity;
};

/// The one row for a code. Never fails.
const Outcome &outcome(Code code) noexcept;

/// A failed operation: the code and a static text (never token or claim bytes) for the log or for
/// `nginx -t`. `text` must have static storage duration.
struct Error {
    Code code;
    std::string_view text;
};

template <class T> using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Code code, std::string_view text) noexcept
{
    return std::unexpected(Error{code, text});
}

}  // namespace token_introspect
