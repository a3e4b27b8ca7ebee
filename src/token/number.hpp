#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

namespace token_introspect::token {

/// A JSON number without loss: an integer of 64 bits or a finite double.
class Number {
public:
    explicit constexpr Number(std::int64_t integer) noexcept : integer_(integer) {}
    static constexpr Number from_real(double real) noexcept { return {real, true}; }

    /// The number that `text` is by the grammar of JSON (RFC 8259 section 6: no plus sign, no
    /// leading zeros, no spaces); nothing when it is none, or beyond 64 bits or a double's range.
    static std::optional<Number> parse(std::string_view text) noexcept;

    [[nodiscard]] constexpr bool is_real() const noexcept { return is_real_; }
    [[nodiscard]] constexpr std::int64_t integer() const noexcept { return integer_; }
    [[nodiscard]] constexpr double real() const noexcept
    {
        return is_real_ ? real_ : static_cast<double>(integer_);
    }

    /// By value, exact: 2^53 + 1 differs from 2^53 as a real, 42 equals 42.0.
    friend std::strong_ordering operator<=>(Number a, Number b) noexcept;
    friend bool operator==(Number a, Number b) noexcept { return (a <=> b) == 0; }

private:
    constexpr Number(double real, bool is_real) noexcept : real_(real), is_real_(is_real) {}

    std::int64_t integer_ = 0;
    double real_ = 0;
    bool is_real_ = false;
};

}  // namespace token_introspect::token
