#pragma once

#include "token/claims.hpp"

#include <compare>

namespace token_introspect::policy {

/// A total order of JSON values for sorting and searching: by type (all numbers are one), then by
/// value, deep, objects by their sorted members. Equal is what token::equal calls so; an absent
/// value counts as null.
std::strong_ordering order(token::Value a, token::Value b) noexcept;

}  // namespace token_introspect::policy
