#include "resource/yaml_scalar.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

namespace token_introspect::resource {

namespace {

constexpr std::string_view kDigits = "0123456789";

template <std::size_t Size>
bool is_one_of(std::string_view text, const std::array<std::string_view, Size> &words)
{
    return std::ranges::find(words, text) != words.end();
}

bool consists_of(std::string_view text, std::string_view characters)
{
    return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

std::string_view without_sign(std::string_view text)
{
    return text.starts_with('-') || text.starts_with('+') ? text.substr(1) : text;
}

/// The digits of an integer and their base; nothing when the text is no integer.
std::optional<std::pair<std::string_view, int>> integer_digits(std::string_view text)
{
    if (consists_of(without_sign(text), kDigits)) {
        return std::pair(text.starts_with('+') ? text.substr(1) : text, 10);
    }
    if (text.starts_with("0o") && consists_of(text.substr(2), "01234567")) {
        return std::pair(text.substr(2), 8);
    }
    if (text.starts_with("0x") && consists_of(text.substr(2), "0123456789abcdefABCDEF")) {
        return std::pair(text.substr(2), 16);
    }
    return std::nullopt;
}

/// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool is_float(std::string_view text)
{
    text = without_sign(text);
    const std::size_t exponent = text.find_first_of("eE");
    if (exponent != std::string_view::npos
        && !consists_of(without_sign(text.substr(exponent + 1)), kDigits))
    {
        return false;
    }
    const std::string_view mantissa = text.substr(0, exponent);
    const std::size_t dot = mantissa.find('.');
    if (dot == std::string_view::npos) {
        return consists_of(mantissa, kDigits);
    }
    const std::string_view before = mantissa.substr(0, dot);
    const std::string_view after = mantissa.substr(dot + 1);
    return (before.empty() || consists_of(before, kDigits))
           && (after.empty() ? !before.empty() : consists_of(after, kDigits));
}

template <class Number, class... Format>
std::optional<Number> number_from(std::string_view text, Format... format)
{
    Number number{};
    const auto [end, error] = std::from_chars(text.begin(), text.end(), number, format...);
    return error == std::errc() && end == text.end() ? std::optional(number) : std::nullopt;
}

std::unexpected<std::string> out_of_range()
{
    // it may be a secret
    return std::unexpected(std::string("a number is out of range; quote it if it is a string"));
}

}  // namespace

Checked<Json> string_scalar(std::string_view text)
{
    if (text.contains('\0')) {
        return std::unexpected("a string contains NUL");
    }
    Json string(json_stringn(text.data(), text.size()));
    if (!string) {
        return std::unexpected("a string is not valid UTF-8");
    }
    return string;
}

Checked<Json> resolve_plain_scalar(std::string_view text)
{
    constexpr std::array<std::string_view, 5> nulls = {"", "~", "null", "Null", "NULL"};
    constexpr std::array<std::string_view, 3> trues = {"true", "True", "TRUE"};
    constexpr std::array<std::string_view, 3> falses = {"false", "False", "FALSE"};
    constexpr std::array<std::string_view, 3> infinities = {".inf", ".Inf", ".INF"};
    constexpr std::array<std::string_view, 3> nans = {".nan", ".NaN", ".NAN"};

    if (is_one_of(text, nulls)) {
        return Json(json_null());
    }
    if (is_one_of(text, trues) || is_one_of(text, falses)) {
        return Json(json_boolean(is_one_of(text, trues)));
    }
    if (is_one_of(without_sign(text), infinities) || is_one_of(text, nans)) {
        return std::unexpected("JSON has no " + std::string(text) + "; quote it if it is a string");
    }
    if (const auto digits = integer_digits(text)) {
        const auto integer = number_from<std::int64_t>(digits->first, digits->second);
        return integer ? Checked<Json>(Json(json_integer(*integer))) : out_of_range();
    }
    if (is_float(text)) {
        const std::string_view unsigned_plus = text.starts_with('+') ? text.substr(1) : text;
        const auto real = number_from<double>(unsigned_plus);
        return real ? Checked<Json>(Json(json_real(*real))) : out_of_range();
    }
    return string_scalar(text);
}

}  // namespace token_introspect::resource
