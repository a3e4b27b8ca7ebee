#include "nginx/wait_queue.hpp"

#include "nginx/now.hpp"

#include <algorithm>

namespace token_introspect::nginx {

namespace {

// Short first, because most answers come soon; longer later, because a slow issuer needs no hurry.
constexpr ngx_msec_t kFirstInterval = 2;
constexpr ngx_msec_t kLongestInterval = 10;

Waiter *owner(ngx_queue_t *link, std::size_t offset) noexcept
{
    return reinterpret_cast<Waiter *>(reinterpret_cast<u_char *>(link) - offset);
}

}  // namespace

Waiter::Waiter(void (*wake)(void *context), void *context) noexcept : wake_(wake), context_(context)
{
    event_.data = this;
    event_.handler = on_event;
    event_.log = ngx_cycle->log;
}

Waiter::~Waiter()
{
    leave();
    if (event_.posted) {
        ngx_delete_posted_event((&event_));
    }
}

void Waiter::leave() noexcept
{
    if (queue_ != nullptr) {
        ngx_queue_remove(&link_);
        queue_ = nullptr;
    }
}

void Waiter::on_event(ngx_event_t *event) noexcept
{
    auto *waiter = static_cast<Waiter *>(event->data);
    waiter->leave();
    waiter->wake_(waiter->context_);
}

WaitQueue::WaitQueue() noexcept
{
    for (ngx_queue_t &bucket : buckets_) {
        ngx_queue_init(&bucket);
    }
    timer_.data = this;
    timer_.handler = on_timer;
    timer_.log = ngx_cycle->log;
    // not cancelable: only timers keep a worker that shuts down alive for its waiting requests
}

WaitQueue::~WaitQueue()
{
    if (timer_.timer_set) {
        ngx_del_timer(&timer_);
    }
}

void WaitQueue::enqueue(Waiter &waiter, cache::Store &store, const cache::Key &key,
                        cache::LeaseId lease) noexcept
{
    waiter.queue_ = this;
    waiter.store_ = &store;
    waiter.key_ = key;
    waiter.lease_ = lease;
    ngx_queue_t &bucket = bucket_of(key);
    ngx_queue_insert_tail(&bucket, &waiter.link_);
    if (!timer_.timer_set) {
        interval_ = kFirstInterval;
        ngx_add_timer(&timer_, interval_);
    }
}

ngx_queue_t &WaitQueue::bucket_of(const cache::Key &key) noexcept
{
    return buckets_[key.digest[0] % buckets_.size()];
}

void WaitQueue::post(Waiter &waiter) noexcept
{
    ngx_post_event((&waiter.event_), &ngx_posted_events);
}

void WaitQueue::settled(const cache::Key &key) noexcept
{
    ngx_queue_t &bucket = bucket_of(key);
    for (ngx_queue_t *link = ngx_queue_head(&bucket); link != ngx_queue_sentinel(&bucket);
         link = ngx_queue_next(link))
    {
        Waiter *waiter = owner(link, offsetof(Waiter, link_));
        if (waiter->key_ == key) {
            post(*waiter);
        }
    }
}

void WaitQueue::on_timer(ngx_event_t *event) noexcept
{
    static_cast<WaitQueue *>(event->data)->poll();
}

void WaitQueue::poll() noexcept
{
    bool anybody = false;
    for (ngx_queue_t &bucket : buckets_) {
        anybody = poll_bucket(bucket) || anybody;
    }
    if (anybody) {
        interval_ = std::min(interval_ + 1, kLongestInterval);
        ngx_add_timer(&timer_, interval_);
    }
}

// One look at the store for all who wait for the same lease: they mostly stand together.
bool WaitQueue::poll_bucket(ngx_queue_t &bucket) noexcept
{
    const Waiter *asked = nullptr;
    bool pending = false;
    for (ngx_queue_t *link = ngx_queue_head(&bucket); link != ngx_queue_sentinel(&bucket);
         link = ngx_queue_next(link))
    {
        Waiter *waiter = owner(link, offsetof(Waiter, link_));
        if (asked == nullptr || asked->lease_ != waiter->lease_ || asked->key_ != waiter->key_
            || asked->store_ != waiter->store_)
        {
            asked = waiter;
            pending = waiter->store_->pending(waiter->key_, waiter->lease_, now());
        }
        if (!pending) {
            post(*waiter);
        }
    }
    return !ngx_queue_empty(&bucket);
}

}  // namespace token_introspect::nginx
