#include "issuer/issued_introspection.hpp"

#include "token/claims_writer.hpp"

namespace token_introspect::issuer {

namespace {

bool is_active(const IssuerContext &context, const IssuedToken &token, Now now)
{
    return token.state(context, now) == Code::kActive
           && context.clients->find(token.text("client_id")) != nullptr;
}

bool is_shown(const IssuedToken &token, const Client &client, const TokenForm &form)
{
    return token.kind == IssuedToken::Kind::kAccess
           || (token.text("client_id") == client.id
               && form.get(Parameter::kTokenTypeHint) == "refresh_token");
}

}  // namespace

std::expected<Answer, Refusal> introspect(const IssuerContext &context, const Client &client,
                                          const TokenForm &form, token::JwtParser &jwts, Now now)
{
    const std::string_view text = form.get(Parameter::kToken);
    if (text.empty()) {
        return std::unexpected(Refusal{.reason = Reason::kTokenMissing});
    }
    const Result<IssuedToken> token = open_issued_token(context, jwts, text);
    if (!token || !is_shown(*token, client, form) || !is_active(context, *token, now)) {
        return Answer{.body = R"({"active":false})"};
    }
    token::ClaimsWriter writer;
    writer.begin_object();
    const token::Value claims = token->claims().root();
    for (std::size_t i = 0; i < claims.size(); ++i) {
        if (!is_internal_claim(claims.key_at(i))) {
            writer.key(claims.key_at(i));
            writer.value(claims.value_at(i));
        }
    }
    writer.key("active");
    writer.boolean(true);
    if (token->kind == IssuedToken::Kind::kAccess) {
        writer.key("token_type");
        writer.string("Bearer");
    }
    writer.end();
    const auto image = writer.finish();
    if (!image) {
        return std::unexpected(Refusal{.reason = Reason::kInternal});
    }
    Answer answer;
    token::ClaimsView(*image).root().append_json(answer.body);
    return answer;
}

}  // namespace token_introspect::issuer
