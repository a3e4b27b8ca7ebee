#pragma once

#include "cache/memory.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace token_introspect::test {

/// A block on the heap for the store, and a lock.
class HeapMemory final : public cache::Memory {
public:
    explicit HeapMemory(std::size_t capacity)
        : granules_(capacity / sizeof(Granule)),
          block_(std::make_unique<Granule[]>(granules_))
    {}

    void lock() noexcept override { mutex_.lock(); }
    void unlock() noexcept override { mutex_.unlock(); }
    void recovered() noexcept override { ++recoveries_; }

    /// All of it, for Store::format.
    [[nodiscard]] std::span<std::byte> block() noexcept
    {
        return {reinterpret_cast<std::byte *>(block_.get()), granules_ * sizeof(Granule)};
    }
    [[nodiscard]] unsigned recoveries() const noexcept { return recoveries_; }

private:
    struct alignas(16) Granule {
        std::byte bytes[16];
    };

    std::size_t granules_;
    std::unique_ptr<Granule[]> block_;
    std::mutex mutex_;
    unsigned recoveries_ = 0;
};

/// Owns what is copied out of a store.
class CopyRoom {
public:
    [[nodiscard]] cache::Room room() noexcept { return {.allocate = allocate, .context = this}; }
    [[nodiscard]] std::size_t copies() const noexcept { return blocks_.size(); }

    bool refuses = false;

private:
    static void *allocate(void *context, std::size_t size) noexcept
    {
        auto *self = static_cast<CopyRoom *>(context);
        if (self->refuses) {
            return nullptr;
        }
        return self->blocks_.emplace_back(std::make_unique<std::uint8_t[]>(size)).get();
    }

    std::vector<std::unique_ptr<std::uint8_t[]>> blocks_;
};

}  // namespace token_introspect::test
