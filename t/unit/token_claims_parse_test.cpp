#include "json_by_chance.hpp"

#include "base/json.hpp"
#include "token/claims.hpp"
#include "token/claims_parse.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace token_introspect::token {
namespace {

using namespace std::literals;

/// What a ClaimsParser makes of texts, beside what Jansson and build_claims do.
class ClaimsParserAgrees : public ::testing::Test {
protected:
    /// True when both accept the text; that both do the same is asserted.
    bool accepts(std::string_view text, const JsonLimits &limits = {})
    {
        const Result<Json> object = parse_json_object(text, limits);
        const Result<std::vector<std::uint8_t>> tree =
            object ? build_claims(object->get()) : std::unexpected(object.error());
        const Result<std::vector<std::uint8_t>> direct = parser_.parse(text, limits);

        EXPECT_EQ(tree.has_value(), direct.has_value()) << text;
        if (tree && direct) {
            EXPECT_EQ(*tree, *direct) << text;
        } else if (!tree && !direct) {
            EXPECT_EQ(tree.error().code, direct.error().code) << text;
            EXPECT_FALSE(direct.error().text.empty()) << text;
        }
        return direct.has_value();
    }

    bool accepts_value(std::string_view value)
    {
        const std::string text(value);
        const bool as_member = accepts("{\"a\":" + text + "}");
        EXPECT_EQ(accepts("{\"a\":[" + text + " ,{\"b\":" + text + "\t}]}"), as_member) << text;
        return as_member;
    }

