#include "policy/matcho.hpp"

#include "matcho_check.hpp"

#include <string>
#include <utility>

namespace token_introspect::policy {
namespace {

using test::matcho_fault;

TEST(MatchoCompile, ThePatternIsAnObjectOverTheRequest)
{
    constexpr std::string_view kObject =
        "matcho: must be an object whose keys are those of the request";
    for (const char *pattern : {R"("present?")", R"(".jwt")", "[]", "1", "true", "null"}) {
        EXPECT_EQ(matcho_fault(pattern), kObject) << pattern;
    }
    EXPECT_EQ(Matcho::compile(nullptr, nullptr, nullptr).error(), kObject);
    EXPECT_EQ(matcho_fault(R"({"$not":"nil?"})"),
              "matcho.$not: must be an object whose keys are those of the request");
    EXPECT_EQ(matcho_fault(R"({"$one-of":[{"uri":"/"},"present?"]})"),
              "matcho.$one-of[1]: must be an object whose keys are those of the request");
}

TEST(MatchoCompile, AnEmptyPatternWouldLetEverybodyIn)
{
    EXPECT_EQ(matcho_fault("{}"), "matcho: empty, it would match every request; write what must "
                                  "match, or use the engine allow");
    EXPECT_EQ(matcho_fault(R"({"jwt":{}})"), "");
}

TEST(MatchoCompile, KeysOfTheRequest)
{
    EXPECT_EQ(
        matcho_fault(R"({"request-method":"get","scheme":"https","uri":"/","remote-addr":"::1",
                               "query-string":"nil?","params":{},"headers":{},"jwt":{},"token":{},
                               "user":{},"role":[],"client":{},"session":{}})"),
        "");
    EXPECT_EQ(matcho_fault(R"({"jwtt":{}})"), "matcho.jwtt: " + unknown_subject("jwtt"));
    EXPECT_EQ(matcho_fault(R"({"$not":{"method":"get"}})"),
              "matcho.$not.method: " + unknown_subject("method"));
    EXPECT_EQ(matcho_fault(R"({"body":"present?"})"), "matcho.body: " + unknown_subject("body"));
    EXPECT_EQ(matcho_fault(R"({"resource":{}})"),
              "matcho.resource: " + unknown_subject("resource"));
    EXPECT_EQ(matcho_fault(R"({"operation":{}})"),
              "matcho.operation: " + unknown_subject("operation"));
}

TEST(MatchoCompile, UnknownOperators)
{
    EXPECT_EQ(matcho_fault(R"({"user":{"data":{"$foo":1}}})"),
              "matcho.user.data.$foo: unknown operator; the operators are $enum, $one-of, "
              "$contains, $every, $not, $reference, $present-all, $length");
    for (const char *name : {"$and", "$or", "$present?", "$", "$Enum", "$one_of"}) {
        const std::string fault = matcho_fault(R"({"jwt":{")" + std::string(name) + R"(":[1]}})");
        EXPECT_TRUE(fault.contains("unknown operator")) << name;
    }
}

TEST(MatchoCompile, OneOfStandsAlone)
{
    constexpr std::string_view kSentence =
        ": must be the only key of its object; move the other keys into its patterns";
    EXPECT_EQ(matcho_fault(R"({"user":{"$one-of":["nil?"],"id":"a"}})"),
              "matcho.user.$one-of" + std::string(kSentence));
    EXPECT_EQ(matcho_fault(R"({"user":{"$one-of":["nil?"],"$not":"a"}})"),
              "matcho.user.$one-of" + std::string(kSentence));
    EXPECT_EQ(matcho_fault(R"({"uri":"/","$one-of":[{"scheme":"http"}]})"),
              "matcho.$one-of" + std::string(kSentence));
}

TEST(MatchoCompile, Operands)
{
    const auto fault = [](std::string_view pattern) {
        const std::string sentence = matcho_fault(R"({"jwt":{"a":)" + std::string(pattern) + "}}");
        EXPECT_TRUE(sentence.empty() || sentence.starts_with("matcho.jwt.a")) << sentence;
        return sentence.substr(std::min(sentence.size(), std::string_view("matcho.jwt.a").size()));
    };
    constexpr std::string_view kItems =
        ".$enum: takes an array of strings, numbers or booleans, at least one";
    for (const char *operand : {"[]", R"("a")", "{}", "null", R"(".jwt.roles")"}) {
        EXPECT_EQ(fault(R"({"$enum":)" + std::string(operand) + "}"), kItems) << operand;
    }
    for (const char *item : {"null", "[]", "{}"}) {
        EXPECT_EQ(fault(R"({"$enum":[1,)" + std::string(item) + "]}"),
                  ".$enum[1]: must be a string, a number or a boolean; use $one-of for patterns");
    }
    for (const char *operand : {R"("a")", R"("#a")", R"("present?")"}) {
        EXPECT_EQ(fault(R"({"$one-of":)" + std::string(operand) + "}"),
                  ".$one-of: takes an array of patterns, or a path to an array such as "
                  "\".jwt.roles\"");
    }
    for (const char *name : {"$one-of", "$present-all"}) {
        for (const char *operand : {"[]", "{}", "1", "null"}) {
            EXPECT_EQ(fault(R"({")" + std::string(name) + R"(":)" + operand + "}"),
                      '.' + std::string(name) + ": takes an array with at least one pattern");
        }
        EXPECT_EQ(fault(R"({")" + std::string(name) + R"(":["a",{"$x":1}]})").find("unknown"),
                  std::string(".[1].$x: ").size() + std::string(name).size());
    }
    for (const char *operand : {"-1", "1.0", R"("1")", "[]", "null", "4294967296"}) {
        EXPECT_EQ(fault(R"({"$length":)" + std::string(operand) + "}"),
                  ".$length: takes the number of elements, a whole number from 0 on");
    }
    EXPECT_EQ(fault(R"({"$reference":{"type":"Patient"}})"),
              ".$reference.type: a reference has nothing but resourceType and id");
    EXPECT_EQ(fault(R"({"$reference":{"$not":{"Id":"a"}}})"),
              ".$reference.$not.Id: a reference has nothing but resourceType and id");
    EXPECT_EQ(fault(R"({"$contains":{"$every":{"$not":null}}})"),
              ".$contains.$every.$not: null is no pattern; write \"nil?\" for what must be absent "
              "or null");
    EXPECT_EQ(fault(R"(["a",{"b":null}])").substr(0, 7), "[1].b: ");
}

TEST(MatchoCompile, TheRequestIsNoArray)
{
    for (const char *name :
         {"$contains", "$every", "$present-all", "$length", "$enum", "$reference"})
    {
        EXPECT_EQ(matcho_fault(R"({")" + std::string(name) + R"(":[1]})"),
                  "matcho." + std::string(name)
                      + ": the whole request is an object, for which there are $one-of and $not "
                        "only");
    }
    EXPECT_EQ(matcho_fault(R"({"$one-of":".jwt.roles"})"),
              "matcho.$one-of: takes an array of patterns for the whole request");
}

TEST(MatchoCompile, Paths)
{
    constexpr std::string_view kCure =
        "; a text that begins with a dot is written {\"$enum\":[\".…\"]}";
    const auto fault = [](std::string_view path) {
        return matcho_fault(R"({"jwt":{"a":")" + std::string(path) + R"("}})");
    };
    EXPECT_EQ(fault(".pdf"), "matcho.jwt.a: \".pdf\" is a path into the request: "
                                 + unknown_subject("pdf") + std::string(kCure));
    EXPECT_EQ(fault(".resource.id"), "matcho.jwt.a: \".resource.id\" is a path into the request: "
                                         + unknown_subject("resource") + std::string(kCure));
    for (const char *path : {".", "..", "..user"}) {
        EXPECT_EQ(fault(path), "matcho.jwt.a: \"" + std::string(path)
                                   + "\" is a path into the request: its first name is empty"
                                   + std::string(kCure));
    }
    for (const char *path : {".user.", ".user..id", ".user.data."}) {
        EXPECT_EQ(fault(path), "matcho.jwt.a: \"" + std::string(path)
                                   + "\" is a path into the request: it has an empty name"
                                   + std::string(kCure));
    }
    EXPECT_EQ(fault(".user"), "");
    EXPECT_EQ(fault(".session.role.0.name"), "");
    EXPECT_TRUE(matcho_fault(R"({"jwt":{"a":{"$one-of":".roles"}}})")
                    .starts_with("matcho.jwt.a.$one-of: "));
}

TEST(MatchoCompile, RegularExpressions)
{
    EXPECT_EQ(matcho_fault(R"({"uri":"#("})"),
              "matcho.uri: \"(\" is no regular expression: missing closing parenthesis");
    EXPECT_EQ(matcho_fault(R"({"uri":"#"})"),
              "matcho.uri: \"#\" begins a regular expression, and none follows; a text that begins "
              "with # is written {\"$enum\":[\"#…\"]}");
    const auto without =
        Matcho::compile(test::json_from(R"({"uri":"#a"})").get(), nullptr, nullptr);
    ASSERT_FALSE(without);
    EXPECT_EQ(without.error(), "matcho.uri: regular expressions are not built in");
}

TEST(MatchoCompile, WhatIsAlwaysInLowerCase)
{
    EXPECT_EQ(matcho_fault(R"({"headers":{"Content-Type":"a"}})"),
              "matcho.headers.Content-Type: \"Content-Type\" never occurs, it is in lower case "
              "here; write \"content-type\"");
    EXPECT_EQ(matcho_fault(R"({"headers":{"$not":{"X-Debug":"nil?"}}})").substr(0, 29),
              "matcho.headers.$not.X-Debug: ");
    EXPECT_TRUE(matcho_fault(R"({"jwt":{"a":".headers.X-User"}})").contains(R"("x-user")"));
    EXPECT_EQ(matcho_fault(R"({"request-method":{"$not":"DELETE"}})"),
              "matcho.request-method.$not: \"DELETE\" never occurs, it is in lower case here; "
              "write \"delete\"");
    EXPECT_TRUE(
        matcho_fault(R"({"request-method":{"$enum":["get","Post"]}})").contains(R"("post")"));
    EXPECT_TRUE(matcho_fault(R"({"scheme":"HTTPS"})").contains(R"("https")"));
    EXPECT_EQ(matcho_fault(R"({"headers":{"x-user":"Anna"},"params":{"_Include":"X"},"uri":"/A",
                               "request-method":"#GET","jwt":{"A":".user.Name"}})"),
              "");
}

TEST(MatchoCompile, Levels)
{
    const auto nested = [](std::size_t levels) {
        std::string pattern = R"("a")";
        for (std::size_t i = 1; i < levels; ++i) {
            pattern = R"({"k":)" + pattern + "}";
        }
        return matcho_fault(R"({"jwt":)" + pattern + "}");
    };
    EXPECT_EQ(nested(31), "");
    EXPECT_TRUE(nested(32).ends_with(": more than 32 levels"));
    EXPECT_TRUE(nested(150).ends_with(": more than 32 levels"));
}

TEST(MatchoCompile, TheFirstFaultIsTold)
{
    EXPECT_EQ(matcho_fault(R"({"uri":null,"scheme":null})").substr(0, 15), "matcho.scheme: ");
    EXPECT_EQ(matcho_fault(R"({"nope":1,"uri":null})").substr(0, 13), "matcho.nope: ");
    EXPECT_EQ(matcho_fault(R"({"jwt":{"b":null,"a":null}})").substr(0, 14), "matcho.jwt.b: ");
}

}  // namespace
}  // namespace token_introspect::policy
