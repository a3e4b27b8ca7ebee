#include "policy/schema_compiler.hpp"

#include "policy/value_order.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

namespace token_introspect::policy {

using token::Number;
using token::Value;
using token::ValueType;

namespace {

struct TypeName {
    std::string_view name;
    unsigned types;
};

constexpr unsigned bit_of(ValueType type) noexcept
{
    return 1U << std::to_underlying(type);
}

constexpr std::string_view kInteger = "integer";

constexpr auto kTypes = std::to_array<TypeName>({
    {"array", bit_of(ValueType::kArray)},
    {"boolean", bit_of(ValueType::kBoolean)},
    {kInteger, bit_of(ValueType::kInteger)},
    {"null", bit_of(ValueType::kNull)},
    {"number", bit_of(ValueType::kInteger) | bit_of(ValueType::kReal)},
    {"object", bit_of(ValueType::kObject)},
    {"string", bit_of(ValueType::kString)},
});

constexpr auto kDrafts = std::to_array<std::string_view>(
    {"http://json-schema.org/draft-07/schema#", "http://json-schema.org/draft-07/schema"});

/// The whole number, if it is one and not negative; what is beyond any size is as good as it.
std::optional<std::size_t> size_from(Value value) noexcept
{
    constexpr auto most = std::numeric_limits<std::uint32_t>::max();
    const auto real = value.real();
    if (!real || *real < 0 || std::trunc(*real) != *real) {
        return std::nullopt;
    }
    return *real < most ? static_cast<std::size_t>(*real) : most;
}

/// As PCRE takes it: over UTF-8, and with `$` as ECMA 262 has it.
std::string pcre_from(std::string_view text)
{
    std::string pcre = "(*UTF)";
    bool in_class = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '\\') {
            pcre += text.substr(i, 2);
            ++i;
        } else if (c == '$' && !in_class) {
            pcre += "\\z";
        } else {
            in_class = c == '[' || (in_class && c != ']');
            pcre += c;
        }
    }
    return pcre;
}

}  // namespace

void SchemaCompiler::annotations(Value object)
{
    for (const std::string_view keyword : {"$comment", "$schema", "contentEncoding",
                                           "contentMediaType", "description", "format", "title"})
    {
        const Value value = object.find(keyword);
        if (value.present() && !value.is_string()) {
            const Step step(*this, keyword);
            fault("must be a string");
        }
    }
    for (const std::string_view keyword : {"readOnly", "writeOnly"}) {
        const Value value = object.find(keyword);
        if (value.present() && !value.boolean()) {
            const Step step(*this, keyword);
            fault("must be true or false");
        }
    }
    if (const Value examples = object.find("examples"); examples.present() && !examples.is_array())
    {
        const Step step(*this, "examples");
        fault("must be a list");
    }
    if (const Value draft = object.find("$schema");
        draft.present() && std::ranges::find(kDrafts, draft.string()) == kDrafts.end())
    {
        const Step step(*this, "$schema");
        fault("is another dialect, only draft-07 is understood; write the schema for it and say "
              "\"http://json-schema.org/draft-07/schema#\", or nothing");
    }
    if (const Value definitions = object.find("definitions"); definitions.present()) {
        const Step step(*this, "definitions");
        named_schemas(definitions);
    }
}

void SchemaCompiler::types(Value object, SchemaRules &rules)
{
    const Value value = object.find("type");
    if (!value.present()) {
        return;
    }
    const Step step(*this, "type");
    TypeRule rule;
    if (value.is_string()) {
        add_type(value.string(), rule);
    } else if (value.size() == 0) {
        fault("must be a type or a list of types");
    } else {
        for (const std::string_view name : names(value)) {
            add_type(name, rule);
        }
    }
    rules.emplace_back(rule);
}

void SchemaCompiler::add_type(std::string_view name, TypeRule &rule)
{
    const auto *const type = std::ranges::find(kTypes, name, &TypeName::name);
    if (type == kTypes.end()) {
        fault("\"" + std::string(name)
              + "\" is no type; the types are array, boolean, integer, null, number, object, "
                "string");
        return;
    }
    rule.types |= type->types;
    rule.whole_reals = rule.whole_reals || name == kInteger;
}

