#include "policy/multiple.hpp"

#include <array>
#include <charconv>
#include <cstdint>

namespace token_introspect::policy {

using token::Number;

namespace {

/// digits * 10^exponent, without the sign; the last digit is not 0, unless the number is.
struct Decimal {
    std::uint64_t digits = 0;
    int exponent = 0;
};

Decimal decimal_of(Number number) noexcept
{
    Decimal decimal;
    if (number.is_real()) {
        // d.dddde+xx, at most 17 digits
        std::array<char, 40> text{};
        char *const end = std::to_chars(text.data(), text.data() + text.size(), number.real(),
                                        std::chars_format::scientific)
                              .ptr;
        const char *at = text.data();
        int fraction = 0;
        bool behind_point = false;
        for (; at != end && *at != 'e'; ++at) {
            if (*at == '.') {
                behind_point = true;
            } else if (*at != '-') {
                decimal.digits = decimal.digits * 10 + static_cast<std::uint64_t>(*at - '0');
                fraction += behind_point ? 1 : 0;
            }
        }
        at += end - at > 1 && at[1] == '+' ? 2 : 1;  // from_chars takes no plus sign
        std::from_chars(at, end, decimal.exponent);
        decimal.exponent -= fraction;
    } else {
        const auto bits = static_cast<std::uint64_t>(number.integer());
        decimal.digits = number.integer() < 0 ? 0 - bits : bits;
    }
    while (decimal.digits != 0 && decimal.digits % 10 == 0) {
        decimal.digits /= 10;
        ++decimal.exponent;
    }
    return decimal;
}

/// number * 10 % modulus, without overflow: number < modulus < 2^63.
std::uint64_t ten_times(std::uint64_t number, std::uint64_t modulus) noexcept
{
    const std::uint64_t two = 2 * number % modulus;
    const std::uint64_t four = 2 * two % modulus;
    const std::uint64_t eight = 2 * four % modulus;
    return (eight + two) % modulus;
}

}  // namespace

bool is_multiple(Number number, Number divisor) noexcept
{
    const Decimal value = decimal_of(number);
    const Decimal unit = decimal_of(divisor);
    if (value.digits == 0 || unit.digits == 0) {
        return value.digits == 0;
    }
    if (value.exponent < unit.exponent) {
        return false;  // it would have to end in a zero
    }
    std::uint64_t rest = value.digits % unit.digits;
    for (int i = unit.exponent; i < value.exponent && rest != 0; ++i) {
        rest = ten_times(rest, unit.digits);
    }
    return rest == 0;
}

}  // namespace token_introspect::policy
