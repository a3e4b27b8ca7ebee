#pragma once

#include "jose/key.hpp"

#include <vector>

namespace token_introspect::jose {

/// Why a JWK of a set was left out: its place and the reason.
struct SkippedKey {
    std::size_t index;
    Error error;
};

/// Keys in the order they were configured or listed.
class KeySet {
public:
    KeySet() = default;

    /// A JWK Set (RFC 7517 section 5) of at most 1 MiB. A member that is not a key this module can
    /// use (unknown kty, use=enc, too small, malformed) is left out and listed in skipped(); a text
    /// that is not a JSON object with an array `keys` is kMalformedKey; a set without any usable key
    /// is kNoKeys.
    /// Symmetric keys are left out unless `allow_symmetric`: a secret that comes from a public
    /// address is none. At most 256 keys are read.
    static Result<KeySet> from_json(std::string_view text, bool allow_symmetric);

    void add(Key key);

    [[nodiscard]] const std::vector<Key> &keys() const noexcept { return keys_; }
    [[nodiscard]] const std::vector<SkippedKey> &skipped() const noexcept { return skipped_; }
    [[nodiscard]] bool contains(const KeyId &id) const noexcept;

private:
    std::vector<Key> keys_;
    std::vector<SkippedKey> skipped_;
};

}  // namespace token_introspect::jose
