#include "policy/access_policy.hpp"

#include "policy/reference.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace token_introspect::policy {

using token::Value;

namespace {

using Link = AccessPolicy::Link;
using LinkType = AccessPolicy::LinkType;

template <class T> using Checked = std::expected<T, std::string>;

constexpr auto kMembers = std::to_array<std::string_view>(
    {"resourceType", "id", "description", "engine", "type", "matcho", "schema", "and", "or", "sql",
     "rpc", "link", "roleName", "module", "meta"});
constexpr auto kLinkMembers =
    std::to_array<std::string_view>({"reference", "resourceType", "id", "display"});

std::unexpected<std::string> fault(std::string_view place, std::string_view sentence)
{
    return std::unexpected(std::string(place) + ": " + std::string(sentence));
}

/// A string member: nothing when it is absent, a sentence when it is empty or no string.
Checked<std::optional<std::string>> text_member(const json_t *object, const char *name)
{
    const json_t *const value = json_object_get(object, name);
    if (value == nullptr) {
        return std::nullopt;
    }
    if (!json_is_string(value) || json_string_length(value) == 0) {
        return fault(name, "must be a string that is not empty");
    }
    return std::string(json_string_value(value), json_string_length(value));
}

Checked<Link> link_of(std::string_view type, std::string_view id)
{
    if (type == "Operation") {
        return std::unexpected("a gateway knows no operations; match request-method and uri in the "
                               "rule instead");
    }
    if (type != "Client" && type != "User") {
        return std::unexpected("leads to \"" + std::string(type)
                               + "\"; a policy is linked to a Client or a User");
    }
    if (id.empty()) {
        return std::unexpected("has no id");
    }
    return Link{type == "User" ? LinkType::kUser : LinkType::kClient, std::string(id)};
}

Checked<Link> read_link(const json_t *link)
{
    constexpr std::string_view kForms =
        "must be {\"reference\":\"Client/ID\"} or {\"resourceType\":\"User\",\"id\":\"ID\"}";
    const std::string_view reference = json_string_member(link, "reference");
    const std::string_view type = json_string_member(link, "resourceType");
    const std::string_view id = json_string_member(link, "id");
    const bool has_reference = json_object_get(link, "reference") != nullptr;
    const bool has_parts =
        json_object_get(link, "resourceType") != nullptr || json_object_get(link, "id") != nullptr;
    if (!json_is_object(link) || has_reference == has_parts
        || unknown_json_member(link, kLinkMembers))
    {
        return std::unexpected(std::string(kForms));
    }
    if (has_parts) {
        return type.empty() ? std::unexpected(std::string(kForms)) : link_of(type, id);
    }
    const auto parsed = reference_from(reference);
    return parsed ? link_of(parsed->type, parsed->id) : std::unexpected(std::string(kForms));
}

Checked<std::vector<Link>> read_links(const json_t *resource)
{
    std::vector<Link> links;
    const json_t *const list = json_object_get(resource, "link");
    if (list == nullptr) {
        return links;
    }
    if (!json_is_array(list) || json_array_size(list) == 0) {
        return fault("link", "must be a list with at least one link; without link the policy is "
                             "for everybody");
    }
    for (std::size_t i = 0; i < json_array_size(list); ++i) {
        auto link = read_link(json_array_get(list, i));
        if (!link) {
            return fault("link[" + std::to_string(i) + ']', link.error());
        }
        links.push_back(std::move(*link));
    }
    return links;
}

/// A sentence when the resource is no AccessPolicy, or one for something else than requests.
std::optional<std::string> fault_of_kind(const json_t *resource)
{
    if (!json_is_object(resource)) {
        return "must be an object";
    }
    if (const auto stranger = unknown_json_member(resource, kMembers)) {
        return std::string(*stranger) + ": an AccessPolicy has no such attribute";
    }
    const json_t *const type = json_object_get(resource, "resourceType");
    if (type != nullptr && json_text(type) != "AccessPolicy") {
        return "resourceType: must be AccessPolicy";
    }
    const json_t *const kind = json_object_get(resource, "type");
    if (kind != nullptr && json_text(kind) != "rest") {
        return "type: must be rest; at a gateway there are no policies for RPC calls or scopes";
    }
    return std::nullopt;
}

bool has_role(Value roles, std::string_view name) noexcept
{
    for (std::size_t i = 0; roles.is_array() && i < roles.size(); ++i) {
        const Value role_name = roles.at(i).find("name");
        if (role_name.is_string() && role_name.string() == name) {
            return true;
        }
    }
    return false;
}

}  // namespace

