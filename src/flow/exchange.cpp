#include "flow/exchange.hpp"

#include "flow/asking.hpp"

#include <algorithm>
#include <utility>

namespace token_introspect::flow {

namespace {

// How long it counts that the endpoint gives nothing for a token.
constexpr std::uint64_t kRefusalMs = 10'000;

// A token on its way upstream must not expire there: the last tenth of its life is not used, or the
// last seconds of a long one.
constexpr std::uint64_t kLongestMarginMs = 10'000;

// For how much of its life a token is used, both in milliseconds.
constexpr std::uint64_t usable_ms(std::uint64_t life_ms) noexcept
{
    return life_ms - std::min(kLongestMarginMs, life_ms / 10);
}

// What the endpoint says of the subject token. Of any other error the gateway's configuration is the
// cause, or the endpoint itself.
bool refuses_token(int status, std::string_view error) noexcept
{
    return (status == 400 || status == 401 || status == 403)
           && (error == "invalid_request" || error == "invalid_grant" || error == "access_denied");
}

}  // namespace

Exchange::Exchange(Environment &environment, cache::Room room, const Exchanger &exchanger,
                   std::string_view subject) noexcept
    : environment_(&environment),
      room_(room),
      exchanger_(&exchanger),
      subject_(exchanger.exchanges_tokens() ? subject : std::string_view())
{}

Exchange::Exchange(Environment &environment, cache::Room room, Renewal renewal) noexcept
    : environment_(&environment),
      room_(room),
      exchanger_(static_cast<const Exchanger *>(renewal.peer)),
      subject_(renewal.subject),
      renews_(true),
      lease_(std::move(renewal.lease))
{}

Decision Exchange::decide(Code code) const noexcept
{
    return {.code = code, .retry_after_ms = retry_after_ms_};
}

Decision Exchange::give_up(Code code) noexcept
{
    lease_.abandon();
    return decide(code);
}

std::optional<Renewal> Exchange::take_renewal() noexcept
{
    return std::exchange(renewal_, std::nullopt);
}

void Exchange::reload_changed_files(Now now)
{
    const std::string problem =
        environment_->state_of(*exchanger_).reload_changed_files(*exchanger_, now);
    if (!problem.empty()) {
        environment_->host.report(Severity::kError, *exchanger_, problem);
    }
}

std::optional<cache::Key> Exchange::key() const noexcept
{
    if (!exchanger_->exchanges_tokens()) {
        return exchanger_->own_token_key();
    }
    const std::optional<Sha256> digest = environment_->hasher(as_bytes(subject_));
    return digest ? std::optional(exchanger_->token_key(*digest)) : std::nullopt;
}

Step Exchange::advance(Now now)
{
    if (answered_) {
        return decide(*answered_);
    }
    if (since_ms_ == 0) {
        since_ms_ = std::max<std::uint64_t>(now.monotonic_ms, 1);
        reload_changed_files(now);
    }
    return renews_ || exchanger_->cache_ttl_ms == 0 ? fetch(now) : look_up(now);
}

Step Exchange::look_up(Now now)
{
    const std::optional<cache::Key> wanted_key = key();
    if (!wanted_key) {
        return decide(Code::kInternal);
    }
    const cache::Key circuit = exchanger_->token_circuit();
    cache::Wanted want = wanted(*exchanger_, since_ms_);
    want.circuit = &circuit;
    cache::Store &store = environment_->store_of(*exchanger_);
    const cache::Acquired acquired = store.acquire(*wanted_key, now, want, room_);
    switch (acquired.state) {
    case cache::State::kFound:
        if (acquired.due) {
            want.known_generation = acquired.generation;
            renewal_ = begin_renewal(*environment_,
                                     {.peer = exchanger_,
                                      .document = Document::kExchangedToken,
                                      .subject = subject_,
                                      .lease = {}},
                                     *wanted_key, now, want);
        }
        return use(*acquired.record);
    case cache::State::kBusy:
        return Wait{.peer = exchanger_, .key = *wanted_key, .lease = acquired.lease};
    case cache::State::kLed:
        lease_ = Lease(store, environment_->host, *wanted_key, acquired.lease, circuit);
        return fetch(now);
    case cache::State::kStale:  // never wanted
    case cache::State::kFailed:
    case cache::State::kRefused:
        break;
    }
    retry_after_ms_ = acquired.retry_after_ms;
    return decide(acquired.failure);
}

Decision Exchange::use(const cache::Record &record) noexcept
{
    token_ = record.code == Code::kActive ? record.text : std::string_view();
    return decide(record.code);
}

Step Exchange::fetch(Now now)
{
    const ExchangerState &state = environment_->state_of(*exchanger_);
    const token::TokenRequest &request = exchanger_->request;
    asked_at_ = now;
    return Fetch{.peer = exchanger_,
                 .document = Document::kExchangedToken,
                 .uri = exchanger_->token_endpoint,
                 .authorization = token::authorization_value(state.credentials()),
                 .form = exchanger_->exchanges_tokens()
                             ? token::exchange_form(request, subject_, state.actor_token(),
                                                    state.credentials())
                             : token::client_credentials_form(request, state.credentials()),
                 .accept = "application/json"};
}

Step Exchange::resume(Now now, const Result<token::Answer> &answer)
{
    status_ = answer ? answer->status : 0;
    if (answer) {
        took(now, *answer);
    } else {
        failed(now, answer.error(), {});
    }
    return decide(*answered_);
}

JsonLimits Exchange::limits() const noexcept
{
    return {.bytes = exchanger_->response_size};
}

void Exchange::took(Now now, const token::Answer &answer)
{
    Result<token::IssuedToken> issued =
        token::token_answer(answer, exchanger_->request.requested_token_type, limits());
    if (issued) {
        took_token(now, std::move(*issued));
        return;
    }
    const std::string_view word = token::token_error(answer, limits());
    if (exchanger_->exchanges_tokens() && refuses_token(answer.status, word)) {
        refused(now, word);
    } else {
        failed(now, issued.error(), word);
    }
}

void Exchange::took_token(Now now, token::IssuedToken issued)
{
    issued_ = std::move(issued.token);
    token_ = issued_;
    answered_ = Code::kActive;

    const cache::Record record{.text = token_};
    cache::Lifetime lasting = lifetime(*exchanger_, exchanger_->cache_ttl_ms);
    if (issued.lasts_s) {
        // its life began while the endpoint was asked: when this began is on the safe side
        const std::uint64_t used_ms = usable_ms(*issued.lasts_s * 1000);
        const std::uint64_t passed_ms = now.monotonic_ms - asked_at_.monotonic_ms;
        lasting.ttl_ms = std::min(lasting.ttl_ms, used_ms - std::min(used_ms, passed_ms));
        lasting.expires_at_s = asked_at_.unix_s + static_cast<std::int64_t>((used_ms + 999) / 1000);
    }
    lasting.refresh_ms = lasting.ttl_ms / 4 * 3;
    lease_.publish(now, record, lasting);
}

void Exchange::refused(Now now, std::string_view error)
{
    // a good token that is not good enough there: a client's business, or a mistake of two operators
    environment_->host.report(Severity::kWarn, *exchanger_,
                              "the token endpoint refuses a token: " + std::string(error));
    answered_ = Code::kExchangeRefused;
    lease_.publish(now, {.code = Code::kExchangeRefused},
                   lifetime(*exchanger_, std::min(kRefusalMs, exchanger_->cache_ttl_ms)));
}

void Exchange::failed(Now now, const Error &error, std::string_view word)
{
    report(environment_->host, *exchanger_, error, status_, word);
    answered_ = error.code;
    lease_.fail(now, error.code, endpoint_is_down(error.code, status_));
}

}  // namespace token_introspect::flow
