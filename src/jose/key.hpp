#pragma once

#include "base/crypto.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "jose/algorithm.hpp"

#include <optional>
#include <string>

namespace token_introspect::jose {

enum class KeyType : std::uint8_t { kRSA, kEC, kOKP, kOct };

std::string_view name(KeyType type) noexcept;

/// Identifies a key by its material and permitted algorithms: the first 16 bytes of a SHA-256 over
/// both. Survives reload, the same in all workers.
using KeyId = std::array<std::uint8_t, 16>;

/// What the configuration says of a key beside its material.
struct KeyOptions {
    std::optional<KeyType> type{};         ///< kty=: the material must be of this type
    std::optional<Algorithm> algorithm{};  ///< alg=: the key serves this algorithm only
    std::string kid{};                     ///< kid=; a JWK's own kid when empty
    bool allow_short = false;              ///< accept an HMAC secret below the algorithm's length
};

/// A verification key with the algorithms it may serve and prepared OpenSSL contexts. It belongs to
/// one worker: verify() uses the contexts and is not safe for threads.
class Key {
public:
    Key(Key &&) noexcept;
    Key &operator=(Key &&) noexcept;
    Key(const Key &) = delete;
    Key &operator=(const Key &) = delete;
    ~Key();

    /// An HMAC key of raw bytes. Without an algorithm it serves HS256, HS384 and HS512. Refused
    /// with kMalformedKey: empty; with kUnsupportedKey: shorter than 32 bytes (RFC 7518 section
    /// 3.2, of the smallest algorithm it may serve) unless options.allow_short. A PEM block is no
    /// secret: kMalformedKey, so that a public key never serves HMAC by a slip of configuration.
    static Result<Key> from_secret(Bytes secret, const KeyOptions &options);

    /// A public key (`PUBLIC KEY`, `RSA PUBLIC KEY`) or certificate (`CERTIFICATE`) in PEM; exactly
    /// one block. A private key is refused with a text that says to give the public one.
    /// RSA below 2048 or above 8192 bits, unknown curves and types give kUnsupportedKey. Of a
    /// certificate only the key counts, not its dates, issuer or usage. An RSA-PSS key serves PS*
    /// as far as its own parameters allow.
    static Result<Key> from_pem(std::string_view pem, const KeyOptions &options);

    /// A JWK (RFC 7517, RFC 8037, RFC 8812). Private members are ignored but for `oct`. `use` other
    /// than sig and `key_ops` without verify give kUnsupportedKey; an `alg` that the material cannot
    /// serve (or that is no JWS algorithm) gives kUnsupportedKey, members of a wrong type or value
    /// (a point of small order among them) give kMalformedKey.
    static Result<Key> from_jwk(const json_t *jwk, const KeyOptions &options);

    [[nodiscard]] const std::string &kid() const noexcept;
    [[nodiscard]] KeyType type() const noexcept;
    [[nodiscard]] AlgorithmSet algorithms() const noexcept;
    [[nodiscard]] const KeyId &id() const noexcept;
    /// Bytes of an HMAC secret, 0 for other keys (for warnings about short ones).
    [[nodiscard]] std::size_t secret_size() const noexcept;

    /// True when `signature` is this key's over `input` (RFC 7518 sections 3.2-3.5, RFC 8037
    /// section 3.1). The signature's length is checked before OpenSSL sees it. False for an
    /// algorithm the key does not serve. Leaves OpenSSL's error queue empty.
    [[nodiscard]] bool verify(Algorithm algorithm, Bytes input, Bytes signature) const noexcept;

private:
    struct Material;
    explicit Key(std::unique_ptr<Material> material) noexcept;

    std::unique_ptr<Material> material_;
};

}  // namespace token_introspect::jose
