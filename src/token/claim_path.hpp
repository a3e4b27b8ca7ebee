#pragma once

#include "token/claims.hpp"

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace token_introspect::token {

/// A compiled claim path: `realm_access.roles`, `groups[0].name`, `["https://example.com/tenant"]`,
/// `address["street.name"]`. A name without dots and brackets is one key. Inside quotes `\"` and
/// `\\` are escapes; single quotes serve as well. A numeric name is a key on an object and an index
/// on an array; in brackets it is an index only, in quotes a key only. Positions count from 1.
class ClaimPath {
public:
    /// The path, or a sentence for `nginx -t` that says what is wrong and where
    /// (e.g. "empty name at position 5").
    static std::expected<ClaimPath, std::string> parse(std::string_view text);

    /// The path whose names are what stands between dots, whatever else is in them (no brackets, no
    /// quotes): `params.resource/id`, `role.0.name`. Otherwise as parse.
    static std::expected<ClaimPath, std::string> parse_dotted(std::string_view text);

    /// The value it leads to, absent when any step is missing. Allocates nothing.
    [[nodiscard]] Value find(const ClaimsView &claims) const noexcept;
    [[nodiscard]] Value find(Value root) const noexcept;

    /// As find, but a name that is missing is tried again with each '-' as '_' (ACM's client-id).
    /// What is quoted is meant exactly.
    [[nodiscard]] Value find_lenient(const ClaimsView &claims) const noexcept;

    [[nodiscard]] const std::string &text() const noexcept { return text_; }

    /// The path as a header name's tail: every byte outside A-Z a-z 0-9 as '-', runs not folded,
    /// leading and trailing ones dropped; each word's first letter as written. Empty when the path
    /// has no letter and no digit.
    [[nodiscard]] std::string header_suffix() const;

private:
    struct Step {
        std::optional<std::string> key;          ///< on an object
        std::optional<std::string> lenient_key;  ///< when key is missing
        std::optional<std::size_t> index;        ///< on an array
    };
    class Parser;

    [[nodiscard]] Value walk(Value value, bool lenient) const noexcept;

    std::string text_;
    std::vector<Step> steps_;
};

}  // namespace token_introspect::token
