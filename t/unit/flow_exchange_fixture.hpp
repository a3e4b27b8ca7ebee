#pragma once

#include "flow/exchange.hpp"
#include "flow_fixture.hpp"

namespace token_introspect::test {

/// An exchange whose steps are told in words; see in_words.
class ExchangeRequest {
public:
    ExchangeRequest(Worker &worker, const Now &clock, const flow::Exchanger &exchanger,
                    std::string subject)
        : clock_(&clock),
          subject_(std::move(subject)),
          exchange_(std::in_place, worker.environment(), room_.room(), exchanger, subject_)
    {}
    /// A renewal in the background. Its subject is copied: the request that found it may go.
    ExchangeRequest(Worker &worker, const Now &clock, flow::Renewal renewal)
        : clock_(&clock),
          subject_(renewal.subject)
    {
        renewal.subject = subject_;
        exchange_.emplace(worker.environment(), room_.room(), std::move(renewal));
    }
    ExchangeRequest(const ExchangeRequest &) = delete;
    ExchangeRequest &operator=(const ExchangeRequest &) = delete;

    std::string advance() { return took(exchange_->advance(*clock_)); }
    std::string answer(std::string_view body, int status = 200)
    {
        return answer(json_answer(body, status));
    }
    std::string answer(const token::Answer &answer)
    {
        return took(exchange_->resume(*clock_, answer));
    }
    std::string no_answer(Code code)
    {
        return took(exchange_->resume(*clock_, fail(code, "no answer")));
    }
    void give_up() { step_ = exchange_->give_up(Code::kTooManyWaiting); }

    /// What the client's going away does.
    void vanish() { exchange_.reset(); }

    [[nodiscard]] const flow::Fetch &fetch() const { return std::get<flow::Fetch>(*step_); }
    [[nodiscard]] const flow::Wait &wait() const { return std::get<flow::Wait>(*step_); }
    [[nodiscard]] std::uint64_t retry_after_ms() const
    {
        return std::get<flow::Decision>(*step_).retry_after_ms;
    }
    [[nodiscard]] std::string token() const { return std::string(exchange_->token()); }
    std::optional<flow::Renewal> take_renewal() { return exchange_->take_renewal(); }

private:
    std::string took(flow::Step step)
    {
        step_ = std::move(step);
        return in_words(*step_);
    }

    const Now *clock_;
    std::string subject_;
    CopyRoom room_;
    std::optional<flow::Exchange> exchange_;
    std::optional<flow::Step> step_;
};

class ExchangeTest : public ::testing::Test {
protected:
    /// To be called before the first request.
    flow::Exchanger &exchanger(const std::string &name = "sts")
    {
        flow::Exchanger &exchanger = exchangers_.emplace_back();
        exchanger.name = name;
        exchanger.index = exchangers_.size() - 1;
        exchanger.token_endpoint = "/token";
        exchanger.request.subject_token_type = *token::token_type_uri("access_token");
        exchanger.request.actor_token_type = exchanger.request.subject_token_type;
        exchanger.fingerprint[0] = static_cast<std::uint8_t>(exchangers_.size());
        return exchanger;
    }
    flow::Exchanger &own_token()
    {
        flow::Exchanger &own = exchanger();
        own.grant = flow::Exchanger::Grant::kClientCredentials;
        return own;
    }

    Worker &worker()
    {
        if (!worker_) {
            worker_ = std::make_unique<Worker>(zone_, Introspectors(), exchangers_);
        }
        return *worker_;
    }
    ExchangeRequest request(const flow::Exchanger &exchanger, std::string subject = "subject")
    {
        return {worker(), now_, exchanger, std::move(subject)};
    }
    ExchangeRequest renewal(ExchangeRequest &found_by)
    {
        return {worker(), now_, found_by.take_renewal().value()};
    }

    /// What a request for the token gets, which the endpoint answers if it is asked.
    std::string exchanged(const flow::Exchanger &exchanger, const std::string &subject,
                          std::string_view answer)
    {
        ExchangeRequest only = request(exchanger, subject);
        std::string step = only.advance();
        if (step == "POST /token") {
            step = "asked, " + only.answer(answer);
        }
        return only.token().empty() ? step : step + " " + only.token();
    }
    /// What a request gets without asking; "POST /token" when it would.
    std::string known(const flow::Exchanger &exchanger, const std::string &subject = "subject")
    {
        ExchangeRequest only = request(exchanger, subject);
        const std::string step = only.advance();
        return only.token().empty() ? step : step + " " + only.token();
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
    Exchangers exchangers_;

private:
    std::unique_ptr<Worker> worker_;
};

/// A token endpoint's answer.
inline std::string issued(const std::string &token, const std::string &members = {})
{
    return R"({"access_token":")" + token + R"(","token_type":"Bearer")"
           + (members.empty() ? "" : "," + members) + "}";
}

}  // namespace token_introspect::test
