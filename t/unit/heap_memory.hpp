#pragma once

#include "cache/memory.hpp"

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace token_introspect::test {

/// A heap of limited capacity for the store. Every block is one of malloc's, so that
/// AddressSanitizer sees a step over its end.
class HeapMemory final : public cache::Memory {
public:
    explicit HeapMemory(std::size_t capacity) : capacity_(capacity) {}
    HeapMemory(const HeapMemory &) = delete;
    HeapMemory &operator=(const HeapMemory &) = delete;
    ~HeapMemory() override
    {
        for (const auto &[block, size] : blocks_) {
            std::free(block);
        }
    }

    void *allocate(std::size_t size) noexcept override
    {
        unlocked_calls_ += locked_ ? 0 : 1;
        if (refuses || used_ + size > capacity_) {
            return nullptr;
        }
        void *block = std::malloc(size);
        blocks_.emplace(block, size);
        used_ += size;
        return block;
    }

    void release(void *block) noexcept override
    {
        unlocked_calls_ += locked_ ? 0 : 1;
        const auto found = blocks_.find(block);
        if (found == blocks_.end()) {
            std::abort();  // not a block of this heap, or released twice
        }
        used_ -= found->second;
        blocks_.erase(found);
        std::free(block);
    }

    void lock() noexcept override
    {
        mutex_.lock();
        locked_ = true;
    }

    void unlock() noexcept override
    {
        locked_ = false;
        mutex_.unlock();
    }

    [[nodiscard]] std::size_t used() const noexcept { return used_; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] std::size_t blocks() const noexcept { return blocks_.size(); }
    /// Of allocate and release. Store::format makes two.
    [[nodiscard]] std::size_t unlocked_calls() const noexcept { return unlocked_calls_; }

    bool refuses = false;  ///< no allocation succeeds

private:
    std::size_t capacity_;
    std::size_t used_ = 0;
    std::size_t unlocked_calls_ = 0;
    bool locked_ = false;
    std::mutex mutex_;
    std::unordered_map<void *, std::size_t> blocks_;
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
