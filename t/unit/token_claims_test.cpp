#include "token/claims.hpp"

#include "claims_image.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>

namespace token_introspect::token {
namespace {

using test::Claims;

std::string json_of(Value value)
{
    std::string out;
    value.append_json(out);
    return out;
}

std::string text_of(Value value)
{
    std::string out;
    value.append_text(out);
    return out;
}

/// The text that comes back from an image of the JSON.
std::string round_trip(std::string_view json)
{
    return json_of(Claims(json).view().root());
}

TEST(Claims, ReadsEveryType)
{
    const Claims claims(R"({"s":"text","i":42,"r":1.5,"t":true,"f":false,"n":null,"a":[1,"x"],
                            "o":{"k":"v"}})");

    EXPECT_EQ(claims.find("s").type(), ValueType::kString);
    EXPECT_TRUE(claims.find("s").is_string());
    EXPECT_EQ(claims.find("s").string(), "text");

    EXPECT_EQ(claims.find("i").type(), ValueType::kInteger);
    EXPECT_TRUE(claims.find("i").is_number());
    EXPECT_EQ(claims.find("i").integer(), 42);
    EXPECT_EQ(claims.find("i").real(), 42.0);

    EXPECT_EQ(claims.find("r").type(), ValueType::kReal);
    EXPECT_TRUE(claims.find("r").is_number());
    EXPECT_EQ(claims.find("r").real(), 1.5);
    EXPECT_EQ(claims.find("r").integer(), std::nullopt);

    EXPECT_EQ(claims.find("t").boolean(), true);
    EXPECT_EQ(claims.find("f").boolean(), false);
    EXPECT_EQ(claims.find("n").type(), ValueType::kNull);
    EXPECT_TRUE(claims.find("n").present());

    EXPECT_TRUE(claims.find("a").is_array());
    EXPECT_EQ(claims.find("a").size(), 2U);
    EXPECT_EQ(claims.find("a").at(0).integer(), 1);
    EXPECT_EQ(claims.find("a").at(1).string(), "x");
    EXPECT_FALSE(claims.find("a").at(2).present());
    EXPECT_FALSE(claims.find("a").at(std::numeric_limits<std::size_t>::max()).present());

