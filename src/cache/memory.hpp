#pragma once

#include <cstddef>

namespace token_introspect::cache {

/// The seam between the store and where it lives: nginx's shared memory, or a heap block in tests.
class Memory {
public:
    virtual ~Memory() = default;

    /// One lock for all processes. Whoever frees it on behalf of a process that died need not care
    /// for what that process left behind: the store notices.
    virtual void lock() noexcept = 0;
    virtual void unlock() noexcept = 0;

    /// The store has emptied itself, because a process died while it changed it. Called with the
    /// lock held, before the operation that noticed goes on.
    virtual void recovered() noexcept = 0;
};

/// Where a copy taken out of the store goes: called under the lock with the size wanted, gives
/// memory that the caller owns or nullptr.
struct Room {
    void *(*allocate)(void *context, std::size_t size) noexcept;
    void *context;
};

}  // namespace token_introspect::cache
