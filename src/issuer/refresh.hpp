#pragma once

#include "issuer/issuer_context.hpp"
#include "issuer/token_answer.hpp"
#include "issuer/token_form.hpp"
#include "resource/user_store.hpp"

namespace token_introspect::issuer {

/// The refresh_token grant (RFC 6749 section 6): an access token as the first one was, with the same
/// or less scope. The refresh token goes on being good. `users` are those of the configuration: when
/// there are any, the token's user must still be one of them, and active.
std::expected<IssuedTokens, Refusal> refresh(const IssuerContext &context, const Client &client,
                                             const TokenForm &form, token::JwtParser &jwts,
                                             const resource::UserStore *users, Now now);

}  // namespace token_introspect::issuer
