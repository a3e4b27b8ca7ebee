#include "flow/exchange.hpp"

#include "flow_exchange_fixture.hpp"
#include "temporary_directory.hpp"

namespace token_introspect::flow {
namespace {

using test::ExchangeRequest;
using test::issued;

class FlowExchange : public test::ExchangeTest {};

constexpr std::string_view kRefused = R"({"error":"invalid_grant"})";

TEST_F(FlowExchange, AsksForATokenInPlaceOfAnother)
{
    Exchanger &sts = exchanger();
    sts.credentials = {.method = token::ClientAuth::kBasic,
                       .id = "gateway",
                       .secret = "s3cret",
                       .authorization = {}};
    ExchangeRequest only = request(sts, "the+token");

    EXPECT_EQ(only.advance(), "POST /token");
    EXPECT_EQ(only.fetch().form,
              "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange"
              "&subject_token=the%2Btoken"
              "&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token");
    EXPECT_EQ(only.fetch().authorization, "Basic Z2F0ZXdheTpzM2NyZXQ=");
    EXPECT_EQ(only.fetch().accept, "application/json");
    EXPECT_EQ(only.fetch().peer, &sts);
    EXPECT_EQ(only.token(), "");
    EXPECT_EQ(only.answer(issued("new")), "active");
    EXPECT_EQ(only.token(), "new");
}

TEST_F(FlowExchange, RemembersForEachToken)
{
    const Exchanger &sts = exchanger();
    EXPECT_EQ(exchanged(sts, "one", issued("for-one")), "asked, active for-one");
    EXPECT_EQ(exchanged(sts, "two", issued("for-two")), "asked, active for-two");
    EXPECT_EQ(known(sts, "one"), "active for-one");
    EXPECT_EQ(known(sts, "two"), "active for-two");
}

TEST_F(FlowExchange, RemembersForEachExchanger)
{
    const Exchanger &sts = exchanger();
    const Exchanger &other = exchanger("other");
    EXPECT_EQ(exchanged(sts, "one", issued("first")), "asked, active first");
    EXPECT_EQ(exchanged(other, "one", issued("second")), "asked, active second");
    EXPECT_EQ(known(sts, "one"), "active first");
}

TEST_F(FlowExchange, OwnTokenIsOneForAll)
{
    const Exchanger &own = own_token();
    ExchangeRequest first = request(own, "of a client");
    EXPECT_EQ(first.advance(), "POST /token");
    EXPECT_EQ(first.fetch().form, "grant_type=client_credentials");
    EXPECT_EQ(first.answer(issued("own")), "active");
    EXPECT_EQ(known(own, "of another"), "active own");
    EXPECT_EQ(known(own, ""), "active own");
}

TEST_F(FlowExchange, WithoutCacheEachRequestAsks)
{
    Exchanger &sts = exchanger();
    sts.cache_ttl_ms = 0;
    EXPECT_EQ(exchanged(sts, "one", issued("first")), "asked, active first");
    EXPECT_EQ(exchanged(sts, "one", issued("second")), "asked, active second");
}

TEST_F(FlowExchange, LastsForCacheTtlWhenTheEndpointDoesNotSay)
{
    Exchanger &sts = exchanger();
    sts.cache_ttl_ms = 60'000;
    EXPECT_EQ(exchanged(sts, "subject", issued("new")), "asked, active new");
    pass_ms(59'999);
    EXPECT_EQ(known(sts), "active new");
    pass_ms(1);
    EXPECT_EQ(known(sts), "POST /token");
}

TEST_F(FlowExchange, LastsForCacheTtlAtMost)
{
    Exchanger &sts = exchanger();
    sts.cache_ttl_ms = 60'000;
    EXPECT_EQ(exchanged(sts, "subject", issued("new", R"("expires_in":3600)")),
              "asked, active new");
    pass_ms(60'000);
    EXPECT_EQ(known(sts), "POST /token");
}

TEST_F(FlowExchange, IsNotUsedInTheLastTenthOfAShortLife)
{
    const Exchanger &sts = exchanger();
    EXPECT_EQ(exchanged(sts, "subject", issued("new", R"("expires_in":20)")), "asked, active new");
    pass_ms(17'999);
    EXPECT_EQ(known(sts), "active new");
    pass_ms(1);
    EXPECT_EQ(known(sts), "POST /token");
}

TEST_F(FlowExchange, IsNotUsedInTheLastTenSecondsOfALongLife)
{
    const Exchanger &sts = exchanger();
    EXPECT_EQ(exchanged(sts, "subject", issued("new", R"("expires_in":200)")), "asked, active new");
    pass_ms(189'999);
    EXPECT_EQ(known(sts), "active new");
    pass_ms(1);
    EXPECT_EQ(known(sts), "POST /token");
}

TEST_F(FlowExchange, LivesFromWhenItWasAskedFor)
{
    const Exchanger &sts = exchanger();
    ExchangeRequest first = request(sts);
    first.advance();
    pass_s(5);
    EXPECT_EQ(first.answer(issued("new", R"("expires_in":20)")), "active");
    pass_ms(12'999);
    EXPECT_EQ(known(sts), "active new");
    pass_ms(1);
    EXPECT_EQ(known(sts), "POST /token");
}

TEST_F(FlowExchange, ThatComesTooLateToBeUsedAgainIsForThoseWhoWait)
{
    const Exchanger &sts = exchanger();
    ExchangeRequest first = request(sts);
    ExchangeRequest second = request(sts);
    first.advance();
    EXPECT_EQ(second.advance(), "WAIT");
    pass_ms(4700);
    EXPECT_EQ(first.answer(issued("new", R"("expires_in":5)")), "active");
    EXPECT_EQ(second.advance(), "active");
    pass_ms(1);
    EXPECT_EQ(known(sts), "POST /token");
}

TEST_F(FlowExchange, AWallClockThatStepsAheadEndsIt)
{
    const Exchanger &sts = exchanger();
    EXPECT_EQ(exchanged(sts, "subject", issued("new", R"("expires_in":20)")), "asked, active new");
    now_.unix_s += 17;
    EXPECT_EQ(known(sts), "active new");
    now_.unix_s += 1;
    EXPECT_EQ(known(sts), "POST /token");
}

TEST_F(FlowExchange, OneAsksForAll)
{
    const Exchanger &sts = exchanger();
    test::Worker other(zone_, {}, exchangers_);
    ExchangeRequest leader = request(sts);
    ExchangeRequest here = request(sts);
    ExchangeRequest there(other, now_, sts, "subject");
    EXPECT_EQ(leader.advance(), "POST /token");
    EXPECT_EQ(here.advance(), "WAIT");
    EXPECT_EQ(here.wait().peer, &sts);
    EXPECT_EQ(there.advance(), "WAIT");
    EXPECT_EQ(leader.answer(issued("new")), "active");
    EXPECT_EQ(here.advance(), "active");
    EXPECT_EQ(here.token(), "new");
    EXPECT_EQ(there.advance(), "active");
    EXPECT_EQ(there.token(), "new");
}

TEST_F(FlowExchange, WhoLeavesIsFollowedByAnother)
{
    const Exchanger &sts = exchanger();
    ExchangeRequest leader = request(sts);
    ExchangeRequest next = request(sts);
    leader.advance();
    EXPECT_EQ(next.advance(), "WAIT");
    leader.vanish();
    EXPECT_EQ(next.advance(), "POST /token");
    next.give_up();
    EXPECT_EQ(known(sts), "POST /token");
}

TEST_F(FlowExchange, IsRenewedFromThreeQuartersOfItsLifeOn)
{
    const Exchanger &sts = exchanger();
    EXPECT_EQ(exchanged(sts, "subject", issued("old", R"("expires_in":100)")), "asked, active old");
    pass_ms(67'499);
    ExchangeRequest early = request(sts);
    EXPECT_EQ(early.advance(), "active");
    EXPECT_FALSE(early.take_renewal());
    pass_ms(1);
    ExchangeRequest due = request(sts);
    EXPECT_EQ(due.advance(), "active");
    EXPECT_EQ(due.token(), "old");
    ExchangeRequest background = renewal(due);
    EXPECT_FALSE(due.take_renewal());
    due.vanish();

    ExchangeRequest meanwhile = request(sts);
    EXPECT_EQ(meanwhile.advance(), "active");
    EXPECT_EQ(meanwhile.token(), "old");
    EXPECT_FALSE(meanwhile.take_renewal());

    EXPECT_EQ(background.advance(), "POST /token");
    EXPECT_NE(background.fetch().form.find("subject_token=subject&"), std::string::npos);
    EXPECT_EQ(background.answer(issued("new", R"("expires_in":100)")), "active");
    EXPECT_EQ(known(sts), "active new");
}

TEST_F(FlowExchange, ARenewalThatFailsLeavesTheTokenForTheRestOfItsLife)
{
    const Exchanger &own = own_token();
    EXPECT_EQ(exchanged(own, "", issued("old", R"("expires_in":100)")), "asked, active old");
    pass_s(70);
    ExchangeRequest due = request(own, "");
    due.advance();
    ExchangeRequest background = renewal(due);
    EXPECT_EQ(background.advance(), "POST /token");
    EXPECT_EQ(background.answer("", 502), "issuer_status");
    EXPECT_EQ(known(own), "active old");
    pass_s(20);
    EXPECT_EQ(known(own), "POST /token");
}

TEST_F(FlowExchange, ARefusedRenewalEndsIt)
{
    const Exchanger &sts = exchanger();
    EXPECT_EQ(exchanged(sts, "subject", issued("old", R"("expires_in":100)")), "asked, active old");
    pass_s(70);
    ExchangeRequest due = request(sts);
    due.advance();
    ExchangeRequest background = renewal(due);
    EXPECT_EQ(background.advance(), "POST /token");
    EXPECT_EQ(background.answer(kRefused, 400), "exchange_refused");
    EXPECT_EQ(known(sts), "exchange_refused");
}

TEST_F(FlowExchange, RefusalsOfATokenCountForTenSeconds)
{
    const Exchanger &sts = exchanger();
    for (const auto &[error, status] : {std::pair("invalid_request", 400),
                                        {"invalid_grant", 400},
                                        {"invalid_grant", 401},
                                        {"access_denied", 403}})
    {
        const std::string subject = std::string(error) + std::to_string(status);
        ExchangeRequest first = request(sts, subject);
        first.advance();
        EXPECT_EQ(first.answer(R"({"error":")" + std::string(error) + "\"}", status),
                  "exchange_refused")
            << subject;
        EXPECT_EQ(first.token(), "");
        pass_ms(9'999);
        EXPECT_EQ(known(sts, subject), "exchange_refused") << subject;
        pass_ms(1);
        EXPECT_EQ(known(sts, subject), "POST /token") << subject;
    }
    EXPECT_EQ(worker().host().reports[1].text, "the token endpoint refuses a token: invalid_grant");
    EXPECT_EQ(worker().host().reports[1].severity, Severity::kWarn);
}

TEST_F(FlowExchange, ARefusalIsNotCountedAgainstTheEndpoint)
{
    const Exchanger &sts = exchanger();
    for (int i = 0; i < 10; ++i) {
        ExchangeRequest refused = request(sts, std::to_string(i));
        EXPECT_EQ(refused.advance(), "POST /token");
        EXPECT_EQ(refused.answer(kRefused, 400), "exchange_refused");
    }
}

TEST_F(FlowExchange, WhatElseFailsSaysNothingOfTheToken)
{
    const Exchanger &sts = exchanger();
    struct Case {
        int status;
        std::string body;
        std::string word;
        std::string report;
    };
    const std::string other = "the issuer answered with another status than 200: ";
    int number = 0;
    for (const Case &c : std::vector<Case>{
             {401, R"({"error":"invalid_client"})", "issuer_status", other + "401, invalid_client"},
             {400, R"({"error":"invalid_target"})", "issuer_status", other + "400, invalid_target"},
             {400, R"({"error":"invalid_scope"})", "issuer_status", other + "400, invalid_scope"},
             {400, R"({"error":"eyJhbGci"})", "issuer_status", other + "400"},
             {400, "invalid_grant", "issuer_status", other + "400"},
             {500, R"({"error":"invalid_grant"})", "issuer_status", other + "500, invalid_grant"},
             {302, R"({"error":"invalid_grant"})", "issuer_status", other + "302"},
             {200, R"({"error":"invalid_grant"})", "issuer_response",
              "the token endpoint's answer has no access_token that can be sent as Bearer"},
             {200, "[]", "issuer_response", "not a JSON object"},
         })
    {
        ExchangeRequest failing = request(sts, std::to_string(number));
        EXPECT_EQ(failing.advance(), "POST /token") << c.report;
        EXPECT_EQ(failing.answer(c.body, c.status), c.word) << c.report;
        EXPECT_EQ(failing.token(), "");
        if (c.body != "[]") {
            EXPECT_EQ(worker().host().reports.back().text, c.report);
        }
        EXPECT_EQ(worker().host().reports.back().peer, "sts");
        ++number;
    }
}

TEST_F(FlowExchange, NobodysTokenIsRefusedToTheGatewayItself)
{
    const Exchanger &own = own_token();
    ExchangeRequest only = request(own, "");
    only.advance();
    EXPECT_EQ(only.answer(kRefused, 400), "issuer_status");
}

TEST_F(FlowExchange, AnEndpointThatIsDownIsLeftAlone)
{
    const Exchanger &sts = exchanger();
    for (int i = 0; i < 3; ++i) {
        ExchangeRequest failing = request(sts, std::to_string(i));
        EXPECT_EQ(failing.advance(), "POST /token");
        EXPECT_EQ(failing.no_answer(Code::kIssuerUnreachable), "issuer_unreachable");
    }
    ExchangeRequest next = request(sts, "another");
    EXPECT_EQ(next.advance(), "issuer_unreachable");
    EXPECT_GT(next.retry_after_ms(), 0U);
    EXPECT_LE(next.retry_after_ms(), 1000U);
    pass_s(1);
    ExchangeRequest probe = request(sts, "another");
    EXPECT_EQ(probe.advance(), "POST /token");
    EXPECT_EQ(probe.answer(issued("new")), "active");
    EXPECT_EQ(exchanged(sts, "one more", issued("more")), "asked, active more");
}

TEST_F(FlowExchange, FailureIsSharedByThoseWhoWait)
{
    const Exchanger &sts = exchanger();
    ExchangeRequest leader = request(sts);
    ExchangeRequest follower = request(sts);
    leader.advance();
    EXPECT_EQ(follower.advance(), "WAIT");
    EXPECT_EQ(leader.no_answer(Code::kIssuerTimeout), "issuer_timeout");
    EXPECT_EQ(follower.advance(), "issuer_timeout");
}

TEST_F(FlowExchange, WithoutMemoryEachAsksForItself)
{
    const Exchanger &sts = exchanger();
    zone_.fill(now_);
    EXPECT_EQ(exchanged(sts, "one", issued("first")), "asked, active first");
    EXPECT_EQ(exchanged(sts, "one", issued("second")), "asked, active second");
}

TEST_F(FlowExchange, FilesAreReadAnewWhenTheyChange)
{
    test::TemporaryDirectory directory;
    directory.write("actor", "the-actor\n");
    directory.write("secret", "first\n");
    Exchanger &sts = exchanger();
    sts.actor_token_file = directory.path("actor");
    sts.client_secret_file = directory.path("secret");
    sts.credentials = {
        .method = token::ClientAuth::kPost, .id = "gateway", .secret = {}, .authorization = {}};
    auto tail = [&](const std::string &subject) {
        ExchangeRequest only = request(sts, subject);
        EXPECT_EQ(only.advance(), "POST /token");
        const std::string form = only.fetch().form;
        return form.substr(form.find("&actor_token="));
    };
    EXPECT_EQ(tail("one"),
              "&actor_token=the-actor"
              "&actor_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token"
              "&client_id=gateway&client_secret=first");
    directory.write("actor", "another-actor");
    directory.write("secret", "second!");
    pass_s(2);
    EXPECT_EQ(tail("two"),
              "&actor_token=another-actor"
              "&actor_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token"
              "&client_id=gateway&client_secret=second%21");
    directory.write("actor", "");
    pass_s(2);
    EXPECT_TRUE(tail("three").starts_with("&actor_token=another-actor&"));
    ASSERT_EQ(worker().host().reports.size(), 1U);
    EXPECT_TRUE(worker().host().reports[0].text.ends_with("is empty or holds control characters"));
}

}  // namespace
}  // namespace token_introspect::flow
