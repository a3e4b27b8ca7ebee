#pragma once

#include "policy/schema_program.hpp"
#include "token/claims.hpp"

#include <cstddef>
#include <optional>
#include <string_view>

namespace token_introspect::policy {

/// One look of a compiled schema at one instance, for one use.
class SchemaEvaluation {
public:
    explicit SchemaEvaluation(const SchemaProgram &program) noexcept : program_(program) {}

    /// True when the instance is valid, and could be judged within the limits.
    bool accepts(token::Value instance) noexcept;

private:
    /// What a schema looks at: a value, or the name of a member.
    class Subject {
    public:
        explicit Subject(token::Value value) noexcept : value_(value) {}
        explicit Subject(std::string_view name) noexcept : name_(name) {}

        [[nodiscard]] token::Value value() const noexcept { return value_; }  ///< absent for a name
        [[nodiscard]] token::ValueType type() const noexcept;
        [[nodiscard]] std::optional<std::string_view> string() const noexcept;
        [[nodiscard]] bool equals(token::Value literal) const noexcept;

    private:
        token::Value value_;
        std::string_view name_;
    };

    bool satisfies(const Subject &subject, SchemaId id) noexcept;
    bool satisfies(token::Value value, SchemaId id) noexcept;

    bool holds(const NeverRule &rule, const Subject &subject) noexcept;
    bool holds(const TypeRule &rule, const Subject &subject) noexcept;
    bool holds(const ConstRule &rule, const Subject &subject) noexcept;
    bool holds(const EnumRule &rule, const Subject &subject) noexcept;
    bool holds(const BoundRule &rule, const Subject &subject) noexcept;
    bool holds(const MultipleRule &rule, const Subject &subject) noexcept;
    bool holds(const SizeRule &rule, const Subject &subject) noexcept;
    bool holds(const PatternRule &rule, const Subject &subject) noexcept;
    bool holds(const RequiredRule &rule, const Subject &subject) noexcept;
    bool holds(const PropertiesRule &rule, const Subject &subject) noexcept;
    bool holds(const MembersRule &rule, const Subject &subject) noexcept;
    bool holds(const NamesRule &rule, const Subject &subject) noexcept;
    bool holds(const DependenciesRule &rule, const Subject &subject) noexcept;
    bool holds(const ItemsRule &rule, const Subject &subject) noexcept;
    bool holds(const ContainsRule &rule, const Subject &subject) noexcept;
    bool holds(const UniqueRule &rule, const Subject &subject) noexcept;
    bool holds(const CombinedRule &rule, const Subject &subject) noexcept;
    bool holds(const ConditionalRule &rule, const Subject &subject) noexcept;

    bool has_all(token::Value object, const std::vector<std::string_view> &names) noexcept;
    bool finds(PatternId pattern, std::string_view text) noexcept;

    /// Pays for work; false, and from then on always, when the limit is reached.
    bool spend(std::size_t steps) noexcept;
    /// From here on nothing is accepted any more.
    bool give_up() noexcept;

    const SchemaProgram &program_;
    std::uint32_t steps_ = std::uint32_t{1} << 18;
    std::size_t depth_ = 0;
    bool given_up_ = false;
};

}  // namespace token_introspect::policy
