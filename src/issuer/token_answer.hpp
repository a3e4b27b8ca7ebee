#pragma once

#include "issuer/issued_token.hpp"
#include "issuer/token_error.hpp"
#include "token/exchange.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace token_introspect::issuer {

/// What an endpoint answers.
struct Answer {
    int status = 200;
    std::string body{};
    std::string_view content_type = "application/json";  ///< of static storage duration
    bool cacheable = false;  ///< for some minutes by anybody; else by nobody
    std::uint64_t retry_after_s = 0;
    std::string challenge{};  ///< WWW-Authenticate, when not empty
};

/// What a grant brought.
struct IssuedTokens {
    std::string access_token;
    std::string_view type = token::kAccessTokenType;  ///< issued_token_type
    std::int64_t expires_in_s = 0;
    std::string scope;          ///< empty: none
    std::string refresh_token;  ///< empty: none
};

/// RFC 8693 section 2.2.1.
Answer token_answer(const IssuedTokens &tokens);

/// RFC 6749 section 5.2, with Retry-After (at least a second) for 429 and 503.
Answer refusal_answer(const TokenIssuer &issuer, const Refusal &refusal);

}  // namespace token_introspect::issuer
