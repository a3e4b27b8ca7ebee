#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

namespace token_introspect::jose {

/// JWS algorithms (RFC 7518 section 3.1, RFC 8037, RFC 8812). `none` does not exist.
enum class Algorithm : std::uint8_t {
    kHS256,
    kHS384,
    kHS512,
    kRS256,
    kRS384,
    kRS512,
    kPS256,
    kPS384,
    kPS512,
    kES256,
    kES384,
    kES512,
    kES256K,
    kEdDSA,
    kCount
};

/// The `alg` value, case-sensitive; nothing for `none` and unknown names.
std::optional<Algorithm> algorithm_from_name(std::string_view name) noexcept;

std::string_view name(Algorithm algorithm) noexcept;

/// A set of algorithms.
class AlgorithmSet {
public:
    constexpr AlgorithmSet() = default;
    constexpr AlgorithmSet(std::initializer_list<Algorithm> algorithms) noexcept
    {
        for (Algorithm algorithm : algorithms) {
            add(algorithm);
        }
    }

    constexpr void add(Algorithm algorithm) noexcept
    {
        bits_ = static_cast<std::uint16_t>(bits_ | bit(algorithm));
    }
    [[nodiscard]] constexpr bool has(Algorithm algorithm) const noexcept
    {
        return (bits_ & bit(algorithm)) != 0;
    }
    [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }
    [[nodiscard]] constexpr AlgorithmSet operator&(AlgorithmSet other) const noexcept
    {
        AlgorithmSet both;
        both.bits_ = static_cast<std::uint16_t>(bits_ & other.bits_);
        return both;
    }
    constexpr bool operator==(const AlgorithmSet &) const = default;

private:
    static constexpr unsigned bit(Algorithm algorithm) noexcept
    {
        return 1U << static_cast<unsigned>(algorithm);
    }

    std::uint16_t bits_ = 0;
};

inline constexpr AlgorithmSet kHmacAlgorithms{Algorithm::kHS256, Algorithm::kHS384,
                                              Algorithm::kHS512};
/// RS* and PS*.
inline constexpr AlgorithmSet kRsaAlgorithms{Algorithm::kRS256, Algorithm::kRS384,
                                             Algorithm::kRS512, Algorithm::kPS256,
                                             Algorithm::kPS384, Algorithm::kPS512};
inline constexpr AlgorithmSet kAsymmetricAlgorithms{
    Algorithm::kRS256, Algorithm::kRS384,  Algorithm::kRS512, Algorithm::kPS256,
    Algorithm::kPS384, Algorithm::kPS512,  Algorithm::kES256, Algorithm::kES384,
    Algorithm::kES512, Algorithm::kES256K, Algorithm::kEdDSA};

}  // namespace token_introspect::jose
