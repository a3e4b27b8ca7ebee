#include "issuer/revocation.hpp"

#include <algorithm>

namespace token_introspect::issuer {

std::expected<Answer, Refusal> revoke(const IssuerContext &context, const Client &client,
                                      const TokenForm &form, token::JwtParser &jwts, Now now)
{
    const std::string_view text = form.get(Parameter::kToken);
    if (text.empty()) {
        return std::unexpected(Refusal{.reason = Reason::kTokenMissing});
    }
    const Result<IssuedToken> token = open_issued_token(context, jwts, text);
    if (!token) {
        return Answer{};
    }
    if (token->text("client_id") != client.id) {
        return std::unexpected(Refusal{.reason = Reason::kTokenClient});
    }
    std::int64_t until_s = token->expires_at_s();
    if (token->kind == IssuedToken::Kind::kRefresh && now.unix_s < until_s + client.access_token_s)
    {
        // an access token of the grant may outlive it
        until_s = std::max(until_s, now.unix_s + client.access_token_s);
    }
    // also of one that has expired: some accept it for a while yet (leeway)
    if (!context.ledger->revoke(token->text("jti"), until_s, now)) {
        return std::unexpected(Refusal{.reason = Reason::kNoRoom});
    }
    return Answer{};
}

}  // namespace token_introspect::issuer
