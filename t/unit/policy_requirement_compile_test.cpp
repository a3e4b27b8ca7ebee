#include "policy/requirement.hpp"

#include "requirement_check.hpp"

namespace token_introspect::policy {
namespace {

using test::every_operation;
using test::fault;
using test::Values;

TEST(RequirementCompile, Operators)
{
    EXPECT_EQ(
        fault("is", {"1"}),
        "unknown operator \"is\", it must be one of string, integer, boolean, array, eq, ne, "
        "lt, le, gt, ge, in, any, all, match, exists, each with or without a \"!\" before it");
    for (const char *op : {"", "!", "!!eq", "EQ", "eq!", "! eq", "=="}) {
        EXPECT_TRUE(fault(op, {"1"}).starts_with("unknown operator")) << op;
    }
}

TEST(RequirementCompile, NumberOfValues)
{
    for (const auto &[op, values] : every_operation()) {
        const std::string negated = '!' + std::string(op);
        EXPECT_EQ(fault(op, values), "") << op;
        EXPECT_EQ(fault(negated, values), "") << op;
    }
    for (const char *op :
         {"string", "integer", "boolean", "eq", "!ne", "lt", "le", "gt", "ge", "match"})
    {
        const std::string sentence = "operator \"" + std::string(op) + "\" takes exactly one value";
        EXPECT_EQ(fault(op, {}), sentence);
        EXPECT_EQ(fault(op, {"1", "1"}), sentence);
    }
    for (const char *op : {"array", "in", "any", "all"}) {
        EXPECT_EQ(fault(op, {}), "operator \"" + std::string(op) + "\" takes at least one value");
        EXPECT_EQ(fault(op, {"1", "2", "3"}), "");
    }
    EXPECT_EQ(fault("!exists", {"1"}), "operator \"!exists\" takes no value");
}

TEST(RequirementCompile, Delimiters)
{
    for (const auto &[op, values] : every_operation()) {
        const std::string name = op;
        const bool takes = name == "string" || name == "any" || name == "all";
        EXPECT_EQ(fault(op, values, {"COMMA"}),
                  takes ? "" : "operator \"" + name + "\" takes no delimiter");
    }
    EXPECT_EQ(fault("string", {"a"}, {"TAB"}),
              "unknown delimiter \"TAB\", it must be one of SPACE, COMMA, PERIOD, PLUS, COLON, "
              "SEMI-COLON, VERTICAL-BAR, FORWARD-SLASH, BACK-SLASH, HYPHEN, UNDERSCORE");
    EXPECT_EQ(fault("string", {", ,"}, {"COMMA"}), "");
    EXPECT_EQ(fault("string", {",,"}, {"COMMA"}),
              "operator \"string\": \",,\" has nothing between its delimiters");
}

TEST(RequirementCompile, LiteralsOfTypedOperators)
{
    EXPECT_EQ(fault("integer", {"4x"}), "operator \"integer\": \"4x\" is no integer");
    EXPECT_EQ(fault("integer", {"4.0"}), "operator \"integer\": \"4.0\" is no integer");
    EXPECT_EQ(fault("boolean", {"yes"}),
              "operator \"boolean\": \"yes\" is no boolean, it must be true or false");
    for (const char *op : {"lt", "le", "gt", "!ge"}) {
        EXPECT_EQ(fault(op, {"abc"}), "operator \"" + std::string(op) + "\": \"abc\" is no number");
        EXPECT_EQ(fault(op, {"-1.5e3"}), "");
    }
    for (const char *op : {"integer", "boolean", "lt", "string"}) {
        EXPECT_EQ(fault(op, {"$x"}, {.delimiter = {}, .variables = true}), "") << op;
    }
}

TEST(RequirementCompile, JsonLiterals)
{
    for (const auto &[op, values] : every_operation()) {
        const std::string name = op;
        const bool takes =
            name == "eq" || name == "ne" || name == "in" || name == "any" || name == "all";
        if (name != "exists") {
            EXPECT_EQ(fault(op, {"json=1"}),
                      takes ? "" : "operator \"" + name + "\" takes no json= value");
        }
    }
    EXPECT_EQ(fault("eq", {"json=$x"}, {.delimiter = {}, .variables = true}),
              "\"json=$x\": a json= value takes no variables");
    for (const char *value : {"json=", "json={", "json=abc", "json={\"a\":1,\"a\":2}", "json=1 2"})
    {
        EXPECT_TRUE(fault("eq", {value}).starts_with('"' + std::string(value) + "\": ")) << value;
    }
    for (const char *op : {"eq", "ne", "in"}) {
        EXPECT_EQ(fault(op, {"json=null"}),
                  "\"json=null\": a null claim fails every comparison, use exists or !exists");
    }
    EXPECT_EQ(fault("in", {"json=[1]"}),
              "\"json=[1]\": operator \"in\" compares strings, numbers and booleans only");
    EXPECT_EQ(fault("all", {"json=[1]", "json={}", "json=null"}), "");
}

TEST(RequirementCompile, Patterns)
{
    EXPECT_EQ(fault("match", {"("}), "missing closing parenthesis");
    EXPECT_EQ(fault("match", {"$x"}, {.delimiter = {}, .variables = true}),
              "operator \"match\" takes no variables, its pattern is compiled once");
    const Values values = {"a"};
    const auto without = Requirement::compile(*token::ClaimPath::parse("c"), "match", values, {},
                                              "", nullptr, nullptr);
    ASSERT_FALSE(without);
    EXPECT_EQ(without.error(),
              "operator \"match\" needs regular expressions, which are not built in");
}

}  // namespace
}  // namespace token_introspect::policy
