// Introspection at an endpoint (RFC 7662).

#include "flow_fixture.hpp"

namespace token_introspect::flow {
namespace {

using test::kIssuer;
using test::Request;
using test::signer_a;

class FlowOpaque : public test::FlowTest {
protected:
    /// The decision about a fresh token that the endpoint answers so.
    std::string answered(const Introspector &introspector, std::string_view body)
    {
        Request request(worker(), now_, {&introspector}, "token" + std::to_string(++tokens_));
        EXPECT_EQ(request.advance(), "POST /introspect");
        return request.answer(body);
    }

    std::string answered(const Introspector &introspector, const token::Answer &answer)
    {
        Request request(worker(), now_, {&introspector}, "token" + std::to_string(++tokens_));
        request.advance();
        return request.answer(answer);
    }

private:
    int tokens_ = 0;
};

TEST_F(FlowOpaque, SendsTheTokenAsAForm)
{
    Introspector &mine = opaque("mine");
    mine.token_type_hint = "access_token";
    Request request(worker(), now_, {&mine}, "a+b/c=");
    ASSERT_EQ(request.advance(), "POST /introspect");

    const Fetch &fetch = request.fetch();
    EXPECT_EQ(fetch.peer, &mine);
    EXPECT_EQ(fetch.document, Document::kIntrospection);
    EXPECT_EQ(fetch.form, "token=a%2Bb%2Fc%3D&token_type_hint=access_token");
    EXPECT_EQ(fetch.authorization, "");
    EXPECT_EQ(fetch.accept, "application/json");
}

TEST_F(FlowOpaque, PresentsTheConfiguredCredentials)
{
    Introspector &basic = opaque("basic");
    basic.credentials = {
        .method = token::ClientAuth::kBasic, .id = "id", .secret = "secret", .authorization = {}};
    Introspector &post = opaque("post");
    post.credentials = {
        .method = token::ClientAuth::kPost, .id = "id", .secret = "secret", .authorization = {}};

    Request with_basic(worker(), now_, {&basic}, "opaque");
    with_basic.advance();
    EXPECT_EQ(with_basic.fetch().authorization, "Basic aWQ6c2VjcmV0");
    EXPECT_EQ(with_basic.fetch().form, "token=opaque");

    Request with_post(worker(), now_, {&post}, "opaque");
    with_post.advance();
    EXPECT_EQ(with_post.fetch().authorization, "");
    EXPECT_EQ(with_post.fetch().form, "token=opaque&client_id=id&client_secret=secret");
}

TEST_F(FlowOpaque, AnswerBecomesTheClaims)
{
    const Introspector &mine = opaque("mine");
    Request request(worker(), now_, {&mine}, "opaque");
    request.advance();

    EXPECT_EQ(request.answer(R"({"active":true,"sub":"s"})"), "active");
    EXPECT_EQ(request.decided_by(), "mine");
    EXPECT_EQ(request.claim("sub"), "s");
    EXPECT_TRUE(request.validation().header().empty());
    EXPECT_EQ(request.cache(), "MISS");
}

TEST_F(FlowOpaque, OnlyTheBooleanTrueIsActive)
{
    const Introspector &mine = opaque("mine");

    for (const char *body : {R"({"active":false})", R"({"active":"true"})", R"({"active":1})",
                             R"({"active":null})", "{}"})
    {
        EXPECT_EQ(answered(mine, body), "inactive") << body;
    }
    EXPECT_TRUE(worker().host().reports.empty()) << "nothing for an operator in that";
}

TEST_F(FlowOpaque, AnswerMustHoldToTheRules)
{
    Introspector &mine = opaque("mine");
    mine.rules.audiences = {"api"};
    mine.rules.issuers = {kIssuer};

    EXPECT_EQ(answered(mine, R"({"active":true,"aud":"api"})"), "active");
    EXPECT_EQ(
        answered(mine, R"({"active":true,"aud":["web","api"],"iss":"https://issuer.example"})"),
        "active");
    EXPECT_EQ(answered(mine, R"({"active":true,"aud":"web"})"), "wrong_audience");
    EXPECT_EQ(answered(mine, R"({"active":true})"), "wrong_audience");
    EXPECT_EQ(answered(mine, R"({"active":true,"aud":"api","iss":"https://other.example"})"),
              "wrong_issuer");
    EXPECT_EQ(answered(mine, R"({"active":true,"aud":"api","exp":1700000000})"), "expired");
    EXPECT_EQ(answered(mine, R"({"active":true,"aud":"api","nbf":1700000001})"), "not_yet_valid");
    EXPECT_EQ(answered(mine, R"({"active":true,"aud":"api","iat":1700000001})"),
              "issued_in_future");
    EXPECT_EQ(answered(mine, R"({"active":true,"aud":"api","exp":"1700000001"})"), "bad_claim");
    EXPECT_EQ(answered(mine, R"({"active":true,"aud":7})"), "bad_claim");

    mine.rules.require_exp = true;
    EXPECT_EQ(answered(mine, R"({"active":true,"aud":"api"})"), "missing_expiry");
}

TEST_F(FlowOpaque, AnswerMustBeJsonOf200)
{
    const Introspector &mine = opaque("mine");

    for (const int status : {201, 204, 301, 400, 401, 404, 500, 503}) {
        EXPECT_EQ(answered(mine, {.status = status,
                                  .content_type = {},
                                  .content_encoding = {},
                                  .body = R"({"active":true})"}),
                  "issuer_status")
            << status;
    }
    for (const char *body : {"", "[]", "true", R"({"active":true)", R"({"active":true}x)",
                             R"({"active":false,"active":true})"})
    {
        EXPECT_EQ(answered(mine, body), "issuer_response") << body;
    }
    EXPECT_EQ(answered(mine, {.status = 200,
                              .content_type = "text/html",
                              .content_encoding = {},
                              .body = R"({"active":true})"}),
              "issuer_response");
    EXPECT_EQ(answered(mine, {.status = 200,
                              .content_type = "application/json",
                              .content_encoding = "gzip",
                              .body = R"({"active":true})"}),
              "issuer_response");
    EXPECT_EQ(worker().host().reports.size(), 16U);
    EXPECT_EQ(worker().host().reports[0].severity, Severity::kError);
    EXPECT_EQ(worker().host().reports[0].peer, "mine");
}

TEST_F(FlowOpaque, FetchThatFailsIsItsOwnOutcome)
{
    const Introspector &mine = opaque("mine");

    for (const Code code : {Code::kIssuerUnreachable, Code::kIssuerTimeout,
                            Code::kIssuerResponseTooBig, Code::kInternal})
    {
        Request request(worker(), now_, {&mine}, "opaque");
        ASSERT_EQ(request.advance(), "POST /introspect");
        EXPECT_EQ(request.no_answer(code), outcome(code).word);
        EXPECT_EQ(worker().host().reports.back().text, "no answer");
        pass_s(60);  // longer than any pause after failures
    }
}

TEST_F(FlowOpaque, FailureIsNotRemembered)
{
    const Introspector &mine = opaque("mine");
    Request failed(worker(), now_, {&mine}, "opaque");
    failed.advance();
    ASSERT_EQ(failed.no_answer(Code::kIssuerTimeout), "issuer_timeout");

    pass_ms(1);
    Request next(worker(), now_, {&mine}, "opaque");
    EXPECT_EQ(next.advance(), "POST /introspect");
    EXPECT_EQ(next.answer(R"({"active":true})"), "active");
}

TEST_F(FlowOpaque, ErrorTextsHoldNothingOfTheAnswer)
{
    const Introspector &mine = opaque("mine");
    answered(mine, R"({"active":true,"s3cret":)");

    ASSERT_EQ(worker().host().reports.size(), 1U);
    EXPECT_EQ(worker().host().reports[0].text.find("s3cret"), std::string::npos);
}

TEST_F(FlowOpaque, JwtIsIntrospectedLikeAnyToken)
{
    const Introspector &mine = opaque("mine");
    const std::string token = signer_a().token(R"("sub":"jwt")");
    Request request(worker(), now_, {&mine}, token);
    ASSERT_EQ(request.advance(), "POST /introspect");
    EXPECT_EQ(request.fetch().form, "token=" + form_encode(token));
    EXPECT_EQ(request.answer(R"({"active":true,"sub":"answer"})"), "active");
    EXPECT_EQ(request.claim("sub"), "answer") << "the token itself says nothing";
}

TEST_F(FlowOpaque, LargerAnswersAreForTheConfigurationToAllow)
{
    Introspector &mine = opaque("mine");
    const std::string body = R"({"active":true,"a":")" + std::string(100'000, 'a') + "\"}";
    EXPECT_EQ(answered(mine, body), "issuer_response");

    mine.limits.json.bytes = 200'000;
    EXPECT_EQ(answered(mine, body), "active");
}

}  // namespace
}  // namespace token_introspect::flow
