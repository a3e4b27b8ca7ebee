#include "jose/algorithm.hpp"

#include <array>
#include <cstddef>

namespace token_introspect::jose {

namespace {

constexpr auto kNames = std::to_array<std::string_view>({
    "HS256",
    "HS384",
    "HS512",
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "ES256K",
    "EdDSA",
});

static_assert(kNames.size() == static_cast<std::size_t>(Algorithm::kCount));

}  // namespace

std::optional<Algorithm> algorithm_from_name(std::string_view name) noexcept
{
    for (std::size_t i = 0; i < kNames.size(); i++) {
        if (kNames[i] == name) {
            return static_cast<Algorithm>(i);
        }
    }

    return std::nullopt;
}

std::string_view name(Algorithm algorithm) noexcept
{
    const auto index = static_cast<std::size_t>(algorithm);

    return index < kNames.size() ? kNames[index] : std::string_view();
}

}  // namespace token_introspect::jose
