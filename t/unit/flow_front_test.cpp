// What a worker remembers of the tokens that it sees again and again.

#include "flow_fixture.hpp"
#include "temporary_directory.hpp"

namespace token_introspect::flow {
namespace {

using test::key_set;
using test::kStart;
using test::Request;
using test::signer_a;
using test::signer_b;

const std::string kActive = R"({"active":true,"sub":"s"})";

// --- the front by itself -------------------------------------------------------------------------

class FrontTest : public ::testing::Test {
protected:
    Remembered entry(std::string token, std::vector<const Introspector *> listed)
    {
        return {.token = std::move(token),
                .listed = std::move(listed),
                .by = &one_,
                .block = {1, 2, 3},
                .digest = {},
                .epoch = 0,
                .revision = 0,
                .until_ms = 0,
                .from_s = 0,
                .until_s = 0};
    }
    bool finds(std::string_view token, const std::vector<const Introspector *> &listed) const
    {
        const auto found = front_.find(token, listed);
        EXPECT_TRUE(!found || (found->token == token && found->listed == listed));
        return found != nullptr;
    }

    Introspector one_;
    Introspector two_;
    Front front_{0x1234'5678'9abc'def0};
};

TEST_F(FrontTest, ATokenIsFoundByAllOfItsBytes)
{
    const std::string token = "head.of.a.token" + std::string(100, 'm') + "and.the.end.of.it";
    front_.remember(entry(token, {&one_}));
    ASSERT_TRUE(finds(token, {&one_}));

    for (std::size_t i = 0; i < token.size(); ++i) {
        std::string other = token;
        other[i] ^= 1;
        EXPECT_FALSE(finds(other, {&one_})) << i;
        EXPECT_FALSE(finds(token.substr(0, i), {&one_})) << i;
        EXPECT_FALSE(finds(token.substr(i + 1), {&one_})) << i;
    }
    EXPECT_FALSE(finds(token + "t", {&one_}));
    EXPECT_FALSE(finds("", {&one_}));
    EXPECT_TRUE(finds(token, {&one_}));
}

TEST_F(FrontTest, TokensThatDifferInTheMiddleOnlyTakeTurns)
{
    const std::string head = "12345678";
    const std::string tail(64, 't');
    front_.remember(entry(head + "mine" + tail, {&one_}));
    ASSERT_TRUE(front_.returns(head + "hers" + tail)) << "one place for both";

    EXPECT_FALSE(finds(head + "hers" + tail, {&one_}));
    front_.remember(entry(head + "hers" + tail, {&one_}));
    EXPECT_TRUE(finds(head + "hers" + tail, {&one_}));
    EXPECT_FALSE(finds(head + "mine" + tail, {&one_}));
}

TEST_F(FrontTest, TokensOfAllLengths)
{
    std::vector<std::string> tokens = {""};
    for (std::size_t length = 1; length < 100; ++length) {
        tokens.push_back(tokens.back() + static_cast<char>('a' + length % 26));
    }
    for (const std::string &token : tokens) {
        EXPECT_FALSE(finds(token, {&one_})) << token;
        front_.remember(entry(token, {&one_}));
        EXPECT_TRUE(finds(token, {&one_})) << token;
        if (!token.empty()) {
            std::string other = token;
            other.back() ^= 1;
            EXPECT_FALSE(finds(other, {&one_})) << token;
        }
    }
}

TEST_F(FrontTest, ATokenIsFoundForTheSameIntrospectorsInTheSameOrder)
{
    front_.remember(entry("a token of some length", {&one_, &two_}));

    EXPECT_TRUE(finds("a token of some length", {&one_, &two_}));
    for (const std::vector<const Introspector *> &listed : {std::vector<const Introspector *>{},
                                                            {&one_},
                                                            {&two_},
                                                            {&two_, &one_},
                                                            {&one_, &two_, &one_}})
    {
        EXPECT_FALSE(finds("a token of some length", listed)) << listed.size();
    }
}

TEST_F(FrontTest, IsWorthRememberingFromTheSecondTime)
{
    EXPECT_FALSE(front_.returns("a token of some length"));
    EXPECT_TRUE(front_.returns("a token of some length"));
    front_.remember(entry("a token of some length", {&one_}));
    EXPECT_TRUE(front_.returns("a token of some length"));
    EXPECT_FALSE(front_.returns("another token of that length"));
}

TEST_F(FrontTest, WhatIsLargeIsNotKept)
{
    const std::string largest(8192, 'x');
    front_.remember(entry(largest, {&one_}));
    EXPECT_TRUE(finds(largest, {&one_}));
    front_.remember(entry(largest + "x", {&one_}));
    EXPECT_FALSE(finds(largest + "x", {&one_}));

    Remembered wide = entry("wide", {&one_});
    wide.block.resize(16384);
    front_.remember(wide);
    EXPECT_TRUE(finds("wide", {&one_}));
    Remembered too_wide = entry("too wide", {&one_});
    too_wide.block.resize(16385);
    front_.remember(too_wide);
    EXPECT_FALSE(finds("too wide", {&one_}));
}

TEST_F(FrontTest, WhatWasFoundOutlivesItsReplacement)
{
    const std::string tail(64, 't');
    front_.remember(entry("12345678mine" + tail, {&one_}));
    const auto found =
        front_.find("12345678mine" + tail, std::array<const Introspector *, 1>{&one_});
    ASSERT_TRUE(found);
    front_.remember(entry("12345678hers" + tail, {&one_}));

    EXPECT_EQ(found->token, "12345678mine" + tail);
    EXPECT_EQ(found->block, (std::vector<std::uint8_t>{1, 2, 3}));
}

// --- validations with one ------------------------------------------------------------------------

class FlowFront : public test::FlowTest {
protected:
    test::Worker &worker()
    {
        test::Worker &worker = FlowTest::worker();
        worker.environment().front = &front_;
        return worker;
    }

