#pragma once

#include "base/error.hpp"

#include <string>
#include <string_view>

namespace token_introspect::token {

/// The WWW-Authenticate value of RFC 6750 section 3 for an outcome: `Bearer` with realm when it is
/// not empty, then error, error_description and, for insufficient_scope, scope. A request without
/// a token gets no error. Quotes and backslashes are escaped, control and non-ASCII bytes dropped.
std::string bearer_challenge(Code code, std::string_view realm, std::string_view scope);

/// `Basic realm="…"` (RFC 7617), likewise escaped.
std::string basic_challenge(std::string_view realm);

}  // namespace token_introspect::token
