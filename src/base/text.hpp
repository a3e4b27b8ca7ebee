#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace token_introspect {

using Bytes = std::span<const std::uint8_t>;

inline Bytes as_bytes(std::string_view text) noexcept
{
    return {reinterpret_cast<const std::uint8_t *>(text.data()), text.size()};
}

inline std::string_view as_text(Bytes bytes) noexcept
{
    return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

/// Size of the bytes that `length` base64url characters decode to.
constexpr std::size_t base64url_decoded_size(std::size_t length) noexcept
{
    return length / 4 * 3 + (length % 4 * 3) / 4;
}

/// Strict base64url (RFC 7515 section 2): no padding, no white space, no other alphabet, unused
/// bits zero. `out` must hold base64url_decoded_size(text.size()) bytes; gives the bytes written,
/// or nothing when the text is not strict base64url. Allocates nothing.
std::optional<std::size_t> base64url_decode(std::string_view text,
                                            std::span<std::uint8_t> out) noexcept;

/// As above into a new string.
std::optional<std::string> base64url_decode(std::string_view text);

std::string base64url_encode(Bytes bytes);

/// True when all characters (none, for that matter) are of the base64url alphabet; says nothing of
/// the length and the unused bits.
bool is_base64url_alphabet(std::string_view text) noexcept;

/// RFC 4648 section 4 with padding, as HTTP Basic wants it (RFC 7617).
std::string base64_encode(Bytes bytes);

/// Strict RFC 4648 section 4: with padding, no white space, unused bits zero.
std::optional<std::string> base64_decode(std::string_view text);

/// application/x-www-form-urlencoded of one name or value (RFC 6749 appendix B): space is '+',
/// everything but ALPHA DIGIT - . _ * is %XX.
std::string form_encode(std::string_view text);

/// One segment of a path or value of a query (RFC 3986): everything but ALPHA DIGIT - . _ * is %XX.
std::string percent_encode(std::string_view text);

/// Strict percent-decoding ('+' stays): nothing when a '%' is not followed by two hex digits.
std::optional<std::string> percent_decode(std::string_view text);

/// One name or value of application/x-www-form-urlencoded: as percent_decode, with '+' as a space.
std::optional<std::string> form_decode(std::string_view text);

std::string hex_encode(Bytes bytes);

/// True when the text may stand in a header field value: no control bytes (HTAB included).
bool is_header_safe(std::string_view text) noexcept;

/// RFC 6750 section 2.1 b64token: ALPHA DIGIT - . _ ~ + / then '='*; not empty.
bool is_b64token(std::string_view text) noexcept;

/// ASCII case-insensitive equality.
bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept;

/// Valid UTF-8 without surrogates and overlong forms (RFC 3629).
bool is_utf8(std::string_view text) noexcept;

}  // namespace token_introspect
