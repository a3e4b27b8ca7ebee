#include "nginx/background.hpp"

#include "flow/exchange.hpp"
#include "flow/validation.hpp"
#include "nginx/bridge.h"
#include "nginx/pool_room.hpp"

namespace token_introspect::nginx {

namespace {

// What a location may ask of a connection's peer ($remote_addr and its like): a socket without a
// name.
constexpr std::string_view kAddress = "unix:";

// What limit_req and limit_conn note about a request that they have let pass.
constexpr unsigned kPassed = 1;

struct Memory {
    ngx_connection_t connection;
    ngx_event_t read;
    ngx_event_t write;
    ngx_log_t log;
    ngx_http_log_ctx_t log_context;
    ngx_http_connection_t http;
    sockaddr address;
};

// As HTTP/2 makes one for each stream, but with no client at all.
ngx_connection_t *make_connection(const ngx_http_request_t *origin) noexcept
{
    ngx_pool_t *pool = ngx_create_pool(1024, ngx_cycle->log);
    if (pool == nullptr) {
        return nullptr;
    }
    auto *memory = static_cast<Memory *>(ngx_pcalloc(pool, sizeof(Memory)));
    if (memory == nullptr) {
        ngx_destroy_pool(pool);
        return nullptr;
    }
    const auto *server = static_cast<const ngx_http_core_srv_conf_t *>(
        ngx_http_get_module_srv_conf(origin, ngx_http_core_module));
    memory->http.conf_ctx = server->ctx;
    memory->http.addr_conf = origin->http_connection->addr_conf;

    ngx_connection_t *connection = &memory->connection;
    connection->fd = static_cast<ngx_socket_t>(-1);
    connection->pool = pool;
    connection->data = &memory->http;
    connection->type = SOCK_STREAM;
    connection->tcp_nodelay = NGX_TCP_NODELAY_DISABLED;
    connection->tcp_nopush = NGX_TCP_NOPUSH_DISABLED;
    connection->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);

    memory->address.sa_family = AF_UNIX;
    connection->sockaddr = connection->local_sockaddr = &memory->address;
    connection->socklen = connection->local_socklen = sizeof memory->address.sa_family;
    connection->addr_text = borrow(kAddress);
    connection->listening = origin->connection->listening;  // the log's handler may ask for it

    memory->log = *origin->connection->log;  // for its handler, which names the request
    memory->log.connection = connection->number;
    memory->log.data = &memory->log_context;
    memory->log.action = nullptr;
    memory->log_context.connection = connection;
    connection->log = pool->log = &memory->log;

    connection->read = &memory->read;
    connection->write = &memory->write;
    for (ngx_event_t *event : {connection->read, connection->write}) {
        event->data = connection;
        event->log = connection->log;
        event->index = NGX_INVALID_INDEX;
    }
    memory->write.write = 1;
    memory->write.ready = 1;
    // or nginx would have the kernel watch a socket that is none
    memory->read.active = 1;
    memory->write.active = 1;
    memory->write.handler = ngx_http_empty_handler;
    memory->read.handler = ngx_http_empty_handler;
    return connection;
}

ngx_http_request_t *make_request(ngx_connection_t *connection) noexcept
{
    ngx_http_request_t *request = ngx_http_create_request(connection);
    if (request == nullptr) {
        return nullptr;
    }
    connection->data = request;
    request->method = NGX_HTTP_GET;
    request->method_name = borrow("GET");
    request->http_version = NGX_HTTP_VERSION_11;
    request->uri = borrow("/");
    request->unparsed_uri = request->uri;
    request->http_protocol = borrow("HTTP/1.1");
    // No client's request: not for the access log, and not for limits.
    request->logged = 1;
    request->limit_req_status = kPassed;
    request->limit_conn_status = kPassed;
    return request;
}

// The one object in a connection's own pool.
Background *of(const ngx_http_request_t *request) noexcept
{
    return static_cast<Background *>(request->connection->pool->cleanup->data);
}

}  // namespace

void Background::start(const ngx_http_request_t *origin, Worker &worker,
                       flow::Renewal renewal) noexcept
{
    ngx_connection_t *connection = make_connection(origin);
    if (connection == nullptr) {
        return;
    }
    ngx_http_request_t *request = make_request(connection);
    auto *self = request != nullptr
                     ? make_in<Background>(connection->pool, connection, request, worker)
                     : nullptr;
    if (self == nullptr) {
        if (request != nullptr) {
            ngx_http_free_request(request, 0);
        }
        ngx_destroy_pool(connection->pool);
        return;
    }
    const bool begun = guarded(false, [&] { return self->begin(std::move(renewal)); });
    if (begun) {
        on_write(request);
        ngx_http_run_posted_requests(connection);
    } else {
        self->end();
    }
}

Background::Background(ngx_connection_t *connection, ngx_http_request_t *request,
                       Worker &worker) noexcept
    : connection_(connection),
      request_(request),
      worker_(&worker),
      run_(request, worker)
{
    request->write_event_handler = on_write;
    end_.data = this;
    end_.handler = on_end;
    end_.log = connection->log;
}

bool Background::begin(flow::Renewal renewal)
{
    const ngx_str_t subject = copy(request_->pool, renewal.subject);
    if (subject.data == nullptr) {
        return false;
    }
    renewal.subject = view(subject);
    flow::Procedure *procedure = make_procedure(std::move(renewal));
    if (procedure == nullptr) {
        return false;
    }
    run_.begin(*procedure);
    return true;
}

flow::Procedure *Background::make_procedure(flow::Renewal renewal)
{
    ngx_pool_t *pool = request_->pool;
    flow::Environment &environment = worker_->environment();
    if (renewal.document == flow::Document::kExchangedToken) {
        return make_in<flow::Exchange>(pool, environment, room_in(pool), std::move(renewal));
    }
    return make_in<flow::Validation>(pool, environment, room_in(pool), std::move(renewal));
}

void Background::on_write(ngx_http_request_t *request) noexcept
{
    Background *self = of(request);
    const bool ended = guarded(true, [&] { return self->run_.proceed(); });
    if (ended) {
        self->end();
    }
}

// Not before nginx has come back from what it is doing with the request.
void Background::end() noexcept
{
    request_->write_event_handler = ngx_http_request_empty_handler;
    ngx_post_event((&end_), &ngx_posted_events);
}

void Background::on_end(ngx_event_t *event) noexcept
{
    constexpr ngx_msec_t pause = 10;
    auto *self = static_cast<Background *>(event->data);
    if (self->request_->count > 1 || self->request_->blocked != 0) {
        ngx_add_timer(event, pause);  // a fetch that was given up is not over yet
        return;
    }
    // modules of the location may have used them
    for (ngx_event_t *used : {self->connection_->read, self->connection_->write}) {
        if (used->timer_set) {
            ngx_del_timer(used);
        }
        if (used->posted) {
            ngx_delete_posted_event(used);
        }
    }
    ngx_pool_t *pool = self->connection_->pool;
    ngx_http_free_request(self->request_, 0);
    ngx_destroy_pool(pool);
}

}  // namespace token_introspect::nginx
