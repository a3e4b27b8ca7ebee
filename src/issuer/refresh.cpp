#include "issuer/refresh.hpp"

#include "issuer/target.hpp"
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
    if (std::ranges::find(client.allowed_issuers, token.grant().subject_issuer)
        == client.allowed_issuers.end())
    {
        return Reason::kRefreshTokenIssuer;
    }
    if (users != nullptr && !users->empty()) {
        const resource::UserRecord *user = users->find(token.text("sub"));
        if (user == nullptr || user->inactive()) {
            return Reason::kRefreshTokenUser;
        }
    }
    return std::nullopt;
}

/// Replaces the granted scope by what is asked of it, and by what the client may have today.
std::optional<Reason> narrow_scope(const Client &client, std::string_view asked, Grant &grant)
{
    std::vector<std::string> bound;  // what was never granted cannot be asked for (section 6)
    if (grant.scope) {
        bound = token::parse_scopes(*grant.scope).value_or(std::vector<std::string>());
        if (!client.scopes.empty()) {
            bound = token::common_scopes(bound, client.scopes);
        }
    } else if (asked.empty()) {
        grant.scope =
            client.scopes.empty() ? std::nullopt : std::optional(token::join_scopes(client.scopes));
        return std::nullopt;
    }
    if (!asked.empty()) {
        auto scopes = token::parse_scopes(asked);
        if (!scopes) {
            return Reason::kScopeMalformed;
        }
        if (token::common_scopes(*scopes, bound).size() != scopes->size()) {
            return Reason::kScopeTooWide;
        }
        bound = std::move(*scopes);
    }
    grant.scope = token::join_scopes(bound);
    return std::nullopt;
}

/// Likewise the audiences (RFC 8707 section 2.2).
std::optional<Refusal> narrow_audiences(const IssuerContext &context, const Client &client,
                                        const TokenForm &form, Grant &grant)
{
    auto asked = requested_targets(*context.issuer, client, form);
    if (!asked) {
        return asked.error();
    }
    const auto granted = [&](const std::string &target) {
        return std::ranges::find(grant.audiences, target) != grant.audiences.end();
    };
    if (!std::ranges::all_of(*asked, granted)) {
        return Refusal{.reason = Reason::kAudience};
    }
    if (!asked->empty()) {
        grant.audiences = std::move(*asked);
    } else {
        std::erase_if(grant.audiences, [&](const std::string &target) {
            return !is_permitted_target(*context.issuer, client, target);
        });
    }
    return grant.audiences.empty() ? std::optional(Refusal{.reason = Reason::kAudience})
                                   : std::nullopt;
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
    if (const auto reason = narrow_scope(client, form.get(Parameter::kScope), grant)) {
        return refuse(*reason);
    }
    if (const auto refusal = narrow_audiences(context, client, form, grant)) {
        return std::unexpected(*refusal);
    }
    auto access = mint_access_token(context, grant, client.access_token_s, now);
    if (!access) {
        return refuse(Reason::kInternal);
    }
    return IssuedTokens{.access_token = std::move(*access),
                        .expires_in_s = client.access_token_s,
                        .scope = grant.scope.value_or(""),
                        .refresh_token = {}};
}

}  // namespace token_introspect::issuer
