#pragma once

#include "policy/pattern.hpp"

#include <expected>
#include <memory>
#include <optional>
#include <regex.h>
#include <string>
#include <string_view>

namespace token_introspect::test {

/// POSIX expressions for PCRE. The text "LIMIT" exceeds their match limit.
class PosixPattern final : public policy::Pattern {
public:
    explicit PosixPattern(const std::string &text)
        : good_(regcomp(&regex_, text.c_str(), REG_EXTENDED | REG_NOSUB) == 0)
    {}
    PosixPattern(const PosixPattern &) = delete;
    PosixPattern &operator=(const PosixPattern &) = delete;
    ~PosixPattern() override
    {
        if (good_) {
            regfree(&regex_);
        }
    }

    [[nodiscard]] bool good() const noexcept { return good_; }

    [[nodiscard]] std::optional<bool> search(std::string_view text) const noexcept override
    {
        if (text == "LIMIT") {
            return std::nullopt;
        }
        return regexec(&regex_, std::string(text).c_str(), 0, nullptr, 0) == 0;
    }

private:
    regex_t regex_{};
    bool good_;
};

inline std::expected<std::unique_ptr<policy::Pattern>, std::string> compile_pattern(
    void * /*context*/, std::string_view text)
{
    auto pattern = std::make_unique<PosixPattern>(std::string(text));
    if (!pattern->good()) {
        return std::unexpected("bad pattern");
    }
    return pattern;
}

}  // namespace token_introspect::test
