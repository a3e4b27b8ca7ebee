#include "nginx/policies.hpp"

#include "base/text.hpp"
#include "nginx/header_list.hpp"
#include "nginx/policy_context.hpp"
#include "nginx/request.hpp"
#include "token/claims_writer.hpp"
#include "token/credential.hpp"

#include <algorithm>

namespace token_introspect::nginx {

namespace {

std::string_view word_of(policy::AccessPolicy::Outcome outcome) noexcept
{
    switch (outcome) {
    case policy::AccessPolicy::Outcome::kAllowed:
        return "allowed";
    case policy::AccessPolicy::Outcome::kDenied:
        return "denied";
    case policy::AccessPolicy::Outcome::kNotForThisRequest:
        break;
    }
    return "not for this request";
}

// As an argument is read.
std::string with_spaces(std::string_view text)
{
    std::string out(text);
    std::ranges::replace(out, '+', ' ');
    return out;
}

// What is no percent-encoding stays, so that nothing hides behind it.
std::string decoded(std::string_view text)
{
    constexpr std::size_t kEncoded = 3;
    std::string out;
    while (!text.empty()) {
        const std::size_t size = text.front() == '%' && text.size() >= kEncoded ? kEncoded : 1;
        if (const auto one = percent_decode(text.substr(0, size))) {
            out += *one;
            text.remove_prefix(size);
        } else {
            out += text.front();
            text.remove_prefix(1);
        }
    }
    return out;
}

/// Copies a value without what must not be shown: the token, however it is written, and bytes that
/// would make no JSON.
class Masking {
public:
    Masking(token::ClaimsWriter &writer, std::string_view token)
        : writer_(writer),
          needles_{std::string(token), with_spaces(token), decoded(token),
                   decoded(with_spaces(token))}
    {}

    void copy(token::Value value)
    {
        if (value.is_object()) {
            writer_.begin_object();
            for (std::size_t i = 0; i < value.size(); ++i) {
                writer_.key(masked(value.key_at(i)));
                copy(value.value_at(i));
            }
            writer_.end();
        } else if (value.is_array()) {
            writer_.begin_array();
            for (std::size_t i = 0; i < value.size(); ++i) {
                copy(value.at(i));
            }
            writer_.end();
        } else if (value.is_string()) {
            writer_.string(masked(value.string()));
        } else {
            writer_.value(value);
        }
    }

private:
    [[nodiscard]] bool shows_token(std::string_view text) const
    {
        return std::ranges::any_of(needles_, [text](const std::string &needle) {
            return !needle.empty() && text.contains(needle);
        });
    }

    [[nodiscard]] std::string masked(std::string_view text) const
    {
        if (shows_token(text) || shows_token(decoded(text))) {
            return std::string(PolicyContext::kMask);
        }
        std::string shown(text);
        if (!is_utf8(shown)) {
            std::ranges::replace_if(shown, [](char c) { return (c & 0x80) != 0; }, '?');
        }
        return shown;
    }

    token::ClaimsWriter &writer_;
    std::array<std::string, 4> needles_;  // the token, in forms that decoding does not tell
};

// The request object, every policy's answer and what became of the request, as JSON.
std::string explanation(ngx_http_request_t *request, const LocationConf &conf, const Request &own,
                        Code code)
{
    PolicyContext seen(request, own);
    PolicyContext shown(request, own, PolicyContext::Secrets::kMasked);
    token::ClaimsWriter writer;
    writer.begin_object();
    writer.key("request");
    Masking(writer, own.token()).copy(shown.whole());
    writer.key("policies");
    writer.begin_array();
    for (const policy::PolicyOutcome &said : policy::evaluate_all(conf.policies, seen)) {
        writer.begin_object();
        writer.key("id");
        writer.string(said.id);
        writer.key("result");
        writer.string(word_of(said.outcome));
        writer.end();
    }
    writer.end();
    writer.key("status");
    writer.string(outcome(code).word);
    writer.end();
    const auto image = writer.finish();
    std::string text;
    if (image && !seen.failed() && !shown.failed()) {
        token::ClaimsView(*image).root().append_json(text);
    }
    return text;
}

bool asks_in_header(ngx_http_request_t *request)
{
    bool asks = false;
    each_header(request->headers_in.headers, [&](const ngx_table_elt_t &header) {
        asks = asks || (is_header(header, "X-Debug") && view(header.value) == "policy");
        return !asks;
    });
    return asks;
}

}  // namespace

Judgement authorize(ngx_http_request_t *request, const LocationConf &conf, const Request &own)
{
    if (!conf.authorize || conf.authorize->names.empty()) {
        return {};
    }
    PolicyContext context(request, own);
    const policy::AccessPolicy *allowing = policy::first_allowing(conf.policies, context);
    if (context.failed()) {
        return {.code = Code::kInternal};
    }
    return allowing != nullptr ? Judgement{.subject = allowing->id()}
                               : Judgement{.code = Code::kPolicyRefused};
}

std::optional<std::string> explain(ngx_http_request_t *request, const LocationConf &conf,
                                   const Request &own, Code code)
{
    // a line of nginx's log holds some 2000 bytes
    constexpr std::size_t kPiece = 1500;
    if (!conf.policy_debug.value_or(false)) {
        return std::nullopt;
    }
    const auto asked = token::find_query_argument(view(request->args), "__debug");
    const bool in_response = asked && asked->value == "policy";
    const bool in_log = asks_in_header(request);
    if (!in_response && !in_log) {
        return std::nullopt;
    }
    std::string text = explanation(request, conf, own, code);
    for (std::size_t at = 0; in_log && at < text.size(); at += kPiece) {
        const ngx_str_t piece = borrow(std::string_view(text).substr(at, kPiece));
        ngx_log_error(NGX_LOG_NOTICE, request->connection->log, 0,
                      "token introspect: policy debug: %V", &piece);
    }
    return in_response ? std::optional(std::move(text)) : std::nullopt;
}

}  // namespace token_introspect::nginx
