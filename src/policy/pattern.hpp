#pragma once

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

/// Compiles a pattern, or gives a sentence that says what is wrong with it.
using PatternCompiler =
    std::expected<std::unique_ptr<Pattern>, std::string> (*)(void *context, std::string_view text);

}  // namespace token_introspect::policy
