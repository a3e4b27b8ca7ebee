#pragma once

#include "base/json.hpp"
#include "policy/pattern.hpp"
#include "token/claims.hpp"

#include <expected>
#include <memory>
#include <string>

namespace token_introspect::policy {

struct SchemaProgram;

/// A JSON Schema of draft-07 (draft-handrews-json-schema-01 and -validation-01), compiled. Immutable
/// and move-only; a schema that was moved from accepts nothing.
///
/// Beyond the draft:
///   constant       the same as const, from before it had that name; both may stand together when
///                  they are equal
/// As the draft leaves it open:
///   format         an annotation: it must be a string and is not checked, as contentEncoding and
///                  contentMediaType
///   pattern,       PCRE over UTF-8, where `$` is the end of the text only, as in ECMA 262, and
///   patternProperties  never before a newline that ends it
///   multipleOf     exact, over the decimal numbers as they are written
/// Refused by compile, where the draft would let a mistake pass as permission:
///   an unknown keyword, unless some $ref points at it or below (a place for definitions); what
///   stands beside $ref and would have an effect elsewhere; a $schema that is not draft-07
/// Refused also: a $ref to what is outside of the schema (nothing is fetched; JSON pointers, $id and
/// #name inside of it are followed), references that come back to themselves without a step into
/// the instance, more than 32 levels of nesting or of references and combinators.
class JsonSchema {
public:
    /// `schema` is an object or a boolean and is not needed afterwards. Or a sentence for `nginx -t`
    /// that begins with the place as a JSON pointer (RFC 6901) behind "schema#".
    static std::expected<JsonSchema, std::string> compile(const json_t *schema,
                                                          PatternCompiler compiler, void *context);

    JsonSchema(const JsonSchema &) = delete;
    JsonSchema &operator=(const JsonSchema &) = delete;
    JsonSchema(JsonSchema &&other) noexcept;
    JsonSchema &operator=(JsonSchema &&other) noexcept;
    ~JsonSchema();

    /// True when the instance is there and valid. Work and depth are bounded: an instance that would
    /// need more than some 262144 steps, or whose nesting drives the evaluation deeper than 1024
    /// levels, is not accepted, nor one that makes a pattern exceed its limit, whatever the schema
    /// makes of it (`not`, `anyOf`). Allocates for uniqueItems only.
    [[nodiscard]] bool accepts(token::Value instance) const noexcept;

private:
    explicit JsonSchema(std::unique_ptr<const SchemaProgram> program) noexcept;

    std::unique_ptr<const SchemaProgram> program_;
};

}  // namespace token_introspect::policy
