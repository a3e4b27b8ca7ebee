// Verification keys: configured, fetched, rotated, removed, expired.

#include "flow_fixture.hpp"

namespace token_introspect::flow {
namespace {

using test::hs256_token;
using test::key_set;
using test::kIssuer;
using test::kSecret;
using test::kStart;
using test::Request;
using test::signer_a;
using test::signer_b;

const std::string kGoodPayload = R"({"iss":"https://issuer.example","exp":1700003600})";
constexpr std::uint64_t kInterval = 5;  // seconds between two fetches for unknown kids

class FlowKeys : public test::FlowTest {
protected:
    static std::string keys_a() { return key_set({&signer_a()}); }
    static std::string keys_b() { return key_set({&signer_b()}); }
    static std::string keys_a_b() { return key_set({&signer_a(), &signer_b()}); }

    /// The introspector with signer_a's key fetched and used, and the time for another fetch come.
    Introspector &with_keys_of_a()
    {
        Introspector &mine = jwt("mine");
        EXPECT_EQ(verdict_with_keys({&mine}, signer_a().token(), keys_a()), "active");
        pass_s(kInterval);
        return mine;
    }
};

TEST_F(FlowKeys, ConfiguredKeyNeedsNoFetch)
{
    const Introspector &mine = jwt_with_key("mine");

    EXPECT_EQ(verdict({&mine}, signer_a().token()), "active");
    EXPECT_EQ(verdict({&mine}, signer_b().token()), "unknown_key");
}

TEST_F(FlowKeys, AnyOfSeveralConfiguredKeysVerifies)
{
    Introspector &mine = jwt_with_key("mine");
    mine.keys.push_back({.value = signer_b().pem(), .options = {}});

    EXPECT_EQ(verdict({&mine}, signer_a().token()), "active");
    EXPECT_EQ(verdict({&mine}, signer_b().token()), "active") << "a key without a kid";
}

TEST_F(FlowKeys, SecretServesHmac)
{
    Introspector &mine = jwt_with_key("mine");
    mine.keys = {{.value = kSecret, .options = {}}};
    mine.algorithms = {jose::Algorithm::kHS256};

    EXPECT_EQ(verdict({&mine}, hs256_token(kGoodPayload)), "active");
    EXPECT_EQ(verdict({&mine}, hs256_token(kGoodPayload, "another secret of more than 32 bytes")),
              "bad_signature");
}

TEST_F(FlowKeys, PublicKeyIsNoSecret)
{
    Introspector &mine = jwt_with_key("mine");
    mine.keys = {{.value = signer_a().pem(), .options = {}}};

    EXPECT_EQ(verdict({&mine}, hs256_token(kGoodPayload, signer_a().pem())), "unknown_key");
}

TEST_F(FlowKeys, AlgorithmMustBePermitted)
{
    Introspector &mine = jwt_with_key("mine");
    mine.algorithms = {jose::Algorithm::kRS256};

    EXPECT_EQ(verdict({&mine}, signer_a().token()), "unsupported_algorithm");
}

TEST_F(FlowKeys, CriticalExtensionRefuses)
{
    const Introspector &mine = jwt_with_key("mine");
    const std::string token =
        signer_a().sign(R"({"alg":"ES256","crit":["b64"],"b64":true})", kGoodPayload);

    EXPECT_EQ(verdict({&mine}, token), "unsupported_critical");
}

TEST_F(FlowKeys, KeySetIsFetchedOnce)
{
    const Introspector &mine = jwt("mine");
    Request first(worker(), now_, {&mine}, signer_a().token(R"("n":1)"));
    ASSERT_EQ(first.advance(), "GET /jwks");
    EXPECT_EQ(first.fetch().document, Document::kKeySet);
    EXPECT_EQ(first.fetch().accept, "application/jwk-set+json, application/json");
    EXPECT_EQ(first.fetch().authorization, "");
    EXPECT_EQ(first.answer(keys_a()), "active");

    EXPECT_EQ(verdict({&mine}, signer_a().token(R"("n":2)")), "active");
}

TEST_F(FlowKeys, KeySetComesAsAnyType)
{
    const Introspector &mine = jwt("mine");
    Request request(worker(), now_, {&mine}, signer_a().token());
    request.advance();

    const std::string keys = keys_a();
    EXPECT_EQ(
        request.answer(
            {.status = 200, .content_type = "text/plain", .content_encoding = {}, .body = keys}),
        "active");
}

TEST_F(FlowKeys, KeysFetchedByOneWorkerServeAll)
{
    const Introspector &mine = with_keys_of_a();
    test::Worker other(zone_, introspectors_);

    Request request(other, now_, {&mine}, signer_a().token());
    EXPECT_EQ(request.advance(), "active");
    EXPECT_EQ(other.state(mine).keys_generation(), worker().state(mine).keys_generation());
}

TEST_F(FlowKeys, HitParsesNothing)
{
    const Introspector &mine = jwt_with_key("mine");
    const std::vector<std::uint8_t> claims = [] {
        const auto json = parse_json_object(R"({"iss":"https://issuer.example","exp":1700000060})");
        return *token::build_claims(json->get());
    }();
    const std::string unreadable = "a.b.c";  // of a JWT's shape, and not even base64url
    cache::Record record;
    record.key = worker().state(mine).keys().keys()[0].id();
    record.claims = claims;
    worker().store().put(mine.token_key(*Sha256Hasher()(as_bytes(unreadable))), now_, record,
                         {.ttl_ms = 1000, .expires_at_s = cache::kNeverExpires});

    Request request(worker(), now_, {&mine}, unreadable);
    EXPECT_EQ(request.advance(), "active");
    EXPECT_EQ(request.cache(), "HIT");
    EXPECT_EQ(request.claim("iss"), kIssuer);
    EXPECT_EQ(request.room().copies(), 1U);
}

TEST_F(FlowKeys, UnknownKidFetchesTheKeysOnce)
{
    const Introspector &mine = with_keys_of_a();
    Request request(worker(), now_, {&mine}, signer_b().token());
    ASSERT_EQ(request.advance(), "GET /jwks");
    EXPECT_EQ(request.answer(keys_a_b()), "active");

    EXPECT_EQ(verdict({&mine}, signer_a().token(R"("n":2)")), "active");
    EXPECT_EQ(verdict({&mine}, signer_b().token(R"("n":2)")), "active");
}

TEST_F(FlowKeys, UnknownKidsAreLimitedInRate)
{
    const Introspector &mine = with_keys_of_a();
    Request first(worker(), now_, {&mine}, signer_b().token(R"("n":0)"));
    ASSERT_EQ(first.advance(), "GET /jwks");
    EXPECT_EQ(first.answer(keys_a()), "unknown_key");

    for (int i = 1; i < 10; ++i) {
        EXPECT_EQ(verdict({&mine}, signer_b().token("\"n\":" + std::to_string(i))), "unknown_key");
    }
    pass_ms(kInterval * 1000 - 1);
    EXPECT_EQ(verdict({&mine}, signer_b().token()), "unknown_key");
    EXPECT_EQ(verdict({&mine}, signer_a().token(R"("n":2)")), "active");
    pass_ms(1);
    EXPECT_EQ(verdict({&mine}, signer_b().token()), "GET /jwks");
}

TEST_F(FlowKeys, RateIsSharedByAllWorkers)
{
    const Introspector &mine = with_keys_of_a();
    Request first(worker(), now_, {&mine}, signer_b().token());
    first.advance();
    first.answer(keys_a());

    test::Worker other(zone_, introspectors_);
    Request request(other, now_, {&mine}, signer_b().token());
    EXPECT_EQ(request.advance(), "unknown_key");
}

TEST_F(FlowKeys, UnknownKidRightAfterTheFirstFetchIsRefused)
{
    const Introspector &mine = jwt("mine");

    EXPECT_EQ(verdict_with_keys({&mine}, signer_b().token(), keys_a()), "unknown_key");
    EXPECT_EQ(verdict({&mine}, signer_b().token()), "unknown_key");
}

TEST_F(FlowKeys, ForgedSignatureFetchesNothing)
{
    const Introspector &mine = with_keys_of_a();
    const std::string forged = signer_b().sign(signer_a().header(), kGoodPayload);

    EXPECT_EQ(verdict({&mine}, forged), "bad_signature");
}

TEST_F(FlowKeys, RotationSeenByAnotherWorkerNeedsNoFetch)
{
    const Introspector &mine = with_keys_of_a();
    test::Worker other(zone_, introspectors_);
    Request elsewhere(other, now_, {&mine}, signer_b().token());
    ASSERT_EQ(elsewhere.advance(), "GET /jwks");
    ASSERT_EQ(elsewhere.answer(keys_b()), "active");

    EXPECT_EQ(verdict({&mine}, signer_b().token()), "active");
    EXPECT_EQ(verdict({&mine}, signer_b().token()), "active");
}

TEST_F(FlowKeys, RemovedKeyKillsWhatItVerified)
{
    const Introspector &mine = with_keys_of_a();
    ASSERT_EQ(verdict({&mine}, signer_a().token()), "active");
    Request rotation(worker(), now_, {&mine}, signer_b().token());
    rotation.advance();
    ASSERT_EQ(rotation.answer(keys_b()), "active");

    Request dead(worker(), now_, {&mine}, signer_a().token());
    EXPECT_EQ(dead.advance(), "unknown_key");
    EXPECT_EQ(dead.cache(), "");
}

TEST_F(FlowKeys, KeyRemovedByAnotherWorkerKillsWhatItVerified)
{
    const Introspector &mine = with_keys_of_a();
    ASSERT_EQ(verdict({&mine}, signer_a().token()), "active");
    test::Worker other(zone_, introspectors_);
    Request rotation(other, now_, {&mine}, signer_b().token());
    rotation.advance();
    ASSERT_EQ(rotation.answer(keys_b()), "active");

    EXPECT_EQ(verdict({&mine}, signer_a().token()), "unknown_key");
}

TEST_F(FlowKeys, KeyThatStaysKeepsWhatItVerified)
{
    const Introspector &mine = with_keys_of_a();
    Request rotation(worker(), now_, {&mine}, signer_b().token());
    rotation.advance();
    ASSERT_EQ(rotation.answer(keys_a_b()), "active");

    Request kept(worker(), now_, {&mine}, signer_a().token());
    EXPECT_EQ(kept.advance(), "active");
    EXPECT_EQ(kept.cache(), "HIT");
}

TEST_F(FlowKeys, ExpiredKeySetIsFetchedByTheLeaderWhileTheLastGoodServes)
{
    Introspector &mine = jwt("mine");
    mine.cache_ttl_ms = 60'000;
    ASSERT_EQ(verdict_with_keys({&mine}, signer_a().token(), keys_a()), "active");
    pass_s(30);
    ASSERT_EQ(verdict({&mine}, signer_a().token(R"("n":2)")), "active");
    pass_s(30);

    Request leader(worker(), now_, {&mine}, signer_a().token(R"("n":2)"));
    ASSERT_EQ(leader.advance(), "GET /jwks") << "its record is fresh, but not the keys";
    EXPECT_EQ(verdict({&mine}, signer_a().token(R"("n":2)")), "active");
    EXPECT_EQ(verdict({&mine}, signer_a().token(R"("n":3)")), "active");
    test::Worker other(zone_, introspectors_);
    Request elsewhere(other, now_, {&mine}, signer_a().token(R"("n":3)"));
    EXPECT_EQ(elsewhere.advance(), "active") << "a worker that never saw the keys";
    EXPECT_EQ(leader.answer(keys_a()), "active");
}

TEST_F(FlowKeys, FailedRefreshDenies)
{
    Introspector &mine = jwt("mine");
    mine.cache_ttl_ms = 60'000;
    ASSERT_EQ(verdict_with_keys({&mine}, signer_a().token(), keys_a()), "active");
    pass_s(60);
    Request leader(worker(), now_, {&mine}, signer_a().token());
    ASSERT_EQ(leader.advance(), "GET /jwks");
    EXPECT_EQ(leader.no_answer(Code::kIssuerUnreachable), "issuer_unreachable");
    pass_ms(1);

    Request next(worker(), now_, {&mine}, signer_a().token());
    ASSERT_EQ(next.advance(), "GET /jwks");
    EXPECT_EQ(verdict({&mine}, signer_a().token()), "WAIT") << "the last good serves no more";
    EXPECT_EQ(next.answer("", 500), "issuer_status");
    pass_ms(1);

    Request better(worker(), now_, {&mine}, signer_a().token());
    ASSERT_EQ(better.advance(), "GET /jwks");
    EXPECT_EQ(better.answer(keys_a()), "active");
}

TEST_F(FlowKeys, FailedFetchForAnUnknownKidDeniesNobodyElse)
{
    const Introspector &mine = with_keys_of_a();
    Request unknown(worker(), now_, {&mine}, signer_b().token());
    ASSERT_EQ(unknown.advance(), "GET /jwks");
    EXPECT_EQ(unknown.answer("", 500), "issuer_status");
    pass_ms(1);

    EXPECT_EQ(verdict({&mine}, signer_b().token()), "issuer_status") << "until the next attempt";
    EXPECT_EQ(verdict({&mine}, signer_a().token()), "active");
    EXPECT_EQ(verdict({&mine}, signer_a().token(R"("n":2)")), "active");
    pass_s(kInterval);
    EXPECT_EQ(verdict({&mine}, signer_b().token()), "GET /jwks");
}

TEST_F(FlowKeys, UnusableKeySetLeavesTheLastGood)
{
    const Introspector &mine = with_keys_of_a();
    struct Case {
        const char *body;
        const char *word;
    };
    for (const auto &[body, word] :
         {Case{"{}", "malformed_key"}, Case{R"({"keys":7})", "malformed_key"},
          Case{R"({"keys":[]})", "no_keys"}, Case{R"({"keys":[{"kty":"RSA"}]})", "no_keys"},
          Case{"<html>", "issuer_response"}})
    {
        Request request(worker(), now_, {&mine}, signer_b().token());
        ASSERT_EQ(request.advance(), "GET /jwks") << body;
        EXPECT_EQ(request.answer(body), word) << body;
        EXPECT_EQ(worker().host().reports.back().severity, Severity::kError);
        EXPECT_EQ(verdict({&mine}, signer_a().token()), "active") << body;
        pass_s(kInterval);
    }
}

TEST_F(FlowKeys, SkippedKeysAreReported)
{
    const Introspector &mine = jwt("mine");
    const std::string keys = R"({"keys":[{"kty":"oct","k":"AAAA"},)" + signer_a().jwk() + "]}";

    EXPECT_EQ(verdict_with_keys({&mine}, signer_a().token(), keys), "active");
    ASSERT_EQ(worker().host().reports.size(), 1U);
    EXPECT_EQ(worker().host().reports[0].severity, Severity::kWarn);
}

TEST_F(FlowKeys, SecretFromAPublicAddressIsNoneUnlessPermitted)
{
    const std::string oct = R"({"kty":"oct","k":")" + base64url_encode(as_bytes(kSecret)) + "\"}";
    const std::string keys = "{\"keys\":[" + oct + "," + signer_a().jwk() + "]}";
    Introspector &strict = jwt("strict");
    EXPECT_EQ(verdict_with_keys({&strict}, hs256_token(kGoodPayload), keys), "unknown_key");

    strict.algorithms = {jose::Algorithm::kES256};
    pass_s(kInterval);
    EXPECT_EQ(verdict({&strict}, hs256_token(kGoodPayload)), "unsupported_algorithm");
}

TEST_F(FlowKeys, SecretFromAnAddressServesWhenPermitted)
{
    const std::string oct = R"({"kty":"oct","k":")" + base64url_encode(as_bytes(kSecret)) + "\"}";
    Introspector &lax = jwt("lax");
    lax.algorithms = {jose::Algorithm::kHS256};

