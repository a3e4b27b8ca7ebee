#include "issuer/token_exchange.hpp"

#include "issuer/target.hpp"
#include "token/claims_writer.hpp"
#include "token/metadata.hpp"
#include "token/registered_claims.hpp"
#include "token/scope.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace token_introspect::issuer {

namespace {

/// The reasons that differ by the token that they are about.
struct RoleReasons {
    Reason malformed, iss_missing, sub_missing, exp_missing, issuer, token, unavailable;
};

constexpr auto kReasons = std::to_array<RoleReasons>({
    {.malformed = Reason::kSubjectMalformed,
     .iss_missing = Reason::kSubjectIssMissing,
     .sub_missing = Reason::kSubjectSubMissing,
     .exp_missing = Reason::kSubjectExpMissing,
     .issuer = Reason::kSubjectIssuer,
     .token = Reason::kSubjectToken,
     .unavailable = Reason::kSubjectUnavailable},
    {.malformed = Reason::kActorMalformed,
     .iss_missing = Reason::kActorIssMissing,
     .sub_missing = Reason::kActorSubMissing,
     .exp_missing = Reason::kActorExpMissing,
     .issuer = Reason::kActorIssuer,
     .token = Reason::kActorToken,
     .unavailable = Reason::kActorUnavailable},
});

constexpr std::size_t kMostActors = 8;

bool contains(std::span<const std::string> list, std::string_view text) noexcept
{
    return std::ranges::find(list, text) != list.end();
}

/// How many actors an `act` names, one within the other, if no more than `most`; else more.
std::size_t actors_of(token::Value act, std::size_t most) noexcept
{
    std::size_t count = 0;
    for (; act.is_object() && count <= most; act = act.find("act")) {
        ++count;
    }
    return count;
}

/// The members sub and iss of a party that is one: other claims say nothing of who it is (RFC 8693
/// section 4.1).
void write_identity(token::ClaimsWriter &writer, token::Value party)
{
    for (const std::string_view name : {"sub", "iss"}) {
        if (const token::Value text = party.find(name); text.is_string()) {
            writer.key(name);
            writer.value(text);
        }
    }
}

void write_actors(token::ClaimsWriter &writer, token::Value act)
{
    writer.begin_object();
    write_identity(writer, act);
    if (const token::Value inner = act.find("act"); inner.is_object()) {
        writer.key("act");
        write_actors(writer, inner);
    }
    writer.end();
}

}  // namespace

std::expected<TokenExchange, Refusal> TokenExchange::begin(const IssuerContext &context,
                                                           const Client &client,
                                                           const TokenForm &form,
                                                           token::JwtParser &jwts)
{
    TokenExchange exchange(context, client);
    if (const Check refusal = exchange.read(form, jwts)) {
        return std::unexpected(*refusal);
    }
    return exchange;
}

TokenExchange::Check TokenExchange::read(const TokenForm &form, token::JwtParser &jwts)
{
    Check refusal = read_types(form);
    if (!refusal) {
        refusal = read_targets(form);
    }
    if (!refusal) {
        refusal = read_scope(form.get(Parameter::kScope));
    }
    if (!refusal) {
        refusal = read_token(Role::kSubject, form.get(Parameter::kSubjectToken),
                             form.get(Parameter::kSubjectTokenType), jwts);
    }
    if (!refusal && form.has(Parameter::kActorToken)) {
        refusal = read_token(Role::kActor, form.get(Parameter::kActorToken),
                             form.get(Parameter::kActorTokenType), jwts);
    }
    return refusal;
}

TokenExchange::Check TokenExchange::read_types(const TokenForm &form)
{
    const auto known = [](std::string_view type) {
        return type == token::kJwtType || type == token::kAccessTokenType;
    };
    const std::string_view requested = form.get(Parameter::kRequestedTokenType);
    const std::string_view actor_type = form.get(Parameter::kActorTokenType);
    if (!form.has(Parameter::kSubjectToken)) {
        return Refusal{.reason = Reason::kSubjectTokenMissing};
    }
    if (!form.has(Parameter::kSubjectTokenType)) {
        return Refusal{.reason = Reason::kSubjectTokenTypeMissing};
    }
    if (!known(form.get(Parameter::kSubjectTokenType))) {
        return Refusal{.reason = Reason::kSubjectTokenType};
    }
    as_jwt_ = requested == token::kJwtType;
    if ((!requested.empty() && !known(requested))
        || (as_jwt_ && context_->keys->signer() == nullptr))
    {
        return Refusal{.reason = Reason::kRequestedTokenType};
    }
    if (form.has(Parameter::kActorToken) != !actor_type.empty()) {
        return Refusal{.reason = Reason::kActorIncomplete};
    }
    if (!actor_type.empty() && !known(actor_type)) {
        return Refusal{.reason = Reason::kActorTokenType};
    }
    return std::nullopt;
}

