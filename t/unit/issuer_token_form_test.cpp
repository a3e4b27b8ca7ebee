#include "issuer_fixture.hpp"

namespace token_introspect::issuer {
namespace {

using test::word_of;

const std::string kForm = "application/x-www-form-urlencoded";
const std::string kJson = "application/json";

std::expected<TokenForm, Refusal> form(std::string_view body)
{
    return TokenForm::parse(kForm, body);
}

std::expected<TokenForm, Refusal> json(std::string_view body)
{
    return TokenForm::parse(kJson, body);
}

std::vector<std::string> all(const std::expected<TokenForm, Refusal> &read, Parameter parameter)
{
    const auto values = read.value().all(parameter);
    return {values.begin(), values.end()};
}

TEST(TokenForm, ReadsEveryParameterOfAForm)
{
    const auto read = form("grant_type=a&scope=b+c&audience=d&resource=e%3A&subject_token=f"
                           "&subject_token_type=g&actor_token=h&actor_token_type=i"
                           "&requested_token_type=j&refresh_token=k&client_id=l"
                           "&client_secret=%C3%A9&token=m&token_type_hint=n");
    ASSERT_TRUE(read);
    const std::vector<std::string> expected = {"a", "b c", "d", "e:", "f", "g", "h",
                                               "i", "j",   "k", "l",  "é", "m", "n"};
    for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(read->get(static_cast<Parameter>(i)), expected[i]);
        EXPECT_TRUE(read->has(static_cast<Parameter>(i)));
    }
}

TEST(TokenForm, ReadsEveryParameterOfJson)
{
    const auto read = json(R"({"grant_type":"a","scope":"b c","audience":"d","resource":["e","f"],
                               "client_secret":"é","token":"t"})");
    ASSERT_TRUE(read);
    EXPECT_EQ(read->get(Parameter::kGrantType), "a");
    EXPECT_EQ(read->get(Parameter::kScope), "b c");
    EXPECT_EQ(all(read, Parameter::kAudience), std::vector<std::string>{"d"});
    EXPECT_EQ(all(read, Parameter::kResource), (std::vector<std::string>{"e", "f"}));
    EXPECT_EQ(read->get(Parameter::kClientSecret), "é");
    EXPECT_FALSE(read->has(Parameter::kSubjectToken));
    EXPECT_EQ(read->get(Parameter::kSubjectToken), "");
}

TEST(TokenForm, ContentTypes)
{
    for (const std::string_view type :
         {"application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded",
          "application/x-www-form-urlencoded; charset=UTF-8",
          " application/x-www-form-urlencoded "})
    {
        EXPECT_EQ(word_of(TokenForm::parse(type, "scope=a")), "ok") << type;
    }
    EXPECT_EQ(word_of(TokenForm::parse("application/json;charset=utf-8", "{}")), "ok");
    for (const std::string_view type : {"", "text/plain", "application/jsonx", "application/json,x",
                                        "multipart/form-data", "application/ld+json"})
    {
        EXPECT_EQ(word_of(TokenForm::parse(type, "scope=a")), "content_type") << type;
    }
}

TEST(TokenForm, WithoutAValueItIsNotThere)
{
    for (const auto &read : {form("scope=&audience&token"), json(R"({"scope":"","audience":""})"),
                             json(R"({"audience":["",""]})"), json(R"({"audience":[]})"), form("")})
    {
        ASSERT_TRUE(read);
        EXPECT_FALSE(read->has(Parameter::kScope));
        EXPECT_FALSE(read->has(Parameter::kAudience));
    }
}

TEST(TokenForm, OnlyTargetsMayBeRepeated)
{
    EXPECT_EQ(all(form("audience=a&resource=x&audience=b"), Parameter::kAudience),
              (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(word_of(form("scope=a&scope=a")), "repeated_parameter");
    EXPECT_EQ(word_of(form("scope=&scope=a")), "repeated_parameter");
    EXPECT_EQ(word_of(form("scope=a&%73cope=b")), "repeated_parameter");
    EXPECT_EQ(word_of(form("client_id=a&client_id=b")), "repeated_parameter");
    EXPECT_EQ(word_of(json(R"({"scope":"a","scope":"b"})")), "malformed_body");
    EXPECT_EQ(word_of(json(R"({"audience":"a","audience":"b"})")), "malformed_body");
}

TEST(TokenForm, WhatNobodyKnowsIsIgnored)
{
    EXPECT_EQ(word_of(form("x=1&x=2&Scope=a&&&y&=z&assertion=%00")), "ok");
    EXPECT_EQ(word_of(json(R"({"x":1,"y":[{}],"z":null,"":""})")), "ok");
}

TEST(TokenForm, MalformedForms)
{
    for (const std::string_view body : {"scope=%", "scope=%2", "scope=%zz", "%zz=a", "x=%"}) {
        EXPECT_EQ(word_of(form(body)), "malformed_body") << body;
    }
    for (const std::string_view body : {"scope=%00", "scope=a%0Ab", "scope=%7f", "scope=%ff",
                                        "scope=%c3", "scope=%ed%a0%80", "scope=a\n", "token=\t"})
    {
        EXPECT_EQ(word_of(form(body)), "malformed_body") << body;
    }
}

TEST(TokenForm, MalformedJson)
{
    for (const std::string_view body :
         {"", "[]", "\"a\"", "null", "{", "{}x", "{\"scope\":\"a\",}", R"({"x":{"a":1,"a":1}})",
          R"({"scope":"a\u0000"})", R"({"scope":"a\n"})", R"({"scope":"\u007f"})",
          "{\"scope\":\"\xff\"}", R"({"scope":"\ud800"})"})
    {
        EXPECT_EQ(word_of(json(body)), "malformed_body") << body;
    }
    EXPECT_EQ(word_of(json("{\"x\":" + std::string(99, '[') + std::string(99, ']') + "}")),
              "malformed_body");
    EXPECT_EQ(word_of(json("{\"x\":\"" + std::string(TokenForm::kLargestBody, 'a') + "\"}")),
              "malformed_body");
}

TEST(TokenForm, JsonOfAnotherType)
{
    for (const std::string_view body :
         {R"({"scope":1})", R"({"scope":null})", R"({"scope":true})", R"({"scope":{}})",
          R"({"scope":["a"]})", R"({"subject_token":["a"]})", R"({"audience":{}})",
          R"({"audience":1})", R"({"audience":["a",1]})", R"({"resource":[["a"]]})",
          R"({"client_id":7})"})
    {
        EXPECT_EQ(word_of(json(body)), "parameter_type") << body;
    }
}

}  // namespace
}  // namespace token_introspect::issuer
