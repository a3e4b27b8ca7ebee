#include "jose/verifier.hpp"

#include "jose/signature_scheme.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>

namespace token_introspect::jose {

namespace {

// EVP_MAC_init without a key does nothing for HMAC before 3.0.3 (openssl issue 17811).
constexpr unsigned long kFirstRewindingOpenssl = 0x30000030UL;

std::size_t put_integer(Bytes number, std::span<std::uint8_t> out) noexcept
{
    const bool padded = (number.front() & 0x80) != 0;  // or it would be negative
    std::size_t size = 0;

    out[size++] = 0x02;
    out[size++] = static_cast<std::uint8_t>(number.size() + (padded ? 1 : 0));
    if (padded) {
        out[size++] = 0;
    }
    std::copy(number.begin(), number.end(), out.subspan(size).begin());

    return size + number.size();
}

}  // namespace

std::optional<MacVerifier> MacVerifier::prepare(Bytes secret, Algorithm algorithm) noexcept
{
    const EvpMac mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
    const SignatureScheme &of = signature_scheme(algorithm);
    const OSSL_PARAM params[] = {text_param(OSSL_MAC_PARAM_DIGEST, of.digest),
                                 OSSL_PARAM_construct_end()};
    MacVerifier verifier;

    verifier.context_.reset(mac ? EVP_MAC_CTX_new(mac.get()) : nullptr);

    if (of.family != SignatureFamily::kMac || secret.empty() || !verifier.context_
        || EVP_MAC_init(verifier.context_.get(), secret.data(), secret.size(), params) != 1)
    {
        return std::nullopt;
    }

    verifier.secret_ = secret;
    verifier.size_ = EVP_MAC_CTX_get_mac_size(verifier.context_.get());
    verifier.rewinds_ = OpenSSL_version_num() >= kFirstRewindingOpenssl;

    return verifier;
}

bool MacVerifier::operator()(Bytes input, Bytes signature) noexcept
{
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> mac;

    return signature.size() == size_ && compute(input, mac) == size_
           && equals_in_constant_time({mac.data(), size_}, signature);
}

std::size_t MacVerifier::compute(Bytes input, std::span<std::uint8_t, EVP_MAX_MD_SIZE> out) noexcept
{
    const Bytes key = rewinds_ ? Bytes() : secret_;
    std::size_t size = 0;

    const bool computed = EVP_MAC_init(context_.get(), key.data(), key.size(), nullptr) == 1
                          && EVP_MAC_update(context_.get(), input.data(), input.size()) == 1
                          && EVP_MAC_final(context_.get(), out.data(), &size, out.size()) == 1;
    return computed ? size : 0;
}

std::optional<SignatureVerifier> SignatureVerifier::prepare(EVP_PKEY *key,
                                                            Algorithm algorithm) noexcept
{
    const SignatureScheme &of = signature_scheme(algorithm);
    const std::optional<SignatureParams> params = signature_params(of);

    if (!params) {
        return std::nullopt;
    }

    SignatureVerifier verifier;

    verifier.digest_.reset(EVP_MD_fetch(nullptr, of.digest.data(), nullptr));
    verifier.digest_context_.reset(EVP_MD_CTX_new());
    verifier.key_context_.reset(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));

    if (!verifier.digest_ || !verifier.digest_context_ || !verifier.key_context_
        || EVP_PKEY_verify_init_ex(verifier.key_context_.get(), params->data()) != 1)
    {
        return std::nullopt;
    }

    verifier.is_ecdsa_ = of.family == SignatureFamily::kEcdsa;
    verifier.size_ = verifier.is_ecdsa_ ? 2 * of.coordinate_size
                                        : static_cast<std::size_t>(EVP_PKEY_get_size(key));

    return verifier;
}

bool SignatureVerifier::operator()(Bytes input, Bytes signature) noexcept
{
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest;
    std::array<std::uint8_t, kMaxEcdsaDer> der;
    unsigned digest_size = 0;

    if (signature.size() != size_) {
        return false;
    }

    if (is_ecdsa_) {
        const std::size_t der_size = ecdsa_der(signature, der);

        if (der_size == 0) {
            return false;
        }
        signature = {der.data(), der_size};
    }

    return EVP_DigestInit_ex2(digest_context_.get(), digest_.get(), nullptr) == 1
           && EVP_DigestUpdate(digest_context_.get(), input.data(), input.size()) == 1
           && EVP_DigestFinal_ex(digest_context_.get(), digest.data(), &digest_size) == 1
           && EVP_PKEY_verify(key_context_.get(), signature.data(), signature.size(), digest.data(),
                              digest_size)
                  == 1;
}

std::optional<EdwardsVerifier> EdwardsVerifier::prepare(EVP_PKEY *key) noexcept
{
    EdwardsVerifier verifier;

    verifier.context_.reset(EVP_MD_CTX_new());

    if (!verifier.context_) {
        return std::nullopt;
    }

    verifier.key_ = key;
    verifier.size_ = static_cast<std::size_t>(EVP_PKEY_get_size(key));

    return verifier;
}

bool EdwardsVerifier::operator()(Bytes input, Bytes signature) noexcept
{
    return signature.size() == size_ && EVP_MD_CTX_reset(context_.get()) == 1
           && EVP_DigestVerifyInit_ex(context_.get(), nullptr, nullptr, nullptr, nullptr, key_,
                                      nullptr)
                  == 1
           && EVP_DigestVerify(context_.get(), signature.data(), signature.size(), input.data(),
                               input.size())
                  == 1;
}

std::size_t ecdsa_der(Bytes raw, std::span<std::uint8_t, kMaxEcdsaDer> out) noexcept
{
    Bytes r = raw.first(raw.size() / 2);
    Bytes s = raw.subspan(raw.size() / 2);

    for (Bytes *number : {&r, &s}) {
        while (!number->empty() && number->front() == 0) {
            *number = number->subspan(1);
        }
        if (number->empty() || number->size() > 66) {
            return 0;
        }
    }

    // The integers are written behind room for the longer header and moved when the shorter does.
    constexpr std::size_t kLongHeader = 3;
    std::size_t end = kLongHeader;

    end += put_integer(r, out.subspan(end));
    end += put_integer(s, out.subspan(end));

    const std::size_t length = end - kLongHeader;

    out[0] = 0x30;
    if (length >= 0x80) {
        out[1] = 0x81;
        out[2] = static_cast<std::uint8_t>(length);
        return end;
    }

    out[1] = static_cast<std::uint8_t>(length);
    std::copy(out.begin() + kLongHeader, out.begin() + static_cast<std::ptrdiff_t>(end),
              out.begin() + kLongHeader - 1);

    return end - 1;
}

}  // namespace token_introspect::jose
