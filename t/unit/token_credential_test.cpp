#include "token/credential.hpp"

#include <gtest/gtest.h>

namespace token_introspect::token {
namespace {

using std::string_view_literals::operator""sv;

/// The token, "-" when there is none, "!" when the credential is malformed.
std::string shown(const Result<std::optional<std::string_view>> &result)
{
    if (!result) {
        EXPECT_EQ(result.error().code, Code::kMalformedCredential);
        return "!";
    }
    return std::string(result->value_or("-"));
}

// B12
TEST(BearerToken, AfterTheScheme)
{
    EXPECT_EQ(shown(bearer_token("Bearer abc")), "abc");
    EXPECT_EQ(shown(bearer_token("bearer abc")), "abc");
    EXPECT_EQ(shown(bearer_token("BEARER   abc")), "abc");
    EXPECT_EQ(shown(bearer_token(" Bearer abc ")), "abc");
    EXPECT_EQ(shown(bearer_token("Bearer aA0-._~+/==")), "aA0-._~+/==");
    EXPECT_EQ(shown(bearer_token("Bearer e30.e30.c2ln")), "e30.e30.c2ln");
}

// B92
TEST(BearerToken, OtherSchemesAreNoCredential)
{
    for (const char *value :
         {"", " ", "abc", "Basic abc", "Bearerabc", "Bearer2 abc", "Bearer-x abc", "Bear abc",
          "Bea", "e30.e30.c2ln", "Basic abc, Bearer def", "=Bearer x"})
    {
        EXPECT_EQ(shown(bearer_token(value)), "-") << value;
    }
}

TEST(BearerToken, MalformedBehindTheScheme)
{
    for (const auto value :
         {"Bearer"sv,         "Bearer "sv,        "bearer   "sv,        "Bearer\tabc"sv,
          "Bearer \tabc"sv,   "Bearer abc def"sv, "Bearer abc,def"sv,   "Bearer abc, Basic def"sv,
          "Bearer \"abc\""sv, "Bearer ="sv,       "Bearer a=b"sv,       "Bearer äöü"sv,
          "Bearer a\0b"sv,    "Bearer a\x7f"sv,   "Bearer a\r\nX: y"sv, "Bearer,abc"sv,
          "Bearer=abc"sv,     "Bearer: abc"sv,    "Bearer:abc"sv,       "Bearer/abc"sv,
          "Bearer a b c"sv,   "Bearer a%20b"sv,   "Bearer Bearer abc"sv})
    {
        EXPECT_EQ(shown(bearer_token(value)), "!") << value;
    }
}

// B93
TEST(BareToken, TheWholeValue)
{
    EXPECT_EQ(shown(bare_token("abc")), "abc");
    EXPECT_EQ(shown(bare_token(" \tabc\t ")), "abc");
    EXPECT_EQ(shown(bare_token("!\"#$%&'()*,:;<=>?@[]^`{|}~")), "!\"#$%&'()*,:;<=>?@[]^`{|}~");
    EXPECT_EQ(shown(bare_token("Bearertoken")), "Bearertoken");
    EXPECT_EQ(shown(bare_token("Basic")), "Basic");
    EXPECT_EQ(shown(bare_token("")), "-");
    EXPECT_EQ(shown(bare_token(" \t ")), "-");
}

// B94
TEST(BareToken, RefusesPrefixesAndOtherBytes)
{
    for (const auto value :
         {"Bearer abc"sv, "bearer abc"sv, "BEARER"sv, "Bearer\tabc"sv, "Basic abc"sv, "a b"sv,
          "a\tb"sv, "a\0b"sv, "a\x7f"sv, "ä"sv, "a\nb"sv, "Bearer,abc"sv})
    {
        EXPECT_EQ(shown(bare_token(value)), "!") << value;
    }
}

std::string argument(std::string_view query, std::string_view name)
{
    const auto found = find_query_argument(query, name);
    if (!found) {
        return "-";
    }
    return std::to_string(found->begin) + ".." + std::to_string(found->end) + " "
           + std::string(found->value);
}

// B95
TEST(QueryArgument, TheFirstOfExactlyThisName)
{
    EXPECT_EQ(argument("token=x", "token"), "0..7 x");
    EXPECT_EQ(argument("a=1&token=x", "token"), "4..11 x");
    EXPECT_EQ(argument("token=x&a=1", "token"), "0..7 x");
    EXPECT_EQ(argument("a=1&token=x&b=2", "token"), "4..11 x");
    EXPECT_EQ(argument("token=x&token=y", "token"), "0..7 x");
    EXPECT_EQ(argument("token=", "token"), "0..6 ");
    EXPECT_EQ(argument("token", "token"), "0..5 ");
    EXPECT_EQ(argument("a&token&b", "token"), "2..7 ");
    EXPECT_EQ(argument("token=a=b%20c", "token"), "0..13 a=b%20c");
    EXPECT_EQ(argument("&&token=x", "token"), "2..9 x");
    for (const char *query : {"", "&", "tokens=x", "atoken=x", "Token=x", "a=token=x",
                              "a=1;token=x", "toke=n", "%74oken=x", " token=x", "=token"})
    {
        EXPECT_EQ(argument(query, "token"), "-") << query;
    }
    EXPECT_EQ(argument("", ""), "-");
    EXPECT_EQ(argument("a&&b", ""), "-");
    EXPECT_EQ(argument("a&=v", ""), "2..4 v");
}

// B98
TEST(QueryArgument, StrippedAndNothingElse)
{
    for (const auto &[query, kept] : {
             std::pair{"token=x", ""},
             {"token=x&a=1", "a=1"},
             {"a=1&token=x", "a=1"},
             {"a=1&token=x&b=2", "a=1&b=2"},
             {"token=x&a=1&token=y&b=2&token=z", "a=1&b=2"},
             {"token=x&token=y", ""},
             {"token", ""},
             {"a&token&b", "a&b"},
             {"token=", ""},
             {"token=&a=1", "a=1"},
             {"token=x&", ""},
             {"&token=x", ""},
             {"token=a=b&c=%26token%3Dd", "c=%26token%3Dd"},
             {"a=1&tokens=x&atoken=y&Token=z", "a=1&tokens=x&atoken=y&Token=z"},
             {"a=%20+&&b", "a=%20+&&b"},
             {"a=1&", "a=1&"},
             {"&", "&"},
             {"", ""},
         })
    {
        EXPECT_EQ(without_query_argument(query, "token"), kept) << query;
    }
}

std::string cookie(std::string_view header, std::string_view name)
{
    return std::string(find_cookie(header, name).value_or("-"));
}

TEST(Cookie, TheFirstOfExactlyThisName)
{
    EXPECT_EQ(cookie(".ASPXAUTH=x", ".ASPXAUTH"), "x");
    EXPECT_EQ(cookie("a=1; t=x; b=2", "t"), "x");
    EXPECT_EQ(cookie("a=1;t=x", "t"), "x");
    EXPECT_EQ(cookie("t=x; t=y", "t"), "x");
    EXPECT_EQ(cookie("t=\"q\"", "t"), "\"q\"");
    EXPECT_EQ(cookie("t=a=b", "t"), "a=b");
    EXPECT_EQ(cookie("t=", "t"), "");
    EXPECT_EQ(cookie(" t = x ; a=1", "t"), "x");
    for (const char *header :
         {"", ";", "T=x", "tt=x", "at=x", "a=t=x", "t", "a=1; t; b=2", "a=1, t=x"})
    {
        EXPECT_EQ(cookie(header, "t"), "-") << header;
    }
}

TEST(Cookie, StrippedAndNothingElse)
{
    for (const auto &[header, kept] : {
             std::pair{"t=x", ""},
             {"t=x; a=1", "a=1"},
             {"a=1; t=x", "a=1"},
             {"a=1; t=x; b=2", "a=1; b=2"},
             {"a=1;t=x;b=2", "a=1;b=2"},
             {"t=x; a=1; t=y; b=2; t=z", "a=1; b=2"},
             {"t=x; t=y", ""},
             {"t=", ""},
             {"t=x;", ""},
             {"t=x; ", ""},
             {" t = x ;a=1", "a=1"},
             {"tt=x; T=y; at=z; a=t=x; t", "tt=x; T=y; at=z; a=t=x; t"},
             {" a=1;  b=2 ", " a=1;  b=2 "},
             {"", ""},
         })
    {
        EXPECT_EQ(without_cookie(header, "t"), kept) << header;
    }
}

}  // namespace
}  // namespace token_introspect::token
