#include "nginx/subrequest.hpp"

#include "nginx/bridge.h"
#include "nginx/header_list.hpp"
#include "nginx/transport.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace token_introspect::nginx {

namespace {

constexpr std::string_view kUserAgent = "ngx_http_token_introspect_module";

constexpr ngx_uint_t kMostHeaders = 8;
constexpr ngx_msec_t kEndingInterval = 10;
constexpr ngx_msec_t kLongestEndingInterval = 1000;

bool has_control_or_space(std::string_view text) noexcept
{
    for (const char c : text) {
        if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) {
            return true;
        }
    }
    return false;
}

// What $content_type and its like, and with them FastCGI's parameters, are read from.
void link_known_headers(ngx_http_headers_in_t &in) noexcept
{
    struct Known {
        std::string_view name;
        ngx_table_elt_t *ngx_http_headers_in_t::*member;
    };
    static constexpr auto known =
        std::to_array<Known>({{"Content-Type", &ngx_http_headers_in_t::content_type},
                              {"Content-Length", &ngx_http_headers_in_t::content_length},
                              {"Authorization", &ngx_http_headers_in_t::authorization},
                              {"User-Agent", &ngx_http_headers_in_t::user_agent}});

    auto *headers = static_cast<ngx_table_elt_t *>(in.headers.part.elts);
    for (ngx_uint_t i = 0; i < in.headers.part.nelts; ++i) {
        for (const Known &entry : known) {
            if (view(headers[i].key) == entry.name) {
                in.*entry.member = &headers[i];
            }
        }
    }
}

}  // namespace

Subrequest::Subrequest(ngx_http_request_t *parent, Owner &owner) noexcept
    : parent_(parent),
      owner_(&owner),
      ending_interval_(kEndingInterval)
{
    done_.handler = on_done;
    done_.data = this;
    deadline_.data = this;
    deadline_.handler = on_deadline;
    deadline_.log = parent->connection->log;
}

Subrequest::~Subrequest()
{
    if (deadline_.timer_set) {
        ngx_del_timer(&deadline_);
    }
    // nginx may still run the subrequest's end when it tears the client's request down
    done_.data = nullptr;
}

Result<void> Subrequest::start(const Transport &transport, const flow::Fetch &fetch)
{
    if (fetch.uri.empty() || has_control_or_space(fetch.uri)) {
        return fail(Code::kIssuerMetadata, "no usable address for this request to the issuer");
    }
    limit_ = fetch.peer->response_size;

    std::string_view target = fetch.uri;
    ngx_http_conf_ctx_t *server = nullptr;
    if (!target.starts_with('/')) {
        std::optional<Route> route = transport.route(target);
        if (!route) {
            return fail(Code::kIssuerMetadata, "the issuer's address is no URL, or https and no "
                                               "certification authorities are there");
        }
        server = route->server;
        url_ = std::move(route->url);
        host_ = route->host;
        ssl_name_ = route->ssl_name;
        target = Transport::kLocation;
    }
    const std::size_t question = target.find('?');
    const std::optional<std::string> path = percent_decode(target.substr(0, question));
    if (!path) {
        return fail(Code::kIssuerMetadata, "no usable address for this request to the issuer");
    }
    ngx_str_t uri = copy(parent_->pool, *path);
    const ngx_str_t unparsed = copy(parent_->pool, target);
    ngx_str_t args = ngx_null_string;
    if (question != std::string_view::npos) {
        args = copy(parent_->pool, target.substr(question + 1));
    }
    Message message{};
    // Background: the client's connection keeps to its own request, so that a client that hangs up
    // does not end a fetch for which others wait.
    if (uri.data == nullptr || unparsed.data == nullptr
        || (question != std::string_view::npos && args.data == nullptr) || !compose(fetch, message)
        || ngx_http_subrequest(parent_, &uri, &args, &request_, &done_,
                               NGX_HTTP_SUBREQUEST_BACKGROUND)
               != NGX_OK)
    {
        return fail(Code::kInternal, "cannot make a subrequest");
    }
    // It has not run yet: what nginx copied of the client's request is replaced in time.
    if (server != nullptr) {
        request_->srv_conf = server->srv_conf;
        request_->loc_conf = server->loc_conf;
    }
    replace_client_parts(message);
    request_->unparsed_uri = unparsed;
    request_->valid_unparsed_uri = 1;  // so that a proxy_pass without URI sends it as it is
    ngx_add_timer(&deadline_, static_cast<ngx_msec_t>(fetch.peer->fetch_ms));
    return {};
}

