#pragma once

#include "base/crypto.hpp"
#include "jose/algorithm.hpp"

#include <variant>

namespace token_introspect::jose {

/// Verifiers are prepared once for a key and an algorithm that fit each other, which is for the
/// caller to see to. All of them check the length of the signature first.

/// HS*: one keyed context, rewound for each token.
class MacVerifier {
public:
    /// Keeps the view of the secret.
    static std::optional<MacVerifier> prepare(Bytes secret, Algorithm algorithm) noexcept;
    bool operator()(Bytes input, Bytes signature) noexcept;

    /// The MAC itself, for the one who signs; gives its size, 0 when OpenSSL fails.
    std::size_t compute(Bytes input, std::span<std::uint8_t, EVP_MAX_MD_SIZE> out) noexcept;

private:
    MacVerifier() = default;

    Bytes secret_;
    EvpMacContext context_;
    std::size_t size_ = 0;
    bool rewinds_ = false;
};

/// RS*, PS* and ES*: the digest and the public key operation, each prepared.
class SignatureVerifier {
public:
    /// Nothing when the key's own restrictions (RSA-PSS) or OpenSSL forbid it.
    static std::optional<SignatureVerifier> prepare(EVP_PKEY *key, Algorithm algorithm) noexcept;
    bool operator()(Bytes input, Bytes signature) noexcept;

private:
    SignatureVerifier() = default;

    EvpDigest digest_;
    EvpDigestContext digest_context_;
    EvpKeyContext key_context_;
    std::size_t size_ = 0;
    bool is_ecdsa_ = false;
};

/// EdDSA: hashing is part of the operation (RFC 8032), and OpenSSL wants it initialised each time.
class EdwardsVerifier {
public:
    /// Keeps the pointer to the key.
    static std::optional<EdwardsVerifier> prepare(EVP_PKEY *key) noexcept;
    bool operator()(Bytes input, Bytes signature) noexcept;

private:
    EdwardsVerifier() = default;

    EVP_PKEY *key_ = nullptr;
    EvpDigestContext context_;
    std::size_t size_ = 0;
};

/// monostate: not prepared yet.
using Verifier = std::variant<std::monostate, MacVerifier, SignatureVerifier, EdwardsVerifier>;

/// Longest DER form of two integers of a P-521 signature.
inline constexpr std::size_t kMaxEcdsaDer = 3 + 2 * (2 + 1 + 66);

/// r || s of equal halves (RFC 7518 section 3.4), at most 132 bytes, as Ecdsa-Sig-Value (RFC 3279
/// section 2.2.3). Gives the bytes written; 0 when r or s is zero.
std::size_t ecdsa_der(Bytes raw, std::span<std::uint8_t, kMaxEcdsaDer> out) noexcept;

}  // namespace token_introspect::jose
