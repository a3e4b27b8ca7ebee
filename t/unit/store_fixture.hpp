#pragma once

#include "cache/store.hpp"
#include "heap_memory.hpp"

#include <gtest/gtest.h>

#include <string>

namespace token_introspect::test {

inline constexpr std::int64_t kStart = 1'700'000'000;
inline constexpr std::uint64_t kMinute = 60'000;

/// The wall clock moves with the monotonic one.
inline Now at(std::uint64_t monotonic_ms)
{
    return {.unix_s = kStart + static_cast<std::int64_t>(monotonic_ms / 1000),
            .monotonic_ms = monotonic_ms};
}

inline cache::Key key_of(unsigned number, std::uint8_t scope = 0)
{
    cache::Key key;
    for (std::size_t i = 0; i < sizeof number; ++i) {
        key.digest[i] = static_cast<std::uint8_t>(number >> (8 * i));
    }
    key.scope[0] = scope;
    return key;
}

inline cache::Record text_record(std::string_view text)
{
    cache::Record record;
    record.text = text;
    return record;
}

inline cache::Lifetime lasting(std::uint64_t ttl_ms)
{
    return {.ttl_ms = ttl_ms, .expires_at_s = cache::kNeverExpires};
}

/// A store over a heap of its own.
class StoreTest : public ::testing::Test {
protected:
    static constexpr std::size_t kCapacity = 1 << 20;
    static constexpr std::uint64_t kLeaseMs = 10'000;

    explicit StoreTest(std::size_t capacity = kCapacity) : memory_(capacity) {}
    ~StoreTest() override { EXPECT_TRUE(store_.consistent()); }

    /// The text of the record that find gives, or "-".
    std::string found(const cache::Key &key, Now now)
    {
        const auto got = store_.find(key, now, room_.room());
        return got ? std::string(got->record.text) : "-";
    }

    cache::Acquired acquire(const cache::Key &key, Now now, cache::Wanted wanted = {})
    {
        if (wanted.since_ms == 0) {
            wanted.since_ms = now.monotonic_ms;
        }
        if (wanted.lease_ms == 0) {
            wanted.lease_ms = kLeaseMs;
        }
        return store_.acquire(key, now, wanted, room_.room());
    }

    cache::LeaseId lead(const cache::Key &key, Now now)
    {
        const cache::Acquired acquired = acquire(key, now);
        EXPECT_EQ(acquired.state, cache::State::kLed);
        EXPECT_NE(acquired.lease, 0U);
        return acquired.lease;
    }

    /// By way of a lease; gives the generation.
    std::uint64_t publish(const cache::Key &key, Now now, std::string_view text,
                          cache::Lifetime lifetime = lasting(kMinute))
    {
        return store_.publish(key, lead(key, now), now, text_record(text), lifetime);
    }

    HeapMemory memory_;
    cache::Store::Root *root_ = cache::Store::format(memory_.block(), {11, 13});
    cache::Store store_{memory_, root_};
    CopyRoom room_;
};

}  // namespace token_introspect::test
