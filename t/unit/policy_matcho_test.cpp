#include "policy/matcho.hpp"

#include "matcho_check.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace token_introspect::policy {
namespace {

using test::JsonContext;
using test::judged;
using test::matches;

// B20
TEST(Matcho, ActiveToken)
{
    constexpr std::string_view kPattern = R"({"token":{"active":true}})";
    EXPECT_TRUE(matches(kPattern, R"({"token":{"active":true,"sub":"a"}})"));
    EXPECT_FALSE(matches(kPattern, R"({"token":{"active":false}})"));
    EXPECT_FALSE(matches(kPattern, R"({"token":{"active":"true"}})"));
    EXPECT_FALSE(matches(kPattern, R"({"token":{}})"));
    EXPECT_FALSE(matches(kPattern, R"({"jwt":{"active":true}})"));
    EXPECT_FALSE(matches(kPattern, "{}"));
}

// B31
TEST(Matcho, UsersDepartment)
{
    constexpr std::string_view kPattern = R"({"user":{"data":{"department":"cardiology"}}})";
    EXPECT_TRUE(matches(kPattern, R"({"user":{"id":"u","data":{"department":"cardiology"}}})"));
    EXPECT_FALSE(matches(kPattern, R"({"user":{"id":"u","data":{"department":"oncology"}}})"));
    EXPECT_FALSE(matches(kPattern, R"({"user":{"id":"u","data":{}}})"));
    EXPECT_FALSE(matches(kPattern, R"({"user":{"id":"u"}})"));
}

// B33
TEST(Matcho, WithoutUserOnlyTheJwtMatches)
{
    constexpr std::string_view kRequest = R"({"jwt":{"sub":"s","iss":"i"}})";
    EXPECT_TRUE(matches(R"({"jwt":{"sub":"s"}})", kRequest));
    EXPECT_FALSE(matches(R"({"user":{"id":"present?"}})", kRequest));
    EXPECT_FALSE(matches(R"({"role":[]})", kRequest));
    EXPECT_TRUE(matches(R"({"user":"nil?","role":"nil?","jwt":{"sub":"s"}})", kRequest));
}

// B32
TEST(Matcho, TheJwtsSubjectBesideAnotherUser)
{
    EXPECT_TRUE(matches(R"({"jwt":{"sub":"keycloak","box_user":".user.id"},"user":{"id":"u"}})",
                        R"({"jwt":{"sub":"keycloak","box_user":"u"},"user":{"id":"u"}})"));
}

// B29
TEST(Matcho, RolePathsLeadIntoTheArray)
{
    constexpr std::string_view kRequest =
        R"({"role":[{"name":"a","links":{"organization":{"id":"o-1"}}},{"name":"b"}],
            "params":{"org":"o-1"},"jwt":{"role":"b"}})";
    EXPECT_TRUE(matches(R"({"params":{"org":".role.0.links.organization.id"}})", kRequest));
    EXPECT_TRUE(matches(R"({"params":{"org":".session.role.0.links.organization.id"}})", kRequest));
    EXPECT_TRUE(matches(R"({"jwt":{"role":".role.1.name"}})", kRequest));
    EXPECT_FALSE(matches(R"({"params":{"org":".role.1.links.organization.id"}})", kRequest));
    EXPECT_FALSE(matches(R"({"params":{"org":".role.links.organization.id"}})", kRequest));
    EXPECT_TRUE(matches(R"({"role":{"$contains":{"name":"b"}}})", kRequest));
    EXPECT_TRUE(matches(R"({"role":[{"name":"a"}]})", kRequest));
    EXPECT_FALSE(matches(R"({"role":[{"name":"b"}]})", kRequest));
    EXPECT_TRUE(matches(R"({"session":{"role":{"$contains":{"name":"b"}}}})", kRequest));
    EXPECT_FALSE(matches(R"({"session":{"role":{"$contains":{"name":"c"}}}})", kRequest));
}

