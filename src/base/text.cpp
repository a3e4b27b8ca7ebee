#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

namespace token_introspect {

namespace {

constexpr std::string_view kBase64Alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase64urlAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view kLowerHex = "0123456789abcdef";
constexpr std::string_view kUpperHex = "0123456789ABCDEF";

// A value above 63 can be told by its top bit after any number of ORs.
constexpr std::uint8_t kNotInAlphabet = 0x80;

enum CharacterClass : std::uint8_t {
    kFormLiteral = 1,  // stands for itself in application/x-www-form-urlencoded
    kControl = 2
};

constexpr std::size_t index_of(char c)
{
    return static_cast<unsigned char>(c);
}

constexpr auto kSextets = [] {
    std::array<std::uint8_t, 256> table{};

    table.fill(kNotInAlphabet);
    for (std::size_t i = 0; i < kBase64urlAlphabet.size(); i++) {
        table[index_of(kBase64urlAlphabet[i])] = static_cast<std::uint8_t>(i);
    }

    return table;
}();

// The sextets at the four places of a group, as the bytes of the group stand in memory; a byte of
// kNotInAlphabet behind them tells the others. The ORs of four make a group.
using GroupTable = std::array<std::uint32_t, 256>;

constexpr auto kGroups = [] {
    std::array<GroupTable, 4> tables{};

    for (std::size_t place = 0; place < tables.size(); place++) {
        for (std::size_t c = 0; c < kSextets.size(); c++) {
            const std::uint32_t group = std::uint32_t{kSextets[c]} << (18 - 6 * place);

            tables[place][c] = kSextets[c] == kNotInAlphabet
                                   ? std::uint32_t{kNotInAlphabet} << 24
                                   : (group >> 16 & 0xff) | (group & 0xff00) | (group & 0xff) << 16;
        }
    }

    return tables;
}();

constexpr auto kClasses = [] {
    std::array<std::uint8_t, 256> table{};

    for (char c : kBase64Alphabet.substr(0, 62)) {
        table[index_of(c)] = kFormLiteral;
    }
    for (char c : std::string_view("-._*")) {
        table[index_of(c)] = kFormLiteral;
    }

    for (std::size_t c = 0; c < 0x20; c++) {
        table[c] = kControl;
    }
    table[0x7f] = kControl;

    return table;
}();

bool is_of(char c, CharacterClass wanted) noexcept
{
    return (kClasses[index_of(c)] & wanted) != 0;
}

unsigned sextet(char c) noexcept
{
    return kSextets[index_of(c)];
}

std::string encode(Bytes bytes, std::string_view alphabet, bool padded)
{
    std::string out;
    std::size_t i = 0;

    out.reserve((bytes.size() + 2) / 3 * 4);

    auto put = [&](unsigned group, unsigned characters) {
        for (unsigned k = 0; k < characters; k++) {
            out.push_back(alphabet[(group >> (18 - 6 * k)) & 0x3f]);
        }
    };

    for (; bytes.size() - i >= 3; i += 3) {
        put(static_cast<unsigned>(bytes[i]) << 16 | static_cast<unsigned>(bytes[i + 1]) << 8
                | bytes[i + 2],
            4);
    }

    if (bytes.size() - i == 1) {
        put(static_cast<unsigned>(bytes[i]) << 16, 2);
        out.append(padded ? "==" : "");

    } else if (bytes.size() - i == 2) {
        put(static_cast<unsigned>(bytes[i]) << 16 | static_cast<unsigned>(bytes[i + 1]) << 8, 3);
        out.append(padded ? "=" : "");
    }

    return out;
}

int hex_value(char c) noexcept
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return -1;
}

char ascii_lower(char c) noexcept
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

/// Bytes of the UTF-8 sequence at the start of a text that is not empty; 0 when there is none.
std::size_t utf8_sequence(Bytes text) noexcept
{
    const unsigned first = text[0];
    std::size_t size;
    unsigned low = 0x80;
    unsigned high = 0xbf;

    if (first < 0x80) {
        return 1;
    }

    if (first >= 0xc2 && first <= 0xdf) {
        size = 2;
    } else if (first >= 0xe0 && first <= 0xef) {
        size = 3;
        low = first == 0xe0 ? 0xa0 : low;    // overlong
        high = first == 0xed ? 0x9f : high;  // surrogates
    } else if (first >= 0xf0 && first <= 0xf4) {
        size = 4;
        low = first == 0xf0 ? 0x90 : low;
        high = first == 0xf4 ? 0x8f : high;  // beyond U+10FFFF
    } else {
        return 0;
    }

    if (text.size() < size || text[1] < low || text[1] > high) {
        return 0;
    }
    for (std::size_t i = 2; i < size; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }

    return size;
}

// Sixteen bytes at a time: reading a token's characters is most of what a cached answer costs.
using Lanes [[gnu::vector_size(16)]] = std::uint8_t;

Lanes between(Lanes bytes, std::uint8_t low, std::uint8_t high) noexcept
{
    return (bytes - low) <= static_cast<std::uint8_t>(high - low);
}

Lanes letters_and_digits(Lanes bytes) noexcept
{
    constexpr std::uint8_t case_bit = 0x20;
    return between(bytes | case_bit, 'a', 'z') | between(bytes, '0', '9');
}

// True when `accepted` has all bits set for every byte. It must accept 'A', which fills up the rest.
template <class Accepted> bool all_of_lanes(std::string_view text, Accepted accepted) noexcept
{
    Lanes all = Lanes{} - 1;
    Lanes bytes;
    // a copy of a size that the compiler knows is one load
    for (; text.size() >= sizeof bytes; text.remove_prefix(sizeof bytes)) {
        std::memcpy(&bytes, text.data(), sizeof bytes);
        all &= accepted(bytes);
    }
    if (!text.empty()) {
        bytes = Lanes{} + 'A';
        std::memcpy(&bytes, text.data(), text.size());
        all &= accepted(bytes);
    }

    std::array<std::uint64_t, 2> words{};
    std::memcpy(words.data(), &all, sizeof all);
    return (words[0] & words[1]) == ~std::uint64_t{0};
}

}  // namespace

