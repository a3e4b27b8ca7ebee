#pragma once

#include "nginx/procedure_run.hpp"

namespace token_introspect::nginx {

/// A renewal that no client waits for: an nginx request of the module's own, on a connection that
/// exists in memory only. Ends, and frees itself, when the renewal is decided.
class Background {
public:
    /// Starts a renewal, in the server that `origin` is in; what it needs of it is copied.
    /// Without memory nothing is renewed: the next request will try again.
    static void start(const ngx_http_request_t *origin, Worker &worker,
                      flow::Renewal renewal) noexcept;

    Background(ngx_connection_t *connection, ngx_http_request_t *request, Worker &worker) noexcept;
    ~Background() = default;
    Background(const Background &) = delete;
    Background &operator=(const Background &) = delete;

private:
    bool begin(flow::Renewal renewal);
    flow::Procedure *make_procedure(flow::Renewal renewal);
    static void on_write(ngx_http_request_t *request) noexcept;
    void end() noexcept;
    static void on_end(ngx_event_t *event) noexcept;

    ngx_connection_t *connection_;
    ngx_http_request_t *request_;
    Worker *worker_;
    ProcedureRun run_;
    ngx_event_t end_{};
};

}  // namespace token_introspect::nginx
