#include "issuer/ledger.hpp"

#include "heap_memory.hpp"
#include "store_fixture.hpp"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <map>
#include <new>
#include <random>
#include <string>
#include <thread>

namespace token_introspect::issuer {
namespace {

using test::at;
using test::kMinute;
using test::kStart;

class LedgerTest : public ::testing::Test {
protected:
    explicit LedgerTest(std::size_t capacity = 64 * 1024) : memory_(capacity) {}

    bool revoke(std::string_view id, std::int64_t expires_at_s, std::uint64_t now_ms = 0)
    {
        return ledger_.revoke(id, expires_at_s, at(now_ms));
    }
    bool revoked(std::string_view id, std::uint64_t now_ms = 0)
    {
        return ledger_.revoked(id, at(now_ms));
    }
    std::uint64_t blocked(std::string_view client, std::string_view address, std::uint64_t now_ms)
    {
        return ledger_.blocked_ms(client, address, kMost, kMinute, at(now_ms));
    }
    void fail(std::string_view client, std::string_view address, std::uint64_t now_ms,
              unsigned times = 1)
    {
        for (unsigned i = 0; i < times; ++i) {
            ledger_.failed(client, address, kMost, kMinute, at(now_ms));
        }
    }

    static constexpr unsigned kMost = 10;

