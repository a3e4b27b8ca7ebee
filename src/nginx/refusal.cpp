#include "nginx/refusal.hpp"

#include "base/text.hpp"
#include "nginx/header_list.hpp"
#include "nginx/worker.hpp"
#include "token/challenge.hpp"

#include <algorithm>
#include <string>

namespace token_introspect::nginx {

namespace {

constexpr std::string_view kRetryAfter = "Retry-After";

ngx_uint_t status_of(const Judgement &judgement, const StatusCodes &codes) noexcept
{
    if (judgement.status != 0) {
        return judgement.status;
    }
    switch (outcome(judgement.code).verdict) {
    case Verdict::kNotSupplied:
        return codes.not_supplied;
    case Verdict::kInvalidRequest:
        return codes.invalid_request;
    case Verdict::kInvalid:
        return codes.invalid;
    case Verdict::kForbidden:
        return codes.forbidden;
    case Verdict::kUnavailable:
        return codes.unavailable;
    case Verdict::kPass:
    case Verdict::kInternal:
        break;
    }
    return NGX_HTTP_INTERNAL_SERVER_ERROR;
}

std::optional<std::string> challenge_for(ngx_http_request_t *request, const LocationConf &conf,
                                         const Judgement &judgement)
{
    const auto mode = conf.challenge.value_or(LocationConf::Challenge::kOn);
    if (mode == LocationConf::Challenge::kOff) {
        return std::nullopt;
    }
    if (mode == LocationConf::Challenge::kText) {
        const std::string_view text = conf.challenge_text.evaluate(request).value_or("");
        return is_header_safe(text) && !text.empty() ? std::optional<std::string>(text)
                                                     : std::nullopt;
    }
    std::string_view realm;
    if (conf.realm) {
        realm = conf.realm->evaluate(request).value_or("");
    }
    return token::bearer_challenge(judgement.code, realm, judgement.scope);
}

void log_refusal(ngx_http_request_t *request, const Judgement &judgement, const flow::Peer *by)
{
    const Outcome &row = outcome(judgement.code);
    std::string line("token introspect: refused, reason: ");
    line.append(row.word);
    if (!judgement.subject.empty()) {
        line.append(", by: ").append(judgement.subject);
    }
    if (by != nullptr) {
        line.append(", ").append(flow::name(by->role)).append(": ").append(by->name);
    }
    const ngx_str_t text = borrow(line);
    ngx_log_error(log_level(row.severity), request->connection->log, 0, "%V", &text);
}

}  // namespace

ngx_int_t refuse(ngx_http_request_t *request, const LocationConf &conf, const Judgement &judgement,
                 const flow::Peer *by)
{
    log_refusal(request, judgement, by);
    const Verdict verdict = outcome(judgement.code).verdict;
    if (verdict == Verdict::kUnavailable) {
        // what an earlier refusal left: an error_page may lead to another one
        hide_response_headers(request, kRetryAfter);
        // without a view of when the issuer is asked again, soon is the best advice
        const std::uint64_t seconds =
            std::max<std::uint64_t>(1, (judgement.retry_after_ms + 999) / 1000);
        add_response_header(request, kRetryAfter, std::to_string(seconds));
    } else if (verdict != Verdict::kInternal) {
        if (const auto challenge = challenge_for(request, conf, judgement)) {
            // one challenge only, also when an error_page leads to another protected location
            if (ngx_table_elt_t *earlier = request->headers_out.www_authenticate) {
                earlier->hash = 0;
            }
            ngx_table_elt_t *header = add_response_header(request, "WWW-Authenticate", *challenge);
            if (header == nullptr) {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }
            request->headers_out.www_authenticate = header;
        }
    }
    return static_cast<ngx_int_t>(status_of(judgement, conf.codes.value_or(StatusCodes{})));
}

}  // namespace token_introspect::nginx