// Everything that needs memory, before there is a subrequest that could run without it.
bool Subrequest::compose(const flow::Fetch &fetch, Message &message) noexcept
{
    ngx_pool_t *pool = parent_->pool;
    const auto *core = static_cast<const ngx_http_core_main_conf_t *>(
        ngx_http_get_module_main_conf(parent_, ngx_http_core_module));
    message.variables = static_cast<ngx_http_variable_value_t *>(
        ngx_pcalloc(pool, core->variables.nelts * sizeof(ngx_http_variable_value_t)));
    message.body =
        static_cast<ngx_http_request_body_t *>(ngx_pcalloc(pool, sizeof(ngx_http_request_body_t)));
    ngx_list_t &headers = message.headers_in.headers;
    if (message.variables == nullptr || message.body == nullptr
        || ngx_list_init(&headers, pool, kMostHeaders, sizeof(ngx_table_elt_t)) != NGX_OK)
    {
        return false;
    }
    message.headers_in.content_length_n = -1;
    message.headers_in.keep_alive_n = -1;

    auto push = [&](std::string_view name, std::string_view value) {
        const ngx_str_t kept = copy(pool, value);
        return kept.data != nullptr && push_header(headers, pool, borrow(name), kept);
    };
    if (!push("Accept", fetch.accept) || !push("User-Agent", kUserAgent)
        || (!fetch.authorization.empty() && !push("Authorization", fetch.authorization)))
    {
        return false;
    }
    if (fetch.form.empty()) {
        return true;
    }
    const ngx_str_t form = copy(pool, fetch.form);
    auto *buffer = static_cast<ngx_buf_t *>(ngx_calloc_buf(pool));
    ngx_chain_t *chain = ngx_alloc_chain_link(pool);
    if (form.data == nullptr || buffer == nullptr || chain == nullptr) {
        return false;
    }
    buffer->start = buffer->pos = form.data;
    buffer->end = buffer->last = form.data + form.len;
    buffer->temporary = 1;
    buffer->last_buf = 1;
    *chain = {.buf = buffer, .next = nullptr};
    message.body->bufs = chain;
    message.body->buf = buffer;
    message.headers_in.content_length_n = static_cast<off_t>(form.len);
    message.posts = true;

    std::array<char, NGX_SIZE_T_LEN> digits{};
    const char *end = std::to_chars(digits.begin(), digits.end(), form.len).ptr;
    return push("Content-Type", "application/x-www-form-urlencoded")
           && push("Content-Length", {digits.begin(), end});
}

void Subrequest::replace_client_parts(const Message &message) noexcept
{
    ngx_list_t &headers = request_->headers_in.headers;
    request_->headers_in = message.headers_in;
    if (headers.last == &message.headers_in.headers.part) {
        headers.last = &headers.part;
    }
    link_known_headers(request_->headers_in);
    request_->variables = message.variables;
    request_->request_body = message.body;
    request_->request_line = ngx_null_string;
    request_->filter_need_in_memory = 1;
    request_->error_page = 1;  // an error_page of http{} is not the issuer's answer
    if (message.posts) {
        request_->method = NGX_HTTP_POST;
        request_->method_name = ngx_string("POST");
    }
}

Subrequest *Subrequest::of(ngx_http_request_t *request) noexcept
{
    const ngx_http_post_subrequest_t *post = request->post_subrequest;
    if (request == request->main || post == nullptr || post->handler != on_done) {
        return nullptr;
    }
    return static_cast<Subrequest *>(post->data);
}

void Subrequest::take(ngx_chain_t *chain) noexcept
{
    for (; chain != nullptr; chain = chain->next) {
        ngx_buf_t *buffer = chain->buf;
        if (ngx_buf_in_memory(buffer) && !too_big_) {
            const auto size = static_cast<std::size_t>(buffer->last - buffer->pos);
            if (size > limit_ - body_.size()) {
                too_big_ = true;
            } else {
                too_big_ = !guarded(false, [&] {
                    body_.append(reinterpret_cast<const char *>(buffer->pos), size);
                    return true;
                });
            }
        }
        complete_ = complete_ || buffer->last_buf || buffer->last_in_chain;
        buffer->pos = buffer->last;
        buffer->file_pos = buffer->file_last;
    }
    if (too_big_) {
        abort(fail(Code::kIssuerResponseTooBig, "the issuer's answer exceeds response_size"));
    }
}

ngx_int_t Subrequest::on_done(ngx_http_request_t *request, void *data, ngx_int_t rc) noexcept
{
    auto *self = static_cast<Subrequest *>(data);
    if (self != nullptr) {
        self->ended_ = true;
        self->finish_with(self->answer_of(request, rc));
    }
    // Whatever became of it, it must not end the client's request.
    return NGX_OK;
}

