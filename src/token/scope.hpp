#pragma once

#include "token/claims.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace token_introspect::token {

/// True for a scope-token (RFC 6749 section 3.3): %x21 / %x23-5B / %x5D-7E, at least one.
bool is_scope(std::string_view text) noexcept;

/// `scope`, or `scp` when there is no scope (or a null); absent or null when there is neither.
Value scope_claim(const ClaimsView &claims) noexcept;

/// The scopes that a claim lists, as a string with spaces or as an array of strings: each once, in
/// their order. What is no scope-token (RFC 6749 section 3.3) is passed over.
std::vector<std::string> scopes_of(Value claim);

/// The scopes of a request parameter, each once, in their order; nothing when it does not follow the
/// grammar of RFC 6749 section 3.3: scope-tokens with one space between them, at least one.
std::optional<std::vector<std::string>> parse_scopes(std::string_view text);

/// Of `some` those that are among `others`, in their order.
std::vector<std::string> common_scopes(const std::vector<std::string> &some,
                                       const std::vector<std::string> &others);

/// With one space between them.
std::string join_scopes(const std::vector<std::string> &scopes);

}  // namespace token_introspect::token
