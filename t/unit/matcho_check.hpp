#pragma once

#include "pcre_pattern.hpp"
#include "policy/matcho.hpp"
#include "policy_context.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace token_introspect::test {

/// PCRE, for which the text "LIMIT" exceeds every limit.
class LimitedPattern final : public policy::Pattern {
public:
    explicit LimitedPattern(std::unique_ptr<policy::Pattern> pattern) : pattern_(std::move(pattern))
    {}

    [[nodiscard]] std::optional<bool> search(std::string_view text) const noexcept override
    {
        return text == "LIMIT" ? std::nullopt : pattern_->search(text);
    }

private:
    std::unique_ptr<policy::Pattern> pattern_;
};

inline std::expected<std::unique_ptr<policy::Pattern>, std::string> compile_limited(
    void *context, std::string_view text)
{
    auto pattern = compile_pcre(context, text);
    if (!pattern) {
        return pattern;
    }
    return std::make_unique<LimitedPattern>(std::move(*pattern));
}

inline Json json_from(std::string_view text)
{
    auto json = parse_json(text, {.bytes = 1U << 24, .depth = 200});
    EXPECT_TRUE(json) << text;
    return json ? std::move(*json) : nullptr;
}

/// Whether a request (JSON of its object) matches a pattern.
inline bool matches(std::string_view pattern, std::string_view request)
{
    const auto matcho = policy::Matcho::compile(json_from(pattern).get(), compile_limited, nullptr);
    EXPECT_TRUE(matcho) << pattern << ": " << (matcho ? "" : matcho.error());
    JsonContext context(request);
    return matcho && matcho->matches(context);
}

/// Whether a claim of the token (JSON; empty for none) matches a pattern.
inline bool claim_matches(std::string_view pattern, std::string_view claim)
{
    return matches(R"({"token":{"c":)" + std::string(pattern) + "}}",
                   claim.empty() ? R"({"token":{}})"
                                 : R"({"token":{"c":)" + std::string(claim) + "}}");
}

/// As claim_matches, and that `$not` is the contrary.
inline bool judged(std::string_view pattern, std::string_view claim)
{
    const bool yes = claim_matches(pattern, claim);
    EXPECT_EQ(claim_matches(R"({"$not":)" + std::string(pattern) + "}", claim), !yes)
        << pattern << ' ' << claim;
    return yes;
}

/// The sentence that a pattern is refused with; empty when it is not.
inline std::string matcho_fault(std::string_view pattern)
{
    const auto matcho = policy::Matcho::compile(json_from(pattern).get(), compile_limited, nullptr);
    return matcho ? "" : matcho.error();
}

}  // namespace token_introspect::test
