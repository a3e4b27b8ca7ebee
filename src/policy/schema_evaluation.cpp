#include "policy/schema_evaluation.hpp"

#include "policy/multiple.hpp"
#include "policy/value_order.hpp"

#include <algorithm>
#include <cmath>
#include <new>
#include <utility>
#include <variant>
#include <vector>

namespace token_introspect::policy {

using token::Value;
using token::ValueType;

namespace {

constexpr std::size_t kMaxDepth = 1024;

/// Code points of UTF-8, no more than `enough`.
std::size_t length_of(std::string_view text, std::size_t enough) noexcept
{
    std::size_t length = 0;
    for (const char c : text) {
        const bool continues = (static_cast<unsigned char>(c) & 0xc0) == 0x80;
        if (!continues && ++length == enough) {
            break;
        }
    }
    return length;
}

}  // namespace

ValueType SchemaEvaluation::Subject::type() const noexcept
{
    return value_.present() ? value_.type() : ValueType::kString;
}

std::optional<std::string_view> SchemaEvaluation::Subject::string() const noexcept
{
    if (!value_.present()) {
        return name_;
    }
    return value_.is_string() ? std::optional(value_.string()) : std::nullopt;
}

bool SchemaEvaluation::Subject::equals(Value literal) const noexcept
{
    return value_.present() ? equal(value_, literal)
                            : literal.is_string() && literal.string() == name_;
}

bool SchemaEvaluation::accepts(Value instance) noexcept
{
    return satisfies(instance, 0) && !given_up_;
}

bool SchemaEvaluation::spend(std::size_t steps) noexcept
{
    if (given_up_ || steps > steps_) {
        return give_up();
    }
    steps_ -= static_cast<std::uint32_t>(steps);
    return true;
}

bool SchemaEvaluation::give_up() noexcept
{
    given_up_ = true;
    return false;
}

bool SchemaEvaluation::satisfies(Value value, SchemaId id) noexcept
{
    return satisfies(Subject(value), id);
}

bool SchemaEvaluation::satisfies(const Subject &subject, SchemaId id) noexcept
{
    if (depth_ == kMaxDepth) {
        return give_up();
    }
    if (!spend(1)) {
        return false;
    }
    ++depth_;
    const bool satisfied =
        std::ranges::all_of(program_.schemas[id], [&](const SchemaRule &rule) noexcept {
            return std::visit([&](const auto &kind) noexcept { return holds(kind, subject); },
                              rule);
        });
    --depth_;
    return satisfied;
}

bool SchemaEvaluation::holds(const NeverRule & /*rule*/, const Subject & /*subject*/) noexcept
{
    return false;
}

bool SchemaEvaluation::holds(const TypeRule &rule, const Subject &subject) noexcept
{
    if ((rule.types & 1U << std::to_underlying(subject.type())) != 0) {
        return true;
    }
    if (!rule.whole_reals || subject.type() != ValueType::kReal) {
        return false;
    }
    const double real = *subject.value().real();
    return std::trunc(real) == real;
}

bool SchemaEvaluation::holds(const ConstRule &rule, const Subject &subject) noexcept
{
    return subject.equals(rule.value);
}

bool SchemaEvaluation::holds(const EnumRule &rule, const Subject &subject) noexcept
{
    if (subject.value().present()) {
        return std::ranges::binary_search(
            rule.values, subject.value(),
            [](Value a, Value b) noexcept { return order(a, b) < 0; });
    }
    return spend(rule.values.size()) && std::ranges::any_of(rule.values, [&](Value value) noexcept {
               return subject.equals(value);
           });
}

bool SchemaEvaluation::holds(const BoundRule &rule, const Subject &subject) noexcept
{
    const auto number = subject.value().number();
    if (!number) {
        return true;
    }
    switch (rule.bound) {
    case Bound::kMinimum:
        return *number >= rule.number;
    case Bound::kMaximum:
        return *number <= rule.number;
    case Bound::kExclusiveMinimum:
        return *number > rule.number;
    case Bound::kExclusiveMaximum:
        return *number < rule.number;
    }
    return false;
}

bool SchemaEvaluation::holds(const MultipleRule &rule, const Subject &subject) noexcept
{
    const auto number = subject.value().number();
    return !number || is_multiple(*number, rule.divisor);
}

bool SchemaEvaluation::holds(const SizeRule &rule, const Subject &subject) noexcept
{
    std::size_t size = 0;
    if (rule.measure == Measure::kLength) {
        const auto text = subject.string();
        if (!text) {
            return true;
        }
        size = length_of(*text, rule.limit + 1);
    } else {
        const auto wanted =
            rule.measure == Measure::kItems ? ValueType::kArray : ValueType::kObject;
        if (subject.type() != wanted) {
            return true;
        }
        size = subject.value().size();
    }
    return rule.is_maximum ? size <= rule.limit : size >= rule.limit;
}

bool SchemaEvaluation::holds(const PatternRule &rule, const Subject &subject) noexcept
{
    const auto text = subject.string();
    return !text || finds(rule.pattern, *text);
}

bool SchemaEvaluation::holds(const RequiredRule &rule, const Subject &subject) noexcept
{
    return subject.type() != ValueType::kObject || has_all(subject.value(), rule.names);
}

bool SchemaEvaluation::holds(const PropertiesRule &rule, const Subject &subject) noexcept
{
    const Value object = subject.value();
    if (!object.is_object()) {
        return true;
    }
    if (!spend(rule.properties.size())) {
        return false;
    }
    return std::ranges::all_of(rule.properties, [&](const auto &property) noexcept {
        const Value value = object.find(property.name);
        return !value.present() || satisfies(value, property.schema);
    });
}

bool SchemaEvaluation::holds(const MembersRule &rule, const Subject &subject) noexcept
{
    const Value object = subject.value();
    if (!object.is_object()) {
        return true;
    }
    for (std::size_t i = 0; i < object.size(); ++i) {
        const std::string_view name = object.key_at(i);
        const Value value = object.value_at(i);
        bool is_other = rule.others && !std::ranges::binary_search(rule.named, name);
        if (!spend(1)) {
            return false;
        }
        for (const auto &group : rule.groups) {
            if (finds(group.pattern, name)) {
                is_other = false;
                if (!satisfies(value, group.schema)) {
                    return false;
                }
            }
        }
        if (is_other && !satisfies(value, *rule.others)) {
            return false;
        }
    }
    return true;
}

bool SchemaEvaluation::holds(const NamesRule &rule, const Subject &subject) noexcept
{
    const Value object = subject.value();
    if (!object.is_object()) {
        return true;
    }
    for (std::size_t i = 0; i < object.size(); ++i) {
        if (!satisfies(Subject(object.key_at(i)), rule.schema)) {
            return false;
        }
    }
    return true;
}

bool SchemaEvaluation::holds(const DependenciesRule &rule, const Subject &subject) noexcept
{
    const Value object = subject.value();
    if (!object.is_object()) {
        return true;
    }
    if (!spend(rule.dependencies.size())) {
        return false;
    }
    return std::ranges::all_of(rule.dependencies, [&](const auto &dependency) noexcept {
        return !object.find(dependency.name).present()
               || (has_all(object, dependency.required)
                   && (!dependency.schema || satisfies(subject, *dependency.schema)));
    });
}

bool SchemaEvaluation::holds(const ItemsRule &rule, const Subject &subject) noexcept
{
    const Value array = subject.value();
    if (!array.is_array()) {
        return true;
    }
    const std::size_t judged =
        rule.others ? array.size() : std::min(array.size(), rule.first.size());
    for (std::size_t i = 0; i < judged; ++i) {
        if (!satisfies(array.at(i), i < rule.first.size() ? rule.first[i] : *rule.others)) {
            return false;
        }
    }
    return true;
}

bool SchemaEvaluation::holds(const ContainsRule &rule, const Subject &subject) noexcept
{
    const Value array = subject.value();
    if (!array.is_array()) {
        return true;
    }
    for (std::size_t i = 0; i < array.size(); ++i) {
        if (satisfies(array.at(i), rule.schema)) {
            return true;
        }
    }
    return false;
}

bool SchemaEvaluation::holds(const UniqueRule & /*rule*/, const Subject &subject) noexcept
{
    const Value array = subject.value();
    if (!array.is_array() || array.size() < 2) {
        return true;
    }
    if (!spend(array.size())) {
        return false;
    }
    try {
        std::vector<Value> values;
        values.reserve(array.size());
        for (std::size_t i = 0; i < array.size(); ++i) {
            values.push_back(array.at(i));
        }
        std::ranges::sort(values, [](Value a, Value b) noexcept { return order(a, b) < 0; });
        return std::ranges::adjacent_find(
                   values, [](Value a, Value b) noexcept { return order(a, b) == 0; })
               == values.end();
    } catch (const std::bad_alloc &) {
        return give_up();
    }
}

bool SchemaEvaluation::holds(const CombinedRule &rule, const Subject &subject) noexcept
{
    const auto is_satisfied = [&](SchemaId id) noexcept { return satisfies(subject, id); };
    switch (rule.combinator) {
    case Combinator::kAll:
        return std::ranges::all_of(rule.schemas, is_satisfied);
    case Combinator::kAny:
        return std::ranges::any_of(rule.schemas, is_satisfied);
    case Combinator::kOne:
        return std::ranges::count_if(rule.schemas, is_satisfied) == 1;
    case Combinator::kNone:
        return std::ranges::none_of(rule.schemas, is_satisfied);
    }
    return false;
}

bool SchemaEvaluation::holds(const ConditionalRule &rule, const Subject &subject) noexcept
{
    const auto &branch = satisfies(subject, rule.condition) ? rule.then : rule.otherwise;
    return !branch || satisfies(subject, *branch);
}

bool SchemaEvaluation::has_all(Value object, const std::vector<std::string_view> &names) noexcept
{
    return spend(names.size()) && std::ranges::all_of(names, [&](std::string_view name) noexcept {
               return object.find(name).present();
           });
}

bool SchemaEvaluation::finds(PatternId pattern, std::string_view text) noexcept
{
    if (given_up_) {
        return false;
    }
    const auto found = program_.patterns[pattern].search(text, steps_);
    return found ? *found : give_up();
}

}  // namespace token_introspect::policy