TEST(Matcho, AllKeysMustMatchOthersAreIgnored)
{
    constexpr std::string_view kPattern = R"({"uri":"/a","jwt":{"x":1,"y":{"z":true}}})";
    EXPECT_TRUE(matches(kPattern, R"({"uri":"/a","scheme":"http","jwt":{"x":1,"y":{"z":true,"q":0},
                                      "w":[]}})"));
    EXPECT_FALSE(matches(kPattern, R"({"uri":"/b","jwt":{"x":1,"y":{"z":true}}})"));
    EXPECT_FALSE(matches(kPattern, R"({"uri":"/a","jwt":{"x":2,"y":{"z":true}}})"));
    EXPECT_FALSE(matches(kPattern, R"({"uri":"/a","jwt":{"x":1,"y":{}}})"));
    EXPECT_FALSE(matches(kPattern, R"({"uri":"/a","jwt":{"x":1,"y":true}})"));
}

TEST(Matcho, AnObjectPatternNeedsAnObject)
{
    for (const char *pattern : {"{}", R"({"k":"nil?"})", R"({"k":{"$not":"a"}})"}) {
        EXPECT_TRUE(judged(pattern, R"({"x":1})")) << pattern;
        for (const char *claim : {"", "null", "1", "true", R"("text")", "[]", R"([{"k":null}])"}) {
            EXPECT_FALSE(judged(pattern, claim)) << pattern << ' ' << claim;
        }
    }
}

TEST(Matcho, ArraysByPlace)
{
    EXPECT_TRUE(judged("[1,2]", "[1,2,3]"));
    EXPECT_TRUE(judged("[1,2]", "[1,2]"));
    EXPECT_FALSE(judged("[1,2]", "[2,1]"));
    EXPECT_FALSE(judged("[1,2]", "[1]"));
    EXPECT_TRUE(judged("[]", "[]"));
    EXPECT_TRUE(judged("[]", "[1]"));
    EXPECT_TRUE(judged(R"(["present?",{"a":"b"}])", R"(["x",{"a":"b"}])"));
    EXPECT_TRUE(judged(R"(["a","nil?"])", R"(["a"])"));
    for (const char *claim : {"", "null", "1", "{}", R"("1")"}) {
        EXPECT_FALSE(judged("[]", claim)) << claim;
        EXPECT_FALSE(judged("[1]", claim)) << claim;
        EXPECT_FALSE(judged(R"(["nil?"])", claim)) << claim;
    }
}

TEST(Matcho, PresentNilAndNotBlank)
{
    for (const char *claim : {"0", "false", R"("")", "[]", "{}", R"("a")"}) {
        EXPECT_TRUE(judged(R"("present?")", claim)) << claim;
        EXPECT_FALSE(judged(R"("nil?")", claim)) << claim;
    }
    for (const char *claim : {"", "null"}) {
        EXPECT_FALSE(judged(R"("present?")", claim)) << claim;
        EXPECT_TRUE(judged(R"("nil?")", claim)) << claim;
        EXPECT_FALSE(judged(R"("not-blank?")", claim)) << claim;
    }
    for (const char *claim : {R"("a")", R"(" a ")", R"("ä")", R"("0")"}) {
        EXPECT_TRUE(judged(R"("not-blank?")", claim)) << claim;
    }
    for (const char *claim : {R"("")", R"(" ")", R"("\t\r\n\u001f")", "1", "true", "[]", "{}"}) {
        EXPECT_FALSE(judged(R"("not-blank?")", claim)) << claim;
    }
}

TEST(Matcho, EmptyParametersAreAnObject)
{
    constexpr std::string_view kRequest = R"({"params":{},"headers":{}})";
    EXPECT_TRUE(
        matches(R"({"params":{"_include":"nil?"},"headers":{"x-debug":"nil?"}})", kRequest));
    EXPECT_TRUE(matches(R"({"params":"present?","headers":{}})", kRequest));
    EXPECT_FALSE(matches(R"({"params":{"_include":"nil?"}})", R"({"params":{"_include":"a"}})"));
}

