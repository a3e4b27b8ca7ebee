#pragma once

#include "flow/validation.hpp"
#include "heap_memory.hpp"
#include "jose_signing.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace token_introspect::test {

inline constexpr std::int64_t kStart = 1'700'000'000;
inline const std::string kIssuer = "https://issuer.example";
inline const std::string kSecret = "0123456789abcdef0123456789abcdef";

/// A signing key of an issuer: P-256, for it is quick to make and to use.
class Signer {
public:
    explicit Signer(std::string kid)
        : kid_(std::move(kid)),
          key_(jose::test::generate("prime256v1"))
    {}

    [[nodiscard]] std::string jwk() const
    {
        return jose::test::jwk_of(key_.get(), "\"kid\":\"" + kid_ + "\",");
    }
    [[nodiscard]] std::string pem() const { return jose::test::pem_of(key_.get()); }

    /// The same text for the same header and payload, though ECDSA makes another signature each time.
    [[nodiscard]] std::string sign(const std::string &header, const std::string &payload) const
    {
        const std::string input = jose::test::signing_input(header, payload);
        std::string &token = signed_[input];
        if (token.empty()) {
            token = jose::test::with_signature(
                input, jose::test::sign(key_.get(), jose::Algorithm::kES256, input));
        }
        return token;
    }

    /// A JWT of kIssuer that is good for an hour; `claims` are more members, such as `"a":1`.
    [[nodiscard]] std::string token(const std::string &claims = {}) const
    {
        return token_of(kIssuer, claims);
    }
    [[nodiscard]] std::string token_of(const std::string &issuer,
                                       const std::string &claims = {}) const
    {
        return sign(header(), "{\"iss\":\"" + issuer + "\",\"exp\":" + std::to_string(kStart + 3600)
                                  + (claims.empty() ? "" : "," + claims) + "}");
    }
    [[nodiscard]] std::string header() const { return R"({"alg":"ES256","kid":")" + kid_ + "\"}"; }

private:
    std::string kid_;
    EvpKey key_;
    mutable std::map<std::string, std::string> signed_;
};

inline const Signer &signer_a()
{
    static const Signer signer("a");
    return signer;
}

inline const Signer &signer_b()
{
    static const Signer signer("b");
    return signer;
}

inline std::string hs256_token(const std::string &payload, const std::string &secret = kSecret)
{
    const std::string input = jose::test::signing_input(R"({"alg":"HS256"})", payload);
    return jose::test::with_signature(
        input, jose::test::mac(as_bytes(secret), jose::Algorithm::kHS256, input));
}

inline std::string key_set(std::initializer_list<const Signer *> signers)
{
    std::string text;
    for (const Signer *signer : signers) {
        text += (text.empty() ? "" : ",") + signer->jwk();
    }
    return "{\"keys\":[" + text + "]}";
}

class FakeHost final : public flow::Host {
public:
    void settled(const cache::Key &key) noexcept override { settled_keys.push_back(key); }
    void report(Severity severity, const flow::Peer &peer, std::string_view text) noexcept override
    {
        reports.push_back({severity, peer.name, std::string(text)});
    }

    [[nodiscard]] auto times_settled(const cache::Key &key) const
    {
        return std::ranges::count(settled_keys, key);
    }

    struct Report {
        Severity severity;
        std::string peer;
        std::string text;
    };
    std::vector<cache::Key> settled_keys;
    std::vector<Report> reports;
};

/// Memory that workers share.
struct Zone {
    explicit Zone(std::size_t capacity = 1 << 20) : memory(capacity) {}

    /// Leaves no room for anything.
    void fill(Now now)
    {
        cache::Store store(memory, root);
        cache::Key key{.digest = {}, .scope = {'f', 'i', 'l', 'l'}};
        CopyRoom room;
        for (std::uint32_t i = 0;; ++i) {
            std::memcpy(key.digest.data(), &i, sizeof i);
            if (store.acquire(key, now, {.lease_ms = UINT32_MAX}, room.room()).lease == 0) {
                return;
            }
        }
    }

    HeapMemory memory;
    cache::Store::Root *root = cache::Store::format(memory.block(), {17, 19});
};

using Introspectors = std::deque<flow::Introspector>;
using Exchangers = std::deque<flow::Exchanger>;

