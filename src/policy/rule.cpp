#include "policy/rule.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace token_introspect::policy {

namespace {

constexpr std::size_t kMaxDepth = 32;

struct EngineTraits {
    std::string_view name;
    const char *member;  ///< of a resource that is its rule; null for none, or for and/or
};

constexpr auto kEngines = std::to_array<EngineTraits>({
    {"allow", nullptr},
    {"matcho", "matcho"},
    {"json-schema", "schema"},
    {"complex", nullptr},
});

/// Engines that need what a gateway has not.
constexpr auto kElsewhere = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"sql", "sql asks a database, and a gateway has none; use matcho or json-schema over what the "
            "token and the user's resource say"},
    {"matcho-rpc", "a gateway knows no RPC calls; use matcho over request-method and uri"},
    {"allow-rpc", "a gateway knows no RPC calls; use matcho over request-method and uri"},
    {"signed-rpc", "a gateway knows no RPC calls; use matcho over request-method and uri"},
    {"smart-on-fhir", "SMART scopes speak of resources, which a gateway does not read; use matcho "
                      "over jwt.scope, request-method and uri"},
    {"clj", "programs are not run here; use matcho, json-schema or complex"},
});

constexpr auto kRuleMembers =
    std::to_array<std::string_view>({"matcho", "schema", "and", "or", "sql", "rpc"});
constexpr auto kItemMembers =
    std::to_array<std::string_view>({"engine", "matcho", "schema", "and", "or", "description"});
constexpr auto kGroupMembers = std::to_array<std::string_view>({"and", "or"});

std::string unknown_engine(std::string_view name)
{
    for (const auto &[engine, sentence] : kElsewhere) {
        if (engine == name) {
            return std::string(sentence);
        }
    }
    std::string sentence = '"' + std::string(name) + "\" is no engine, the engines are ";
    for (const EngineTraits &known : kEngines) {
        sentence += &known == kEngines.data() ? "" : ", ";
        sentence += known.name;
    }
    return sentence;
}

}  // namespace

class Rule::Compiler {
public:
    using Compiled = std::expected<Rule, std::string>;

    Compiler(PatternCompiler compiler, void *context) noexcept
        : compiler_(compiler),
          context_(context)
    {}

    Compiled rule(std::string_view engine, const json_t *rule)
    {
        if (engine == "allow") {
            return rule == nullptr ? Compiled(Rule(Allow()))
                                   : fault("engine", "allow takes no rule");
        }
        if (engine == "matcho") {
            return made_of(Matcho::compile(rule, compiler_, context_));
        }
        if (engine == "json-schema") {
            if (json_is_true(rule) || (json_is_object(rule) && json_object_size(rule) == 0)) {
                return fault("schema", "it would accept every request; write what must hold, or "
                                       "use the engine allow");
            }
            return made_of(JsonSchema::compile(rule, compiler_, context_));
        }
        if (engine == "complex") {
            return group(rule);
        }
        return fault("engine", unknown_engine(engine));
    }

    Compiled object(const json_t *object)
    {
        const json_t *const engine = json_object_get(object, "engine");
        if (!json_is_string(engine)) {
            return fault("engine", engine == nullptr ? "missing, it must be one of allow, matcho, "
                                                       "json-schema, complex"
                                                     : "must be a string");
        }
        const std::string_view name = json_text(engine);
        const auto *const traits = std::ranges::find(kEngines, name, &EngineTraits::name);
        if (traits == kEngines.end()) {
            return fault("engine", unknown_engine(name));
        }
        const bool is_complex = name == "complex";
        for (const std::string_view member : kRuleMembers) {
            const bool belongs =
                is_complex ? std::ranges::find(kGroupMembers, member) != kGroupMembers.end()
                           : traits->member != nullptr && member == traits->member;
            if (!belongs && json_object_get(object, member.data()) != nullptr) {
                return fault(member, "does not belong to the engine " + std::string(name)
                                         + "; take one of them away");
            }
        }
        if (is_complex || traits->member == nullptr) {
            return rule(name, is_complex ? object : nullptr);
        }
        const json_t *const own = json_object_get(object, traits->member);
        return own != nullptr ? rule(name, own)
                              : fault(traits->member,
                                      "missing, the engine " + std::string(name) + " needs it");
    }

