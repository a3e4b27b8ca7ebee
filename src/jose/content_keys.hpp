#pragma once

#include "jose/key_source.hpp"

#include <vector>

namespace token_introspect::jose {

/// Secrets of 32 bytes that seal and open JWE in compact serialization with `dir` and A256GCM
/// (RFC 7516, RFC 7518 sections 4.5 and 5.3). The first seals, all open. Moves only; one worker's.
class ContentKeys {
public:
    ContentKeys();
    ContentKeys(ContentKeys &&) noexcept;
    ContentKeys &operator=(ContentKeys &&) noexcept;
    ContentKeys(const ContentKeys &) = delete;
    ContentKeys &operator=(const ContentKeys &) = delete;
    ~ContentKeys();

    /// Adds the key of a source, or gives the reason (never the material). Without options.kid: the
    /// JWK's, else the first 8 bytes of a SHA-256 over a fixed label and the secret, base64url.
    std::expected<void, std::string> add(const KeySource &source);

    [[nodiscard]] bool empty() const noexcept;
    /// True while the key that opened something is still here.
    [[nodiscard]] bool contains(const KeyId &key) const noexcept;

    /// With the header members alg, enc, typ and kid.
    [[nodiscard]] Result<std::string> seal(std::string_view type, std::string_view plaintext) const;

    struct Opened {
        std::string plaintext;
        KeyId key;
    };
    /// kMalformed: no such JWE; kUnsupportedType: another typ; kUnknownKey: no key of that kid;
    /// kBadSignature: it does not authenticate. Cheap for tokens that are something else.
    [[nodiscard]] Result<Opened> open(std::string_view type, std::string_view jwe) const;

private:
    struct Entry;
    std::vector<Entry> entries_;
};

}  // namespace token_introspect::jose
