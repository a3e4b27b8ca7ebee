#pragma once

#include "issuer/issuer_context.hpp"
#include "issuer/token_answer.hpp"
#include "issuer/token_form.hpp"
#include "token/jwt.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace token_introspect::issuer {

/// A token that has been found good. All views must live as long as the exchange.
struct ValidatedToken {
    token::ClaimsView claims{};
    std::string_view sole_issuer{};  ///< of who validated it, for claims without iss; or empty
    token::Value user{};             ///< the User that the token names; absent: none
    std::string_view user_id{};
    bool demands_user = false;  ///< users are known here, so that a subject must be one of them
};

/// One token exchange (RFC 8693): what is checked before the tokens are validated, what is checked
/// of them afterwards, and what is issued then. Without I/O: whoever carries it validates what
/// next() names, in turn, until there is no more.
class TokenExchange {
public:
    /// Checks all that needs no validation: types, syntax, targets, scope, and of JWTs that iss, sub
    /// and exp are there and the issuer is one of the client's. Context, client and form must outlive
    /// the object.
    static std::expected<TokenExchange, Refusal> begin(const IssuerContext &context,
                                                       const Client &client, const TokenForm &form,
                                                       token::JwtParser &jwts);

    /// The token to be validated: the subject's, then the actor's; empty when all are.
    [[nodiscard]] std::string_view next() const noexcept;
    /// That token is good: demands of its claims what was demanded of a JWT before, and goes on.
    std::expected<void, Refusal> accept(const ValidatedToken &token);
    /// Why it is not.
    [[nodiscard]] Refusal refused(Code code, std::uint64_t retry_after_ms) const noexcept;

    /// Once all tokens are accepted.
    [[nodiscard]] std::expected<IssuedTokens, Refusal> issue(Now now) const;

private:
    enum class Role : std::uint8_t { kSubject, kActor, kNone };
    struct Party {
        std::string_view token;
        token::ClaimsView claims;
        std::string_view issuer;
    };
    using Check = std::optional<Refusal>;

    TokenExchange(const IssuerContext &context, const Client &client) noexcept
        : context_(&context),
          client_(&client)
    {}
    Check read(const TokenForm &form, token::JwtParser &jwts);
    Check read_types(const TokenForm &form);
    Check read_targets(const TokenForm &form);
    Check read_scope(std::string_view asked);
    Check read_token(Role role, std::string_view text, std::string_view type,
                     token::JwtParser &jwts);
    [[nodiscard]] Check check_claims(Role role, const token::ClaimsView &claims,
                                     std::string_view sole_issuer, bool needs_expiry) const;
    [[nodiscard]] Check check_user(const ValidatedToken &token) const;
    [[nodiscard]] Check check_may_act() const;
    Check settle_scope();
    /// The `act` of what is issued, when there is one.
    [[nodiscard]] Result<std::vector<std::uint8_t>> actors() const;

    const IssuerContext *context_;
    const Client *client_;
    Role role_ = Role::kSubject;  // whose token is next
    Party subject_;
    Party actor_;
    std::string_view subject_id_;  // sub of what is issued
    bool as_jwt_ = false;
    std::vector<std::string> audiences_;
    std::optional<std::vector<std::string>> asked_scopes_;
    std::optional<std::string> scope_;  // as Grant::scope
};

}  // namespace token_introspect::issuer
