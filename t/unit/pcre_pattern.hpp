#pragma once

#include "policy/pattern.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace token_introspect::test {

/// Expressions as nginx compiles and searches them, without JIT.
class PcrePattern final : public policy::Pattern {
public:
    explicit PcrePattern(pcre2_code *code)
        : code_(code),
          match_(pcre2_match_data_create_from_pattern(code, nullptr))
    {}

    [[nodiscard]] std::optional<bool> search(std::string_view text) const noexcept override
    {
        const int rc = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()),
                                   text.size(), 0, 0, match_.get(), nullptr);
        if (rc < 0 && rc != PCRE2_ERROR_NOMATCH) {
            return std::nullopt;
        }
        return rc >= 0;
    }

private:
    struct Deleter {
        void operator()(pcre2_code *code) const { pcre2_code_free(code); }
        void operator()(pcre2_match_data *match) const { pcre2_match_data_free(match); }
    };

    std::unique_ptr<pcre2_code, Deleter> code_;
    std::unique_ptr<pcre2_match_data, Deleter> match_;
};

inline std::expected<std::unique_ptr<policy::Pattern>, std::string> compile_pcre(
    void * /*context*/, std::string_view text)
{
    int error = 0;
    PCRE2_SIZE offset = 0;
    pcre2_code *code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0,
                                     &error, &offset, nullptr);
    if (code == nullptr) {
        std::array<PCRE2_UCHAR, 128> sentence{};
        pcre2_get_error_message(error, sentence.data(), sentence.size());
        return std::unexpected(reinterpret_cast<const char *>(sentence.data()));
    }
    return std::make_unique<PcrePattern>(code);
}

}  // namespace token_introspect::test
