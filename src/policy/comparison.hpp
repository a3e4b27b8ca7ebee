#pragma once

#include "policy/bounded_pattern.hpp"
#include "policy/requirement.hpp"
#include "token/claims.hpp"
#include "token/number.hpp"

#include <optional>
#include <string_view>

// How a claim that is there, and not null, compares with a VALUE. Nothing: this comparison is not
// for this claim, or the VALUE is no such thing, so that neither it nor its negation holds.

namespace token_introspect::policy {

/// A VALUE as it is compared: the literal when there is one, else the text.
struct Expected {
    std::string_view text;
    token::Value literal;
};

std::optional<token::Number> integer_from(std::string_view text) noexcept;
std::optional<bool> boolean_from(std::string_view text) noexcept;

/// True when something stands between the delimiters.
bool has_parts(std::string_view text, char delimiter) noexcept;

bool equals(token::Value claim, const Expected &expected) noexcept;

/// True when the claim, or an element or part of it, equals the expected value.
bool has_element(token::Value claim, char delimiter, const Expected &expected) noexcept;

/// As has_element without delimiter, numbers and booleans by their text.
bool has_element_text(token::Value claim, std::string_view text) noexcept;

std::optional<bool> equals_string(token::Value claim, std::string_view text) noexcept;
std::optional<bool> equals_integer(token::Value claim, std::string_view text) noexcept;
std::optional<bool> equals_boolean(token::Value claim, std::string_view text) noexcept;

/// True when every part of `wanted` is a part of the claim.
std::optional<bool> holds_parts(token::Value claim, std::string_view wanted,
                                char delimiter) noexcept;

/// kLt, kLe, kGt, kGe.
std::optional<bool> compare(Operator op, token::Value claim, std::string_view text) noexcept;

std::optional<bool> matches(token::Value claim, const BoundedPattern &pattern) noexcept;

}  // namespace token_introspect::policy
