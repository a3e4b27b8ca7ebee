#pragma once

#include "matcho_check.hpp"
#include "policy/access_policy.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace token_introspect::test {

/// The policy of a resource; the test fails when it is refused.
inline std::optional<policy::AccessPolicy> policy_from(std::string_view resource)
{
    auto policy =
        policy::AccessPolicy::compile(json_from(resource).get(), compile_limited, nullptr);
    EXPECT_TRUE(policy) << resource << ": " << (policy ? "" : policy.error());
    return policy ? std::optional(std::move(*policy)) : std::nullopt;
}

/// The sentence that a resource is refused with; empty when it is not.
inline std::string policy_fault(std::string_view resource)
{
    const auto policy =
        policy::AccessPolicy::compile(json_from(resource).get(), compile_limited, nullptr);
    return policy ? "" : policy.error();
}

/// What a policy says to a request: 'a'llowed, 'd'enied, '-' not for it.
inline char said(std::string_view resource, std::string_view request)
{
    const auto policy = policy_from(resource);
    JsonContext context(request);
    switch (policy ? policy->evaluate(context) : policy::AccessPolicy::Outcome::kDenied) {
    case policy::AccessPolicy::Outcome::kAllowed:
        return 'a';
    case policy::AccessPolicy::Outcome::kDenied:
        return 'd';
    case policy::AccessPolicy::Outcome::kNotForThisRequest:
        return '-';
    }
    return '?';
}

}  // namespace token_introspect::test