std::optional<std::size_t> base64url_decode(std::string_view text,
                                            std::span<std::uint8_t> out) noexcept
{
    const std::size_t size = base64url_decoded_size(text.size());
    const std::size_t tail = text.size() % 4;

    if (tail == 1 || out.size() < size) {
        return std::nullopt;
    }

    const char *in = text.data();
    const char *end_of_groups = in + (text.size() - tail);
    std::uint8_t *to = out.data();
    unsigned seen = 0;

    for (; in != end_of_groups; in += 4, to += 3) {
        const std::uint32_t group = kGroups[0][index_of(in[0])] | kGroups[1][index_of(in[1])]
                                    | kGroups[2][index_of(in[2])] | kGroups[3][index_of(in[3])];

        seen |= group >> 24;
        to[0] = static_cast<std::uint8_t>(group);
        to[1] = static_cast<std::uint8_t>(group >> 8);
        to[2] = static_cast<std::uint8_t>(group >> 16);
    }

    unsigned unused_bits = 0;

    if (tail != 0) {
        const unsigned a = sextet(in[0]);
        const unsigned b = sextet(in[1]);

        seen |= a | b;
        to[0] = static_cast<std::uint8_t>(a << 2 | b >> 4);
        unused_bits = b & 0x0f;

        if (tail == 3) {
            const unsigned c = sextet(in[2]);

            seen |= c;
            to[1] = static_cast<std::uint8_t>(b << 4 | c >> 2);
            unused_bits = c & 0x03;
        }
    }

    if ((seen & kNotInAlphabet) != 0 || unused_bits != 0) {
        return std::nullopt;
    }

    return size;
}

std::optional<std::string> base64url_decode(std::string_view text)
{
    std::string out;
    const std::size_t size = base64url_decoded_size(text.size());
    bool strict = false;

    // libstdc++ 12 hands the callback the capacity instead of the size.
    out.resize_and_overwrite(size, [&](char *data, std::size_t) {
        strict = base64url_decode(text, {reinterpret_cast<std::uint8_t *>(data), size}).has_value();
        return strict ? size : 0;
    });

    if (!strict) {
        return std::nullopt;
    }

    return out;
}

