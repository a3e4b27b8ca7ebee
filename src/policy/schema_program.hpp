#pragma once

#include "policy/bounded_pattern.hpp"
#include "token/claims.hpp"
#include "token/number.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

// What a JSON Schema is compiled to: each schema, at any place, is a list of rules that all must
// hold. Names, literals and lists point into the image of the schema's own text. A rule for a type
// that the instance has not holds.

namespace token_introspect::policy {

/// The place of a schema in SchemaProgram::schemas.
using SchemaId = std::uint32_t;

/// The place of a pattern in SchemaProgram::patterns.
using PatternId = std::uint32_t;

/// The schema `false`.
struct NeverRule {};

struct TypeRule {
    unsigned types = 0;        ///< a bit for each token::ValueType
    bool whole_reals = false;  ///< "integer": 1.0, too
};

struct ConstRule {
    token::Value value;
};

struct EnumRule {
    std::vector<token::Value> values;  ///< sorted by order()
};

enum class Bound : std::uint8_t { kMinimum, kMaximum, kExclusiveMinimum, kExclusiveMaximum };

struct BoundRule {
    Bound bound;
    token::Number number;
};

struct MultipleRule {
    token::Number divisor;
};

enum class Measure : std::uint8_t { kLength, kItems, kProperties };

/// minLength, maxItems, …: how many there are.
struct SizeRule {
    Measure measure;
    bool is_maximum;
    std::size_t limit;
};

struct PatternRule {
    PatternId pattern;
};

struct RequiredRule {
    std::vector<std::string_view> names;
};

struct PropertiesRule {
    struct Property {
        std::string_view name;
        SchemaId schema;
    };
    std::vector<Property> properties;
};

/// patternProperties and additionalProperties.
struct MembersRule {
    struct Group {
        PatternId pattern;
        SchemaId schema;
    };
    std::vector<Group> groups;
    std::vector<std::string_view> named;  ///< of `properties`, sorted: no others
    std::optional<SchemaId> others;
};

struct NamesRule {
    SchemaId schema;
};

struct DependenciesRule {
    struct Dependency {
        std::string_view name;
        std::vector<std::string_view> required;
        std::optional<SchemaId> schema;
    };
    std::vector<Dependency> dependencies;
};

/// items and additionalItems.
struct ItemsRule {
    std::vector<SchemaId> first;     ///< one for each of the first elements
    std::optional<SchemaId> others;  ///< for those behind
};

struct ContainsRule {
    SchemaId schema;
};

struct UniqueRule {};

enum class Combinator : std::uint8_t { kAll, kAny, kOne, kNone };

/// allOf (also $ref), anyOf, oneOf, not.
struct CombinedRule {
    Combinator combinator;
    std::vector<SchemaId> schemas;
};

struct ConditionalRule {
    SchemaId condition;
    std::optional<SchemaId> then;
    std::optional<SchemaId> otherwise;
};

using SchemaRule = std::variant<NeverRule, TypeRule, ConstRule, EnumRule, BoundRule, MultipleRule,
                                SizeRule, PatternRule, RequiredRule, PropertiesRule, MembersRule,
                                NamesRule, DependenciesRule, ItemsRule, ContainsRule, UniqueRule,
                                CombinedRule, ConditionalRule>;

using SchemaRules = std::vector<SchemaRule>;

struct SchemaProgram {
    std::vector<std::uint8_t> image;  ///< claims image of {"": the schema}
    std::vector<BoundedPattern> patterns;
    std::vector<SchemaRules> schemas;  ///< the first is the root
};

}  // namespace token_introspect::policy
