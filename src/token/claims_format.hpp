#pragma once

#include "base/text.hpp"
#include "token/claims.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

// An image is one node; a node is a tag byte and what belongs to it, at any address.
//
//   tag        bits 0-2 the ValueType, bits 3-7 "small"
//   boolean    small is 0 or 1
//   integer    small is the number of bytes that follow: two's complement, lowest first
//   real       the eight bytes of the double
//   string     small is the length, or kLong and a varint; then the bytes
//   array      small is the width code of offsets (bits 0-1) and the count (bits 2-4, or
//              kManyElements and a varint); then the offsets of all elements but the first,
//              relative to the first; then the elements
//   object     as array; an element is a key (varint length, bytes) and a node; sorted by key

namespace token_introspect::token {

inline constexpr unsigned kTypeBits = 3;
inline constexpr unsigned kTypeMask = (1U << kTypeBits) - 1;
inline constexpr std::size_t kLong = 31;
inline constexpr unsigned kWidthBits = 2;
inline constexpr std::size_t kManyElements = 7;

/// Bytes in place of a vector, at most N of them.
template <std::size_t N> class FixedBytes {
public:
    constexpr void push_back(std::uint8_t byte) noexcept { bytes_[size_++] = byte; }
    void append(std::string_view text) noexcept
    {
        std::ranges::copy(text, bytes_.begin() + size_);
        size_ += text.size();
    }
    [[nodiscard]] constexpr Bytes bytes() const noexcept { return {bytes_.data(), size_}; }

private:
    std::array<std::uint8_t, N> bytes_;
    std::size_t size_ = 0;
};

/// A tag and the ten bytes of the longest varint.
using NodeHead = FixedBytes<11>;

// `out` is something with push_back.

template <class Out> constexpr void store_varint(Out &out, std::size_t value)
{
    for (; value > 0x7f; value >>= 7) {
        out.push_back(static_cast<std::uint8_t>(value | 0x80));
    }
    out.push_back(static_cast<std::uint8_t>(value));
}

template <class Out> constexpr void store_tag(Out &out, ValueType type, std::size_t small)
{
    out.push_back(static_cast<std::uint8_t>(std::to_underlying(type) | small << kTypeBits));
}

/// What stands before the bytes of a string.
template <class Out> constexpr void store_string_head(Out &out, std::size_t length)
{
    store_tag(out, ValueType::kString, length < kLong ? length : kLong);
    if (length >= kLong) {
        store_varint(out, length);
    }
}

/// The code of the width of the offsets, when the last is this one.
constexpr unsigned width_code(std::size_t last_offset) noexcept
{
    return last_offset <= 0xff ? 0 : last_offset <= 0xffff ? 1 : 2;
}

/// What stands before the offsets of an array or object.
template <class Out>
constexpr void store_container_head(Out &out, ValueType type, std::size_t count,
                                    std::size_t last_offset)
{
    store_tag(out, type,
              (count < kManyElements ? count : kManyElements) << kWidthBits
                  | width_code(last_offset));
    if (count >= kManyElements) {
        store_varint(out, count);
    }
}

/// The varint at `at`, which moves behind it.
inline std::size_t load_varint(const std::uint8_t *&at) noexcept
{
    if (*at < 0x80) {
        return *at++;
    }
    std::size_t value = *at & 0x7f;
    for (unsigned shift = 7; (*at++ & 0x80) != 0; shift += 7) {
        value |= static_cast<std::size_t>(*at & 0x7f) << shift;
    }
    return value;
}

}  // namespace token_introspect::token
