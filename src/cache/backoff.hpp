#pragma once

#include "base/error.hpp"

#include <algorithm>
#include <cstdint>

namespace token_introspect::cache {

/// Consecutive failures of one thing that is asked, and the pause after them: none after the first
/// two, then 1 s, 2 s, 4 s... at most 30 s, each shortened at random by up to a half, so that what
/// failed together is not asked again together. When the pause is over it stays `open`, and its
/// owner lets one probe through, which ends in failed or succeeded. Eight bytes, as each entry has
/// one.
class Backoff {
public:
    static constexpr unsigned kTolerated = 2;
    static constexpr std::uint64_t kFirstPauseMs = 1000;
    static constexpr std::uint64_t kLongestPauseMs = 30'000;
    /// How long after its pause a failure is worth remembering.
    static constexpr std::uint64_t kMemoryMs = 60'000;

    /// `random`: 32 bits of chance.
    void failed(std::uint64_t now_ms, Code code, std::uint32_t random) noexcept
    {
        if (failures_ < 255) {
            ++failures_;
        }
        code_ = static_cast<std::uint8_t>(code);
        std::uint64_t pause_ms = 0;
        if (open()) {
            const std::uint64_t doublings = std::min<std::uint64_t>(failures_ - kTolerated - 1, 16);
            const std::uint64_t half_ms = std::min(kFirstPauseMs << doublings, kLongestPauseMs) / 2;
            pause_ms = half_ms + (half_ms * (std::uint64_t{random} + 1) >> 32);
        }
        until_ms_ = (now_ms + pause_ms) & kTimeMask;
    }

    void succeeded() noexcept { *this = {}; }

    [[nodiscard]] unsigned failures() const noexcept { return static_cast<unsigned>(failures_); }
    /// Of the last failure.
    [[nodiscard]] Code code() const noexcept { return static_cast<Code>(code_); }

    /// True from the first pause to the next success.
    [[nodiscard]] bool open() const noexcept { return failures_ > kTolerated; }

    /// What is left of the pause, 0: none. A clock that has stepped back makes it no longer.
    [[nodiscard]] std::uint64_t pause_ms(std::uint64_t now_ms) const noexcept
    {
        const std::uint64_t left_ms = until_ms_ > now_ms ? until_ms_ - now_ms : 0;
        return open() && left_ms <= kLongestPauseMs ? left_ms : 0;
    }

    [[nodiscard]] bool worth_remembering(std::uint64_t now_ms) const noexcept
    {
        return failures_ != 0 && now_ms < until_ms_ + kMemoryMs;
    }

private:
    static constexpr std::uint64_t kTimeMask = (std::uint64_t{1} << 48) - 1;

    std::uint64_t until_ms_ : 48 = 0;  // the end of the pause, or the failure that made none
    std::uint64_t failures_ : 8 = 0;
    std::uint64_t code_ : 8 = 0;
};

static_assert(sizeof(Backoff) == 8);

}  // namespace token_introspect::cache
