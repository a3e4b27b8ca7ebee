#pragma once

#include "base/clock.hpp"
#include "base/watched_files.hpp"
#include "issuer/token_issuer.hpp"
#include "jose/content_keys.hpp"
#include "jose/key_set.hpp"
#include "jose/signer.hpp"

#include <expected>
#include <optional>
#include <string>

namespace token_introspect::issuer {

/// The keys of a token_issuer as one worker has them: parsed while the configuration is read, so that
/// a bad one stops `nginx -t`, and again when a file changes.
class KeyRing {
public:
    /// Reads and checks all, or gives a sentence for `nginx -t`, never with material. Two keys of one
    /// kid, among those that sign or among those that seal, are refused.
    static std::expected<KeyRing, std::string> load(const TokenIssuer &issuer);

    /// What cannot be read or used leaves the last good keys in place; the reason once, else "".
    std::string reload_changed_files(const TokenIssuer &issuer, Now now);

    [[nodiscard]] const jose::Signer *signer() const noexcept;  ///< nullptr: no signing_key
    [[nodiscard]] const jose::KeySet &verification_keys() const noexcept;
    [[nodiscard]] const jose::ContentKeys &content_keys() const noexcept;
    /// The JWK Set (RFC 7517 section 5) of the public keys, as JSON text; `{"keys":[]}` without any.
    [[nodiscard]] const std::string &jwks() const noexcept;
    /// Moves with every change.
    [[nodiscard]] std::uint64_t revision() const noexcept;

private:
    std::string read(const TokenIssuer &issuer);

    std::optional<jose::Signer> signer_;
    jose::KeySet verification_keys_;
    jose::ContentKeys content_keys_;
    std::string jwks_;
    std::uint64_t revision_ = 0;
    WatchedFiles files_;
};

}  // namespace token_introspect::issuer
