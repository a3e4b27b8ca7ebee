#pragma once

#include "resource/document.hpp"

namespace token_introspect::resource {

/// The value of a plain (unquoted) scalar by YAML 1.2's core schema (YAML 1.2.2, section 10.3.2):
/// `null` `~` and nothing at all, `true` `false`, integers (decimal, 0o, 0x), floats; everything
/// else is a string, `yes` and `on` among them. A sentence without a place for what JSON has not:
/// .inf, .nan, numbers beyond 64 bits or a double's range.
Checked<Json> resolve_plain_scalar(std::string_view text);

/// A string of UTF-8 without NUL, or a sentence without a place.
Checked<Json> string_scalar(std::string_view text);

}  // namespace token_introspect::resource
