#pragma once

#include "base/crypto.hpp"

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct crypt_data;

namespace token_introspect::issuer {

/// Computes crypt(3) in a room of its own, which is wiped after use. One worker's.
class CryptRoom {
public:
    CryptRoom();
    CryptRoom(CryptRoom &&) noexcept;
    CryptRoom &operator=(CryptRoom &&) noexcept;
    CryptRoom(const CryptRoom &) = delete;
    CryptRoom &operator=(const CryptRoom &) = delete;
    ~CryptRoom();

    /// True when `presented` is what the crypt(3) string was made of. As slow as the string asks
    /// for; a presented text that crypt(3) would read only in part is none, after the same time.
    bool matches(const std::string &presented, const std::string &crypt_string) noexcept;

private:
    std::unique_ptr<crypt_data> data_;
};

/// What a client's secret is checked against: a digest of it, or the crypt(3) string of it and,
/// once it was right, its digest too.
class ClientSecret {
public:
    /// Digests under a key that only this process has.
    class Digester {
    public:
        /// Draws the key; nothing when there is no randomness to have.
        static std::optional<Digester> make();
        [[nodiscard]] std::optional<Sha256> operator()(std::string_view secret) noexcept;

    private:
        Digester() = default;

        std::array<std::uint8_t, 32> key_{};
        Sha256Hasher hasher_;
    };

    /// A secret or a crypt(3) string (`$y$`, `$gy$`, `$6$`, `$5$`, `$2a$`, `$2b$`, `$2y$`); a reason,
    /// never with material, for an empty one and for what looks like a crypt(3) string and is none,
    /// is cut off, of another kind, or would take a worker too long.
    static std::expected<ClientSecret, std::string_view> make(std::string_view text,
                                                              Digester &digester);

    /// The crypt(3) string; empty for a plain secret.
    [[nodiscard]] const std::string &crypt_string() const noexcept { return crypt_string_; }

    /// True when the digest is that of the secret. Of a crypt(3) string that is known only after
    /// remember(). In constant time.
    [[nodiscard]] bool has(const Sha256 &digest) const noexcept;

    /// Of a secret that crypt(3) found right.
    void remember(const Sha256 &digest) noexcept;

private:
    std::string crypt_string_;
    Sha256 digest_{};
    bool has_digest_ = false;
};

}  // namespace token_introspect::issuer
