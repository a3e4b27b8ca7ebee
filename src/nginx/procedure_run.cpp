#include "nginx/procedure_run.hpp"

#include "nginx/bridge.h"
#include "nginx/conf.hpp"
#include "nginx/now.hpp"

namespace token_introspect::nginx {

ProcedureRun::ProcedureRun(ngx_http_request_t *request, Worker &worker) noexcept
    : request_(request),
      worker_(&worker),
      waiter_(on_wake, this)
{}

ProcedureRun::~ProcedureRun()
{
    leave_seat();
}

void ProcedureRun::begin(flow::Procedure &procedure)
{
    procedure_ = &procedure;
    step_ = procedure.advance(now());
}

bool ProcedureRun::proceed()
{
    while (!pending()) {
        if (const auto *wanted = std::get_if<flow::Fetch>(&step_)) {
            if (!start(*wanted)) {
                continue;
            }
        } else if (const auto *busy = std::get_if<flow::Wait>(&step_)) {
            if (!wait(*busy)) {
                continue;
            }
        } else {
            leave_seat();
            return true;
        }
    }
    return false;
}

// A slow issuer must not bind all of a worker's connections: beyond the peer's limit nobody
// waits, and what was to be done for others is left to one of those who do.
bool ProcedureRun::take_seat(const flow::Peer &peer)
{
    if (seated_ == &peer) {
        return true;
    }
    leave_seat();
    if (!worker_->seat(peer)) {
        step_ = procedure_->give_up(Code::kTooManyWaiting);
        return false;
    }
    seated_ = &peer;
    return true;
}

void ProcedureRun::leave_seat() noexcept
{
    if (seated_ != nullptr) {
        worker_->unseat(*seated_);
        seated_ = nullptr;
    }
}

bool ProcedureRun::wait(const flow::Wait &wait)
{
    if (!take_seat(*wait.peer)) {
        return false;
    }
    request_->read_event_handler = ngx_http_test_reading;
    worker_->waiting().enqueue(waiter_, worker_->environment().store_of(*wait.peer), wait.key,
                               wait.lease);
    return true;
}

bool ProcedureRun::start(const flow::Fetch &fetch)
{
    if (!take_seat(*fetch.peer)) {
        return false;
    }
    auto *subrequest =
        make_in<Subrequest>(request_->pool, request_, static_cast<Subrequest::Owner &>(*this));
    if (subrequest == nullptr) {
        throw std::bad_alloc();
    }
    const ConfiguredPeer &configured = *main_conf(request_)->peers[fetch.peer->index];
    const Result<void> started = subrequest->start(configured.transport, fetch);
    if (!started) {
        step_ = procedure_->resume(now(), std::unexpected(started.error()));
        return false;
    }
    fetching_ = true;
    return true;
}

// The answer is used at once, even if the client has gone: others may wait for it.
void ProcedureRun::fetched(const Result<token::Answer> &answer) noexcept
{
    fetching_ = false;
    const bool resumed = guarded(false, [&] {
        step_ = procedure_->resume(now(), answer);
        return true;
    });
    if (!resumed) {
        step_ = flow::Decision{.code = Code::kInternal};
    }
    ngx_http_post_request(request_, nullptr);
}

void ProcedureRun::on_wake(void *context) noexcept
{
    auto *self = static_cast<ProcedureRun *>(context);
    ngx_http_request_t *request = self->request_;
    ngx_connection_t *connection = request->connection;
    ngx_http_set_log_request(connection->log, request);
    request->read_event_handler = ngx_http_block_reading;
    const bool advanced = guarded(false, [&] {
        self->step_ = self->procedure_->advance(now());
        return true;
    });
    if (!advanced) {
        self->step_ = flow::Decision{.code = Code::kInternal};
    }
    request->write_event_handler(request);
    ngx_http_run_posted_requests(connection);
}

}  // namespace token_introspect::nginx
