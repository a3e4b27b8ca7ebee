#include "token/introspection.hpp"

#include <gtest/gtest.h>

namespace token_introspect::token {
namespace {

ClientCredentials client(ClientAuth method, std::string id = "id", std::string secret = "secret")
{
    return {
        .method = method, .id = std::move(id), .secret = std::move(secret), .authorization = {}};
}

Answer ok(std::string_view body, std::string_view content_type = "application/json",
          std::string_view content_encoding = "")
{
    return {.status = 200,
            .content_type = content_type,
            .content_encoding = content_encoding,
            .body = body};
}

Code code_of(const Result<Json> &result)
{
    return result ? Code::kActive : result.error().code;
}

// B99
TEST(AuthorizationValue, Basic)
{
    EXPECT_EQ(authorization_value(client(ClientAuth::kBasic)), "Basic aWQ6c2VjcmV0");
    // my+client:p%40ss%3Aw%2Fo+rd%25
    EXPECT_EQ(authorization_value(client(ClientAuth::kBasic, "my client", "p@ss:w/o rd%")),
              "Basic bXkrY2xpZW50OnAlNDBzcyUzQXclMkZvK3JkJTI1");
    // %C3%A4:%E2%82%AC
    EXPECT_EQ(authorization_value(client(ClientAuth::kBasic, "ä", "€")),
              "Basic JUMzJUE0OiVFMiU4MiVBQw==");
    EXPECT_EQ(authorization_value(client(ClientAuth::kBasic, "id", "")), "Basic aWQ6");
}

TEST(AuthorizationValue, OnlyBasicSendsOne)
{
    EXPECT_EQ(authorization_value(client(ClientAuth::kNone)), "");
    EXPECT_EQ(authorization_value(client(ClientAuth::kPost)), "");
}

// B18
TEST(AuthorizationValue, VerbatimWins)
{
    for (const auto method : {ClientAuth::kNone, ClientAuth::kBasic, ClientAuth::kPost}) {
        ClientCredentials credentials = client(method);
        credentials.authorization = "Bearer  \"as is\"=%";
        EXPECT_EQ(authorization_value(credentials), "Bearer  \"as is\"=%");
        EXPECT_EQ(introspection_form("t", "", credentials), "token=t");
    }
}

// B43
TEST(IntrospectionForm, EncodesEveryValue)
{
    EXPECT_EQ(introspection_form("a.b-c_d~e+f/g==", "", client(ClientAuth::kBasic)),
              "token=a.b-c_d%7Ee%2Bf%2Fg%3D%3D");
    EXPECT_EQ(introspection_form("x&active=true", "", client(ClientAuth::kBasic)),
              "token=x%26active%3Dtrue");
    EXPECT_EQ(introspection_form("t", "access_token", client(ClientAuth::kBasic)),
              "token=t&token_type_hint=access_token");
}

TEST(IntrospectionForm, ClientCredentialsInTheBody)
{
    EXPECT_EQ(introspection_form("t", "refresh_token",
                                 client(ClientAuth::kPost, "my client&", "p=ss ö%")),
              "token=t&token_type_hint=refresh_token&client_id=my+client%26"
              "&client_secret=p%3Dss+%C3%B6%25");
    EXPECT_EQ(introspection_form("t", "", client(ClientAuth::kNone)), "token=t&client_id=id");
    EXPECT_EQ(introspection_form("t", "", client(ClientAuth::kNone, "", "s")), "token=t");
    EXPECT_EQ(introspection_form("t", "", client(ClientAuth::kBasic)), "token=t");
}

TEST(JsonAnswer, OnlyStatus200)
{
    for (const int status : {0, 100, 199, 201, 204, 301, 304, 400, 401, 404, 500, 503}) {
        Answer answer = ok("{}");
        answer.status = status;
        EXPECT_EQ(code_of(json_answer(answer, {})), Code::kIssuerStatus) << status;
        EXPECT_EQ(code_of(introspection_answer(answer, {})), Code::kIssuerStatus) << status;
    }
    EXPECT_EQ(code_of(json_answer(ok("{}"), {})), Code::kActive);
}

TEST(JsonAnswer, ContentTypes)
{
    for (const char *type :
         {"application/json", "application/json;charset=utf-8", "application/json ; charset=UTF-8",
          " Application/JSON", "APPLICATION/JSON;", "application/jwk-set+json",
          "application/token+JSON; a=b", "text/x+json", "", " "})
    {
        EXPECT_EQ(code_of(json_answer(ok("{}", type), {})), Code::kActive) << type;
    }
    for (const char *type :
         {"text/html", "text/json", "application/jsonp", "application/jwt", "application",
          "application/json, text/html", "text/html; application/json", "application/+json",
          "/+json", "+json", "text/html, a/b+json", ";", ";charset=utf-8", "application/json x",
          "json", "a b/c+json"})
    {
        EXPECT_EQ(code_of(json_answer(ok("{}", type), {})), Code::kIssuerResponse) << type;
    }
}

TEST(JsonAnswer, ContentEncodings)
{
    for (const char *coding : {"", "identity", "Identity", " identity "}) {
        EXPECT_EQ(code_of(json_answer(ok("{}", "", coding), {})), Code::kActive) << coding;
    }
    for (const char *coding : {"gzip", "br", "identity, gzip", "x"}) {
        EXPECT_EQ(code_of(json_answer(ok("{}", "", coding), {})), Code::kIssuerResponse) << coding;
    }
}

TEST(JsonAnswer, Bodies)
{
    for (const char *body :
         {"", "[]", "true", "{", "{}x", "{\"a\":1,\"a\":1}", "\"text\"", "<html>"})
    {
        EXPECT_EQ(code_of(json_answer(ok(body), {})), Code::kIssuerResponse) << body;
    }
    EXPECT_EQ(code_of(json_answer(ok("{\"a\":[[1]]}"), {.bytes = 100, .depth = 2})),
              Code::kIssuerResponse);
    EXPECT_EQ(code_of(json_answer(ok("{\"a\":1}"), {.bytes = 6, .depth = 2})),
              Code::kIssuerResponse);
    EXPECT_EQ(code_of(json_answer(ok("{\"a\":1}"), {.bytes = 7, .depth = 1})), Code::kActive);
}

// B20 B45
TEST(IntrospectionAnswer, OnlyBooleanTrueIsActive)
{
    EXPECT_EQ(code_of(introspection_answer(ok(R"({"active":true,"sub":"x"})"), {})), Code::kActive);
    for (const char *body : {R"({})", R"({"active":false})", R"({"active":"true"})",
                             R"({"active":1})", R"({"active":null})", R"({"active":[true]})",
                             R"({"Active":true})", R"({"token_introspection":{"active":true}})"})
    {
        EXPECT_EQ(code_of(introspection_answer(ok(body), {})), Code::kInactive) << body;
    }
    EXPECT_EQ(code_of(introspection_answer(ok(R"({"active":true,"active":true})"), {})),
              Code::kIssuerResponse);
    EXPECT_EQ(code_of(introspection_answer(ok(R"({"active":true})", "text/html"), {})),
              Code::kIssuerResponse);
}

TEST(IntrospectionAnswer, GivesTheWholeObject)
{
    const auto answer = introspection_answer(ok(R"({"active":true,"sub":"x"})"), {});
    ASSERT_TRUE(answer);
    EXPECT_EQ(json_string_member(answer->get(), "sub"), "x");
}

}  // namespace
}  // namespace token_introspect::token
