#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace token_introspect::resource {

struct IdHash {
    using is_transparent = void;  // NOLINT(readability-identifier-naming): std's name
    std::size_t operator()(std::string_view id) const noexcept
    {
        return std::hash<std::string_view>()(id);
    }
};

/// By id; finding with a string_view allocates nothing.
template <class T> using IdMap = std::unordered_map<std::string, T, IdHash, std::equal_to<>>;

}  // namespace token_introspect::resource
