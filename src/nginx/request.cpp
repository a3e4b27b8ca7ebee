#include "nginx/request.hpp"

#include "nginx/authorization.hpp"
#include "nginx/background.hpp"
#include "nginx/bridge.h"
#include "nginx/credential.hpp"
#include "nginx/forwarding.hpp"
#include "nginx/header_list.hpp"
#include "nginx/policies.hpp"
#include "nginx/pool_room.hpp"
#include "nginx/refusal.hpp"

#include <utility>

namespace token_introspect::nginx {

namespace {

// The location's cookie that the credential was in, nullptr when it was none.
const IntrospectedCookie *cookie_of(const LocationConf &conf, const Credential &credential) noexcept
{
    for (const IntrospectedCookie &cookie : conf.cookies) {
        if (lists({&cookie.source, 1}, *credential.source)) {
            return &cookie;
        }
    }
    return nullptr;
}

}  // namespace

Request::Request(ngx_http_request_t *request, Worker &worker) noexcept
    : request_(request),
      worker_(&worker),
      run_(request, worker)
{}

Request *Request::of(ngx_http_request_t *request) noexcept
{
    ngx_http_request_t *main = request->main;
    auto *found =
        static_cast<Request *>(ngx_http_get_module_ctx(main, ngx_http_token_introspect_module));
    if (found != nullptr || !main->internal) {
        return found;
    }
    // An internal redirect clears the contexts of all modules, but not the pool.
    for (ngx_pool_cleanup_t *cleanup = main->pool->cleanup; cleanup != nullptr;
         cleanup = cleanup->next)
    {
        if (cleanup->handler == destroy<Request>) {
            found = static_cast<Request *>(cleanup->data);
            ngx_http_set_ctx(main, found, ngx_http_token_introspect_module);
            break;
        }
    }
    return found;
}

Request *Request::make(ngx_http_request_t *request)
{
    Request *found = of(request);
    if (found == nullptr) {
        found = make_in<Request>(request->pool, request, Worker::of(*main_conf(request)));
        ngx_http_set_ctx(request, found, ngx_http_token_introspect_module);
    }
    return found;
}

ngx_int_t Request::prepare(const LocationConf &conf)
{
    restart();
    return take_back_token() && prepare_headers(conf) ? NGX_DECLINED
                                                      : NGX_HTTP_INTERNAL_SERVER_ERROR;
}

bool Request::leave()
{
    const bool done = exchange_ == nullptr || take_back_token();
    exchange_ = nullptr;
    return done;
}

// What this module has put in the credential's place.
bool Request::take_back_token()
{
    return !std::exchange(replaced_token_, false) || remove_bearer(request_);
}

bool Request::prepare_headers(const LocationConf &conf)
{
    using ForwardToken = LocationConf::ForwardToken;
    take_credential(conf);
    if (!conf.enabled) {
        return true;  // remembered for a location that asks for it, and let be: it is not ours
    }
    const ForwardToken forwards = conf.forwards_token.value_or(ForwardToken::kOff);
    if (forwards != ForwardToken::kOn) {
        bool stripped = strip_credentials(request_, conf.sources);
        for (const IntrospectedCookie &cookie : conf.cookies) {
            stripped = stripped && strip_credentials(request_, {&cookie.source, 1});
        }
        if (!stripped) {
            return false;
        }
    }
    // The upstream takes a Bearer token here for the issuer's word, wherever the client's own
    // token is looked for.
    return forwards != ForwardToken::kIntrospected || remove_bearer(request_);
}

// After an internal redirect the first location may have taken the credential out of the request
// already: it still counts where this location would have looked for it, too.
void Request::take_credential(const LocationConf &conf)
{
    const Credential *remembered = credential_ && *credential_ ? &**credential_ : nullptr;
    const bool is_token = remembered != nullptr && lists(conf.sources, *remembered->source);
    Result<std::optional<Credential>> found = find_credential(request_, conf.sources);
    if (found && !*found) {
        if (is_token) {
            return;
        }
        for (const IntrospectedCookie &cookie : conf.cookies) {
            found = find_credential(request_, {&cookie.source, 1});
            if (!found || *found) {
                break;
            }
        }
        if (found && !*found && remembered != nullptr && cookie_of(conf, *remembered) != nullptr) {
            return;
        }
    } else if (found && is_token && remembered->token != (*found)->token) {
        found = fail(Code::kMultipleCredentials, "the request has two different credentials");
    }
    if (found && *found) {
        // stripping rewrites the header's or the query's memory
        const ngx_str_t kept = copy(request_->pool, (*found)->token);
        if (kept.data == nullptr) {
            throw std::bad_alloc();
        }
        (*found)->token = view(kept);
    }
    credential_ = found;
}

ngx_int_t Request::access(const LocationConf &conf)
{
    if (run_.pending()) {
        return NGX_AGAIN;
    }
    if (!begun_) {
        begin(conf);
        begun_ = true;
    }
    if (!decided_ && !proceed()) {
        return NGX_AGAIN;
    }
    return conclude(conf);
}

// Another location: the same token, judged anew.
void Request::restart() noexcept
{
    validation_ = nullptr;
    exchange_ = nullptr;
    begun_ = false;
    decided_ = false;
    passed_ = false;
    judgement_ = {.code = Code::kMissing};
    policy_ = {};
}

// Cookies have introspectors of their own: a token is not sent to an application that reads its
// session cookies.
std::span<const flow::Introspector *const> Request::judges(const LocationConf &conf) const noexcept
{
    const IntrospectedCookie *cookie =
        lists(conf.sources, *(*credential_)->source) ? nullptr : cookie_of(conf, **credential_);
    return cookie != nullptr ? cookie->introspectors : conf.introspectors;
}

void Request::begin(const LocationConf &conf)
{
    if (!credential_) {
        judgement_ = {.code = credential_.error().code};
        decided_ = true;
    } else if (!*credential_) {
        judgement_ = {.code = Code::kMissing};
        decided_ = true;
    } else if (judges(conf).empty()) {
        judgement_ = {.code = Code::kUnknownIssuer};
        decided_ = true;
    } else {
        validation_ =
            make_in<flow::Validation>(request_->pool, worker_->environment(),
                                      room_in(request_->pool), judges(conf), (*credential_)->token);
        if (validation_ == nullptr) {
            throw std::bad_alloc();
        }
        run_.begin(*validation_);
    }
}

bool Request::proceed()
{
    const bool decided = run_.proceed();
    renew(*validation_);
    if (!decided) {
        return false;
    }
    const flow::Decision &decision = run_.decision();
    judgement_ = {.code = decision.code, .retry_after_ms = decision.retry_after_ms};
    decided_ = true;
    return true;
}

// At once: others may wait for it already.
void Request::renew(flow::Procedure &procedure)
{
    if (std::optional<flow::Renewal> renewal = procedure.take_renewal()) {
        Background::start(request_, *worker_, std::move(*renewal));
    }
}

ngx_int_t Request::conclude(const LocationConf &conf)
{
    request_->connection->log->action = nullptr;  // a fetch leaves its last one behind
    const bool absent = judgement_.code == Code::kMissing;
    const bool active = judgement_.code == Code::kActive && validation_ != nullptr;
    if (active || (absent && conf.use->optional)) {
        Judgement judged = judge(request_, conf, claims());
        if (judged.code == Code::kActive) {
            judged = authorize(request_, conf, *this);
            policy_ = judged.code == Code::kActive ? judged.subject : std::string_view();
        }
        // without a token, the cure is to send one
        const Code code = absent && judged.code != Code::kActive ? Code::kMissing : judged.code;
        if (const auto explained = explain(request_, conf, *this, code)) {
            return send(*explained);
        }
        if (judged.code == Code::kActive && absent) {
            return NGX_DECLINED;  // no reason to refuse, but none for `satisfy any` either
        }
        passed_ = judged.code == Code::kActive;
        if (passed_) {
            return forward(conf) ? NGX_OK : NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
        if (!absent) {
            judgement_ = judged;
        }
    }
    return refuse(request_, conf, judgement_, introspector());
}

// False when there is nothing to exchange: no token, or access was granted for another reason.
bool Request::begin_exchange(const LocationConf &conf)
{
    if (conf.exchanger->exchanges_tokens() && !passed_) {
        return false;
    }
    exchange_ = make_in<flow::Exchange>(request_->pool, worker_->environment(),
                                        room_in(request_->pool), *conf.exchanger, token());
    if (exchange_ == nullptr) {
        throw std::bad_alloc();
    }
    run_.begin(*exchange_);
    return true;
}

ngx_int_t Request::exchange(const LocationConf &conf)
{
    if (run_.pending()) {
        return NGX_AGAIN;
    }
    if (exchange_ == nullptr && !begin_exchange(conf)) {
        return remove_authorization(request_) ? NGX_DECLINED : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    const bool decided = run_.proceed();
    renew(*exchange_);
    if (!decided) {
        return NGX_AGAIN;
    }
    request_->connection->log->action = nullptr;  // a fetch leaves its last one behind
    const flow::Decision &decision = run_.decision();
    if (decision.code != Code::kActive) {
        judgement_ = {.code = decision.code, .retry_after_ms = decision.retry_after_ms};
        decided_ = true;
        return refuse(request_, conf, judgement_, conf.exchanger);
    }
    replaced_token_ = true;
    has_exchanged_ = true;
    return set_bearer(request_, exchange_->token()) ? NGX_DECLINED : NGX_HTTP_INTERNAL_SERVER_ERROR;
}

// Instead of the location's content.
ngx_int_t Request::send(std::string_view json)
{
    ngx_str_t type = ngx_string("application/json");
    if (add_response_header(request_, "Cache-Control", "no-store") == nullptr) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    ngx_http_complex_value_t body;
    ngx_memzero(&body, sizeof body);
    body.value = copy(request_->pool, json);
    if (body.value.data == nullptr) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    ngx_http_finalize_request(request_,
                              ngx_http_send_response(request_, NGX_HTTP_OK, &type, &body));
    return NGX_DONE;
}

bool Request::forward(const LocationConf &conf)
{
    const std::string_view jwt = introspection_jwt();
    if (conf.forwards_token == LocationConf::ForwardToken::kIntrospected && !jwt.empty()) {
        replaced_token_ = true;
        return set_bearer(request_, jwt);
    }
    return forward_claims(request_, conf, claims());
}

// Only those of a token that is good, if not always good enough.
bool Request::shows_claims() const noexcept
{
    const Verdict verdict = outcome(judgement_.code).verdict;
    return validation_ != nullptr && decided_
           && (verdict == Verdict::kPass || verdict == Verdict::kForbidden);
}

token::ClaimsView Request::claims() const noexcept
{
    return shows_claims() ? validation_->claims() : token::ClaimsView();
}

token::ClaimsView Request::header() const noexcept
{
    return shows_claims() ? validation_->header() : token::ClaimsView();
}

std::string_view Request::introspection_jwt() const noexcept
{
    return shows_claims() ? validation_->introspection_jwt() : std::string_view();
}

std::string_view Request::user_id() const noexcept
{
    return shows_claims() ? validation_->user_id() : std::string_view();
}

token::Value Request::user() const noexcept
{
    return shows_claims() ? validation_->user() : token::Value();
}

token::Value Request::roles() const noexcept
{
    return shows_claims() ? validation_->roles() : token::Value();
}

std::string_view Request::exchanged_token(const flow::Exchanger *exchanger) const noexcept
{
    return exchange_ != nullptr && &exchange_->exchanger() == exchanger ? exchange_->token()
                                                                        : std::string_view();
}

const flow::Introspector *Request::introspector() const noexcept
{
    return validation_ != nullptr ? validation_->introspector() : nullptr;
}

flow::CacheStatus Request::cache_status() const noexcept
{
    return validation_ != nullptr ? validation_->cache_status() : flow::CacheStatus::kNone;
}

const Sha256 *Request::token_digest() const noexcept
{
    return validation_ != nullptr ? validation_->token_digest() : nullptr;
}

}  // namespace token_introspect::nginx
