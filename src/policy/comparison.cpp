#include "policy/comparison.hpp"

#include "base/text.hpp"
#include "policy/delimiter.hpp"

namespace token_introspect::policy {

using token::Number;
using token::Value;
using token::ValueType;

namespace {

// For the searches in one claim; see BoundedPattern.
constexpr std::uint32_t kMatchSteps = 100'000;

template <class T> std::optional<bool> equal_if_both(std::optional<T> a,
                                                     std::optional<T> b) noexcept
{
    return a && b ? std::optional(*a == *b) : std::nullopt;
}

std::optional<Number> number_of(Value claim) noexcept
{
    return claim.is_string() ? Number::parse(claim.string()) : claim.number();
}

bool equals_by_text(Value element, std::string_view text) noexcept
{
    token::ScalarBuffer buffer;
    const bool is_scalar =
        element.type() != ValueType::kNull && !element.is_array() && !element.is_object();
    return is_scalar && element.scalar_text(buffer) == text;
}

/// True when `accepts` holds for an element of the claim; a scalar is its own only element.
template <class Predicate> bool any_element(Value claim, Predicate accepts) noexcept
{
    if (!claim.is_array()) {
        return accepts(claim);
    }
    for (std::size_t i = 0; i < claim.size(); ++i) {
        if (accepts(claim.at(i))) {
            return true;
        }
    }
    return false;
}

}  // namespace

std::optional<Number> integer_from(std::string_view text) noexcept
{
    const auto number = Number::parse(text);
    return number && !number->is_real() ? number : std::nullopt;
}

std::optional<bool> boolean_from(std::string_view text) noexcept
{
    if (equals_ignoring_case(text, "true")) {
        return true;
    }
    return equals_ignoring_case(text, "false") ? std::optional(false) : std::nullopt;
}

bool has_parts(std::string_view text, char delimiter) noexcept
{
    return any_part(text, delimiter, [](std::string_view) { return true; });
}

bool equals(Value claim, const Expected &expected) noexcept
{
    if (expected.literal.present()) {
        return equal(claim, expected.literal);
    }
    switch (claim.type()) {
    case ValueType::kString:
        return claim.string() == expected.text;
    case ValueType::kInteger:
    case ValueType::kReal:
        return Number::parse(expected.text) == claim.number();
    case ValueType::kBoolean:
        return expected.text == (*claim.boolean() ? "true" : "false");
    default:
        return false;
    }
}

bool has_element(Value claim, char delimiter, const Expected &expected) noexcept
{
    if (delimiter != 0 && claim.is_string()) {
        // Of a literal that is no string this is empty, as no part is.
        const std::string_view wanted =
            expected.literal.present() ? expected.literal.string() : expected.text;
        return any_part(claim.string(), delimiter,
                        [&](std::string_view part) { return part == wanted; });
    }
    return any_element(claim, [&](Value element) { return equals(element, expected); });
}

bool has_element_text(Value claim, std::string_view text) noexcept
{
    return any_element(claim, [&](Value element) { return equals_by_text(element, text); });
}

std::optional<bool> equals_string(Value claim, std::string_view text) noexcept
{
    if (!claim.is_string() && !claim.is_array()) {
        return std::nullopt;
    }
    return any_element(
        claim, [&](Value element) { return element.is_string() && element.string() == text; });
}

std::optional<bool> equals_integer(Value claim, std::string_view text) noexcept
{
    return equal_if_both(claim.is_string() ? integer_from(claim.string()) : claim.number(),
                         integer_from(text));
}

std::optional<bool> equals_boolean(Value claim, std::string_view text) noexcept
{
    return equal_if_both(claim.is_string() ? boolean_from(claim.string()) : claim.boolean(),
                         boolean_from(text));
}

std::optional<bool> holds_parts(Value claim, std::string_view wanted, char delimiter) noexcept
{
    if (!claim.is_string() || !has_parts(wanted, delimiter)) {
        return std::nullopt;
    }
    const auto is_missing = [&](std::string_view part) {
        return !any_part(claim.string(), delimiter,
                         [&](std::string_view actual) { return actual == part; });
    };
    return !any_part(wanted, delimiter, is_missing);
}

std::optional<bool> compare(Operator op, Value claim, std::string_view text) noexcept
{
    const auto actual = number_of(claim);
    const auto bound = Number::parse(text);
    if (!actual || !bound) {
        return std::nullopt;
    }
    switch (op) {
    case Operator::kLt:
        return *actual < *bound;
    case Operator::kLe:
        return *actual <= *bound;
    case Operator::kGt:
        return *actual > *bound;
    default:
        return *actual >= *bound;
    }
}

std::optional<bool> matches(Value claim, const BoundedPattern &pattern) noexcept
{
    std::uint32_t steps = kMatchSteps;
    if (!claim.is_string() && !claim.is_array()) {
        return std::nullopt;
    }
    bool decided = true;
    const bool found = any_element(claim, [&](Value element) {
        const auto result = element.is_string() ? pattern.search(element.string(), steps) : false;
        decided = decided && result.has_value();
        return result.value_or(false);
    });
    return found || decided ? std::optional(found) : std::nullopt;
}

}  // namespace token_introspect::policy
