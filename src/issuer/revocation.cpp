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
    if (context.ledger->revoked(token->text("jti"), now)) {
        return Answer{};  // by its grant, perhaps: no need for an entry of its own
    }
    std::int64_t until_s = token->expires_at_s();
    if (token->kind == IssuedToken::Kind::kRefresh) {
        // an access token of the grant may outlive it
        const std::int64_t life_s = std::max(client.access_token_s, token->grant().access_token_s);
        if (now.unix_s < until_s + life_s) {
            until_s = std::max(until_s, now.unix_s + life_s);
        }
    }
    // also of one that has expired: some accept it for a while yet (leeway)
    if (!context.ledger->revoke(token->text("jti"), until_s, now)) {
        return std::unexpected(Refusal{.reason = Reason::kNoRoom});
    }
    return Answer{};
}

}  // namespace token_introspect::issuer
