#include "token/introspection.hpp"

#include "base/text.hpp"
#include "token/form.hpp"
#include "token/http_text.hpp"

#include <algorithm>

namespace token_introspect::token {

namespace {

bool is_json_type(std::string_view content_type) noexcept
{
    constexpr std::string_view kSuffix = "+json";
    const std::string_view media = media_type(content_type);
    if (media.empty()) {
        return trimmed(content_type).empty();
    }
    if (equals_ignoring_case(media, "application/json")) {
        return true;
    }
    const std::size_t slash = media.find('/');
    if (slash == 0 || slash == std::string_view::npos) {
        return false;
    }
    const std::string_view subtype = media.substr(slash + 1);
    return std::ranges::all_of(media.substr(0, slash), is_token_character)
           && std::ranges::all_of(subtype, is_token_character) && subtype.size() > kSuffix.size()
           && equals_ignoring_case(subtype.substr(subtype.size() - kSuffix.size()), kSuffix);
}

bool is_identity(std::string_view content_encoding) noexcept
{
    const std::string_view coding = trimmed(content_encoding);
    return coding.empty() || equals_ignoring_case(coding, "identity");
}

}  // namespace

std::string introspection_form(std::string_view token, std::string_view token_type_hint,
                               const ClientCredentials &credentials)
{
    std::string form;
    append_parameter(form, "token", token);
    if (!token_type_hint.empty()) {
        append_parameter(form, "token_type_hint", token_type_hint);
    }
    append_credentials(form, credentials);
    return form;
}

std::string_view media_type(std::string_view content_type) noexcept
{
    return trimmed(content_type.substr(0, content_type.find(';')));
}

Result<void> check_readable(const Answer &answer)
{
    if (answer.status != 200) {
        return fail(Code::kIssuerStatus, "the issuer answered with another status than 200");
    }
    if (!is_identity(answer.content_encoding)) {
        return fail(Code::kIssuerResponse, "the issuer's answer has a content encoding");
    }
    return {};
}

Result<Json> json_answer(const Answer &answer, const JsonLimits &limits)
{
    if (Result<void> readable = check_readable(answer); !readable) {
        return std::unexpected(readable.error());
    }
    if (!is_json_type(answer.content_type)) {
        return fail(Code::kIssuerResponse,
                    "the issuer's answer has a content type other than JSON");
    }
    auto json = parse_json_object(answer.body, limits);
    if (!json && json.error().code != Code::kInternal) {
        return fail(Code::kIssuerResponse, json.error().text);
    }
    return json;
}

Result<Json> introspection_answer(const Answer &answer, const JsonLimits &limits)
{
    auto json = json_answer(answer, limits);
    if (json && !json_is_true(json_object_get(json->get(), "active"))) {
        return fail(Code::kInactive, "the issuer calls the token inactive");
    }
    return json;
}

}  // namespace token_introspect::token
