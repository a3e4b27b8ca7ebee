#include "base/text.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace token_introspect {
namespace {

using namespace std::literals;

TEST(Base64url, Rfc4648VectorsWithoutPadding)
{
    const std::pair<std::string_view, std::string_view> vectors[] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"},
    };

    for (const auto &[bytes, text] : vectors) {
        EXPECT_EQ(base64url_encode(as_bytes(bytes)), text);
        EXPECT_EQ(base64url_decode(text), std::string(bytes));
    }
}

TEST(Base64url, UsesTheUrlAlphabet)
{
    const std::uint8_t bytes[] = {0xfb, 0xef, 0xff, 0x00};

    EXPECT_EQ(base64url_encode(bytes), "--__AA");
    EXPECT_EQ(base64url_decode("--__AA"), std::string(as_text(bytes)));
}

TEST(Base64url, RoundTripOfEveryLengthAndByte)
{
    std::string bytes;

    for (int i = 0; i < 300; i++) {
        EXPECT_EQ(base64url_decode(base64url_encode(as_bytes(bytes))), bytes);
        bytes.push_back(static_cast<char>(i * 7));
    }
}

TEST(Base64url, RefusesEveryForeignByteInEveryPlace)
{
    const std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    for (int c = 0; c < 256; c++) {
        const char byte = static_cast<char>(c);
        const bool known = alphabet.find(byte) != std::string_view::npos;

        for (std::size_t place = 0; place < 8; place++) {
            std::string text = "AAAAAAAA";

            text[place] = byte;
            EXPECT_EQ(base64url_decode(text).has_value(), known) << c << " at " << place;
            EXPECT_EQ(is_base64url_alphabet(text), known);
            EXPECT_EQ(is_base64url_alphabet("0123456789abcdef" + text), known);
        }
    }
}

TEST(Base64url, RefusesWhatIsNotStrict)
{
    for (const std::string &text : {"A"s, "AAAAA"s, "Zg="s, "Zg=="s, "Zm8="s, "Zm9v\n"s, " Zm9v"s,
                                    "Zm 9v"s, "Zm9v\0"s, "+/+/"s, "="s, "===="s})
    {
        EXPECT_FALSE(base64url_decode(text)) << text;
    }
}

TEST(Base64url, RefusesUnusedBitsThatAreNotZero)
{
    EXPECT_TRUE(base64url_decode("Zg"));
    EXPECT_TRUE(base64url_decode("Zm8"));

    for (char last : std::string("hijklmnopqrstuv")) {
        EXPECT_FALSE(base64url_decode("Z"s + last)) << last;
    }
    for (char last : std::string("9-_")) {
        EXPECT_FALSE(base64url_decode("Zm"s + last)) << last;
    }
}

TEST(Base64url, SpanFormNeedsRoomAndStaysInIt)
{
    std::vector<std::uint8_t> out(4, 0xaa);

    EXPECT_FALSE(base64url_decode("Zm9vYg", std::span(out).first(3)));
    EXPECT_EQ(base64url_decode("Zm9v", out), 3U);
    EXPECT_EQ(out[3], 0xaa);
    EXPECT_EQ(base64url_decode("", {}), 0U);
    EXPECT_EQ(base64url_decoded_size(6), 4U);
    EXPECT_EQ(base64url_decoded_size(7), 5U);
}

