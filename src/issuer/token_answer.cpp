#include "issuer/token_answer.hpp"

#include "token/challenge.hpp"
#include "token/claims_writer.hpp"

#include <algorithm>

namespace token_introspect::issuer {

Answer token_answer(const IssuedTokens &tokens)
{
    token::ClaimsWriter writer;
    const auto text = [&](std::string_view name, std::string_view value) {
        if (!value.empty()) {
            writer.key(name);
            writer.string(value);
        }
    };
    writer.begin_object();
    text("access_token", tokens.access_token);
    text("issued_token_type", tokens.type);
    text("token_type", "Bearer");
    writer.key("expires_in");
    writer.integer(tokens.expires_in_s);
    text("scope", tokens.scope);
    text("refresh_token", tokens.refresh_token);
    writer.end();
    const auto image = writer.finish();
    Answer answer;
    if (image) {
        token::ClaimsView(*image).root().append_json(answer.body);
    }
    return answer;
}

Answer refusal_answer(const TokenIssuer &issuer, const Refusal &refusal)
{
    constexpr int kTooManyRequests = 429;
    constexpr int kUnavailable = 503;
    Answer answer{.status = refused(refusal.reason).status, .body = error_body(refusal)};
    if (answer.status == kTooManyRequests || answer.status == kUnavailable) {
        answer.retry_after_s = std::max<std::uint64_t>(1, (refusal.retry_after_ms + 999) / 1000);
    }
    if (refusal.challenge) {
        answer.challenge = token::basic_challenge(issuer.name);
    }
    return answer;
}

}  // namespace token_introspect::issuer
