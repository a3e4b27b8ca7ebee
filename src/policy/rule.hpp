#pragma once

#include "base/json.hpp"
#include "policy/context.hpp"
#include "policy/json_schema.hpp"
#include "policy/matcho.hpp"
#include "policy/pattern.hpp"

#include <expected>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace token_introspect::policy {

/// What decides in an access policy: an engine and what it was given. Immutable and move-only.
///
///   allow        holds always; takes nothing
///   matcho       a pattern, see Matcho
///   json-schema  a schema for the request object without empty values, see JsonSchema and
///                Context::whole
///   complex      an object with either `and` or `or`: a list, not empty, of objects with an
///                `engine` and what belongs to it as `matcho`, `schema`, `and` or `or`. Asked in
///                their order until one decides; at most 32 levels
class Rule {
public:
    /// `rule` is what the engine takes, or null when there is none; it is not needed afterwards. Or
    /// a sentence for `nginx -t` that begins with the place of what is wrong: `engine: …`,
    /// `matcho.user: …`, `and[1].schema#/type: …`.
    static std::expected<Rule, std::string> compile(std::string_view engine, const json_t *rule,
                                                    PatternCompiler compiler, void *context);

    /// The same of a resource, or of any object with `engine`, where `matcho`, `schema`, `and` and
    /// `or` stand if and only if they belong to it. Other members are not looked at.
    static std::expected<Rule, std::string> compile(const json_t *object, PatternCompiler compiler,
                                                    void *context);

    [[nodiscard]] bool holds(Context &context) const noexcept;

private:
    struct Allow {};
    struct Group {
        bool is_and;
        std::vector<Rule> rules;
    };
    class Compiler;
    using Engine = std::variant<Allow, Matcho, JsonSchema, Group>;

    explicit Rule(Engine engine) noexcept;

    Engine engine_;
};

}  // namespace token_introspect::policy
