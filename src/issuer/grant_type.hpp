#pragma once

#include "issuer/client.hpp"
#include "issuer/token_form.hpp"

namespace token_introspect::issuer {

enum class GrantType : std::uint8_t { kTokenExchange, kRefreshToken };

/// The grant that a request to the token endpoint is about, when the client may use it.
std::expected<GrantType, Refusal> requested_grant(const Client &client, const TokenForm &form);

}  // namespace token_introspect::issuer
