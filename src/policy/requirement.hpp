#pragma once

#include "policy/bounded_pattern.hpp"
#include "token/claim_path.hpp"
#include "token/claims.hpp"

#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace token_introspect::policy {

enum class Operator : std::uint8_t {
    kString,
    kInteger,
    kBoolean,
    kArray,  // the typed matches
    kEq,
    kNe,
    kLt,
    kLe,
    kGt,
    kGe,
    kIn,
    kAny,
    kAll,
    kMatch,
    kExists
};

/// One `token_require_claim PATH OP VALUE… [delimiter=D]`. Immutable after compile.
///
/// The typed matches (an absent claim fails):
///   string          equal bytes, or an array that has the string among its elements
///   string + delim  both sides split; every expected part is among the actual parts, order-free,
///                   extras allowed; an array as actual value fails
///   integer         equal number; a string that is a decimal integer counts as the number
///   boolean         equal; the strings true/false count, case-insensitive
///   array           every VALUE is an element, order-free, extras allowed; a scalar is an array of
///                   one; elements compare as strings by bytes, numbers and booleans by their text
/// The others:
///   eq ne           by value: strings by bytes; a number equals a VALUE that reads as the same
///                   number, a boolean one that reads true/false; with json= by JSON type and value
///                   (deep). ne is its negation, for claims that are there.
///   lt le gt ge     numbers (a numeric string counts); anything else fails
///   in              the claim (a scalar) equals one VALUE
///   any all         array claims (a scalar is an array of one; with a delimiter a string is split)
///                   hold at least one, or every, VALUE
///   match           a string, or any string of an array, matches VALUE as a pattern
///   exists          there and not null; no VALUE
/// `!OP` negates; an absent (or null) claim fails every operator but `!exists`. So does, with and
/// without `!`, what an operator cannot judge: a claim of a type it is not for (an array for `in`,
/// `lt` or a delimited `string`, a word for `integer`, an object for all but eq and ne), an
/// evaluated VALUE that is no number where one is needed, and a pattern that exceeds its limit.
/// `json=` serves eq, ne, in, any and all.
class Requirement {
public:
    /// `values` are the static texts as configured (used where `json=` is given and to compile
    /// patterns); at check time they are given again, evaluated. A sentence for `nginx -t` when
    /// the operator is unknown, the number of values or the delimiter does not fit, integer/boolean
    /// literals do not read as such (`has_variables[i]` says which cannot be checked now).
    static std::expected<Requirement, std::string> compile(
        token::ClaimPath path, std::string_view op, std::span<const std::string_view> values,
        std::span<const bool> has_variables, std::string_view delimiter_name,
        PatternCompiler compiler, void *compiler_context);

    /// True when the claims satisfy it. `values`: the evaluated VALUEs, as many as compiled.
    [[nodiscard]] bool holds(const token::ClaimsView &claims,
                             std::span<const std::string_view> values) const noexcept;

    [[nodiscard]] const token::ClaimPath &path() const noexcept { return path_; }

private:
    /// Nothing when the operator cannot judge this claim or these values.
    [[nodiscard]] std::optional<bool> judge(
        token::Value claim, std::span<const std::string_view> values) const noexcept;

    token::ClaimPath path_;
    Operator operator_ = Operator::kExists;
    bool negated_ = false;
    char delimiter_ = 0;
    std::vector<std::vector<std::uint8_t>> literals_;  ///< one per VALUE: the claims image of
                                                       ///< {"v": literal}, empty for a text
    std::optional<BoundedPattern> pattern_;
};

/// SPACE COMMA PERIOD PLUS COLON SEMI-COLON VERTICAL-BAR FORWARD-SLASH BACK-SLASH HYPHEN UNDERSCORE;
/// 0 for another name.
char delimiter_from_name(std::string_view name) noexcept;

/// True when `scope` (a space-delimited string, RFC 6749 section 3.3, or an array of strings) or,
/// when there is no scope, `scp` holds all (or any) of the wanted scopes. False when none is wanted.
bool has_scopes(const token::ClaimsView &claims, std::span<const std::string> wanted,
                bool any) noexcept;

}  // namespace token_introspect::policy
