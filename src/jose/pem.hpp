#pragma once

#include "jose/key_material.hpp"

namespace token_introspect::jose {

/// A public key or certificate in PEM, under the rules of Key::from_pem.
Result<KeyMaterial> material_from_pem(std::string_view pem);

/// A private key in PEM: PKCS#8 (`PRIVATE KEY`) or the traditional forms (`RSA PRIVATE KEY`,
/// `EC PRIVATE KEY`, also behind its `EC PARAMETERS`). An encrypted one is refused, and nobody is
/// asked for a pass phrase. Whether the key is one to use is for the caller to see.
Result<EvpKey> private_key_from_pem(std::string_view pem);

/// True when the text starts, after white space, like a PEM block: it is then no HMAC secret.
bool looks_like_pem(std::string_view text) noexcept;

}  // namespace token_introspect::jose
