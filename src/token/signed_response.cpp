#include "token/signed_response.hpp"

#include "base/text.hpp"
#include "token/http_text.hpp"
#include "token/registered_claims.hpp"

namespace token_introspect::token {

namespace {

constexpr std::string_view kType = "token-introspection+jwt";
constexpr std::string_view kMember = "token_introspection";

// The JWT around the claims is a message to this resource server, with times of its own.
Result<void> check_envelope(const ClaimsView &payload, const SignedResponseRules &rules, Now now)
{
    const RegisteredClaimRules registered{.issuers = {},
                                          .any_issuer = true,
                                          .audiences = {std::string(rules.audience)},
                                          .leeway_s = rules.leeway_s,
                                          .require_exp = false};
    if (!payload.find("iat").present()) {
        return fail(Code::kIssuerResponse, "the introspection response has no iat");
    }
    switch (check_registered_claims(payload, registered, now)) {
    case Code::kActive:
        return {};
    case Code::kWrongAudience:
        return fail(Code::kIssuerResponse,
                    "the aud of the introspection response does not name this resource server");
    case Code::kBadClaim:
        return fail(Code::kIssuerResponse,
                    "the introspection response has an iss, aud, exp, nbf or iat of a wrong type");
    default:
        return fail(Code::kIssuerResponse,
                    "the introspection response is expired or not valid yet");
    }
}

}  // namespace

Result<SignedResponse> signed_response(const Answer &answer)
{
    if (answer.status == 204) {
        return fail(Code::kInactive, "the issuer calls the token inactive");
    }
    if (Result<void> readable = check_readable(answer); !readable) {
        return std::unexpected(readable.error());
    }
    const std::string_view media = media_type(answer.content_type);
    const bool is_rfc9701 = equals_ignoring_case(media, "application/token-introspection+jwt");
    if (!is_rfc9701 && !equals_ignoring_case(media, "application/jwt")) {
        return fail(Code::kIssuerResponse,
                    "the introspection response is no JWT: its content type is neither "
                    "application/token-introspection+jwt nor application/jwt");
    }
    const std::string_view jwt = answer.body.substr(0, answer.body.find_last_not_of("\r\n") + 1);
    if (!jose::has_compact_shape(jwt)) {
        return fail(Code::kIssuerResponse, "the introspection response is not a signed JWT");
    }
    return SignedResponse{.jwt = jwt, .is_rfc9701 = is_rfc9701};
}

Result<std::vector<std::uint8_t>> signed_response_claims(const Jwt &jwt, bool is_rfc9701,
                                                         const SignedResponseRules &rules, Now now)
{
    const Value member = jwt.claims().find(kMember);
    const bool nested = member.present();
    if (is_rfc9701 && !nested) {
        return fail(Code::kIssuerResponse,
                    "the introspection response has no token_introspection (RFC 9701)");
    }
    const std::vector<std::string> &types =
        nested ? std::vector<std::string>{std::string(kType)} : rules.token_types;
    if (!accepts_type(jwt.header(), types)) {
        return fail(Code::kIssuerResponse, "the introspection response has another typ");
    }
    if (nested) {
        if (Result<void> envelope = check_envelope(jwt.claims(), rules, now); !envelope) {
            return std::unexpected(envelope.error());
        }
        if (!member.is_object()) {
            return fail(Code::kIssuerResponse, "token_introspection is no JSON object");
        }
    }
    const Value claims = nested ? member : jwt.claims().root();
    const Value active = claims.find("active");
    if (active.present() ? active.boolean() != true : nested) {
        return fail(Code::kInactive, "the issuer calls the token inactive");
    }
    const Bytes image = claims.image();
    return std::vector<std::uint8_t>(image.begin(), image.end());
}

}  // namespace token_introspect::token
