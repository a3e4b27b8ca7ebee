#pragma once

#include "base/text.hpp"

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace token_introspect {

template <auto Free> struct OpensslDeleter {
    template <class T> void operator()(T *object) const noexcept { Free(object); }
};

using EvpKey = std::unique_ptr<EVP_PKEY, OpensslDeleter<EVP_PKEY_free>>;
using EvpKeyContext = std::unique_ptr<EVP_PKEY_CTX, OpensslDeleter<EVP_PKEY_CTX_free>>;
using EvpDigestContext = std::unique_ptr<EVP_MD_CTX, OpensslDeleter<EVP_MD_CTX_free>>;
using EvpDigest = std::unique_ptr<EVP_MD, OpensslDeleter<EVP_MD_free>>;
using EvpMac = std::unique_ptr<EVP_MAC, OpensslDeleter<EVP_MAC_free>>;
using EvpMacContext = std::unique_ptr<EVP_MAC_CTX, OpensslDeleter<EVP_MAC_CTX_free>>;

/// Empties OpenSSL's error queue of this thread when it goes out of scope; nginx logs an alert for
/// what is left there.
class ErrorQueueGuard {
public:
    ErrorQueueGuard() = default;
    ErrorQueueGuard(const ErrorQueueGuard &) = delete;
    ErrorQueueGuard &operator=(const ErrorQueueGuard &) = delete;
    ~ErrorQueueGuard();
};

using Sha256 = std::array<std::uint8_t, 32>;

/// SHA-256 with algorithm and context fetched once: for one worker, not for threads.
class Sha256Hasher {
public:
    Sha256Hasher();

    /// The digest of the bytes; nothing when OpenSSL fails (no memory).
    [[nodiscard]] std::optional<Sha256> operator()(Bytes bytes) noexcept;

    /// The digest of the parts, each preceded by its length as eight bytes big endian, so that no
    /// two different lists give the same input.
    [[nodiscard]] std::optional<Sha256> of_parts(std::span<const std::string_view> parts) noexcept;

private:
    EvpDigest digest_;
    EvpDigestContext context_;
};

/// Constant-time equality for secrets and MACs; the lengths are not secret.
bool equals_in_constant_time(Bytes a, Bytes b) noexcept;

}  // namespace token_introspect
