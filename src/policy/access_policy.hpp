#pragma once

#include "base/json.hpp"
#include "policy/context.hpp"
#include "policy/pattern.hpp"
#include "policy/rule.hpp"

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace token_introspect::policy {

/// A rule, and the requests that it is for. Policies only allow: a request that none allows is
/// refused. Immutable and move-only.
class AccessPolicy {
public:
    enum class Outcome : std::uint8_t {
        kAllowed,
        kDenied,
        kNotForThisRequest  ///< by its links or role; the rule was not asked
    };

    enum class LinkType : std::uint8_t { kClient, kUser };

    /// Whom a policy is for: by `id` of the context's client or user.
    struct Link {
        LinkType type;
        std::string id;
    };

    /// What a policy is made of, wherever it was written.
    struct Definition {
        std::string id;
        std::string description;
        Rule rule;
        std::vector<Link> links;               ///< none: for everybody; several: for each of them
        std::optional<std::string> role_name;  ///< for users with a role of this `name`; none: all
    };

    /// A link as a directive has it, `client=ID` or `user=ID`, or a sentence.
    static std::expected<Link, std::string> link_from(std::string_view word);

    /// The policy, or a sentence: a role's name must not be empty.
    static std::expected<AccessPolicy, std::string> make(Definition definition);

    /// The policy of an AccessPolicy resource:
    ///   id, description     optional strings
    ///   engine              and `matcho`, `schema`, `and` or `or`, see Rule
    ///   link                a list, not empty, of {"reference":"Client/ID"} or
    ///                       {"resourceType":"User","id":"ID"}
    ///   roleName            a string
    ///   type                `rest`, or absent
    ///   resourceType, meta, module   allowed and not used
    /// `resource` is not needed afterwards. Or a sentence for `nginx -t` that begins with the place
    /// of what is wrong (`link[1]: …`): also about what is unknown, and about what exists in Aidbox
    /// and cannot work at a gateway.
    static std::expected<AccessPolicy, std::string> compile(const json_t *resource,
                                                            PatternCompiler compiler,
                                                            void *context);

    [[nodiscard]] const std::string &id() const noexcept { return definition_.id; }
    [[nodiscard]] const std::string &description() const noexcept
    {
        return definition_.description;
    }

    /// Work, depth and allocation are bounded as those of Matcho and JsonSchema.
    [[nodiscard]] Outcome evaluate(Context &context) const noexcept;

private:
    explicit AccessPolicy(Definition definition) noexcept;

    [[nodiscard]] bool is_for(Context &context) const noexcept;

    Definition definition_;
};

/// The first policy, in this order, that allows; null when none does, also when there are none: the
/// request is refused then.
const AccessPolicy *first_allowing(std::span<const AccessPolicy *const> policies,
                                   Context &context) noexcept;

/// What one policy said, for those who look for the reason of a refusal.
struct PolicyOutcome {
    std::string_view id;  ///< the policy's
    AccessPolicy::Outcome outcome;
};

/// What each policy says, in this order, also behind one that allows.
std::vector<PolicyOutcome> evaluate_all(std::span<const AccessPolicy *const> policies,
                                        Context &context);

}  // namespace token_introspect::policy