void SchemaCompiler::constants(Value object, SchemaRules &rules)
{
    const Value constant = object.find("constant");
    const Value value = object.find("const");
    if (constant.present() && value.present() && !equal(constant, value)) {
        const Step step(*this, "constant");
        fault("differs from \"const\", which means the same; leave one of them");
    }
    if (value.present() || constant.present()) {
        rules.emplace_back(ConstRule{value.present() ? value : constant});
    }
    if (const Value list = object.find("enum"); list.present()) {
        const Step step(*this, "enum");
        if (!list.is_array()) {
            fault("must be a list of values");
        }
        EnumRule rule;
        for (std::size_t i = 0; i < list.size(); ++i) {
            rule.values.push_back(list.at(i));
        }
        std::ranges::sort(rule.values, [](Value a, Value b) { return order(a, b) < 0; });
        rules.emplace_back(std::move(rule));
    }
}

void SchemaCompiler::numbers(Value object, SchemaRules &rules)
{
    struct Limit {
        std::string_view keyword;
        Bound bound;
    };
    constexpr auto limits = std::to_array<Limit>({
        {"minimum", Bound::kMinimum},
        {"maximum", Bound::kMaximum},
        {"exclusiveMinimum", Bound::kExclusiveMinimum},
        {"exclusiveMaximum", Bound::kExclusiveMaximum},
    });
    for (const auto &[keyword, bound] : limits) {
        const Value value = object.find(keyword);
        if (!value.present()) {
            continue;
        }
        const Step step(*this, keyword);
        if (const auto number = value.number()) {
            rules.emplace_back(BoundRule{bound, *number});
        } else if (value.boolean()) {
            fault("must be a number; where draft-04 has \"minimum\": 1 and \"exclusiveMinimum\": "
                  "true, draft-07 has \"exclusiveMinimum\": 1");
        } else {
            fault("must be a number");
        }
    }
    if (const Value value = object.find("multipleOf"); value.present()) {
        const Step step(*this, "multipleOf");
        const auto divisor = value.number();
        if (!divisor || *divisor <= Number(0)) {
            fault("must be a number above 0");
            return;
        }
        rules.emplace_back(MultipleRule{*divisor});
    }
}

void SchemaCompiler::sizes(Value object, SchemaRules &rules)
{
    struct Limit {
        std::string_view keyword;
        Measure measure;
        bool is_maximum;
    };
    constexpr auto limits = std::to_array<Limit>({
        {"minLength", Measure::kLength, false},
        {"maxLength", Measure::kLength, true},
        {"minItems", Measure::kItems, false},
        {"maxItems", Measure::kItems, true},
        {"minProperties", Measure::kProperties, false},
        {"maxProperties", Measure::kProperties, true},
    });
    for (const auto &[keyword, measure, is_maximum] : limits) {
        const Value value = object.find(keyword);
        if (!value.present()) {
            continue;
        }
        const Step step(*this, keyword);
        if (const auto size = size_from(value)) {
            rules.emplace_back(SizeRule{measure, is_maximum, *size});
        } else {
            fault("must be a whole number, 0 or more");
        }
    }
}

void SchemaCompiler::strings(Value object, SchemaRules &rules)
{
    const Value value = object.find("pattern");
    if (!value.present()) {
        return;
    }
    const Step step(*this, "pattern");
    if (!value.is_string()) {
        fault("must be a string, a regular expression");
    } else if (const auto id = pattern(value.string())) {
        rules.emplace_back(PatternRule{*id});
    }
}

void SchemaCompiler::members(Value object, SchemaRules &rules)
{
    if (const Value required = object.find("required"); required.present()) {
        const Step step(*this, "required");
        rules.emplace_back(RequiredRule{names(required)});
    }

    MembersRule members;
    if (const Value properties = object.find("properties"); properties.present()) {
        const Step step(*this, "properties");
        PropertiesRule rule;
        for (const auto &[name, id] : named_schemas(properties)) {
            rule.properties.push_back({name, id});
            members.named.push_back(name);  // sorted, as the image is
        }
        rules.emplace_back(std::move(rule));
    }
    if (const Value groups = object.find("patternProperties"); groups.present()) {
        const Step step(*this, "patternProperties");
        for (const auto &[text, id] : named_schemas(groups)) {
            const Step group(*this, text);
            if (const auto name = pattern(text)) {
                members.groups.push_back({*name, id});
            }
        }
    }
    members.others = schema_of(object, "additionalProperties");
    if (members.others || !members.groups.empty()) {
        rules.emplace_back(std::move(members));
    }
    if (const auto id = schema_of(object, "propertyNames")) {
        rules.emplace_back(NamesRule{*id});
    }
}

