#pragma once

#include "base/json.hpp"
#include "token/claims.hpp"

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace token_introspect::test {

/// Claims built from JSON text, for the length of a test.
class Claims {
public:
    explicit Claims(std::string_view json) : image_(build(json)) {}

    [[nodiscard]] token::ClaimsView view() const noexcept { return token::ClaimsView(image_); }
    [[nodiscard]] token::Value find(std::string_view key) const noexcept
    {
        return view().find(key);
    }
    [[nodiscard]] const std::vector<std::uint8_t> &image() const noexcept { return image_; }

    static std::vector<std::uint8_t> build(std::string_view json)
    {
        const auto object = parse_json_object(json, {.bytes = 1U << 26, .depth = 2000});
        if (!object) {
            throw std::invalid_argument(std::string(object.error().text));
        }
        auto image = token::build_claims(object->get());
        if (!image) {
            throw std::invalid_argument(std::string(image.error().text));
        }
        return *image;
    }

private:
    std::vector<std::uint8_t> image_;
};

}  // namespace token_introspect::test
