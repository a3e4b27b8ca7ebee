#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace token_introspect::policy {

struct Delimiter {
    std::string_view name;
    char character;
};

inline constexpr auto kDelimiters = std::to_array<Delimiter>({
    {"SPACE", ' '},
    {"COMMA", ','},
    {"PERIOD", '.'},
    {"PLUS", '+'},
    {"COLON", ':'},
    {"SEMI-COLON", ';'},
    {"VERTICAL-BAR", '|'},
    {"FORWARD-SLASH", '/'},
    {"BACK-SLASH", '\\'},
    {"HYPHEN", '-'},
    {"UNDERSCORE", '_'},
});

/// True when `accepts` holds for a part of the text between delimiters; empty parts do not count.
template <class Predicate>
bool any_part(std::string_view text, char delimiter, Predicate accepts) noexcept
{
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(delimiter), text.size());
        if (end != 0 && accepts(text.substr(0, end))) {
            return true;
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return false;
}

}  // namespace token_introspect::policy
