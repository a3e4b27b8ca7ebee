// What is kept of signed introspection responses, and which one counts where several could.

#include "signed_response_fixture.hpp"

namespace token_introspect::flow {
namespace {

using namespace test;
using test::Request;

using FlowSignedResponseCaching = SignedResponseTest;

TEST_F(FlowSignedResponseCaching, HitGivesTheJwtAgain)
{
    Introspector &mine = signing("mine");
    mine.cache_ttl_ms = 60'000;
    const std::string jwt = response(signer_a());
    Request first(worker(), now_, {&mine}, "opaque");
    first.advance();
    ASSERT_EQ(first.answer(signed_answer(jwt)), "active");

    pass_ms(59'999);
    test::Worker other(zone_, introspectors_);
    for (test::Worker *its : {&worker(), &other}) {
        Request hit(*its, now_, {&mine}, "opaque");
        EXPECT_EQ(hit.advance(), "active");
        EXPECT_EQ(hit.cache(), "HIT");
        EXPECT_EQ(hit.claim("sub"), "s");
        EXPECT_EQ(jwt_of(hit), jwt);
    }
    pass_ms(1);
    EXPECT_EQ(verdict({&mine}, "opaque"), "POST /introspect");
}

TEST_F(FlowSignedResponseCaching, HitThatIsRefusedGivesNoJwt)
{
    const Introspector &mine = signing("mine");
    Request first(worker(), now_, {&mine}, "opaque");
    first.advance();
    ASSERT_EQ(first.answer(signed_answer(response(signer_a(), R"({"active":false})"))), "inactive");
    EXPECT_EQ(jwt_of(first), "");

    Request hit(worker(), now_, {&mine}, "opaque");
    EXPECT_EQ(hit.advance(), "inactive");
    EXPECT_EQ(hit.cache(), "HIT");
    EXPECT_EQ(jwt_of(hit), "");
}

TEST_F(FlowSignedResponseCaching, NothingIsKeptWithoutACache)
{
    Introspector &mine = fetching("mine");
    mine.cache_ttl_ms = 0;

    for (int i = 0; i < 2; ++i) {
        Request request(worker(), now_, {&mine}, "opaque");
        EXPECT_EQ(request.advance(), "POST /introspect");
        EXPECT_EQ(request.answer(signed_answer(response(signer_a()))), "GET /jwks");
        EXPECT_EQ(request.answer(keys_a()), "active");
        EXPECT_EQ(request.cache(), "BYPASS");
        EXPECT_EQ(jwt_of(request), response(signer_a()));
        pass_ms(1);
    }
}

// B105
TEST_F(FlowSignedResponseCaching, KeptNoLongerThanTheToken)
{
    const Introspector &mine = signing("mine");
    Request first(worker(), now_, {&mine}, "opaque");
    first.advance();
    ASSERT_EQ(first.answer(signed_answer(response(signer_a(), until(60)))), "active");

    pass_s(59);
    EXPECT_EQ(verdict({&mine}, "opaque"), "active");
    pass_s(1);
    EXPECT_EQ(verdict({&mine}, "opaque"), "POST /introspect");
}

// The upstream would refuse it.
TEST_F(FlowSignedResponseCaching, KeptNoLongerThanTheResponseItself)
{
    Introspector &mine = signing("mine");
    mine.rules.leeway_s = 5;
    for (const std::string &token : {kActive, until(600)}) {
        Request first(worker(), now_, {&mine}, token);
        first.advance();
        ASSERT_EQ(first.answer(signed_answer(
                      response(signer_a(), token, "\"exp\":" + std::to_string(now_.unix_s + 60)))),
                  "active");
        pass_s(64);
        EXPECT_EQ(verdict({&mine}, token), "active");
        pass_s(1);
        EXPECT_EQ(verdict({&mine}, token), "POST /introspect");
    }
}

TEST_F(FlowSignedResponseCaching, ResponseInItsLastSecondIsNoFailure)
{
    const Introspector &mine = signing("mine");
    const std::string last_second = response(signer_a(), R"({"active":true,"exp":1700000000.5})");
    Request leader(worker(), now_, {&mine}, "opaque");
    Request follower(worker(), now_, {&mine}, "opaque");
    leader.advance();
    follower.advance();
    EXPECT_EQ(leader.answer(signed_answer(last_second)), "active");
    EXPECT_EQ(jwt_of(leader), last_second);

    EXPECT_EQ(follower.advance(), "POST /introspect") << "never active without claims";
}

TEST_F(FlowSignedResponseCaching, AnswerOutlivesTheKeyThatSignedIt)
{
    const Introspector &mine = with_keys_of_a();
    Request rotation(worker(), now_, {&mine}, "opaque");
    rotation.advance();
    rotation.answer(signed_answer(response(signer_b())));
    ASSERT_EQ(rotation.answer(keys_b()), "active");

    EXPECT_EQ(verdict({&mine}, "the first"), "active") << "as an answer in JSON would";
    EXPECT_EQ(answered(mine, response(signer_a())), "issuer_response");
}

TEST_F(FlowSignedResponseCaching, ResponseIsTheDecidingIntrospectors)
{
    const Introspector &sealed = signing("signed");
    const Introspector &json = opaque("json", "/json");
    const token::Answer inactive{
        .status = 204, .content_type = {}, .content_encoding = {}, .body = {}};

    Request by_json(worker(), now_, {&sealed, &json}, "one");
    ASSERT_EQ(by_json.advance(), "POST /introspect");
    ASSERT_EQ(by_json.answer(inactive), "POST /json");
    EXPECT_EQ(by_json.fetch().accept, "application/json");
    EXPECT_EQ(by_json.answer(kActive), "active");
    EXPECT_EQ(by_json.decided_by(), "json");
    EXPECT_EQ(jwt_of(by_json), "");

    Request by_signed(worker(), now_, {&json, &sealed}, "two");
    ASSERT_EQ(by_signed.advance(), "POST /json");
    ASSERT_EQ(by_signed.answer(R"({"active":false})"), "POST /introspect");
    EXPECT_EQ(by_signed.answer(signed_answer(response(signer_a()))), "active");
    EXPECT_EQ(by_signed.decided_by(), "signed");
    EXPECT_EQ(jwt_of(by_signed), response(signer_a()));

    for (const auto &[token, by, jwt] : {std::tuple{"one", "json", std::string()},
                                         std::tuple{"two", "signed", response(signer_a())}})
    {
        Request again(worker(), now_, {&sealed, &json}, token);
        EXPECT_EQ(again.advance(), "active") << token;
        EXPECT_EQ(again.decided_by(), by);
        EXPECT_EQ(jwt_of(again), jwt);
    }
}

TEST_F(FlowSignedResponseCaching, RefusedOneIsNotForwardedForAnother)
{
    Introspector &sealed = signing("signed");
    sealed.rules.audiences = {"api"};
    const Introspector &json = opaque("json", "/json");

    Request active(worker(), now_, {&sealed, &json}, "one");
    active.advance();
    ASSERT_EQ(active.answer(signed_answer(response(signer_a()))), "POST /json") << "wrong audience";
    EXPECT_EQ(active.answer(kActive), "active");
    EXPECT_EQ(jwt_of(active), "");

    Request refused(worker(), now_, {&sealed, &json}, "two");
    refused.advance();
    refused.answer(signed_answer(response(signer_a())));
    EXPECT_EQ(refused.answer(R"({"active":false})"), "wrong_audience");
    EXPECT_EQ(jwt_of(refused), "");
}

TEST_F(FlowSignedResponseCaching, TwoIssuersHaveKeysOfTheirOwn)
{
    const Introspector &first = fetching("first");
    Introspector &second = signing("second", "/second");
    second.rules.issuers = {"https://second.example"};
    second.keys = {{.value = signer_b().jwk(), .options = {}}};
    const std::string of_second =
        signer_b().sign(R"({"alg":"ES256","kid":"b","typ":"token-introspection+jwt"})",
                        envelope(kActive, {}, "https://second.example"));

    Request request(worker(), now_, {&first, &second}, "one");
    ASSERT_EQ(request.advance(), "POST /introspect");
    ASSERT_EQ(request.answer(signed_answer(response(signer_a(), R"({"active":false})"))),
              "GET /jwks");
    ASSERT_EQ(request.answer(keys_a()), "POST /second");
    EXPECT_EQ(request.answer(signed_answer(of_second)), "active");
    EXPECT_EQ(jwt_of(request), of_second);

    Request swapped(worker(), now_, {&first, &second}, "two");
    swapped.advance();
    ASSERT_EQ(swapped.answer(signed_answer(response(signer_a(), R"({"active":false})"))),
              "POST /second");
    EXPECT_EQ(swapped.answer(signed_answer(response(signer_a()))), "issuer_response");
}

TEST_F(FlowSignedResponseCaching, FailureIsNotTheLastWordWhileAnotherMayAnswer)
{
    const Introspector &sealed = signing("signed");
    const Introspector &json = opaque("json", "/json");
    Request request(worker(), now_, {&sealed, &json}, "one");
    request.advance();

    ASSERT_EQ(request.answer(signed_answer("no JWT")), "POST /json");
    EXPECT_EQ(request.answer(kActive), "active");
    EXPECT_EQ(jwt_of(request), "");
}

// The client's token is what is asked about, never what answers.
TEST_F(FlowSignedResponseCaching, TokenInFormOfAJwtIsAskedAbout)
{
    const Introspector &mine = signing("mine");
    const std::string token = signer_a().token(R"("sub":"token")");
    Request request(worker(), now_, {&mine}, token);
    ASSERT_EQ(request.advance(), "POST /introspect");
    EXPECT_EQ(request.fetch().form, "token=" + form_encode(token));
    EXPECT_EQ(request.answer(signed_answer(response(signer_a()))), "active");
    EXPECT_EQ(request.claim("sub"), "s");
    EXPECT_EQ(jwt_of(request), response(signer_a()));

    Request hit(worker(), now_, {&mine}, token);
    EXPECT_EQ(hit.advance(), "active");
    EXPECT_EQ(jwt_of(hit), response(signer_a()));
}

TEST_F(FlowSignedResponseCaching, ResponseAsATokenIsAskedAboutLikeAny)
{
    const Introspector &mine = signing("mine");
    Request request(worker(), now_, {&mine}, response(signer_a()));
    ASSERT_EQ(request.advance(), "POST /introspect");
    EXPECT_EQ(
        request.answer({.status = 204, .content_type = {}, .content_encoding = {}, .body = {}}),
        "inactive");
}

TEST_F(FlowSignedResponseCaching, JwtOfAListedIssuerIsNotSentToTheEndpoint)
{
    const Introspector &local = jwt_with_key("local");
    Introspector &remote = signing("remote");
    remote.rules.issuers = {"https://remote.example"};

    Request own(worker(), now_, {&remote, &local}, signer_a().token());
    EXPECT_EQ(own.advance(), "active");
    EXPECT_EQ(own.decided_by(), "local");
    EXPECT_EQ(jwt_of(own), "");

    const std::string foreign = signer_b().token_of("https://remote.example");
    Request other(worker(), now_, {&remote, &local}, foreign);
    ASSERT_EQ(other.advance(), "POST /introspect");
    const std::string jwt = signer_a().sign(R"({"alg":"ES256","typ":"token-introspection+jwt"})",
                                            envelope(kActive, {}, "https://remote.example"));
    EXPECT_EQ(other.answer(signed_answer(jwt)), "active");
    EXPECT_EQ(jwt_of(other), jwt);
}

}  // namespace
}  // namespace token_introspect::flow