TEST(Base64, PadsAndUsesTheClassicAlphabet)
{
    const std::uint8_t bytes[] = {0xfb, 0xef, 0xff, 0x00};

    EXPECT_EQ(base64_encode(bytes), "++//AA==");
    EXPECT_EQ(base64_encode(as_bytes("Aladdin:open sesame")), "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    EXPECT_EQ(base64_encode(as_bytes("fo")), "Zm8=");
    EXPECT_EQ(base64_encode({}), "");
}

TEST(Base64, DecodesStrictly)
{
    EXPECT_EQ(base64_decode("++//AA=="), "\xfb\xef\xff\0"s);
    EXPECT_EQ(base64_decode("QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), "Aladdin:open sesame");
    EXPECT_EQ(base64_decode("Zm8="), "fo");
    EXPECT_EQ(base64_decode(""), "");

    for (std::string_view text : {"Zm8", "Zm8==", "Zg=", "Zh==", "Z===", "====", "Zm=8", "Zm8 ",
                                  "Z-8=", "Z_8=", "Zm8=Zm8=", "Zm9\n"})
    {
        EXPECT_FALSE(base64_decode(text)) << text;
    }
}

TEST(FormDecode, TakesPlusForSpaceAndIsStrict)
{
    EXPECT_EQ(form_decode("+%25%26%2B%C2%A3%E2%82%AC"), " %&+\xc2\xa3\xe2\x82\xac");
    EXPECT_EQ(form_decode("a+b%20c"), "a b c");
    EXPECT_EQ(form_decode(""), "");

    for (std::string_view text : {"%", "%2", "a%", "%2g", "%+1"}) {
        EXPECT_FALSE(form_decode(text)) << text;
    }
}

TEST(FormEncode, Rfc6749AppendixB)
{
    // " %&+£€", as the appendix has it
    EXPECT_EQ(form_encode(" %&+\xc2\xa3\xe2\x82\xac"), "+%25%26%2B%C2%A3%E2%82%AC");
    EXPECT_EQ(form_encode("azAZ09-._*"), "azAZ09-._*");
    EXPECT_EQ(form_encode("~=/\0\n"sv), "%7E%3D%2F%00%0A");
}

TEST(PercentDecode, IsStrictAndLeavesPlus)
{
    EXPECT_EQ(percent_decode("a%20b+c%2f%2F"), "a b+c//");
    EXPECT_EQ(percent_decode("%00"), "\0"s);
    EXPECT_EQ(percent_decode(""), "");

    for (std::string_view text : {"%", "%2", "a%", "%2g", "%g2", "%%20", "% 2"}) {
        EXPECT_FALSE(percent_decode(text)) << text;
    }
}

TEST(HexEncode, IsLowerCase)
{
    const std::uint8_t bytes[] = {0x00, 0x0f, 0xa5, 0xff};

    EXPECT_EQ(hex_encode(bytes), "000fa5ff");
}

TEST(HeaderSafe, RefusesEveryControlByte)
{
    for (int c = 0; c < 256; c++) {
        const std::string text = "a"s + static_cast<char>(c) + "b";

        EXPECT_EQ(is_header_safe(text), c >= 0x20 && c != 0x7f) << c;
    }
    EXPECT_TRUE(is_header_safe(""));
}

TEST(B64token, RefusesEveryForeignByteInEveryPlaceOfEveryLength)
{
    const std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";

    for (int c = 0; c < 256; c++) {
        const char byte = static_cast<char>(c);
        const bool known = alphabet.find(byte) != std::string_view::npos;

        for (std::size_t size : {1, 15, 16, 17, 33}) {
            for (std::size_t place = 0; place < size; place++) {
                std::string text(size, 'z');

                text[place] = byte;
                const bool padding = byte == '=' && place + 1 == size && size > 1;
                EXPECT_EQ(is_b64token(text), known || padding) << c << " at " << place;
            }
        }
    }
}

TEST(B64token, FollowsTheGrammar)
{
    for (std::string_view text : {"a", "azAZ09-._~+/", "a=", "a=====", "eyJ.eyJ.sig-_"}) {
        EXPECT_TRUE(is_b64token(text)) << text;
    }
    for (std::string_view text :
         {"", "=", "==", "a=b", "a b", "a,b", "a\"", "a\n", "\xc3\xa4", "a*"})
    {
        EXPECT_FALSE(is_b64token(text)) << text;
    }
    EXPECT_FALSE(is_b64token("a\0"sv));
}

TEST(EqualsIgnoringCase, IsForAsciiOnly)
{
    EXPECT_TRUE(equals_ignoring_case("Bearer", "bEARER"));
    EXPECT_FALSE(equals_ignoring_case("Bearer", "Beare"));
    EXPECT_FALSE(equals_ignoring_case("@[`{", "`{@["));
    EXPECT_FALSE(equals_ignoring_case("\xc3\x84", "\xc3\xa4"));
}

TEST(Utf8, AcceptsTheBordersOfEveryLength)
{
    EXPECT_TRUE(is_utf8(""));
    EXPECT_TRUE(is_utf8("\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"
                        "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"));
}

TEST(Utf8, RefusesOverlongSurrogatesAndStumps)
{
    for (std::string_view text :
         {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41", "\xe0\x9f\xbf", "\xe0\xa0",
          "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80", "\xf4\x90\x80\x80",
          "\xf5\x80\x80\x80", "\xff", "ok\xe2\x82", "\xe2\x82\xac\x80"})
    {
        EXPECT_FALSE(is_utf8(text));
    }
}

}  // namespace
}  // namespace token_introspect
