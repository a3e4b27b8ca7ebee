#include "nginx/token_endpoint.hpp"

#include "issuer/client_authentication.hpp"
#include "issuer/grant_type.hpp"
#include "issuer/issued_introspection.hpp"
#include "issuer/refresh.hpp"
#include "issuer/revocation.hpp"
#include "issuer/server_metadata.hpp"
#include "issuer/token_exchange.hpp"
#include "nginx/background.hpp"
#include "nginx/bridge.h"
#include "nginx/endpoint_answer.hpp"
#include "nginx/now.hpp"
#include "nginx/pool_room.hpp"
#include "nginx/procedure_run.hpp"

#include <optional>

namespace token_introspect::nginx {

namespace {

using issuer::Answer;
using issuer::Reason;
using issuer::Refusal;
using issuer::TokenForm;

constexpr ngx_int_t kFailed = NGX_HTTP_INTERNAL_SERVER_ERROR;

const issuer::IssuerContext &context_of(ngx_http_request_t *request, Worker &worker) noexcept
{
    return worker.environment().issuers[location_conf(request).token_issuer->issuer.index];
}

void reload_changed_files(ngx_http_request_t *request, const issuer::IssuerContext &context)
{
    const Now time = now();
    for (const std::string &problem : {context.keys->reload_changed_files(*context.issuer, time),
                                       context.clients->reload_changed_files(time)})
    {
        if (!problem.empty()) {
            const ngx_str_t name = borrow(context.issuer->name);
            const ngx_str_t text = borrow(problem);
            ngx_log_error(NGX_LOG_ERR, request->connection->log, 0, "token issuer \"%V\": %V",
                          &name, &text);
        }
    }
}

std::expected<Answer, Refusal> answered(const std::expected<issuer::IssuedTokens, Refusal> &tokens)
{
    if (!tokens) {
        return std::unexpected(tokens.error());
    }
    return issuer::token_answer(*tokens);
}

enum class Kind : std::uint8_t { kToken, kIntrospection, kRevocation };

std::string_view name(Kind kind) noexcept
{
    switch (kind) {
    case Kind::kToken:
        break;
    case Kind::kIntrospection:
        return "introspection request";
    case Kind::kRevocation:
        return "revocation request";
    }
    return "token request";
}

/// A POST to an endpoint, from its body on. In the request's pool.
class Endpoint final {
public:
    Endpoint(ngx_http_request_t *request, Worker &worker, Kind kind) noexcept
        : request_(request),
          worker_(&worker),
          context_(&context_of(request, worker)),
          kind_(kind),
          run_(request, worker)
    {}

    static void on_body(ngx_http_request_t *request) noexcept
    {
        go_on(request, [](Endpoint &self) { return self.begin(); });
    }

private:
    using Outcome = std::expected<Answer, Refusal>;

    static void on_write(ngx_http_request_t *request) noexcept;
    template <class Step> static void go_on(ngx_http_request_t *request, Step step) noexcept;

    std::optional<Outcome> begin();
    std::optional<Outcome> grant();
    void validate_next();
    std::optional<Outcome> proceed();
    [[nodiscard]] issuer::ValidatedToken validated() const noexcept;
    ngx_int_t send(const Outcome &outcome);

