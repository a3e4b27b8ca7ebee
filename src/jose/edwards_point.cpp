#include "jose/edwards_point.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace token_introspect::jose {

namespace {

// Little endian, as points are encoded.
using Y25519 = std::array<std::uint8_t, 32>;
using Y448 = std::array<std::uint8_t, 56>;

// 2^255 - 20
constexpr auto kMinusOne25519 = [] {
    Y25519 y;

    y.fill(0xff);
    y[0] = 0xec;
    y[31] = 0x7f;

    return y;
}();

// 2^448 - 2^224 - 2
constexpr auto kMinusOne448 = [] {
    Y448 y;

    y.fill(0xff);
    y[0] = 0xfe;
    y[28] = 0xfe;

    return y;
}();

// The two y of the four points of order 8; Ed448 has none, its cofactor being 4.
constexpr auto kOrderEight = std::to_array<Y25519>({
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
});

/// 1 < y < p - 1: outside are 1 (the neutral element), -1 (order 2), 0 (order 4) and what is no
/// canonical number at all.
template <std::size_t Size>
bool is_between_units(const std::array<std::uint8_t, Size> &y,
                      const std::array<std::uint8_t, Size> &minus_one) noexcept
{
    const bool above_one = y[0] > 1 || std::any_of(y.begin() + 1, y.end(), [](std::uint8_t byte) {
                               return byte != 0;
                           });

    return above_one
           && std::lexicographical_compare(y.rbegin(), y.rend(), minus_one.rbegin(),
                                           minus_one.rend());
}

}  // namespace

bool is_acceptable_edwards_point(Bytes point) noexcept
{
    if (point.size() == 32) {
        Y25519 y;

        std::copy(point.begin(), point.end(), y.begin());
        y[31] &= 0x7f;  // the sign of x

        return is_between_units(y, kMinusOne25519)
               && std::find(kOrderEight.begin(), kOrderEight.end(), y) == kOrderEight.end();
    }

    if (point.size() == 57) {
        Y448 y;

        std::copy_n(point.begin(), y.size(), y.begin());

        return (point[56] & 0x7f) == 0 && is_between_units(y, kMinusOne448);
    }

    return false;
}

}  // namespace token_introspect::jose
