#include "flow/asking.hpp"

#include <string>

namespace token_introspect::flow {

namespace {

// What a fetch's own limit does not cover: connecting the pieces in a busy worker.
constexpr std::uint64_t kLeaseMarginMs = 1000;

}  // namespace

cache::Wanted wanted(const Peer &peer, std::uint64_t since_ms, std::size_t fetches) noexcept
{
    return {.since_ms = since_ms,
            .lease_ms = (peer.fetch_ms + kLeaseMarginMs) * fetches,
            .stale = peer.stale_use};
}

cache::Lifetime lifetime(const Peer &peer, std::uint64_t ttl_ms) noexcept
{
    const cache::StaleUse &use = peer.stale_use;
    const bool served = use.on_error || use.on_timeout || use.while_updating;
    return {.ttl_ms = ttl_ms,
            .expires_at_s = cache::kNeverExpires,
            .stale_ms = served ? peer.stale_ttl_ms : 0};
}

bool endpoint_is_down(Code code, int status) noexcept
{
    const bool busy_or_gone =
        code == Code::kIssuerStatus && (status == 429 || (status >= 502 && status <= 504));
    return busy_or_gone || code == Code::kIssuerUnreachable || code == Code::kIssuerTimeout;
}

std::optional<Renewal> begin_renewal(Environment &environment, Renewal renewal,
                                     const cache::Key &key, Now now,
                                     const cache::Wanted &want) noexcept
{
    cache::Store &store = environment.store_of(*renewal.peer);
    const cache::Acquired acquired = store.renew(key, now, want);
    if (acquired.state != cache::State::kLed) {
        return std::nullopt;
    }
    renewal.lease = Lease(store, environment.host, key, acquired.lease,
                          want.circuit != nullptr ? std::optional(*want.circuit) : std::nullopt);
    return renewal;
}

void report(Host &host, const Peer &peer, const Error &error, int status, std::string_view word)
{
    std::string text(error.text);
    if (error.code == Code::kIssuerStatus) {
        text += ": " + std::to_string(status);
    }
    if (!word.empty()) {
        text.append(", ").append(word);
    }
    host.report(outcome(error.code).severity, peer, text);
}

}  // namespace token_introspect::flow
