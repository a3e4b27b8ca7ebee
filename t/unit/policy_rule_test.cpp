#include "policy/rule.hpp"

#include "policy_check.hpp"

#include <string>
#include <vector>

namespace token_introspect::policy {
namespace {

using test::compile_limited;
using test::json_from;
using test::JsonContext;
using test::policy_fault;
using test::said;

constexpr std::string_view kIssuer =
    R"({"engine":"json-schema","schema":{"required":["jwt"],"properties":{"jwt":{
        "required":["iss"],"properties":{"iss":{"constant":"https://auth.example.com"}}}}}})";

// B13
TEST(Rule, SchemaAllowsTheIssuer)
{
    EXPECT_EQ(said(kIssuer, R"({"uri":"/","jwt":{"iss":"https://auth.example.com"}})"), 'a');
}

// B14
TEST(Rule, SchemaDeniesWithoutJwt)
{
    EXPECT_EQ(said(kIssuer, "{}"), 'd');
    EXPECT_EQ(
        said(kIssuer, R"({"uri":"/","params":{},"token":{"iss":"https://auth.example.com"}})"),
        'd');
    EXPECT_EQ(said(kIssuer, R"({"jwt":{}})"), 'd');
}

// B15
TEST(Rule, SchemaDeniesAnotherIssuer)
{
    EXPECT_EQ(said(kIssuer, R"({"jwt":{"iss":"https://auth.example.org"}})"), 'd');
    EXPECT_EQ(said(kIssuer, R"({"jwt":{"iss":["https://auth.example.com"]}})"), 'd');
}

TEST(Rule, SchemaSeesNoEmptyValues)
{
    constexpr std::string_view kRule =
        R"({"engine":"json-schema","schema":{"required":["params"]}})";
    EXPECT_EQ(said(kRule, R"({"params":{}})"), 'd');
    EXPECT_EQ(said(kRule, R"({"params":{"a":""}})"), 'd');
    EXPECT_EQ(said(kRule, R"({"params":{"a":"b"}})"), 'a');
}

TEST(Rule, AllowHoldsAlways)
{
    EXPECT_EQ(said(R"({"engine":"allow"})", "{}"), 'a');
}

// B20
TEST(Rule, Matcho)
{
    constexpr std::string_view kRule = R"({"engine":"matcho","matcho":{"token":{"active":true}}})";
    EXPECT_EQ(said(kRule, R"({"token":{"active":true}})"), 'a');
    EXPECT_EQ(said(kRule, R"({"token":{"active":false}})"), 'd');
}

std::string leaf(std::string_view uri)
{
    return R"({"engine":"matcho","matcho":{"uri":"#)" + std::string(uri) + "\"}}";
}

std::string complex(std::string_view name, const std::vector<std::string> &rules)
{
    std::string text = R"({"engine":"complex",")" + std::string(name) + "\":[";
    for (const std::string &rule : rules) {
        text += (text.back() == '[' ? "" : ",") + rule;
    }
    return text + "]}";
}

TEST(Rule, ComplexAndOr)
{
    const auto uri = [](std::string_view text) {
        return R"({"uri":")" + std::string(text) + "\"}";
    };
    const std::string both = complex("and", {leaf("a"), leaf("b")});
    const std::string either = complex("or", {leaf("a"), leaf("b")});
    for (const auto &[text, is_both, is_either] :
         {std::tuple{"ab", 'a', 'a'}, {"a", 'd', 'a'}, {"b", 'd', 'a'}, {"c", 'd', 'd'}})
    {
        EXPECT_EQ(said(both, uri(text)), is_both) << text;
        EXPECT_EQ(said(either, uri(text)), is_either) << text;
    }
    const std::string nested =
        complex("or", {complex("and", {leaf("a"), either, leaf("c")}), leaf("x")});
    EXPECT_EQ(said(nested, uri("ac")), 'a');
    EXPECT_EQ(said(nested, uri("ab")), 'd');
    EXPECT_EQ(said(nested, uri("x")), 'a');
    EXPECT_EQ(said(complex("and", {kIssuer.data(), R"({"engine":"allow"})"}),
                   R"({"jwt":{"iss":"https://auth.example.com"}})"),
              'a');
}

/// Knows which subjects were asked for.
class Recorder final : public Context {
public:
    token::Value get(Subject subject) noexcept override
    {
        asked.emplace_back(name_of(subject));
        return {};
    }
    token::Value whole() noexcept override
    {
        asked.emplace_back("whole");
        return {};
    }

    std::vector<std::string> asked;
};

TEST(Rule, ComplexStopsWhenItIsDecided)
{
    constexpr const char *kNo = R"({"engine":"matcho","matcho":{"uri":"present?"}})";
    constexpr const char *kYes = R"({"engine":"matcho","matcho":{"scheme":"nil?"}})";
    constexpr const char *kLast = R"({"engine":"matcho","matcho":{"jwt":"present?"}})";
    const auto asked = [](const std::string &text) {
        const auto rule = Rule::compile(json_from(text).get(), compile_limited, nullptr);
        Recorder recorder;
        EXPECT_TRUE(rule) << text;
        EXPECT_EQ(rule && rule->holds(recorder), text.contains("\"or\"")) << text;
        return recorder.asked;
    };
    using Names = std::vector<std::string>;
    EXPECT_EQ(asked(complex("and", {kYes, kNo, kLast})), (Names{"scheme", "uri"}));
    EXPECT_EQ(asked(complex("or", {kNo, kYes, kLast})), (Names{"uri", "scheme"}));
}

TEST(RuleCompile, Engines)
{
    EXPECT_EQ(policy_fault("{}"),
              "engine: missing, it must be one of allow, matcho, json-schema, complex");
    EXPECT_EQ(policy_fault(R"({"engine":1})"), "engine: must be a string");
    EXPECT_EQ(
        policy_fault(R"({"engine":"Allow"})"),
        "engine: \"Allow\" is no engine, the engines are allow, matcho, json-schema, complex");
    for (const char *engine :
         {"sql", "matcho-rpc", "allow-rpc", "signed-rpc", "smart-on-fhir", "clj"})
    {
        const std::string fault = policy_fault(R"({"engine":")" + std::string(engine) + "\"}");
        EXPECT_TRUE(fault.starts_with("engine: ")) << engine;
        EXPECT_TRUE(fault.contains("; use ")) << engine << ": " << fault;
        EXPECT_FALSE(fault.contains("is no engine")) << engine;
    }
}

TEST(RuleCompile, AnEnginesOwnMembers)
{
    EXPECT_EQ(policy_fault(R"({"engine":"matcho"})"),
              "matcho: missing, the engine matcho needs it");
    EXPECT_EQ(policy_fault(R"({"engine":"json-schema"})"),
              "schema: missing, the engine json-schema needs it");
    for (const char *member : {"schema", "and", "or", "sql", "rpc"}) {
        EXPECT_EQ(policy_fault(R"({"engine":"matcho","matcho":{"uri":"/"},")" + std::string(member)
                               + R"(":{}})"),
                  std::string(member)
                      + ": does not belong to the engine matcho; take one of them away");
    }
    EXPECT_EQ(policy_fault(R"({"engine":"allow","matcho":{"uri":"/"}})"),
              "matcho: does not belong to the engine allow; take one of them away");
    EXPECT_EQ(policy_fault(R"({"engine":"complex","matcho":{"uri":"/"}})"),
              "matcho: does not belong to the engine complex; take one of them away");
}

TEST(RuleCompile, PlacesOfFaults)
{
    EXPECT_EQ(policy_fault(R"({"engine":"matcho","matcho":{"user":{"$foo":1}}})")
                  .substr(0, std::string("matcho.user.$foo: unknown operator").size()),
              "matcho.user.$foo: unknown operator");
    EXPECT_TRUE(policy_fault(R"({"engine":"json-schema","schema":{"type":"strin"}})")
                    .starts_with("schema#/type: "));
    EXPECT_EQ(
        policy_fault(complex("and", {leaf("a"), complex("or", {leaf("a"), leaf("(")})})),
        "and[1].or[1].matcho.uri: \"(\" is no regular expression: missing closing parenthesis");
    EXPECT_TRUE(policy_fault(complex("or", {R"({"engine":"json-schema","schema":{"type":"x"}})"}))
                    .starts_with("or[0].schema#/type: "));
}

TEST(RuleCompile, WhatAcceptsEverythingIsWrittenAllow)
{
    for (const char *schema : {"true", "{}"}) {
        EXPECT_EQ(policy_fault(R"({"engine":"json-schema","schema":)" + std::string(schema) + "}"),
                  "schema: it would accept every request; write what must hold, or use the engine "
                  "allow");
    }
    EXPECT_TRUE(policy_fault(R"({"engine":"matcho","matcho":{}})").contains("engine allow"));
}

TEST(RuleCompile, Complex)
{
    constexpr std::string_view kEither = "engine: complex takes either and or or, a list of rules";
    EXPECT_EQ(policy_fault(R"({"engine":"complex"})"), kEither);
    EXPECT_EQ(policy_fault(R"({"engine":"complex","and":[],"or":[]})"), kEither);
    for (const char *list : {"[]", "{}", "null", "1"}) {
        EXPECT_EQ(policy_fault(R"({"engine":"complex","and":)" + std::string(list) + "}"),
                  "and: must be a list with at least one rule");
    }
    EXPECT_EQ(policy_fault(complex("or", {leaf("a"), "1"})),
              "or[1]: must be an object with an engine");
    EXPECT_EQ(policy_fault(complex("or", {"{}"})),
              "or[0].engine: missing, it must be one of allow, matcho, json-schema, complex");
    EXPECT_EQ(policy_fault(complex("and", {complex("or", {R"({"engine":"sql","sql":{}})"})})),
              "and[0].or[0].sql: has no place in a rule of and or or; a rule has engine and "
              "matcho, schema, and or or");
    for (const char *member : {"link", "roleName", "type"}) {
        EXPECT_TRUE(policy_fault(complex("and", {R"({"engine":"allow",")" + std::string(member)
                                                 + R"(":[]})"}))
                        .starts_with("and[0]." + std::string(member) + ": has no place"));
    }
}

TEST(RuleCompile, LevelsOfComplex)
{
    std::string rule = R"({"engine":"allow"})";
    for (int i = 0; i < 32; ++i) {
        rule = complex("and", {rule});
    }
    EXPECT_EQ(said(rule, "{}"), 'a');
    EXPECT_TRUE(policy_fault(complex("and", {rule})).ends_with("and: more than 32 levels"));
}

TEST(RuleCompile, EngineAndRuleApart)
{
    const auto fault = [](std::string_view engine, std::string_view rule) {
        const Json json = rule.empty() ? nullptr : json_from(rule);
        const auto compiled = Rule::compile(engine, json.get(), compile_limited, nullptr);
        return compiled ? "" : compiled.error();
    };
    EXPECT_EQ(fault("allow", ""), "");
    EXPECT_EQ(fault("matcho", R"({"uri":"/"})"), "");
    EXPECT_EQ(fault("json-schema", R"({"required":["jwt"]})"), "");
    EXPECT_EQ(fault("complex", R"({"or":[{"engine":"allow"}]})"), "");

    EXPECT_EQ(fault("allow", "{}"), "engine: allow takes no rule");
    EXPECT_EQ(fault("matcho", ""), "engine: matcho needs a rule");
    EXPECT_EQ(fault("json-schema", ""), "engine: json-schema needs a rule");
    EXPECT_EQ(fault("complex", ""), "engine: complex takes either and or or, a list of rules");
    EXPECT_EQ(fault("complex", R"([{"engine":"allow"}])"),
              "engine: complex takes either and or or, a list of rules");
    EXPECT_EQ(fault("complex", R"({"or":[{"engine":"allow"}],"engine":"complex"})"),
              "engine: does not belong to complex, which takes either and or or");
    EXPECT_EQ(fault("matcho", R"({"jwtt":1})").substr(0, 13), "matcho.jwtt: ");
    EXPECT_TRUE(fault("", "").contains("is no engine"));
}

}  // namespace
}  // namespace token_introspect::policy