    ngx_http_request_t *request_;
    Worker *worker_;
    const issuer::IssuerContext *context_;
    Kind kind_;
    std::optional<TokenForm> form_;
    const issuer::Client *client_ = nullptr;
    std::optional<issuer::TokenExchange> exchange_;
    flow::Validation *validation_ = nullptr;  // in the pool: the exchange has views into both
    ProcedureRun run_;
};

// The filter module's place for a request is free: its own requests are known by their ends.
Endpoint *endpoint_of(ngx_http_request_t *request) noexcept
{
    return static_cast<Endpoint *>(
        ngx_http_get_module_ctx(request, ngx_http_token_introspect_filter_module));
}

// Nothing while something is awaited.
template <class Step> void Endpoint::go_on(ngx_http_request_t *request, Step step) noexcept
{
    Endpoint *self = endpoint_of(request);
    const std::optional<ngx_int_t> result =
        guarded(std::optional<ngx_int_t>(kFailed), [&]() -> std::optional<ngx_int_t> {
            const std::optional<Outcome> outcome = step(*self);
            return outcome ? std::optional(self->send(*outcome)) : std::nullopt;
        });
    if (result) {
        ngx_http_finalize_request(request, *result);
    } else {
        request->write_event_handler = on_write;
    }
}

void Endpoint::on_write(ngx_http_request_t *request) noexcept
{
    go_on(request,
          [](Endpoint &self) { return self.run_.pending() ? std::nullopt : self.proceed(); });
}

std::optional<Endpoint::Outcome> Endpoint::begin()
{
    const auto refuse = [](const Refusal &refusal) { return Outcome(std::unexpected(refusal)); };
    reload_changed_files(request_, *context_);
    std::string body;
    bool too_large = false;
    if (!read_body(request_, TokenForm::kLargestBody, body, too_large)) {
        return refuse({.reason = Reason::kInternal});
    }
    if (too_large) {
        return refuse({.reason = Reason::kBodyTooLarge});
    }
    const ngx_table_elt_t *type = request_->headers_in.content_type;
    auto form = TokenForm::parse(type != nullptr ? view(type->value) : std::string_view(), body);
    if (!form) {
        return refuse(form.error());
    }
    form_ = std::move(*form);

    const ngx_table_elt_t *authorization = request_->headers_in.authorization;
    const auto client = issuer::authenticate_client(
        *context_, *form_,
        {.authorization =
             authorization != nullptr ? view(authorization->value) : std::string_view(),
         .address = limited_address(request_->connection),
         .now = now()});
    if (!client) {
        return refuse(client.error());
    }
    client_ = *client;

    token::JwtParser &jwts = worker_->environment().jwts;
    switch (kind_) {
    case Kind::kToken:
        break;
    case Kind::kIntrospection:
        return issuer::introspect(*context_, *client_, *form_, jwts, now());
    case Kind::kRevocation:
        return issuer::revoke(*context_, *client_, *form_, jwts, now());
    }
    return grant();
}

std::optional<Endpoint::Outcome> Endpoint::grant()
{
    token::JwtParser &jwts = worker_->environment().jwts;
    const auto type = issuer::requested_grant(*client_, *form_);
    if (!type) {
        return std::unexpected(type.error());
    }
    if (*type == issuer::GrantType::kRefreshToken) {
        return answered(issuer::refresh(*context_, *client_, *form_, jwts,
                                        worker_->environment().users, now()));
    }
    auto exchange = issuer::TokenExchange::begin(*context_, *client_, *form_, jwts);
    if (!exchange) {
        return std::unexpected(exchange.error());
    }
    exchange_ = std::move(*exchange);
    if (location_conf(request_).token_issuer->introspectors.empty()) {
        return std::unexpected(exchange_->refused(Code::kUnknownIssuer, 0));
    }
    validate_next();
    return proceed();
}

void Endpoint::validate_next()
{
    validation_ = make_in<flow::Validation>(
        request_->pool, worker_->environment(), room_in(request_->pool),
        location_conf(request_).token_issuer->introspectors, exchange_->next());
    if (validation_ == nullptr) {
        throw std::bad_alloc();
    }
    run_.begin(*validation_);
}

std::optional<Endpoint::Outcome> Endpoint::proceed()
{
    for (;;) {
        const bool decided = run_.proceed();
        // at once: others may wait for it already
        if (std::optional<flow::Renewal> renewal = validation_->take_renewal()) {
            Background::start(request_, *worker_, std::move(*renewal));
        }
        if (!decided) {
            return std::nullopt;
        }
        const flow::Decision &decision = run_.decision();
        if (decision.code != Code::kActive) {
            return std::unexpected(exchange_->refused(decision.code, decision.retry_after_ms));
        }
        if (const auto accepted = exchange_->accept(validated()); !accepted) {
            return std::unexpected(accepted.error());
        }
        if (exchange_->next().empty()) {
            return answered(exchange_->issue(now()));
        }
        validate_next();
    }
}

issuer::ValidatedToken Endpoint::validated() const noexcept
{
    const flow::Environment &environment = worker_->environment();
    const flow::Introspector &introspector = *validation_->introspector();
    std::string_view sole_issuer;
    if (introspector.awaits_issuer()) {
        sole_issuer = environment.states[introspector.index].metadata().issuer;
    } else if (introspector.rules.issuers.size() == 1) {
        sole_issuer = introspector.rules.issuers.front();
    }
    const bool has_users = environment.users != nullptr && !environment.users->empty();
    return {.claims = validation_->claims(),
            .sole_issuer = sole_issuer,
            .user = validation_->user(),
            .user_id = validation_->user_id(),
            .demands_user = has_users || !introspector.user_endpoint.empty()};
}

ngx_int_t Endpoint::send(const Outcome &outcome)
{
    request_->connection->log->action = nullptr;  // a fetch leaves its last one behind
    if (outcome) {
        return send_answer(request_, *outcome);
    }
    if (outcome.error().reason == Reason::kBodyTooLarge) {
        request_->keepalive = 0;
    }
    return send_refusal(request_, *context_->issuer, outcome.error(), name(kind_),
                        client_ != nullptr ? std::string_view(client_->id) : std::string_view());
}

ngx_int_t refuse_method(ngx_http_request_t *request, std::string_view what, std::string_view allow)
{
    return send_refusal(request, location_conf(request).token_issuer->issuer,
                        {.reason = Reason::kMethod}, what, {}, allow);
}

ngx_int_t serve_post(ngx_http_request_t *request, Kind kind) noexcept
{
    return guarded(kFailed, [&]() -> ngx_int_t {
        if (request->method != NGX_HTTP_POST) {
            return refuse_method(request, name(kind), "POST");
        }
        // before it is read
        if (request->headers_in.content_length_n > static_cast<off_t>(TokenForm::kLargestBody)) {
            request->keepalive = 0;
            return send_refusal(request, location_conf(request).token_issuer->issuer,
                                {.reason = Reason::kBodyTooLarge}, name(kind));
        }
        auto *endpoint =
            make_in<Endpoint>(request->pool, request, Worker::of(*main_conf(request)), kind);
        if (endpoint == nullptr) {
            return kFailed;
        }
        ngx_http_set_ctx(request, endpoint, ngx_http_token_introspect_filter_module);
        const ngx_int_t rc = ngx_http_read_client_request_body(request, Endpoint::on_body);
        return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
    });
}

template <class Make>
ngx_int_t serve_get(ngx_http_request_t *request, std::string_view what, Make make) noexcept
{
    return guarded(kFailed, [&]() -> ngx_int_t {
        if ((request->method & (NGX_HTTP_GET | NGX_HTTP_HEAD)) == 0) {
            return refuse_method(request, what, "GET, HEAD");
        }
        const issuer::IssuerContext &context = context_of(request, Worker::of(*main_conf(request)));
        reload_changed_files(request, context);
        return send_answer(request, make(context));
    });
}

}  // namespace

ngx_int_t serve_token_exchange(ngx_http_request_t *request) noexcept
{
    return serve_post(request, Kind::kToken);
}

ngx_int_t serve_token_introspection(ngx_http_request_t *request) noexcept
{
    return serve_post(request, Kind::kIntrospection);
}

ngx_int_t serve_token_revocation(ngx_http_request_t *request) noexcept
{
    return serve_post(request, Kind::kRevocation);
}

ngx_int_t serve_token_jwks(ngx_http_request_t *request) noexcept
{
    return serve_get(request, "key set request", [](const issuer::IssuerContext &context) {
        return Answer{.body = context.keys->jwks(),
                      .content_type = "application/jwk-set+json",
                      .cacheable = true};
    });
}

ngx_int_t serve_token_metadata(ngx_http_request_t *request) noexcept
{
    return serve_get(request, "metadata request", [](const issuer::IssuerContext &context) {
        return Answer{.body = issuer::server_metadata(*context.issuer), .cacheable = true};
    });
}

}  // namespace token_introspect::nginx