void SchemaCompiler::dependencies(Value object, SchemaRules &rules)
{
    const Value map = object.find("dependencies");
    if (!map.present()) {
        return;
    }
    const Step step(*this, "dependencies");
    if (!map.is_object()) {
        fault("must be an object of names with lists of names, or with schemas");
    }
    DependenciesRule rule;
    for (std::size_t i = 0; i < map.size(); ++i) {
        const Step name(*this, map.key_at(i));
        const Value value = map.value_at(i);
        DependenciesRule::Dependency dependency{map.key_at(i), {}, {}};
        if (value.is_array()) {
            dependency.required = names(value);
        } else {
            dependency.schema = schema(value);
        }
        rule.dependencies.push_back(std::move(dependency));
    }
    rules.emplace_back(std::move(rule));
}

void SchemaCompiler::elements(Value object, SchemaRules &rules)
{
    ItemsRule rule;
    // Where `items` is no list, additionalItems has no effect, yet must be a schema.
    const auto others = schema_of(object, "additionalItems");
    const Value items = object.find("items");
    if (items.is_array()) {
        const Step step(*this, "items");
        rule.first = schema_list(items);
        rule.others = others;
    } else {
        rule.others = schema_of(object, "items");
    }
    if (items.present()) {
        rules.emplace_back(std::move(rule));
    }
    if (const auto id = schema_of(object, "contains")) {
        rules.emplace_back(ContainsRule{*id});
    }
    if (const Value unique = object.find("uniqueItems"); unique.present()) {
        const Step step(*this, "uniqueItems");
        if (!unique.boolean()) {
            fault("must be true or false");
        } else if (*unique.boolean()) {
            rules.emplace_back(UniqueRule{});
        }
    }
}

void SchemaCompiler::combinators(Value object, SchemaRules &rules)
{
    struct List {
        std::string_view keyword;
        Combinator combinator;
    };
    constexpr auto lists = std::to_array<List>({
        {"allOf", Combinator::kAll},
        {"anyOf", Combinator::kAny},
        {"oneOf", Combinator::kOne},
    });
    for (const auto &[keyword, combinator] : lists) {
        if (const Value list = object.find(keyword); list.present()) {
            const Step step(*this, keyword);
            rules.emplace_back(CombinedRule{combinator, schema_list(list)});
        }
    }
    if (const auto id = schema_of(object, "not")) {
        rules.emplace_back(CombinedRule{Combinator::kNone, {*id}});
    }
    const auto condition = schema_of(object, "if");
    const auto then = schema_of(object, "then");
    const auto otherwise = schema_of(object, "else");
    if (condition && (then || otherwise)) {
        rules.emplace_back(ConditionalRule{*condition, then, otherwise});
    }
}

std::optional<SchemaId> SchemaCompiler::schema_of(Value object, std::string_view keyword)
{
    const Value value = object.find(keyword);
    if (!value.present()) {
        return std::nullopt;
    }
    const Step step(*this, keyword);
    return schema(value);
}

std::vector<SchemaId> SchemaCompiler::schema_list(Value list)
{
    if (!list.is_array() || list.size() == 0) {
        fault("must be a list of schemas, at least one");
    }
    std::vector<SchemaId> schemas;
    for (std::size_t i = 0; list.is_array() && i < list.size(); ++i) {
        const Step step(*this, std::to_string(i));
        schemas.push_back(schema(list.at(i)));
    }
    return schemas;
}

SchemaCompiler::NamedSchemas SchemaCompiler::named_schemas(Value map)
{
    if (!map.is_object()) {
        fault("must be an object of names with schemas");
        return {};
    }
    NamedSchemas schemas;
    for (std::size_t i = 0; i < map.size(); ++i) {
        const Step step(*this, map.key_at(i));
        schemas.emplace_back(map.key_at(i), schema(map.value_at(i)));
    }
    return schemas;
}

std::vector<std::string_view> SchemaCompiler::names(Value list)
{
    std::vector<std::string_view> names;
    for (std::size_t i = 0; list.is_array() && i < list.size(); ++i) {
        if (list.at(i).is_string()) {
            names.push_back(list.at(i).string());
        }
    }
    if (!list.is_array() || names.size() != list.size()) {
        fault("must be a list of strings");
    }
    std::ranges::sort(names);
    if (std::ranges::adjacent_find(names) != names.end()) {
        fault("has a string twice");
    }
    return names;
}

std::optional<PatternId> SchemaCompiler::pattern(std::string_view text)
{
    auto compiled = BoundedPattern::compile(pcre_from(text), compiler_, context_);
    if (!compiled) {
        fault("is no regular expression that PCRE reads: " + compiled.error());
        return std::nullopt;
    }
    program_->patterns.push_back(std::move(*compiled));
    return static_cast<PatternId>(program_->patterns.size() - 1);
}

}  // namespace token_introspect::policy
