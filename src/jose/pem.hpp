#pragma once

#include "jose/key_material.hpp"

namespace token_introspect::jose {

/// A public key or certificate in PEM, under the rules of Key::from_pem.
Result<KeyMaterial> material_from_pem(std::string_view pem);

/// True when the text starts, after white space, like a PEM block: it is then no HMAC secret.
bool looks_like_pem(std::string_view text) noexcept;

}  // namespace token_introspect::jose