    bool accepts_string(std::string_view inside)
    {
        const std::string text(inside);
        const bool as_value = accepts("{\"a\":\"" + text + "\"}");
        EXPECT_EQ(accepts("{\"" + text + "\":1}"), as_value) << text;
        return as_value;
    }

private:
    ClaimsParser parser_;
};

TEST_F(ClaimsParserAgrees, OnNumbers)
{
    for (const char *number : {"0",
                               "-0",
                               "1",
                               "-1",
                               "127",
                               "128",
                               "-128",
                               "-129",
                               "32767",
                               "32768",
                               "2147483647",
                               "2147483648",
                               "-2147483648",
                               "4294967296",
                               "9007199254740993",
                               "1700000000",
                               "9223372036854775806",
                               "9223372036854775807",
                               "-9223372036854775807",
                               "-9223372036854775808",
                               "0.0",
                               "-0.0",
                               "0e0",
                               "0E400",
                               "-0e400",
                               "0e99999999999999999999",
                               "0.0e99999999999999999999",
                               "1e0",
                               "1E+0",
                               "1e-0",
                               "1.5",
                               "-1.5e3",
                               "1e5",
                               "1e22",
                               "1e23",
                               "1e308",
                               "1.7976931348623157e308",
                               "-1.7976931348623157e308",
                               "1.7976931348623158e308",
                               "17976931348623157e292",
                               "2.2250738585072014e-308",
                               "2.2250738585072011e-308",
                               "2.2250738585072012e-308",
                               "4.9e-324",
                               "5e-324",
                               "2.5e-324",
                               "2.4703282292062327e-324",
                               "2.4703282292062328e-324",
                               "1e-324",
                               "1e-400",
                               "-1e-400",
                               "1e-99999999999999999999",
                               "123456789012345678901234567890.0",
                               "9223372036854775808.0",
                               "18446744073709551616e0",
                               "0.1",
                               "0.2",
                               "0.3",
                               "0.1000000000000000055511151231257827021181583404541015625",
                               "9007199254740993.0",
                               "9007199254740992.9999999999",
                               "1.00000000000000011102230246251565",
                               "1.00000000000000011102230246251566",
                               "8.98846567431158e307",
                               "1e00000000005",
                               "100000000000000000000e-20",
                               "0.000000000000000000000000000000000000000000001e350",
                               "7.2057594037927933e+16",
                               "6929495644600919.5",
                               "3.7455744005952583e15",
                               "179769313486231580793728971405301e276"})
    {
        EXPECT_TRUE(accepts_value(number)) << number;
    }
    for (const char *number : {"9223372036854775808",
                               "-9223372036854775809",
                               "18446744073709551615",
                               "18446744073709551616",
                               "-18446744073709551616",
                               "99999999999999999999",
                               "123456789012345678901234567890",
                               "1e309",
                               "-1e309",
                               "1E400",
                               "1.7976931348623159e308",
                               "1.797693134862315808e308",
                               "1e99999999999999999999",
                               "1e4294967296",
                               "1e2147483648",
                               "1e18446744073709551616",
                               "00",
                               "01",
                               "-01",
                               "-00",
                               "00.1",
                               "+1",
                               "-",
                               "--1",
                               "-a",
                               ".5",
                               "-.5",
                               "1.",
                               "1.e5",
                               "1.-5",
                               "1e",
                               "1e+",
                               "1e-",
                               "1E",
                               "1e5.5",
                               "1e+-5",
                               "0x10",
                               "1_000",
                               "1 2",
                               "1a",
                               "1true",
                               "1\"a\"",
                               "NaN",
                               "nan",
                               "Infinity",
                               "-Infinity",
                               "inf",
                               "1,5",
                               "1f",
                               "1.5.5",
                               "1e5e5",
                               "-e5",
                               "e5",
                               "0b1",
                               "0o7",
                               "\xef\xbc\x91",
                               "1\xff"})
    {
        EXPECT_FALSE(accepts_value(number)) << number;
    }
}

TEST_F(ClaimsParserAgrees, OnLongNumbers)
{
    const auto zeros = [](std::size_t count) { return std::string(count, '0'); };

    for (std::size_t count = 1; count < 900; count += 37) {
        accepts_value("1" + zeros(count));
        accepts_value("1" + zeros(count) + ".0");
        accepts_value("1" + zeros(count) + "e-" + std::to_string(count));
        EXPECT_TRUE(accepts_value("0." + zeros(count) + "1"));
        EXPECT_TRUE(accepts_value("0." + zeros(count) + "1e" + std::to_string(count)));
        EXPECT_TRUE(accepts_value("1." + std::string(count, '3')));
        EXPECT_TRUE(accepts_value("1.0000000000000001110223024625156" + std::string(count, '5')));
        EXPECT_TRUE(accepts_value("1e" + zeros(count) + "5"));
    }
}

TEST_F(ClaimsParserAgrees, OnLiterals)
{
    for (const char *value : {"true", "false", "null", "[]", "{}", "[[]]", "\"\"", " \t\r\n true "})
    {
        EXPECT_TRUE(accepts_value(value)) << value;
    }
    for (const char *value : {"",           "tru",       "truee",
                              "True",       "TRUE",      "nul",
                              "nulll",      "None",      "true1",
                              "truefalse",  "undefined", "a",
                              "'a'",        "[",         "]",
                              "[1",         "[1,",       "[1,]",
                              "[,1]",       "[,]",       "[1 2]",
                              "[1:2]",      "{",         "}",
                              "{1:2}",      "{\"a\"}",   "{\"a\":}",
                              "{\"a\":1,}", "{,}",       "{\"a\" 1}",
                              "{\"a\",1}",  "{a:1}",     "{\"a\":1 \"b\":2}",
                              "{\"a\"::1}", "[1,,2]",    "[}",
                              "{]",         "[1}",       "{\"a\":1]",
                              "/**/1",      "1//",       "\\u0031",
                              "\"a\"\"b\"", "\"a\"b"})
    {
        EXPECT_FALSE(accepts_value(value)) << value;
    }
}

TEST_F(ClaimsParserAgrees, OnEveryByteOutsideAndInsideOfStrings)
{
    for (unsigned byte = 0; byte < 256; ++byte) {
        const std::string c(1, static_cast<char>(byte));
        const bool is_space = c == " " || c == "\t" || c == "\n" || c == "\r";
        for (const std::string &text :
             {c + "{}", "{" + c + "}", "{}" + c, "{" + c + "\"a\":1}", "{\"a\"" + c + ":1}",
              "{\"a\":" + c + "1}", "{\"a\":[1" + c + "]}", "{\"a\":true" + c + "}",
              "{\"a\":\"b\"" + c + "}", "{\"a\":[" + c + "]}", "{\"a\":[1," + c + "2]}",
              "{\"a\":1.5" + c + ",\"b\":2}"})
        {
            const bool good = accepts(text);
            if (is_space) {
                EXPECT_TRUE(good) << byte << text;
            } else if (c.find_first_of("0123456789-,") == std::string::npos) {
                EXPECT_FALSE(good) << byte << text;
            }
        }
        EXPECT_EQ(accepts_string(c), byte >= 0x20 && byte < 0x80 && c != "\"" && c != "\\") << byte;
        EXPECT_EQ(accepts_string("\\" + c), byte != 0 && "\"\\/bfnrt"s.contains(c)) << byte;
        accepts_string("\\u00" + c + "1");
    }
}

TEST_F(ClaimsParserAgrees, OnUtf8)
{
    for (const char *text :
         {"\xc2\x80", "\xc3\xa9", "\xdf\xbf", "\xe0\xa0\x80", "\xe2\x82\xac", "\xed\x9f\xbf",
          "\xee\x80\x80", "\xef\xbf\xbd", "\xef\xbf\xbe", "\xef\xbf\xbf", "\xef\xbb\xbf",
          "\xf0\x90\x80\x80", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", "\x7f"})
    {
        EXPECT_TRUE(accepts_string(text)) << text;
    }
    for (const char *text : {"\x80",
                             "\xbf",
                             "\xc0\x80",
                             "\xc1\xbf",
                             "\xc2",
                             "\xc2\x41",
                             "\xc2\xc2",
                             "\xc3\xa9\xa9",
                             "\xe0\x80\x80",
                             "\xe0\x9f\xbf",
                             "\xe2\x82",
                             "\xe2\x82\x41",
                             "\xe2\x28\xa1",
                             "\xed\xa0\x80",
                             "\xed\xbf\xbf",
                             "\xed\xa0\xbd\xed\xb8\x80",
                             "\xf0\x80\x80\x80",
                             "\xf0\x8f\xbf\xbf",
                             "\xf0\x9f\x98",
                             "\xf0\x9f\x98\x41",
                             "\xf4\x90\x80\x80",
                             "\xf5\x80\x80\x80",
                             "\xf8\x88\x80\x80\x80",
                             "\xfe",
                             "\xff"})
    {
        EXPECT_FALSE(accepts_string(text)) << text;
        for (std::size_t pad = 0; pad < 70; pad += 7) {  // across the lanes of wide registers
            EXPECT_FALSE(accepts_string(std::string(pad, 'x') + text + "y")) << text;
        }
    }
    EXPECT_FALSE(accepts("\xef\xbb\xbf{}"));
    EXPECT_FALSE(accepts("{}\xef\xbb\xbf"));
    EXPECT_FALSE(accepts("{\"a\":\"\xc3"));
    EXPECT_FALSE(accepts("\xff\xfe{\0}\0"sv));
}

TEST_F(ClaimsParserAgrees, OnEscapes)
{
    for (const char *text :
         {R"(\")",           R"(\\)",           R"(\/)",           R"(\b\f\n\r\t)", R"(\u0001)",
          R"(\u001f)",       R"(\u0022)",       R"(\u005c)",       R"(\u007F)",     R"(\u00e9)",
          R"(\u20AC)",       R"(\ud7ff)",       R"(\ue000)",       R"(\uffff)",     R"(\uFFFE)",
          R"(\ud83d\ude00)", R"(\uD800\uDC00)", R"(\udbff\udfff)", R"(\\u0000)",    R"(\\\\u0000)",
          R"(x\\)",          R"(\\\")"})
    {
        EXPECT_TRUE(accepts_string(text)) << text;
    }
    for (const char *text : {R"(\u0000)",       R"(a\u0000b)",
                             R"(\\\u0000)",     R"(\u)",
                             R"(\u1)",          R"(\u12)",
                             R"(\u123)",        R"(\u123g)",
                             R"(\u 123)",       R"(\u-123)",
                             R"(\u+123)",       R"(\U0041)",
                             R"(\x41)",         R"(\0)",
                             R"(\a)",           R"(\v)",
                             R"(\')",           R"(\e)",
                             R"(\ud800)",       R"(\udc00)",
                             R"(\udfff)",       R"(\ud800x)",
                             R"(\ud800\n)",     R"(\ud800\\udc00)",
                             R"(\ud800\ud800)", R"(\ud800\u0041)",
                             R"(\ud800\ue000)", R"(\udc00\ud800)",
                             R"(\ud83d\ude0)",  R"(\ud83d\u)",
                             R"(\ud83d ude00)", R"(\ud83d\udbff)",
                             R"(\ud83d\u0000)", R"(\)",
                             R"(\\\)",          R"(\u00\u0041)"})
    {
        EXPECT_FALSE(accepts_string(text)) << text;
    }
    EXPECT_FALSE(accepts(R"({"a":"\u0000"})"));
    EXPECT_FALSE(accepts(R"({"b":{"a\u0000":1}})"));
}

TEST_F(ClaimsParserAgrees, OnPairsOfSurrogates)
{
    for (unsigned first = 0xd7ff; first <= 0xe000; first += 7) {
        const bool is_surrogate = first >= 0xd800 && first < 0xe000;
        EXPECT_EQ(accepts_string(test::json_escape(first)), !is_surrogate) << first;
        for (const unsigned second :
             {0x0000U, 0x0001U, 0x0041U, 0x00ffU, 0x1c00U, 0x5c00U, 0x9c00U, 0xd7ffU, 0xd800U,
              0xdbffU, 0xdc00U, 0xdc01U, 0xdd55U, 0xdffeU, 0xdfffU, 0xe000U, 0xfc00U, 0xffffU})
        {
            accepts_string(test::json_escape(first) + test::json_escape(second));
        }
    }
}

TEST_F(ClaimsParserAgrees, OnNamesThatOccurTwice)
{
    for (const char *text :
         {R"({"a":1,"a":1})", R"({"a":1,"b":2,"a":3})", R"({"a":1,"\u0061":2})",
          R"({"\u0061":1,"a":2})", R"({"":1,"":2})", R"({"b":{"a":1,"a":2}})",
          R"({"b":[{"a":1},{"a":1,"a":2}]})", R"({"b":[[{"c":{"a":1,"a":2}}]]})",
          R"({"\/":1,"/":2})", R"({"\u00e9":1,"é":2})", R"({"\ud83d\ude00":1,"😀":2})",
          R"({"a":{"x":1},"a":{"x":1}})", R"({"a":[],"b":0,"a":[]})"})
    {
        EXPECT_FALSE(accepts(text)) << text;
    }
    for (const char *text : {R"({"a":1,"A":1})", R"({"a":{"a":{"a":1}}})", R"([{"a":1},{"a":1}])",
                             R"({"x":[{"a":1},{"a":1}]})", R"({"a":1,"a ":2,"":3})",
                             "{\"\xc3\xa9\":1,\"e\xcc\x81\":2}"})
    {
        EXPECT_EQ(accepts(text), *text == '{') << text;
    }
    std::string many = "{";
    for (int i = 0; i < 300; ++i) {
        many += '"' + std::to_string(i * 7919 % 1000) + "\":" + std::to_string(i) + ',';
    }
    EXPECT_TRUE(accepts(many + "\"z\":1}"));
    EXPECT_FALSE(accepts(many + "\"0\":1}"));
}

TEST_F(ClaimsParserAgrees, OnWhatIsNoObject)
{
    for (std::string_view text : {""sv,
                                  " "sv,
                                  "\n"sv,
                                  "[]"sv,
                                  "[{}]"sv,
                                  "\"a\""sv,
                                  "1"sv,
                                  "-"sv,
                                  "true"sv,
                                  "null"sv,
                                  "{"sv,
                                  "}"sv,
                                  "{}}"sv,
                                  "{{}"sv,
                                  "{} {}"sv,
                                  "{}x"sv,
                                  "{},"sv,
                                  "{}1"sv,
                                  "{}\"\""sv,
                                  "\"{}\""sv,
                                  "{}\0"sv,
                                  "\0{}"sv,
                                  "{\0}"sv,
                                  "\0"sv,
                                  "{\"a\":1\0}"sv,
                                  "{\"a\":true\0}"sv,
                                  "{\"a\":1\0,\"b\":2}"sv,
                                  "{\"a\":[1\0]}"sv,
                                  "{\"a\":\"b\0\"}"sv,
                                  "{\"a\":1}\0x"sv,
                                  "{\"a"sv,
                                  "{\"a\\"sv,
                                  "{\"a\":"sv,
                                  "{\"a\":1"sv,
                                  "{\"a\":1,"sv,
                                  "{\"a\":\""sv,
                                  "{\"a\":\"\\"sv,
                                  "{\"a\":\"\\\""sv,
                                  "{\"a\":\"\\\"}"sv,
                                  "{\"a\":t"sv,
                                  "{\"a\":-"sv,
                                  "{\"a\":1e"sv,
                                  "()"sv,
                                  "<a/>"sv,
                                  "abc"sv,
                                  "{'a':1}"sv,
                                  "{/**/}"sv,
                                  "//\n{}"sv})
    {
        EXPECT_FALSE(accepts(text)) << text;
    }
    for (std::string_view text :
         {"{}"sv, " {}"sv, "{} "sv, "\r\n\t {\n}\n\n"sv, "{ \"\" : \"\" }"sv})
    {
        EXPECT_TRUE(accepts(text)) << text;
    }
}

TEST_F(ClaimsParserAgrees, OnEveryBeginningOfAText)
{
    const std::string text =
        R"({"iss":"https://a.example\/","n":[1,-2.5e-3,true,false,null,{"é":"\ud83d\ude00"}],"x":"")"
        R"(,"long":"0123456789012345678901234567890123456789012345678901234567890123456789"})";
    for (std::size_t size = 0; size < text.size(); ++size) {
        EXPECT_FALSE(accepts(std::string_view(text).substr(0, size))) << size;
        accepts(text.substr(0, size) + text.substr(size + 1));           // one missing
        accepts(text.substr(0, size) + text[size] + text.substr(size));  // one twice
    }
    EXPECT_TRUE(accepts(text));
}

TEST_F(ClaimsParserAgrees, OnTheDepth)
{
    const auto nested = [](std::string_view open, std::string_view inside, std::string_view close,
                           std::size_t depth) {
        std::string text = "{\"a\":";
        for (std::size_t i = 1; i < depth; ++i) {
            text += open;
        }
        text += inside;
        for (std::size_t i = 1; i < depth; ++i) {
            text += close;
        }
        return text + "}";
    };
    for (const std::size_t depth : {1UZ, 2UZ, 3UZ, 16UZ, 100UZ}) {
        for (const char *inside : {"1", "\"[[[[{{{{\""}) {
            EXPECT_TRUE(accepts(nested("[", inside, "]", depth), {.depth = depth}));
            EXPECT_FALSE(accepts(nested("[", inside, "]", depth + 1), {.depth = depth}));
            EXPECT_TRUE(accepts(nested("{\"b\":", inside, "}", depth), {.depth = depth}));
            EXPECT_FALSE(accepts(nested("{\"b\":", inside, "}", depth + 1), {.depth = depth}));
        }
    }
    EXPECT_TRUE(accepts(nested("[", "[]", "]", 900), {.depth = 901}));
    EXPECT_FALSE(accepts(nested("[", "[]", "]", 30000)));
    EXPECT_FALSE(accepts(std::string(30000, '[')));
    EXPECT_FALSE(accepts("{\"a\":" + std::string(30000, '[')));
    EXPECT_FALSE(accepts("{}", {.depth = 0}));
    EXPECT_TRUE(accepts(R"({"a":[],"b":[],"c":{},"d":[[]]})", {.depth = 3}));
}

TEST_F(ClaimsParserAgrees, OnTheLength)
{
    for (const std::size_t size : {8UZ, 63UZ, 64UZ, 65UZ, 127UZ, 128UZ, 16384UZ, 16385UZ, 65536UZ})
    {
        const std::string text = R"({"a":")" + std::string(size - 8, 'x') + "\"}";
        EXPECT_TRUE(accepts(text, {.bytes = size}));
        EXPECT_FALSE(accepts(text, {.bytes = size - 1}));
        EXPECT_TRUE(accepts(R"({"b":1})"));  // with the buffers of the one before
    }
}

TEST_F(ClaimsParserAgrees, OnManyElements)
{
    for (const int count : {0, 1, 6, 7, 8, 127, 128, 255, 256, 5000}) {
        std::string array = "[";
        std::string object = "{";
        for (int i = 0; i < count; ++i) {
            array += (i == 0 ? "" : ",") + std::to_string(i * i);
            object +=
                (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":[" + std::to_string(-i) + "]";
        }
        EXPECT_TRUE(accepts("{\"a\":" + array + "]}", {.bytes = 1U << 20}));
        EXPECT_TRUE(accepts(object + "}", {.bytes = 1U << 20}));
        EXPECT_TRUE(accepts("{\"a\":" + object + "},\"b\":" + array + "]}", {.bytes = 1U << 20}));
    }
}

TEST_F(ClaimsParserAgrees, OnTextsByChance)
{
    test::JsonByChance chance;
    int accepted = 0;
    constexpr int kTexts = 5000;

    for (int i = 0; i < kTexts && !HasFailure(); ++i) {
        accepted += accepts(chance.text(), {.depth = 6}) ? 1 : 0;
    }
    EXPECT_GT(accepted, kTexts / 10);
    EXPECT_LT(accepted, kTexts);
}

}  // namespace
}  // namespace token_introspect::token
