#pragma once

#include <algorithm>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace token_introspect::policy {

/// A compiled regular expression, given by the host (PCRE through nginx).
class Pattern {
public:
    virtual ~Pattern() = default;
    /// Unanchored search; nothing when the match limit is exceeded: whoever negates the answer must
    /// know, or a text made to exceed the limit would pass.
    [[nodiscard]] virtual std::optional<bool> search(std::string_view text) const noexcept = 0;
};

/// What a search may cost in steps of an evaluation that counts them: with the worst pattern the
/// work doubles with each character, up to the pattern's own limit.
constexpr std::uint32_t search_steps(std::string_view text) noexcept
{
    constexpr std::size_t kLongest = 14;
    constexpr std::uint32_t kShare = 64;
    return (1U << std::min(text.size(), kLongest)) / kShare;
}

/// Compiles a pattern, or gives a sentence that says what is wrong with it.
using PatternCompiler =
    std::expected<std::unique_ptr<Pattern>, std::string> (*)(void *context, std::string_view text);

}  // namespace token_introspect::policy
