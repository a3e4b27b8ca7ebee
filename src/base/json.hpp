#pragma once

#include "base/error.hpp"

#include <jansson.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace token_introspect {

struct JsonDeleter {
    void operator()(json_t *value) const noexcept { json_decref(value); }
};

/// An owned Jansson value.
using Json = std::unique_ptr<json_t, JsonDeleter>;

struct JsonLimits {
    std::size_t bytes = 65536;  ///< longest accepted text
    std::size_t depth = 16;     ///< deepest accepted nesting; the outermost value is depth 1
};

/// Parses one JSON object. Refused with kMalformed: anything but an object, duplicate member names
/// at any level, NUL in strings, invalid UTF-8, text after the value, numbers beyond 64 bits or a
/// double's range, and what exceeds the limits. The depth is checked before Jansson recurses.
Result<Json> parse_json_object(std::string_view text, const JsonLimits &limits = {});

/// Parses any JSON value under the same rules (a literal of the configuration).
Result<Json> parse_json(std::string_view text, const JsonLimits &limits = {});

/// The string member `name`, or an empty view when it is absent or no string.
std::string_view json_string_member(const json_t *object, const char *name) noexcept;

/// The bytes of a string, an empty view of anything else.
std::string_view json_text(const json_t *value) noexcept;

using JsonMembers = std::vector<std::pair<std::string_view, const json_t *>>;

/// The members of an object in the order of its text; none of anything else.
JsonMembers json_members(const json_t *object);

/// The name of the first member of an object that is none of these.
std::optional<std::string_view> unknown_json_member(const json_t *object,
                                                    std::span<const std::string_view> known);

/// The shortest text of an object or array, with members in the order they were set; kInternal when
/// out of memory or without a value.
Result<std::string> json_compact(const json_t *value);

/// As above with sorted members (RFC 7638 section 3).
Result<std::string> json_sorted(const json_t *value);

/// Sets a string member; false when out of memory or when the text is not UTF-8.
[[nodiscard]] bool json_set_text(json_t *object, const char *name, std::string_view text) noexcept;

/// Seeds Jansson's hash once per process, before fork (0: from the system's randomness).
void seed_json_hash() noexcept;

}  // namespace token_introspect