/// One process: its own view of the zone and its own state of the peers.
class Worker {
public:
    Worker(Zone &zone, const Introspectors &introspectors, const Exchangers &exchangers = {})
        : store_(zone.memory, zone.root),
          stores_(introspectors.size() + exchangers.size(), &store_)
    {
        for (const flow::Introspector &introspector : introspectors) {
            auto state = flow::IntrospectorState::load(introspector);
            EXPECT_TRUE(state) << (state ? "" : state.error());
            states_.push_back(std::move(*state));
        }
        for (const flow::Exchanger &exchanger : exchangers) {
            auto state = flow::ExchangerState::load(exchanger);
            EXPECT_TRUE(state) << (state ? "" : state.error());
            exchanger_states_.push_back(std::move(*state));
        }
        environment_ = std::make_unique<flow::Environment>(
            hasher_, std::span(states_), std::span<cache::Store *const>(stores_), host_);
        environment_->exchangers = exchanger_states_;
    }

    [[nodiscard]] flow::Environment &environment() noexcept { return *environment_; }
    [[nodiscard]] cache::Store &store() noexcept { return store_; }
    [[nodiscard]] FakeHost &host() noexcept { return host_; }
    [[nodiscard]] flow::IntrospectorState &state(const flow::Introspector &introspector) noexcept
    {
        return states_[introspector.index];
    }

private:
    Sha256Hasher hasher_;
    cache::Store store_;
    std::vector<cache::Store *> stores_;
    std::vector<flow::IntrospectorState> states_;
    std::vector<flow::ExchangerState> exchanger_states_;
    FakeHost host_;
    std::unique_ptr<flow::Environment> environment_;
};

using Listed = std::vector<const flow::Introspector *>;

/// A step in words: "GET uri", "POST uri", "WAIT", or the decision's.
inline std::string in_words(const flow::Step &step)
{
    if (const auto *fetch = std::get_if<flow::Fetch>(&step)) {
        return (fetch->form.empty() ? "GET " : "POST ") + fetch->uri;
    }
    if (const auto *decision = std::get_if<flow::Decision>(&step)) {
        return std::string(outcome(decision->code).word);
    }
    return "WAIT";
}

inline token::Answer json_answer(std::string_view body, int status = 200)
{
    return {
        .status = status, .content_type = "application/json", .content_encoding = {}, .body = body};
}

/// A validation whose steps are told in words.
class Request {
public:
    Request(Worker &worker, const Now &clock, Listed listed, std::string token)
        : clock_(&clock),
          listed_(std::move(listed)),
          token_(std::move(token)),
          validation_(std::in_place, worker.environment(), room_.room(),
                      std::span<const flow::Introspector *const>(listed_), token_)
    {}
    /// A renewal in the background. Its subject is copied: the request that found it may go.
    Request(Worker &worker, const Now &clock, flow::Renewal renewal)
        : clock_(&clock),
          token_(renewal.subject),
          validation_(std::in_place, worker.environment(), room_.room(),
                      with_subject(std::move(renewal), token_))
    {}
    Request(const Request &) = delete;
    Request &operator=(const Request &) = delete;

    std::string advance() { return took(validation_->advance(*clock_)); }

    std::string answer(std::string_view body, int status = 200)
    {
        return answer(json_answer(body, status));
    }
    std::string answer(const token::Answer &answer)
    {
        return took(validation_->resume(*clock_, answer));
    }
    std::string no_answer(Code code)
    {
        return took(validation_->resume(*clock_, fail(code, "no answer")));
    }

    /// What the client's going away does.
    void vanish() { validation_.reset(); }

    [[nodiscard]] const flow::Fetch &fetch() const { return std::get<flow::Fetch>(*step_); }
    [[nodiscard]] const flow::Wait &wait() const { return std::get<flow::Wait>(*step_); }
    [[nodiscard]] bool done() const { return std::holds_alternative<flow::Decision>(*step_); }

    /// The name of the introspector that decided, "-" for none.
    [[nodiscard]] std::string decided_by() const
    {
        const flow::Introspector *introspector = validation_->introspector();
        return introspector != nullptr ? introspector->name : "-";
    }
    [[nodiscard]] std::string claim(std::string_view name) const
    {
        return std::string(validation_->claims().find(name).string());
    }
    [[nodiscard]] std::string cache() const
    {
        return std::string(flow::name(validation_->cache_status()));
    }
    [[nodiscard]] flow::Validation &validation() { return *validation_; }

    CopyRoom &room() noexcept { return room_; }

private:
    // Nothing in these tests takes more steps; a flow that loops must not hang them.
    static constexpr int kMostSteps = 20;

    static flow::Renewal with_subject(flow::Renewal renewal, std::string_view subject) noexcept
    {
        renewal.subject = subject;
        return renewal;
    }

