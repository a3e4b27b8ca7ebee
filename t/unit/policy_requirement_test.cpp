#include "policy/requirement.hpp"

#include "requirement_check.hpp"

namespace token_introspect::policy {
namespace {

using test::Claims;
using test::compile;
using test::every_operation;
using test::holds;
using test::holds_in;
using test::judged;
using test::Values;

// B113
TEST(RequirementString, ExactAndCaseSensitive)
{
    EXPECT_EQ(judged(R"("account")", "string", {"account"}), 'y');
    EXPECT_EQ(judged(R"("monitor")", "string", {"account"}), 'n');
    EXPECT_EQ(judged(R"("Account")", "string", {"account"}), 'n');
}

// B114
TEST(RequirementString, InAnArray)
{
    EXPECT_EQ(judged(R"(["account"])", "string", {"account"}), 'y');
    EXPECT_EQ(judged(R"(["account","monitor"])", "string", {"account"}), 'y');
    EXPECT_EQ(judged(R"(["report","monitor"])", "string", {"account"}), 'n');
    EXPECT_EQ(judged(R"([])", "string", {"account"}), 'n');
    EXPECT_EQ(judged(R"([1,true,null,["account"]])", "string", {"account"}), 'n');
}

TEST(RequirementString, OnlyStringsAndArrays)
{
    EXPECT_EQ(judged("5", "string", {"5"}), '-');
    EXPECT_EQ(judged("true", "string", {"true"}), '-');
    EXPECT_EQ(judged(R"({"account":1})", "string", {"account"}), '-');
    EXPECT_EQ(judged(R"([5])", "string", {"5"}), 'n');
    EXPECT_EQ(judged(R"("")", "string", {""}), 'y');
    EXPECT_EQ(judged(R"("ä")", "string", {"ä"}), 'y');
}

// B115
TEST(RequirementDelimitedString, AnyOrderExtrasAllowed)
{
    const Values wanted = {"openid profile email"};
    EXPECT_EQ(judged(R"("openid profile email")", "string", wanted, {"SPACE"}), 'y');
    EXPECT_EQ(judged(R"("openid email profile")", "string", wanted, {"SPACE"}), 'y');
    EXPECT_EQ(judged(R"("openid profile email account")", "string", wanted, {"SPACE"}), 'y');
}

// B116
TEST(RequirementDelimitedString, OtherDelimiterMissingPartArray)
{
    const Values wanted = {"openid profile email"};
    EXPECT_EQ(judged(R"("openid+email+profile")", "string", wanted, {"SPACE"}), 'n');
    EXPECT_EQ(judged(R"("openid profile")", "string", wanted, {"SPACE"}), 'n');
    EXPECT_EQ(judged(R"(["openid","profile","email"])", "string", wanted, {"SPACE"}), '-');
    EXPECT_EQ(judged(R"(5)", "string", {"5"}, {"SPACE"}), '-');
    EXPECT_EQ(judged(R"("openid profile emails")", "string", wanted, {"SPACE"}), 'n');
    EXPECT_EQ(judged(R"("openid profile Email")", "string", wanted, {"SPACE"}), 'n');
    EXPECT_EQ(judged(R"("")", "string", wanted, {"SPACE"}), 'n');
}

TEST(RequirementDelimitedString, EmptyPartsDoNotCount)
{
    EXPECT_EQ(judged(R"("  a   b ")", "string", {" b  a "}, {"SPACE"}), 'y');
    EXPECT_EQ(judged(R"(" ")", "string", {"a"}, {"SPACE"}), 'n');
    // An empty variable must not make everything pass.
    for (const char *nothing : {"", " ", "   "}) {
        EXPECT_EQ(judged(R"("a b")", "string", {nothing}, {"SPACE", true}), '-');
        EXPECT_EQ(judged(R"("")", "string", {nothing}, {"SPACE", true}), '-');
    }
}

TEST(RequirementDelimitedString, EveryDelimiter)
{
    for (const auto &[name, character] : {std::pair{"SPACE", ' '},
                                          {"COMMA", ','},
                                          {"PERIOD", '.'},
                                          {"PLUS", '+'},
                                          {"COLON", ':'},
                                          {"SEMI-COLON", ';'},
                                          {"VERTICAL-BAR", '|'},
                                          {"FORWARD-SLASH", '/'},
                                          {"BACK-SLASH", '\\'},
                                          {"HYPHEN", '-'},
                                          {"UNDERSCORE", '_'}})
    {
        EXPECT_EQ(delimiter_from_name(name), character) << name;
        const std::string slash = character == '\\' ? "\\\\" : std::string(1, character);
        const std::string claim = "\"b" + slash + "a" + slash + "x\"";
        const std::string wanted = std::string("a") + character + "b";
        EXPECT_EQ(judged(claim, "string", {wanted}, {name}), 'y') << name;
        EXPECT_EQ(judged("\"a\"", "string", {wanted}, {name}), 'n') << name;
    }
    for (const char *name : {"", "space", "SEMICOLON", "SPACE ", " ", ","}) {
        EXPECT_EQ(delimiter_from_name(name), 0) << name;
    }
}

// B117
TEST(RequirementInteger, NumbersAndNumericStrings)
{
    EXPECT_EQ(judged("42", "integer", {"42"}), 'y');
    EXPECT_EQ(judged("\"42\"", "integer", {"42"}), 'y');
    EXPECT_EQ(judged("43", "integer", {"42"}), 'n');

    EXPECT_EQ(judged("42.0", "integer", {"42"}), 'y');
    EXPECT_EQ(judged("42.5", "integer", {"42"}), 'n');
    EXPECT_EQ(judged("\"43\"", "integer", {"42"}), 'n');
    EXPECT_EQ(judged("-42", "integer", {"-42"}), 'y');
    EXPECT_EQ(judged("9223372036854775807", "integer", {"9223372036854775807"}), 'y');
    EXPECT_EQ(judged("9223372036854775806", "integer", {"9223372036854775807"}), 'n');
    EXPECT_EQ(judged("9223372036854775808.0", "integer", {"9223372036854775807"}), 'n');
    EXPECT_EQ(judged("9007199254740993", "integer", {"9007199254740992"}), 'n');
    for (const char *claim : {"\"42.0\"", "\"042\"", "\" 42\"", "\"42 \"", "\"+42\"", "\"0x2a\"",
                              "\"\"", "\"forty-two\"", "true", "[42]", "{}", "\"42\\n\""})
    {
        EXPECT_EQ(judged(claim, "integer", {"42"}), '-') << claim;
    }
    for (const char *value : {"", "x", "42.0", "9223372036854775808"}) {
        EXPECT_EQ(judged("42", "integer", {value}, {.delimiter = {}, .variables = true}), '-');
    }
}

// B118
TEST(RequirementBoolean, BooleansAndTheirNames)
{
    EXPECT_EQ(judged("true", "boolean", {"true"}), 'y');
    EXPECT_EQ(judged("\"TRUE\"", "boolean", {"true"}), 'y');
    EXPECT_EQ(judged("false", "boolean", {"true"}), 'n');

    EXPECT_EQ(judged("\"False\"", "boolean", {"true"}), 'n');
    EXPECT_EQ(judged("false", "boolean", {"FALSE"}), 'y');
    EXPECT_EQ(judged("\"tRuE\"", "boolean", {"True"}), 'y');
    for (const char *claim : {"1", "0", "\"1\"", "\"yes\"", "\"\"", "\"true \"", "[true]", "{}"}) {
        EXPECT_EQ(judged(claim, "boolean", {"true"}), '-') << claim;
    }
    for (const char *value : {"", "1", "yes"}) {
        EXPECT_EQ(judged("true", "boolean", {value}, {.delimiter = {}, .variables = true}), '-');
    }
}

// B119
TEST(RequirementArray, OfOne)
{
    EXPECT_EQ(judged(R"(["account"])", "array", {"account"}), 'y');
    EXPECT_EQ(judged(R"("account")", "array", {"account"}), 'y');
    EXPECT_EQ(judged(R"(["monitor"])", "array", {"account"}), 'n');
    EXPECT_EQ(judged(R"(["account","monitor"])", "array", {"account"}), 'y');
    EXPECT_EQ(judged(R"(["report","monitor"])", "array", {"account"}), 'n');
}

// B120
TEST(RequirementArray, OfTwo)
{
    EXPECT_EQ(judged(R"(["account","monitor"])", "array", {"account", "monitor"}), 'y');
    EXPECT_EQ(judged(R"(["monitor","account"])", "array", {"account", "monitor"}), 'y');
    EXPECT_EQ(judged(R"(["account","monitor","report"])", "array", {"account", "monitor"}), 'y');
    EXPECT_EQ(judged(R"(["account"])", "array", {"account", "monitor"}), 'n');
}

TEST(RequirementArray, ElementsByTheirText)
{
    EXPECT_EQ(judged("[1,2.5,true,-3,1e20]", "array", {"-3", "true", "2.5", "1"}), 'y');
    EXPECT_EQ(judged("[1e20]", "array", {"100000000000000000000"}), 'y');
    EXPECT_EQ(judged("5", "array", {"5"}), 'y');
    EXPECT_EQ(judged("[true]", "array", {"TRUE"}), 'n');
    EXPECT_EQ(judged("[1]", "array", {"1.0"}), 'n');
    EXPECT_EQ(judged(R"(["Account"])", "array", {"account"}), 'n');
    EXPECT_EQ(judged(R"(["a b"])", "array", {"a", "b"}), 'n');
    EXPECT_EQ(judged("[]", "array", {"a"}), 'n');
    EXPECT_EQ(judged("[null,[\"a\"],{}]", "array", {""}), 'n');
    EXPECT_EQ(judged("[null,[\"a\"],{\"a\":1}]", "array", {"a"}), 'n');
    EXPECT_EQ(judged("[\"\"]", "array", {""}), 'y');
    EXPECT_EQ(judged("{\"a\":1}", "array", {"a"}), '-');
}

// B121
TEST(Requirement, AbsentOrNullFailsEverythingButNotExists)
{
    for (const auto &[op, values] : every_operation()) {
        for (const char *claims : {R"({})", R"({"c":null})", R"({"d":1})"}) {
            EXPECT_FALSE(holds_in(claims, op, values)) << op << ' ' << claims;
            EXPECT_EQ(holds_in(claims, '!' + std::string(op), values),
                      std::string_view(op) == "exists")
                << '!' << op << ' ' << claims;
        }
    }
}

// B122
TEST(Requirement, NestedPaths)
{
    const Claims claims(R"({"resource_access":{"account":{"roles":["manage","view"]}},"c":1})");
    const Values values = {"manage", "view"};
    EXPECT_TRUE(
        compile("resource_access.account.roles", "array", values)->holds(claims.view(), values));
    EXPECT_FALSE(compile("resource_access.account", "array", values)->holds(claims.view(), values));
    EXPECT_FALSE(
        compile("resource_access.other.roles", "!array", values)->holds(claims.view(), values));
    EXPECT_EQ(compile("a.b", "exists", {})->path().text(), "a.b");
}

TEST(RequirementEq, ByValue)
{
    EXPECT_EQ(judged(R"("a")", "eq", {"a"}), 'y');
    EXPECT_EQ(judged(R"("a")", "eq", {"A"}), 'n');
    EXPECT_EQ(judged(R"("1.0")", "eq", {"1"}), 'n');
    EXPECT_EQ(judged("1", "eq", {"1"}), 'y');
    EXPECT_EQ(judged("1", "eq", {"1.0"}), 'y');
    EXPECT_EQ(judged("1.5", "eq", {"15e-1"}), 'y');
    EXPECT_EQ(judged("1", "eq", {"01"}), 'n');
    EXPECT_EQ(judged("1", "eq", {""}), 'n');
    EXPECT_EQ(judged("0", "eq", {""}), 'n');
    EXPECT_EQ(judged("9007199254740993", "eq", {"9007199254740992.0"}), 'n');
    EXPECT_EQ(judged("true", "eq", {"true"}), 'y');
    EXPECT_EQ(judged("true", "eq", {"TRUE"}), 'n');
    EXPECT_EQ(judged("false", "eq", {"false"}), 'y');
    EXPECT_EQ(judged("false", "eq", {""}), 'n');
    EXPECT_EQ(judged(R"(["a"])", "eq", {"a"}), 'n');
    EXPECT_EQ(judged(R"({})", "eq", {"{}"}), 'n');

    EXPECT_EQ(judged(R"("a")", "ne", {"b"}), 'y');
    EXPECT_EQ(judged(R"("a")", "ne", {"a"}), 'n');
    EXPECT_EQ(judged("1", "ne", {"1.0"}), 'n');
    EXPECT_EQ(judged(R"(["a"])", "ne", {"a"}), 'y');
}

TEST(RequirementEq, JsonByTypeAndValue)
{
    EXPECT_EQ(judged("1", "eq", {"json=1"}), 'y');
    EXPECT_EQ(judged("1.0", "eq", {"json=1"}), 'y');
    EXPECT_EQ(judged("\"1\"", "eq", {"json=1"}), 'n');
    EXPECT_EQ(judged("\"1\"", "eq", {"json=\"1\""}), 'y');
    EXPECT_EQ(judged("1", "eq", {"json=\"1\""}), 'n');
    EXPECT_EQ(judged("true", "eq", {"json=true"}), 'y');
    EXPECT_EQ(judged("\"true\"", "eq", {"json=true"}), 'n');
    EXPECT_EQ(judged(R"(["a",{"b":[1,null]}])", "eq", {R"(json=[ "a", {"b": [1.0, null]} ])"}),
              'y');
    EXPECT_EQ(judged(R"(["a",{"b":[1]}])", "eq", {R"(json=["a",{"b":[2]}])"}), 'n');
    EXPECT_EQ(judged(R"({"b":2,"a":1})", "eq", {R"(json={"a":1,"b":2})"}), 'y');
    EXPECT_EQ(judged(R"({"b":2,"a":1})", "ne", {R"(json={"a":1})"}), 'y');
    EXPECT_EQ(judged("\"ä\"", "eq", {R"(json="\u00e4")"}), 'y');
}

TEST(RequirementEq, EvaluatedTextIsNeverALiteral)
{
    const Values configured = {"$arg_x"};
    const bool variables[] = {true};
    const auto requirement = Requirement::compile(*token::ClaimPath::parse("c"), "eq", configured,
                                                  variables, "", nullptr, nullptr);
    ASSERT_TRUE(requirement);
    EXPECT_FALSE(requirement->holds(Claims(R"({"c":1})").view(), Values{"json=1"}));
    EXPECT_TRUE(requirement->holds(Claims(R"({"c":"json=1"})").view(), Values{"json=1"}));
    EXPECT_TRUE(requirement->holds(Claims(R"({"c":"now"})").view(), Values{"now"}));
    EXPECT_FALSE(requirement->holds(Claims(R"({"c":"$arg_x"})").view(), Values{"now"}));
}

TEST(RequirementOrder, NumbersAndNumericStrings)
{
    for (const auto &[claim, verdicts] : {std::pair{"4", "yynn"},
                                          {"5", "nyny"},
                                          {"6", "nnyy"},
                                          {"4.99", "yynn"},
                                          {"5.0", "nyny"},
                                          {"5.01", "nnyy"},
                                          {"\"4\"", "yynn"},
                                          {"\"5.0\"", "nyny"},
                                          {"\"6e0\"", "nnyy"},
                                          {"-9223372036854775808", "yynn"},
                                          {"1e300", "nnyy"}})
    {
        const char *const operators[] = {"lt", "le", "gt", "ge"};
        for (std::size_t i = 0; i < 4; ++i) {
            EXPECT_EQ(judged(claim, operators[i], {"5"}), verdicts[i]) << claim << operators[i];
        }
    }
    EXPECT_EQ(judged("9007199254740993", "gt", {"9007199254740992.0"}), 'y');
    EXPECT_EQ(judged("1.5", "lt", {"1.75"}), 'y');
}

TEST(RequirementOrder, AnythingElseFails)
{
    for (const char *op : {"lt", "le", "gt", "ge"}) {
        for (const char *claim : {"\"\"", "\"a\"", "\"5 \"", "\"0x5\"", "true", "[5]", "{}", "[]"})
        {
            EXPECT_EQ(judged(claim, op, {"5"}), '-') << claim << op;
        }
        for (const char *value : {"", "a", "5 ", "true", "nan"}) {
            EXPECT_EQ(judged("5", op, {value}, {.delimiter = {}, .variables = true}), '-');
        }
    }
}

TEST(RequirementIn, AScalarAmongTheValues)
{
    EXPECT_EQ(judged(R"("b")", "in", {"a", "b"}), 'y');
    EXPECT_EQ(judged(R"("c")", "in", {"a", "b"}), 'n');
    EXPECT_EQ(judged("2", "in", {"1", "2.0"}), 'y');
    EXPECT_EQ(judged("true", "in", {"1", "true"}), 'y');
    EXPECT_EQ(judged("2", "in", {"json=\"2\"", "json=2"}), 'y');
    EXPECT_EQ(judged("\"2\"", "in", {"json=2"}), 'n');
    EXPECT_EQ(judged(R"(["a"])", "in", {"a", "b"}), '-');
    EXPECT_EQ(judged(R"({"a":1})", "in", {"a", "b"}), '-');
}

TEST(RequirementAny, AtLeastOne)
{
    EXPECT_EQ(judged(R"(["x","b"])", "any", {"a", "b"}), 'y');
    EXPECT_EQ(judged(R"(["x","y"])", "any", {"a", "b"}), 'n');
    EXPECT_EQ(judged("[]", "any", {"a"}), 'n');
    EXPECT_EQ(judged(R"("b")", "any", {"a", "b"}), 'y');
    EXPECT_EQ(judged(R"("a b")", "any", {"a", "b"}), 'n');
    EXPECT_EQ(judged(R"("a b")", "any", {"x", "b"}, {"SPACE"}), 'y');
    EXPECT_EQ(judged(R"("ab")", "any", {"a", "b"}, {"SPACE"}), 'n');
    EXPECT_EQ(judged(R"(["a b"])", "any", {"a", "b"}, {"SPACE"}), 'n');
    EXPECT_EQ(judged("[1,2]", "any", {"2.0"}), 'y');
    EXPECT_EQ(judged("7", "any", {"7"}, {"SPACE"}), 'y');
    EXPECT_EQ(judged(R"([{"k":1},"x"])", "any", {R"(json={"k":1})"}), 'y');
    EXPECT_EQ(judged("[1,null]", "any", {"json=null"}), 'y');
    EXPECT_EQ(judged("[1,null]", "any", {""}), 'n');
    EXPECT_EQ(judged(R"("a 1")", "any", {"json=1"}, {"SPACE"}), 'n');
    EXPECT_EQ(judged(R"("a 1")", "any", {"json=\"1\""}, {"SPACE"}), 'y');
    EXPECT_EQ(judged(R"({"a":1})", "any", {"a"}), '-');
    EXPECT_EQ(judged(R"("a b")", "any", {""}, {"SPACE", true}), 'n');
}

TEST(RequirementAll, EveryOne)
{
    EXPECT_EQ(judged(R"(["b","x","a"])", "all", {"a", "b"}), 'y');
    EXPECT_EQ(judged(R"(["b","x"])", "all", {"a", "b"}), 'n');
    EXPECT_EQ(judged("[]", "all", {"a"}), 'n');
    EXPECT_EQ(judged(R"("a")", "all", {"a"}), 'y');
    EXPECT_EQ(judged(R"("a")", "all", {"a", "b"}), 'n');
    EXPECT_EQ(judged(R"("b,x,a")", "all", {"a", "b"}, {"COMMA"}), 'y');
    EXPECT_EQ(judged(R"("b,x")", "all", {"a", "b"}, {"COMMA"}), 'n');
    EXPECT_EQ(judged(R"([1,"1",true])", "all", {"json=1", "json=\"1\"", "json=true"}), 'y');
    EXPECT_EQ(judged(R"([1,true])", "all", {"json=1", "json=\"1\""}), 'n');
    EXPECT_EQ(judged(R"({"a":1})", "all", {"a"}), '-');
    EXPECT_EQ(judged(R"("a b")", "all", {"", "a"}, {"SPACE", true}), 'n');
}

TEST(RequirementMatch, StringsAndStringsOfArrays)
{
    EXPECT_EQ(judged(R"("user@example.com")", "match", {"@example\\.com$"}), 'y');
    EXPECT_EQ(judged(R"("user@example.org")", "match", {"@example\\.com$"}), 'n');
    EXPECT_EQ(judged(R"(["x","admin-1"])", "match", {"^admin"}), 'y');
    EXPECT_EQ(judged(R"(["x",1,null,["admin"]])", "match", {"^admin"}), 'n');
    EXPECT_EQ(judged("[]", "match", {"^admin"}), 'n');
    EXPECT_EQ(judged("\"\"", "match", {"^$"}), 'y');
    for (const char *claim : {"5", "true", "{}"}) {
        EXPECT_EQ(judged(claim, "match", {".*"}), '-') << claim;
    }
}

TEST(RequirementMatch, ExceedingTheLimitIsNoWayIn)
{
    const std::string slow = "^(a+)+$|^evil";
    EXPECT_EQ(judged(R"("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!")", "match", {slow}), '-');
    EXPECT_EQ(judged(R"(["good","aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"])", "match", {slow}), '-');
    EXPECT_EQ(judged(R"(["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!","good"])", "match", {slow}), '-');
    EXPECT_EQ(judged(R"(["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!","evil"])", "match", {slow}), 'y');
}

TEST(RequirementExists, ThereAndNotNull)
{
    for (const char *claim : {"0", "false", "\"\"", "[]", "{}", "\"x\""}) {
        EXPECT_EQ(judged(claim, "exists", {}), 'y') << claim;
    }
    EXPECT_EQ(judged("null", "exists", {}), 'n');
}

TEST(Requirement, WrongNumberOfEvaluatedValuesFails)
{
    const Claims claims(R"({"c":"a"})");
    for (const char *op : {"eq", "!eq", "any", "!any", "string", "!string"}) {
        const auto requirement = compile("c", op, {"x"});
        EXPECT_FALSE(requirement->holds(claims.view(), Values{})) << op;
        EXPECT_FALSE(requirement->holds(claims.view(), Values{"x", "a"})) << op;
    }
}

TEST(Requirement, DefaultAndEmptyClaimsFail)
{
    EXPECT_FALSE(Requirement().holds(Claims(R"({"c":"a"})").view(), {}));
    const Values values = {"a"};
    EXPECT_FALSE(compile("c", "!eq", values)->holds(token::ClaimsView(), values));
}

}  // namespace
}  // namespace token_introspect::policy
