#include "token/jwt.hpp"

#include "base/text.hpp"

#include <gtest/gtest.h>

#include <string>

namespace token_introspect::token {
namespace {

using namespace std::literals;

std::string jwt_of(std::string_view payload, std::string_view header = R"({"alg":"HS256"})")
{
    return base64url_encode(as_bytes(header)) + "." + base64url_encode(as_bytes(payload)) + ".AA";
}

TEST(JwtParser, GivesHeaderAndClaims)
{
    JwtParser parser;
    const std::string token =
        jwt_of(R"({"iss":"https://issuer.example","n":1})", R"({"alg":"HS256","typ":"at+jwt"})");
    const Result<Jwt> jwt = parser.parse(token);

    ASSERT_TRUE(jwt);
    EXPECT_EQ(jwt->issuer(), "https://issuer.example");
    EXPECT_EQ(jwt->claims().find("n").integer(), 1);
    EXPECT_EQ(jwt->header().find("typ").string(), "at+jwt");
    EXPECT_EQ(jwt->jws.signature.size(), 1U);
}

TEST(JwtParser, IssuerIsAString)
{
    JwtParser parser;

    EXPECT_EQ(parser.parse(jwt_of("{}"))->issuer(), "");
    EXPECT_EQ(parser.parse(jwt_of(R"({"iss":1})"))->issuer(), "");
    EXPECT_EQ(parser.parse(jwt_of(R"({"iss":["a"]})"))->issuer(), "");
    EXPECT_EQ(parser.parse(jwt_of(R"({"sub":{"iss":"a"}})"))->issuer(), "");
}

TEST(JwtParser, EachTokenHasItsOwnHeader)
{
    JwtParser parser;

    for (int round = 0; round < 3; ++round) {
        for (const std::string kid : {"a", "b", "b", "c"}) {
            const std::string token = jwt_of("{}", R"({"alg":"HS256","kid":")" + kid + "\"}");
            const Result<Jwt> jwt = parser.parse(token);

            ASSERT_TRUE(jwt);
            EXPECT_EQ(jwt->header().find("kid").string(), kid);
            EXPECT_EQ(jwt->jws.kid(), kid);
        }
        const std::string pad(2000, 'x');  // too long to be remembered
        const std::string token = jwt_of("{}", R"({"alg":"HS256","kid":"d","p":")" + pad + "\"}");

        EXPECT_EQ(parser.parse(token)->header().find("p").string(), pad);
    }
}

TEST(JwtParser, RefusesPayloadsThatAreNoClaims)
{
    JwtParser parser;

    for (std::string_view payload :
         {"[]"sv, "\"text\""sv, "1"sv, "null"sv, "{} {}"sv, R"({"iss":"a","iss":"b"})"sv,
          R"({"sub":"a\u0000b"})"sv, R"({"exp":1e999})"sv, R"({"exp":9223372036854775808})"sv,
          "{\"exp\":1\0}"sv, "\xff"sv})
    {
        const std::string token = jwt_of(payload);
        const Result<Jwt> jwt = parser.parse(token);

        ASSERT_FALSE(jwt) << payload;
        EXPECT_EQ(jwt.error().code, Code::kMalformed) << payload;
    }
    const std::string empty = base64url_encode(as_bytes(R"({"alg":"HS256"})")) + "..AA";

    EXPECT_FALSE(parser.parse(empty));
}

TEST(JwtParser, BoundsTheDepthOfClaims)
{
    JwtParser parser;
    const auto nested = [](std::size_t depth) {
        return jwt_of(R"({"a":)" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}");
    };

    EXPECT_TRUE(parser.parse(nested(16)));
    EXPECT_FALSE(parser.parse(nested(17)));
    EXPECT_FALSE(parser.parse(nested(20000)));
    EXPECT_TRUE(parser.parse(nested(17), {.json = {.depth = 17}}));
}

}  // namespace
}  // namespace token_introspect::token
