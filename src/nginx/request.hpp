#pragma once

#include "flow/exchange.hpp"
#include "flow/validation.hpp"
#include "nginx/conf.hpp"
#include "nginx/credential.hpp"
#include "nginx/procedure_run.hpp"
#include "nginx/requirements.hpp"

#include <optional>

namespace token_introspect::nginx {

/// What the module keeps of one client request, in the request's pool: the credential, the
/// validation under way, its result for the variables. Survives internal redirects.
class Request final {
public:
    Request(ngx_http_request_t *request, Worker &worker) noexcept;

    /// The request's object; nullptr when it has none yet. Of a subrequest: its client request's.
    static Request *of(ngx_http_request_t *request) noexcept;
    /// As of(), made when there is none; nullptr without memory.
    static Request *make(ngx_http_request_t *request);

    /// Preaccess: takes the credential out of the request before anything else can see it.
    ngx_int_t prepare(const LocationConf &conf);
    /// Preaccess in a location that this module does nothing in: an earlier one's exchanged token is
    /// for that one's upstream only. False without memory.
    bool leave();
    /// Access: NGX_OK, NGX_AGAIN while a fetch or another request is awaited, or a status.
    ngx_int_t access(const LocationConf &conf);
    /// Precontent, when access has been granted: puts the exchanged token in the place of whatever
    /// credentials the client sent. NGX_DECLINED when that is done, NGX_AGAIN as above, or a status.
    ngx_int_t exchange(const LocationConf &conf);

    [[nodiscard]] Code code() const noexcept { return judgement_.code; }
    /// The token, empty when the request has none. Never for logs and responses.
    [[nodiscard]] std::string_view token() const noexcept
    {
        return credential_ && *credential_ ? (*credential_)->token : std::string_view();
    }
    [[nodiscard]] bool decided() const noexcept { return decided_; }
    [[nodiscard]] token::ClaimsView claims() const noexcept;
    [[nodiscard]] token::ClaimsView header() const noexcept;
    /// The issuer's signed introspection response about the token, empty when there is none.
    [[nodiscard]] std::string_view introspection_jwt() const noexcept;
    /// The user's id as the token names it, empty when it names none.
    [[nodiscard]] std::string_view user_id() const noexcept;
    /// The User that the token names, and the array of its Roles; absent when there is none.
    [[nodiscard]] token::Value user() const noexcept;
    [[nodiscard]] token::Value roles() const noexcept;
    /// The token for the upstream of a location with this exchanger (nullptr: of none); empty when
    /// there is none. Never for logs and responses.
    [[nodiscard]] std::string_view exchanged_token(const flow::Exchanger *exchanger) const noexcept;
    /// True once any location has had a token exchanged.
    [[nodiscard]] bool has_exchanged() const noexcept { return has_exchanged_; }
    /// The policy that allowed the request, empty when none was asked.
    [[nodiscard]] std::string_view policy() const noexcept { return policy_; }
    [[nodiscard]] const flow::Introspector *introspector() const noexcept;
    [[nodiscard]] flow::CacheStatus cache_status() const noexcept;
    /// SHA-256 of the token, nullptr when there was none.
    [[nodiscard]] const Sha256 *token_digest() const noexcept;

private:
    void take_credential(const LocationConf &conf);
    bool prepare_headers(const LocationConf &conf);
    bool take_back_token();
    bool forward(const LocationConf &conf);
    ngx_int_t send(std::string_view json);
    [[nodiscard]] std::span<const flow::Introspector *const> judges(
        const LocationConf &conf) const noexcept;
    void begin(const LocationConf &conf);
    bool proceed();
    ngx_int_t conclude(const LocationConf &conf);
    void restart() noexcept;
    bool begin_exchange(const LocationConf &conf);
    void renew(flow::Procedure &procedure);
    [[nodiscard]] bool shows_claims() const noexcept;

    ngx_http_request_t *request_;
    Worker *worker_;
    Result<std::optional<Credential>> credential_ = std::optional<Credential>();
    bool replaced_token_ = false;  // the Authorization header is a peer's word, not the client's

    flow::Validation *validation_ = nullptr;  // in the pool: variables point into its images
    flow::Exchange *exchange_ = nullptr;      // likewise
    ProcedureRun run_;
    bool has_exchanged_ = false;
    bool begun_ = false;
    bool decided_ = false;
    bool passed_ = false;  // the token is good enough for this location
    Judgement judgement_{.code = Code::kMissing};
    std::string_view policy_;
};

}  // namespace token_introspect::nginx
