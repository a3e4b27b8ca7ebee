// A process that dies while it holds the lock, as nginx's master finds it: the lock is freed, and
// nothing else is done.

#include "store_fixture.hpp"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <ctime>
#include <thread>

namespace token_introspect::cache {
namespace {

using test::at;
using test::key_of;
using test::kMinute;
using test::lasting;
using test::text_record;

// Memory that processes share, with a lock that another may free.
class SharedMemory final : public Memory {
public:
    SharedMemory()
        : mapping_(mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))
    {
        if (mapping_ != MAP_FAILED) {
            lock_ = new (mapping_) std::atomic<std::uint32_t>(0);
        }
    }
    SharedMemory(const SharedMemory &) = delete;
    SharedMemory &operator=(const SharedMemory &) = delete;
    ~SharedMemory() override { munmap(mapping_, kSize); }

    void lock() noexcept override
    {
        for (std::uint32_t none = 0; !lock_->compare_exchange_weak(none, 1); none = 0) {
            std::this_thread::yield();
        }
    }
    void unlock() noexcept override { lock_->store(0); }
    void recovered() noexcept override { recoveries_ += is_locked() ? 1 : 1000; }

    [[nodiscard]] bool is_locked() const noexcept { return lock_->load() != 0; }
    [[nodiscard]] unsigned recoveries() const noexcept { return recoveries_; }
    [[nodiscard]] std::span<std::byte> block() noexcept
    {
        return {static_cast<std::byte *>(mapping_) + 64, kSize - 64};
    }

private:
    static constexpr std::size_t kSize = 32 * 1024;

    void *mapping_;
    std::atomic<std::uint32_t> *lock_ = nullptr;
    unsigned recoveries_ = 0;
};

class CacheRecovery : public ::testing::Test {
protected:
    // Runs it in a process of its own, which does not come back.
    template <class Work> static pid_t start(Work work)
    {
        const pid_t child = fork();
        if (child == 0) {
            std::signal(SIGSEGV, SIG_DFL);  // a sanitizer's handler would tell of it
            alarm(20);
            work();
            _exit(0);
        }
        return child;
    }
    // True when it held the lock.
    bool bury(pid_t child)
    {
        int status = 0;
        EXPECT_EQ(waitpid(child, &status, 0), child);
        EXPECT_TRUE(WIFSIGNALED(status)) << status;
        const bool locked = memory_.is_locked();
        memory_.unlock();
        return locked;
    }

    // A record whose bytes cannot be read: whoever encodes it dies under the lock.
    void die_publishing(unsigned number)
    {
        void *page = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        ASSERT_NE(page, MAP_FAILED);
        const pid_t child = start([&] {
            store_.put(key_of(number), at(1), text_record({static_cast<char *>(page), 100}),
                       lasting(kMinute));
        });
        EXPECT_TRUE(bury(child));
        munmap(page, 4096);
    }

    std::string found(unsigned number)
    {
        const auto got = store_.find(key_of(number), at(1), room_.room());
        return got ? std::string(got->record.text) : "-";
    }

