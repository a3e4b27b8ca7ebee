#include "token/claims_writer.hpp"

#include "claims_image.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <random>

namespace token_introspect::token {
namespace {

using test::Claims;

std::string json_of(Bytes image)
{
    std::string out;
    ClaimsView(image).root().append_json(out);
    return out;
}

std::string finished(ClaimsWriter &writer)
{
    const auto image = writer.finish();
    EXPECT_TRUE(image) << (image ? "" : image.error().text);
    return image ? json_of(*image) : "";
}

void write(ClaimsWriter &writer, Value value)
{
    switch (value.type()) {
    case ValueType::kNull:
        return writer.null();
    case ValueType::kBoolean:
        return writer.boolean(*value.boolean());
    case ValueType::kInteger:
        return writer.integer(*value.integer());
    case ValueType::kReal:
        return writer.real(*value.real());
    case ValueType::kString:
        return writer.string(value.string());
    case ValueType::kArray:
        writer.begin_array();
        for (std::size_t i = 0; i < value.size(); ++i) {
            write(writer, value.at(i));
        }
        return writer.end();
    case ValueType::kObject:
        // The other way round, for the writer to sort.
        writer.begin_object();
        for (std::size_t i = value.size(); i-- > 0;) {
            writer.key(value.key_at(i));
            write(writer, value.value_at(i));
        }
        return writer.end();
    }
}

/// Something of every form and, with `many`, of every width.
std::string sample(std::size_t many)
{
    std::string array;
    std::string members;
    for (std::size_t i = 0; i < many; ++i) {
        const std::string number = std::to_string(i);
        array += (i == 0 ? "" : ",") + number;
        members += "\"m" + number + "\":\"" + std::string(i % 40, 'v') + "\",";
    }
    return R"({"s":"text","long":"a string that is longer than thirty-one bytes","":"","i":-300,)"
           R"("min":-9223372036854775808,"max":9223372036854775807,"z":0,"r":-1.5e300,"t":true,)"
           R"("f":false,"n":null,"e":[],"o":{},"nest":[[{"k":[{}]}],{"b":{"a":[null]}}],"a":[)"
           + array + "],\"x\":{" + members + "\"end\":1}}";
}

TEST(ClaimsWriter, WritesTheImageThatJsonGives)
{
    for (const std::size_t many : {0U, 1U, 2U, 6U, 7U, 8U, 40U, 200U, 3000U}) {
        const Claims claims(sample(many));
        ClaimsWriter writer;
        write(writer, claims.view().root());
        const auto image = writer.finish();
        ASSERT_TRUE(image);
        EXPECT_EQ(*image, claims.image()) << many;
    }
}

TEST(ClaimsWriter, MembersInAnyOrder)
{
    ClaimsWriter writer;
    writer.begin_object();
    for (const char *key : {"b", "", "aa", "a", "B", "ä"}) {
        writer.key(key);
        writer.string(key);
    }
    writer.end();
    EXPECT_EQ(finished(writer), R"({"":"","B":"B","a":"a","aa":"aa","b":"b","ä":"ä"})");
}

TEST(ClaimsWriter, OfMembersWithOneKeyTheLastCounts)
{
    ClaimsWriter writer;
    writer.begin_object();
    for (const auto &[key, value] : {std::pair{"a", 1}, {"b", 2}, {"a", 3}, {"c", 4}, {"a", 5}}) {
        writer.key(key);
        writer.integer(value);
    }
    writer.end();
    EXPECT_EQ(finished(writer), R"({"a":5,"b":2,"c":4})");

    writer.begin_object();
    for (const int value : {1, 2}) {  // in order, but for the repetition
        writer.key("k");
        writer.integer(value);
    }
    writer.end();
    EXPECT_EQ(finished(writer), R"({"k":2})");
}

TEST(ClaimsWriter, AValueAlone)
{
    ClaimsWriter writer;
    writer.string("get");
    const auto image = writer.finish();
    ASSERT_TRUE(image);
    EXPECT_EQ(ClaimsView(*image).root().string(), "get");

    writer.begin_array();
    writer.end();
    EXPECT_EQ(finished(writer), "[]");
}

TEST(ClaimsWriter, EmbedsValuesOfOtherImages)
{
    const Claims claims(sample(300));
    const Value root = claims.view().root();
    ClaimsWriter writer;
    writer.begin_object();
    writer.key("whole");
    writer.value(root);
    writer.key("parts");
    writer.begin_array();
    for (std::size_t i = 0; i < root.size(); ++i) {
        writer.value(root.value_at(i));
    }
    writer.value(Value());
    writer.end();
    writer.end();
    const auto image = writer.finish();
    ASSERT_TRUE(image);

    const ClaimsView view(*image);
    EXPECT_TRUE(equal(view.find("whole"), root));
    const Value parts = view.find("parts");
    ASSERT_EQ(parts.size(), root.size() + 1);
    for (std::size_t i = 0; i < root.size(); ++i) {
        EXPECT_TRUE(equal(parts.at(i), root.value_at(i))) << root.key_at(i);
    }
    EXPECT_TRUE(parts.at(root.size()).present());
    EXPECT_EQ(parts.at(root.size()).type(), ValueType::kNull);
}

TEST(ClaimsWriter, AValuesImageIsExactlyItsBytes)
{
    for (const std::size_t many : {0U, 7U, 300U}) {
        const Claims claims(sample(many));
        const Value root = claims.view().root();
        EXPECT_EQ(root.image().size(), claims.image().size());
        for (std::size_t i = 0; i < root.size(); ++i) {
            const Bytes image = root.value_at(i).image();
            // Exactly sized, so that a sanitizer sees a read beyond either end.
            const std::vector<std::uint8_t> copy(image.begin(), image.end());
            EXPECT_TRUE(equal(ClaimsView(copy).root(), root.value_at(i))) << root.key_at(i);
        }
    }
    EXPECT_TRUE(Value().image().empty());
}

TEST(ClaimsWriter, StartsAnewAfterFinish)
{
    ClaimsWriter writer;
    writer.begin_object();
    EXPECT_FALSE(writer.finish());
    writer.begin_object();
    writer.key("a");
    writer.null();
    writer.end();
    EXPECT_EQ(finished(writer), R"({"a":null})");
}

TEST(ClaimsWriter, CallsThatDoNotFitFail)
{
    const auto fails = [](auto write) {
        ClaimsWriter writer;
        write(writer);
        const auto image = writer.finish();
        return !image && image.error().code == Code::kInternal;
    };
    EXPECT_TRUE(fails([](ClaimsWriter &) {}));
    EXPECT_TRUE(fails([](ClaimsWriter &w) { w.begin_array(); }));
    EXPECT_TRUE(fails([](ClaimsWriter &w) { w.end(); }));
    EXPECT_TRUE(fails([](ClaimsWriter &w) { w.key("a"); }));
    EXPECT_TRUE(fails([](ClaimsWriter &w) { w.null(), w.null(); }));
    EXPECT_TRUE(fails([](ClaimsWriter &w) { w.begin_object(), w.null(), w.end(); }));
    EXPECT_TRUE(fails([](ClaimsWriter &w) { w.begin_object(), w.key("a"), w.end(); }));
    EXPECT_TRUE(fails(
        [](ClaimsWriter &w) { w.begin_object(), w.key("a"), w.key("b"), w.null(), w.end(); }));
    EXPECT_TRUE(fails([](ClaimsWriter &w) { w.begin_array(), w.key("a"), w.null(), w.end(); }));
    EXPECT_TRUE(fails([](ClaimsWriter &w) { w.begin_array(), w.end(), w.end(); }));
    EXPECT_FALSE(fails([](ClaimsWriter &w) { w.begin_array(), w.null(), w.end(); }));
}

}  // namespace
}  // namespace token_introspect::token
