#include "base/crypto.hpp"

#include <openssl/crypto.h>
#include <openssl/err.h>

namespace token_introspect {

namespace {

std::array<std::uint8_t, 8> big_endian(std::uint64_t number) noexcept
{
    std::array<std::uint8_t, 8> bytes;

    for (std::size_t i = bytes.size(); i-- > 0; number >>= 8) {
        bytes[i] = static_cast<std::uint8_t>(number & 0xff);
    }

    return bytes;
}

}  // namespace

ErrorQueueGuard::~ErrorQueueGuard()
{
    // Clearing walks all slots of the queue; it is empty but for failures.
    if (ERR_peek_error() != 0) {
        ERR_clear_error();
    }
}

Sha256Hasher::Sha256Hasher()
{
    const ErrorQueueGuard guard;

    digest_.reset(EVP_MD_fetch(nullptr, "SHA2-256", nullptr));
    context_.reset(EVP_MD_CTX_new());
}

std::optional<Sha256> Sha256Hasher::operator()(Bytes bytes) noexcept
{
    const ErrorQueueGuard guard;
    Sha256 digest;

    if (!digest_ || !context_ || EVP_DigestInit_ex2(context_.get(), digest_.get(), nullptr) != 1
        || EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1
        || EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) != 1)
    {
        return std::nullopt;
    }

    return digest;
}

std::optional<Sha256> Sha256Hasher::of_parts(std::span<const std::string_view> parts) noexcept
{
    const ErrorQueueGuard guard;
    Sha256 digest;

    if (!digest_ || !context_ || EVP_DigestInit_ex2(context_.get(), digest_.get(), nullptr) != 1) {
        return std::nullopt;
    }

    for (std::string_view part : parts) {
        const auto length = big_endian(part.size());

        if (EVP_DigestUpdate(context_.get(), length.data(), length.size()) != 1
            || EVP_DigestUpdate(context_.get(), part.data(), part.size()) != 1)
        {
            return std::nullopt;
        }
    }

    if (EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) != 1) {
        return std::nullopt;
    }

    return digest;
}

bool equals_in_constant_time(Bytes a, Bytes b) noexcept
{
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace token_introspect
