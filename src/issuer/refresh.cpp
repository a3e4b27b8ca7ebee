#include "issuer/refresh.hpp"

#include "token/scope.hpp"

#include <algorithm>
#include <optional>

namespace token_introspect::issuer {

namespace {

std::optional<Reason> check(const IssuerContext &context, const Client &client,
                            const IssuedToken &token, const resource::UserStore *users, Now now)
{
    if (token.kind != IssuedToken::Kind::kRefresh) {
        return Reason::kRefreshToken;
    }
    if (token.text("client_id") != client.id) {
        return Reason::kRefreshTokenClient;
    }
    switch (token.state(context, now)) {
    case Code::kActive:
        break;
    case Code::kExpired:
        return Reason::kRefreshTokenExpired;
    default:
        return Reason::kRefreshTokenRevoked;
    }
    if (users != nullptr && !users->empty()) {
        const resource::UserRecord *user = users->find(token.text("sub"));
        if (user == nullptr || user->inactive()) {
            return Reason::kRefreshTokenUser;
        }
    }
    return std::nullopt;
}

/// Replaces the granted scope by what is asked of it.
std::optional<Reason> narrow(std::string_view asked, std::string &granted)
{
    if (asked.empty()) {
        return std::nullopt;
    }
    const auto scopes = token::parse_scopes(asked);
    if (!scopes) {
        return Reason::kScopeMalformed;
    }
    const auto had = token::parse_scopes(granted);
    const bool narrower = had && std::ranges::all_of(*scopes, [&](const std::string &scope) {
                              return std::ranges::find(*had, scope) != had->end();
                          });
    if (!narrower) {
        return Reason::kScopeTooWide;
    }
    granted = token::join_scopes(*scopes);
    return std::nullopt;
}

}  // namespace

std::expected<IssuedTokens, Refusal> refresh(const IssuerContext &context, const Client &client,
                                             const TokenForm &form, token::JwtParser &jwts,
                                             const resource::UserStore *users, Now now)
{
    const auto refuse = [](Reason reason) { return std::unexpected(Refusal{.reason = reason}); };
    const std::string_view text = form.get(Parameter::kRefreshToken);
    if (text.empty()) {
        return refuse(Reason::kRefreshTokenMissing);
    }
    const Result<IssuedToken> token = open_issued_token(context, jwts, text);
    if (!token) {
        return refuse(Reason::kRefreshToken);
    }
    if (const auto reason = check(context, client, *token, users, now)) {
        return refuse(*reason);
    }
    Grant grant = token->grant();
    if (const auto reason = narrow(form.get(Parameter::kScope), grant.scope)) {
        return refuse(*reason);
    }
    auto access = mint_access_token(context, grant, client.access_token_s, now);
    if (!access) {
        return refuse(Reason::kInternal);
    }
    return IssuedTokens{.access_token = std::move(*access),
                        .expires_in_s = client.access_token_s,
                        .scope = std::move(grant.scope),
                        .refresh_token = {}};
}

}  // namespace token_introspect::issuer