    std::unexpected<std::string> fault(std::string_view member, std::string_view sentence) const
    {
        return std::unexpected(path_ + std::string(member) + ": " + std::string(sentence));
    }

private:
    template <class Part> Compiled made_of(std::expected<Part, std::string> part) const
    {
        if (!part) {
            return std::unexpected(path_ + part.error());
        }
        return Rule(std::move(*part));
    }

    Compiled group(const json_t *holder)
    {
        const json_t *const and_list = json_object_get(holder, "and");
        const json_t *const or_list = json_object_get(holder, "or");
        if ((and_list == nullptr) == (or_list == nullptr)) {
            return fault("engine", "complex takes either and or or, a list of rules");
        }
        Group group{.is_and = and_list != nullptr, .rules = {}};
        const char *const name = group.is_and ? "and" : "or";
        const json_t *const list = group.is_and ? and_list : or_list;
        if (!json_is_array(list) || json_array_size(list) == 0) {
            return fault(name, "must be a list with at least one rule");
        }
        if (depth_ == kMaxDepth) {
            return fault(name, "more than " + std::to_string(kMaxDepth) + " levels");
        }
        const std::size_t size = path_.size();
        ++depth_;
        for (std::size_t i = 0; i < json_array_size(list); ++i) {
            const std::string place = std::string(name) + '[' + std::to_string(i) + ']';
            const json_t *const item = json_array_get(list, i);
            if (!json_is_object(item)) {
                return fault(place, "must be an object with an engine");
            }
            path_ += place + '.';
            if (const auto stranger = unknown_json_member(item, kItemMembers)) {
                return fault(*stranger,
                             "has no place in a rule of and or or; a rule has engine and "
                             "matcho, schema, and or or");
            }
            auto rule = object(item);
            if (!rule) {
                return rule;
            }
            group.rules.push_back(std::move(*rule));
            path_.resize(size);
        }
        --depth_;
        return Rule(std::move(group));
    }

    PatternCompiler compiler_;
    void *context_;
    std::string path_;  ///< with a dot at its end, or empty
    std::size_t depth_ = 0;
};

Rule::Rule(Engine engine) noexcept : engine_(std::move(engine)) {}

std::expected<Rule, std::string> Rule::compile(std::string_view engine, const json_t *rule,
                                               PatternCompiler compiler, void *context)
{
    Compiler rules(compiler, context);
    if (rule == nullptr && (engine == "matcho" || engine == "json-schema")) {
        return rules.fault("engine", std::string(engine) + " needs a rule");
    }
    if (engine == "complex") {
        if (const auto stranger = unknown_json_member(rule, kGroupMembers)) {
            return rules.fault(*stranger,
                               "does not belong to complex, which takes either and or or");
        }
    }
    return rules.rule(engine, rule);
}

std::expected<Rule, std::string> Rule::compile(const json_t *object, PatternCompiler compiler,
                                               void *context)
{
    return Compiler(compiler, context).object(object);
}

bool Rule::holds(Context &context) const noexcept
{
    if (const auto *const matcho = std::get_if<Matcho>(&engine_)) {
        return matcho->matches(context);
    }
    if (const auto *const schema = std::get_if<JsonSchema>(&engine_)) {
        return schema->accepts(context.whole());
    }
    if (const auto *const group = std::get_if<Group>(&engine_)) {
        const auto holds = [&](const Rule &rule) { return rule.holds(context); };
        return group->is_and ? !group->rules.empty() && std::ranges::all_of(group->rules, holds)
                             : std::ranges::any_of(group->rules, holds);
    }
    return std::holds_alternative<Allow>(engine_);
}

}  // namespace token_introspect::policy
