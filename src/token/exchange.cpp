#include "token/exchange.hpp"

#include "base/text.hpp"
#include "token/form.hpp"
#include "token/metadata.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace token_introspect::token {

namespace {

constexpr std::string_view kTypePrefix = "urn:ietf:params:oauth:token-type:";

void append_unless_empty(std::string &form, std::string_view name, std::string_view value)
{
    if (!value.empty()) {
        append_parameter(form, name, value);
    }
}

void append_targets(std::string &form, const TokenRequest &request)
{
    for (const std::string &resource : request.resources) {
        append_parameter(form, "resource", resource);
    }
    for (const std::string &audience : request.audiences) {
        append_parameter(form, "audience", audience);
    }
    append_unless_empty(form, "scope", request.scope);
}

// Numbers are JSON's, so 3e2 is one; what is longer than any cache keeps is not told apart.
std::optional<std::uint64_t> positive_seconds(const json_t *value) noexcept
{
    constexpr double longest = 1e15;
    const double seconds = json_is_number(value) ? std::floor(json_number_value(value)) : 0;
    return seconds >= 1 ? std::optional(static_cast<std::uint64_t>(std::min(seconds, longest)))
                        : std::nullopt;
}

}  // namespace

std::optional<std::string> token_type_uri(std::string_view name)
{
    static constexpr auto known =
        std::to_array<std::string_view>({"access_token", "refresh_token", "id_token", "jwt"});
    if (std::ranges::find(known, name) != known.end()) {
        return std::string(kTypePrefix) + std::string(name);
    }
    return is_absolute_uri(name) ? std::optional<std::string>(name) : std::nullopt;
}

std::string exchange_form(const TokenRequest &request, std::string_view subject_token,
                          std::string_view actor_token, const ClientCredentials &credentials)
{
    std::string form;
    append_parameter(form, "grant_type", kTokenExchangeGrant);
    append_targets(form, request);
    append_unless_empty(form, "requested_token_type", request.requested_token_type);
    append_parameter(form, "subject_token", subject_token);
    append_parameter(form, "subject_token_type", request.subject_token_type);
    if (!actor_token.empty()) {
        append_parameter(form, "actor_token", actor_token);
        append_parameter(form, "actor_token_type", request.actor_token_type);
    }
    append_credentials(form, credentials);
    return form;
}

std::string client_credentials_form(const TokenRequest &request,
                                    const ClientCredentials &credentials)
{
    std::string form;
    append_parameter(form, "grant_type", "client_credentials");
    append_targets(form, request);
    append_credentials(form, credentials);
    return form;
}

Result<IssuedToken> token_answer(const Answer &answer, std::string_view requested_token_type,
                                 const JsonLimits &limits)
{
    const Result<Json> json = json_answer(answer, limits);
    if (!json) {
        return std::unexpected(json.error());
    }
    IssuedToken issued;
    issued.token = json_string_member(json->get(), "access_token");
    if (!is_b64token(issued.token)) {
        return fail(Code::kIssuerResponse,
                    "the token endpoint's answer has no access_token that can be sent as Bearer");
    }
    const std::string_view type = json_string_member(json->get(), "token_type");
    if (!equals_ignoring_case(type, "Bearer") && !equals_ignoring_case(type, "N_A")) {
        return fail(Code::kIssuerResponse,
                    "the token endpoint's answer has a token_type other than Bearer");
    }
    if (const json_t *lasts = json_object_get(json->get(), "expires_in")) {
        issued.lasts_s = positive_seconds(lasts);
        if (!issued.lasts_s) {
            return fail(Code::kIssuerResponse,
                        "the token endpoint's answer has an expires_in that is no positive number");
        }
    }
    // RFC 8693 demands it, but not all servers send it
    const json_t *got = json_object_get(json->get(), "issued_token_type");
    const bool is_wrong = requested_token_type.empty()
                              ? json_text(got) == kRefreshTokenType  // no token for an upstream
                              : got != nullptr && json_text(got) != requested_token_type;
    if (is_wrong) {
        return fail(Code::kIssuerResponse,
                    "the token endpoint issued another type of token than was requested");
    }
    return issued;
}

std::string_view token_error(const Answer &answer, const JsonLimits &limits)
{
    static constexpr auto known = std::to_array<std::string_view>(
        {"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client",
         "unsupported_grant_type", "invalid_scope", "invalid_target", "access_denied",
         "server_error", "temporarily_unavailable"});
    if (answer.status < 400) {
        return {};
    }
    Answer readable = answer;
    readable.status = 200;
    const Result<Json> json = json_answer(readable, limits);
    if (!json) {
        return {};
    }
    const auto found = std::ranges::find(known, json_string_member(json->get(), "error"));
    return found == known.end() ? std::string_view() : *found;
}

}  // namespace token_introspect::token
