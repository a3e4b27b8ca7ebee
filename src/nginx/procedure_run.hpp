#pragma once

#include "flow/procedure.hpp"
#include "nginx/subrequest.hpp"
#include "nginx/wait_queue.hpp"
#include "nginx/worker.hpp"

namespace token_introspect::nginx {

/// Carries procedures, one after another, through their fetches and waits on behalf of one nginx
/// request, which is posted whenever there is something to go on with. Lives in that request's pool.
class ProcedureRun final : private Subrequest::Owner {
public:
    ProcedureRun(ngx_http_request_t *request, Worker &worker) noexcept;
    ~ProcedureRun() override;
    ProcedureRun(const ProcedureRun &) = delete;
    ProcedureRun &operator=(const ProcedureRun &) = delete;

    /// Begins with another procedure, which must live in the request's pool.
    void begin(flow::Procedure &procedure);

    /// Acts on its steps until one needs time: false then; true once it is decided.
    bool proceed();

    /// True while a fetch or another request is awaited.
    [[nodiscard]] bool pending() const noexcept { return fetching_ || waiter_.waiting(); }
    /// What proceed has found when it gave true.
    [[nodiscard]] const flow::Decision &decision() const noexcept
    {
        return std::get<flow::Decision>(step_);
    }

private:
    void fetched(const Result<token::Answer> &answer) noexcept override;
    static void on_wake(void *context) noexcept;
    bool wait(const flow::Wait &wait);
    bool start(const flow::Fetch &fetch);
    bool take_seat(const flow::Peer &peer);
    void leave_seat() noexcept;

    ngx_http_request_t *request_;
    Worker *worker_;
    flow::Procedure *procedure_ = nullptr;
    flow::Step step_ = flow::Decision{Code::kInternal};
    Waiter waiter_;
    const flow::Peer *seated_ = nullptr;  // whose seat among those who wait is taken
    bool fetching_ = false;
};

}  // namespace token_introspect::nginx
