// Signed introspection responses: RFC 9701, and plain JWTs with the claims at the top.

#include "token/claims.hpp"
#include "token/signed_response.hpp"

#include <gtest/gtest.h>

namespace token_introspect::token {
namespace {

constexpr Now kNow{.unix_s = 1'700'000'000, .monotonic_ms = 1};
constexpr std::string_view kRfc9701 = "application/token-introspection+jwt";
constexpr std::string_view kJwt = "eyJhbGciOiJFUzI1NiJ9.e30.AAAA";

Answer ok(std::string_view body, std::string_view content_type = kRfc9701,
          std::string_view content_encoding = "")
{
    return {.status = 200,
            .content_type = content_type,
            .content_encoding = content_encoding,
            .body = body};
}

Code code_of(const Result<SignedResponse> &result)
{
    return result ? Code::kActive : result.error().code;
}

// B126
TEST(SignedResponse, MediaTypeTellsTheForm)
{
    for (const char *type :
         {"application/token-introspection+jwt", "Application/Token-Introspection+JWT",
          "application/token-introspection+jwt; charset=utf-8",
          " application/token-introspection+jwt ;x=y"})
    {
        const auto response = signed_response(ok(kJwt, type));
        ASSERT_TRUE(response) << type;
        EXPECT_EQ(response->jwt, kJwt);
        EXPECT_TRUE(response->is_rfc9701) << type;
    }
    for (const char *type : {"application/jwt", "APPLICATION/JWT", "application/jwt;charset=utf-8"})
    {
        const auto response = signed_response(ok(kJwt, type));
        ASSERT_TRUE(response) << type;
        EXPECT_EQ(response->jwt, kJwt);
        EXPECT_FALSE(response->is_rfc9701) << type;
    }
}

TEST(SignedResponse, OtherMediaTypesAreNone)
{
    for (const char *type : {"", "application/json", "application/token-introspection+json",
                             "text/plain", "application/at+jwt", "application/jose", "jwt",
                             "application/jwt+json", "application/xjwt", "application/jwt x",
                             "token-introspection+jwt", "application/token-introspection"})
    {
        const auto response = signed_response(ok(kJwt, type));
        EXPECT_EQ(code_of(response), Code::kIssuerResponse) << type;
    }
}

TEST(SignedResponse, NewlineAtTheEndIsNoPartOfTheJwt)
{
    for (const char *end : {"\n", "\r\n", "\n\n"}) {
        const std::string body = std::string(kJwt) + end;
        const auto response = signed_response(ok(body));
        ASSERT_TRUE(response);
        EXPECT_EQ(response->jwt, kJwt);
    }
}

TEST(SignedResponse, OtherBodiesAreNoJwt)
{
    const std::string jwt(kJwt);
    for (const std::string &body : std::initializer_list<std::string>{
             "", "\n", "{\"active\":true}", jwt + " ", "\n" + jwt, " " + jwt, "\"" + jwt + "\"",
             jwt + "\r\nX-Injected: 1", jwt + "\nx\n", jwt + std::string(1, '\0'), "Bearer " + jwt,
             jwt + "=", jwt + ".AAAA.AAAA", "eyJhbGciOiJFUzI1NiJ9.e30", "..", ".e30.AAAA",
             "eyJhbGciOiJFUzI1NiJ9..AAAA"})
    {
        EXPECT_EQ(code_of(signed_response(ok(body))), Code::kIssuerResponse) << body;
    }
}

TEST(SignedResponse, NoContentIsInactive)
{
    EXPECT_EQ(code_of(signed_response(
                  {.status = 204, .content_type = {}, .content_encoding = {}, .body = {}})),
              Code::kInactive);
}

TEST(SignedResponse, OtherStatusesAndEncodingsAreTheIssuersFault)
{
    for (const int status : {0, 201, 206, 302, 400, 401, 403, 404, 500, 503}) {
        EXPECT_EQ(code_of(signed_response({.status = status,
                                           .content_type = kRfc9701,
                                           .content_encoding = {},
                                           .body = kJwt})),
                  Code::kIssuerStatus)
            << status;
    }
    EXPECT_EQ(code_of(signed_response(ok(kJwt, kRfc9701, "gzip"))), Code::kIssuerResponse);
    EXPECT_EQ(code_of(signed_response(ok(kJwt, kRfc9701, "identity"))), Code::kActive);
}

/// Rules of a resource server "gateway", with what is in a response judged by them.
class SignedResponseClaims : public ::testing::Test {
protected:
    Result<std::vector<std::uint8_t>> claims(const std::string &header, const std::string &payload,
                                             bool is_rfc9701)
    {
        const std::string jwt =
            base64url_encode(as_bytes(header)) + "." + base64url_encode(as_bytes(payload)) + ".";
        const auto parsed = JwtParser().parse(jwt);
        if (!parsed) {
            ADD_FAILURE() << header << payload << parsed.error().text;
            return std::unexpected(parsed.error());
        }
        return signed_response_claims(
            *parsed, is_rfc9701,
            {.audience = "gateway", .token_types = token_types_, .leeway_s = leeway_s_}, kNow);
    }

    /// The word for a response of RFC 9701.
    std::string_view judged(const std::string &payload, const std::string &header = kHeader)
    {
        return word(claims(header, payload, true));
    }
    /// … of the media type application/jwt.
    std::string_view judged_plain(const std::string &payload,
                                  const std::string &header = R"({"alg":"ES256","typ":"JWT"})")
    {
        return word(claims(header, payload, false));
    }

    static std::string envelope(const std::string &members,
                                const std::string &token = R"({"active":true})")
    {
        return "{" + members + (members.empty() ? "" : ",") + "\"token_introspection\":" + token
               + "}";
    }

    inline static const std::string kHeader = R"({"alg":"ES256","typ":"token-introspection+jwt"})";
    inline static const std::string kMembers = R"("aud":"gateway","iat":1700000000)";

    std::vector<std::string> token_types_{"JWT", "at+jwt", ""};
    std::int64_t leeway_s_ = 0;

private:
    static std::string_view word(const Result<std::vector<std::uint8_t>> &result)
    {
        return result ? "active" : outcome(result.error().code).word;
    }
};

// B126
TEST_F(SignedResponseClaims, MemberHoldsTheTokensClaims)
{
    const auto image = claims(
        kHeader,
        envelope(R"("iss":"https://idp.example","sub":"envelope","exp":1700000060,)" + kMembers,
                 R"({"active":true,"sub":"alice","aud":"api"})"),
        true);
    ASSERT_TRUE(image);
    const ClaimsView found(*image);
    EXPECT_EQ(found.find("sub").string(), "alice");
    EXPECT_EQ(found.find("aud").string(), "api");
    for (const char *name : {"iss", "iat", "exp", "token_introspection"}) {
        EXPECT_FALSE(found.find(name).present()) << name << " is the envelope's";
    }
}

// B126
TEST_F(SignedResponseClaims, PlainJwtHoldsThemAtTheTop)
{
    const auto image = claims(R"({"alg":"ES256"})",
                              R"({"iss":"https://idp.example","sub":"alice","exp":1})", false);
    ASSERT_TRUE(image);
    const ClaimsView found(*image);
    EXPECT_EQ(found.find("sub").string(), "alice");
    EXPECT_EQ(found.find("exp").integer(), 1) << "times are the caller's to check";
}

TEST_F(SignedResponseClaims, MediaTypeOfTheRfcNeedsTheMember)
{
    EXPECT_EQ(judged(R"({"active":true,)" + kMembers + "}"), "issuer_response");
    EXPECT_EQ(judged("{}"), "issuer_response");
}

TEST_F(SignedResponseClaims, MemberBringsTheRfcsRulesWhateverTheMediaType)
{
    EXPECT_EQ(judged_plain(envelope(kMembers), kHeader), "active");
    EXPECT_EQ(judged_plain(envelope(kMembers)), "issuer_response") << "typ JWT";
    EXPECT_EQ(judged_plain(envelope(R"("iat":1700000000)"), kHeader), "issuer_response")
        << "no aud";
    EXPECT_EQ(judged_plain(R"({"active":true,"token_introspection":null})"), "issuer_response");
}

TEST_F(SignedResponseClaims, TypeOfTheRfc)
{
    for (const char *typ : {"token-introspection+jwt", "Token-Introspection+JWT",
                            "application/token-introspection+jwt"})
    {
        EXPECT_EQ(
            judged(envelope(kMembers), R"({"alg":"ES256","typ":")" + std::string(typ) + "\"}"),
            "active")
            << typ;
    }
    for (const char *member : {R"("typ":"JWT")", R"("typ":"at+jwt")", R"("typ":"")",
                               R"("typ":"token-introspection")", R"("typ":null)", R"("typ":7)",
                               R"("typ":["token-introspection+jwt"])", R"("kid":"no-typ")"})
    {
        EXPECT_EQ(judged(envelope(kMembers), R"({"alg":"ES256",)" + std::string(member) + "}"),
                  "issuer_response")
            << member;
    }
}

TEST_F(SignedResponseClaims, TypeOfAPlainJwtIsTheConfigurations)
{
    const std::string payload = R"({"sub":"alice"})";
    const std::string none = R"({"alg":"ES256"})";
    const std::string jwt = R"({"alg":"ES256","typ":"JWT"})";
    const std::string access = R"({"alg":"ES256","typ":"at+jwt"})";
    const std::string other = R"({"alg":"ES256","typ":"logout+jwt"})";

    EXPECT_EQ(judged_plain(payload, none), "active");
    EXPECT_EQ(judged_plain(payload, jwt), "active");
    EXPECT_EQ(judged_plain(payload, access), "active");
    EXPECT_EQ(judged_plain(payload, other), "issuer_response");
    EXPECT_EQ(judged_plain(payload, kHeader), "issuer_response") << "the RFC's, without the member";

    token_types_ = {"at+jwt"};
    EXPECT_EQ(judged_plain(payload, none), "issuer_response");
    EXPECT_EQ(judged_plain(payload, jwt), "issuer_response");
    EXPECT_EQ(judged_plain(payload, access), "active");
}

TEST_F(SignedResponseClaims, AudienceMustNameTheResourceServer)
{
    const std::string iat = R"(,"iat":1700000000)";
    for (const char *aud : {R"("gateway")", R"(["gateway"])", R"(["other","gateway"])"}) {
        EXPECT_EQ(judged(envelope(R"("aud":)" + std::string(aud) + iat)), "active") << aud;
    }
    for (const char *aud :
         {R"("other")", R"("")", R"("Gateway")", R"("gateway ")", "[]", R"(["other"])", "7", "null",
          "true", R"({"gateway":1})", R"(["gateway",7])", R"([["gateway"]])"})
    {
        EXPECT_EQ(judged(envelope(R"("aud":)" + std::string(aud) + iat)), "issuer_response") << aud;
    }
    EXPECT_EQ(judged(envelope(R"("iat":1700000000)")), "issuer_response") << "none";
    EXPECT_EQ(judged(envelope(R"("iat":1700000000)", R"({"active":true,"aud":"gateway"})")),
              "issuer_response")
        << "the token's own is another";
}

TEST_F(SignedResponseClaims, TimesOfTheEnvelope)
{
    const std::string aud = R"("aud":"gateway",)";

    for (const char *times : {R"("iat":1700000000)", R"("iat":0)", R"("iat":1699999999.5)",
                              R"("iat":1700000000,"exp":1700000001,"nbf":1700000000)"})
    {
        EXPECT_EQ(judged(envelope(aud + times)), "active") << times;
    }
    for (const char *times :
         {R"("exp":1700000060)", R"("iat":null)", R"("iat":"1700000000")", R"("iat":[1])",
          R"("iat":1e300)", R"("iat":1700000001)", R"("iat":1700000000,"exp":1700000000)",
          R"("iat":1700000000,"exp":1)", R"("iat":1700000000,"exp":"9999999999")",
          R"("iat":1700000000,"nbf":1700000001)", R"("iat":1700000000,"nbf":null)"})
    {
        EXPECT_EQ(judged(envelope(aud + times)), "issuer_response") << times;
    }

    leeway_s_ = 30;
    EXPECT_EQ(judged(envelope(aud + R"("iat":1700000030,"exp":1699999971,"nbf":1700000030)")),
              "active");
    EXPECT_EQ(judged(envelope(aud + R"("iat":1700000031)")), "issuer_response");
    EXPECT_EQ(judged(envelope(aud + R"("iat":1700000000,"exp":1699999970)")), "issuer_response");
}

TEST_F(SignedResponseClaims, MemberMustBeAnObject)
{
    for (const char *member : {"[]", R"([{"active":true}])", R"("")", R"("active")", "true", "1",
                               "null", R"("eyJhbGciOiJub25lIn0.eyJhY3RpdmUiOnRydWV9.")"})
    {
        EXPECT_EQ(judged(envelope(kMembers, member)), "issuer_response") << member;
    }
}

// B126
TEST_F(SignedResponseClaims, OnlyTrueIsActiveInTheMember)
{
    EXPECT_EQ(judged(envelope(kMembers, R"({"active":true})")), "active");
    for (const char *member : {"{}", R"({"active":false})", R"({"active":"true"})",
                               R"({"active":1})", R"({"active":null})", R"({"active":[true]})",
                               R"({"active":{}})", R"({"Active":true})", R"({"sub":"alice"})"})
    {
        EXPECT_EQ(judged(envelope(kMembers, member)), "inactive") << member;
    }
    EXPECT_EQ(judged(envelope(R"("active":true,)" + kMembers, "{}")), "inactive")
        << "the envelope's is not the token's";
}

// B126: the issuer signed it
TEST_F(SignedResponseClaims, PlainJwtIsActiveUnlessItSaysOtherwise)
{
    EXPECT_EQ(judged_plain("{}"), "active");
    EXPECT_EQ(judged_plain(R"({"active":true})"), "active");
    for (const char *payload : {R"({"active":false})", R"({"active":"true"})", R"({"active":1})",
                                R"({"active":null})", R"({"active":[]})"})
    {
        EXPECT_EQ(judged_plain(payload), "inactive") << payload;
    }
}

TEST_F(SignedResponseClaims, InactiveForSomebodyElseIsNoAnswer)
{
    EXPECT_EQ(judged(envelope(R"("aud":"other","iat":1700000000)", R"({"active":false})")),
              "issuer_response");
}

}  // namespace
}  // namespace token_introspect::token
