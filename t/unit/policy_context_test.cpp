#include "policy/context.hpp"

#include "policy_context.hpp"

#include <gtest/gtest.h>

namespace token_introspect::policy {
namespace {

using test::JsonContext;

TEST(PolicyContext, NamesOfSubjects)
{
    for (std::size_t i = 0; i < kSubjectCount; ++i) {
        const auto subject = static_cast<Subject>(i);
        EXPECT_EQ(subject_from_name(name_of(subject)), subject) << name_of(subject);
    }
    EXPECT_EQ(name_of(Subject::kRequestMethod), "request-method");
    EXPECT_EQ(name_of(Subject::kQueryString), "query-string");
    EXPECT_EQ(name_of(Subject::kSession), "session");
    for (const char *name : {"", "jw", "JWT", "jwt.iss", "request_method", "body"}) {
        EXPECT_EQ(subject_from_name(name), std::nullopt) << name;
    }
}

TEST(PolicyContext, UnknownSubjectsAreExplained)
{
    EXPECT_EQ(unknown_subject("jwtt"),
              "unknown key of the request, the keys are request-method, scheme, uri, query-string, "
              "remote-addr, params, headers, jwt, token, user, role, client, session");
    EXPECT_TRUE(unknown_subject("body").contains("not read"));
    EXPECT_TRUE(unknown_subject("resource").contains("not read"));
    EXPECT_TRUE(unknown_subject("operation").contains("request-method and uri"));
}

std::string whole_of(std::string_view json)
{
    JsonContext context(json);
    std::string out;
    context.whole().append_json(out);
    return out;
}

TEST(PolicyContext, WholeIsWithoutEmptyValues)
{
    EXPECT_EQ(whole_of("{}"), "{}");
    EXPECT_EQ(whole_of(R"({"params":{},"headers":{"host":"a"},"query-string":"","user":null,
                           "uri":"/a"})"),
              R"({"headers":{"host":"a"},"uri":"/a"})");
    EXPECT_EQ(whole_of(R"({"jwt":{"a":"","b":[],"c":{},"d":null,"e":0,"f":false,"g":" "}})"),
              R"({"jwt":{"e":0,"f":false,"g":" "}})");
    EXPECT_EQ(whole_of(R"({"jwt":{"a":{"b":{"c":[{},[""],null]}},"k":[{"x":[]},1,"",[2,[]]]},
                           "token":{"z":{"y":[[[]]]}}})"),
              R"({"jwt":{"k":[1,[2]]}})");
}

TEST(PolicyContext, WholeHasAllSubjects)
{
    EXPECT_EQ(
        whole_of(R"({"request-method":"get","scheme":"https","uri":"/","query-string":"a=1",
                     "params":{"a":"1"},"headers":{"host":"h"},"remote-addr":"::1","jwt":{"s":1},
                     "token":{"t":1},"user":{"id":"u"},"role":[{"name":"r"}],"client":{"id":"c"},
                     "other":1})"),
        R"({"client":{"id":"c"},"headers":{"host":"h"},"jwt":{"s":1},"params":{"a":"1"},)"
        R"("query-string":"a=1","remote-addr":"::1","request-method":"get","role":[{"name":"r"}],)"
        R"("scheme":"https","session":{"role":[{"name":"r"}]},"token":{"t":1},"uri":"/",)"
        R"("user":{"id":"u"}})");
}

}  // namespace
}  // namespace token_introspect::policy