    std::string took(flow::Step step)
    {
        if (++steps_ > kMostSteps) {
            throw std::runtime_error("too many steps");
        }
        step_ = std::move(step);
        return in_words(*step_);
    }

    const Now *clock_;
    Listed listed_;
    std::string token_;
    CopyRoom room_;
    std::optional<flow::Validation> validation_;
    std::optional<flow::Step> step_;
    int steps_ = 0;
};

/// Documents by address, for requests that run to their end.
struct Issuer {
    std::map<std::string, std::string> documents;
    std::map<std::string, int> fetches;

    std::string decide(Request &request)
    {
        std::string step = request.advance();
        while (!request.done()) {
            if (step == "WAIT") {
                ADD_FAILURE() << "nobody else is asking";
                return step;
            }
            const std::string uri = request.fetch().uri;
            ++fetches[uri];
            const auto found = documents.find(uri);
            step =
                found == documents.end() ? request.answer("", 404) : request.answer(found->second);
        }
        return step;
    }
};

class FlowTest : public ::testing::Test {
protected:
    explicit FlowTest(std::size_t capacity = 1 << 20) : zone_(capacity) {}

    /// Keys from /jwks unless some are given. To be called before the first request.
    flow::Introspector &jwt(const std::string &name, const std::string &issuer = kIssuer)
    {
        flow::Introspector &introspector = add(name, flow::Kind::kJwt);
        if (!issuer.empty()) {
            introspector.rules.issuers = {issuer};
        }
        introspector.token_types = {"JWT", "at+jwt", ""};
        introspector.jwks_uri = "/jwks";
        return introspector;
    }

    flow::Introspector &opaque(const std::string &name, const std::string &endpoint = "/introspect")
    {
        flow::Introspector &introspector = add(name, flow::Kind::kOpaque);
        introspector.rules.require_exp = false;
        introspector.rules.require_iss = false;
        introspector.introspection_endpoint = endpoint;
        return introspector;
    }

    /// With signer_a's key in the configuration.
    flow::Introspector &jwt_with_key(const std::string &name, const std::string &issuer = kIssuer)
    {
        flow::Introspector &introspector = jwt(name, issuer);
        introspector.jwks_uri.clear();
        introspector.keys = {{.value = signer_a().jwk(), .options = {}}};
        return introspector;
    }

    Worker &worker()
    {
        if (!worker_) {
            worker_ = std::make_unique<Worker>(zone_, introspectors_);
        }
        return *worker_;
    }

    Request request(Listed listed, std::string token)
    {
        return request(worker(), std::move(listed), std::move(token));
    }
    Request request(Worker &worker, Listed listed, std::string token)
    {
        return {worker, now_, std::move(listed), std::move(token)};
    }

    /// A request of one step.
    std::string verdict(Listed listed, std::string token)
    {
        Request only(worker(), now_, std::move(listed), std::move(token));
        return only.advance();
    }

    /// A request that fetches the key set on its way.
    std::string verdict_with_keys(Listed listed, std::string token, const std::string &keys)
    {
        Request first(worker(), now_, std::move(listed), std::move(token));
        EXPECT_EQ(first.advance(), "GET /jwks");
        return first.answer(keys);
    }

    /// What the store knows the answer about a token by.
    static cache::Key key_of(const flow::Introspector &introspector,
                             std::string_view token = "opaque")
    {
        return introspector.token_key(*Sha256Hasher()(as_bytes(token)));
    }

    void pass_ms(std::uint64_t ms)
    {
        now_.monotonic_ms += ms;
        now_.unix_s = kStart + static_cast<std::int64_t>((now_.monotonic_ms - kStartMs) / 1000);
    }
    void pass_s(std::uint64_t seconds) { pass_ms(seconds * 1000); }

    static constexpr std::uint64_t kStartMs = 1'000'000;

    Now now_{.unix_s = kStart, .monotonic_ms = kStartMs};
    Zone zone_;
    Introspectors introspectors_;

private:
    flow::Introspector &add(const std::string &name, flow::Kind kind)
    {
        flow::Introspector &introspector = introspectors_.emplace_back();
        introspector.name = name;
        introspector.index = introspectors_.size() - 1;
        introspector.kind = kind;
        introspector.fingerprint[0] = static_cast<std::uint8_t>(introspectors_.size());
        return introspector;
    }

    std::unique_ptr<Worker> worker_;
};

}  // namespace token_introspect::test
