#include "policy/requirement.hpp"

#include "base/json.hpp"
#include "policy/comparison.hpp"
#include "policy/delimiter.hpp"

#include <algorithm>
#include <array>

namespace token_introspect::policy {

using token::ClaimsView;
using token::Value;
using token::ValueType;

namespace {

constexpr std::string_view kJsonPrefix = "json=";

enum class Count : std::uint8_t { kNone, kOne, kSome };

struct OperatorTraits {
    std::string_view name;
    Operator op;
    Count values;
    bool takes_delimiter;
    bool takes_json;
};

constexpr auto kOperators = std::to_array<OperatorTraits>({
    {"string", Operator::kString, Count::kOne, true, false},
    {"integer", Operator::kInteger, Count::kOne, false, false},
    {"boolean", Operator::kBoolean, Count::kOne, false, false},
    {"array", Operator::kArray, Count::kSome, false, false},
    {"eq", Operator::kEq, Count::kOne, false, true},
    {"ne", Operator::kNe, Count::kOne, false, true},
    {"lt", Operator::kLt, Count::kOne, false, false},
    {"le", Operator::kLe, Count::kOne, false, false},
    {"gt", Operator::kGt, Count::kOne, false, false},
    {"ge", Operator::kGe, Count::kOne, false, false},
    {"in", Operator::kIn, Count::kSome, false, true},
    {"any", Operator::kAny, Count::kSome, true, true},
    {"all", Operator::kAll, Count::kSome, true, true},
    {"match", Operator::kMatch, Count::kOne, false, false},
    {"exists", Operator::kExists, Count::kNone, false, false},
});

std::string quoted(std::string_view text)
{
    return '"' + std::string(text) + '"';
}

template <class Table> std::string names_of(const Table &table)
{
    std::string names;
    for (const auto &row : table) {
        names += names.empty() ? "" : ", ";
        names += row.name;
    }
    return names;
}

/// A sentence when a VALUE without variables is not what the operator needs.
std::optional<std::string> fault_of(Operator op, std::string_view text, char delimiter)
{
    switch (op) {
    case Operator::kString:
        if (delimiter != 0 && !has_parts(text, delimiter)) {
            return quoted(text) + " has nothing between its delimiters";
        }
        return std::nullopt;
    case Operator::kInteger:
        return integer_from(text) ? std::nullopt : std::optional(quoted(text) + " is no integer");
    case Operator::kBoolean:
        return boolean_from(text)
                   ? std::nullopt
                   : std::optional(quoted(text) + " is no boolean, it must be true or false");
    case Operator::kLt:
    case Operator::kLe:
    case Operator::kGt:
    case Operator::kGe:
        return token::Number::parse(text) ? std::nullopt
                                          : std::optional(quoted(text) + " is no number");
    default:
        return std::nullopt;
    }
}

/// The image of {"v": literal}, or a sentence.
std::expected<std::vector<std::uint8_t>, std::string> compile_literal(const OperatorTraits &traits,
                                                                      std::string_view text)
{
    const auto refuse = [&](std::string_view why) {
        return std::unexpected(quoted(text) + ": " + std::string(why));
    };
    auto literal = parse_json(text.substr(kJsonPrefix.size()));
    if (!literal) {
        return refuse(literal.error().text);
    }
    const json_t *const value = literal->get();
    if (json_is_null(value) && traits.op != Operator::kAny && traits.op != Operator::kAll) {
        return refuse("a null claim fails every comparison, use exists or !exists");
    }
    if (traits.op == Operator::kIn && (json_is_array(value) || json_is_object(value))) {
        return refuse("operator \"in\" compares strings, numbers and booleans only");
    }
    const Json object(json_object());
    if (!object || json_object_set_new(object.get(), "v", literal->release()) != 0) {
        return refuse("no memory");
    }
    auto image = token::build_claims(object.get());
    if (!image) {
        return refuse(image.error().text);
    }
    return std::move(*image);
}

}  // namespace

std::expected<Requirement, std::string> Requirement::compile(
    token::ClaimPath path, std::string_view op, std::span<const std::string_view> values,
    std::span<const bool> has_variables, std::string_view delimiter_name, PatternCompiler compiler,
    void *compiler_context)
{
    Requirement requirement;
    requirement.path_ = std::move(path);
    requirement.negated_ = op.starts_with('!');

    const auto *const traits = std::ranges::find(
        kOperators, op.substr(requirement.negated_ ? 1 : 0), &OperatorTraits::name);
    if (traits == kOperators.end()) {
        return std::unexpected("unknown operator " + quoted(op) + ", it must be one of "
                               + names_of(kOperators) + ", each with or without a \"!\" before it");
    }
    requirement.operator_ = traits->op;
    const std::string subject = "operator " + quoted(op);

    if (traits->values == Count::kNone && !values.empty()) {
        return std::unexpected(subject + " takes no value");
    }
    if (traits->values == Count::kOne && values.size() != 1) {
        return std::unexpected(subject + " takes exactly one value");
    }
    if (traits->values == Count::kSome && values.empty()) {
        return std::unexpected(subject + " takes at least one value");
    }

    if (!delimiter_name.empty()) {
        requirement.delimiter_ = delimiter_from_name(delimiter_name);
        if (requirement.delimiter_ == 0) {
            return std::unexpected("unknown delimiter " + quoted(delimiter_name)
                                   + ", it must be one of " + names_of(kDelimiters));
        }
        if (!traits->takes_delimiter) {
            return std::unexpected(subject + " takes no delimiter");
        }
    }

    for (std::size_t i = 0; i < values.size(); ++i) {
        const bool variable = i < has_variables.size() && has_variables[i];
        auto &literal = requirement.literals_.emplace_back();
        if (values[i].starts_with(kJsonPrefix)) {
            if (!traits->takes_json) {
                return std::unexpected(subject + " takes no json= value");
            }
            if (variable) {
                return std::unexpected(quoted(values[i]) + ": a json= value takes no variables");
            }
            auto image = compile_literal(*traits, values[i]);
            if (!image) {
                return std::unexpected(std::move(image.error()));
            }
            literal = std::move(*image);
        } else if (!variable) {
            if (auto fault = fault_of(traits->op, values[i], requirement.delimiter_)) {
                return std::unexpected(subject + ": " + *fault);
            }
        } else if (traits->op == Operator::kMatch) {
            return std::unexpected(subject + " takes no variables, its pattern is compiled once");
        }
    }

    if (traits->op == Operator::kMatch) {
        if (compiler == nullptr) {
            return std::unexpected(subject + " needs regular expressions, which are not built in");
        }
        auto pattern = BoundedPattern::compile(values[0], compiler, compiler_context);
        if (!pattern) {
            return std::unexpected(std::move(pattern.error()));
        }
        requirement.pattern_ = std::move(*pattern);
    }
    return requirement;
}

std::optional<bool> Requirement::judge(Value claim,
                                       std::span<const std::string_view> values) const noexcept
{
    const auto expected = [&](std::size_t i) {
        const auto &literal = literals_[i];
        return Expected{values[i], literal.empty() ? Value() : ClaimsView(literal).find("v")};
    };
    const auto count_if = [&](auto accepts) {
        std::size_t count = 0;
        for (std::size_t i = 0; i < values.size(); ++i) {
            count += accepts(expected(i)) ? 1 : 0;
        }
        return count;
    };
    const auto is_held = [&](const Expected &value) {
        return has_element(claim, delimiter_, value);
    };

    switch (operator_) {
    case Operator::kString:
        return delimiter_ != 0 ? holds_parts(claim, values[0], delimiter_)
                               : equals_string(claim, values[0]);
    case Operator::kInteger:
        return equals_integer(claim, values[0]);
    case Operator::kBoolean:
        return equals_boolean(claim, values[0]);
    case Operator::kEq:
        return equals(claim, expected(0));
    case Operator::kNe:
        return !equals(claim, expected(0));
    case Operator::kLt:
    case Operator::kLe:
    case Operator::kGt:
    case Operator::kGe:
        return compare(operator_, claim, values[0]);
    case Operator::kMatch:
        return pattern_ ? matches(claim, *pattern_) : std::nullopt;
    case Operator::kExists:
        return true;
    default:
        break;
    }

    if (claim.is_object() || (operator_ == Operator::kIn && claim.is_array())) {
        return std::nullopt;
    }
    switch (operator_) {
    case Operator::kArray:
        return std::ranges::all_of(
            values, [&](std::string_view text) { return has_element_text(claim, text); });
    case Operator::kIn:
        return count_if([&](const Expected &value) { return equals(claim, value); }) != 0;
    case Operator::kAny:
        return count_if(is_held) != 0;
    default:
        return count_if(is_held) == values.size();
    }
}

bool Requirement::holds(const ClaimsView &claims,
                        std::span<const std::string_view> values) const noexcept
{
    const Value claim = path_.find(claims);
    if (claim.type() == ValueType::kNull) {
        return operator_ == Operator::kExists && negated_;
    }
    if (values.size() != literals_.size()) {
        return false;
    }
    const auto judged = judge(claim, values);
    return judged && *judged != negated_;
}

char delimiter_from_name(std::string_view name) noexcept
{
    const auto *const found = std::ranges::find(kDelimiters, name, &Delimiter::name);
    return found == kDelimiters.end() ? '\0' : found->character;
}

}  // namespace token_introspect::policy