TokenExchange::Check TokenExchange::read_targets(const TokenForm &form)
{
    auto targets = requested_targets(*context_->issuer, *client_, form);
    if (!targets) {
        return targets.error();
    }
    audiences_ = std::move(*targets);
    if (audiences_.empty()) {
        audiences_ = context_->issuer->audiences;
    }
    return std::nullopt;
}

TokenExchange::Check TokenExchange::read_scope(std::string_view asked)
{
    if (asked.empty()) {
        return std::nullopt;
    }
    asked_scopes_ = token::parse_scopes(asked);
    if (!asked_scopes_) {
        return Refusal{.reason = Reason::kScopeMalformed};
    }
    if (!client_->scopes.empty()
        && token::common_scopes(*asked_scopes_, client_->scopes).size() != asked_scopes_->size())
    {
        return Refusal{.reason = Reason::kScopeTooWide};
    }
    return std::nullopt;
}

TokenExchange::Check TokenExchange::read_token(Role role, std::string_view text,
                                               std::string_view type, token::JwtParser &jwts)
{
    const Result<token::Jwt> jwt = jwts.parse(text);
    if (!jwt && type == token::kJwtType) {
        return Refusal{.reason = kReasons[std::to_underlying(role)].malformed};
    }
    if (!jwt && is_refresh_token(*context_, text)) {
        // not for the endpoints of others, either
        return Refusal{.reason = kReasons[std::to_underlying(role)].token,
                       .cause = Code::kUnsupportedType};
    }
    Party &party = role == Role::kSubject ? subject_ : actor_;
    party.token = text;
    return jwt ? check_claims(role, jwt->claims(), {}, true) : std::nullopt;
}

TokenExchange::Check TokenExchange::check_claims(Role role, const token::ClaimsView &claims,
                                                 std::string_view sole_issuer,
                                                 bool needs_expiry) const
{
    const RoleReasons &reasons = kReasons[std::to_underlying(role)];
    const token::Value iss = claims.find("iss");
    const std::string_view issuer = iss.present() ? iss.string() : sole_issuer;
    if (issuer.empty()) {
        return Refusal{.reason = reasons.iss_missing};
    }
    if (claims.find("sub").string().empty()) {
        return Refusal{.reason = reasons.sub_missing};
    }
    if (needs_expiry && !token::expiry(claims)) {
        return Refusal{.reason = reasons.exp_missing};
    }
    if (!contains(client_->allowed_issuers, issuer)) {
        return Refusal{.reason = reasons.issuer};
    }
    return std::nullopt;
}

std::string_view TokenExchange::next() const noexcept
{
    switch (role_) {
    case Role::kSubject:
        return subject_.token;
    case Role::kActor:
        return actor_.token;
    case Role::kNone:
        break;
    }
    return {};
}

std::expected<void, Refusal> TokenExchange::accept(const ValidatedToken &token)
{
    Party &party = role_ == Role::kSubject ? subject_ : actor_;
    const token::Value iss = token.claims.find("iss");
    party.claims = token.claims;
    party.issuer = iss.present() ? iss.string() : token.sole_issuer;
    // again, for a JWT may have been validated by an endpoint, whose word counts then
    Check refusal = check_claims(role_, token.claims, token.sole_issuer, false);
    if (role_ == Role::kSubject) {
        if (!refusal) {
            refusal = check_user(token);
        }
        subject_id_ = token.user.present() ? token.user_id : token.claims.find("sub").string();
        const token::Value act = token.claims.find("act");
        if (!refusal && act.type() != token::ValueType::kNull && !act.is_object()) {
            refusal = Refusal{.reason = Reason::kSubjectMalformed};
        }
        // what is issued has to be read again, by parsers that bound nesting
        const std::size_t own = actor_.token.empty() ? 0 : 1;
        if (!refusal && actors_of(act, kMostActors) + own > kMostActors) {
            refusal = Refusal{.reason = Reason::kActorChain};
        }
        if (!refusal) {
            refusal = settle_scope();
        }
        role_ = actor_.token.empty() ? Role::kNone : Role::kActor;
    } else {
        if (!refusal) {
            refusal = check_may_act();
        }
        role_ = Role::kNone;
    }
    return refusal ? std::unexpected(*refusal) : std::expected<void, Refusal>();
}

TokenExchange::Check TokenExchange::check_user(const ValidatedToken &token) const
{
    if (!token.user.present() && token.demands_user) {
        return Refusal{.reason = Reason::kUserUnknown};
    }
    if (token.user.find("inactive").boolean() == true) {
        return Refusal{.reason = Reason::kUserInactive};
    }
    return std::nullopt;
}

