#include "cache/record.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace token_introspect::cache {
namespace {

std::vector<std::uint8_t> encoded(const Record &record)
{
    std::vector<std::uint8_t> block(encoded_size(record));
    encode(record, block.data());
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

    EXPECT_EQ(block.size(), sizeof(RecordHead));
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

    EXPECT_EQ(record.claims.data(), block.data() + sizeof(RecordHead));
    EXPECT_EQ(record.presented_issuer.data() + record.presented_issuer.size(),
              as_text(block).data() + block.size());
}

TEST(Record, TakesTheLongestIssuer)
{
    const std::string issuer(65535, 'i');
    Record record;
    record.presented_issuer = issuer;

    EXPECT_EQ(decode(encoded(record)).presented_issuer.size(), issuer.size());
}

TEST(Record, NeedsNoAlignment)
{
    const Record record = full_record();
    std::vector<std::uint8_t> block(encoded_size(record) + 1);
    encode(record, block.data() + 1);

    expect_equal(decode(Bytes(block).subspan(1)), record);
}

}  // namespace
}  // namespace token_introspect::cache
