#pragma once

#include <cstddef>

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

}  // namespace token_introspect::token
