#pragma once

#include <string_view>

namespace token_introspect::token {

/// The text without spaces and tabs at its ends (OWS of RFC 9110 section 5.6.3).
constexpr std::string_view trimmed(std::string_view text) noexcept
{
    constexpr std::string_view kSpace = " \t";
    const std::size_t first = text.find_first_not_of(kSpace);
    if (first == std::string_view::npos) {
        return text.substr(0, 0);  // still a place in the text
    }
    return text.substr(first, text.find_last_not_of(kSpace) + 1 - first);
}

constexpr bool is_digit(char c) noexcept
{
    return c >= '0' && c <= '9';
}

constexpr bool is_alphanumeric(char c) noexcept
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// A byte of a token (RFC 9110 section 5.6.2): scheme names, media types.
constexpr bool is_token_character(char c) noexcept
{
    return is_alphanumeric(c) || std::string_view("!#$%&'*+-.^_`|~").contains(c);
}

}  // namespace token_introspect::token
