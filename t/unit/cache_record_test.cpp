#include "cache/record.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace token_introspect::cache {
namespace {

std::vector<std::uint8_t> encoded(const Record &record)
{
    const Encoding encoding(record);
    std::vector<std::uint8_t> block(encoding.size());
    encoding.write(block.data());
    return block;
}

void expect_equal(const Record &a, const Record &b)
{
    EXPECT_EQ(a.code, b.code);
    EXPECT_EQ(a.key, b.key);
    EXPECT_EQ(a.presented_issuer, b.presented_issuer);
    EXPECT_EQ(as_text(a.claims), as_text(b.claims));
    EXPECT_EQ(as_text(a.header), as_text(b.header));
    EXPECT_EQ(a.text, b.text);
}

Record full_record()
{
    Record record;
    record.code = Code::kInactive;
    record.key = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    record.presented_issuer = "https://issuer.example";
    record.claims = as_bytes("claims");
    record.header = as_bytes("head");
    record.text = std::string_view("te\0xt", 5);
    return record;
}

TEST(Record, ComesBackAsItWas)
{
    const Record record = full_record();
    const auto block = encoded(record);

    expect_equal(decode(block), record);
}

TEST(Record, EmptyPartsStayEmpty)
{
    const auto block = encoded({});

    EXPECT_EQ(block.size(), RecordHead::kSmallest);
    expect_equal(decode(block), {});
}

TEST(Record, EachPartStandsAlone)
{
    const Record full = full_record();
    for (int part = 0; part < 4; ++part) {
        Record record;
        record.claims = part == 0 ? full.claims : Bytes();
        record.header = part == 1 ? full.header : Bytes();
        record.text = part == 2 ? full.text : "";
        record.presented_issuer = part == 3 ? full.presented_issuer : "";
        const auto block = encoded(record);
        SCOPED_TRACE(part);
        expect_equal(decode(block), record);
    }
}

TEST(Record, DecodesInPlace)
{
    const auto block = encoded(full_record());
    const Record record = decode(block);

    EXPECT_EQ(record.claims.data() + record.claims.size(), block.data() + block.size());
    EXPECT_EQ(as_text(block).data() + as_text(block).find("head"), as_text(record.header).data());
}

TEST(Record, EqualsItsOwnBlockAlone)
{
    const Record full = full_record();
    const auto block = encoded(full);
    EXPECT_TRUE(Encoding(full).equals(block));
    EXPECT_FALSE(Encoding(full).equals(Bytes(block).first(block.size() - 1)));

    Record other = full;
    other.code = Code::kActive;
    EXPECT_FALSE(Encoding(other).equals(block));
    other = full;
    other.key[15] = 0;
    EXPECT_FALSE(Encoding(other).equals(block));
    other = full;
    other.claims = as_bytes("claimz");
    EXPECT_FALSE(Encoding(other).equals(block));
    other = full;
    std::swap(other.header, other.claims);
    EXPECT_FALSE(Encoding(other).equals(block));
}

TEST(Record, TakesALongIssuer)
{
    const std::string issuer(70'000, 'i');
    Record record;
    record.presented_issuer = issuer;

    EXPECT_EQ(decode(encoded(record)).presented_issuer.size(), issuer.size());
}

TEST(Record, NeedsNoAlignment)
{
    const Record record = full_record();
    const Encoding encoding(record);
    std::vector<std::uint8_t> block(encoding.size() + 1);
    encoding.write(block.data() + 1);

    expect_equal(decode(Bytes(block).subspan(1)), record);
}

}  // namespace
}  // namespace token_introspect::cache