TEST(Matcho, RegularExpressionsAreSearched)
{
    EXPECT_TRUE(matches(R"({"uri":"#/Encounter.*"})", R"({"uri":"/fhir/Encounter"})"));
    EXPECT_FALSE(matches(R"({"uri":"#^/Encounter.*"})", R"({"uri":"/fhir/Encounter"})"));
    EXPECT_TRUE(judged(R"("#b")", R"("abc")"));
    EXPECT_TRUE(judged(R"("#^a|c$")", R"("abc")"));
    EXPECT_FALSE(judged(R"("#B")", R"("abc")"));
    EXPECT_TRUE(judged(R"("##1")", R"("a#1")"));
    for (const char *claim : {"", "null", "1", "true", R"(["abc"])", R"({"b":"b"})"}) {
        EXPECT_FALSE(judged(R"("#.*")", claim)) << claim;
    }
}

TEST(Matcho, RegularExpressionsOfPcre)
{
    const auto found = [](std::string_view expression, std::string_view uri) {
        const Json pattern(json_pack("{s:s}", "uri", std::string(expression).c_str()));
        const auto matcho = Matcho::compile(pattern.get(), test::compile_pcre, nullptr);
        EXPECT_TRUE(matcho) << expression;
        JsonContext context(R"({"uri":")" + std::string(uri) + "\"}");
        return matcho && matcho->matches(context);
    };
    EXPECT_TRUE(found("#^/fhir/(?!Secret)", "/fhir/Patient"));
    EXPECT_FALSE(found("#^/fhir/(?!Secret)", "/fhir/Secret"));
    EXPECT_TRUE(found("#(?i)patient", "/fhir/PATIENT/1"));
    EXPECT_FALSE(found("#patient", "/fhir/PATIENT/1"));
    EXPECT_TRUE(found("#/(Patient|Group)/[^/]+$", "/fhir/Group/g-1"));
}

TEST(Matcho, ScalarsByTypeAndValue)
{
    EXPECT_TRUE(judged(R"("a")", R"("a")"));
    EXPECT_FALSE(judged(R"("a")", R"("A")"));
    EXPECT_FALSE(judged(R"("a")", R"("a ")"));
    EXPECT_TRUE(judged(R"("")", R"("")"));
    EXPECT_FALSE(judged(R"("")", ""));
    EXPECT_FALSE(judged(R"("a")", R"(["a"])"));
    EXPECT_TRUE(judged("1", "1"));
    EXPECT_TRUE(judged("1", "1.0"));
    EXPECT_TRUE(judged("1.5", "1.5"));
    EXPECT_TRUE(judged("-0.0", "0"));
    EXPECT_TRUE(judged("9007199254740993", "9007199254740993"));
    EXPECT_FALSE(judged("9007199254740993", "9007199254740992.0"));
    EXPECT_FALSE(judged("1", R"("1")"));
    EXPECT_FALSE(judged(R"("1")", "1"));
    EXPECT_FALSE(judged("1", "true"));
    EXPECT_FALSE(judged("0", "false"));
    EXPECT_FALSE(judged("0", ""));
    EXPECT_TRUE(judged("true", "true"));
    EXPECT_TRUE(judged("false", "false"));
    EXPECT_FALSE(judged("false", "true"));
    EXPECT_FALSE(judged("false", ""));
    EXPECT_FALSE(judged("false", "null"));
    EXPECT_FALSE(judged("true", R"("true")"));
}

TEST(Matcho, TextsThatLookLikeWordsAreTexts)
{
    EXPECT_TRUE(judged(R"("present")", R"("present")"));
    EXPECT_FALSE(judged(R"("present?")", ""));
    EXPECT_FALSE(judged(R"("Present?")", R"("x")"));
    EXPECT_TRUE(judged(R"("a.b")", R"("a.b")"));
    EXPECT_TRUE(judged(R"("a#b")", R"("a#b")"));
}

TEST(Matcho, PathsStartAtTheRequest)
{
    constexpr std::string_view kPattern =
        R"({"params":{"practitioner":".user.data.practitioner"}})";
    EXPECT_TRUE(matches(
        kPattern, R"({"params":{"practitioner":"p-1"},"user":{"data":{"practitioner":"p-1"}}})"));
    EXPECT_FALSE(matches(
        kPattern, R"({"params":{"practitioner":"p-2"},"user":{"data":{"practitioner":"p-1"}}})"));
    EXPECT_FALSE(matches(kPattern, R"({"params":{"practitioner":"p-1"},"user":{}})"));
    EXPECT_FALSE(matches(kPattern, R"({"params":{},"user":{"data":{"practitioner":"p-1"}}})"));

    // From the root, not from where they stand.
    constexpr std::string_view kDeep = R"({"token":{"list":[{"a":".jwt.a"}]}})";
    EXPECT_TRUE(matches(kDeep, R"({"token":{"list":[{"a":1,"jwt":{"a":2}}]},"jwt":{"a":1.0}})"));
    EXPECT_TRUE(matches(R"({"token":".jwt"})", R"({"token":{"a":[1,{"b":null}]},
                                                    "jwt":{"a":[1,{"b":null}]}})"));
    EXPECT_FALSE(matches(R"({"token":".jwt"})", R"({"token":{"a":1,"b":2},"jwt":{"a":1}})"));
    EXPECT_FALSE(matches(R"({"jwt":{"a":".token.a"}})", R"({"jwt":{"a":"1"},"token":{"a":1}})"));
}

TEST(Matcho, TwoThatAreAbsentAreEqual)
{
    // The hazard that the documentation warns of: to be paired with present?.
    constexpr std::string_view kPattern = R"({"params":{"p":".user.data.p"}})";
    EXPECT_TRUE(matches(kPattern, R"({"params":{}})"));
    EXPECT_TRUE(matches(kPattern, R"({"params":{"p":null},"user":{"data":{}}})"));
    EXPECT_TRUE(matches(kPattern, R"({"params":{},"user":{"data":{"p":null}}})"));
    EXPECT_FALSE(matches(R"({"params":{"p":".user.data.p"},"user":{"data":{"p":"present?"}}})",
                         R"({"params":{},"user":{"data":{}}})"));
}

TEST(Matcho, NamesInPathsHoldSlashes)
{
    constexpr std::string_view kRequest =
        R"({"params":{"resource/id":"p-1","0":"zero"},"user":{"fhir":"p-1","data":{"list":["a"]}},
            "jwt":{"first":"a","zero":"zero"}})";
    EXPECT_TRUE(matches(R"({"user":{"fhir":".params.resource/id"}})", kRequest));
    EXPECT_TRUE(matches(R"({"params":{"resource/id":".user.fhir"}})", kRequest));
    EXPECT_TRUE(matches(R"({"jwt":{"first":".user.data.list.0"}})", kRequest));
    EXPECT_FALSE(matches(R"({"jwt":{"first":".user.data.list.1"}})", kRequest));
    EXPECT_FALSE(matches(R"({"jwt":{"first":".user.data.list.00"}})", kRequest));
    EXPECT_TRUE(matches(R"({"jwt":{"zero":".params.0"}})", kRequest));
}

TEST(Matcho, OrderOfKeysDoesNotMatter)
{
    std::vector<std::string> keys = {R"("uri":"/a")", R"("jwt":{"a":1})", R"("params":{"b":"c"})",
                                     R"("$not":{"scheme":"http"})"};
    std::ranges::sort(keys);
    do {
        const std::string pattern =
            '{' + keys[0] + ',' + keys[1] + ',' + keys[2] + ',' + keys[3] + '}';
        EXPECT_TRUE(matches(pattern, R"({"uri":"/a","jwt":{"a":1},"params":{"b":"c"}})"));
        EXPECT_FALSE(matches(pattern, R"({"uri":"/a","jwt":{"a":1},"params":{"b":"d"}})"));
        EXPECT_FALSE(matches(pattern, R"({"uri":"/a","jwt":{"a":1},"params":{"b":"c"},
                                          "scheme":"http"})"));
    } while (std::ranges::next_permutation(keys).found);
}

TEST(Matcho, OneThatWasMovedFromMatchesNothing)
{
    auto matcho = Matcho::compile(test::json_from(R"({"uri":"present?"})").get(), nullptr, nullptr);
    ASSERT_TRUE(matcho);
    JsonContext context(R"({"uri":"/"})");
    Matcho other = std::move(*matcho);
    EXPECT_TRUE(other.matches(context));
    EXPECT_FALSE(matcho->matches(context));  // NOLINT(bugprone-use-after-move)
    *matcho = std::move(other);
    EXPECT_TRUE(matcho->matches(context));
}

}  // namespace
}  // namespace token_introspect::policy
