#include "policy/matcho.hpp"

#include "matcho_check.hpp"

#include <string>

namespace token_introspect::policy {
namespace {

using test::judged;
using test::matches;

TEST(MatchoEnum, EqualToOneItem)
{
    constexpr std::string_view kPattern = R"({"request-method":{"$enum":["get","post"]}})";
    EXPECT_TRUE(matches(kPattern, R"({"request-method":"post"})"));
    EXPECT_FALSE(matches(kPattern, R"({"request-method":"put"})"));
    EXPECT_TRUE(judged(R"({"$enum":["1",2,true]})", "2.0"));
    EXPECT_TRUE(judged(R"({"$enum":["1",2,true]})", "true"));
    EXPECT_FALSE(judged(R"({"$enum":["1",2,true]})", "1"));
    EXPECT_FALSE(judged(R"({"$enum":["1",2,true]})", R"("2")"));
    EXPECT_FALSE(judged(R"({"$enum":["a"]})", R"(["a"])"));
    EXPECT_FALSE(judged(R"({"$enum":["a"]})", ""));
}

TEST(MatchoEnum, ItemsAreNoPatterns)
{
    for (const char *item : {R"("nil?")", R"("present?")", R"("#a")", R"(".jwt.a")", R"(".")"}) {
        const std::string pattern = R"({"$enum":[)" + std::string(item) + "]}";
        EXPECT_TRUE(judged(pattern, item)) << item;
        EXPECT_FALSE(judged(pattern, "")) << item;
        EXPECT_FALSE(judged(pattern, R"("a")")) << item;
    }
}

TEST(MatchoOneOf, OnePatternMatches)
{
    constexpr std::string_view kPattern = R"({"$one-of":["a",5,{"k":"present?"},[1],"#^x"]})";
    for (const char *claim : {R"("a")", "5", R"({"k":1})", "[1,2]", R"("xyz")"}) {
        EXPECT_TRUE(judged(kPattern, claim)) << claim;
    }
    for (const char *claim : {"", "6", R"({"l":1})", "[2]", R"("yx")"}) {
        EXPECT_FALSE(judged(kPattern, claim)) << claim;
    }
    EXPECT_TRUE(judged(R"({"$one-of":["nil?","a"]})", ""));
}

TEST(MatchoOneOf, ForTheWholeRequest)
{
    constexpr std::string_view kPattern =
        R"({"$one-of":[{"uri":"/public"},{"jwt":{"admin":true}},{"$not":{"scheme":"http"}}]})";
    EXPECT_TRUE(matches(kPattern, R"({"uri":"/public","scheme":"http"})"));
    EXPECT_TRUE(matches(kPattern, R"({"uri":"/a","scheme":"http","jwt":{"admin":true}})"));
    EXPECT_TRUE(matches(kPattern, R"({"uri":"/a","scheme":"https"})"));
    EXPECT_FALSE(matches(kPattern, R"({"uri":"/a","scheme":"http","jwt":{"admin":false}})"));
}

TEST(MatchoOneOf, AnElementOfAnArrayElsewhere)
{
    constexpr std::string_view kPattern = R"({"user":{"data":{"role":{"$one-of":".jwt.roles"}}}})";
    const auto request = [](std::string_view role, std::string_view roles) {
        return R"({"user":{"data":{)" + std::string(role) + R"(}},"jwt":{)" + std::string(roles)
               + "}}";
    };
    EXPECT_TRUE(matches(kPattern, request(R"("role":"b")", R"("roles":["a","b"])")));
    EXPECT_FALSE(matches(kPattern, request(R"("role":"c")", R"("roles":["a","b"])")));
    EXPECT_FALSE(matches(kPattern, request(R"("role":"a")", R"("roles":"a")")));
    EXPECT_FALSE(matches(kPattern, request(R"("role":"a")", R"("roles":{"a":"a"})")));
    EXPECT_FALSE(matches(kPattern, request(R"("role":"a")", "")));
    EXPECT_FALSE(matches(kPattern, request("", "")));
    EXPECT_FALSE(matches(kPattern, request("", R"("roles":[])")));
    EXPECT_TRUE(matches(kPattern, request(R"("role":{"a":[1]})", R"("roles":[1,{"a":[1.0]}])")));
    // What a token brings is never a pattern, and null is nobody's role.
    EXPECT_FALSE(matches(kPattern, request(R"("role":"c")", R"("roles":["present?","#.*"])")));
    EXPECT_FALSE(matches(kPattern, request(R"("role":"c")", R"("roles":[".user.data.role"])")));
    EXPECT_FALSE(matches(kPattern, request("", R"("roles":[null])")));
    EXPECT_FALSE(matches(kPattern, request(R"("role":null)", R"("roles":[null,"nil?"])")));
}

TEST(MatchoContains, SomeElement)
{
    EXPECT_TRUE(judged(R"({"$contains":"admin"})", R"(["user","admin"])"));
    EXPECT_FALSE(judged(R"({"$contains":"admin"})", R"(["user"])"));
    EXPECT_TRUE(judged(R"({"$contains":{"a":1,"b":2}})", R"([{"a":1},{"a":1,"b":2}])"));
    EXPECT_FALSE(judged(R"({"$contains":{"a":1,"b":2}})", R"([{"a":1},{"b":2}])"));
    EXPECT_TRUE(judged(R"({"$contains":"nil?"})", "[1,null]"));
    EXPECT_TRUE(judged(R"({"$contains":{"$contains":1}})", "[[2],[3,1]]"));
    for (const char *claim : {"", "null", "[]", R"("admin")", R"({"0":"admin"})", "1"}) {
        EXPECT_FALSE(judged(R"({"$contains":"present?"})", claim)) << claim;
        EXPECT_FALSE(judged(R"({"$contains":"nil?"})", claim)) << claim;
    }
}

TEST(MatchoEvery, AllElementsOfSome)
{
    EXPECT_TRUE(judged(R"({"$every":"#^a"})", R"(["a","ab"])"));
    EXPECT_FALSE(judged(R"({"$every":"#^a"})", R"(["a","b"])"));
    EXPECT_FALSE(judged(R"({"$every":"present?"})", "[1,null]"));
    for (const char *claim : {"", "null", "[]", R"("a")", "{}", "1"}) {
        EXPECT_FALSE(judged(R"({"$every":"#a"})", claim)) << claim;
        EXPECT_FALSE(judged(R"({"$every":"nil?"})", claim)) << claim;
    }
}

TEST(MatchoNot, Negates)
{
    constexpr std::string_view kPattern = R"({"user":{"$not":{"data":{"role":"guest"}}}})";
    EXPECT_FALSE(matches(kPattern, R"({"user":{"data":{"role":"guest"}}})"));
    EXPECT_TRUE(matches(kPattern, R"({"user":{"data":{"role":"nurse"}}})"));
    // As documented, this lets those through who have no user.
    EXPECT_TRUE(matches(kPattern, "{}"));
    EXPECT_FALSE(judged(R"({"$not":{"$not":"a"}})", "1"));
    EXPECT_TRUE(judged(R"({"$not":{"$not":"a"}})", R"("a")"));
    EXPECT_FALSE(judged(R"({"$not":"nil?"})", ""));
    // One key among others: all hold.
    constexpr std::string_view kBeside = R"({"jwt":"present?","$not":{"uri":"#^/admin"}})";
    EXPECT_TRUE(matches(kBeside, R"({"uri":"/a","jwt":{}})"));
    EXPECT_FALSE(matches(kBeside, R"({"uri":"/a"})"));
    EXPECT_FALSE(matches(kBeside, R"({"uri":"/admin/a","jwt":{}})"));
    constexpr std::string_view kInside = R"({"user":{"$not":{"id":"x"},"active":true}})";
    EXPECT_TRUE(matches(kInside, R"({"user":{"id":"y","active":true}})"));
    EXPECT_FALSE(matches(kInside, R"({"user":{"id":"x","active":true}})"));
    EXPECT_FALSE(matches(kInside, R"({"user":{"id":"y"}})"));
    EXPECT_FALSE(matches(kInside, "{}"));
}

TEST(MatchoReference, TypeAndId)
{
    constexpr std::string_view kPattern =
        R"({"$reference":{"resourceType":"Patient","id":".user.data.patient"}})";
    const auto request = [](std::string_view claim) {
        return R"({"user":{"data":{"patient":"pt-1"}},"token":{"c":)" + std::string(claim) + "}}";
    };
    const std::string pattern = R"({"token":{"c":)" + std::string(kPattern) + "}}";
    EXPECT_TRUE(matches(pattern, request(R"("Patient/pt-1")")));
    EXPECT_TRUE(matches(pattern, request(R"({"reference":"Patient/pt-1","display":"x"})")));
    EXPECT_FALSE(matches(pattern, request(R"("Patient/pt-2")")));
    EXPECT_FALSE(matches(pattern, request(R"("Group/pt-1")")));
    EXPECT_FALSE(matches(pattern, request(R"("patient/pt-1")")));
    EXPECT_FALSE(matches(pattern, request(R"("http://example.com/Patient/pt-1")")));
    EXPECT_FALSE(matches(pattern, request(R"({"resourceType":"Patient","id":"pt-1"})")));

    EXPECT_TRUE(judged(R"({"$reference":"present?"})", R"("Patient/1")"));
    EXPECT_TRUE(judged(R"({"$reference":{"id":"#^pt-[0-9]+$"}})", R"("Patient/pt-12")"));
    EXPECT_TRUE(
        judged(R"({"$reference":{"resourceType":{"$enum":["Patient","Group"]}}})", R"("Group/a")"));
    for (const char *claim : {"", "null", "1", "[]", "{}", R"("Patient")", R"({"reference":1})",
                              R"(["Patient/1"])", R"({"reference":{"reference":"Patient/1"}})"})
    {
        EXPECT_FALSE(judged(R"({"$reference":{}})", claim)) << claim;
        EXPECT_FALSE(judged(R"({"$reference":"nil?"})", claim)) << claim;
    }
}

TEST(MatchoPresentAll, EachMatchesSomeElement)
{
    constexpr std::string_view kPattern = R"({"$present-all":[{"t":"a"},{"t":"b"}]})";
    EXPECT_TRUE(judged(kPattern, R"([{"t":"b"},{"t":"c"},{"t":"a"}])"));
    EXPECT_FALSE(judged(kPattern, R"([{"t":"b"},{"t":"c"}])"));
    // One element may serve several patterns.
    EXPECT_TRUE(judged(R"({"$present-all":["present?","#a"]})", R"(["a"])"));
    for (const char *claim : {"", "null", "[]", "{}", R"("a")"}) {
        EXPECT_FALSE(judged(R"({"$present-all":["nil?"]})", claim)) << claim;
    }
}

TEST(MatchoLength, ElementsOfAnArray)
{
    EXPECT_TRUE(judged(R"({"$length":2})", "[1,2]"));
    EXPECT_FALSE(judged(R"({"$length":2})", "[1,2,3]"));
    EXPECT_TRUE(judged(R"({"$length":0})", "[]"));
    for (const char *claim : {"", "null", R"("ab")", R"({"a":1,"b":2})", "2"}) {
        EXPECT_FALSE(judged(R"({"$length":2})", claim)) << claim;
        EXPECT_FALSE(judged(R"({"$length":0})", claim)) << claim;
    }
}

TEST(MatchoLength, TogetherWithPresentAll)
{
    constexpr std::string_view kPattern = R"({"$length":2,"$present-all":[{"t":"a"},{"t":"b"}]})";
    EXPECT_TRUE(judged(kPattern, R"([{"t":"b"},{"t":"a"}])"));
    EXPECT_FALSE(judged(kPattern, R"([{"t":"b"},{"t":"a"},{"t":"c"}])"));
    EXPECT_FALSE(judged(kPattern, R"([{"t":"b"},{"t":"b"}])"));
    EXPECT_TRUE(judged(R"({"$length":2,"$every":"#a","$contains":"ab"})", R"(["ab","ca"])"));
    EXPECT_FALSE(judged(R"({"$length":2,"$every":"#a","$contains":"ab"})", R"(["ab","c"])"));
}

}  // namespace
}  // namespace token_introspect::policy