TokenExchange::Check TokenExchange::check_may_act() const
{
    const token::Value may_act = subject_.claims.find("may_act");
    if (may_act.type() == token::ValueType::kNull) {
        return std::nullopt;
    }
    const token::Value iss = may_act.find("iss");
    const bool permitted = token::equal(may_act.find("sub"), actor_.claims.find("sub"))
                           && (!iss.present() || iss.string() == actor_.issuer);
    return permitted ? std::nullopt : Check(Refusal{.reason = Reason::kActorNotPermitted});
}

TokenExchange::Check TokenExchange::settle_scope()
{
    const token::Value claim = token::scope_claim(subject_.claims);
    const bool bounded = claim.type() != token::ValueType::kNull;
    const std::vector<std::string> own = token::scopes_of(claim);
    std::vector<std::string> granted;
    if (asked_scopes_) {
        granted = *asked_scopes_;
        if (bounded && token::common_scopes(granted, own).size() != granted.size()) {
            return Refusal{.reason = Reason::kScopeTooWide};
        }
    } else if (bounded) {
        granted = client_->scopes.empty() ? own : token::common_scopes(own, client_->scopes);
    } else if (!client_->scopes.empty()) {
        granted = client_->scopes;
    } else {
        return std::nullopt;
    }
    scope_ = token::join_scopes(granted);
    return std::nullopt;
}

Refusal TokenExchange::refused(Code code, std::uint64_t retry_after_ms) const noexcept
{
    const RoleReasons &reasons =
        kReasons[std::to_underlying(role_ == Role::kActor ? Role::kActor : Role::kSubject)];
    if (code == Code::kUserInactive && role_ == Role::kSubject) {
        return {.reason = Reason::kUserInactive};
    }
    switch (outcome(code).verdict) {
    case Verdict::kUnavailable:
        return {.reason = reasons.unavailable, .cause = code, .retry_after_ms = retry_after_ms};
    case Verdict::kInternal:
        return {.reason = Reason::kInternal};
    default:
        return {.reason = reasons.token, .cause = code};
    }
}

Result<std::vector<std::uint8_t>> TokenExchange::actors() const
{
    const token::Value former = subject_.claims.find("act");
    token::ClaimsWriter writer;
    if (actor_.token.empty()) {
        write_actors(writer, former);
        return writer.finish();
    }
    writer.begin_object();
    writer.key("sub");
    writer.value(actor_.claims.find("sub"));
    writer.key("iss");
    writer.string(actor_.issuer);
    if (former.is_object()) {
        writer.key("act");
        write_actors(writer, former);
    }
    writer.end();
    return writer.finish();
}

std::expected<IssuedTokens, Refusal> TokenExchange::issue(Now now) const
{
    const auto failed = [](const Error &error) {
        // what the token says is more than can be said again
        const bool too_much = error.code == Code::kMalformed;
        return std::unexpected(
            Refusal{.reason = too_much ? Reason::kSubjectMalformed : Reason::kInternal,
                    .cause = error.code});
    };
    const token::Value may_act = subject_.claims.find("may_act");
    auto id = make_grant_id();
    auto act = actors();
    token::ClaimsWriter permitted;
    permitted.begin_object();
    write_identity(permitted, may_act);
    permitted.end();
    const auto heirs = permitted.finish();
    if (!id || !act || !heirs) {
        return std::unexpected(Refusal{.reason = Reason::kInternal});
    }
    const bool acts = !actor_.token.empty() || subject_.claims.find("act").is_object();
    const Grant grant{.id = std::move(*id),
                      .subject = std::string(subject_id_),
                      .subject_issuer = std::string(subject_.issuer),
                      .client = client_->id,
                      .audiences = audiences_,
                      .scope = scope_,
                      .actor = acts ? token::ClaimsView(*act).root() : token::Value(),
                      .may_act =
                          may_act.is_object() ? token::ClaimsView(*heirs).root() : token::Value(),
                      .format = as_jwt_ ? Client::Format::kJwt : client_->format,
                      .access_token_s = client_->access_token_s};
    auto access = mint_access_token(*context_, grant, client_->access_token_s, now);
    if (!access) {
        return failed(access.error());
    }
    Result<std::string> refresh{};
    if (client_->gets_refresh_token) {
        refresh = mint_refresh_token(*context_, grant, client_->refresh_token_s, now);
    }
    if (!refresh) {
        return failed(refresh.error());
    }
    return IssuedTokens{.access_token = std::move(*access),
                        .type = as_jwt_ ? token::kJwtType : token::kAccessTokenType,
                        .expires_in_s = client_->access_token_s,
                        .scope = scope_.value_or(""),
                        .refresh_token = std::move(*refresh)};
}

}  // namespace token_introspect::issuer
