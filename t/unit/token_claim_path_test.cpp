#include "token/claim_path.hpp"

#include "claims_image.hpp"

#include <gtest/gtest.h>

namespace token_introspect::token {
namespace {

using test::Claims;

ClaimPath path(std::string_view text)
{
    auto parsed = ClaimPath::parse(text);
    EXPECT_TRUE(parsed) << text << ": " << (parsed ? "" : parsed.error());
    return parsed ? *parsed : ClaimPath();
}

std::string found(const Claims &claims, std::string_view text)
{
    std::string out;
    path(text).find(claims.view()).append_json(out);
    return out;
}

std::string found_lenient(const Claims &claims, std::string_view text)
{
    std::string out;
    path(text).find_lenient(claims.view()).append_json(out);
    return out;
}

TEST(ClaimPath, LeadsToValues)
{
    const Claims claims(R"({"sub":"me","realm_access":{"roles":["admin","user"]},
        "groups":[{"name":"first"},{"name":"second","0":"zero"}],
        "https://example.com/tenant":"acme","address":{"street.name":"Main","a":{"b":1}},
        "a b":1,"":2,"q\"uo\\te":3,"it's":4,"x]y":5,"ключ":6,"7":"seven","n":null,"m":[[1,2],[3]]})");

    EXPECT_EQ(found(claims, "sub"), "\"me\"");
    EXPECT_EQ(found(claims, "realm_access.roles"), R"(["admin","user"])");
    EXPECT_EQ(found(claims, "realm_access.roles[1]"), "\"user\"");
    EXPECT_EQ(found(claims, "realm_access.roles.1"), "\"user\"");
    EXPECT_EQ(found(claims, "groups[0].name"), "\"first\"");
    EXPECT_EQ(found(claims, "groups[1][\"name\"]"), "\"second\"");
    EXPECT_EQ(found(claims, "groups[1].0"), "\"zero\"");
    EXPECT_EQ(found(claims, R"(["https://example.com/tenant"])"), "\"acme\"");
    EXPECT_EQ(found(claims, "['https://example.com/tenant']"), "\"acme\"");
    EXPECT_EQ(found(claims, R"(address["street.name"])"), "\"Main\"");
    EXPECT_EQ(found(claims, R"(["address"].a["b"])"), "1");
    EXPECT_EQ(found(claims, "a b"), "1");
    EXPECT_EQ(found(claims, R"([""])"), "2");
    EXPECT_EQ(found(claims, R"(["q\"uo\\te"])"), "3");
    EXPECT_EQ(found(claims, R"(['q"uo\\te'])"), "3");
    EXPECT_EQ(found(claims, R"(["it's"])"), "4");
    EXPECT_EQ(found(claims, R"(['it\'s'])"), "4");
    EXPECT_EQ(found(claims, "it's"), "4");
    EXPECT_EQ(found(claims, R"(["x]y"])"), "5");
    EXPECT_EQ(found(claims, "ключ"), "6");
    EXPECT_EQ(found(claims, "7"), "\"seven\"");
    EXPECT_EQ(found(claims, "n"), "null");
    EXPECT_EQ(found(claims, "m[0][1]"), "2");
    EXPECT_EQ(found(claims, "m.1.0"), "3");
}

TEST(ClaimPath, MissingStepsGiveNothing)
{
    const Claims claims(R"({"s":"text","a":[1],"o":{"1":"x","k":{}},"n":null})");

    for (const char *text :
         {"x", "s.x", "s[0]", "a[1]", "a.1", "a.x", "a[\"0\"]", "a.01", "a.-1",
          "a.99999999999999999999", "o.x", "o[1]", "o.k.x", "n.x", "n[0]", "o.k.x.y.z", "S"})
    {
        EXPECT_FALSE(path(text).find(claims.view()).present()) << text;
    }
    EXPECT_FALSE(path("s").find(ClaimsView()).present());
    EXPECT_FALSE(path("s").find(Value()).present());
}

TEST(ClaimPath, WithoutStepsFindsNothing)
{
    const Claims claims(R"({"a":1})");
    EXPECT_FALSE(ClaimPath().find(claims.view()).present());
}

TEST(ClaimPath, StartsFromAnyValue)
{
    const Claims claims(R"({"o":{"k":[5]},"a":["x","y"]})");
    EXPECT_EQ(path("k[0]").find(claims.find("o")).integer(), 5);
    EXPECT_EQ(path("[1]").find(claims.find("a")).string(), "y");
    EXPECT_EQ(path("1").find(claims.find("a")).string(), "y");
}

TEST(ClaimPath, SaysWhatIsWrongAndWhere)
{
    for (const auto &[text, sentence] : {
             std::pair{"", "empty claim path"},
             {".a", "empty name at position 1"},
             {"a.", "empty name at position 3"},
             {"abc..d", "empty name at position 5"},
             {"a.[0]", "empty name at position 3"},
             {"]", "empty name at position 1"},
             {"a]", "expected '.' or '[' at position 2"},
             {"a[0]b", "expected '.' or '[' at position 5"},
             {"[\"a\"]b", "expected '.' or '[' at position 6"},
             {"a[", "expected an index or a quoted name at position 3"},
             {"a[]", "expected an index or a quoted name at position 3"},
             {"a[x]", "expected an index or a quoted name at position 3"},
             {"a[-1]", "expected an index or a quoted name at position 3"},
             {"a[01]", "expected an index or a quoted name at position 3"},
             {"a[99999999999]", "expected an index or a quoted name at position 3"},
             {"a[1", "no ']' for the '[' at position 2"},
             {"a[\"b\"", "no ']' for the '[' at position 2"},
             {"a[1 ]", "expected ']' at position 4"},
             {"a[\"b\"x]", "expected ']' at position 6"},
             {"a[\"b]", "the quote is not closed that opens at position 3"},
             {"a['b\"]", "the quote is not closed that opens at position 3"},
             {"[\"a\\n\"]", "unknown escape at position 4"},
             {"[\"a\\", "unknown escape at position 4"},
             {"\"a\"", "a quoted name without brackets at position 1"},
             {"a.'b'", "a quoted name without brackets at position 3"},
         })
    {
        const auto parsed = ClaimPath::parse(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error(), sentence) << text;
    }
}

// B109
TEST(ClaimPath, LenientTakesUnderscoresForHyphens)
{
    const Claims claims(R"({"client_id":"nginx","given-name":"a","given_name":"b",
        "r_a":{"acc_x":{"k_1":1}},"list":[{"a_b":2}],"null-one":null,"null_one":3,"x_y-z":4})");

    EXPECT_EQ(found(claims, "client-id"), "");
    EXPECT_EQ(found_lenient(claims, "client-id"), "\"nginx\"");
    EXPECT_EQ(found_lenient(claims, "client_id"), "\"nginx\"");
    EXPECT_EQ(found_lenient(claims, "given-name"), "\"a\"");
    EXPECT_EQ(found_lenient(claims, "given_name"), "\"b\"");
    EXPECT_EQ(found_lenient(claims, "r-a.acc-x.k-1"), "1");
    EXPECT_EQ(found_lenient(claims, "list[0].a-b"), "2");
    EXPECT_EQ(found_lenient(claims, "null-one"), "null");  // there, if only null
    EXPECT_EQ(found_lenient(claims, "x_y-z"), "4");
    EXPECT_EQ(found_lenient(claims, "x-y-z"), "");  // each '-' becomes '_', or none
    EXPECT_EQ(found_lenient(claims, R"(["client-id"])"), "");
    EXPECT_EQ(found_lenient(claims, "nothing-here"), "");
}

// B106 B108 B109
TEST(ClaimPath, HeaderSuffix)
{
    for (const auto &[text, suffix] : {
             std::pair{"exp", "exp"},
             {"client-id", "client-id"},
             {"client_id", "client-id"},
             {"resource_access.account.roles", "resource-access-account-roles"},
             {"Given_Name", "Given-Name"},
             {"groups[0].name", "groups-0--name"},
             {"groups[0]", "groups-0"},
             {R"(["https://example.com/tenant"])", "https---example-com-tenant"},
             {"a__b", "a--b"},
             {"_private_", "private"},
             {"größe", "gr----e"},
             {"__", ""},
             {"日本", ""},
         })
    {
        EXPECT_EQ(path(text).header_suffix(), suffix) << text;
    }
}

TEST(ClaimPathDotted, NamesHoldWhateverIsNoDot)
{
    const Claims claims(R"({"params":{"resource/id":1,"a[0]":2,"\"q\"":3,"x-y":4,"01":5},
                            "role":[{"name":"a"},{"name":"b"}],"0":6})");
    const auto found = [&](std::string_view text) {
        const auto dotted = ClaimPath::parse_dotted(text);
        EXPECT_TRUE(dotted) << text;
        std::string out;
        dotted->find(claims.view()).append_json(out);
        return out;
    };
    EXPECT_EQ(found("params.resource/id"), "1");
    EXPECT_EQ(found("params.a[0]"), "2");
    EXPECT_EQ(found(R"(params."q")"), "3");
    EXPECT_EQ(found("params.x-y"), "4");
    EXPECT_EQ(found("params.01"), "5");
    EXPECT_EQ(found("role.1.name"), "\"b\"");
    EXPECT_EQ(found("role.01.name"), "");
    EXPECT_EQ(found("role.2.name"), "");
    EXPECT_EQ(found("role.name"), "");
    EXPECT_EQ(found("0"), "6");
    EXPECT_EQ(ClaimPath::parse_dotted("a.b")->text(), "a.b");
}

TEST(ClaimPathDotted, EmptyNamesAreRefused)
{
    for (const auto &[text, position] :
         {std::pair{"", 1}, {".", 1}, {".a", 1}, {"a.", 3}, {"a..b", 3}, {"a.b.", 5}})
    {
        const auto dotted = ClaimPath::parse_dotted(text);
        ASSERT_FALSE(dotted) << text;
        EXPECT_EQ(dotted.error(), "empty name at position " + std::to_string(position)) << text;
    }
}

TEST(ClaimPath, KeepsItsText)
{
    EXPECT_EQ(path("a.b[0]").text(), "a.b[0]");
}

}  // namespace
}  // namespace token_introspect::token
