// Introspection answers that are JWTs (RFC 9701): what they say, and what is none.

#include "signed_response_fixture.hpp"

namespace token_introspect::flow {
namespace {

using namespace test;
using test::Request;

using FlowSignedResponse = SignedResponseTest;

TEST_F(FlowSignedResponse, AsksForAJwt)
{
    Introspector &mine = signing("mine");
    mine.credentials = {
        .method = token::ClientAuth::kBasic, .id = "id", .secret = "secret", .authorization = {}};
    Request request(worker(), now_, {&mine}, "opaque");
    ASSERT_EQ(request.advance(), "POST /introspect");

    EXPECT_EQ(request.fetch().accept, "application/token-introspection+jwt, application/jwt");
    EXPECT_EQ(request.fetch().form, "token=opaque");
    EXPECT_EQ(request.fetch().authorization, "Basic aWQ6c2VjcmV0");
}

// B126
TEST_F(FlowSignedResponse, MembersOfTheResponseAreTheClaims)
{
    const Introspector &mine = signing("mine");
    const std::string jwt = response(signer_a());
    Request request(worker(), now_, {&mine}, "opaque");
    request.advance();

    EXPECT_EQ(request.answer(signed_answer(jwt)), "active");
    EXPECT_EQ(request.decided_by(), "mine");
    EXPECT_EQ(request.claim("sub"), "s");
    EXPECT_EQ(request.claim("iss"), "") << "the envelope's";
    EXPECT_TRUE(request.validation().header().empty());
    EXPECT_EQ(jwt_of(request), jwt);
    EXPECT_EQ(request.cache(), "MISS");
}

// B126
TEST_F(FlowSignedResponse, PlainJwtIsJudgedByTheRulesOfTokens)
{
    Introspector &mine = signing("mine");
    mine.rules.audiences = {"api"};
    const auto plain = [&](const std::string &claims) {
        return answered(mine, signed_answer(signer_a().token(claims), "application/jwt"));
    };

    EXPECT_EQ(plain(R"("aud":"api")"), "active");
    EXPECT_EQ(plain(R"("aud":"api","active":true)"), "active");
    EXPECT_EQ(plain(R"("aud":"api","active":false)"), "inactive");
    EXPECT_EQ(plain(R"("aud":"web")"), "wrong_audience");
    EXPECT_EQ(plain(R"("aud":"api","nbf":1700000001)"), "not_yet_valid");
    EXPECT_EQ(answered(mine, signed_answer(
                                 signer_a().sign(signer_a().header(),
                                                 R"({"iss":"https://issuer.example","aud":"api",)"
                                                 R"("exp":1700000000})"),
                                 "application/jwt")),
              "expired");
}

TEST_F(FlowSignedResponse, ClaimsInsideMustHoldToTheRules)
{
    Introspector &mine = signing("mine");
    mine.rules.audiences = {"api"};
    const auto inside = [&](const std::string &claims) {
        return answered(mine, response(signer_a(), R"({"active":true,)" + claims + "}"));
    };

    EXPECT_EQ(inside(R"("aud":"api")"), "active");
    EXPECT_EQ(inside(R"("aud":"gateway")"), "wrong_audience") << "that is the envelope's";
    EXPECT_EQ(inside(R"("aud":"api","iss":"https://issuer.example")"), "active");
    EXPECT_EQ(inside(R"("aud":"api","iss":"https://other.example")"), "wrong_issuer");
    EXPECT_EQ(inside(R"("aud":"api","exp":1700000000)"), "expired");
    EXPECT_EQ(inside(R"("aud":"api","iat":1700000001)"), "issued_in_future");
    EXPECT_TRUE(worker().host().reports.empty()) << "nothing for an operator in that";
}

TEST_F(FlowSignedResponse, NoContentIsInactive)
{
    const Introspector &mine = signing("mine");
    const token::Answer none{.status = 204, .content_type = {}, .content_encoding = {}, .body = {}};
    Request request(worker(), now_, {&mine}, "opaque");
    request.advance();

    EXPECT_EQ(request.answer(none), "inactive");
    EXPECT_TRUE(worker().host().reports.empty());
    EXPECT_EQ(verdict({&mine}, "opaque"), "inactive") << "remembered";
    pass_s(10);
    EXPECT_EQ(verdict({&mine}, "opaque"), "POST /introspect");
}

// Whatever is wrong with the answer is the issuer's fault: no word about the token.
TEST_F(FlowSignedResponse, WhatIsNotTheIssuersIsRefusedWithOneReport)
{
    Introspector &mine = signing("mine");
    const std::string type = R"("typ":"token-introspection+jwt")";
    const std::string good = envelope(kActive);
    const std::string jwt = response(signer_a());
    const auto by = [&](const std::string &header, const std::string &payload) {
        return signer_a().sign("{" + header + "," + type + "}", payload);
    };
    const std::string none = jose::test::signing_input("{\"alg\":\"none\"," + type + "}", good);
    const std::string hmac =
        jose::test::signing_input("{\"alg\":\"HS256\",\"kid\":\"a\"," + type + "}", good);

    const std::vector<std::pair<const char *, std::string>> cases = {
        {"signed by another",
         signer_b().sign("{\"alg\":\"ES256\",\"kid\":\"a\"," + type + "}", good)},
        {"an unknown kid", response(signer_b())},
        {"a huge kid", by(R"("alg":"ES256","kid":")" + std::string(8000, 'k') + "\"", good)},
        {"a kid that is no string", by(R"("alg":"ES256","kid":7)", good)},
        {"none", none + "."},
        {"none with a signature", none + ".AAAA"},
        {"no signature", jwt.substr(0, jwt.rfind('.') + 1)},
        {"half a signature", jwt.substr(0, jwt.size() - 40)},
        {"the public key as a secret",
         jose::test::with_signature(
             hmac, jose::test::mac(as_bytes(signer_a().pem()), jose::Algorithm::kHS256, hmac))},
        {"another alg", by(R"("alg":"RS256")", good)},
        {"no alg", by(R"("kid":"a")", good)},
        {"crit", by(R"("alg":"ES256","crit":["b64"],"b64":true)", good)},
        {"no crit of any use", by(R"("alg":"ES256","crit":[])", good)},
        {"alg twice", by(R"("alg":"ES256","alg":"ES256")", good)},
        {"a key of its own",
         signer_b().sign("{\"alg\":\"ES256\",\"jwk\":" + signer_b().jwk() + "," + type + "}",
                         good)},
        {"a payload that is no object", by(R"("alg":"ES256")", "[" + good + "]")},
        {"a payload of text", by(R"("alg":"ES256")", "active")},
        {"an empty payload", by(R"("alg":"ES256")", "{}")},
        {"two members",
         by(R"("alg":"ES256")", R"({"token_introspection":{"active":false},)" + good.substr(1))},
        {"active twice", response(signer_a(), R"({"active":false,"active":true})")},
        {"nested deeply", response(signer_a(), R"({"active":true,"a":)" + std::string(40, '[')
                                                   + std::string(40, ']') + "}")},
        {"another iss", by(R"("alg":"ES256")", envelope(kActive, {}, "https://other.example"))},
        {"iss with a slash", by(R"("alg":"ES256")", envelope(kActive, {}, kIssuer + "/"))},
        {"no iss",
         by(R"("alg":"ES256")",
            R"({"aud":"gateway","iat":1700000000,"token_introspection":{"active":true}})")},
        {"iss that is a list",
         by(R"("alg":"ES256")", R"({"iss":["https://issuer.example"],"aud":"gateway",)"
                                R"("iat":1700000000,"token_introspection":{"active":true}})")},
        {"iat in the future",
         by(R"("alg":"ES256")", R"({"iss":"https://issuer.example","aud":"gateway",)"
                                R"("iat":1700000001,"token_introspection":{"active":true}})")},
        {"an envelope that has expired", response(signer_a(), kActive, R"("exp":1700000000)")},
        {"a JWT inside", response(signer_a(), "\"" + signer_a().token(R"("active":true)") + "\"")},
        {"an access token", signer_a().token(R"("active":true,"aud":"gateway")")},
    };
    for (const auto &[name, body] : cases) {
        const std::size_t before = worker().host().reports.size();
        EXPECT_EQ(answered(mine, body), "issuer_response") << name;
        ASSERT_EQ(worker().host().reports.size(), before + 1) << name;
        const auto &report = worker().host().reports.back();
        EXPECT_EQ(report.severity, Severity::kError) << name;
        EXPECT_EQ(report.peer, "mine") << name;
        EXPECT_EQ(report.text.find("kkkk"), std::string::npos) << name;
        EXPECT_EQ(report.text.find("example"), std::string::npos) << name;
    }
    EXPECT_EQ(answered(mine, jwt), "active");
}

// RFC 9701 section 8.1: a JWT for one purpose must not serve another.
TEST_F(FlowSignedResponse, ResponseIsNoAccessToken)
{
    const Introspector &mine = jwt_with_key("mine");

    EXPECT_EQ(verdict({&mine}, response(signer_a(), kActive, R"("exp":1700003600)")),
              "unsupported_type");
}

TEST_F(FlowSignedResponse, JsonIsNoAnswer)
{
    const Introspector &mine = signing("mine");

    EXPECT_EQ(answered(mine, signed_answer(kActive, "application/json")), "issuer_response");
    EXPECT_EQ(answered(mine, signed_answer(response(signer_a()), "application/json")),
              "issuer_response");
    EXPECT_EQ(answered(mine, {.status = 200,
                              .content_type = "application/jwt",
                              .content_encoding = "gzip",
                              .body = "x"}),
              "issuer_response");
    EXPECT_EQ(answered(mine, {.status = 401,
                              .content_type = "application/jwt",
                              .content_encoding = {},
                              .body = "x"}),
              "issuer_status");
    EXPECT_EQ(worker().host().reports.size(), 4U);
}

TEST_F(FlowSignedResponse, JwtIsNoAnswerWhereJsonIsWanted)
{
    const Introspector &mine = opaque("mine");

    EXPECT_EQ(answered(mine, response(signer_a())), "issuer_response");
}

TEST_F(FlowSignedResponse, FailureIsNotRemembered)
{
    const Introspector &mine = signing("mine");
    Request failed(worker(), now_, {&mine}, "opaque");
    failed.advance();
    ASSERT_EQ(failed.answer(signed_answer(response(signer_b()))), "issuer_response");
    EXPECT_EQ(jwt_of(failed), "");

    pass_ms(1);
    Request next(worker(), now_, {&mine}, "opaque");
    EXPECT_EQ(next.advance(), "POST /introspect");
    EXPECT_EQ(next.answer(signed_answer(response(signer_a()))), "active");
}

TEST_F(FlowSignedResponse, LargerOnesAreForTheConfigurationToAllow)
{
    Introspector &mine = signing("mine");
    const std::string jwt =
        response(signer_a(), R"({"active":true,"a":")" + std::string(100'000, 'a') + "\"}");
    EXPECT_EQ(answered(mine, jwt), "issuer_response");

    mine.response_size = mine.limits.json.bytes = 200'000;
    Request request(worker(), now_, {&mine}, "opaque");
    request.advance();
    EXPECT_EQ(request.answer(signed_answer(jwt)), "active");
    EXPECT_EQ(jwt_of(request), jwt);
}

TEST_F(FlowSignedResponse, SecretAndAlgorithmsOfTheConfiguration)
{
    Introspector &mine = signing("mine");
    mine.keys = {{.value = kSecret, .options = {}}};
    mine.algorithms = {jose::Algorithm::kHS256};
    const std::string payload = R"({"iss":"https://issuer.example","exp":1700003600})";

    EXPECT_EQ(answered(mine, signed_answer(hs256_token(payload), "application/jwt")), "active");
    EXPECT_EQ(answered(mine, signed_answer(hs256_token(payload, "another secret of 32 bytes or so"),
                                           "application/jwt")),
              "issuer_response");
    EXPECT_EQ(answered(mine, response(signer_a())), "issuer_response");
}

}  // namespace
}  // namespace token_introspect::flow
