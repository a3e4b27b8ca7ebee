#pragma once

#include "token/introspection.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace token_introspect::token {

/// The grant type of RFC 8693 section 2.1.
inline constexpr std::string_view kTokenExchangeGrant =
    "urn:ietf:params:oauth:grant-type:token-exchange";
inline constexpr std::string_view kRefreshTokenGrant = "refresh_token";

/// Token types of RFC 8693 section 3.
inline constexpr std::string_view kAccessTokenType =
    "urn:ietf:params:oauth:token-type:access_token";
inline constexpr std::string_view kRefreshTokenType =
    "urn:ietf:params:oauth:token-type:refresh_token";
inline constexpr std::string_view kJwtType = "urn:ietf:params:oauth:token-type:jwt";

/// What a token type is called in short: access_token, refresh_token, id_token, jwt (RFC 8693
/// section 3), or a URI of its own; nothing for anything else.
std::optional<std::string> token_type_uri(std::string_view name);

/// What a client asks a token endpoint for (RFC 8693 section 2.1, RFC 6749 section 4.4.2); what is
/// empty is not sent.
struct TokenRequest {
    std::vector<std::string> audiences;
    std::vector<std::string> resources;
    std::string scope;  ///< separated by spaces
    std::string requested_token_type;
    std::string subject_token_type;
    std::string actor_token_type;
};

/// The request body for a token exchange, application/x-www-form-urlencoded. An empty actor token is
/// none.
std::string exchange_form(const TokenRequest &request, std::string_view subject_token,
                          std::string_view actor_token, const ClientCredentials &credentials);

/// That for a token of the client's own.
std::string client_credentials_form(const TokenRequest &request,
                                    const ClientCredentials &credentials);

struct IssuedToken {
    std::string token;
    std::optional<std::uint64_t> lasts_s;  ///< expires_in, when the answer has it; not 0
};

/// The token of a 200 answer (RFC 8693 section 2.2.1, RFC 6749 section 5.1). As json_answer; and
/// kIssuerResponse when there is no access_token that could stand behind `Bearer`, when token_type is
/// neither Bearer nor N_A, when expires_in is no positive number, and when another type than
/// `requested_token_type` (empty: any) was issued.
Result<IssuedToken> token_answer(const Answer &answer, std::string_view requested_token_type,
                                 const JsonLimits &limits);

/// The `error` of an answer that is none (RFC 6749 section 5.2), if it is a word that the RFCs know:
/// one with static storage duration, else empty. Of no other answer.
std::string_view token_error(const Answer &answer, const JsonLimits &limits);

}  // namespace token_introspect::token
