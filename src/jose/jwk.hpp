#pragma once

#include "base/json.hpp"
#include "jose/key_material.hpp"

namespace token_introspect::jose {

/// A JWK as far as it matters (RFC 7517 section 4).
struct Jwk {
    KeyMaterial material;                ///< the public half, or the secret
    std::string kid;                     ///< empty when absent
    std::optional<Algorithm> algorithm;  ///< `alg`; one that the material can serve
};

/// What a JWK is wanted for: the `use` and the one of `key_ops` that permit it, and what to say
/// when they do not. Both members may be absent.
struct JwkPurpose {
    std::string_view use;
    std::string_view operation;
    std::string_view other_use;
    std::string_view lacks_operation;
};

inline constexpr JwkPurpose kVerifying{"sig", "verify", "a JWK whose use is not sig",
                                       "a JWK whose key_ops lack verify"};
inline constexpr JwkPurpose kSigning{"sig", "sign", "a JWK whose use is not sig",
                                     "a JWK whose key_ops lack sign"};
/// Whoever can open can seal, with a key of both sides.
inline constexpr JwkPurpose kOpening{"enc", "decrypt", "a JWK whose use is not enc",
                                     "a JWK whose key_ops lack decrypt"};

/// Reads a JWK under the rules of Key::from_jwk, but for the purpose. Private members are ignored.
Result<Jwk> read_jwk(const json_t *jwk, const JwkPurpose &purpose = kVerifying);

struct WipedJsonDeleter {
    void operator()(json_t *object) const noexcept;
};

/// A JWK whose strings are overwritten when it goes.
using SecretJwk = std::unique_ptr<json_t, WipedJsonDeleter>;

/// kMalformedKey when the text is no JSON object.
Result<SecretJwk> parse_secret_jwk(std::string_view text);

/// The private key of a JWK whose public half is `material` (RFC 7518 sections 6.2.2 and 6.3.2,
/// RFC 8037 section 2). Not for oct. A JWK without private members gives kMalformedKey. That both
/// halves belong together is for the caller to try.
Result<EvpKey> private_key_of(const json_t *jwk, const KeyMaterial &material);

/// kUnsupportedKey when the JWK says that it is for something else.
Result<void> check_jwk_use(const json_t *jwk, const JwkPurpose &purpose) noexcept;

/// A string member: nothing when absent, kMalformedKey when it is of another type.
Result<std::optional<std::string_view>> jwk_string(const json_t *jwk, const char *name) noexcept;

/// 8192 bits and a few superfluous zeros; what is longer is not worth decoding.
inline constexpr std::size_t kMaxJwkNumberBytes = 1040;

/// A base64url member that must be there, of at most `max` bytes.
Result<std::vector<std::uint8_t>> jwk_octets(const json_t *jwk, const char *name, std::size_t max);

}  // namespace token_introspect::jose
