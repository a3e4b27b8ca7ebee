#pragma once

#include "issuer/issuer_context.hpp"
#include "issuer/token_answer.hpp"
#include "issuer/token_form.hpp"

namespace token_introspect::issuer {

/// Revokes a token of the client (RFC 7009 section 2): an access token alone, with a refresh token
/// all access tokens of its grant. There is nothing to do for a token that is not this issuer's, or
/// has expired: the answer is the same.
std::expected<Answer, Refusal> revoke(const IssuerContext &context, const Client &client,
                                      const TokenForm &form, token::JwtParser &jwts, Now now);

}  // namespace token_introspect::issuer
