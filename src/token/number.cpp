#include "token/number.hpp"

#include <charconv>
#include <cmath>
#include <system_error>

namespace token_introspect::token {

namespace {

constexpr double kTwoTo63 = 9223372036854775808.0;

std::size_t digits(std::string_view text) noexcept
{
    std::size_t count = 0;
    while (count < text.size() && text[count] >= '0' && text[count] <= '9') {
        ++count;
    }
    return count;
}

enum class Form : std::uint8_t { kNone, kInteger, kReal };

Form form_of(std::string_view text) noexcept
{
    if (text.starts_with('-')) {
        text.remove_prefix(1);
    }
    const std::size_t whole = digits(text);
    if (whole == 0 || (whole > 1 && text.front() == '0')) {
        return Form::kNone;
    }
    text.remove_prefix(whole);
    if (text.empty()) {
        return Form::kInteger;
    }
    if (text.front() == '.') {
        text.remove_prefix(1);
        const std::size_t fraction = digits(text);
        if (fraction == 0) {
            return Form::kNone;
        }
        text.remove_prefix(fraction);
    }
    if (text.starts_with('e') || text.starts_with('E')) {
        text.remove_prefix(1);
        if (text.starts_with('+') || text.starts_with('-')) {
            text.remove_prefix(1);
        }
        const std::size_t exponent = digits(text);
        if (exponent == 0) {
            return Form::kNone;
        }
        text.remove_prefix(exponent);
    }
    return text.empty() ? Form::kReal : Form::kNone;
}

std::strong_ordering compare(std::int64_t integer, double real) noexcept
{
    if (real >= kTwoTo63) {
        return std::strong_ordering::less;
    }
    if (real < -kTwoTo63) {
        return std::strong_ordering::greater;
    }
    const double whole = std::trunc(real);
    const auto truncated = static_cast<std::int64_t>(whole);
    if (integer != truncated) {
        return integer <=> truncated;
    }
    if (real == whole) {
        return std::strong_ordering::equal;
    }
    return real > whole ? std::strong_ordering::less : std::strong_ordering::greater;
}

}  // namespace

std::optional<Number> Number::parse(std::string_view text) noexcept
{
    const char *const end = text.data() + text.size();
    switch (form_of(text)) {
    case Form::kNone:
        return std::nullopt;
    case Form::kInteger: {
        std::int64_t integer = 0;
        const auto result = std::from_chars(text.data(), end, integer);
        if (result.ec != std::errc() || result.ptr != end) {
            return std::nullopt;
        }
        return Number(integer);
    }
    case Form::kReal: {
        double real = 0;
        const auto result = std::from_chars(text.data(), end, real);
        if (result.ec != std::errc() || result.ptr != end || !std::isfinite(real)) {
            return std::nullopt;
        }
        return from_real(real);
    }
    }
    return std::nullopt;
}

std::strong_ordering operator<=>(Number a, Number b) noexcept
{
    if (!a.is_real_ && !b.is_real_) {
        return a.integer_ <=> b.integer_;
    }
    if (!a.is_real_) {
        return compare(a.integer_, b.real_);
    }
    if (!b.is_real_) {
        return 0 <=> compare(b.integer_, a.real_);
    }
    if (a.real_ == b.real_) {
        return std::strong_ordering::equal;
    }
    return a.real_ < b.real_ ? std::strong_ordering::less : std::strong_ordering::greater;
}

}  // namespace token_introspect::token
