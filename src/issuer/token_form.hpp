#pragma once

#include "issuer/token_error.hpp"

#include <array>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace token_introspect::issuer {

/// The parameters that the endpoints know; all others are ignored (RFC 6749 section 3.2).
enum class Parameter : std::uint8_t {
    kGrantType,
    kScope,
    kAudience,  ///< may be repeated (RFC 8693 section 2.1)
    kResource,  ///< likewise
    kSubjectToken,
    kSubjectTokenType,
    kActorToken,
    kActorTokenType,
    kRequestedTokenType,
    kRefreshToken,
    kClientId,
    kClientSecret,
    kToken,
    kTokenTypeHint,
    kCount
};

/// The parameters of one request, from a form or from JSON. Values are UTF-8 without control bytes.
class TokenForm {
public:
    /// Longest body.
    static constexpr std::size_t kLargestBody = 65536;

    /// A parameter without a value counts as one that is not there (RFC 6749 section 3.2). Refused:
    /// another content type, a body that is no form (wrong percent-encoding, a byte that is not
    /// allowed in a value) or no JSON object, a parameter that occurs twice, one that is no string
    /// (audience and resource: nor an array of strings).
    static std::expected<TokenForm, Refusal> parse(std::string_view content_type,
                                                   std::string_view body);

    /// Empty when it is not there. Valid as long as the form.
    [[nodiscard]] std::string_view get(Parameter parameter) const noexcept
    {
        const std::span<const std::string> values = all(parameter);
        return values.empty() ? std::string_view() : values.front();
    }
    [[nodiscard]] bool has(Parameter parameter) const noexcept { return !all(parameter).empty(); }
    /// In their order.
    [[nodiscard]] std::span<const std::string> all(Parameter parameter) const noexcept
    {
        return values_[std::to_underlying(parameter)];
    }

private:
    TokenForm() = default;
    std::expected<void, Refusal> read_form(std::string_view body);
    std::expected<void, Refusal> read_json(std::string_view body);
    std::expected<void, Refusal> add(Parameter parameter, std::string_view value);

    std::array<std::vector<std::string>, std::to_underlying(Parameter::kCount)> values_;
};

}  // namespace token_introspect::issuer
