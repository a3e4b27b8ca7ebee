#include "base/json.hpp"

#include <gtest/gtest.h>

#include <string>

namespace token_introspect {
namespace {

using namespace std::literals;

void expect_refused(std::string_view text, const JsonLimits &limits = {})
{
    for (const auto &result : {&parse_json, &parse_json_object}) {
        const Result<Json> value = result(text, limits);

        ASSERT_FALSE(value) << text;
        EXPECT_EQ(value.error().code, Code::kMalformed) << text;
        EXPECT_FALSE(value.error().text.empty());
    }
}

std::string nested(std::size_t depth)
{
    return std::string(depth, '[') + std::string(depth, ']');
}

TEST(Json, ParsesAnObject)
{
    const Result<Json> value = parse_json_object(R"( {"a": "text", "n": 9007199254740993} )");

    ASSERT_TRUE(value);
    EXPECT_EQ(json_string_member(value->get(), "a"), "text");
    EXPECT_EQ(json_string_member(value->get(), "n"), "");
    EXPECT_EQ(json_string_member(value->get(), "absent"), "");
    EXPECT_EQ(json_integer_value(json_object_get(value->get(), "n")), 9007199254740993);
    EXPECT_EQ(json_string_member(nullptr, "a"), "");
}

TEST(Json, ObjectFormWantsAnObject)
{
    for (std::string_view text : {"[]", "\"a\"", "1", "true", "null"}) {
        const Result<Json> object = parse_json_object(text);

        ASSERT_FALSE(object) << text;
        EXPECT_EQ(object.error().code, Code::kMalformed);
        EXPECT_TRUE(parse_json(text)) << text;
    }
}

TEST(Json, RefusesDuplicateMembersAtEveryLevel)
{
    expect_refused(R"({"alg":"RS256","alg":"HS256"})");
    expect_refused(R"({"alg":"RS256","\u0061lg":"HS256"})");
    expect_refused(R"({"a":{"b":1,"b":1}})");
    expect_refused(R"({"a":[{"b":1,"b":2}]})");
}

TEST(Json, RefusesTextAfterTheValue)
{
    expect_refused(R"({} x)");
    expect_refused(R"({}{})");
    expect_refused(R"({}])");
    expect_refused("{}\0"sv);
    expect_refused("{},");
    EXPECT_TRUE(parse_json_object("{}\n \t\r"));
}

TEST(Json, RefusesNulInStringsAndNames)
{
    expect_refused(R"({"a":"b\u0000c"})");
    expect_refused(R"({"a\u0000b":1})");
    expect_refused("{\"a\":\"b\0c\"}"sv);
    expect_refused("{\"a\0\":1}"sv);
    expect_refused("\0{}"sv);
    // Jansson alone skips these.
    expect_refused("{\"a\":1\0}"sv);
    expect_refused("{\"a\":true\0}"sv);
}

TEST(Json, RefusesInvalidUtf8)
{
    expect_refused("{\"a\":\"\xff\"}");
    expect_refused("{\"a\":\"\xc0\x80\"}");
    expect_refused("{\"a\":\"\xed\xa0\x80\"}");
    expect_refused(R"({"a":"\ud800"})");
    expect_refused("\xef\xbb\xbf{}");  // a byte order mark
}

TEST(Json, RefusesNumbersOutOfRange)
{
    EXPECT_TRUE(parse_json_object(R"({"a":9223372036854775807,"b":-9223372036854775808})"));
    expect_refused(R"({"a":9223372036854775808})");
    expect_refused(R"({"a":-9223372036854775809})");
    expect_refused(R"({"a":1e309})");
    expect_refused(R"({"a":NaN})");
    expect_refused(R"({"a":01})");
    expect_refused(R"({"a":.5})");
    expect_refused(R"({"a":0x10})");
}

TEST(Json, RefusesWhatIsNotJson)
{
    expect_refused("");
    expect_refused(" ");
    expect_refused("{");
    expect_refused("{\"a\"}");
    expect_refused("{\"a\":1,}");
    expect_refused("{'a':1}");
    expect_refused("{a:1}");
    expect_refused("{/**/}");
    expect_refused("\"unterminated\\\"");
    expect_refused("{\"a\":\"line\nfeed\"}");
}

TEST(Json, BoundsTheLength)
{
    const std::string text = R"({"a":")" + std::string(100, 'x') + "\"}";

    EXPECT_TRUE(parse_json_object(text, {.bytes = text.size()}));
    expect_refused(text, {.bytes = text.size() - 1});
}

TEST(Json, BoundsTheDepth)
{
    EXPECT_TRUE(parse_json(nested(16)));
    EXPECT_FALSE(parse_json(nested(17)));
    EXPECT_TRUE(parse_json_object(R"({"a":[1]})", {.depth = 2}));
    expect_refused(R"({"a":[{}]})", {.depth = 2});
    EXPECT_TRUE(parse_json_object(R"({"a":[],"b":[],"c":{},"d":[[]]})", {.depth = 3}));
}

TEST(Json, BracketsInStringsAreNoNesting)
{
    EXPECT_TRUE(parse_json_object(R"({"a":"[[[[\"[[[[","b\\":"{{{{"})", {.depth = 1}));
    expect_refused(R"({"a":"\\","b":[[]]})", {.depth = 2});
}

TEST(Json, DepthIsSeenBeforeJanssonRecurses)
{
    const Result<Json> value = parse_json(std::string(60000, '['));

    ASSERT_FALSE(value);
    EXPECT_EQ(value.error().text, "JSON is nested too deeply");
}

TEST(Json, UnbalancedClosersDoNotHideNesting)
{
    expect_refused("]]]]" + nested(20));
}

TEST(Json, TextIsThatOfStrings)
{
    EXPECT_EQ(json_text(parse_json(R"("a\u00e4")")->get()), "aä");
    for (const char *text : {"1", "null", "[\"a\"]", "{}"}) {
        EXPECT_EQ(json_text(parse_json(text)->get()), "") << text;
    }
    EXPECT_EQ(json_text(nullptr), "");
}

TEST(Json, MembersInTheOrderOfTheText)
{
    const auto object = parse_json(R"({"b":1,"a":"x","":null})");
    const JsonMembers members = json_members(object->get());
    ASSERT_EQ(members.size(), 3U);
    EXPECT_EQ(members[0].first, "b");
    EXPECT_EQ(members[1].first, "a");
    EXPECT_EQ(json_text(members[1].second), "x");
    EXPECT_EQ(members[2].first, "");
    EXPECT_TRUE(json_members(parse_json("[1]")->get()).empty());
    EXPECT_TRUE(json_members(nullptr).empty());
}

TEST(Json, TheFirstUnknownMember)
{
    using Names = std::vector<std::string_view>;
    const auto object = parse_json(R"({"b":1,"a":2,"c":3})");
    EXPECT_EQ(unknown_json_member(object->get(), Names{"a", "b", "c", "d"}), std::nullopt);
    EXPECT_EQ(unknown_json_member(object->get(), Names{"b"}), "a");
    EXPECT_EQ(unknown_json_member(object->get(), Names{}), "b");
    EXPECT_EQ(unknown_json_member(nullptr, Names{}), std::nullopt);
}

TEST(Json, SeedingIsRepeatable)
{
    seed_json_hash();
    seed_json_hash();
    EXPECT_TRUE(parse_json_object(R"({"a":1})"));
}

}  // namespace
}  // namespace token_introspect
