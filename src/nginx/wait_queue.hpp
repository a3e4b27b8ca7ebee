#pragma once

#include "cache/store.hpp"
#include "nginx/ngx.hpp"

#include <array>

namespace token_introspect::nginx {

class WaitQueue;

/// A request that waits for another one's work on a key. Leaves the queue when destroyed.
class Waiter {
public:
    /// `wake` is called once, from nginx's event loop, after each enqueue.
    Waiter(void (*wake)(void *context), void *context) noexcept;
    ~Waiter();
    Waiter(const Waiter &) = delete;
    Waiter &operator=(const Waiter &) = delete;

    [[nodiscard]] bool waiting() const noexcept { return queue_ != nullptr; }

private:
    friend class WaitQueue;
    static void on_event(ngx_event_t *event) noexcept;
    void leave() noexcept;

    void (*wake_)(void *context);
    void *context_;
    ngx_event_t event_{};
    ngx_queue_t link_{};
    WaitQueue *queue_ = nullptr;
    cache::Key key_{};
    cache::LeaseId lease_ = 0;
    cache::Store *store_ = nullptr;
};

/// The waiting requests of one worker. Those whose leader is in this worker are woken at once, the
/// others by a timer that looks every few milliseconds while somebody waits.
class WaitQueue {
public:
    WaitQueue() noexcept;
    ~WaitQueue();
    WaitQueue(const WaitQueue &) = delete;
    WaitQueue &operator=(const WaitQueue &) = delete;

    void enqueue(Waiter &waiter, cache::Store &store, const cache::Key &key,
                 cache::LeaseId lease) noexcept;

    /// Wakes all who wait for the key.
    void settled(const cache::Key &key) noexcept;

private:
    friend class Waiter;
    static void on_timer(ngx_event_t *event) noexcept;
    void poll() noexcept;
    static bool poll_bucket(ngx_queue_t &bucket) noexcept;
    ngx_queue_t &bucket_of(const cache::Key &key) noexcept;
    static void post(Waiter &waiter) noexcept;

    std::array<ngx_queue_t, 256> buckets_;  // by key: many may wait for many tokens
    ngx_event_t timer_{};
    ngx_msec_t interval_ = 0;
};

}  // namespace token_introspect::nginx
