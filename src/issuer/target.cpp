#include "issuer/target.hpp"

#include "token/metadata.hpp"

#include <algorithm>
#include <span>

namespace token_introspect::issuer {

namespace {

bool contains(std::span<const std::string> list, std::string_view text) noexcept
{
    return std::ranges::find(list, text) != list.end();
}

}  // namespace

bool is_permitted_target(const TokenIssuer &issuer, const Client &client,
                         std::string_view target) noexcept
{
    return target == issuer.issuer || contains(issuer.audiences, target)
           || contains(client.audiences, target);
}

std::expected<std::vector<std::string>, Refusal> requested_targets(const TokenIssuer &issuer,
                                                                   const Client &client,
                                                                   const TokenForm &form)
{
    std::vector<std::string> targets;
    const auto take = [&](const std::string &target) {
        if (!contains(targets, target)) {
            targets.push_back(target);
        }
        return is_permitted_target(issuer, client, target);
    };
    for (const std::string &resource : form.all(Parameter::kResource)) {
        if (!token::is_absolute_uri(resource) || !take(resource)) {
            return std::unexpected(Refusal{.reason = Reason::kResource});
        }
    }
    for (const std::string &audience : form.all(Parameter::kAudience)) {
        if (!take(audience)) {
            return std::unexpected(Refusal{.reason = Reason::kAudience});
        }
    }
    return targets;
}

}  // namespace token_introspect::issuer
