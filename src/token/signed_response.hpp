#pragma once

#include "base/clock.hpp"
#include "base/error.hpp"
#include "token/introspection.hpp"
#include "token/jwt.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace token_introspect::token {

/// A signed introspection response as it came: the JWT (a view of the answer's body), and whether
/// its media type promises the form of RFC 9701.
struct SignedResponse {
    std::string_view jwt;
    bool is_rfc9701 = false;  ///< application/token-introspection+jwt, else application/jwt
};

/// The JWT of a 200 answer. kInactive: 204, as servers say that hand out a JWT for good tokens only.
/// kIssuerStatus: another status. kIssuerResponse: a Content-Encoding other than identity, another
/// media type, no JWS in compact serialization.
Result<SignedResponse> signed_response(const Answer &answer);

/// What a signed introspection response must state besides its issuer.
struct SignedResponseRules {
    std::string_view audience;                    ///< this resource server, in RFC 9701's `aud`
    const std::vector<std::string> &token_types;  ///< accepted `typ` of a plain JWT
    std::int64_t leeway_s = 0;
};

/// The image of the token's claims in a response whose signature is good.
/// With a member token_introspection (RFC 9701 section 5) they are that member: typ, aud and iat
/// must be as the RFC has them, exp and nbf hold when present, and `active` must be true.
/// Without, they are the payload: the issuer signed it, so only an `active` other than true is
/// kInactive. kIssuerResponse: not such a response. `iss` is left to the caller.
Result<std::vector<std::uint8_t>> signed_response_claims(const Jwt &jwt, bool is_rfc9701,
                                                         const SignedResponseRules &rules, Now now);

}  // namespace token_introspect::token
