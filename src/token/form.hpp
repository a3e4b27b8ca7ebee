#pragma once

#include <string>
#include <string_view>

namespace token_introspect::token {

/// Adds `name=value` to an application/x-www-form-urlencoded body (RFC 6749 appendix B). The name is
/// taken as it is.
void append_parameter(std::string &form, std::string_view name, std::string_view value);

}  // namespace token_introspect::token
