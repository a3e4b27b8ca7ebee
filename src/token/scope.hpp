#pragma once

#include "token/claims.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace token_introspect::token {

/// `scope`, or `scp` when there is no scope (or a null); absent or null when there is neither.
Value scope_claim(const ClaimsView &claims) noexcept;

/// The scopes that a claim lists, as a string with spaces or as an array of strings: each once, in
/// their order. What is no scope-token (RFC 6749 section 3.3) is passed over.
std::vector<std::string> scopes_of(Value claim);

/// The scopes of a request parameter, each once, in their order; nothing when it does not follow the
/// grammar of RFC 6749 section 3.3: scope-tokens with one space between them, at least one.
std::optional<std::vector<std::string>> parse_scopes(std::string_view text);

/// With one space between them.
std::string join_scopes(const std::vector<std::string> &scopes);

}  // namespace token_introspect::token
