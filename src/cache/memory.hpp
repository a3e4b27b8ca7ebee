#pragma once

#include <cstddef>

namespace token_introspect::cache {

/// The seam between the store and where it lives: nginx's slab zone, or a heap arena in tests.
/// allocate and release are called with the lock held.
class Memory {
public:
    virtual ~Memory() = default;

    /// Uninitialised memory aligned for std::max_align_t's of eight bytes, nullptr when none fits.
    virtual void *allocate(std::size_t size) noexcept = 0;
    virtual void release(void *block) noexcept = 0;

    virtual void lock() noexcept = 0;
    virtual void unlock() noexcept = 0;
};

/// Where a copy taken out of the store goes: called under the lock with the size wanted, gives
/// memory that the caller owns or nullptr.
struct Room {
    void *(*allocate)(void *context, std::size_t size) noexcept;
    void *context;
};

}  // namespace token_introspect::cache