Checked<Link> AccessPolicy::link_from(std::string_view word)
{
    constexpr std::string_view kClient = "client=";
    constexpr std::string_view kUser = "user=";
    const bool is_user = word.starts_with(kUser);
    const std::size_t prefix = is_user ? kUser.size() : kClient.size();
    if ((!is_user && !word.starts_with(kClient)) || word.size() == prefix) {
        return std::unexpected('"' + std::string(word)
                               + "\" is no link, it must be client=ID or user=ID");
    }
    return Link{is_user ? LinkType::kUser : LinkType::kClient, std::string(word.substr(prefix))};
}

AccessPolicy::AccessPolicy(Definition definition) noexcept : definition_(std::move(definition)) {}

Checked<AccessPolicy> AccessPolicy::make(Definition definition)
{
    if (definition.role_name && definition.role_name->empty()) {
        return std::unexpected("the name of the role is empty");
    }
    return AccessPolicy(std::move(definition));
}

Checked<AccessPolicy> AccessPolicy::compile(const json_t *resource, PatternCompiler compiler,
                                            void *context)
{
    if (auto sentence = fault_of_kind(resource)) {
        return std::unexpected(std::move(*sentence));
    }
    auto rule = Rule::compile(resource, compiler, context);
    if (!rule) {
        return std::unexpected(std::move(rule.error()));
    }
    auto links = read_links(resource);
    if (!links) {
        return std::unexpected(std::move(links.error()));
    }
    auto id = text_member(resource, "id");
    auto role_name = text_member(resource, "roleName");
    const json_t *const description = json_object_get(resource, "description");
    if (!id || !role_name) {
        return std::unexpected(id ? role_name.error() : id.error());
    }
    if (description != nullptr && !json_is_string(description)) {
        return fault("description", "must be a string");
    }
    return make({.id = std::move(*id).value_or(""),
                 .description = std::string(json_text(description)),
                 .rule = std::move(*rule),
                 .links = std::move(*links),
                 .role_name = std::move(*role_name)});
}

bool AccessPolicy::is_for(Context &context) const noexcept
{
    const auto leads_here = [&](const Link &link) {
        const bool is_user = link.type == LinkType::kUser;
        const Value id = context.get(is_user ? Subject::kUser : Subject::kClient).find("id");
        return id.is_string() && id.string() == link.id;
    };
    const std::vector<Link> &links = definition_.links;
    return (links.empty() || std::ranges::any_of(links, leads_here))
           && (!definition_.role_name
               || has_role(context.get(Subject::kRole), *definition_.role_name));
}

AccessPolicy::Outcome AccessPolicy::evaluate(Context &context) const noexcept
{
    if (!is_for(context)) {
        return Outcome::kNotForThisRequest;
    }
    return definition_.rule.holds(context) ? Outcome::kAllowed : Outcome::kDenied;
}

const AccessPolicy *first_allowing(std::span<const AccessPolicy *const> policies,
                                   Context &context) noexcept
{
    for (const AccessPolicy *policy : policies) {
        if (policy->evaluate(context) == AccessPolicy::Outcome::kAllowed) {
            return policy;
        }
    }
    return nullptr;
}

std::vector<PolicyOutcome> evaluate_all(std::span<const AccessPolicy *const> policies,
                                        Context &context)
{
    std::vector<PolicyOutcome> outcomes;
    outcomes.reserve(policies.size());
    for (const AccessPolicy *policy : policies) {
        outcomes.push_back({policy->id(), policy->evaluate(context)});
    }
    return outcomes;
}

}  // namespace token_introspect::policy
