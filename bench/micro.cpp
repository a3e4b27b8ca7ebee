// The parts of a cached hit and of a fresh verification, without nginx.
//
//   micro DIRECTORY [BENCHMARK-OPTION]...     DIRECTORY: what `tokens` made

#include "cache/store.hpp"
#include "flow/validation.hpp"
#include "jose/jws.hpp"
#include "token/claims.hpp"
#include "token/credential.hpp"
#include "token/jwt.hpp"
#include "token/registered_claims.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

namespace {

using namespace token_introspect;

std::string directory;

std::string read(const std::string &name)
{
    std::ifstream file(directory + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

const std::string &jwt()
{
    static const std::string token = read("rs256.txt").substr(0, 800);
    return token;
}

Now now()
{
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return {.unix_s = std::chrono::duration_cast<std::chrono::seconds>(since).count(),
            .monotonic_ms = 1'000'000};
}

// A block of the heap as the store's memory, its lock free: what is measured is the store.
class Heap final : public cache::Memory {
public:
    explicit Heap(std::size_t bytes) : block_(bytes) {}

    void lock() noexcept override {}
    void unlock() noexcept override {}
    void recovered() noexcept override {}

    cache::Store::Root *format() noexcept { return cache::Store::format(block_, {1, 2}); }

private:
    std::vector<std::byte> block_;
};

// One block, used again and again, as a request's pool is.
struct Block {
    alignas(16) std::uint8_t bytes[65536];

    static void *allocate(void *context, std::size_t size) noexcept
    {
        auto *block = static_cast<Block *>(context);
        return size <= sizeof block->bytes ? block->bytes : nullptr;
    }
    cache::Room room() noexcept { return {.allocate = allocate, .context = this}; }
};

class Silent final : public flow::Host {
public:
    void settled(const cache::Key &) noexcept override {}
    void report(Severity, const flow::Peer &, std::string_view) noexcept override {}
};

const std::vector<std::uint8_t> &image()
{
    static const std::vector<std::uint8_t> built = [] {
        const auto jws = jose::parse_compact(jwt());
        return *token::ClaimsParser().parse(as_text(jws->payload));
    }();
    return built;
}

token::RegisteredClaimRules rules()
{
    return {.issuers = {"https://idp.example.com"}, .audiences = {"https://api.example.com"}};
}

void bearer_token(benchmark::State &state)
{
    const std::string header = "Bearer " + jwt();
    for (auto _ : state) {
        benchmark::DoNotOptimize(token::bearer_token(header));
    }
}

void has_compact_shape(benchmark::State &state)
{
    for (auto _ : state) {
        benchmark::DoNotOptimize(jose::has_compact_shape(jwt()));
    }
}

void sha256_of_800_bytes(benchmark::State &state)
{
    Sha256Hasher hasher;
    for (auto _ : state) {
        benchmark::DoNotOptimize(hasher(as_bytes(jwt())));
    }
}

void sha256_of_43_bytes(benchmark::State &state)
{
    Sha256Hasher hasher;
    for (auto _ : state) {
        benchmark::DoNotOptimize(hasher(as_bytes(jwt()).first(43)));
    }
}

// Records of about the size of a JWT's claims, looked up in random order.
void store_find(benchmark::State &state)
{
    std::vector<cache::Key> keys(static_cast<std::size_t>(state.range(0)));
    Heap heap((std::size_t{1} << 20) + keys.size() * (image().size() + 200));
    cache::Store store(heap, heap.format());
    Block block;
    std::mt19937_64 random(1);
    for (cache::Key &key : keys) {
        for (std::size_t i = 0; i < key.digest.size(); i += sizeof(std::uint64_t)) {
            const std::uint64_t word = random();
            std::memcpy(key.digest.data() + i, &word, sizeof word);
        }
        const cache::Record record{.claims = image()};
        store.put(key, now(), record, {.ttl_ms = 3'600'000, .expires_at_s = cache::kNeverExpires});
    }
    std::shuffle(keys.begin(), keys.end(), random);
    const Now at = now();
    std::size_t next = 0;
    for (auto _ : state) {
        const auto found = store.find(keys[next], at, block.room());
        if (!found) {
            state.SkipWithError("a record is missing");
            return;
        }
        benchmark::DoNotOptimize(found->record.claims.back());
        next = next + 1 < keys.size() ? next + 1 : 0;
    }
}

void claims_find(benchmark::State &state)
{
    const token::ClaimsView claims(image());
    for (auto _ : state) {
        benchmark::DoNotOptimize(claims.find("scope"));
    }
}

void registered_claims(benchmark::State &state)
{
    const token::ClaimsView claims(image());
    const token::RegisteredClaimRules wanted = rules();
    const Now at = now();
    for (auto _ : state) {
        benchmark::DoNotOptimize(token::check_registered_claims(claims, wanted, at));
    }
}

void parse_compact(benchmark::State &state)
{
    jose::HeaderMemo memo;
    for (auto _ : state) {
        benchmark::DoNotOptimize(jose::parse_compact(jwt(), {}, &memo));
    }
}

void parse_claims(benchmark::State &state, const char *file)
{
    const std::string token = read(file).substr(0, 800);
    const auto jws = jose::parse_compact(token);
    token::ClaimsParser parser;
    for (auto _ : state) {
        benchmark::DoNotOptimize(parser.parse(as_text(jws->payload)));
    }
}

void parse_jwt(benchmark::State &state)
{
    token::JwtParser parser;
    for (auto _ : state) {
        benchmark::DoNotOptimize(parser.parse(jwt()));
    }
}

// A whole Validation of a JWT: found in the cache, or verified each time.
void validation(benchmark::State &state, const char *algorithm, bool cached)
{
    flow::Introspector introspector;
    introspector.rules = rules();
    introspector.token_types = {"JWT", "at+jwt", ""};
    introspector.keys.resize(1);
    introspector.keys[0].value = directory + "/" + algorithm + ".key";
    introspector.keys[0].from_file = true;
    introspector.cache_ttl_ms = cached ? 3'600'000 : 0;
    auto loaded = flow::IntrospectorState::load(introspector);
    if (!loaded) {
        state.SkipWithError(loaded.error().c_str());
        return;
    }
    Heap heap(std::size_t{1} << 20);
    cache::Store store(heap, heap.format());
    cache::Store *stores[] = {&store};
    Sha256Hasher hasher;
    Silent host;
    flow::Environment environment{
        .hasher = hasher, .states = {&*loaded, 1}, .stores = stores, .host = host};
    const flow::Introspector *listed[] = {&introspector};
    const std::string token = read(algorithm + std::string(".txt")).substr(0, 800);
    Block block;
    const Now at = now();
    for (auto _ : state) {
        flow::Validation one(environment, block.room(), listed, token);
        const flow::Step step = one.advance(at);
        const auto *decision = std::get_if<flow::Decision>(&step);
        if (decision == nullptr || decision->code != Code::kActive) {
            state.SkipWithError("the token is refused");
            return;
        }
    }
}

BENCHMARK(bearer_token);
BENCHMARK(has_compact_shape);
BENCHMARK(sha256_of_800_bytes);
BENCHMARK(sha256_of_43_bytes);
BENCHMARK(store_find)->Arg(1)->Arg(1000)->Arg(10000)->Arg(100000)->Arg(1000000);
BENCHMARK(claims_find);
BENCHMARK(registered_claims);
BENCHMARK(parse_compact);
BENCHMARK_CAPTURE(parse_claims, HS256, "hs256.txt");
BENCHMARK_CAPTURE(parse_claims, RS256, "rs256.txt");
BENCHMARK(parse_jwt);
BENCHMARK_CAPTURE(validation, cached, "rs256", true);
BENCHMARK_CAPTURE(validation, HS256_afresh, "hs256", false);
BENCHMARK_CAPTURE(validation, RS256_afresh, "rs256", false);
BENCHMARK_CAPTURE(validation, ES256_afresh, "es256", false);
BENCHMARK_CAPTURE(validation, EdDSA_afresh, "eddsa", false);

}  // namespace

int main(int argc, char **argv)
{
    benchmark::Initialize(&argc, argv);
    if (argc != 2) {
        return 2;
    }
    directory = argv[1];
    benchmark::RunSpecifiedBenchmarks();
}
