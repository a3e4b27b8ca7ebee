#include "issuer/token_error.hpp"

#include <array>
#include <utility>

namespace token_introspect::issuer {

namespace {

constexpr std::string_view kInvalidRequest = "invalid_request";
constexpr std::string_view kInvalidClient = "invalid_client";
constexpr std::string_view kInvalidGrant = "invalid_grant";
constexpr std::string_view kInvalidTarget = "invalid_target";
constexpr std::string_view kInvalidScope = "invalid_scope";
constexpr std::string_view kTemporarilyUnavailable = "temporarily_unavailable";

constexpr std::string_view kNotAuthenticated = "The client is not authenticated.";
constexpr std::string_view kBadRefreshToken =
    "The refresh token is invalid, expired, revoked, or was issued to another client.";

constexpr auto kRows = std::to_array<Refused>({
    {Reason::kMethod, "method", 405, kInvalidRequest, "The method is not allowed here."},
    {Reason::kBodyTooLarge, "body_too_large", 413, kInvalidRequest, "The body is too large."},
    {Reason::kContentType, "content_type", 400, kInvalidRequest,
     "The content type must be application/x-www-form-urlencoded or application/json."},
    {Reason::kMalformedBody, "malformed_body", 400, kInvalidRequest, "The body is malformed."},
    {Reason::kRepeatedParameter, "repeated_parameter", 400, kInvalidRequest,
     "A parameter is repeated."},
    {Reason::kParameterType, "parameter_type", 400, kInvalidRequest,
     "A parameter is not a string."},
    {Reason::kTwoAuthentications, "two_client_authentications", 400, kInvalidRequest,
     "The client authenticates in two ways."},
    {Reason::kClientIdDiffers, "client_id_differs", 400, kInvalidRequest,
     "client_id is not the client that authenticates."},
    {Reason::kNoClient, "no_client_authentication", 401, kInvalidClient, kNotAuthenticated},
    {Reason::kBadClient, "bad_client_authentication", 401, kInvalidClient, kNotAuthenticated},
    {Reason::kTooManyFailures, "too_many_failures", 429, kInvalidClient,
     "Client authentication has failed too often; try again later."},
    {Reason::kGrantTypeMissing, "grant_type_missing", 400, kInvalidRequest,
     "grant_type is missing."},
    {Reason::kGrantTypeUnknown, "grant_type_unknown", 400, "unsupported_grant_type",
     "The grant type is not supported."},
    {Reason::kGrantNotPermitted, "grant_not_permitted", 400, "unauthorized_client",
     "The client may not use this grant type."},
    {Reason::kSubjectTokenMissing, "subject_token_missing", 400, kInvalidRequest,
     "subject_token is missing."},
    {Reason::kSubjectTokenTypeMissing, "subject_token_type_missing", 400, kInvalidRequest,
     "subject_token_type is missing."},
    {Reason::kSubjectTokenType, "subject_token_type", 400, kInvalidRequest,
     "The subject_token_type is not supported."},
    {Reason::kRequestedTokenType, "requested_token_type", 400, kInvalidRequest,
     "The requested_token_type is not supported."},
    {Reason::kActorIncomplete, "actor_token_incomplete", 400, kInvalidRequest,
     "actor_token and actor_token_type must be given together."},
    {Reason::kActorTokenType, "actor_token_type", 400, kInvalidRequest,
     "The actor_token_type is not supported."},
    {Reason::kSubjectMalformed, "subject_token_malformed", 400, kInvalidRequest,
     "The subject token is not what its type says."},
    {Reason::kSubjectIssMissing, "subject_token_without_iss", 400, kInvalidRequest,
     "The subject token has no iss."},
    {Reason::kSubjectSubMissing, "subject_token_without_sub", 400, kInvalidRequest,
     "The subject token has no sub."},
    {Reason::kSubjectExpMissing, "subject_token_without_exp", 400, kInvalidRequest,
     "The subject token has no exp."},
    {Reason::kSubjectIssuer, "subject_token_issuer", 400, kInvalidRequest,
     "The subject token's issuer is not accepted."},
    {Reason::kSubjectToken, "subject_token", 400, kInvalidRequest,
     "The subject token is not valid."},
    {Reason::kSubjectUnavailable, "subject_token", 503, kTemporarilyUnavailable,
     "The subject token cannot be validated now."},
    {Reason::kActorMalformed, "actor_token_malformed", 400, kInvalidRequest,
     "The actor token is not what its type says."},
    {Reason::kActorIssMissing, "actor_token_without_iss", 400, kInvalidRequest,
     "The actor token has no iss."},
    {Reason::kActorSubMissing, "actor_token_without_sub", 400, kInvalidRequest,
     "The actor token has no sub."},
    {Reason::kActorExpMissing, "actor_token_without_exp", 400, kInvalidRequest,
     "The actor token has no exp."},
    {Reason::kActorIssuer, "actor_token_issuer", 400, kInvalidRequest,
     "The actor token's issuer is not accepted."},
    {Reason::kActorToken, "actor_token", 400, kInvalidRequest, "The actor token is not valid."},
    {Reason::kActorUnavailable, "actor_token", 503, kTemporarilyUnavailable,
     "The actor token cannot be validated now."},
    {Reason::kActorNotPermitted, "actor_not_permitted", 400, kInvalidRequest,
     "The actor may not act for the subject."},
    {Reason::kActorChain, "actor_chain", 400, kInvalidRequest, "Too many actors."},
    {Reason::kUserUnknown, "user_unknown", 400, kInvalidRequest,
     "The subject token names no user that is known here."},
    {Reason::kUserInactive, "user_inactive", 400, kInvalidGrant, "The user is inactive."},
    {Reason::kResource, "resource", 400, kInvalidTarget,
     "A resource is not an absolute URI without fragment, or not permitted."},
    {Reason::kAudience, "audience", 400, kInvalidTarget, "An audience is not permitted."},
    {Reason::kScopeMalformed, "scope_malformed", 400, kInvalidScope, "The scope is malformed."},
    {Reason::kScopeTooWide, "scope_too_wide", 400, kInvalidScope,
     "The scope is wider than permitted."},
    {Reason::kRefreshTokenMissing, "refresh_token_missing", 400, kInvalidRequest,
     "refresh_token is missing."},
    {Reason::kRefreshToken, "refresh_token", 400, kInvalidGrant, kBadRefreshToken},
    {Reason::kRefreshTokenExpired, "refresh_token_expired", 400, kInvalidGrant, kBadRefreshToken},
    {Reason::kRefreshTokenRevoked, "refresh_token_revoked", 400, kInvalidGrant, kBadRefreshToken},
    {Reason::kRefreshTokenClient, "refresh_token_client", 400, kInvalidGrant, kBadRefreshToken},
    {Reason::kRefreshTokenIssuer, "refresh_token_issuer", 400, kInvalidGrant, kBadRefreshToken},
    {Reason::kRefreshTokenUser, "refresh_token_user", 400, kInvalidGrant,
     "The user is unknown or inactive."},
    {Reason::kTokenMissing, "token_missing", 400, kInvalidRequest, "token is missing."},
    {Reason::kTokenClient, "token_client", 400, kInvalidGrant,
     "The token was issued to another client."},
    {Reason::kNoRoom, "no_room", 503, kTemporarilyUnavailable, "The token cannot be revoked now."},
    {Reason::kInternal, "internal", 500, "server_error", "The request cannot be served."},
});

static_assert(kRows.size() == std::to_underlying(Reason::kCount));
static_assert([] {
    for (std::size_t i = 0; i < kRows.size(); ++i) {
        if (std::to_underlying(kRows[i].reason) != i) {
            return false;
        }
    }
    return true;
}());

}  // namespace

const Refused &refused(Reason reason) noexcept
{
    const std::size_t index = std::to_underlying(reason);
    return index < kRows.size() ? kRows[index] : kRows.back();
}

std::string log_word(const Refusal &refusal)
{
    std::string word(refused(refusal.reason).word);
    if (refusal.cause != Code::kActive) {
        word.append("_").append(outcome(refusal.cause).word);
    }
    return word;
}

Severity severity(const Refusal &refusal) noexcept
{
    return refused(refusal.reason).status >= 500 ? Severity::kError : Severity::kInfo;
}

// All ASCII without quotes and backslashes, as the table's test sees to.
std::string error_body(const Refusal &refusal)
{
    const Refused &row = refused(refusal.reason);
    std::string body = R"({"error":")";
    body.append(row.error).append(R"(","error_description":")");
    body.append(row.description).append("\"}");
    return body;
}

}  // namespace token_introspect::issuer