    EXPECT_TRUE(claims.find("o").is_object());
    EXPECT_EQ(claims.find("o").size(), 1U);
    EXPECT_EQ(claims.find("o").find("k").string(), "v");
}

TEST(Claims, AbsentIsNotNull)
{
    const Claims claims(R"({"n":null})");
    const Value absent = claims.find("x");

    EXPECT_FALSE(absent.present());
    EXPECT_EQ(absent.type(), ValueType::kNull);
    EXPECT_FALSE(Value().present());
    EXPECT_FALSE(Value().find("a").present());
    EXPECT_FALSE(Value().at(0).present());
    EXPECT_EQ(Value().size(), 0U);
    EXPECT_EQ(json_of(absent), "");
    EXPECT_EQ(text_of(absent), "");
    EXPECT_EQ(json_of(claims.find("n")), "null");
    EXPECT_EQ(text_of(claims.find("n")), "");
}

TEST(Claims, EmptyViewHasNothing)
{
    EXPECT_TRUE(ClaimsView().empty());
    EXPECT_FALSE(ClaimsView().root().present());
    EXPECT_FALSE(ClaimsView().find("a").present());
}

TEST(Claims, AnotherTypeGivesTheEmptyAnswer)
{
    const Claims claims(R"({"s":"1","i":1,"b":true,"a":[1],"o":{"0":1},"r":1.5,"n":null})");

    for (const char *name : {"s", "i", "b", "a", "o", "r", "n"}) {
        const Value value = claims.find(name);
        EXPECT_EQ(value.string().empty(), *name != 's') << name;
        EXPECT_EQ(value.integer().has_value(), *name == 'i') << name;
        EXPECT_EQ(value.boolean().has_value(), *name == 'b') << name;
        EXPECT_EQ(value.real().has_value(), *name == 'i' || *name == 'r') << name;
        EXPECT_EQ(value.number().has_value(), *name == 'i' || *name == 'r') << name;
        EXPECT_EQ(value.at(0).present(), *name == 'a') << name;
        EXPECT_EQ(value.find("0").present(), *name == 'o') << name;
        EXPECT_EQ(value.key_at(0).empty(), *name != 'o') << name;
        EXPECT_EQ(value.value_at(0).present(), *name == 'o') << name;
        EXPECT_EQ(value.size(), *name == 'a' || *name == 'o' ? 1U : 0U) << name;
    }
}

TEST(Claims, IntegersAreExact)
{
    std::vector<std::int64_t> values = {0, std::numeric_limits<std::int64_t>::min(),
                                        std::numeric_limits<std::int64_t>::max()};
    for (int shift = 0; shift < 63; ++shift) {
        const std::int64_t power = std::int64_t{1} << shift;
        values.insert(values.end(), {power, power - 1, power + 1, -power, -power - 1, 1 - power});
    }
    for (const std::int64_t value : values) {
        const std::string text = std::to_string(value);
        const Claims claims("{\"v\":" + text + "}");
        EXPECT_EQ(claims.find("v").integer(), value);
        EXPECT_EQ(json_of(claims.find("v")), text);
        EXPECT_EQ(text_of(claims.find("v")), text);
    }
}

TEST(Claims, RealsRoundTrip)
{
    for (const auto &[json, shown_json, shown_text] :
         {std::tuple{"1.5", "1.5", "1.5"},
          {"0.1", "0.1", "0.1"},
          {"1.0", "1.0", "1"},
          {"-0.0", "-0.0", "-0"},
          {"1.7e9", "1.7e+09", "1700000000"},
          {"1e20", "1e+20", "100000000000000000000"},
          {"1e21", "1e+21", "1e+21"},
          {"1e-6", "1e-06", "0.000001"},
          {"1e-7", "1e-07", "1e-07"},
          {"123456789.125", "123456789.125", "123456789.125"},
          {"-1.2345678901234567e-6", "-1.2345678901234567e-06", "-0.0000012345678901234567"},
          {"1.7976931348623157e308", "1.7976931348623157e+308", "1.7976931348623157e+308"},
          {"5e-324", "5e-324", "5e-324"}})
    {
        const Claims claims(std::string("{\"v\":") + json + "}");
        EXPECT_EQ(json_of(claims.find("v")), shown_json);
        EXPECT_EQ(text_of(claims.find("v")), shown_text);

        const Claims again(std::string("{\"v\":") + shown_json + "}");
        EXPECT_EQ(again.find("v").type(), ValueType::kReal) << json;
        EXPECT_EQ(again.find("v").real(), claims.find("v").real()) << json;
    }
}

TEST(Claims, StringsOfEveryLength)
{
    for (const std::size_t length :
         {0U, 1U, 29U, 30U, 31U, 32U, 127U, 128U, 129U, 16383U, 16384U, 70000U})
    {
        const std::string text(length, 'x');
        const Claims claims("{\"a\":\"" + text + "\",\"b\":\"end\",\"" + text + "y\":1}");
        EXPECT_TRUE(claims.find("a").is_string());
        EXPECT_EQ(claims.find("a").string(), text);
        EXPECT_EQ(claims.find("b").string(), "end");
        EXPECT_EQ(claims.find(text + "y").integer(), 1);
        EXPECT_FALSE(claims.find(text + "z").present());
    }
}

TEST(Claims, MembersAreSortedByBytes)
{
    const Claims claims(R"({"b":1,"a":2,"":3,"aa":4,"ä":5,"B":6,"a-b":7,"日本":8,"a_b":9})");
    const Value root = claims.view().root();

    ASSERT_EQ(root.size(), 9U);
    const std::vector<std::string> sorted = {"", "B", "a", "a-b", "a_b", "aa", "b", "ä", "日本"};
    for (std::size_t i = 0; i < sorted.size(); ++i) {
        EXPECT_EQ(root.key_at(i), sorted[i]);
        EXPECT_EQ(json_of(root.find(sorted[i])), json_of(root.value_at(i)));
        EXPECT_TRUE(root.find(sorted[i]).present());
    }
    EXPECT_EQ(root.find("").integer(), 3);
    EXPECT_EQ(root.find("ä").integer(), 5);
    EXPECT_EQ(root.find("日本").integer(), 8);
    EXPECT_FALSE(root.find("日").present());
    EXPECT_FALSE(root.find("aaa").present());
    EXPECT_FALSE(root.find("c").present());
    EXPECT_FALSE(root.find("A").present());
    EXPECT_TRUE(root.key_at(9).empty());
    EXPECT_FALSE(root.value_at(9).present());
}

TEST(Claims, KeysArePrefixesOfOneAnother)
{
    std::string json = "{";
    for (std::size_t i = 0; i < 300; ++i) {
        json += (i == 0 ? "\"" : ",\"") + std::string(i, 'k') + "\":" + std::to_string(i);
    }
    const Claims claims(json + "}");
    for (std::size_t i = 0; i < 300; ++i) {
        EXPECT_EQ(claims.find(std::string(i, 'k')).integer(), static_cast<std::int64_t>(i));
    }
    EXPECT_FALSE(claims.find(std::string(300, 'k')).present());
}

TEST(Claims, CountsAroundTheBoundsOfTheFormat)
{
    for (const std::size_t count : {0U, 1U, 2U, 6U, 7U, 8U, 127U, 128U, 300U, 20000U}) {
        std::string array = "[";
        std::string object = "{";
        for (std::size_t i = 0; i < count; ++i) {
            const std::string number = std::to_string(i);
            array += (i == 0 ? "" : ",") + number;
            object += (i == 0 ? "\"k" : ",\"k") + number + "\":" + number;
        }
        const Claims claims("{\"a\":" + array + "],\"o\":" + object + "},\"z\":\"end\"}");
        ASSERT_EQ(claims.find("a").size(), count);
        ASSERT_EQ(claims.find("o").size(), count);
        EXPECT_EQ(claims.find("z").string(), "end");
        for (std::size_t i = 0; i < count; ++i) {
            EXPECT_EQ(claims.find("a").at(i).integer(), static_cast<std::int64_t>(i));
            EXPECT_EQ(claims.find("o").find("k" + std::to_string(i)).integer(),
                      static_cast<std::int64_t>(i));
        }
        EXPECT_FALSE(claims.find("a").at(count).present());
    }
}

TEST(Claims, OffsetsOfEveryWidth)
{
    for (const std::size_t length : {250U, 251U, 252U, 253U, 254U, 255U, 256U, 257U, 65528U, 65529U,
                                     65530U, 65531U, 65532U, 65533U, 65534U, 65535U, 65536U})
    {
        const std::string filler(length, 'f');
        const Claims claims("{\"a\":\"" + filler + "\",\"b\":[\"" + filler + "\",7],\"c\":8}");
        EXPECT_EQ(claims.find("a").string(), filler);
        EXPECT_EQ(claims.find("b").at(0).string(), filler);
        EXPECT_EQ(claims.find("b").at(1).integer(), 7);
        EXPECT_EQ(claims.find("c").integer(), 8);
    }
}

TEST(Claims, DeepNesting)
{
    std::string json = "1";
    for (int i = 0; i < 500; ++i) {
        json = "{\"k\":[" + json + "]}";
    }
    const Claims claims(json);
    Value value = claims.view().root();
    for (int i = 0; i < 500; ++i) {
        value = value.find("k").at(0);
    }
    EXPECT_EQ(value.integer(), 1);
    EXPECT_EQ(json_of(claims.view().root()), json);
}

TEST(Claims, EmptyContainers)
{
    const Claims claims(R"({"a":[],"o":{},"n":[[],{},[[]]]})");
    EXPECT_TRUE(claims.find("a").is_array());
    EXPECT_TRUE(claims.find("o").is_object());
    EXPECT_FALSE(claims.find("o").find("").present());
    EXPECT_EQ(json_of(claims.view().root()), R"({"a":[],"n":[[],{},[[]]],"o":{}})");
    EXPECT_EQ(text_of(claims.find("a")), "");
    EXPECT_EQ(round_trip("{}"), "{}");
    EXPECT_EQ(Claims("{}").image().size(), 1U);
}

TEST(Claims, ImageIsRelocatableToAnyAddress)
{
    const std::string json = R"({"aud":["a","b"],"exp":1700000000,"n":{"deep":[1.5,null,true]},)"
                             R"("s":"a string that is longer than thirty-one bytes"})";
    const Claims claims(json);
    const std::string expected = json_of(claims.view().root());

    for (std::size_t shift = 0; shift < 16; ++shift) {
        // Exactly sized, so that a sanitizer sees a read beyond either end.
        std::vector<std::uint8_t> moved(shift + claims.image().size());
        std::memcpy(moved.data() + shift, claims.image().data(), claims.image().size());
        const ClaimsView view(Bytes(moved).subspan(shift));
        EXPECT_EQ(json_of(view.root()), expected);
        EXPECT_EQ(view.find("exp").integer(), 1700000000);
        EXPECT_EQ(view.find("n").find("deep").at(0).real(), 1.5);
    }
}

TEST(Claims, ImageHoldsNothingButTheClaims)
{
    const std::string json = R"({"a":{"b":[1,2,{"c":"d"}]},"e":"f"})";
    EXPECT_EQ(Claims(json).image(), Claims(" " + json + " ").image());
    EXPECT_EQ(Claims(R"({"a":1,"b":2})").image(), Claims(R"({"b":2,"a":1})").image());
}

TEST(Claims, ImageIsCompact)
{
    const std::string json =
        R"({"iss":"https://idp.example.com/realms/main","sub":"248289761001-abcdef",)"
        R"("aud":["account","api://orders"],"exp":1789000000,"iat":1788996400,"nbf":1788996400,)"
        R"("jti":"5f2c1f6e-8d36-4f0e-9a39-0ad4f38c7c1e","azp":"web-client",)"
        R"("scope":"openid profile email orders:read","email_verified":true,)"
        R"("realm_access":{"roles":["offline_access","user"]},"tenant":"acme"})";
    const std::size_t size = Claims(json).image().size();
    RecordProperty("json", static_cast<int>(json.size()));
    RecordProperty("image", static_cast<int>(size));
    EXPECT_LE(size, json.size());
}

TEST(Claims, BuildRefusesWhatIsNoObject)
{
    EXPECT_EQ(build_claims(nullptr).error().code, Code::kMalformed);
    EXPECT_EQ(build_claims(parse_json("[1]")->get()).error().code, Code::kMalformed);
    EXPECT_EQ(build_claims(parse_json("\"a\"")->get()).error().code, Code::kMalformed);
}

TEST(ClaimsJson, EscapesAndKeepsUtf8)
{
    EXPECT_EQ(round_trip(R"({"a\"b\\":"\"\\/\b\f\n\r\t\u0001\u001f\u007f"})"),
              R"({"a\"b\\":"\"\\/\b\f\n\r\t\u0001\u001f\u007f"})");
    EXPECT_EQ(round_trip(R"({"k":"äöü €  😀"})"), R"({"k":"äöü €  😀"})");
    EXPECT_EQ(round_trip(R"({"k":"\u00e4\ud83d\ude00\u2028"})"), "{\"k\":\"ä😀\u2028\"}");
    EXPECT_EQ(round_trip(R"({"k":"\nmiddle\nend\n"})"), R"({"k":"\nmiddle\nend\n"})");
}

