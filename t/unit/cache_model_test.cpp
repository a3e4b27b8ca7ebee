// Random operations against a simple model, and many threads at once.

#include "store_fixture.hpp"

#include <array>
#include <atomic>
#include <map>
#include <random>
#include <thread>
#include <type_traits>

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
    std::uint64_t stale_until_ms = 0;
    std::uint64_t generation = 0;
    LeaseId lease = 0;
    std::uint64_t lease_until_ms = 0;
    std::uint64_t failed_ms = 0;
    unsigned failures = 0;
    Code failure = Code::kInternal;

    [[nodiscard]] bool fresh(Now now) const
    {
        return !text.empty() && now.monotonic_ms < fresh_until_ms;
    }
    [[nodiscard]] bool counts(Now now, std::uint64_t since_ms) const
    {
        return fresh(now) || (!text.empty() && published_ms >= since_ms);
    }
    [[nodiscard]] bool serves_stale(Now now) const
    {
        return !text.empty() && now.monotonic_ms < stale_until_ms;
    }
    [[nodiscard]] bool leased(Now now) const
    {
        return lease != 0 && now.monotonic_ms < lease_until_ms;
    }
    // Chance makes the pause shorter by up to a half.
    [[nodiscard]] std::uint64_t longest_pause_ms() const
    {
        return failures < 3 ? 0
                            : std::min(std::uint64_t{1000} << std::min(failures - 3, 10U),
                                       std::uint64_t{30'000});
    }
    [[nodiscard]] bool must_pause(Now now) const
    {
        return now.monotonic_ms < failed_ms + longest_pause_ms() / 2;
    }
    [[nodiscard]] bool may_pause(Now now) const
    {
        return now.monotonic_ms < failed_ms + longest_pause_ms();
    }
    void publish(std::string_view now_known, Now now, const Lifetime &lifetime)
    {
        *this = {};
        text = now_known;
        published_ms = now.monotonic_ms;
        fresh_until_ms = now.monotonic_ms + lifetime.ttl_ms;
        stale_until_ms = fresh_until_ms + lifetime.stale_ms;
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
        switch (random(8)) {
        case 0:
            look(key, model, now, roomy);
            break;
        case 1:
        case 2:
            ask(key, model, now, roomy);
            break;
        case 3:
            renew(key, model, now, roomy);
            break;
        case 4:
        case 5:
        case 6:
            end(key, model, now, roomy);
            break;
        default:
            if (!model.leased(now)) {
                tell(model, now, roomy, [&](const Record &record, const Lifetime &lifetime) {
                    store_.put(key, now, record, lifetime);
                });
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
        const StaleUse use{.on_error = random(2) == 0,
                           .on_timeout = random(2) == 0,
                           .while_updating = random(4) == 0};
        const Acquired acquired =
            acquire(key, now, {.since_ms = since, .lease_ms = kLease, .stale = use});
        const bool failed =
            model.may_pause(now) || (model.failures != 0 && model.failed_ms >= since);
        const bool permitted =
            model.failure == Code::kIssuerTimeout ? use.on_timeout : use.on_error;
        ++states_[static_cast<std::size_t>(acquired.state)];
        switch (acquired.state) {
        case State::kFound:
            EXPECT_TRUE(model.counts(now, since));
            ASSERT_TRUE(acquired.record);
            EXPECT_EQ(acquired.record->text, model.text);
            break;
        case State::kLed:
            EXPECT_FALSE(model.leased(now));
            EXPECT_FALSE(roomy && model.counts(now, since));
            EXPECT_FALSE(roomy && model.must_pause(now));
            EXPECT_FALSE(roomy && model.serves_stale(now) && use.while_updating);
            EXPECT_TRUE(acquired.lease != 0 || !roomy);
            led(model, acquired);
            break;
        case State::kBusy:
            EXPECT_TRUE(model.leased(now));
            EXPECT_EQ(acquired.lease, model.lease);
            EXPECT_FALSE(model.counts(now, since));
            EXPECT_FALSE(model.serves_stale(now) && use.while_updating);
            break;
        case State::kStale:
            EXPECT_FALSE(model.counts(now, since));
            EXPECT_TRUE(model.serves_stale(now));
            EXPECT_EQ(acquired.updating, model.leased(now));
            EXPECT_TRUE(use.while_updating || (failed && permitted));
            ASSERT_TRUE(acquired.record);
            EXPECT_EQ(acquired.record->text, model.text);
            break;
        case State::kFailed:
            EXPECT_FALSE(model.leased(now));
            EXPECT_FALSE(model.counts(now, since));
            EXPECT_TRUE(failed);
            EXPECT_FALSE(model.serves_stale(now) && permitted);
            EXPECT_EQ(acquired.failure, model.failure);
            EXPECT_LE(acquired.retry_after_ms, model.may_pause(now) ? model.longest_pause_ms() : 0);
            EXPECT_FALSE(roomy && model.must_pause(now) && acquired.retry_after_ms == 0);
            break;
        case State::kRefused:
            ADD_FAILURE() << "acquire never refuses";
        }
    }

    void renew(const Key &key, Model &model, Now now, bool roomy)
    {
        const Acquired acquired =
            store_.renew(key, now, {.lease_ms = kLease, .known_generation = model.generation});
        EXPECT_FALSE(acquired.record);
        switch (acquired.state) {
        case State::kLed:
            EXPECT_FALSE(model.leased(now));
            EXPECT_FALSE(roomy && model.must_pause(now));
            EXPECT_NE(acquired.lease, 0U);
            led(model, acquired);
            break;
        case State::kBusy:
            EXPECT_TRUE(model.leased(now));
            EXPECT_EQ(acquired.lease, model.lease);
            break;
        default:
            EXPECT_EQ(acquired.state, State::kRefused);
            EXPECT_FALSE(model.leased(now));
            EXPECT_TRUE(model.may_pause(now) || model.generation == 0 || !roomy);
        }
    }

    void led(Model &model, const Acquired &acquired)
    {
        if (!acquired.had_expired) {
            const Model before = model;
            model = {};  // none there, or it was pushed out
            model.failures = before.failures;
            model.failed_ms = before.failed_ms;
            model.failure = before.failure;
        }
        model.lease = acquired.lease;
        model.lease_until_ms = now_ms_ + kLease;
    }

    void end(const Key &key, Model &model, Now now, bool roomy)
    {
        if (model.lease == 0) {
            return;
        }
        const bool held = model.leased(now);
        const LeaseId lease = model.lease;
        EXPECT_EQ(store_.pending(key, lease, now), held);
        // an entry whose lease ran out may be gone, and the failure with it
        switch (held ? random(4) : 2 + random(2)) {
        case 0:
        case 1: {
            const Code code = random(2) == 0 ? Code::kIssuerStatus : Code::kIssuerTimeout;
            store_.fail(key, lease, now, code);
            model.failed_ms = now_ms_;
            model.failure = code;
            ++model.failures;
            break;
        }
        case 2:
            store_.abandon(key, lease);
            break;
        default:
            tell(model, now, roomy, [&](const Record &record, const Lifetime &lifetime) {
                const std::uint64_t generation = store_.publish(key, lease, now, record, lifetime);
                EXPECT_TRUE(generation != 0 || !roomy);
                const auto known = generations_.emplace(generation, record.text).first;
                EXPECT_TRUE(generation == 0 || known->second == record.text)
                    << "a generation is of one record";
                return generation;
            });
        }
        EXPECT_FALSE(store_.pending(key, lease, now));
        model.lease = 0;
    }

    // Of a new record; the epoch moves when others may know better of the old one.
    template <class Publish> void tell(Model &model, Now now, bool roomy, Publish publish)
    {
        const std::string text = random(3) == 0 && !model.text.empty() ? model.text : some_text();
        const Lifetime lifetime{.ttl_ms = random(2) * kTtl,
                                .expires_at_s = kNeverExpires,
                                .stale_ms = random(2) * kTtl,
                                .refresh_ms = kTtl / 2};
        const bool news =
            model.fresh(now)
            && (text != model.text || now.monotonic_ms + lifetime.ttl_ms < model.fresh_until_ms);
        const std::uint64_t epoch = store_.epoch();
        std::uint64_t generation = 0;
        if constexpr (std::is_void_v<decltype(publish(Record{}, lifetime))>) {
            publish(text_record(text), lifetime);
        } else {
            generation = publish(text_record(text), lifetime);
        }
        if (roomy) {
            EXPECT_EQ(store_.epoch() != epoch, news);
        }
        model.publish(text, now, lifetime);
        model.generation = generation;
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
    std::array<unsigned, 6> states_{};
};

TEST_F(RandomOperations, AgreeWithTheModel)
{
    for (int i = 0; i < 50'000 && !HasFailure(); ++i) {
        step(true);
    }
    EXPECT_EQ(store_.statistics().evictions, 0U);
    EXPECT_GT(store_.statistics().hits, 1000U);
    for (const State state :
         {State::kFound, State::kLed, State::kBusy, State::kStale, State::kFailed})
    {
        EXPECT_GT(states_[static_cast<std::size_t>(state)], 100U);
    }
}

class RandomOperationsUnderPressure : public RandomOperations {
protected:
    RandomOperationsUnderPressure() : RandomOperations(8192) {}
};

// Anything may be gone, but what is there is right.
TEST_F(RandomOperationsUnderPressure, AgreeWithTheModel)
{
    for (int i = 0; i < 50'000 && !HasFailure(); ++i) {
        step(false);
    }
    EXPECT_GT(store_.statistics().evictions, 1000U);
    EXPECT_GT(store_.statistics().hits, 1000U);
    EXPECT_TRUE(store_.consistent());
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
    EXPECT_TRUE(store_.consistent());
}

}  // namespace
}  // namespace token_introspect::cache
