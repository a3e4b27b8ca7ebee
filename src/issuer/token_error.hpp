#pragma once

#include "base/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace token_introspect::issuer {

/// Why an endpoint of a token_issuer refuses a request. The table in token_error.cpp gives each its
/// words; nothing else maps a reason to a text.
enum class Reason : std::uint8_t {
    kMethod,
    kBodyTooLarge,
    kContentType,
    kMalformedBody,
    kRepeatedParameter,
    kParameterType,  ///< a JSON member that is no string
    kTwoAuthentications,
    kClientIdDiffers,
    kNoClient,
    kBadClient,  ///< unknown, inactive, or the secret is wrong: nobody is told which
    kTooManyFailures,
    kGrantTypeMissing,
    kGrantTypeUnknown,
    kGrantNotPermitted,
    kSubjectTokenMissing,
    kSubjectTokenTypeMissing,
    kSubjectTokenType,
    kRequestedTokenType,
    kActorIncomplete,  ///< one of actor_token and actor_token_type without the other
    kActorTokenType,
    kSubjectMalformed,  ///< no JWT although it is called one
    kSubjectIssMissing,
    kSubjectSubMissing,
    kSubjectExpMissing,
    kSubjectIssuer,  ///< not among the client's allowed_issuers
    kSubjectToken,   ///< its validation failed; the cause says why
    kSubjectUnavailable,
    kActorMalformed,
    kActorIssMissing,
    kActorSubMissing,
    kActorExpMissing,
    kActorIssuer,
    kActorToken,
    kActorUnavailable,
    kActorNotPermitted,  ///< by the subject token's may_act
    kActorChain,         ///< more actors than an issued token may name
    kUserUnknown,
    kUserInactive,
    kResource,
    kAudience,
    kScopeMalformed,
    kScopeTooWide,
    kRefreshTokenMissing,
    kRefreshToken,  ///< no refresh token of this issuer
    kRefreshTokenExpired,
    kRefreshTokenRevoked,
    kRefreshTokenClient,  ///< issued to another client
    kRefreshTokenIssuer,  ///< the client may no longer exchange such subject tokens
    kRefreshTokenUser,    ///< its user is gone or inactive
    kTokenMissing,
    kTokenClient,  ///< to be revoked by another client than the one it was issued to
    kNoRoom,       ///< for the revocation
    kInternal,
    kCount
};

/// What a reason means for the client (RFC 6749 section 5.2, RFC 8693 section 2.2.2).
struct Refused {
    Reason reason;
    std::string_view word;  ///< stable, in the log line
    int status;
    std::string_view error;        ///< `error`
    std::string_view description;  ///< `error_description`: ASCII, nothing of the request
};

/// The one row for a reason. Never fails.
const Refused &refused(Reason reason) noexcept;

/// A request refused.
struct Refusal {
    Reason reason;
    Code cause = Code::kActive;  ///< of a token's validation: why it failed
    std::uint64_t retry_after_ms = 0;
    bool challenge = false;  ///< with WWW-Authenticate
};

/// The row's word, with the cause's behind it if there is one: `subject_token_expired`.
std::string log_word(const Refusal &refusal);

/// Error for what an operator must mend, else info.
Severity severity(const Refusal &refusal) noexcept;

/// {"error": …, "error_description": …}
std::string error_body(const Refusal &refusal);

}  // namespace token_introspect::issuer
