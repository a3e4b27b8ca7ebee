#include "issuer/grant_type.hpp"

#include "token/exchange.hpp"

namespace token_introspect::issuer {

std::expected<GrantType, Refusal> requested_grant(const Client &client, const TokenForm &form)
{
    const std::string_view name = form.get(Parameter::kGrantType);
    if (name.empty()) {
        return std::unexpected(Refusal{.reason = Reason::kGrantTypeMissing});
    }
    const bool exchange = name == token::kTokenExchangeGrant;
    if (!exchange && name != token::kRefreshTokenGrant) {
        return std::unexpected(Refusal{.reason = Reason::kGrantTypeUnknown});
    }
    const bool permitted =
        exchange ? client.exchanges : client.refreshes || client.gets_refresh_token;
    if (!permitted) {
        return std::unexpected(Refusal{.reason = Reason::kGrantNotPermitted});
    }
    return exchange ? GrantType::kTokenExchange : GrantType::kRefreshToken;
}

}  // namespace token_introspect::issuer
