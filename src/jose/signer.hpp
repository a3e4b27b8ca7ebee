#pragma once

#include "base/json.hpp"
#include "jose/key_source.hpp"

#include <memory>

namespace token_introspect::jose {

/// A private key or secret that signs JWTs, for one algorithm. One worker's, not for threads.
class Signer {
public:
    /// PEM (PKCS#8, or OpenSSL's traditional forms; not encrypted), a private JWK, or a secret.
    /// Without options.algorithm: RS256, ES256/384/512 or ES256K by curve, EdDSA, HS256. A public
    /// key, a secret shorter than the algorithm's digest, a key outside the bounds of Key are
    /// refused. options.kid empty: the JWK's own kid, else the RFC 7638 thumbprint (SHA-256), none
    /// for a secret.
    static Result<Signer> make(std::string_view material, KeyFormat format,
                               const KeyOptions &options);
    /// Reads the source; the reason as a sentence (it names a file, never the material).
    static std::expected<Signer, std::string> load(const KeySource &source);

    Signer(Signer &&) noexcept;
    Signer &operator=(Signer &&) noexcept;
    Signer(const Signer &) = delete;
    Signer &operator=(const Signer &) = delete;
    ~Signer();

    [[nodiscard]] Algorithm algorithm() const noexcept;
    [[nodiscard]] const std::string &kid() const noexcept;

    /// The JWS compact serialization (RFC 7515 section 7.1) of the payload, with the header members
    /// alg, typ and kid (if there is one).
    [[nodiscard]] Result<std::string> sign(std::string_view type, std::string_view payload) const;

    /// The key that verifies what this one signs.
    [[nodiscard]] Result<Key> verification_key() const;

    /// The public JWK (RFC 7517) with kid, alg and use; null for a secret.
    [[nodiscard]] Json public_jwk() const;

private:
    struct Material;
    explicit Signer(std::unique_ptr<Material> material) noexcept;
    std::unique_ptr<Material> material_;
};

}  // namespace token_introspect::jose