    EXPECT_EQ(verdict_with_keys({&lax}, hs256_token(kGoodPayload), "{\"keys\":[" + oct + "]}"),
              "active");
}

TEST_F(FlowKeys, ClaimsAreCheckedBeforeAndAfterCaching)
{
    Introspector &mine = jwt_with_key("mine");
    mine.rules.audiences = {"api"};
    struct Case {
        const char *claims;
        const char *word;
    };
    for (const auto &[claims, word] :
         {Case{R"("aud":"api")", "active"}, Case{R"("aud":"web")", "wrong_audience"},
          Case{R"("aud":"api","nbf":1700000001)", "not_yet_valid"},
          Case{R"("aud":"api","iat":1700000001)", "issued_in_future"},
          Case{R"("aud":"api","nbf":"1")", "bad_claim"}, Case{R"("aud":{})", "bad_claim"}})
    {
        EXPECT_EQ(verdict({&mine}, signer_a().token(claims)), word) << claims;
        EXPECT_EQ(verdict({&mine}, signer_a().token(claims)), word) << claims << ", again";
    }
    const auto of_payload = [](const std::string &payload) {
        return signer_a().sign(signer_a().header(), payload);
    };
    EXPECT_EQ(verdict({&mine}, of_payload(R"({"iss":"https://issuer.example","aud":"api"})")),
              "missing_expiry");
    EXPECT_EQ(verdict({&mine}, of_payload(R"({"iss":"https://issuer.example","exp":1700000000})")),
              "expired");
}

}  // namespace
}  // namespace token_introspect::flow
