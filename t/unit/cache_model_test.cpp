// Random operations against a simple model, and many threads at once.

#include "store_fixture.hpp"

#include <array>
#include <atomic>
#include <map>
#include <random>
#include <thread>

namespace token_introspect::cache {
namespace {

using test::at;
using test::key_of;
using test::lasting;
using test::text_record;

// What is known of a key when nothing is ever pushed out.
struct Model {
    std::string text;  // empty: no record
    std::uint64_t published_ms = 0;
    std::uint64_t fresh_until_ms = 0;
    LeaseId lease = 0;
    std::uint64_t lease_until_ms = 0;
    std::uint64_t failed_ms = 0;
    Code failure = Code::kInternal;

    [[nodiscard]] bool fresh(Now now) const
    {
        return !text.empty() && now.monotonic_ms < fresh_until_ms;
    }
    [[nodiscard]] bool leased(Now now) const
    {
        return lease != 0 && now.monotonic_ms < lease_until_ms;
    }
};

class RandomOperations : public test::StoreTest {
protected:
    explicit RandomOperations(std::size_t capacity = kCapacity) : StoreTest(capacity) {}

    unsigned random(unsigned below)
    {
        return std::uniform_int_distribution(0U, below - 1)(engine_);
    }

    void step(bool roomy)
    {
        now_ms_ += random(40);
        const Now now = at(now_ms_);
        const unsigned number = random(kKeys);
        const Key key = key_of(number);
        Model &model = models_[number];
        switch (random(6)) {
        case 0:
            look(key, model, now, roomy);
            break;
        case 1:
        case 2:
            ask(key, model, now, roomy);
            break;
        case 3:
        case 4:
            end(key, model, now, roomy);
            break;
        default:
            if (!model.leased(now)) {
                const std::string text = some_text();
                store_.put(key, now, text_record(text), lasting(kTtl));
                model = {.text = text, .published_ms = now_ms_, .fresh_until_ms = now_ms_ + kTtl};
            }
        }
    }

    void look(const Key &key, const Model &model, Now now, bool roomy)
    {
        const std::string text = found(key, now);
        if (!model.fresh(now)) {
            EXPECT_EQ(text, "-");
        } else if (roomy || text != "-") {
            EXPECT_EQ(text, model.text);
        }
    }

    void ask(const Key &key, Model &model, Now now, bool roomy)
    {
        const std::uint64_t since = now_ms_ - std::min<std::uint64_t>(now_ms_ - 1, random(200));
        const Acquired acquired = acquire(key, now, {.since_ms = since, .lease_ms = kLease});
        switch (acquired.state) {
        case State::kFound:
            EXPECT_TRUE(model.fresh(now) || model.published_ms >= since);
            ASSERT_TRUE(acquired.record);
            EXPECT_EQ(acquired.record->text, model.text);
            break;
        case State::kLed:
            EXPECT_FALSE(model.leased(now));
            EXPECT_FALSE(roomy && model.fresh(now));
            EXPECT_TRUE(acquired.lease != 0 || !roomy);
            if (model.fresh(now)) {
                model = {};  // it was pushed out
            }
            model.lease = acquired.lease;
            model.lease_until_ms = now_ms_ + kLease;
            break;
        case State::kBusy:
            EXPECT_TRUE(model.leased(now));
            EXPECT_EQ(acquired.lease, model.lease);
            EXPECT_FALSE(model.fresh(now));
            break;
        case State::kFailed:
            EXPECT_FALSE(model.leased(now));
            EXPECT_FALSE(model.fresh(now));
            EXPECT_NE(model.failed_ms, 0U);
            EXPECT_GE(model.failed_ms, since);
            EXPECT_EQ(acquired.failure, model.failure);
            break;
        case State::kRefused:
            ADD_FAILURE() << "acquire never refuses";
        }
    }

