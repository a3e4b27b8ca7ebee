#pragma once

#include "base/json.hpp"
#include "jose/key_material.hpp"

namespace token_introspect::jose {

/// A JWK as far as it matters for verifying (RFC 7517 section 4).
struct Jwk {
    KeyMaterial material;
    std::string kid;                     ///< empty when absent
    std::optional<Algorithm> algorithm;  ///< `alg`; one that the material can serve
};

/// Reads a JWK under the rules of Key::from_jwk.
Result<Jwk> read_jwk(const json_t *jwk);

}  // namespace token_introspect::jose
