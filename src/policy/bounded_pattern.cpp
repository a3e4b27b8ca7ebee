#include "policy/bounded_pattern.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace token_introspect::policy {

namespace {

/// How often PCRE may try something; 10 ns each as a rule, a microsecond where a repetition runs
/// through a long text each time.
constexpr std::string_view kQuickLimit = "(*LIMIT_MATCH=2000)";
constexpr std::string_view kThoroughLimit = "(*LIMIT_MATCH=20000)";

constexpr std::size_t kQuickSteps = 64;
constexpr std::size_t kThoroughSteps = 10'000;

constexpr auto kSettings = std::to_array<std::string_view>({"(*UTF)", "(*UCP)"});
constexpr auto kWhole = std::to_array<std::string_view>({"(?R)", "(?0)", "\\g<0>", "\\g'0'"});

/// The settings that an expression begins with.
std::string_view settings_of(std::string_view expression) noexcept
{
    std::size_t length = 0;
    for (bool found = true; found;) {
        found = false;
        for (const std::string_view setting : kSettings) {
            if (expression.substr(length).starts_with(setting)) {
                length += setting.size();
                found = true;
            }
        }
    }
    return expression.substr(0, length);
}

bool has_verb(std::string_view expression) noexcept
{
    for (std::size_t at = 0; (at = expression.find("(*", at)) != std::string_view::npos; ++at) {
        const char next = at + 2 < expression.size() ? expression[at + 2] : '\0';
        if ((next >= 'A' && next <= 'Z') || next == ':') {
            return true;
        }
    }
    return false;
}

/// True when PCRE would look for exactly these bytes: most expressions of policies are words.
bool is_literal(std::string_view expression) noexcept
{
    static constexpr std::string_view others = " _-/:@,;=~%&!\"'<>#";
    return !expression.empty() && std::ranges::all_of(expression, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
               || others.contains(c);
    });
}

/// A tenth of what PCRE needs.
class Literal final : public Pattern {
public:
    explicit Literal(std::string_view text) : text_(text) {}

    [[nodiscard]] std::optional<bool> search(std::string_view text) const noexcept override
    {
        return text.contains(text_);
    }

private:
    std::string text_;
};

bool spend(std::size_t cost, std::uint32_t &steps) noexcept
{
    steps -= static_cast<std::uint32_t>(std::min<std::size_t>(cost, steps));
    return steps != 0;
}

}  // namespace

BoundedPattern::BoundedPattern(std::unique_ptr<Pattern> quick,
                               std::unique_ptr<Pattern> thorough) noexcept
    : quick_(std::move(quick)),
      thorough_(std::move(thorough))
{}

std::expected<BoundedPattern, std::string> BoundedPattern::compile(std::string_view expression,
                                                                   PatternCompiler compiler,
                                                                   void *context)
{
    if (compiler == nullptr) {
        return std::unexpected("regular expressions are not built in");
    }
    // As it is first, for what PCRE has to say about it.
    if (auto plain = compiler(context, expression); !plain) {
        return std::unexpected(std::move(plain.error()));
    }
    if (is_literal(expression)) {
        return BoundedPattern(std::make_unique<Literal>(expression), nullptr);
    }
    const std::string_view settings = settings_of(expression);
    const std::string_view body = expression.substr(settings.size());
    if (has_verb(body)) {
        return std::unexpected("verbs such as (*SKIP) are not taken, (*UTF) and (*UCP) only at the "
                               "beginning");
    }
    if (std::ranges::any_of(kWhole, [&](std::string_view part) { return body.contains(part); })) {
        return std::unexpected("a reference to the whole expression is not taken, give it a name");
    }

    // Bound to the beginning, the limit is one for all places where a match might start.
    const auto bounded = [&](std::string_view limit) {
        std::string text(settings);
        text.append(limit).append("\\A(?s:.*?)(?:").append(body).append(")");
        return compiler(context, text);
    };
    auto quick = bounded(kQuickLimit);
    auto thorough = bounded(kThoroughLimit);
    if (!quick || !thorough) {
        return std::unexpected("it does not end by itself, as with \\Q without \\E, or with a "
                               "comment of (?x) without a newline");
    }
    return BoundedPattern(std::move(*quick), std::move(*thorough));
}

std::optional<bool> BoundedPattern::search(std::string_view text,
                                           std::uint32_t &steps) const noexcept
{
    if (text.size() > kMaxText || !spend(kQuickSteps + text.size(), steps)) {
        return std::nullopt;
    }
    const auto found = quick_->search(text);
    if (found || !spend(kThoroughSteps + text.size(), steps)) {
        return found;
    }
    return thorough_->search(text);
}

}  // namespace token_introspect::policy
