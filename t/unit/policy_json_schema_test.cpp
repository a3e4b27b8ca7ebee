#include "schema_check.hpp"

#include <string>
#include <utility>

namespace token_introspect::policy {
namespace {

using test::accepts;
using test::Claims;
using test::compile_schema;
using test::repeated;

// The shape of every policy of the seeds: the issuer is pinned by `constant`.
constexpr const char *kIssuerPolicy = R"({
    "required": ["jwt"],
    "properties": {"jwt": {
        "required": ["iss"],
        "properties": {"iss": {"constant": "https://auth.example.com"}}}}})";

TEST(JsonSchema, B13IssuerByConstantIsAllowed)
{
    EXPECT_TRUE(accepts(kIssuerPolicy, R"({"jwt": {"iss": "https://auth.example.com"}})"));
    EXPECT_TRUE(accepts(kIssuerPolicy, R"({"uri": "/Patient", "headers": {"host": "a"},
        "jwt": {"iss": "https://auth.example.com", "sub": "basic", "exp": 1900000000}})"));
}

TEST(JsonSchema, B14NoJwtIsDenied)
{
    EXPECT_FALSE(accepts(kIssuerPolicy, "{}"));
    EXPECT_FALSE(accepts(kIssuerPolicy, R"({"token": {"iss": "https://auth.example.com"}})"));
    EXPECT_FALSE(accepts(kIssuerPolicy, R"({"jwt": {"sub": "basic"}})"));
}

TEST(JsonSchema, B15AnotherIssuerIsDenied)
{
    for (const char *issuer :
         {R"("https://auth.example.org")", R"("https://auth.example.com/")", R"("")", "null", "1",
          R"(["https://auth.example.com"])", R"("https://auth.example.com\n")"})
    {
        EXPECT_FALSE(accepts(kIssuerPolicy, R"({"jwt": {"iss": )" + std::string(issuer) + "}}"))
            << issuer;
    }
}

TEST(JsonSchema, ConstantIsConst)
{
    for (const char *value :
         {"null", "false", "0", "1.5", R"("")", R"(["a", {"b": [1]}])", R"({"a": {"b": null}})"})
    {
        const std::string literal = value;
        EXPECT_TRUE(accepts(R"({"constant": )" + literal + "}", literal)) << value;
        EXPECT_FALSE(accepts(R"({"constant": )" + literal + "}", R"("x")")) << value;
        EXPECT_FALSE(accepts(R"({"not": {"constant": )" + literal + "}}", literal)) << value;
    }
    EXPECT_TRUE(accepts(R"({"constant": {"a": 1, "b": 2}})", R"({"b": 2, "a": 1.0})"));
    EXPECT_FALSE(accepts(R"({"constant": {"a": 1}})", R"({"a": 1, "b": 2})"));
    EXPECT_FALSE(accepts(R"({"constant": [1, 2]})", "[2, 1]"));
    EXPECT_FALSE(accepts(R"({"constant": false})", "0"));
    EXPECT_TRUE(accepts(R"({"constant": 1, "const": 1.0})", "1"));
    EXPECT_FALSE(accepts(R"({"constant": 1, "const": 1.0})", "2"));
    EXPECT_TRUE(accepts(R"({"propertyNames": {"constant": "a"}})", R"({"a": 1})"));
    EXPECT_FALSE(accepts(R"({"propertyNames": {"constant": "a"}})", R"({"a": 1, "b": 1})"));
    // As a member's name it is no keyword.
    EXPECT_TRUE(accepts(R"({"properties": {"constant": {"type": "string"}}})", R"({"a": 1})"));
}

TEST(JsonSchema, AbsentMembersPassUnlessRequired)
{
    constexpr const char *optional = R"({"properties": {"jwt": {"constant": "x"}}})";
    EXPECT_TRUE(accepts(optional, "{}"));
    EXPECT_TRUE(accepts(optional, R"("jwt")"));
    EXPECT_FALSE(accepts(optional, R"({"jwt": null})"));
    EXPECT_FALSE(accepts(R"({"required": ["jwt"]})", "{}"));
    EXPECT_TRUE(accepts(R"({"required": ["jwt"]})", R"({"jwt": null})"));
    EXPECT_FALSE(accepts(R"({"required": ["jwt"], "type": "object"})", R"("jwt")"));
}

TEST(JsonSchema, NothingIsNotAccepted)
{
    auto schema = compile_schema("true");
    ASSERT_TRUE(schema);
    EXPECT_FALSE(schema->accepts({}));
    const Claims claims(R"({"a": null})");
    EXPECT_TRUE(schema->accepts(claims.find("a")));

    const JsonSchema moved = std::move(*schema);
    EXPECT_TRUE(moved.accepts(claims.find("a")));
    // NOLINTNEXTLINE(bugprone-use-after-move): what it promises
    EXPECT_FALSE(schema->accepts(claims.find("a")));
}

TEST(JsonSchema, IntegersAreExact)
{
    EXPECT_TRUE(accepts(R"({"maximum": 9007199254740992})", "9007199254740992"));
    EXPECT_FALSE(accepts(R"({"maximum": 9007199254740992})", "9007199254740993"));
    EXPECT_FALSE(accepts(R"({"maximum": 9007199254740992.0})", "9007199254740993"));
    EXPECT_TRUE(accepts(R"({"exclusiveMinimum": 9223372036854775806})", "9223372036854775807"));
    EXPECT_FALSE(accepts(R"({"exclusiveMinimum": 9223372036854775806})", "9223372036854775806"));
    EXPECT_FALSE(accepts(R"({"const": 9007199254740993})", "9007199254740992"));
    EXPECT_FALSE(accepts(R"({"const": 9007199254740992.0})", "9007199254740993"));
    EXPECT_TRUE(accepts(R"({"enum": [9007199254740993, 1]})", "9007199254740993"));
    EXPECT_FALSE(accepts(R"({"enum": [9007199254740993, 1]})", "9007199254740992.0"));
}

TEST(JsonSchema, WholeRealsAreIntegers)
{
    for (const char *whole : {"1", "1.0", "-3.0", "1e300", "0.0"}) {
        EXPECT_TRUE(accepts(R"({"type": "integer"})", whole)) << whole;
        EXPECT_TRUE(accepts(R"({"type": "number"})", whole)) << whole;
    }
    EXPECT_FALSE(accepts(R"({"type": "integer"})", "1.5"));
    EXPECT_FALSE(accepts(R"({"type": "integer"})", R"("1")"));
    EXPECT_TRUE(accepts(R"({"type": ["string", "integer"]})", "2.0"));
    EXPECT_FALSE(accepts(R"({"type": ["string", "null"]})", "2.0"));
    EXPECT_TRUE(accepts(R"({"maxLength": 1.0})", R"("a")"));
}

TEST(JsonSchema, LengthsAreOfCharacters)
{
    EXPECT_TRUE(accepts(R"({"minLength": 2, "maxLength": 2})", R"("é😀")"));
    EXPECT_FALSE(accepts(R"({"minLength": 3})", R"("é😀")"));
    EXPECT_TRUE(accepts(R"({"pattern": "^.{2}$"})", R"("é😀")"));
    EXPECT_FALSE(accepts(R"({"pattern": "^[^é]$"})", R"("é")"));
    EXPECT_TRUE(accepts(R"({"maxLength": 4294967296})", R"("a")"));
    EXPECT_FALSE(accepts(R"({"minLength": 1e300})", R"("a")"));
}

TEST(JsonSchema, PatternsAreSearchedForAnywhere)
{
    EXPECT_TRUE(accepts(R"({"pattern": "b+"})", R"("abc")"));
    EXPECT_TRUE(accepts(R"({"pattern": "b+"})", "1"));
    EXPECT_FALSE(accepts(R"({"pattern": "^b"})", R"("abc")"));
    EXPECT_TRUE(accepts(R"({"patternProperties": {"^x-": {"type": "string"}}})", R"({"X-": 1})"));
    EXPECT_FALSE(accepts(R"({"patternProperties": {"^x-": {"type": "string"}}})", R"({"x-": 1})"));
    EXPECT_FALSE(accepts(R"({"patternProperties": {"x": true}, "additionalProperties": false})",
                         R"({"ax": 1, "y": 2})"));
}

TEST(JsonSchema, DollarIsTheEndOfTheText)
{
    EXPECT_TRUE(accepts(R"({"pattern": "^admin$"})", R"("admin")"));
    EXPECT_FALSE(accepts(R"({"pattern": "^admin$"})", R"("admin\n")"));
    EXPECT_FALSE(accepts(R"({"pattern": "^(?:b$|a)x*"})", R"("b\n")"));
    EXPECT_TRUE(accepts(R"({"pattern": "^\\$[$]\\\\$"})", R"("$$\\")"));
    EXPECT_FALSE(accepts(R"({"pattern": "^\\$[$]\\\\$"})", R"("$$\\\n")"));
    EXPECT_TRUE(accepts(R"({"pattern": "^[\\]$]+$"})", R"("$]$")"));
}

TEST(JsonSchema, UniqueItemsByValue)
{
    for (const char *unique : {"[]", "[1]", "[1, true]", "[0, false, null, \"\", [], {}]",
                               "[[1], [1, 1]]", R"([{"a": 1}, {"a": 2}, {"b": 1}])", R"(["1", 1])",
                               "[9007199254740992.0, 9007199254740993]", R"({"a": 1, "b": 1})"})
    {
        EXPECT_TRUE(accepts(R"({"uniqueItems": true})", unique)) << unique;
    }
    for (const char *repeating :
         {"[1, 2, 1.0]", "[null, 0, null]", R"([{"a": 1, "b": [2]}, 3, {"b": [2.0], "a": 1}])",
          R"(["a", "b", "a"])", "[0, -0.0]", "[[], 1, []]"})
    {
        EXPECT_FALSE(accepts(R"({"uniqueItems": true})", repeating)) << repeating;
        EXPECT_TRUE(accepts(R"({"uniqueItems": false})", repeating)) << repeating;
    }
}

TEST(JsonSchema, FormatIsAnAnnotation)
{
    EXPECT_TRUE(accepts(R"({"format": "email"})", R"("nobody")"));
    EXPECT_TRUE(accepts(R"({"format": "date"})", "1"));
    EXPECT_TRUE(accepts(R"({"contentEncoding": "base64"})", R"("%")"));
}

TEST(JsonSchema, LimitOfAPatternAcceptsNothing)
{
    const std::string hostile = '"' + std::string(40, 'a') + "!\"";
    EXPECT_TRUE(accepts(R"({"pattern": "^(a+)+$"})", R"("aaa")"));
    EXPECT_TRUE(accepts(R"({"not": {"pattern": "^(a+)+$"}})", R"("aab")"));
    for (const char *schema : {R"({"pattern": "^(a+)+$"})", R"({"not": {"pattern": "^(a+)+$"}})",
                               R"({"not": {"not": {"pattern": "^(a+)+$"}}})",
                               R"({"anyOf": [{"pattern": "^(a+)+$"}, {}]})",
                               R"({"oneOf": [{"pattern": "^(a+)+$"}, {}]})",
                               R"({"if": {"pattern": "^(a+)+$"}, "else": {}})"})
    {
        EXPECT_FALSE(accepts(schema, hostile)) << schema;
    }
    EXPECT_FALSE(
        accepts(R"({"not": {"patternProperties": {"^(a+)+$": false}}})", '{' + hostile + ": 1}"));
    EXPECT_FALSE(accepts(R"({"not": {"contains": {"pattern": "^(a+)+$"}}})", '[' + hostile + ']'));
}

TEST(JsonSchema, LongTextsDoNotDeepenTheSearch)
{
    const std::string text = '"' + std::string(4000, 'a') + '"';
    EXPECT_TRUE(accepts(R"({"pattern": "^[ab]*$"})", text));
    EXPECT_FALSE(accepts(R"({"pattern": "^(a|a)*b$"})", text));  // beyond its limit
    EXPECT_FALSE(accepts(R"({"pattern": "a"})", '"' + std::string(5000, 'a') + '"'));  // too long
}

TEST(JsonSchema, DepthOfAnInstanceIsBounded)
{
    constexpr const char *nested = R"({"items": {"$ref": "#"}})";
    EXPECT_TRUE(accepts(nested, repeated("[", 400) + repeated("]", 400)));
    EXPECT_FALSE(accepts(nested, repeated("[", 600) + repeated("]", 600)));
    EXPECT_FALSE(accepts(R"({"anyOf": [{"not": {"items": {"$ref": "#"}}}, true]})",
                         repeated("[", 600) + repeated("]", 600)));
    EXPECT_TRUE(accepts("true", repeated("[", 600) + repeated("]", 600)));
}

TEST(JsonSchema, WorkIsBounded)
{
    // Two looks at each level: without a bound 2^40 of them.
    constexpr const char *doubling =
        R"({"oneOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}, true]})";
    EXPECT_FALSE(accepts(doubling, repeated("[", 40) + repeated("]", 40)));

    std::string names;
    for (int i = 0; i < 100; ++i) {
        names += (i == 0 ? "\"n" : ", \"n") + std::to_string(i) + '"';
    }
    const std::string none = R"({"items": {"not": {"required": [)" + names + "]}}}";
    EXPECT_TRUE(accepts(none, '[' + repeated("{}, ", 2000) + "{}]"));
    EXPECT_FALSE(accepts(none, '[' + repeated("{}, ", 20000) + "{}]"));
}

