#include "base/error.hpp"

#include <array>
#include <cstddef>

namespace token_introspect {

namespace {

constexpr std::string_view kInvalidRequestError = "invalid_request";
constexpr std::string_view kInvalidTokenError = "invalid_token";
constexpr std::string_view kInvalidText = "The access token is invalid";

constexpr std::size_t kOutcomes = static_cast<std::size_t>(Code::kCount);

constexpr Outcome invalid_request(Code code, std::string_view word, std::string_view description)
{
    return {
        .code = code,
        .word = word,
        .verdict = Verdict::kInvalidRequest,
        .error = kInvalidRequestError,
        .description = description,
        .severity = Severity::kInfo,
    };
}

// One description for key, signature, issuer and audience: which check refused a forged token is
// for the log, not for its author.
constexpr Outcome invalid(Code code, std::string_view word,
                          std::string_view description = kInvalidText)
{
    return {code, word, Verdict::kInvalid, kInvalidTokenError, description, Severity::kInfo};
}

// RFC 6750 section 3.1: the request requires higher privileges than provided by the access token.
constexpr Outcome forbidden(Code code, std::string_view word)
{
    return {code,
            word,
            Verdict::kForbidden,
            "insufficient_scope",
            "The request requires higher privileges than the access token has",
            Severity::kInfo};
}

constexpr Outcome unavailable(Code code, std::string_view word)
{
    return {code, word, Verdict::kUnavailable, {}, {}, Severity::kError};
}

constexpr auto kTable = std::to_array<Outcome>({
    {Code::kActive, "active", Verdict::kPass, {}, {}, Severity::kDebug},
    {Code::kMissing, "missing", Verdict::kNotSupplied, {}, {}, Severity::kInfo},
    invalid_request(Code::kMultipleCredentials, "multiple_credentials",
                    "The request carries more than one access token"),
    invalid_request(Code::kMalformedCredential, "malformed_credential",
                    "The credential is malformed"),
    invalid(Code::kMalformed, "malformed", "The access token is malformed"),
    invalid(Code::kUnknownIssuer, "unknown_issuer"),
    invalid(Code::kUnsupportedAlgorithm, "unsupported_algorithm"),
    invalid(Code::kUnsupportedCritical, "unsupported_critical"),
    invalid(Code::kUnsupportedType, "unsupported_type"),
    invalid(Code::kUnknownKey, "unknown_key"),
    invalid(Code::kBadSignature, "bad_signature"),
    invalid(Code::kMissingExpiry, "missing_expiry"),
    invalid(Code::kBadClaim, "bad_claim"),
    invalid(Code::kExpired, "expired", "The access token expired"),
    invalid(Code::kNotYetValid, "not_yet_valid", "The access token is not valid yet"),
    invalid(Code::kIssuedInFuture, "issued_in_future", "The access token is not valid yet"),
    invalid(Code::kWrongIssuer, "wrong_issuer"),
    invalid(Code::kWrongAudience, "wrong_audience"),
    invalid(Code::kInactive, "inactive"),
    forbidden(Code::kClaimRefused, "claim_refused"),
    {Code::kInsufficientScope, "insufficient_scope", Verdict::kForbidden, "insufficient_scope",
     "The request requires a wider scope than the access token has", Severity::kInfo},
    forbidden(Code::kRequireRefused, "require_refused"),
    forbidden(Code::kPolicyRefused, "policy_refused"),
    forbidden(Code::kUserInactive, "user_inactive"),
    forbidden(Code::kExchangeRefused, "exchange_refused"),
    unavailable(Code::kIssuerStatus, "issuer_status"),
    unavailable(Code::kIssuerUnreachable, "issuer_unreachable"),
    unavailable(Code::kIssuerTimeout, "issuer_timeout"),
    unavailable(Code::kIssuerResponse, "issuer_response"),
    unavailable(Code::kIssuerResponseTooBig, "issuer_response_too_big"),
    unavailable(Code::kIssuerMetadata, "issuer_metadata"),
    {Code::kTooManyWaiting, "too_many_waiting", Verdict::kUnavailable, {}, {}, Severity::kWarn},
    unavailable(Code::kNoKeys, "no_keys"),
    // For a request these two can only mean an issuer's key set; elsewhere nginx -t says them.
    unavailable(Code::kMalformedKey, "malformed_key"),
    unavailable(Code::kUnsupportedKey, "unsupported_key"),
    {Code::kInternal, "internal", Verdict::kInternal, {}, {}, Severity::kError},
});

constexpr bool is_complete_and_in_order()
{
    if (kTable.size() != kOutcomes) {
        return false;
    }

    for (std::size_t i = 0; i < kTable.size(); i++) {
        if (static_cast<std::size_t>(kTable[i].code) != i || kTable[i].word.empty()) {
            return false;
        }
    }

    return true;
}

static_assert(is_complete_and_in_order(), "kTable: one row for each Code, in the order of Code");

}  // namespace

const Outcome &outcome(Code code) noexcept
{
    const auto index = static_cast<std::size_t>(code);

    return index < kTable.size() ? kTable[index] : kTable.back();
}

}  // namespace token_introspect
