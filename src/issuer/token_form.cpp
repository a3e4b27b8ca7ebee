#include "issuer/token_form.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "token/introspection.hpp"

#include <algorithm>
#include <bitset>
#include <optional>

namespace token_introspect::issuer {

namespace {

constexpr std::array<std::string_view, std::to_underlying(Parameter::kCount)> kNames = {
    "grant_type",
    "scope",
    "audience",
    "resource",
    "subject_token",
    "subject_token_type",
    "actor_token",
    "actor_token_type",
    "requested_token_type",
    "refresh_token",
    "client_id",
    "client_secret",
    "token",
    "token_type_hint",
};

std::optional<Parameter> parameter_of(std::string_view name) noexcept
{
    const auto found = std::ranges::find(kNames, name);
    return found == kNames.end() ? std::nullopt
                                 : std::optional(static_cast<Parameter>(found - kNames.begin()));
}

bool may_repeat(Parameter parameter) noexcept
{
    return parameter == Parameter::kAudience || parameter == Parameter::kResource;
}

std::unexpected<Refusal> refuse(Reason reason) noexcept
{
    return std::unexpected(Refusal{.reason = reason});
}

}  // namespace

std::expected<TokenForm, Refusal> TokenForm::parse(std::string_view content_type,
                                                   std::string_view body)
{
    TokenForm form;
    std::expected<void, Refusal> read;
    const std::string_view type = token::media_type(content_type);
    if (equals_ignoring_case(type, "application/x-www-form-urlencoded")) {
        read = form.read_form(body);
    } else if (equals_ignoring_case(type, "application/json")) {
        read = form.read_json(body);
    } else {
        return refuse(Reason::kContentType);
    }
    if (!read) {
        return std::unexpected(read.error());
    }
    return form;
}

std::expected<void, Refusal> TokenForm::read_form(std::string_view body)
{
    std::bitset<std::to_underlying(Parameter::kCount)> seen;
    while (!body.empty()) {
        const std::size_t end = std::min(body.find('&'), body.size());
        const std::string_view pair = body.substr(0, end);
        body.remove_prefix(std::min(end + 1, body.size()));

        const std::size_t equals = std::min(pair.find('='), pair.size());
        const auto name = form_decode(pair.substr(0, equals));
        const auto value = form_decode(pair.substr(std::min(equals + 1, pair.size())));
        if (!name || !value) {
            return refuse(Reason::kMalformedBody);
        }
        const auto parameter = parameter_of(*name);
        if (!parameter) {
            continue;
        }
        if (seen.test(std::to_underlying(*parameter)) && !may_repeat(*parameter)) {
            return refuse(Reason::kRepeatedParameter);
        }
        seen.set(std::to_underlying(*parameter));
        if (auto added = add(*parameter, *value); !added) {
            return added;
        }
    }
    return {};
}

std::expected<void, Refusal> TokenForm::read_json(std::string_view body)
{
    const Result<Json> object = parse_json_object(body, {.bytes = kLargestBody});
    if (!object) {
        return refuse(object.error().code == Code::kInternal ? Reason::kInternal
                                                             : Reason::kMalformedBody);
    }
    for (const auto &[name, value] : json_members(object->get())) {
        const auto parameter = parameter_of(name);
        if (!parameter) {
            continue;
        }
        const bool list = json_is_array(value) && may_repeat(*parameter);
        const std::size_t count = list ? json_array_size(value) : 1;
        for (std::size_t i = 0; i < count; ++i) {
            const json_t *element = list ? json_array_get(value, i) : value;
            if (!json_is_string(element)) {
                return refuse(Reason::kParameterType);
            }
            if (auto added = add(*parameter, json_text(element)); !added) {
                return added;
            }
        }
    }
    return {};
}

std::expected<void, Refusal> TokenForm::add(Parameter parameter, std::string_view value)
{
    if (!is_utf8(value) || !is_header_safe(value)) {
        return refuse(Reason::kMalformedBody);
    }
    if (!value.empty()) {
        values_[std::to_underlying(parameter)].emplace_back(value);
    }
    return {};
}

}  // namespace token_introspect::issuer