std::string base64url_encode(Bytes bytes)
{
    return encode(bytes, kBase64urlAlphabet, false);
}

std::string base64_encode(Bytes bytes)
{
    return encode(bytes, kBase64Alphabet, true);
}

std::optional<std::string> base64_decode(std::string_view text)
{
    std::string url(text);

    if (text.size() % 4 != 0 || text.find_first_of("-_") != std::string_view::npos) {
        return std::nullopt;
    }
    for (int padding = 0; padding < 2 && url.ends_with('='); padding++) {
        url.pop_back();
    }
    std::ranges::replace(url, '+', '-');
    std::ranges::replace(url, '/', '_');

    return base64url_decode(url);
}

bool is_base64url_alphabet(std::string_view text) noexcept
{
    return all_of_lanes(text, [](Lanes bytes) -> Lanes {
        return letters_and_digits(bytes) | (bytes == '-') | (bytes == '_');
    });
}

std::string form_encode(std::string_view text)
{
    std::string out = percent_encode(text);
    std::size_t left = 0;

    for (std::size_t i = 0; i < out.size(); left++) {
        const bool space = out.compare(i, 3, "%20") == 0;

        out[left] = space ? '+' : out[i];
        i += space ? 3 : 1;
    }
    out.resize(left);

    return out;
}

std::string percent_encode(std::string_view text)
{
    std::string out;

    out.reserve(text.size() + text.size() / 4);

    for (char c : text) {
        if (is_of(c, kFormLiteral)) {
            out.push_back(c);

        } else {
            out.push_back('%');
            out.push_back(kUpperHex[index_of(c) >> 4]);
            out.push_back(kUpperHex[index_of(c) & 0x0f]);
        }
    }

    return out;
}

std::optional<std::string> percent_decode(std::string_view text)
{
    std::string out;

    out.reserve(text.size());

    for (std::size_t i = 0; i < text.size(); i++) {
        if (text[i] != '%') {
            out.push_back(text[i]);
            continue;
        }

        if (text.size() - i < 3) {
            return std::nullopt;
        }

        const int high = hex_value(text[i + 1]);
        const int low = hex_value(text[i + 2]);

        if (high < 0 || low < 0) {
            return std::nullopt;
        }

        out.push_back(static_cast<char>(high * 16 + low));
        i += 2;
    }

    return out;
}

std::optional<std::string> form_decode(std::string_view text)
{
    std::string spaced(text);

    std::ranges::replace(spaced, '+', ' ');

    return percent_decode(spaced);
}

std::string hex_encode(Bytes bytes)
{
    std::string out;

    out.reserve(bytes.size() * 2);

    for (std::uint8_t byte : bytes) {
        out.push_back(kLowerHex[byte >> 4]);
        out.push_back(kLowerHex[byte & 0x0f]);
    }

    return out;
}

bool is_header_safe(std::string_view text) noexcept
{
    return std::none_of(text.begin(), text.end(), [](char c) { return is_of(c, kControl); });
}

bool is_b64token(std::string_view text) noexcept
{
    std::size_t size = text.size();

    while (size > 0 && text[size - 1] == '=') {
        size--;
    }

    const std::string_view unpadded = text.substr(0, size);

    return !unpadded.empty() && all_of_lanes(unpadded, [](Lanes bytes) -> Lanes {
        // '-', '.' and '/' stand in a row before the digits
        return letters_and_digits(bytes) | between(bytes, '-', '/') | (bytes == '_')
               | (bytes == '~') | (bytes == '+');
    });
}

bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept
{
    // nearly always written in the same case, or of another length
    return a == b
           || (a.size() == b.size()
               && std::equal(a.begin(), a.end(), b.begin(),
                             [](char x, char y) { return ascii_lower(x) == ascii_lower(y); }));
}

bool is_utf8(std::string_view text) noexcept
{
    Bytes rest = as_bytes(text);

    while (!rest.empty()) {
        const std::size_t size = utf8_sequence(rest);

        if (size == 0) {
            return false;
        }
        rest = rest.subspan(size);
    }

    return true;
}

}  // namespace token_introspect