TEST(ClaimsJson, IsCompactAndSorted)
{
    EXPECT_EQ(round_trip(R"( { "b" : [ 1 , "x" , null ] , "a" : { "d" : true, "c" : 1.5 } } )"),
              R"({"a":{"c":1.5,"d":true},"b":[1,"x",null]})");
}

TEST(ClaimsText, ShowsWhatAVariableShows)
{
    const Claims claims(R"({"s":"a,\"b\"\n","i":-7,"t":true,"a":["x",1,2.5,false,null,"y"],
                            "m":[["a","b"],{"k":"v"},"z"],"o":{"k":["v"]},"one":["only"]})");
    EXPECT_EQ(text_of(claims.find("s")), "a,\"b\"\n");
    EXPECT_EQ(text_of(claims.find("i")), "-7");
    EXPECT_EQ(text_of(claims.find("t")), "true");
    EXPECT_EQ(text_of(claims.find("a")), "x,1,2.5,false,,y");
    EXPECT_EQ(text_of(claims.find("m")), R"(["a","b"],{"k":"v"},z)");
    EXPECT_EQ(text_of(claims.find("o")), R"({"k":["v"]})");
    EXPECT_EQ(text_of(claims.find("one")), "only");
}

TEST(ClaimsText, ScalarsWithoutAllocation)
{
    const Claims claims(R"({"s":"text","i":-9223372036854775808,"r":-1.2345678901234567e-6,
                            "t":true,"f":false,"n":null,"a":[1],"o":{}})");
    ScalarBuffer buffer;
    EXPECT_EQ(claims.find("s").scalar_text(buffer), "text");
    EXPECT_EQ(claims.find("i").scalar_text(buffer), "-9223372036854775808");
    EXPECT_EQ(claims.find("r").scalar_text(buffer), "-0.0000012345678901234567");
    EXPECT_EQ(claims.find("t").scalar_text(buffer), "true");
    EXPECT_EQ(claims.find("f").scalar_text(buffer), "false");
    for (const char *name : {"n", "a", "o", "absent"}) {
        EXPECT_EQ(claims.find(name).scalar_text(buffer), "") << name;
    }
}

