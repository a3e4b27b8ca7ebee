#pragma once

#include "base/json.hpp"
#include "policy/pattern.hpp"
#include "policy/schema_locations.hpp"
#include "policy/schema_program.hpp"
#include "token/claims.hpp"

#include <cstddef>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace token_introspect::policy {

/// Makes one program of one schema.
class SchemaCompiler {
public:
    SchemaCompiler(PatternCompiler compiler, void *context)
        : compiler_(compiler),
          context_(context),
          program_(std::make_unique<SchemaProgram>())
    {}

    /// As JsonSchema::compile; once.
    std::expected<std::unique_ptr<const SchemaProgram>, std::string> compile(const json_t *schema);

private:
    /// Goes one step down in path_, for its lifetime.
    class Step {
    public:
        Step(SchemaCompiler &compiler, std::string_view name);
        Step(const Step &) = delete;
        Step &operator=(const Step &) = delete;
        ~Step() { path_.resize(size_); }

    private:
        std::string &path_;
        std::size_t size_;
    };

    /// A $ref, until all of the schema is known.
    struct Reference {
        SchemaId owner;
        std::string path;
        std::string base;
        std::string_view text;
    };

    /// Where a schema comes from, and how high it stands on others that look at the same value.
    struct Origin {
        std::string path;
        std::string base;
        std::size_t height = 0;  ///< 0: not counted yet
        bool is_being_counted = false;
    };

    using NamedSchemas = std::vector<std::pair<std::string_view, SchemaId>>;

    /// Notes what is wrong at path_. The first fault is the one that is told; what is compiled after
    /// it is of no use and does no harm.
    void fault(std::string_view sentence) { fault_at(path_, sentence); }
    void fault_at(std::string_view path, std::string_view sentence);

    void load(const json_t *schema);
    SchemaId schema(token::Value value);
    SchemaRules keywords(token::Value object, SchemaId id);
    void identify(token::Value object);
    void refer(token::Value object, SchemaId id);
    void note_unknown(token::Value object);

    void resolve_references();
    std::optional<SchemaId> target_of(const Reference &reference);
    void check_unknown();
    void check_heights();
    std::size_t height_of(SchemaId id, std::size_t depth);

    // Keywords of an object; each appends the rules that they stand for (schema_keywords.cpp).
    void annotations(token::Value object);
    void types(token::Value object, SchemaRules &rules);
    void constants(token::Value object, SchemaRules &rules);
    void numbers(token::Value object, SchemaRules &rules);
    void sizes(token::Value object, SchemaRules &rules);
    void strings(token::Value object, SchemaRules &rules);
    void members(token::Value object, SchemaRules &rules);
    void dependencies(token::Value object, SchemaRules &rules);
    void elements(token::Value object, SchemaRules &rules);
    void combinators(token::Value object, SchemaRules &rules);

    void add_type(std::string_view name, TypeRule &rule);
    std::optional<SchemaId> schema_of(token::Value object, std::string_view keyword);
    std::vector<SchemaId> schema_list(token::Value list);
    NamedSchemas named_schemas(token::Value map);
    std::vector<std::string_view> names(token::Value list);
    std::optional<PatternId> pattern(std::string_view text);

    PatternCompiler compiler_;
    void *context_;
    std::unique_ptr<SchemaProgram> program_;
    token::Value root_;

    std::string path_;  ///< JSON pointer of what is being compiled
    std::string base_;  ///< its base URI
    SchemaLocations locations_;
    std::map<std::string, SchemaId, std::less<>> compiled_;  ///< by JSON pointer
    std::vector<Origin> origins_;                            ///< by SchemaId
    std::vector<Reference> references_;
    std::vector<std::string> targets_;  ///< JSON pointers of what references mean
    std::vector<std::string> unknown_;  ///< those of keywords that draft-07 has not
    std::optional<std::string> fault_;
};

}  // namespace token_introspect::policy
