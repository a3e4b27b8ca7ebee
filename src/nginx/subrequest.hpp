#pragma once

#include "base/error.hpp"
#include "flow/procedure.hpp"
#include "nginx/ngx.hpp"
#include "token/introspection.hpp"

#include <optional>
#include <string>

namespace token_introspect::nginx {

class Transport;

/// One fetch as a background subrequest of a client's request: with its own headers, body and
/// variables, so that nothing of the client's request reaches the issuer; with its answer taken out
/// of the filter chain, bounded in size and in time as a whole.
class Subrequest {
public:
    /// Told once, from nginx's event loop, when the answer is there or cannot come any more.
    class Owner {
    public:
        virtual ~Owner() = default;
        virtual void fetched(const Result<token::Answer> &answer) noexcept = 0;
    };

    Subrequest(ngx_http_request_t *parent, Owner &owner) noexcept;
    ~Subrequest();
    Subrequest(const Subrequest &) = delete;
    Subrequest &operator=(const Subrequest &) = delete;

    /// Starts it. An error when it cannot even be tried; the owner is then not told.
    Result<void> start(const Transport &transport, const flow::Fetch &fetch);

    /// The subrequest's fetch, nullptr for requests that are none of ours.
    static Subrequest *of(ngx_http_request_t *request) noexcept;

    /// True when the location it has come to is out of clients' reach.
    [[nodiscard]] bool is_internal(ngx_http_request_t *request) const noexcept;

    /// Takes a chain of the answer's body.
    void take(ngx_chain_t *chain) noexcept;

    [[nodiscard]] std::string_view url() const noexcept { return url_; }
    [[nodiscard]] std::string_view method() const noexcept { return view(request_->method_name); }
    [[nodiscard]] std::string_view host() const noexcept { return host_; }
    [[nodiscard]] std::string_view ssl_name() const noexcept { return ssl_name_; }

private:
    static ngx_int_t on_done(ngx_http_request_t *request, void *data, ngx_int_t rc) noexcept;
    static void on_deadline(ngx_event_t *event) noexcept;
    /// What takes the place of the client's parts in the subrequest.
    struct Message {
        ngx_http_headers_in_t headers_in{};
        ngx_http_variable_value_t *variables = nullptr;
        ngx_http_request_body_t *body = nullptr;
        bool posts = false;
    };
    bool compose(const flow::Fetch &fetch, Message &message) noexcept;
    void replace_client_parts(const Message &message) noexcept;
    void abort(const Result<token::Answer> &answer) noexcept;
    void finish_with(const Result<token::Answer> &answer) noexcept;
    Result<token::Answer> answer_of(ngx_http_request_t *request, ngx_int_t rc) const noexcept;

    ngx_http_request_t *parent_;
    Owner *owner_;
    ngx_http_request_t *request_ = nullptr;
    ngx_http_post_subrequest_t done_{};
    ngx_event_t deadline_{};
    ngx_msec_t ending_interval_;
    std::string url_;
    std::string host_;
    std::string ssl_name_;
    std::string body_;
    std::size_t limit_ = 0;
    bool too_big_ = false;
    bool complete_ = false;
    bool told_ = false;
    bool ended_ = false;
};

}  // namespace token_introspect::nginx
