#pragma once

#include "base/error.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace token_introspect::token {

/// True when an Authorization-style value has the scheme Bearer, whatever follows.
bool has_bearer_scheme(std::string_view value) noexcept;

/// The token in an Authorization-style value: `Bearer`, case-insensitive (RFC 9110 section 11.1),
/// one or more spaces, a b64token. Nothing when the value is empty or has another scheme (the
/// credential is then not supplied); kMalformedCredential when the scheme is there but what follows
/// is no b64token.
Result<std::optional<std::string_view>> bearer_token(std::string_view value) noexcept;

/// The token in a header without scheme: surrounding spaces and tabs trimmed; nothing when empty;
/// kMalformedCredential when it starts with a Bearer prefix or holds bytes outside %x21-7E.
Result<std::optional<std::string_view>> bare_token(std::string_view value) noexcept;

/// Where the first `name=value` argument of a query string stands, values as sent.
struct QueryArgument {
    std::size_t begin;       ///< of the name
    std::size_t end;         ///< one past the value
    std::string_view value;  ///< still percent-encoded
};

/// The first argument called exactly `name`; arguments are separated by '&'.
std::optional<QueryArgument> find_query_argument(std::string_view query,
                                                 std::string_view name) noexcept;

/// The query without every argument called `name`, all else byte for byte, no '&' left over.
std::string without_query_argument(std::string_view query, std::string_view name);

/// The value of cookie `name` in one Cookie header (RFC 6265 section 4.2.1), quotes kept.
std::optional<std::string_view> find_cookie(std::string_view header,
                                            std::string_view name) noexcept;

/// The Cookie header without every cookie called `name`, all else byte for byte.
std::string without_cookie(std::string_view header, std::string_view name);

}  // namespace token_introspect::token
