// Which introspector a token goes to.

#include "flow_fixture.hpp"

namespace token_introspect::flow {
namespace {

using test::kIssuer;
using test::kStart;
using test::Request;
using test::signer_a;
using test::signer_b;

const std::string kActive = R"({"active":true})";
const std::string kInactive = R"({"active":false})";
const std::string kOther = "https://other.example";

using FlowDispatch = test::FlowTest;

TEST_F(FlowDispatch, JwtGoesToTheIntrospectorOfItsIssuer)
{
    const Introspector &other = jwt_with_key("other", kOther);
    const Introspector &mine = jwt_with_key("mine");

    Request request(worker(), now_, {&other, &mine}, signer_a().token(R"("sub":"s")"));
    EXPECT_EQ(request.advance(), "active");
    EXPECT_EQ(request.decided_by(), "mine");
    EXPECT_EQ(request.claim("sub"), "s");
    EXPECT_EQ(request.validation().header().find("kid").string(), "a");
}

TEST_F(FlowDispatch, JwtOfAnIssuerThatNobodyListsIsOfAnUnknownIssuer)
{
    const Introspector &mine = jwt_with_key("mine");

    Request request(worker(), now_, {&mine}, signer_a().token_of(kOther));
    EXPECT_EQ(request.advance(), "unknown_issuer");
    EXPECT_EQ(request.decided_by(), "-");
    EXPECT_EQ(verdict({&mine}, signer_a().sign(signer_a().header(), R"({"exp":1800000000})")),
              "unknown_issuer")
        << "no iss at all";
}

TEST_F(FlowDispatch, AnyIssuerTakesEvery)
{
    Introspector &any = jwt_with_key("any", "");
    any.rules.any_issuer = true;

    EXPECT_EQ(verdict({&any}, signer_a().token_of(kOther)), "active");
}

TEST_F(FlowDispatch, TokenThatIsNoJwtNeedsAnOpaqueIntrospector)
{
    const Introspector &mine = jwt_with_key("mine");

    for (const char *token : {"opaque", "a.b", "e30.e30.", "e30.e30.AAAA", "a.b.c.d"}) {
        Request request(worker(), now_, {&mine}, token);
        EXPECT_EQ(request.advance(), "malformed") << token;
        EXPECT_EQ(request.decided_by(), "-") << token;
    }
}

TEST_F(FlowDispatch, TokenThatIsNoJwtGoesToTheOpaqueIntrospector)
{
    const Introspector &mine = jwt_with_key("mine");
    const Introspector &theirs = opaque("theirs");

    for (const char *token : {"opaque", "a.b.c", "e30.e30.AAAA"}) {
        EXPECT_EQ(verdict({&mine, &theirs}, token), "POST /introspect") << token;
    }
}

TEST_F(FlowDispatch, JwtThatNobodyClaimsGoesToTheOpaqueIntrospector)
{
    const Introspector &theirs = opaque("theirs");
    const Introspector &mine = jwt_with_key("mine");

    Request request(worker(), now_, {&theirs, &mine}, signer_a().token_of(kOther));
    EXPECT_EQ(request.advance(), "POST /introspect");
    EXPECT_EQ(request.answer(kActive), "active");
    EXPECT_EQ(request.decided_by(), "theirs");
}

TEST_F(FlowDispatch, TokenOfAListedIssuerNeverGoesToAnOpaqueEndpoint)
{
    const Introspector &theirs = opaque("theirs");
    const Introspector &mine = jwt_with_key("mine");
    const test::Listed listed = {&theirs, &mine};
    const std::string good = signer_a().token();

    EXPECT_EQ(verdict(listed, good), "active");
    EXPECT_EQ(verdict(listed, good.substr(0, good.size() - 4) + "AAAA"), "bad_signature");
    EXPECT_EQ(verdict(listed, signer_b().token()), "unknown_key");
    EXPECT_EQ(verdict(listed, signer_a().token("\"nbf\":1900000000")), "not_yet_valid");
    EXPECT_EQ(verdict(listed, signer_a().sign(R"({"alg":"ES256","typ":"dpop+jwt"})",
                                              "{\"iss\":\"" + kIssuer + "\"}")),
              "unsupported_type");
    EXPECT_EQ(
        verdict(listed, signer_a().sign(R"({"alg":"none"})", "{\"iss\":\"" + kIssuer + "\"}")),
        "unsupported_algorithm");
}

TEST_F(FlowDispatch, OpaqueRecordOfAnotherLocationDoesNotServeATokenOfAListedIssuer)
{
    const Introspector &theirs = opaque("theirs");
    const Introspector &mine = jwt_with_key("mine");
    const std::string forged = signer_b().token();
    Request elsewhere(worker(), now_, {&theirs}, forged);
    ASSERT_EQ(elsewhere.advance(), "POST /introspect");
    ASSERT_EQ(elsewhere.answer(kActive), "active");
    ASSERT_EQ(verdict({&theirs}, forged), "active");

    EXPECT_EQ(verdict({&theirs, &mine}, forged), "unknown_key");
    EXPECT_EQ(verdict({&mine, &theirs}, forged), "unknown_key");
}

TEST_F(FlowDispatch, OpaqueRecordServesAJwtThatNobodyListedClaims)
{
    const Introspector &theirs = opaque("theirs");
    const Introspector &mine = jwt_with_key("mine");
    const std::string token = signer_a().token_of(kOther);
    Request first(worker(), now_, {&theirs, &mine}, token);
    first.advance();
    first.answer(kActive);

    Request second(worker(), now_, {&theirs, &mine}, token);
    EXPECT_EQ(second.advance(), "active");
    EXPECT_EQ(second.cache(), "HIT");
}

TEST_F(FlowDispatch, OneOfSeveralIssuersIsEnough)
{
    Introspector &mine = jwt_with_key("mine");
    mine.rules.issuers = {kOther, kIssuer};

    EXPECT_EQ(verdict({&mine}, signer_a().token()), "active");
    EXPECT_EQ(verdict({&mine}, signer_a().token_of(kOther)), "active");
}

TEST_F(FlowDispatch, SeveralJwtIntrospectorsOfOneIssuerAreTriedInOrder)
{
    Introspector &strict = jwt_with_key("strict");
    strict.rules.audiences = {"api"};
    Introspector &keyless = jwt_with_key("keyless");
    keyless.keys[0].value = signer_b().jwk();
    const Introspector &lax = jwt_with_key("lax");
    const std::string token = signer_a().token(R"("aud":"web")");

    Request request(worker(), now_, {&strict, &keyless, &lax}, token);
    EXPECT_EQ(request.advance(), "active");
    EXPECT_EQ(request.decided_by(), "lax");
    EXPECT_EQ(request.claim("aud"), "web");

    Request refused(worker(), now_, {&keyless, &strict}, token);
    EXPECT_EQ(refused.advance(), "wrong_audience") << "says more than unknown_key";
    EXPECT_EQ(refused.decided_by(), "strict");
    EXPECT_TRUE(refused.validation().claims().empty());
    EXPECT_TRUE(refused.validation().header().empty());

    Request other_order(worker(), now_, {&strict, &keyless}, token);
    EXPECT_EQ(other_order.advance(), "wrong_audience");
}

TEST_F(FlowDispatch, CachedRefusalOfOneIntrospectorLeavesTheOthersTheirSay)
{
    Introspector &strict = jwt_with_key("strict");
    strict.rules.audiences = {"api"};
    const Introspector &lax = jwt_with_key("lax");
    const std::string token = signer_a().token();
    ASSERT_EQ(verdict({&strict}, token), "wrong_audience");

    Request request(worker(), now_, {&strict, &lax}, token);
    EXPECT_EQ(request.advance(), "active");
    EXPECT_EQ(request.decided_by(), "lax");
}

TEST_F(FlowDispatch, SeveralOpaqueIntrospectorsAreAskedInOrder)
{
    const Introspector &first = opaque("first", "/first");
    const Introspector &second = opaque("second", "/second");
    const test::Listed listed = {&first, &second};

    Request request(worker(), now_, listed, "opaque");
    EXPECT_EQ(request.advance(), "POST /first");
    EXPECT_EQ(request.answer(kInactive), "POST /second");
    EXPECT_EQ(request.answer(kActive), "active");
    EXPECT_EQ(request.decided_by(), "second");

    Request again(worker(), now_, listed, "opaque");
    EXPECT_EQ(again.advance(), "active") << "both are remembered";
    EXPECT_EQ(again.decided_by(), "second");
    EXPECT_EQ(again.cache(), "HIT");
}

TEST_F(FlowDispatch, InactiveForAllIsInactive)
{
    const Introspector &first = opaque("first", "/first");
    const Introspector &second = opaque("second", "/second");

    Request request(worker(), now_, {&first, &second}, "opaque");
    request.advance();
    request.answer(kInactive);
    EXPECT_EQ(request.answer(kInactive), "inactive");
    EXPECT_EQ(request.decided_by(), "first");
    EXPECT_EQ(verdict({&first, &second}, "opaque"), "inactive");
}

TEST_F(FlowDispatch, WhoCouldNotBeHeardMightHaveSaidYes)
{
    const Introspector &first = opaque("first", "/first");
    const Introspector &second = opaque("second", "/second");
    const test::Listed listed = {&first, &second};

    Request inactive(worker(), now_, listed, "inactive");
    inactive.advance();
    EXPECT_EQ(inactive.answer("", 503), "POST /second");
    EXPECT_EQ(inactive.answer(kInactive), "issuer_status");
    EXPECT_EQ(inactive.decided_by(), "first");

    Request active(worker(), now_, listed, "active");
    active.advance();
    active.answer("", 503);
    EXPECT_EQ(active.answer(kActive), "active");

    Request reversed(worker(), now_, listed, "reversed");
    reversed.advance();
    reversed.answer(kInactive);
    EXPECT_EQ(reversed.no_answer(Code::kIssuerTimeout), "issuer_timeout");
    EXPECT_EQ(reversed.decided_by(), "second");
}

TEST_F(FlowDispatch, TokenTypeMustBeAccepted)
{
    Introspector &mine = jwt_with_key("mine");
    const std::string payload =
        "{\"iss\":\"" + kIssuer + "\",\"exp\":" + std::to_string(kStart + 60) + "}";
    const std::string untyped = signer_a().sign(R"({"alg":"ES256"})", payload);
    const std::string typed =
        signer_a().sign(R"({"alg":"ES256","typ":"application/at+JWT"})", payload);
    EXPECT_EQ(verdict({&mine}, untyped), "active");
    EXPECT_EQ(verdict({&mine}, typed), "active");

    mine.token_types = {"at+jwt"};
    mine.fingerprint[1] = 1;
    EXPECT_EQ(verdict({&mine}, untyped), "unsupported_type");
    EXPECT_EQ(verdict({&mine}, typed), "active");
}

TEST_F(FlowDispatch, TokenBeyondTheLimitIsNoJwt)
{
    Introspector &mine = jwt_with_key("mine");
    mine.limits.token_bytes = 100;

    EXPECT_EQ(verdict({&mine}, signer_a().token()), "malformed");
}

TEST_F(FlowDispatch, DigestIsOfTheToken)
{
    const Introspector &mine = opaque("mine");
    Request request(worker(), now_, {&mine}, "opaque");
    request.advance();

    EXPECT_EQ(*request.validation().token_digest(), *Sha256Hasher()(as_bytes("opaque")));
}

}  // namespace
}  // namespace token_introspect::flow
