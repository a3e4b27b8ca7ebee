#include "policy/json_schema.hpp"

#include "policy/schema_compiler.hpp"
#include "policy/schema_evaluation.hpp"
#include "policy/schema_program.hpp"

#include <utility>

namespace token_introspect::policy {

JsonSchema::JsonSchema(std::unique_ptr<const SchemaProgram> program) noexcept
    : program_(std::move(program))
{}

JsonSchema::JsonSchema(JsonSchema &&other) noexcept = default;
JsonSchema &JsonSchema::operator=(JsonSchema &&other) noexcept = default;
JsonSchema::~JsonSchema() = default;

std::expected<JsonSchema, std::string> JsonSchema::compile(const json_t *schema,
                                                           PatternCompiler compiler, void *context)
{
    auto program = SchemaCompiler(compiler, context).compile(schema);
    if (!program) {
        return std::unexpected(std::move(program.error()));
    }
    return JsonSchema(std::move(*program));
}

bool JsonSchema::accepts(token::Value instance) const noexcept
{
    return program_ != nullptr && instance.present()
           && SchemaEvaluation(*program_).accepts(instance);
}

}  // namespace token_introspect::policy