    test::HeapMemory memory_;
    Ledger::Root *root_ = Ledger::format(memory_.block(), {17, 19});
    Ledger ledger_{memory_, root_};
};

TEST_F(LedgerTest, HasRoomInTheSmallestZone)
{
    ASSERT_NE(root_, nullptr);
    EXPECT_EQ(Ledger::layout(root_), Ledger::kLayout);
    EXPECT_GT(ledger_.capacity(), 3000U);
    test::HeapMemory small(256);
    EXPECT_EQ(Ledger::format(small.block(), {17, 19}), nullptr);
    EXPECT_EQ(Ledger::format({}, {17, 19}), nullptr);
}

TEST_F(LedgerTest, RevokesUntilTheTokenHasExpiredForAWhile)
{
    EXPECT_FALSE(revoked("a"));
    EXPECT_TRUE(revoke("a", kStart + 60));
    EXPECT_TRUE(revoked("a"));
    EXPECT_TRUE(revoked("a", 359'999));
    EXPECT_FALSE(revoked("a", 360'000));
    EXPECT_FALSE(revoked("b"));
    EXPECT_FALSE(revoked(""));
}

TEST_F(LedgerTest, RevokesAGrantWithAllItsTokens)
{
    EXPECT_TRUE(revoke("grant", kStart + 60));
    EXPECT_TRUE(revoked("grant"));
    EXPECT_TRUE(revoked("grant.one"));
    EXPECT_TRUE(revoked("grant.two.three"));
    EXPECT_FALSE(revoked("grants.one"));

    EXPECT_TRUE(revoke("other.one", kStart + 60));
    EXPECT_TRUE(revoked("other.one"));
    EXPECT_FALSE(revoked("other.two"));
    EXPECT_FALSE(revoked("other"));
}

TEST_F(LedgerTest, KeepsTheLaterOfTwoExpiries)
{
    EXPECT_TRUE(revoke("a", kStart + 60));
    EXPECT_TRUE(revoke("a", kStart + 30));
    EXPECT_TRUE(revoked("a", 359'000));
    EXPECT_TRUE(revoke("a", kStart + 90));
    EXPECT_TRUE(revoked("a", 389'000));
    EXPECT_FALSE(revoked("a", 390'000));
}

TEST_F(LedgerTest, RemembersNothingOfAnExpiredToken)
{
    EXPECT_TRUE(revoke("a", kStart - 300));
    EXPECT_TRUE(revoke("b", INT64_MIN));
    EXPECT_FALSE(revoked("a"));
    EXPECT_FALSE(revoked("b"));
}

TEST_F(LedgerTest, KeepsARevocationForAsLongAsLeewayMayAcceptTheToken)
{
    ledger_.set_leeway(600);
    EXPECT_TRUE(revoke("a", kStart - 10));
    EXPECT_TRUE(revoked("a", 589'000));
    EXPECT_FALSE(revoked("a", 590'000));
    EXPECT_TRUE(revoke("b", INT64_MAX));
    EXPECT_TRUE(revoked("b", 1'000'000'000));
}

// A reload may raise the leeway: the token that had expired is accepted again.
TEST_F(LedgerTest, KeepsARevocationForALeewayThatIsNotKnownYet)
{
    ledger_.set_leeway(30);
    EXPECT_TRUE(revoke("a", kStart - 10));
    EXPECT_TRUE(revoke("a", kStart - 20));
    EXPECT_TRUE(revoked("a", 289'000));
    EXPECT_FALSE(revoked("a", 290'000));
    Ledger after_reload{memory_, root_};
    after_reload.set_leeway(300);
    EXPECT_TRUE(revoke("b", kStart + 60));
    EXPECT_TRUE(after_reload.revoked("b", at(359'000)));
}

TEST_F(LedgerTest, IsNeverForgetfulWhenItIsFull)
{
    std::size_t count = 0;
    while (revoke("id" + std::to_string(count), kStart + 60)) {
        ASSERT_LT(++count, 100'000U);
    }
    // most of it is in use by then
    EXPECT_GT(count, ledger_.capacity() * 3 / 4);
    EXPECT_LE(count, ledger_.capacity());
    for (std::size_t i = 0; i < count; ++i) {
        ASSERT_TRUE(revoked("id" + std::to_string(i), 59'000)) << i;
    }
    EXPECT_FALSE(revoked("id" + std::to_string(count)));
    // failures have a table of their own
    fail("client", "address", 0, kMost);
    EXPECT_NE(blocked("client", "address", 0), 0U);

    // what has expired gives its room
    count = count * 9 / 10;  // by chance a set of these fills earlier
    for (std::size_t i = 0; i < count; ++i) {
        ASSERT_TRUE(revoke("new" + std::to_string(i), kStart + 600, 365'000)) << i;
    }
    for (std::size_t i = 0; i < count; ++i) {
        ASSERT_TRUE(revoked("new" + std::to_string(i), 365'000)) << i;
    }
}

TEST_F(LedgerTest, BehavesAsASetWithExpiries)
{
    std::mt19937_64 random(5);
    std::map<std::string, std::int64_t> model;
    std::uint64_t now_ms = 0;
    std::size_t refused = 0;
    for (int i = 0; i < 200'000; ++i) {
        now_ms += random() % 20;
        const Now now = at(now_ms);
        const std::string id = std::to_string(random() % 20'000);
        if (random() % 3 == 0) {
            const std::int64_t expiry = now.unix_s + static_cast<std::int64_t>(random() % 300) - 10;
            if (ledger_.revoke(id, expiry, now)) {
                model[id] = std::max(model[id], expiry + Ledger::kLeastLeewayS);
            } else {
                ++refused;
            }
        }
        const std::string asked = std::to_string(random() % 20'000);
        const auto known = model.find(asked);
        const bool expected = known != model.end() && known->second > now.unix_s;
        ASSERT_EQ(ledger_.revoked(asked, now), expected) << i;
        ASSERT_EQ(ledger_.revoked(asked + ".token", now), expected) << i;
    }
    EXPECT_GT(refused, 0U);  // the table has been full, too
}

TEST_F(LedgerTest, LimitsFailuresByClientAndAddress)
{
    fail("client", "address", 1000, kMost - 1);
    EXPECT_EQ(blocked("client", "address", 1000), 0U);
    fail("client", "address", 1000);
    // one more each sixth of a minute's tenth
    EXPECT_EQ(blocked("client", "address", 1000), 6000U);
    EXPECT_EQ(blocked("client", "address", 4000), 3000U);
    EXPECT_EQ(blocked("client", "address", 7000), 0U);
    fail("client", "address", 7000);
    EXPECT_EQ(blocked("client", "address", 7000), 6000U);
    EXPECT_EQ(blocked("client", "address", 7000 + kMinute), 0U);

    EXPECT_EQ(blocked("client", "elsewhere", 1000), 0U);
    EXPECT_EQ(blocked("another", "address", 1000), 0U);
    EXPECT_EQ(blocked("clientadd", "ress", 1000), 0U);
}

TEST_F(LedgerTest, ForgetsAllFailuresAfterThePeriod)
{
    fail("client", "address", 0, kMost);
    fail("client", "address", kMinute, kMost - 1);
    EXPECT_EQ(blocked("client", "address", kMinute), 0U);
}

TEST_F(LedgerTest, LimitsNothingWithoutALimit)
{
    for (int i = 0; i < 100; ++i) {
        ledger_.failed("client", "address", 0, kMinute, at(0));
    }
    EXPECT_EQ(ledger_.blocked_ms("client", "address", 0, kMinute, at(0)), 0U);
    EXPECT_EQ(blocked("client", "address", 0), 0U);
}

TEST_F(LedgerTest, BlocksNoLongerThanANewLimitWould)
{
    ledger_.failed("client", "address", 1, 86'400'000, at(0));
    EXPECT_EQ(ledger_.blocked_ms("client", "address", 1, 86'400'000, at(0)), 86'400'000U);
    EXPECT_EQ(blocked("client", "address", 0), 6000U);
}

TEST_F(LedgerTest, KeepsThoseThatFailMostWhenManyFail)
{
    fail("client", "address", 0, kMost);
    for (int i = 0; i < 20'000; ++i) {
        fail("id" + std::to_string(i), "address", 0);
    }
    EXPECT_NE(blocked("client", "address", 0), 0U);
}

TEST_F(LedgerTest, IsSeenByOtherThreadsAtOnce)
{
    constexpr int count = 1000;
    std::atomic<int> done = 0;
    Ledger other(memory_, root_);
    std::thread reader([&] {
        for (int seen = 0; seen < count; seen = done.load()) {
            for (int i = std::max(0, seen - 20); i < seen; ++i) {
                ASSERT_TRUE(other.revoked("id" + std::to_string(i), at(0))) << i;
            }
        }
    });
    std::thread writer([&] {
        Ledger third(memory_, root_);
        for (int i = 0; i < count; ++i) {
            ASSERT_TRUE(third.revoke("third" + std::to_string(i), kStart + 60, at(0)));
        }
    });
    for (int i = 0; i < count; ++i) {
        EXPECT_TRUE(revoke("id" + std::to_string(i), kStart + 60));
        done.store(i + 1);
    }
    reader.join();
    writer.join();
    for (int i = 0; i < count; ++i) {
        EXPECT_TRUE(revoked("id" + std::to_string(i)));
        EXPECT_TRUE(revoked("third" + std::to_string(i)));
    }
}

/// Memory of several processes, whose lock is freed when its holder dies, as nginx's master does.
class SharedMemory final : public cache::Memory {
public:
    static SharedMemory *make(void *place)
    {
        auto *memory = ::new (place) SharedMemory;
        pthread_mutexattr_t attributes;
        pthread_mutexattr_init(&attributes);
        pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
        pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
        pthread_mutex_init(&memory->mutex_, &attributes);
        pthread_mutexattr_destroy(&attributes);
        return memory;
    }
    void lock() noexcept override
    {
        if (pthread_mutex_lock(&mutex_) == EOWNERDEAD) {
            pthread_mutex_consistent(&mutex_);
        }
    }
    void unlock() noexcept override { pthread_mutex_unlock(&mutex_); }
    void recovered() noexcept override {}

    std::atomic<int> acknowledged = 0;

private:
    pthread_mutex_t mutex_;
};

TEST(LedgerOfProcesses, OutlivesOneThatIsKilledAtAnyMoment)
{
    constexpr std::size_t size = 1 << 20;
    void *block = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(block, MAP_FAILED);
    SharedMemory *memory = SharedMemory::make(block);
    auto *bytes = static_cast<std::byte *>(block);
    Ledger::Root *root = Ledger::format({bytes + 4096, size - 4096}, {23, 29});
    ASSERT_NE(root, nullptr);
    Ledger ledger(*memory, root);

    int begun = 0;
    for (int round = 0; round < 20; ++round) {
        const int goal = begun + 200 + 13 * round;
        const pid_t child = fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            for (int i = begun;; ++i) {
                if (i == goal + 500) {
                    for (;;) {
                        pause();  // to be killed
                    }
                }
                if (!ledger.revoke("id" + std::to_string(i), kStart + 60, at(0))) {
                    _exit(1);
                }
                ledger.failed("id" + std::to_string(i), "address", 1, kMinute, at(0));
                memory->acknowledged.store(i + 1);
            }
        }
        int status = 0;
        while (memory->acknowledged.load() < goal) {
            ASSERT_EQ(waitpid(child, &status, WNOHANG), 0) << "it found no room";
            std::this_thread::yield();
        }
        ASSERT_EQ(kill(child, SIGKILL), 0);
        ASSERT_EQ(waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status)) << round;
        begun = memory->acknowledged.load();
        ASSERT_TRUE(ledger.revoke("parent" + std::to_string(round), kStart + 60, at(0)));
    }
    for (int i = 0; i < begun; ++i) {
        ASSERT_TRUE(ledger.revoked("id" + std::to_string(i), at(0))) << i;
    }
    for (int round = 0; round < 20; ++round) {
        EXPECT_TRUE(ledger.revoked("parent" + std::to_string(round), at(0)));
    }
    munmap(block, size);
}

}  // namespace
}  // namespace token_introspect::issuer
