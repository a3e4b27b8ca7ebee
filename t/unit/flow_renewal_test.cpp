// What is asked for anew in the background: once, and nobody waits for it.

#include "flow_fixture.hpp"
#include "signed_response_fixture.hpp"

namespace token_introspect::flow {
namespace {

using test::key_set;
using test::Request;
using test::signed_answer;
using test::signer_a;
using test::signer_b;

const std::string kActive = R"({"active":true,"sub":"s"})";
const std::string kInactive = R"({"active":false})";

class FlowRenewal : public test::SignedResponseTest {
protected:
    /// Results that may be stale for 100 s after 10 s.
    static Introspector &updating(Introspector &introspector)
    {
        introspector.stale_use = {.on_error = true, .on_timeout = true, .while_updating = true};
        introspector.cache_ttl_ms = 10'000;
        introspector.stale_ttl_ms = 100'000;
        return introspector;
    }
    void introspect(const Introspector &introspector, const std::string &token = "opaque")
    {
        Request first(worker(), now_, {&introspector}, token);
        ASSERT_EQ(first.advance(), "POST /introspect");
        ASSERT_EQ(first.answer(kActive), "active");
    }
    /// The renewal that an active visit finds necessary. Its subject outlives the visit.
    std::optional<Renewal> found_by(const Introspector &introspector, const std::string &token)
    {
        Request request(worker(), now_, {&introspector}, token);
        EXPECT_EQ(request.advance(), "active");
        std::optional<Renewal> renewal = request.validation().take_renewal();
        if (renewal) {
            renewal->subject = subjects_.emplace_back(renewal->subject);
        }
        return renewal;
    }
    std::optional<Renewal> found_by(const Introspector &introspector)
    {
        return found_by(introspector, "opaque");
    }
    /// Another JWT of signer_a each time.
    std::string fresh() { return signer_a().token("\"n\":" + std::to_string(++jwts_)); }

private:
    int jwts_ = 0;
    std::deque<std::string> subjects_;
};

TEST_F(FlowRenewal, OneOfManyFindsIt)
{
    const Introspector &mine = updating(opaque("mine"));
    introspect(mine);
    EXPECT_FALSE(found_by(mine)) << "it counts";
    pass_s(10);

    test::Worker other(zone_, introspectors_);
    std::optional<Renewal> renewal = found_by(mine);
    ASSERT_TRUE(renewal);
    EXPECT_EQ(renewal->peer, &mine);
    EXPECT_EQ(renewal->document, Document::kIntrospection);
    for (int i = 0; i < 5; ++i) {
        EXPECT_FALSE(found_by(mine));
        Request elsewhere(other, now_, {&mine}, "opaque");
        EXPECT_EQ(elsewhere.advance(), "active");
        EXPECT_FALSE(elsewhere.validation().take_renewal());
    }
}

TEST_F(FlowRenewal, IsTakenOnce)
{
    const Introspector &mine = updating(opaque("mine"));
    introspect(mine);
    pass_s(10);
    Request request(worker(), now_, {&mine}, "opaque");
    request.advance();
    const std::optional<Renewal> renewal = request.validation().take_renewal();
    EXPECT_TRUE(renewal);
    EXPECT_FALSE(request.validation().take_renewal());
}

TEST_F(FlowRenewal, OneThatCannotStartIsLeftToTheNext)
{
    const Introspector &mine = updating(opaque("mine"));
    introspect(mine);
    pass_s(10);
    for (int i = 1; i <= 3; ++i) {
        const std::optional<Renewal> dropped = found_by(mine);
        EXPECT_TRUE(dropped) << i;
    }
    {
        Request gone(worker(), now_, {&mine}, "opaque");
        EXPECT_EQ(gone.advance(), "active");
        // which nobody takes
    }
    EXPECT_TRUE(found_by(mine));
    EXPECT_EQ(worker().host().times_settled(key_of(mine)), 1 + 3 + 1 + 1) << "waiters are told";
}

TEST_F(FlowRenewal, OneThatIsGivenUpIsLeftToTheNext)
{
    Introspector &mine = updating(jwt("mine"));
    mine.jwks_uri.clear();
    mine.discovery_uris = {"/metadata"};
    Request first(worker(), now_, {&mine}, fresh());
    ASSERT_EQ(first.advance(), "GET /metadata");
    ASSERT_EQ(first.answer(test::kMetadata), "GET https://issuer.example/keys");
    ASSERT_EQ(first.answer(keys_a()), "active");
    pass_s(8);
    for (int i = 0; i < 3; ++i) {
        std::optional<Renewal> found = found_by(mine, fresh());
        ASSERT_TRUE(found);
        Request renewal(worker(), now_, std::move(*found));
        ASSERT_NE(renewal.advance(), "active");
        renewal.validation().give_up(Code::kTooManyWaiting);
    }
}

TEST_F(FlowRenewal, OfATokenStoresWhatTheIssuerSaysNow)
{
    const Introspector &mine = updating(opaque("mine"));
    introspect(mine);
    pass_s(10);
    Request renewal(worker(), now_, *found_by(mine));
    ASSERT_EQ(renewal.advance(), "POST /introspect");
    EXPECT_EQ(renewal.fetch().form, "token=opaque");
    renewal.answer(R"({"active":true,"sub":"new"})");

    Request request(worker(), now_, {&mine}, "opaque");
    EXPECT_EQ(request.advance(), "active");
    EXPECT_EQ(request.cache(), "HIT");
    EXPECT_EQ(request.claim("sub"), "new");
    EXPECT_FALSE(request.validation().take_renewal());
}

TEST_F(FlowRenewal, OfATokenMayFindItInactive)
{
    const Introspector &mine = updating(opaque("mine"));
    introspect(mine);
    pass_s(10);
    Request renewal(worker(), now_, *found_by(mine));
    renewal.advance();
    renewal.answer(kInactive);
    EXPECT_EQ(verdict({&mine}, "opaque"), "inactive");
}

TEST_F(FlowRenewal, WakesThoseWhoCannotTakeTheOldRecord)
{
    Introspector &mine = updating(opaque("mine"));
    introspect(mine);
    pass_s(10);
    std::optional<Renewal> found = found_by(mine);
    ASSERT_TRUE(found);
    mine.stale_use = {};  // as another worker's configuration may say during a reload
    Request waiting(worker(), now_, {&mine}, "opaque");
    ASSERT_EQ(waiting.advance(), "WAIT");

    Request renewal(worker(), now_, std::move(*found));
    ASSERT_EQ(renewal.advance(), "POST /introspect");
    const auto told = worker().host().times_settled(key_of(mine));
    renewal.answer(kActive);
    EXPECT_EQ(worker().host().times_settled(key_of(mine)), told + 1);
    EXPECT_EQ(waiting.advance(), "active");
}

TEST_F(FlowRenewal, ThatFailsKeepsTheOldUntilStaleTtl)
{
    const Introspector &mine = updating(opaque("mine"));
    introspect(mine);
    const std::uint64_t begin = now_.monotonic_ms;
    pass_s(10);
    int renewals = 0;
    while (now_.monotonic_ms < begin + 110'000) {
        Request request(worker(), now_, {&mine}, "opaque");
        ASSERT_EQ(request.advance(), "active") << now_.monotonic_ms - begin;
        ASSERT_EQ(request.cache(), "STALE");
        if (std::optional<Renewal> found = request.validation().take_renewal()) {
            ++renewals;
            Request renewal(worker(), now_, std::move(*found));
            ASSERT_EQ(renewal.advance(), "POST /introspect");
            renewal.no_answer(renewals % 2 == 0 ? Code::kIssuerTimeout : Code::kIssuerUnreachable);
        }
        pass_ms(100);
    }
    EXPECT_NE(verdict({&mine}, "opaque"), "active");
    EXPECT_GE(renewals, 5);
    EXPECT_LE(renewals, 15) << "after growing pauses";
}

TEST_F(FlowRenewal, ShowsNothingOfAnOldRecord)
{
    const Introspector &mine = updating(opaque("mine"));
    introspect(mine);
    pass_s(10);
    Request renewal(worker(), now_, *found_by(mine));
    renewal.advance();
    renewal.no_answer(Code::kIssuerUnreachable);
    EXPECT_EQ(renewal.claim("sub"), "");
}

TEST_F(FlowRenewal, IsNotStoredByWhoWasTooSlow)
{
    const Introspector &mine = updating(opaque("mine"));
    introspect(mine);
    pass_s(10);
    Request slow(worker(), now_, *found_by(mine));
    ASSERT_EQ(slow.advance(), "POST /introspect");
    pass_ms(mine.fetch_ms + 1000);
    Request next(worker(), now_, *found_by(mine));
    ASSERT_EQ(next.advance(), "POST /introspect");
    next.answer(kInactive);

    slow.answer(kActive);
    EXPECT_EQ(verdict({&mine}, "opaque"), "inactive");
}

TEST_F(FlowRenewal, OfAUser)
{
    Introspector &mine = updating(jwt_with_key("mine"));
    mine.user_claims = {"sub"};
    mine.user_endpoint = "/User/";
    const std::string token = signer_a().token(R"("sub":"a")");
    Request first(worker(), now_, {&mine}, token);
    ASSERT_EQ(first.advance(), "GET /User/a");
    ASSERT_EQ(first.answer(R"({"user":{"name":"Alice"}})"), "active");
    pass_s(10);

    std::optional<Renewal> found = found_by(mine, token);
    ASSERT_TRUE(found);
    EXPECT_FALSE(found_by(mine, token));
    EXPECT_EQ(found->document, Document::kUser);
    Request renewal(worker(), now_, std::move(*found));
    ASSERT_EQ(renewal.advance(), "GET /User/a");
    renewal.answer(R"({"user":{"name":"Alicia"}})");
    Request second(worker(), now_, {&mine}, token);
    ASSERT_EQ(second.advance(), "active");
    EXPECT_EQ(second.validation().user().find("name").string(), "Alicia");
}

TEST_F(FlowRenewal, OfAUserMayFindHimInactive)
{
    Introspector &mine = updating(jwt_with_key("mine"));
    mine.user_claims = {"sub"};
    mine.user_endpoint = "/User/";
    const std::string token = signer_a().token(R"("sub":"a")");
    Request first(worker(), now_, {&mine}, token);
    first.advance();
    ASSERT_EQ(first.answer(R"({"name":"Alice"})"), "active");
    pass_s(10);
    Request renewal(worker(), now_, *found_by(mine, token));
    ASSERT_EQ(renewal.advance(), "GET /User/a");
    renewal.answer(R"({"inactive":true})");
    EXPECT_EQ(verdict({&mine}, token), "user_inactive");
}

// --- documents -----------------------------------------------------------------------------------

TEST_F(FlowRenewal, AKeySetIsRenewedAheadOfItsTime)
{
    Introspector &mine = jwt("mine");
    mine.cache_ttl_ms = 10'000;
    const std::string known = fresh();
    verdict_with_keys({&mine}, known, keys_a());
    pass_ms(7499);
    EXPECT_FALSE(found_by(mine, known));
    EXPECT_FALSE(found_by(mine, fresh()));
    pass_ms(1);
    for (const std::string &token : {known, fresh()}) {
        const std::optional<Renewal> found = found_by(mine, token);
        ASSERT_TRUE(found);
        EXPECT_EQ(found->document, Document::kKeySet);
        EXPECT_FALSE(found_by(mine, known));
        EXPECT_FALSE(found_by(mine, fresh()));
    }

    Request renewal(worker(), now_, *found_by(mine, known));
    ASSERT_EQ(renewal.advance(), "GET /jwks");
    EXPECT_EQ(verdict({&mine}, known), "active") << "nobody waits";
    EXPECT_EQ(verdict({&mine}, fresh()), "active");
    renewal.answer(key_set({&signer_b()}));
    EXPECT_EQ(verdict({&mine}, signer_b().token()), "active");
    EXPECT_EQ(verdict({&mine}, known), "unknown_key");

    test::Worker other(zone_, introspectors_);
    Request elsewhere(other, now_, {&mine}, signer_b().token());
    EXPECT_EQ(elsewhere.advance(), "active");
}

TEST_F(FlowRenewal, AnUnchangedKeySetCountsForAnotherTime)
{
    Introspector &mine = jwt("mine");
    mine.cache_ttl_ms = 10'000;
    verdict_with_keys({&mine}, fresh(), keys_a());
    for (int i = 0; i < 5; ++i) {
        pass_s(8);
        Request renewal(worker(), now_, *found_by(mine, fresh()));
        ASSERT_EQ(renewal.advance(), "GET /jwks");
        renewal.answer(keys_a());
    }
    EXPECT_EQ(verdict({&mine}, fresh()), "active");
}

TEST_F(FlowRenewal, ThatFailsLeavesAKeySetItsTime)
{
    Introspector &mine = jwt("mine");
    mine.cache_ttl_ms = 10'000;
    verdict_with_keys({&mine}, fresh(), keys_a());
    pass_s(8);
    int renewals = 0;
    for (int i = 0; i < 20; ++i) {
        Request request(worker(), now_, {&mine}, fresh());
        ASSERT_EQ(request.advance(), "active") << i;
        if (std::optional<Renewal> found = request.validation().take_renewal()) {
            ++renewals;
            Request renewal(worker(), now_, std::move(*found));
            ASSERT_EQ(renewal.advance(), "GET /jwks");
            renewal.answer("", 500);
        }
        pass_ms(99);
    }
    EXPECT_GE(renewals, 3);
    EXPECT_LE(renewals, 5);
    pass_ms(20);
    EXPECT_NE(verdict({&mine}, fresh()), "active");
}

// A key that is rotated in, or garbage: whoever asks must not wait for what it was to set off itself.
TEST_F(FlowRenewal, AnUnknownKidFetchesAKeySetThatIsDue)
{
    Introspector &mine = jwt("mine");
    mine.cache_ttl_ms = 10'000;
    verdict_with_keys({&mine}, fresh(), keys_a());
    pass_s(8);

    Request request(worker(), now_, {&mine}, signer_b().token());
    ASSERT_EQ(request.advance(), "GET /jwks");
    EXPECT_EQ(request.answer(key_set({&signer_a(), &signer_b()})), "active");
    EXPECT_FALSE(request.validation().take_renewal());
    EXPECT_FALSE(found_by(mine, fresh()));
}

TEST_F(FlowRenewal, AnUnknownKidFetchesAKeySetThatIsStale)
{
    const Introspector &mine = updating(jwt("mine"));
    verdict_with_keys({&mine}, fresh(), keys_a());
    pass_s(12);

    Request request(worker(), now_, {&mine}, signer_b().token());
    ASSERT_EQ(request.advance(), "GET /jwks");
    EXPECT_EQ(request.answer(key_set({&signer_a(), &signer_b()})), "active");
    EXPECT_FALSE(found_by(mine, fresh()));
}

TEST_F(FlowRenewal, AnUnknownKidWaitsForARenewalThatIsUnderWay)
{
    const Introspector &mine = updating(jwt("mine"));
    verdict_with_keys({&mine}, fresh(), keys_a());
    pass_s(12);
    Request renewal(worker(), now_, *found_by(mine, fresh()));
    ASSERT_EQ(renewal.advance(), "GET /jwks");

    Request request(worker(), now_, {&mine}, signer_b().token());
    ASSERT_EQ(request.advance(), "WAIT");
    pass_ms(10);
    renewal.answer(key_set({&signer_b()}));
    EXPECT_EQ(request.advance(), "active");
}

// Tokens in the cache alone must not keep a set alive that its issuer has replaced long ago.
TEST_F(FlowRenewal, AKnownJwtHasAStaleKeySetRenewed)
{
    const Introspector &mine = updating(jwt("mine"));
    verdict_with_keys({&mine}, fresh(), keys_a());
    pass_s(6);
    const std::string known = fresh();
    ASSERT_FALSE(found_by(mine, known));
    pass_s(5);

    std::optional<Renewal> found = found_by(mine, known);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->document, Document::kKeySet);
    EXPECT_FALSE(found_by(mine, known));
}

TEST_F(FlowRenewal, MetadataIsRenewedAheadOfItsTime)
{
    Introspector &mine = updating(opaque("mine"));
    mine.introspection_endpoint.clear();
    mine.rules.issuers = {test::kIssuer};
    mine.discovery_uris = {"/openid", "/oauth"};
    Request first(worker(), now_, {&mine}, "one");
    ASSERT_EQ(first.advance(), "GET /openid");
    ASSERT_EQ(first.answer("", 404), "GET /oauth");
    ASSERT_EQ(first.answer(test::kMetadata), "POST https://issuer.example/introspect");
    ASSERT_EQ(first.answer(kActive), "active");
    pass_s(8);

    Request finder(worker(), now_, {&mine}, "two");
    ASSERT_EQ(finder.advance(), "POST https://issuer.example/introspect");
    ASSERT_EQ(finder.answer(kActive), "active");
    std::optional<Renewal> found = finder.validation().take_renewal();
    ASSERT_TRUE(found);
    EXPECT_EQ(found->document, Document::kMetadata);
    Request renewal(worker(), now_, std::move(*found));
    ASSERT_EQ(renewal.advance(), "GET /openid");
    ASSERT_EQ(renewal.answer("", 404), "GET /oauth");
    renewal.answer(R"({"issuer":"https://issuer.example",)"
                   R"("introspection_endpoint":"https://issuer.example/moved"})");
    EXPECT_EQ(verdict({&mine}, "three"), "POST https://issuer.example/moved");
}

TEST_F(FlowRenewal, OfATokenReadsTheMetadataFirst)
{
    Introspector &mine = updating(opaque("mine"));
    mine.introspection_endpoint.clear();
    mine.rules.issuers = {test::kIssuer};
    mine.discovery_uris = {"/metadata"};
    mine.stale_ttl_ms = 1000;
    Request first(worker(), now_, {&mine}, "opaque");
    ASSERT_EQ(first.advance(), "GET /metadata");
    ASSERT_EQ(first.answer(test::kMetadata), "POST https://issuer.example/introspect");
    pass_ms(500);
    ASSERT_EQ(first.answer(kActive), "active");
    pass_ms(10'500 - 100);

    // the metadata is stale for another 100 ms, and gone when the renewal begins
    std::optional<Renewal> of_metadata = found_by(mine);
    ASSERT_TRUE(of_metadata);
    ASSERT_EQ(of_metadata->document, Document::kMetadata);
    std::optional<Renewal> found = found_by(mine);
    ASSERT_TRUE(found);
    ASSERT_EQ(found->document, Document::kIntrospection);
    of_metadata.reset();
    pass_ms(200);
    Request renewal(worker(), now_, std::move(*found));
    ASSERT_EQ(renewal.advance(), "GET /metadata");
    ASSERT_EQ(renewal.answer(test::kMetadata), "POST https://issuer.example/introspect");
    renewal.answer(kInactive);
    EXPECT_EQ(verdict({&mine}, "opaque"), "inactive");
}

// --- signed responses ----------------------------------------------------------------------------

TEST_F(FlowRenewal, OfASignedResponse)
{
    const Introspector &mine = updating(signing("mine"));
    Request first(worker(), now_, {&mine}, "opaque");
    ASSERT_EQ(first.advance(), "POST /introspect");
    ASSERT_EQ(first.answer(signed_answer(test::response(signer_a()))), "active");
    pass_s(10);

    Request renewal(worker(), now_, *found_by(mine));
    ASSERT_EQ(renewal.advance(), "POST /introspect");
    EXPECT_EQ(renewal.fetch().accept, "application/token-introspection+jwt, application/jwt");
    const std::string jwt = test::response(signer_a(), R"({"active":true,"sub":"new"})");
    renewal.answer(signed_answer(jwt));
    Request second(worker(), now_, {&mine}, "opaque");
    ASSERT_EQ(second.advance(), "active");
    EXPECT_EQ(second.cache(), "HIT");
    EXPECT_EQ(second.claim("sub"), "new");
    EXPECT_EQ(jwt_of(second), jwt);
}

TEST_F(FlowRenewal, OfASignedResponseFetchesKeysThatItLacks)
{
    const Introspector &mine = updating(with_keys_of_a());
    Request first(worker(), now_, {&mine}, "opaque");
    ASSERT_EQ(first.advance(), "POST /introspect");
    ASSERT_EQ(first.answer(signed_answer(test::response(signer_a()))), "active");
    pass_s(10);

    Request renewal(worker(), now_, *found_by(mine));
    ASSERT_EQ(renewal.advance(), "POST /introspect");
    ASSERT_EQ(
        renewal.answer(signed_answer(test::response(signer_b(), R"({"active":true,"sub":"new"})"))),
        "GET /jwks");
    renewal.answer(keys_b());
    Request second(worker(), now_, {&mine}, "opaque");
    ASSERT_EQ(second.advance(), "active");
    EXPECT_EQ(second.claim("sub"), "new");
}

TEST_F(FlowRenewal, OfASignedResponseThatIsForgedChangesNothing)
{
    const Introspector &mine = updating(signing("mine"));
    Request first(worker(), now_, {&mine}, "opaque");
    ASSERT_EQ(first.advance(), "POST /introspect");
    ASSERT_EQ(first.answer(signed_answer(test::response(signer_a()))), "active");
    pass_s(10);

    Request renewal(worker(), now_, *found_by(mine));
    ASSERT_EQ(renewal.advance(), "POST /introspect");
    const std::string header =
        R"({"typ":"token-introspection+jwt",)" + signer_a().header().substr(1);
    renewal.answer(signed_answer(
        signer_b().sign(header, test::envelope(R"({"active":true,"sub":"forged"})"))));
    Request second(worker(), now_, {&mine}, "opaque");
    ASSERT_EQ(second.advance(), "active");
    EXPECT_EQ(second.cache(), "STALE");
    EXPECT_EQ(second.claim("sub"), "s");
    EXPECT_EQ(worker().host().reports.size(), 1U);
}

}  // namespace
}  // namespace token_introspect::flow