    SharedMemory memory_;
    Store store_{memory_, Store::format(memory_.block(), {11, 13})};
    test::CopyRoom room_;
};

TEST_F(CacheRecovery, StoreIsEmptiedWhenAProcessDiedWhileItChangedIt)
{
    const LeaseId before = store_.acquire(key_of(1), at(0), {.lease_ms = 1}, room_.room()).lease;
    const std::uint64_t generation =
        store_.publish(key_of(1), before, at(0), text_record("one"), lasting(kMinute));
    const std::uint64_t epoch = store_.epoch();
    die_publishing(2);
    EXPECT_EQ(memory_.recoveries(), 0U);

    EXPECT_EQ(found(1), "-");
    EXPECT_EQ(memory_.recoveries(), 1U) << "told with the lock held";
    EXPECT_FALSE(memory_.is_locked());
    EXPECT_NE(store_.epoch(), epoch);
    EXPECT_EQ(store_.statistics().recoveries, 1U);
    EXPECT_EQ(store_.statistics().entries, 0U);
    EXPECT_TRUE(store_.consistent());

    const LeaseId after = store_.acquire(key_of(1), at(1), {.lease_ms = 1}, room_.room()).lease;
    EXPECT_GT(after, before);
    EXPECT_GT(store_.publish(key_of(1), after, at(1), text_record("one"), lasting(kMinute)),
              generation);
    EXPECT_EQ(found(1), "one");
    EXPECT_EQ(memory_.recoveries(), 1U);
}

TEST_F(CacheRecovery, HolderOfALeaseFromBeforeIsHeardUntilSomebodyTakesOver)
{
    const LeaseId first = store_.acquire(key_of(1), at(0), {.lease_ms = 99}, room_.room()).lease;
    const LeaseId other = store_.acquire(key_of(2), at(0), {.lease_ms = 99}, room_.room()).lease;
    die_publishing(3);

    EXPECT_FALSE(store_.pending(key_of(1), first, at(1)));
    EXPECT_NE(store_.publish(key_of(1), first, at(1), text_record("one"), lasting(kMinute)), 0U);
    ASSERT_EQ(store_.acquire(key_of(2), at(1), {.lease_ms = 99}, room_.room()).state, State::kLed);
    EXPECT_EQ(store_.publish(key_of(2), other, at(1), text_record("old"), lasting(kMinute)), 0U);
}

TEST_F(CacheRecovery, DeathWhileItReadsHarmsNothing)
{
    store_.put(key_of(1), at(0), text_record("one"), lasting(kMinute));
    const pid_t child = start([&] {
        store_.find(key_of(1), at(0),
                    {.allocate = [](void *, std::size_t) noexcept -> void * {
                         std::raise(SIGKILL);
                         return nullptr;
                     },
                     .context = nullptr});
    });
    EXPECT_TRUE(bury(child));

    EXPECT_EQ(found(1), "one");
    EXPECT_EQ(memory_.recoveries(), 0U);
}

// Wherever it is: what is found afterwards is whole, and the store goes on.
TEST_F(CacheRecovery, AnyInstantWillDo)
{
    constexpr unsigned keys = 60;
    const auto text_of = [](unsigned number) {
        return std::string(20 + number * 37 % 900, static_cast<char>('a' + number % 26));
    };
    unsigned locked = 0;
    for (unsigned round = 0; round < 200; ++round) {
        const pid_t child = start([&] {
            for (unsigned i = round;; ++i) {
                const unsigned number = i * 7919 % keys;
                const Key key = key_of(number);
                const Acquired acquired = store_.acquire(key, at(i), {.lease_ms = 5}, room_.room());
                if (acquired.state == State::kLed && i % 5 == 0) {
                    store_.fail(key, acquired.lease, at(i), Code::kIssuerStatus, &key, true);
                } else if (acquired.state == State::kLed) {
                    store_.publish(key, acquired.lease, at(i), text_record(text_of(number)),
                                   lasting(i % 30));
                }
                room_ = {};
            }
        });
        const timespec pause{.tv_sec = 0, .tv_nsec = 200'000 + round % 7 * 100'000};
        nanosleep(&pause, nullptr);
        kill(child, SIGKILL);
        locked += bury(child) ? 1 : 0;
        for (unsigned number = 0; number < keys; ++number) {
            const std::string text = found(number);
            ASSERT_TRUE(text == "-" || text == text_of(number)) << number;
        }
        ASSERT_TRUE(store_.consistent()) << round;
        store_.put(key_of(round % keys), at(1), text_record(text_of(round % keys)),
                   lasting(kMinute));
        ASSERT_EQ(found(round % keys), text_of(round % keys));
    }
    ASSERT_LT(memory_.recoveries(), 1000U);
    RecordProperty("locked", static_cast<int>(locked));
    RecordProperty("recoveries", static_cast<int>(memory_.recoveries()));
}

}  // namespace
}  // namespace token_introspect::cache