    /// A visit, and whether the worker had to ask the store.
    struct Visit {
        std::string verdict;
        bool asked;
        bool operator==(const Visit &) const = default;
    };
    Visit visit(test::Listed listed, const std::string &token)
    {
        const std::uint64_t hits = worker().store().statistics().hits;
        Request request(worker(), now_, std::move(listed), token);
        std::string verdict = request.advance();
        return {std::move(verdict), worker().store().statistics().hits != hits};
    }
    /// Visits until it comes from the front.
    void remember(const test::Listed &listed, const std::string &token)
    {
        for (int i = 0; i < 3; ++i) {
            visit(listed, token);
        }
        ASSERT_EQ(visit(listed, token), kRecalled);
    }
    void introspect(const Introspector &introspector, const std::string &token,
                    const std::string &answer)
    {
        Request first(worker(), now_, {&introspector}, token);
        ASSERT_EQ(first.advance(), "POST /introspect");
        ASSERT_EQ(first.answer(answer), "active");
    }

    const Visit kRecalled{"active", false};
    const Visit kAsked{"active", true};
    Front front_{42};
};

TEST_F(FlowFront, KeepsATokenFromItsSecondVisit)
{
    const Introspector &mine = opaque("mine");
    introspect(mine, "opaque", kActive);

    EXPECT_EQ(visit({&mine}, "opaque"), kAsked);
    EXPECT_EQ(visit({&mine}, "opaque"), kAsked) << "and is kept by this one";
    EXPECT_EQ(visit({&mine}, "opaque"), kRecalled);
    Request request(worker(), now_, {&mine}, "opaque");
    ASSERT_EQ(request.advance(), "active");
    EXPECT_EQ(request.cache(), "HIT");
    EXPECT_EQ(request.claim("sub"), "s");
    EXPECT_EQ(request.decided_by(), "mine");
    EXPECT_EQ(request.room().copies(), 0U);
}

TEST_F(FlowFront, AJwtHasItsHeaderToo)
{
    const Introspector &mine = jwt_with_key("mine");
    const std::string token = signer_a().token(R"("sub":"s")");
    remember({&mine}, token);

    Request request(worker(), now_, {&mine}, token);
    ASSERT_EQ(request.advance(), "active");
    EXPECT_EQ(request.claim("sub"), "s");
    EXPECT_EQ(request.validation().header().find("kid").string(), "a");
}

TEST_F(FlowFront, TheDigestIsTheTokens)
{
    const Introspector &mine = opaque("mine");
    introspect(mine, "opaque", kActive);
    remember({&mine}, "opaque");

    Request request(worker(), now_, {&mine}, "opaque");
    ASSERT_EQ(request.advance(), "active");
    const Sha256 *digest = request.validation().token_digest();
    ASSERT_NE(digest, nullptr);
    EXPECT_EQ(*digest, *Sha256Hasher()(as_bytes("opaque")));
}

TEST_F(FlowFront, ATokenLikeItIsAnotherOne)
{
    const Introspector &mine = opaque("mine");
    const std::string tail(64, 't');
    introspect(mine, "12345678mine" + tail, kActive);
    remember({&mine}, "12345678mine" + tail);

    EXPECT_EQ(visit({&mine}, "12345678hers" + tail).verdict, "POST /introspect");
    EXPECT_EQ(visit({&mine}, "12345678mine" + tail), kRecalled);
}

TEST_F(FlowFront, NothingCountsForMoreThanASecond)
{
    const Introspector &mine = opaque("mine");
    introspect(mine, "opaque", kActive);
    remember({&mine}, "opaque");

    pass_ms(999);
    EXPECT_EQ(visit({&mine}, "opaque"), kRecalled);
    pass_ms(1);
    EXPECT_EQ(visit({&mine}, "opaque"), kAsked) << "being asked for does not prolong it";
    EXPECT_EQ(visit({&mine}, "opaque"), kRecalled) << "but the store does";
}

TEST_F(FlowFront, NothingCountsForLongerThanInTheStore)
{
    Introspector &mine = opaque("mine");
    mine.cache_ttl_ms = 1500;
    introspect(mine, "opaque", kActive);
    pass_ms(1000);
    remember({&mine}, "opaque");

    pass_ms(499);
    EXPECT_EQ(visit({&mine}, "opaque"), kRecalled);
    pass_ms(1);
    EXPECT_EQ(visit({&mine}, "opaque").verdict, "POST /introspect");
}

TEST_F(FlowFront, NoJwtCountsForLongerThanItsKeySet)
{
    Introspector &mine = jwt("mine");
    mine.cache_ttl_ms = 4000;
    verdict_with_keys({&mine}, signer_a().token(R"("n":1)"), key_set({&signer_a()}));
    pass_ms(3500);
    Request renews(worker(), now_, {&mine}, signer_a().token(R"("n":2)"));
    ASSERT_EQ(renews.advance(), "active") << "and has the set's renewal, which takes its time";
    const std::string token = signer_a().token(R"("n":3)");
    remember({&mine}, token);

    pass_ms(499);
    EXPECT_EQ(visit({&mine}, token), kRecalled);
    renews.vanish();
    pass_ms(1);
    EXPECT_EQ(visit({&mine}, token).verdict, "GET /jwks");
}

TEST_F(FlowFront, ATokenExpiresToTheSecond)
{
    Introspector &strict = jwt_with_key("strict");
    Introspector &lenient = jwt_with_key("lenient");
    lenient.rules.leeway_s = 10;
    const std::string token = signer_a().token();  // for 3600 seconds
    for (const auto &[introspector, last] :
         {std::pair{&strict, kStart + 3599}, std::pair{&lenient, kStart + 3609}})
    {
        now_.unix_s = last;
        remember({introspector}, token);
        now_.unix_s = last + 1;
        EXPECT_EQ(visit({introspector}, token).verdict, "expired");
    }
}

TEST_F(FlowFront, AnExpiryWithAFractionIsNeverRoundedUp)
{
    const Introspector &mine = opaque("mine");
    introspect(mine, "opaque", R"({"active":true,"exp":)" + std::to_string(kStart + 100) + ".5}");
    now_.unix_s = kStart + 99;
    remember({&mine}, "opaque");
    now_.unix_s = kStart + 100;
    EXPECT_NE(visit({&mine}, "opaque"), kRecalled);
    now_.unix_s = kStart + 101;
    EXPECT_NE(visit({&mine}, "opaque").verdict, "active");
}

TEST_F(FlowFront, ATokenIsNotGoodBeforeItsTime)
{
    Introspector &strict = jwt_with_key("strict");
    Introspector &lenient = jwt_with_key("lenient");
    lenient.rules.leeway_s = 10;
    for (const auto &[name, word] :
         {std::pair{"nbf", "not_yet_valid"}, std::pair{"iat", "issued_in_future"}})
    {
        // of a clock that is set back while it is remembered
        for (const auto &[value, first] :
             {std::pair{"1700000000", kStart}, std::pair{"1699999999.5", kStart}})
        {
            const std::string token = signer_a().token("\"" + std::string(name) + "\":" + value);
            now_.unix_s = first;
            remember({&strict}, token);
            now_.unix_s = first - 1;
            EXPECT_EQ(visit({&strict}, token).verdict, word) << name << value;

            now_.unix_s = first - 10;
            remember({&lenient}, token);
            now_.unix_s = first - 11;
            EXPECT_EQ(visit({&lenient}, token).verdict, word) << name << value;
        }
    }
}

TEST_F(FlowFront, AKeyThatAnotherWorkerFindsGoneEndsIt)
{
    const Introspector &mine = jwt("mine");
    const std::string token = signer_a().token();
    verdict_with_keys({&mine}, token, key_set({&signer_a()}));
    pass_s(6);  // so that an unknown kid may have the set fetched
    remember({&mine}, token);

    test::Worker other(zone_, introspectors_);
    Request rotates(other, now_, {&mine}, signer_b().token());
    ASSERT_EQ(rotates.advance(), "GET /jwks");
    ASSERT_EQ(rotates.answer(key_set({&signer_b()})), "active");
    EXPECT_EQ(visit({&mine}, token).verdict, "unknown_key");
}

TEST_F(FlowFront, AKeyThatThisWorkerFindsGoneEndsIt)
{
    const Introspector &mine = jwt("mine");
    const std::string token = signer_a().token();
    verdict_with_keys({&mine}, token, key_set({&signer_a()}));
    pass_s(6);
    remember({&mine}, token);

    EXPECT_EQ(verdict_with_keys({&mine}, signer_b().token(), key_set({&signer_b()})), "active");
    EXPECT_EQ(visit({&mine}, token).verdict, "unknown_key");
}

TEST_F(FlowFront, WhatReplacesARecordCountsAtOnce)
{
    const Introspector &mine = opaque("mine");
    introspect(mine, "opaque", kActive);
    remember({&mine}, "opaque");

    test::Worker other(zone_, introspectors_);
    cache::Record inactive;
    inactive.code = Code::kInactive;
    other.store().put(key_of(mine), now_, inactive,
                      {.ttl_ms = 10'000, .expires_at_s = cache::kNeverExpires});
    EXPECT_EQ(visit({&mine}, "opaque").verdict, "inactive");
}

TEST_F(FlowFront, AChangedKeyFileCountsAtOnce)
{
    test::TemporaryDirectory directory;
    const std::string path = directory.write("key", signer_a().jwk());
    Introspector &mine = jwt("mine");
    mine.jwks_uri.clear();
    mine.keys = {{.value = path, .from_file = true, .options = {}}};
    const std::string token = signer_a().token();
    visit({&mine}, token);  // files are looked at once a second: now, and
    pass_ms(600);
    remember({&mine}, token);
    directory.write("key", signer_b().jwk());

    pass_ms(400);  // again
    EXPECT_EQ(visit({&mine}, token).verdict, "unknown_key");
}

TEST_F(FlowFront, AnotherLocationAsksItsOwnIntrospectors)
{
    const Introspector &mine = opaque("mine");
    const Introspector &theirs = opaque("theirs", "/other");
    const Introspector &foreign = jwt_with_key("foreign", "https://other.example");
    introspect(mine, "opaque", kActive);
    remember({&mine}, "opaque");

    EXPECT_EQ(visit({&theirs}, "opaque").verdict, "POST /other");
    EXPECT_EQ(visit({&foreign}, "opaque").verdict, "malformed");
    Request both(worker(), now_, {&theirs, &mine}, "opaque");
    EXPECT_EQ(both.advance(), "active");
    EXPECT_EQ(both.decided_by(), "mine");
    EXPECT_EQ(visit({&mine}, "opaque").verdict, "active");
}

TEST_F(FlowFront, TheSameIssuersOtherAudienceIsNotConfused)
{
    const Introspector &orders = jwt_with_key("orders");
    Introspector &billing = jwt_with_key("billing");
    billing.rules.audiences = {"billing"};
    const std::string token = signer_a().token(R"("aud":"orders")");
    remember({&orders}, token);

    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(visit({&billing}, token).verdict, "wrong_audience");
        EXPECT_EQ(visit({&orders}, token).verdict, "active");
    }
}

TEST_F(FlowFront, ARefusalIsNeverRemembered)
{
    Introspector &mine = opaque("mine");
    mine.rules.audiences = {"me"};
    Request first(worker(), now_, {&mine}, "bad");
    first.advance();
    ASSERT_EQ(first.answer(R"({"active":false})"), "inactive");
    Request second(worker(), now_, {&mine}, "foreign");
    second.advance();
    ASSERT_EQ(second.answer(R"({"active":true,"aud":"you"})"), "wrong_audience");

    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(visit({&mine}, "bad"), (Visit{"inactive", true}));
        EXPECT_EQ(visit({&mine}, "foreign"), (Visit{"wrong_audience", true}));
    }
}

TEST_F(FlowFront, WhatIsNotCachedIsNotRemembered)
{
    Introspector &uncached = opaque("uncached");
    uncached.cache_ttl_ms = 0;
    Introspector &verifying = jwt_with_key("verifying");
    verifying.cache_verified_jwt = false;
    for (int i = 0; i < 5; ++i) {
        introspect(uncached, "opaque", kActive);
        Request request(worker(), now_, {&verifying}, signer_a().token());
        EXPECT_EQ(request.advance(), "active");
        EXPECT_EQ(request.cache(), "BYPASS");
    }
}

TEST_F(FlowFront, TheUserIsAskedForAllTheSame)
{
    Introspector &mine = jwt_with_key("mine");
    mine.user_claims = {"sub"};
    mine.user_endpoint = "/User/";
    mine.cache_ttl_ms = 5000;
    Request first(worker(), now_, {&mine}, signer_a().token(R"("sub":"a","n":1)"));
    ASSERT_EQ(first.advance(), "GET /User/a");
    ASSERT_EQ(first.answer(R"({"user":{"name":"Alice"},"role":[{"name":"doctor"}]})"), "active");
    pass_ms(4500);
    const std::string token = signer_a().token(R"("sub":"a","n":2)");
    for (int i = 0; i < 4; ++i) {
        Request request(worker(), now_, {&mine}, token);
        ASSERT_EQ(request.advance(), "active");
        EXPECT_EQ(request.validation().user().find("name").string(), "Alice");
        EXPECT_EQ(request.validation().roles().size(), 1U);
        EXPECT_EQ(request.validation().user_id(), "a");
    }

    pass_ms(500);
    Request request(worker(), now_, {&mine}, token);
    ASSERT_EQ(request.advance(), "GET /User/a") << "the token still counts, the user does not";
    EXPECT_EQ(request.answer(R"({"user":{"inactive":true}})"), "user_inactive");
    EXPECT_EQ(visit({&mine}, token).verdict, "user_inactive");
}

TEST_F(FlowFront, ARequestKeepsItsClaimsWhenTheFrontForgetsThem)
{
    const Introspector &mine = opaque("mine");
    const std::string tail(64, 't');
    introspect(mine, "12345678mine" + tail, R"({"active":true,"sub":"mine"})");
    introspect(mine, "12345678hers" + tail, R"({"active":true,"sub":"hers"})");
    remember({&mine}, "12345678mine" + tail);
    Request request(worker(), now_, {&mine}, "12345678mine" + tail);
    ASSERT_EQ(request.advance(), "active");

    remember({&mine}, "12345678hers" + tail);
    EXPECT_EQ(request.claim("sub"), "mine");
}

}  // namespace
}  // namespace token_introspect::flow
