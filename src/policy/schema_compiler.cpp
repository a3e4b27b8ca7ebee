#include "policy/schema_compiler.hpp"

#include <algorithm>
#include <array>

namespace token_introspect::policy {

using token::Value;
using token::ValueType;

namespace {

constexpr std::size_t kMaxNesting = 32;
constexpr std::size_t kMaxHeight = 32;

struct Keyword {
    std::string_view name;
    bool judges;  ///< has a say in what is accepted
};

constexpr auto kKeywords = std::to_array<Keyword>({
    {"$comment", false},
    {"$id", false},
    {"$ref", false},
    {"$schema", false},
    {"additionalItems", true},
    {"additionalProperties", true},
    {"allOf", true},
    {"anyOf", true},
    {"const", true},
    {"constant", true},
    {"contains", true},
    {"contentEncoding", false},
    {"contentMediaType", false},
    {"default", false},
    {"definitions", false},
    {"dependencies", true},
    {"description", false},
    {"else", true},
    {"enum", true},
    {"examples", false},
    {"exclusiveMaximum", true},
    {"exclusiveMinimum", true},
    {"format", false},
    {"if", true},
    {"items", true},
    {"maxItems", true},
    {"maxLength", true},
    {"maxProperties", true},
    {"maximum", true},
    {"minItems", true},
    {"minLength", true},
    {"minProperties", true},
    {"minimum", true},
    {"multipleOf", true},
    {"not", true},
    {"oneOf", true},
    {"pattern", true},
    {"patternProperties", true},
    {"properties", true},
    {"propertyNames", true},
    {"readOnly", false},
    {"required", true},
    {"then", true},
    {"title", false},
    {"type", true},
    {"uniqueItems", true},
    {"writeOnly", false},
});

const Keyword *find_keyword(std::string_view name) noexcept
{
    const auto *const found = std::ranges::find(kKeywords, name, &Keyword::name);
    return found == kKeywords.end() ? nullptr : found;
}

/// Whether more than `levels` arrays and objects are nested.
bool is_deeper(const json_t *value, std::size_t levels) noexcept
{
    if (!json_is_array(value) && !json_is_object(value)) {
        return false;
    }
    if (levels == 0) {
        return true;
    }
    for (std::size_t i = 0; i < json_array_size(value); ++i) {
        if (is_deeper(json_array_get(value, i), levels - 1)) {
            return true;
        }
    }
    // Jansson's iterators take no const object, but change nothing.
    auto *const object = const_cast<json_t *>(value);
    for (void *at = json_object_iter(object); at != nullptr; at = json_object_iter_next(object, at))
    {
        if (is_deeper(json_object_iter_value(at), levels - 1)) {
            return true;
        }
    }
    return false;
}

/// The schemas that a rule asks about the same value that it is asked about.
std::vector<SchemaId> asked_by(const SchemaRule &rule)
{
    std::vector<SchemaId> schemas;
    if (const auto *combined = std::get_if<CombinedRule>(&rule)) {
        schemas = combined->schemas;
    } else if (const auto *conditional = std::get_if<ConditionalRule>(&rule)) {
        schemas = {conditional->condition, conditional->then.value_or(conditional->condition),
                   conditional->otherwise.value_or(conditional->condition)};
    } else if (const auto *dependent = std::get_if<DependenciesRule>(&rule)) {
        for (const auto &dependency : dependent->dependencies) {
            if (dependency.schema) {
                schemas.push_back(*dependency.schema);
            }
        }
    }
    return schemas;
}

}  // namespace

SchemaCompiler::Step::Step(SchemaCompiler &compiler, std::string_view name)
    : path_(compiler.path_),
      size_(path_.size())
{
    append_to_pointer(path_, name);
}

void SchemaCompiler::fault_at(std::string_view path, std::string_view sentence)
{
    if (!fault_) {
        fault_ = std::string("schema#").append(path).append(": ").append(sentence);
    }
}

std::expected<std::unique_ptr<const SchemaProgram>, std::string> SchemaCompiler::compile(
    const json_t *schema_json)
{
    load(schema_json);
    if (!fault_) {
        schema(root_);
        resolve_references();
        check_unknown();
        check_heights();
    }
    if (fault_) {
        return std::unexpected(std::move(*fault_));
    }
    return std::move(program_);
}

void SchemaCompiler::load(const json_t *schema_json)
{
    if (is_deeper(schema_json, kMaxNesting)) {
        fault("is nested deeper than 32 levels; put parts of it under \"definitions\" and refer to "
              "them by \"$ref\"");
        return;
    }
    const Json object(json_object());
    // Jansson counts the reference, and takes it back with the object.
    if (!object || json_object_set(object.get(), "", const_cast<json_t *>(schema_json)) != 0) {
        fault("cannot be read: no schema or no memory");
        return;
    }
    auto image = token::build_claims(object.get());
    if (!image) {
        fault(image.error().text);
        return;
    }
    program_->image = std::move(*image);
    root_ = token::ClaimsView(program_->image).find("");
}

SchemaId SchemaCompiler::schema(Value value)
{
    const auto id = static_cast<SchemaId>(program_->schemas.size());
    const auto [known, is_new] = compiled_.try_emplace(path_, id);
    if (!is_new) {
        return known->second;
    }
    program_->schemas.emplace_back();
    origins_.push_back({path_, base_});
    if (value.is_object()) {
        const std::string outer_base = base_;
        SchemaRules rules = keywords(value, id);
        program_->schemas[id] = std::move(rules);
        base_ = outer_base;
    } else if (value.type() != ValueType::kBoolean) {
        fault("must be a schema: an object, true or false");
    } else if (!*value.boolean()) {
        program_->schemas[id].emplace_back(NeverRule{});
    }
    return id;
}

/// The rules are tried in this order: what is cheap comes first.
SchemaRules SchemaCompiler::keywords(Value object, SchemaId id)
{
    SchemaRules rules;
    if (object.find("$ref").present()) {
        refer(object, id);
    } else {
        identify(object);
        types(object, rules);
        constants(object, rules);
        numbers(object, rules);
        sizes(object, rules);
        strings(object, rules);
        members(object, rules);
        dependencies(object, rules);
        elements(object, rules);
        combinators(object, rules);
    }
    annotations(object);
    note_unknown(object);
    return rules;
}

void SchemaCompiler::identify(Value object)
{
    const Value id = object.find("$id");
    if (!id.present()) {
        return;
    }
    const Step step(*this, "$id");
    if (!id.is_string()) {
        fault("must be a string");
        return;
    }
    auto base = locations_.add(base_, id.string(), origins_.back().path);
    if (!base) {
        fault(base.error());
        return;
    }
    base_ = std::move(*base);
    origins_.back().base = base_;
}

void SchemaCompiler::refer(Value object, SchemaId id)
{
    for (std::size_t i = 0; i < object.size(); ++i) {
        const Keyword *const keyword = find_keyword(object.key_at(i));
        if (keyword != nullptr && keyword->judges) {
            const Step step(*this, keyword->name);
            fault("has no effect beside \"$ref\" in draft-07; write \"allOf\": [{\"$ref\": ...}, "
                  "{...}]");
        }
    }
    const Value reference = object.find("$ref");
    const Step step(*this, "$ref");
    if (!reference.is_string()) {
        fault("must be a string, like \"#/definitions/name\"");
        return;
    }
    references_.push_back({id, path_, base_, reference.string()});
}

void SchemaCompiler::note_unknown(Value object)
{
    for (std::size_t i = 0; i < object.size(); ++i) {
        if (find_keyword(object.key_at(i)) == nullptr) {
            const Step step(*this, object.key_at(i));
            unknown_.push_back(path_);
        }
    }
}

void SchemaCompiler::resolve_references()
{
    // Compiling what one of them means may bring more of them.
    for (std::size_t i = 0; i < references_.size() && !fault_; ++i) {
        const Reference reference = references_[i];
        if (const auto target = target_of(reference)) {
            program_->schemas[reference.owner].emplace_back(
                CombinedRule{Combinator::kAll, {*target}});
        }
    }
}

std::optional<SchemaId> SchemaCompiler::target_of(const Reference &reference)
{
    auto pointer = locations_.find(reference.base, reference.text);
    if (!pointer) {
        fault_at(reference.path, pointer.error());
        return std::nullopt;
    }
    const Value value = follow_pointer(root_, *pointer);
    if (!value.present()) {
        fault_at(reference.path, "leads nowhere, the schema has no \"" + *pointer + '"');
        return std::nullopt;
    }
    targets_.push_back(*pointer);
    std::string_view known = *pointer;
    while (!compiled_.contains(known)) {
        known = known.substr(0, known.rfind('/'));
    }
    base_ = origins_[compiled_.find(known)->second].base;
    path_ = std::move(*pointer);
    return schema(value);
}

void SchemaCompiler::check_unknown()
{
    for (const std::string &path : unknown_) {
        const bool is_referred_to = std::ranges::any_of(targets_, [&](std::string_view target) {
            return target == path || target.starts_with(path + '/');
        });
        if (!is_referred_to) {
            fault_at(path, "is no keyword of draft-07, it would be ignored and more accepted than "
                           "is meant; correct or remove it");
        }
    }
}

void SchemaCompiler::check_heights()
{
    for (SchemaId id = 0; id < origins_.size(); ++id) {
        height_of(id, 1);
    }
}

std::size_t SchemaCompiler::height_of(SchemaId id, std::size_t depth)
{
    Origin &origin = origins_[id];
    if (fault_ || origin.height != 0) {
        return origin.height;
    }
    if (origin.is_being_counted) {
        fault_at(origin.path, "refers to itself without a step into a member or an element, which "
                              "would never end; put the reference under \"properties\" or "
                              "\"items\"");
        return 0;
    }
    if (depth > kMaxHeight) {
        fault_at(origin.path, "is behind more than 32 references and combinators; refer to what "
                              "is meant directly");
        return 0;
    }
    origin.is_being_counted = true;
    std::size_t highest = 0;
    for (const SchemaRule &rule : program_->schemas[id]) {
        for (const SchemaId asked : asked_by(rule)) {
            highest = std::max(highest, height_of(asked, depth + 1));
        }
    }
    origin.is_being_counted = false;
    origin.height = highest + 1;
    if (depth + highest > kMaxHeight) {
        fault_at(origin.path, "goes through more than 32 references and combinators; refer to "
                              "what is meant directly");
    }
    return origin.height;
}

}  // namespace token_introspect::policy
