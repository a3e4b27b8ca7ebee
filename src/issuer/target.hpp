#pragma once

#include "issuer/client.hpp"
#include "issuer/token_error.hpp"
#include "issuer/token_form.hpp"
#include "issuer/token_issuer.hpp"

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace token_introspect::issuer {

/// True when tokens for that audience may be issued to the client.
bool is_permitted_target(const TokenIssuer &issuer, const Client &client,
                         std::string_view target) noexcept;

/// What `resource` and `audience` ask for (RFC 8693 section 2.1), each once; empty when nothing is.
/// Refused is a resource that is no absolute URI or has a fragment, and what is not permitted.
std::expected<std::vector<std::string>, Refusal> requested_targets(const TokenIssuer &issuer,
                                                                   const Client &client,
                                                                   const TokenForm &form);

}  // namespace token_introspect::issuer
