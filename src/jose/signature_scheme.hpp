#pragma once

#include "jose/algorithm.hpp"

#include <openssl/params.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace token_introspect::jose {

enum class SignatureFamily : std::uint8_t { kMac, kPkcs1, kPss, kEcdsa, kEdwards };

/// What an algorithm is to OpenSSL, whether one signs or verifies.
struct SignatureScheme {
    SignatureFamily family;
    std::string_view digest;      ///< zero-terminated
    std::size_t coordinate_size;  ///< ECDSA: of r and of s
};

const SignatureScheme &signature_scheme(Algorithm algorithm) noexcept;

/// A parameter that OpenSSL only reads; keeps the view, which must be zero-terminated.
OSSL_PARAM text_param(const char *name, std::string_view value) noexcept;

using SignatureParams = std::array<OSSL_PARAM, 6>;

/// For EVP_PKEY_sign_init_ex and EVP_PKEY_verify_init_ex: digest and padding. Nothing for HMAC and
/// EdDSA, which are done otherwise.
std::optional<SignatureParams> signature_params(const SignatureScheme &scheme) noexcept;

}  // namespace token_introspect::jose
