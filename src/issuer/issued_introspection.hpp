#pragma once

#include "issuer/issuer_context.hpp"
#include "issuer/token_answer.hpp"
#include "issuer/token_form.hpp"

namespace token_introspect::issuer {

/// What the introspection endpoint (RFC 7662) says of a token to a client that is authenticated: the
/// claims of one that this issuer has issued, that has not expired or been revoked, and whose client
/// is still one; of all others that they are not active. So are refresh tokens, or a resource server
/// that looks at `active` alone would take them for access tokens: but for the client that they were
/// issued to, if its token_type_hint says what it asks about.
std::expected<Answer, Refusal> introspect(const IssuerContext &context, const Client &client,
                                          const TokenForm &form, token::JwtParser &jwts, Now now);

}  // namespace token_introspect::issuer