// nginx limits the pauses of a fetch but not the whole, and has no way to end one but the cleanup
// that it runs itself when a client's request is torn down.
void Subrequest::on_deadline(ngx_event_t *event) noexcept
{
    auto *self = static_cast<Subrequest *>(event->data);
    ngx_connection_t *client = self->parent_->connection;
    ngx_http_request_t *request = self->request_;
    self->finish_with(fail(Code::kIssuerTimeout, "the issuer took too long to answer"));

    const ngx_http_upstream_t *upstream = request->upstream;
    if (upstream != nullptr && upstream->cleanup != nullptr && *upstream->cleanup != nullptr) {
        (*upstream->cleanup)(request);  // the client's request, and with it *self, may end here
    } else if (!self->ended_) {
        // Between two of its states, or in a location that nothing can call back (a proxy_cache_lock,
        // for example): the client's next request must not wait for it.
        self->parent_->main->keepalive = 0;
        self->ending_interval_ = std::min(self->ending_interval_ * 2, kLongestEndingInterval);
        ngx_add_timer(&self->deadline_, self->ending_interval_);
    }
    ngx_http_run_posted_requests(client);
}

// Tells the owner now and has the timer end what is left: nginx's own code is on the stack here.
void Subrequest::abort(const Result<token::Answer> &answer) noexcept
{
    if (!told_) {
        finish_with(answer);
        ngx_add_timer(&deadline_, ending_interval_);
    }
}

void Subrequest::finish_with(const Result<token::Answer> &answer) noexcept
{
    if (deadline_.timer_set) {
        ngx_del_timer(&deadline_);
    }
    if (!std::exchange(told_, true)) {
        owner_->fetched(answer);
    }
}

// A location that clients can reach might hold what a client has put there.
bool Subrequest::is_internal(ngx_http_request_t *request) const noexcept
{
    const auto *location = static_cast<const ngx_http_core_loc_conf_t *>(
        ngx_http_get_module_loc_conf(request, ngx_http_core_module));
    return !host_.empty() || location->internal || location->named;
}

Result<token::Answer> Subrequest::answer_of(ngx_http_request_t *request,
                                            ngx_int_t rc) const noexcept
{
    if (!is_internal(request)) {
        return fail(Code::kIssuerUnreachable,
                    "the location of an internal URI must be marked \"internal\" in every server "
                    "that uses this introspector");
    }
    const auto status = static_cast<int>(request->headers_out.status);
    const bool from_peer =
        request->upstream != nullptr && request->upstream->headers_in.status_n != 0;
    if (rc == NGX_HTTP_GATEWAY_TIME_OUT || (!from_peer && status == NGX_HTTP_GATEWAY_TIME_OUT)) {
        return fail(Code::kIssuerTimeout, "the issuer did not answer in time");
    }
    // without a status here, nginx never came to the end of the peer's head
    if (request->upstream != nullptr && (!from_peer || status == 0)) {
        return fail(Code::kIssuerUnreachable, "the issuer cannot be reached");
    }
    if (rc == NGX_ERROR || rc == NGX_HTTP_CLIENT_CLOSED_REQUEST) {
        return fail(Code::kIssuerResponse, "the issuer's answer was cut short");
    }
    if (status == 0) {
        const int code = rc >= NGX_HTTP_SPECIAL_RESPONSE ? static_cast<int>(rc) : 500;
        return token::Answer{
            .status = code, .content_type = {}, .content_encoding = {}, .body = {}};
    }
    if (!complete_ && status == NGX_HTTP_OK) {
        return fail(Code::kIssuerResponse, "the issuer's answer was cut short");
    }
    token::Answer answer{.status = status,
                         .content_type = view(request->headers_out.content_type),
                         .content_encoding = {},
                         .body = body_};
    if (const ngx_table_elt_t *encoding = request->headers_out.content_encoding) {
        answer.content_encoding = view(encoding->value);
    }
    return answer;
}

namespace {

ngx_http_output_body_filter_pt next_body_filter;

ngx_int_t body_filter(ngx_http_request_t *request, ngx_chain_t *chain)
{
    Subrequest *subrequest = Subrequest::of(request);
    if (subrequest == nullptr) {
        return next_body_filter(request, chain);
    }
    subrequest->take(chain);
    return NGX_OK;
}

}  // namespace

}  // namespace token_introspect::nginx

extern "C" ngx_int_t ti_add_filter(ngx_conf_t *cf)
{
    using namespace token_introspect::nginx;
    next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = body_filter;
    return NGX_OK;
}
