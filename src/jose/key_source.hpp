#pragma once

#include "jose/key_material.hpp"
#include "jose/key_set.hpp"

#include <expected>
#include <string>
#include <string_view>

namespace token_introspect::jose {

enum class KeyFormat : std::uint8_t { kGuess, kPem, kPlain, kBase64url, kJwk, kJwkSet, kSigning };

/// One configured key: `secret`, `key`, `jwks_file`, `signing_key` or `encryption_key`.
/// kSigning: the material of a Signer (private), of which only the verifying half is wanted; its
/// `signing_format` says how it is written.
struct KeySource {
    std::string value;  ///< the material, or the path when from_file
    bool from_file = false;
    KeyFormat format = KeyFormat::kGuess;
    KeyFormat signing_format = KeyFormat::kGuess;
    KeyOptions options;
};

/// What a source holds, overwritten when it goes.
struct KeyText {
    KeyText(std::string what, KeyFormat form) noexcept : text(std::move(what)), format(form) {}
    KeyText(KeyText &&) noexcept = default;
    KeyText(const KeyText &) = delete;
    KeyText &operator=(KeyText &&) = delete;
    KeyText &operator=(const KeyText &) = delete;
    ~KeyText();

    std::string text;  ///< without the final newline of a file, where that would count
    KeyFormat format;  ///< never kGuess
};

/// How a text is written, when nothing says so: PEM and JWK look like what they are, the rest is
/// PEM or plain by the type and algorithm that the options ask for.
KeyFormat guess_format(std::string_view text, const KeyOptions &options) noexcept;

/// The text of the source, with `format` or the one it looks like; a sentence, which names the file,
/// when that cannot be read. Files of at most 1 MiB.
std::expected<KeyText, std::string> read_source(const KeySource &source, KeyFormat format);

/// The bytes of a secret that is plain or base64url (kMalformedKey when it is not).
Result<Secret> secret_bytes(std::string_view text, KeyFormat format);

/// "WHAT in "PATH": reason", or "WHAT: reason" for what stands in the configuration.
std::string describe(const KeySource &source, std::string_view what, std::string_view reason);

/// A verification key under the rules of Key. Not for kGuess, kJwkSet and kSigning.
Result<Key> make_key(std::string_view text, KeyFormat format, const KeyOptions &options);

/// Adds the verification keys of the source (a set takes the place of what is there), or gives the
/// reason why there are none, never with material; else an empty string.
std::string add_keys(const KeySource &source, KeySet &keys);

}  // namespace token_introspect::jose