TEST(ClaimsEqual, ByTypeAndValueDeep)
{
    const Claims claims(R"({"a":{"x":[1,{"y":"z"}],"n":null},"b":{"n":null,"x":[1.0,{"y":"z"}]},
                            "c":{"n":null,"x":[1,{"y":"Z"}]},"d":{"n":null},"e":{"m":null},
                            "one":1,"text":"1","true":true,"false":false,"null":null,"arr":[],
                            "obj":{},"list":[1,2],"tsil":[2,1]})");
    const auto same = [&](const char *a, const char *b) {
        return equal(claims.find(a), claims.find(b));
    };
    for (std::size_t i = 0; i < claims.view().root().size(); ++i) {
        const Value value = claims.view().root().value_at(i);
        EXPECT_TRUE(equal(value, value));
    }
    EXPECT_TRUE(same("a", "b"));
    EXPECT_FALSE(same("a", "c"));
    EXPECT_FALSE(same("a", "d"));
    EXPECT_FALSE(same("d", "e"));
    EXPECT_FALSE(same("one", "text"));
    EXPECT_FALSE(same("one", "true"));
    EXPECT_FALSE(same("true", "false"));
    EXPECT_FALSE(same("arr", "obj"));
    EXPECT_FALSE(same("null", "false"));
    EXPECT_FALSE(same("list", "tsil"));
    EXPECT_FALSE(same("null", "absent"));
    EXPECT_FALSE(same("absent", "absent"));
}

}  // namespace
}  // namespace token_introspect::token