    void end(const Key &key, Model &model, Now now, bool roomy)
    {
        if (model.lease == 0) {
            return;
        }
        const bool held = model.leased(now);
        EXPECT_EQ(store_.pending(key, model.lease, now), held);
        switch (random(4)) {
        case 0:
            store_.fail(key, model.lease, now, Code::kIssuerStatus);
            model.failed_ms = now_ms_;
            model.failure = Code::kIssuerStatus;
            break;
        case 1:
            store_.abandon(key, model.lease);
            break;
        default: {
            const std::string text = some_text();
            const std::uint64_t ttl = random(2) * kTtl;
            const std::uint64_t generation =
                store_.publish(key, model.lease, now, text_record(text), lasting(ttl));
            EXPECT_TRUE(generation != 0 || !roomy);
            EXPECT_TRUE(generation == 0 || generations_.emplace(generation, text).second);
            model = {.text = text, .published_ms = now_ms_, .fresh_until_ms = now_ms_ + ttl};
        }
        }
        EXPECT_FALSE(store_.pending(key, model.lease, now));
        model.lease = 0;
    }

    std::string some_text()
    {
        return std::string(1 + random(60), static_cast<char>('a' + random(26)));
    }

    static constexpr unsigned kKeys = 50;
    static constexpr std::uint64_t kTtl = 3000;
    static constexpr std::uint64_t kLease = 2000;

    std::mt19937 engine_{20'240'601};
    std::uint64_t now_ms_ = 1000;
    std::map<unsigned, Model> models_;
    std::map<std::uint64_t, std::string> generations_;
};

TEST_F(RandomOperations, AgreeWithTheModel)
{
    for (int i = 0; i < 50'000 && !HasFailure(); ++i) {
        step(true);
    }
    EXPECT_EQ(store_.statistics().evictions, 0U);
    EXPECT_GT(store_.statistics().hits, 1000U);
}

class RandomOperationsUnderPressure : public RandomOperations {
protected:
    RandomOperationsUnderPressure() : RandomOperations(5000) {}
};

// Anything may be gone, but what is there is right.
TEST_F(RandomOperationsUnderPressure, AgreeWithTheModel)
{
    for (int i = 0; i < 50'000 && !HasFailure(); ++i) {
        step(false);
    }
    EXPECT_GT(store_.statistics().evictions, 1000U);
    EXPECT_GT(store_.statistics().hits, 1000U);
    EXPECT_EQ(memory_.blocks(), store_.statistics().entries + 2);
}

class ManyThreads : public test::StoreTest {
protected:
    ManyThreads() : StoreTest(8192) {}

    // The record of a key is made of nothing but its number.
    static std::string text_of(unsigned number)
    {
        return std::string(20 + number % 50, static_cast<char>('a' + number % 26));
    }

    void work(unsigned thread)
    {
        std::mt19937 engine(thread);
        Store store(memory_, root_);
        test::CopyRoom room;
        for (unsigned i = 0; i < 4000; ++i) {
            const unsigned number = engine() % kKeys;
            const Key key = key_of(number);
            const Now now = at(1000 + i);
            const Acquired acquired = store.acquire(
                key, now, {.since_ms = now.monotonic_ms, .lease_ms = 1 << 20}, room.room());
            if (acquired.record && acquired.record->text != text_of(number)) {
                ++wrong_;
            }
            if (acquired.state != State::kLed || acquired.lease == 0) {
                continue;
            }
            if (++leaders_[number] != 1) {
                ++wrong_;
            }
            ++led_;
            std::this_thread::yield();
            --leaders_[number];
            switch (engine() % 4) {
            case 0:
                store.abandon(key, acquired.lease);
                break;
            case 1:
                store.fail(key, acquired.lease, now, Code::kIssuerStatus);
                break;
            default:
                store.publish(key, acquired.lease, now, text_record(text_of(number)), lasting(50));
            }
        }
    }

    static constexpr unsigned kKeys = 40;
    std::array<std::atomic<int>, kKeys> leaders_{};
    std::atomic<unsigned> wrong_ = 0;
    std::atomic<unsigned> led_ = 0;
};

TEST_F(ManyThreads, OneLeaderAtATimeAndEveryRecordWhole)
{
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < 4; ++i) {
        threads.emplace_back([this, i] { work(i); });
    }
    threads.clear();

    EXPECT_EQ(wrong_, 0U);
    EXPECT_GT(led_, 100U);
    EXPECT_EQ(memory_.blocks(), store_.statistics().entries + 2);
}

}  // namespace
}  // namespace token_introspect::cache
