// What is remembered, for how long, and for whom.

#include "flow_fixture.hpp"

namespace token_introspect::flow {
namespace {

using test::kStart;
using test::Request;
using test::signer_a;

const std::string kActive = R"({"active":true,"sub":"s"})";
const std::string kInactive = R"({"active":false})";

std::string until(std::int64_t seconds_from_start)
{
    return R"({"active":true,"exp":)" + std::to_string(kStart + seconds_from_start) + "}";
}

class FlowCaching : public test::FlowTest {
protected:
    /// Asks for "opaque" and has it answered so.
    std::string introspected(const Introspector &introspector, std::string_view body)
    {
        Request request(worker(), now_, {&introspector}, "opaque");
        EXPECT_EQ(request.advance(), "POST /introspect");
        return request.answer(body);
    }

    /// "HIT active" and the like.
    std::string told(const Introspector &introspector, const std::string &token = "opaque")
    {
        Request request(worker(), now_, {&introspector}, token);
        const std::string step = request.advance();
        return request.cache() + ' ' + step;
    }
};

TEST_F(FlowCaching, AnswerIsRememberedForItsTtl)
{
    Introspector &mine = opaque("mine");
    mine.cache_ttl_ms = 60'000;
    EXPECT_EQ(introspected(mine, kActive), "active");

    pass_ms(59'999);
    Request hit(worker(), now_, {&mine}, "opaque");
    EXPECT_EQ(hit.advance(), "active");
    EXPECT_EQ(hit.cache(), "HIT");
    EXPECT_EQ(hit.claim("sub"), "s");
    EXPECT_EQ(hit.decided_by(), "mine");
    pass_ms(1);
    EXPECT_EQ(told(mine), "EXPIRED POST /introspect");
}

// B35, B101: nothing says how long
TEST_F(FlowCaching, AnswerIsRememberedForFiveMinutesByDefault)
{
    const Introspector &mine = opaque("mine");
    EXPECT_EQ(introspected(mine, kActive), "active");

    pass_ms(299'900);
    EXPECT_EQ(told(mine), "HIT active");
    EXPECT_EQ(told(mine, "another"), "MISS POST /introspect");
    pass_ms(200);
    EXPECT_EQ(told(mine), "EXPIRED POST /introspect");
}

// B34. The tokens differ, so that each needs the keys.
TEST_F(FlowCaching, KeySetIsRememberedForFiveMinutesByDefault)
{
    const Introspector &mine = jwt("mine");
    const std::string keys = test::key_set({&signer_a()});
    EXPECT_EQ(verdict_with_keys({&mine}, signer_a().token(R"("n":1)"), keys), "active");

    pass_ms(299'900);
    EXPECT_EQ(verdict({&mine}, signer_a().token(R"("n":2)")), "active");
    pass_ms(200);
    EXPECT_EQ(verdict({&mine}, signer_a().token(R"("n":3)")), "GET /jwks");
}

// B102
TEST_F(FlowCaching, TenSecondsAreTenSeconds)
{
    Introspector &mine = opaque("mine");
    mine.cache_ttl_ms = 10'000;
    EXPECT_EQ(introspected(mine, kActive), "active");

    pass_ms(9'999);
    EXPECT_EQ(told(mine), "HIT active");
    pass_ms(1);
    EXPECT_EQ(introspected(mine, kActive), "active");
    EXPECT_EQ(told(mine), "HIT active");
}

TEST_F(FlowCaching, InactiveIsRememberedForItsOwnTtl)
{
    Introspector &mine = opaque("mine");
    mine.cache_inactive_ttl_ms = 10'000;
    EXPECT_EQ(introspected(mine, kInactive), "inactive");

    pass_ms(9'999);
    EXPECT_EQ(told(mine), "HIT inactive");
    pass_ms(1);
    EXPECT_EQ(told(mine), "EXPIRED POST /introspect");
}

TEST_F(FlowCaching, InactiveNeedNotBeRemembered)
{
    Introspector &mine = opaque("mine");
    mine.cache_inactive_ttl_ms = 0;
    EXPECT_EQ(introspected(mine, kInactive), "inactive");

    pass_ms(1);
    EXPECT_EQ(told(mine), "EXPIRED POST /introspect");
}

// B105
TEST_F(FlowCaching, ExpiryCapsTheTtl)
{
    Introspector &mine = opaque("mine");
    EXPECT_EQ(introspected(mine, until(5)), "active");

    pass_ms(4'999);
    EXPECT_EQ(told(mine), "HIT active");
    pass_ms(1);
    EXPECT_EQ(told(mine), "EXPIRED POST /introspect");
}

TEST_F(FlowCaching, LeewayMovesTheCap)
{
    Introspector &mine = opaque("mine");
    mine.rules.leeway_s = 3;
    EXPECT_EQ(introspected(mine, until(5)), "active");

    pass_ms(7'999);
    EXPECT_EQ(told(mine), "HIT active");
    pass_ms(1);
    EXPECT_EQ(told(mine), "EXPIRED POST /introspect");
}

TEST_F(FlowCaching, ExpiredAnswerIsNotRemembered)
{
    const Introspector &mine = opaque("mine");
    EXPECT_EQ(introspected(mine, until(0)), "expired");

    pass_ms(1);
    EXPECT_EQ(introspected(mine, until(-1000)), "expired");
}

// B103
TEST_F(FlowCaching, CacheOffAsksEachTime)
{
    Introspector &mine = opaque("mine");
    mine.cache_ttl_ms = 0;

    for (int i = 0; i < 2; ++i) {
        Request request(worker(), now_, {&mine}, "opaque");
        EXPECT_EQ(request.advance(), "POST /introspect");
        EXPECT_EQ(request.answer(i == 0 ? kActive : kInactive), i == 0 ? "active" : "inactive");
        EXPECT_EQ(request.cache(), "BYPASS");
    }
    Request one(worker(), now_, {&mine}, "opaque");
    Request two(worker(), now_, {&mine}, "opaque");
    EXPECT_EQ(one.advance(), "POST /introspect");
    EXPECT_EQ(two.advance(), "POST /introspect") << "nothing is shared";
    EXPECT_EQ(worker().store().statistics().entries, 0U);
}

TEST_F(FlowCaching, VerifiedJwtIsRemembered)
{
    const Introspector &mine = jwt_with_key("mine");

    EXPECT_EQ(told(mine, signer_a().token()).substr(0, 4), "MISS");
    const std::string token = signer_a().token(R"("sub":"s")");
    Request miss(worker(), now_, {&mine}, token);
    miss.advance();
    Request hit(worker(), now_, {&mine}, token);
    EXPECT_EQ(hit.advance(), "active");
    EXPECT_EQ(hit.cache(), "HIT");
    EXPECT_EQ(hit.claim("sub"), "s");
    EXPECT_EQ(hit.validation().header().find("alg").string(), "ES256");
}

TEST_F(FlowCaching, JwtIsRememberedForItsTtl)
{
    Introspector &mine = jwt_with_key("mine");
    mine.cache_ttl_ms = 60'000;
    const std::string token = signer_a().token();

    EXPECT_EQ(told(mine, token), "MISS active");
    pass_ms(59'999);
    EXPECT_EQ(told(mine, token), "HIT active");
    pass_ms(1);
    EXPECT_EQ(told(mine, token), "MISS active");
}

TEST_F(FlowCaching, JwtNeedNotBeRemembered)
{
    Introspector &mine = jwt_with_key("mine");
    mine.cache_verified_jwt = false;
    const std::string token = signer_a().token();

    EXPECT_EQ(told(mine, token), "BYPASS active");
    EXPECT_EQ(told(mine, token), "BYPASS active");
    EXPECT_EQ(worker().store().statistics().entries, 0U);
}

TEST_F(FlowCaching, CacheOffIsForJwtsToo)
{
    Introspector &mine = jwt_with_key("mine");
    mine.cache_ttl_ms = 0;

    EXPECT_EQ(told(mine, signer_a().token()), "BYPASS active");
    EXPECT_EQ(worker().store().statistics().entries, 0U);
}

TEST_F(FlowCaching, CacheOffFetchesTheKeysEachTime)
{
    Introspector &mine = jwt("mine");
    mine.cache_ttl_ms = 0;
    const std::string keys = test::key_set({&signer_a()});

    EXPECT_EQ(verdict_with_keys({&mine}, signer_a().token(), keys), "active");
    pass_ms(1);
    EXPECT_EQ(verdict_with_keys({&mine}, signer_a().token(), keys), "active");
}

TEST_F(FlowCaching, BadTokensAreNotRemembered)
{
    const Introspector &mine = jwt_with_key("mine");
    const std::string good = signer_a().token();
    verdict({&mine}, good.substr(0, good.size() - 4) + "AAAA");
    verdict({&mine}, test::signer_b().token());
    verdict({&mine}, signer_a().token(R"("aud":7)"));
    verdict({&mine},
            signer_a().sign(signer_a().header(), R"({"iss":"https://issuer.example","exp":1})"));

    EXPECT_EQ(worker().store().statistics().entries, 0U);
}

TEST_F(FlowCaching, TimeIsCheckedOnHits)
{
    Introspector &mine = jwt_with_key("mine");
    const std::string token = signer_a().token(R"("nbf":1700000002)");
    EXPECT_EQ(told(mine, token), "MISS not_yet_valid");
    EXPECT_EQ(told(mine, token), "HIT not_yet_valid");
    pass_s(2);
    EXPECT_EQ(told(mine, token), "HIT active");

    // the clock is set back
    now_.unix_s -= 2;
    EXPECT_EQ(told(mine, token), "HIT not_yet_valid");
}

TEST_F(FlowCaching, JwtExpiresOnHits)
{
    Introspector &mine = jwt_with_key("mine");
    mine.cache_ttl_ms = 7'200'000;
    mine.rules.leeway_s = 10;
    const std::string token = signer_a().token();
    EXPECT_EQ(told(mine, token), "MISS active");

    pass_s(3609);
    EXPECT_EQ(told(mine, token), "HIT active");
    pass_s(1);
    EXPECT_EQ(told(mine, token), "MISS expired");
}

// Introspectors of one fingerprint differ in nothing, but a test may use it to see that the rules
// run on what is cached.
TEST_F(FlowCaching, RulesAreCheckedOnHits)
{
    Introspector &for_jwt = jwt_with_key("jwt");
    Introspector &for_opaque = opaque("opaque");
    const std::string token = signer_a().token(R"("aud":"web")");
    ASSERT_EQ(verdict({&for_jwt}, token), "active");
    ASSERT_EQ(introspected(for_opaque, R"({"active":true,"aud":"web","iss":"i"})"), "active");

    for_jwt.rules.audiences = for_opaque.rules.audiences = {"api"};
    EXPECT_EQ(told(for_jwt, token), "HIT wrong_audience");
    EXPECT_EQ(told(for_opaque), "HIT wrong_audience");
    for_jwt.rules.issuers = for_opaque.rules.issuers = {"https://other.example"};
    EXPECT_EQ(told(for_jwt, token), "HIT wrong_issuer");
    EXPECT_EQ(told(for_opaque), "HIT wrong_issuer");
}

TEST_F(FlowCaching, RecordIsOfItsIntrospector)
{
    const Introspector &first = opaque("first", "/introspect");
    const Introspector &second = opaque("second", "/introspect");
    introspected(first, kActive);

    EXPECT_EQ(told(second), "MISS POST /introspect");
}

TEST_F(FlowCaching, RecordServesAllWorkers)
{
    const Introspector &mine = opaque("mine");
    introspected(mine, kActive);
    test::Worker other(zone_, introspectors_);

    Request request(other, now_, {&mine}, "opaque");
    EXPECT_EQ(request.advance(), "active");
    EXPECT_EQ(request.cache(), "HIT");
}

}  // namespace
}  // namespace token_introspect::flow
