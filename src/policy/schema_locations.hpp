#pragma once

#include "token/claims.hpp"

#include <expected>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace token_introspect::policy {

/// Appends a reference token to a JSON pointer (RFC 6901), with its escapes.
void append_to_pointer(std::string &pointer, std::string_view name);

/// The value that a JSON pointer leads to from `root`; absent when there is none.
token::Value follow_pointer(token::Value root, std::string_view pointer);

/// What the references of one schema can mean: places inside of it, by JSON pointer from the root.
/// A base URI (RFC 3986 section 5.1) is the empty text until an $id gives one.
class SchemaLocations {
public:
    /// Notes the $id of the schema at `pointer`, seen from `base`. Gives the base URI from there on,
    /// or a sentence.
    std::expected<std::string, std::string> add(std::string_view base, std::string_view id,
                                                std::string_view pointer);

    /// The place that a $ref means, seen from `base`; or a sentence.
    [[nodiscard]] std::expected<std::string, std::string> find(std::string_view base,
                                                               std::string_view reference) const;

private:
    /// By URI: with a fragment when it is a #name, else without.
    std::map<std::string, std::string, std::less<>> pointers_{{"", ""}};
};

}  // namespace token_introspect::policy