TEST(JsonSchema, LargeInstancesAreJudged)
{
    // A token of 64 KiB, every value of it looked at.
    constexpr const char *everything = R"({
        "definitions": {"any": {"anyOf": [
            {"type": ["string", "number", "boolean", "null"]},
            {"type": "array", "items": {"$ref": "#/definitions/any"}},
            {"type": "object", "additionalProperties": {"$ref": "#/definitions/any"}}]}},
        "allOf": [{"$ref": "#/definitions/any"}]})";
    const std::string many = '[' + repeated(R"({"a": 1, "b": ["x", true]}, )", 2400) + "{}]";
    EXPECT_TRUE(accepts(everything, many));

    std::string integers = "[0";
    for (int i = 1; i < 10000; ++i) {
        integers += ", " + std::to_string(i);
    }
    EXPECT_TRUE(accepts(R"({"uniqueItems": true})", integers + ']'));
    EXPECT_FALSE(accepts(R"({"uniqueItems": true})", integers + ", 0]"));
    EXPECT_TRUE(accepts(R"({"items": {"enum": )" + integers + "]}}", integers + ']'));
}

TEST(JsonSchema, ReferencesMayGoAroundThroughTheInstance)
{
    constexpr const char *tree = R"({
        "type": "object",
        "properties": {"value": {"type": "number"}, "nodes": {"items": {"$ref": "#"}}}})";
    EXPECT_TRUE(accepts(tree, R"({"nodes": [{"value": 1}, {"nodes": [{"value": 2}]}]})"));
    EXPECT_FALSE(accepts(tree, R"({"nodes": [{"value": 1}, {"nodes": [{"value": "2"}]}]})"));
    EXPECT_TRUE(accepts(R"({"propertyNames": {"$ref": "#"}, "maxLength": 1})", R"({"a": 1})"));
    EXPECT_FALSE(accepts(R"({"propertyNames": {"$ref": "#"}, "maxLength": 1})", R"({"ab": 1})"));
}

}  // namespace
}  // namespace token_introspect::policy
