#pragma once

#include "base/crypto.hpp"
#include "base/error.hpp"
#include "jose/algorithm.hpp"
#include "jose/key.hpp"

#include <string>
#include <utility>
#include <vector>

namespace token_introspect::jose {

/// Bytes that are overwritten before their memory is given back.
class Secret {
public:
    Secret() = default;
    explicit Secret(std::vector<std::uint8_t> bytes) noexcept : bytes_(std::move(bytes)) {}
    Secret(Secret &&) noexcept = default;
    Secret &operator=(Secret &&other) noexcept
    {
        bytes_.swap(other.bytes_);
        return *this;
    }
    Secret(const Secret &) = delete;
    Secret &operator=(const Secret &) = delete;
    ~Secret();

    [[nodiscard]] Bytes bytes() const noexcept { return bytes_; }

private:
    std::vector<std::uint8_t> bytes_;
};

/// What a key is made of, whatever its use.
struct KeyMaterial {
    KeyType type;
    AlgorithmSet algorithms;                   ///< all that the material could serve
    EvpKey key;                                ///< null for oct
    Secret secret;                             ///< oct only
    std::vector<std::string> canonical_parts;  ///< public members of one form each; empty for oct
};

/// Elliptic curves, by the `crv` of RFC 7518, 8037 and 8812.
enum class Curve : std::uint8_t { kP256, kP384, kP521, kSecp256k1, kEd25519, kEd448 };

/// A `crv` value; nothing for other curves.
std::optional<Curve> curve_from_name(std::string_view name) noexcept;

/// EC for the Weierstrass curves, OKP for the Edwards ones.
KeyType type_of(Curve curve) noexcept;

/// Numbers are big endian, leading zeros allowed. Modulus 2048 to 8192 bits and odd, exponent odd,
/// at least 3 and at most 64 bits.
Result<KeyMaterial> rsa_material(Bytes modulus, Bytes exponent);

/// Coordinates of exactly the field's length; the point must be on the curve.
Result<KeyMaterial> ec_material(Curve curve, Bytes x, Bytes y);

/// An encoded point (RFC 8032) of exactly the curve's length; not one of small order, which would
/// verify signatures that nobody made.
Result<KeyMaterial> okp_material(Curve curve, Bytes point);

/// Any secret that is not empty.
Result<KeyMaterial> oct_material(std::vector<std::uint8_t> secret);

/// A public key that OpenSSL has read. But for RSA-PSS keys, whose restrictions live in OpenSSL's
/// object, it is taken apart and built anew, so that a key is the same wherever it came from.
Result<KeyMaterial> material_of(EvpKey key);

}  // namespace token_introspect::jose
