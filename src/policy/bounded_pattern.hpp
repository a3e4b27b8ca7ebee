#pragma once

#include "policy/pattern.hpp"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace token_introspect::policy {

/// A regular expression (PCRE) whose searches end in time, whatever it is and whatever the text.
/// PCRE's match limit alone does not give this, it counts anew at each place of the text.
class BoundedPattern {
public:
    /// No answer for longer texts.
    static constexpr std::size_t kMaxText = 4096;

    /// The expression, or a sentence: it is wrong, or it has what cannot be bounded (verbs such as
    /// (*SKIP), a reference to the whole expression).
    static std::expected<BoundedPattern, std::string> compile(std::string_view expression,
                                                              PatternCompiler compiler,
                                                              void *context);

    /// Unanchored search. Takes what the search may cost from `steps`, one for some 10 ns: about 64
    /// and the length of the text, where there is no answer then 10000 more. Nothing when these are
    /// not left, or there is no answer: another search may cost as much.
    [[nodiscard]] std::optional<bool> search(std::string_view text,
                                             std::uint32_t &steps) const noexcept;

private:
    BoundedPattern(std::unique_ptr<Pattern> quick, std::unique_ptr<Pattern> thorough) noexcept;

    std::unique_ptr<Pattern> quick_;
    std::unique_ptr<Pattern> thorough_;  // nullptr where the quick one always has an answer
};

}  // namespace token_introspect::policy
