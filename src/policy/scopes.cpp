#include "policy/requirement.hpp"

#include "policy/delimiter.hpp"
#include "token/scope.hpp"

#include <algorithm>

namespace token_introspect::policy {

namespace {

bool grants(token::Value scope, std::string_view wanted) noexcept
{
    if (scope.is_string()) {
        return any_part(scope.string(), ' ', [&](std::string_view part) { return part == wanted; });
    }
    for (std::size_t i = 0; i < scope.size(); ++i) {
        const token::Value element = scope.at(i);
        if (element.is_string() && element.string() == wanted) {
            return true;
        }
    }
    return false;
}

}  // namespace

bool has_scopes(const token::ClaimsView &claims, std::span<const std::string> wanted,
                bool any) noexcept
{
    const token::Value scope = token::scope_claim(claims);
    const auto granted = [&](const std::string &name) { return grants(scope, name); };
    return any ? std::ranges::any_of(wanted, granted)
               : !wanted.empty() && std::ranges::all_of(wanted, granted);
}

}  // namespace token_introspect::policy
