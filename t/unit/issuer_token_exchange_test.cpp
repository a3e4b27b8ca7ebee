#include "issuer/grant_type.hpp"

#include "exchange_fixture.hpp"

// The checks of the vendor's document and of RFC 8693, in their order.

namespace token_introspect::issuer {
namespace {

using test::at;
using test::form_of;
using test::jwt;
using test::kAccess;
using test::kApp;
using test::kBounded;
using test::kClaims;
using test::kIdp;
using test::kJwt;
using test::kJwtClient;
using test::kNobody;
using test::kRefreshing;
using test::TokenExchangeTest;
using test::word_of;

// --- grant types ---------------------------------------------------------------------------------

TEST_F(TokenExchangeTest, GrantTypes)
{
    const auto grant = [&](const std::string &name, std::size_t client) {
        return word_of(requested_grant(worker_.client(client), form_of({{"grant_type", name}})));
    };
    const std::string exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    EXPECT_EQ(grant(exchange, kApp), "ok");
    EXPECT_EQ(grant(exchange, kRefreshing), "grant_not_permitted") << "B65";
    EXPECT_EQ(grant("refresh_token", kRefreshing), "ok");
    EXPECT_EQ(grant("refresh_token", kApp), "grant_not_permitted");
    EXPECT_EQ(grant("", kApp), "grant_type_missing") << "B70";
    for (const std::string name : {"password", "client_credentials", "token-exchange", "x"}) {
        EXPECT_EQ(grant(name, kApp), "grant_type_unknown") << "B70 " << name;
        EXPECT_EQ(grant(name, kRefreshing), "grant_type_unknown") << "B70 " << name;
    }
    EXPECT_EQ(refused(Reason::kGrantNotPermitted).error, "unauthorized_client");
    EXPECT_EQ(refused(Reason::kGrantTypeUnknown).error, "unsupported_grant_type");
    EXPECT_EQ(refused(Reason::kGrantTypeMissing).error, "invalid_request");
}

TEST(GrantType, ClientMayRefreshByEither)
{
    Client client;
    client.refreshes = true;
    EXPECT_EQ(word_of(requested_grant(client, form_of({{"grant_type", "refresh_token"}}))), "ok");
    EXPECT_EQ(word_of(requested_grant(client, form_of({{"grant_type", std::string("x")}}))),
              "grant_type_unknown");
}

// --- parameters ----------------------------------------------------------------------------------

TEST_F(TokenExchangeTest, TheSubjectTokenAndItsType)
{
    EXPECT_EQ(begun({}), "ok");
    EXPECT_EQ(begun({{"subject_token", ""}}), "subject_token_missing") << "B72";
    EXPECT_EQ(begun({{"subject_token_type", ""}}), "subject_token_type_missing") << "B71";
    for (const std::string type : {"refresh_token", "id_token", "saml1", "saml2", "JWT"}) {
        EXPECT_EQ(begun({{"subject_token_type", "urn:ietf:params:oauth:token-type:" + type}}),
                  "subject_token_type")
            << "B71 " << type;
    }
    EXPECT_EQ(begun({{"subject_token_type", "jwt"}}), "subject_token_type") << "B71";
    EXPECT_EQ(begun({{"subject_token_type", kAccess}}), "ok");
    for (const std::string token : {"opaque", "a.b.c", "..", "a.b", "a..b.c.d"}) {
        EXPECT_EQ(begun({{"subject_token", token}}), "subject_token_malformed") << "B71 " << token;
        EXPECT_EQ(begun({{"subject_token", token}, {"subject_token_type", kAccess}}), "ok")
            << token;
    }
}

TEST_F(TokenExchangeTest, TheRequestedType)
{
    EXPECT_EQ(begun({{"requested_token_type", kAccess}}), "ok");
    EXPECT_EQ(begun({{"requested_token_type", kJwt}}), "ok");
    for (const std::string type : {"refresh_token", "id_token", "x"}) {
        EXPECT_EQ(begun({{"requested_token_type", "urn:ietf:params:oauth:token-type:" + type}}),
                  "requested_token_type");
    }
}

TEST(TokenExchange, AJwtNeedsASigningKey)
{
    TokenIssuer issuer = test::token_issuer();
    issuer.signing_keys.clear();
    test::IssuerWorker worker(issuer);
    const auto begin = [&](const std::string &type) {
        const TokenForm form = form_of({{"subject_token", jwt(kClaims)},
                                        {"subject_token_type", kJwt},
                                        {"requested_token_type", type}});
        return word_of(
            TokenExchange::begin(worker.context(), worker.client(), form, worker.jwts()));
    };
    EXPECT_EQ(begin(kJwt), "requested_token_type");
    EXPECT_EQ(begin(kAccess), "ok");
}

TEST_F(TokenExchangeTest, ActorTokenAndTypeComeTogether)
{
    const std::string actor = jwt(kClaims);
    EXPECT_EQ(begun({{"actor_token", actor}, {"actor_token_type", kJwt}}), "ok");
    EXPECT_EQ(begun({{"actor_token", actor}}), "actor_token_incomplete");
    EXPECT_EQ(begun({{"actor_token_type", kJwt}}), "actor_token_incomplete");
    EXPECT_EQ(begun({{"actor_token", actor}, {"actor_token_type", "x"}}), "actor_token_type");
    EXPECT_EQ(begun({{"actor_token", "x"}, {"actor_token_type", kJwt}}), "actor_token_malformed");
    EXPECT_EQ(begun({{"actor_token", "x"}, {"actor_token_type", kAccess}}), "ok");
    for (const std::string member : {"iss", "sub", "exp"}) {
        std::string claims = kClaims;
        claims.replace(claims.find('"' + member), member.size() + 1, "\"no");
        EXPECT_EQ(begun({{"actor_token", jwt(claims)}, {"actor_token_type", kJwt}}),
                  "actor_token_without_" + member);
    }
    EXPECT_EQ(begun({{"actor_token", jwt(R"("iss":"https://x","sub":"a","exp":1)")},
                     {"actor_token_type", kJwt}}),
              "actor_token_issuer");
}

TEST_F(TokenExchangeTest, AudienceAndResource)
{
    for (const std::string target : {"https://fhir.example", "second", test::kGateway.c_str()}) {
        EXPECT_EQ(begun({{"audience", target}}), "ok") << target;
    }
    EXPECT_EQ(begun({{"audience", "reports"}}), "audience");
    EXPECT_EQ(begun({{"audience", "reports"}}, kBounded), "ok");
    EXPECT_EQ(begun({{"audience", "second"}, {"audience", "x"}}), "audience");
    EXPECT_EQ(begun({{"resource", "https://fhir.example"}}), "ok");
    EXPECT_EQ(begun({{"resource", "https://api.example"}}, kBounded), "ok");
    for (const std::string resource :
         {"reports", "second", "https://api.example#", "https://api.example#x", "/api", "://api",
          "1a:b", "a:", "https://api.example x", "https://other.example", "https://api.exampl%65",
          "https://api.example/%zz", "a_b:c"})
    {
        EXPECT_EQ(begun({{"resource", resource}}, kBounded), "resource") << resource;
    }
    EXPECT_EQ(refused(Reason::kResource).error, "invalid_target");
    EXPECT_EQ(refused(Reason::kAudience).error, "invalid_target");
}

TEST_F(TokenExchangeTest, ScopeBeforeTheTokenIsLookedAt)
{
    EXPECT_EQ(begun({{"scope", "a b"}}), "ok");
    for (const std::string scope : {" ", "a ", "a  b", "\"", "a\\", "é"}) {
        EXPECT_EQ(begun({{"scope", scope}}), "scope_malformed") << scope;
    }
    EXPECT_EQ(begun({{"scope", "write"}}, kBounded), "ok");
    EXPECT_EQ(begun({{"scope", "write delete"}}, kBounded), "scope_too_wide");
    EXPECT_EQ(refused(Reason::kScopeMalformed).error, "invalid_scope");
    EXPECT_EQ(refused(Reason::kScopeTooWide).error, "invalid_scope");
}

// --- claims of a JWT, before its signature is looked at ------------------------------------------

TEST_F(TokenExchangeTest, AJwtNeedsIssSubAndExp)
{
    EXPECT_EQ(subject(R"("sub":"a","exp":1)"), "subject_token_without_iss") << "B73";
    EXPECT_EQ(subject(R"("iss":7,"sub":"a","exp":1)"), "subject_token_without_iss") << "B73";
    EXPECT_EQ(subject(R"("iss":"","sub":"a","exp":1)"), "subject_token_without_iss") << "B73";
    EXPECT_EQ(subject(R"("iss":null,"sub":"a","exp":1)"), "subject_token_without_iss") << "B73";
    EXPECT_EQ(subject(R"("iss":"https://idp.example","exp":1)"), "subject_token_without_sub")
        << "B74";
    EXPECT_EQ(subject(R"("iss":"https://idp.example","sub":7,"exp":1)"),
              "subject_token_without_sub")
        << "B74";
    EXPECT_EQ(subject(R"("iss":"https://idp.example","sub":"a")"), "subject_token_without_exp")
        << "B75";
    EXPECT_EQ(subject(R"("iss":"https://idp.example","sub":"a","exp":"1800000000")"),
              "subject_token_without_exp")
        << "B75";
    EXPECT_EQ(subject(R"("iss":"https://idp.example","sub":"a","exp":1800000000.5)"), "ok");
}

TEST_F(TokenExchangeTest, ItsIssuerIsOneOfTheClients)
{
    EXPECT_EQ(subject(kClaims), "ok");
    EXPECT_EQ(subject(R"("iss":"https://idp.example/","sub":"a","exp":1)"), "subject_token_issuer")
        << "B69";
    EXPECT_EQ(subject(kClaims, kNobody), "subject_token_issuer") << "B69";
}

TEST_F(TokenExchangeTest, TheOrderOfTheChecks)
{
    const std::string bad = jwt(R"("exp":1)");
    EXPECT_EQ(begun({{"subject_token_type", "x"},
                     {"requested_token_type", "x"},
                     {"audience", "x"},
                     {"subject_token", bad}}),
              "subject_token_type");
    EXPECT_EQ(begun({{"requested_token_type", "x"}, {"actor_token", "x"}, {"audience", "x"}}),
              "requested_token_type");
    EXPECT_EQ(begun({{"actor_token", "x"}, {"audience", "x"}}), "actor_token_incomplete");
    EXPECT_EQ(begun({{"resource", "x"}, {"audience", "x"}, {"scope", "\""}}), "resource");
    EXPECT_EQ(begun({{"audience", "x"}, {"scope", "\""}}), "audience");
    EXPECT_EQ(begun({{"scope", "\""}, {"subject_token", bad}}), "scope_malformed");
    EXPECT_EQ(begun({{"subject_token", bad}, {"actor_token", "x"}, {"actor_token_type", kJwt}}),
              "subject_token_without_iss");
    EXPECT_EQ(subject(R"("iss":"https://x","exp":1)"), "subject_token_without_sub");
    EXPECT_EQ(subject(R"("iss":"https://x","sub":"a")"), "subject_token_without_exp");
}

// --- what the flow says --------------------------------------------------------------------------

TEST_F(TokenExchangeTest, AFailedValidation)
{
    auto exchange = begin(pairs({{"actor_token", "x"}, {"actor_token_type", kAccess}}));
    ASSERT_TRUE(exchange);
    const auto said = [&](Code code) {
        const Refusal refusal = exchange->refused(code, 5000);
        return log_word(refusal) + " " + std::string(refused(refusal.reason).error) + " "
               + std::to_string(refusal.retry_after_ms);
    };
    EXPECT_EQ(said(Code::kExpired), "subject_token_expired invalid_request 0") << "B76";
    EXPECT_EQ(said(Code::kBadSignature), "subject_token_bad_signature invalid_request 0") << "B77";
    EXPECT_EQ(said(Code::kUnknownIssuer), "subject_token_unknown_issuer invalid_request 0")
        << "B78";
    EXPECT_EQ(said(Code::kInactive), "subject_token_inactive invalid_request 0");
    EXPECT_EQ(said(Code::kUserInactive), "user_inactive invalid_grant 0") << "B79";
    EXPECT_EQ(said(Code::kIssuerTimeout),
              "subject_token_issuer_timeout temporarily_unavailable 5000");
    EXPECT_EQ(said(Code::kTooManyWaiting),
              "subject_token_too_many_waiting temporarily_unavailable 5000");
    EXPECT_EQ(said(Code::kInternal), "internal server_error 0");

    EXPECT_EQ(accept(*exchange, kClaims), "ok");
    EXPECT_EQ(exchange->next(), "x");
    EXPECT_EQ(said(Code::kExpired), "actor_token_expired invalid_request 0");
    EXPECT_EQ(said(Code::kUserInactive), "actor_token_user_inactive invalid_request 0");
    EXPECT_EQ(said(Code::kIssuerStatus), "actor_token_issuer_status temporarily_unavailable 5000");
}

TEST_F(TokenExchangeTest, OneTokenAfterTheOther)
{
    auto exchange = begin(pairs({{"actor_token", "x"}, {"actor_token_type", kAccess}}));
    ASSERT_TRUE(exchange);
    EXPECT_EQ(exchange->next(), jwt(kClaims));
    EXPECT_EQ(accept(*exchange, kClaims), "ok");
    EXPECT_EQ(exchange->next(), "x");
    EXPECT_EQ(accept(*exchange, kClaims), "ok");
    EXPECT_EQ(exchange->next(), "");
}

TEST_F(TokenExchangeTest, ValidatedClaimsAreCheckedAgain)
{
    const auto said = [&](const std::string &claims, std::string_view sole_issuer) {
        auto exchange =
            begin(pairs({{"subject_token", "opaque"}, {"subject_token_type", kAccess}}));
        return accept(*exchange, claims, {.sole_issuer = sole_issuer});
    };
    EXPECT_EQ(said(R"("sub":"a")", kIdp), "ok") << "the introspector's only issuer";
    EXPECT_EQ(said(R"("sub":"a","iss":"https://idp.example")", ""), "ok");
    EXPECT_EQ(said(R"("sub":"a")", ""), "subject_token_without_iss");
    EXPECT_EQ(said(R"("sub":"a","iss":7)", kIdp), "subject_token_without_iss");
    EXPECT_EQ(said(R"("sub":"a")", "https://x"), "subject_token_issuer");
    EXPECT_EQ(said(R"("sub":"a","iss":"https://x")", kIdp), "subject_token_issuer");
    EXPECT_EQ(said(R"("exp":1)", kIdp), "subject_token_without_sub");
}

// --- the user ------------------------------------------------------------------------------------

TEST_F(TokenExchangeTest, TheUser)
{
    const test::Claims users(R"({"a":{"id":"bob"},"i":{"id":"bob","inactive":true}})");
    const auto said = [&](token::Value user, bool demanded) {
        auto exchange = begin(pairs({}), kJwtClient);
        std::string word =
            accept(*exchange, kClaims, {.user = user, .user_id = "bob", .demands_user = demanded});
        if (word != "ok") {
            return word;
        }
        const auto tokens = exchange->issue(at(0));
        return std::string(
            open_issued_token(worker_.context(), worker_.jwts(), tokens->access_token)
                ->text("sub"));
    };
    EXPECT_EQ(said({}, false), "alice");
    EXPECT_EQ(said({}, true), "user_unknown") << "B79";
    EXPECT_EQ(said(users.find("a"), true), "bob") << "B79";
    EXPECT_EQ(said(users.find("a"), false), "bob");
    EXPECT_EQ(said(users.find("i"), true), "user_inactive") << "B79";
    EXPECT_EQ(refused(Reason::kUserUnknown).error, "invalid_request");
    EXPECT_EQ(refused(Reason::kUserInactive).error, "invalid_grant");
}

TEST_F(TokenExchangeTest, NoUserIsDemandedOfAnActor)
{
    auto exchange = begin(pairs({{"actor_token", "x"}, {"actor_token_type", kAccess}}));
    const test::Claims users(R"({"a":{"id":"alice"}})");
    EXPECT_EQ(accept(*exchange, kClaims,
                     {.user = users.find("a"), .user_id = "alice", .demands_user = true}),
              "ok");
    EXPECT_EQ(accept(*exchange, kClaims, {.demands_user = true}), "ok");
}

}  // namespace
}  // namespace token_introspect::issuer
