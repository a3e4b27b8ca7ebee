#include "nginx/policies.hpp"

#include "base/text.hpp"
#include "nginx/header_list.hpp"
#include "nginx/policy_context.hpp"
#include "nginx/request.hpp"
#include "token/claims_writer.hpp"
#include "token/credential.hpp"

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

// The request object and every policy's answer, as JSON.
std::string explanation(ngx_http_request_t *request, const LocationConf &conf, const Request &own)
{
    PolicyContext context(request, own, PolicyContext::Secrets::kMasked);
    token::ClaimsWriter writer;
    writer.begin_object();
    writer.key("request");
    writer.value(context.whole());
    writer.key("policies");
    writer.begin_array();
    for (const policy::PolicyOutcome &said : policy::evaluate_all(conf.policies, context)) {
        writer.begin_object();
        writer.key("id");
        writer.string(said.id);
        writer.key("result");
        writer.string(word_of(said.outcome));
        writer.end();
    }
    writer.end();
    writer.key("status");
    writer.string(outcome(own.code()).word);
    writer.end();
    const auto image = writer.finish();
    std::string text;
    if (image && !context.failed()) {
        token::ClaimsView(*image).root().append_json(text);
    }
    // wherever else the request repeats it
    for (std::size_t at = 0; !own.token().empty() && at != std::string::npos;) {
        at = text.find(own.token(), at);
        if (at != std::string::npos) {
            text.replace(at, own.token().size(), "***");
        }
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

void log_explanation(ngx_http_request_t *request, const LocationConf &conf, const Request &own)
{
    // a line of nginx's log holds some 2000 bytes
    constexpr std::size_t kPiece = 1500;
    const std::string text = explanation(request, conf, own);
    for (std::size_t at = 0; at < text.size(); at += kPiece) {
        const ngx_str_t piece = borrow(std::string_view(text).substr(at, kPiece));
        ngx_log_error(NGX_LOG_NOTICE, request->connection->log, 0,
                      "token introspect: policy debug: %V", &piece);
    }
}

}  // namespace

Judgement authorize(ngx_http_request_t *request, const LocationConf &conf, const Request &own)
{
    if (!conf.authorize || conf.authorize->names.empty()) {
        return {};
    }
    if (conf.policy_debug.value_or(false) && asks_in_header(request)) {
        log_explanation(request, conf, own);
    }
    PolicyContext context(request, own);
    const policy::AccessPolicy *allowing = policy::first_allowing(conf.policies, context);
    if (context.failed()) {
        return {.code = Code::kInternal};
    }
    return allowing != nullptr ? Judgement{.subject = allowing->id()}
                               : Judgement{.code = Code::kPolicyRefused};
}

std::optional<std::string> debug_response(ngx_http_request_t *request, const LocationConf &conf,
                                          const Request &own)
{
    if (!conf.policy_debug.value_or(false)) {
        return std::nullopt;
    }
    const auto asked = token::find_query_argument(view(request->args), "__debug");
    if (!asked || asked->value != "policy") {
        return std::nullopt;
    }
    return explanation(request, conf, own);
}

}  // namespace token_introspect::nginx
