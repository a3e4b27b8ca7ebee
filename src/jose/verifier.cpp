#include "jose/verifier.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>

namespace token_introspect::jose {

namespace {

enum class Scheme : std::uint8_t { kMac, kPkcs1, kPss, kEcdsa, kEdwards };

struct Traits {
    Scheme scheme;
    std::string_view digest;      // zero-terminated
    std::size_t coordinate_size;  // ECDSA: of r and of s
};

// In the order of Algorithm.
constexpr auto kTraits = std::to_array<Traits>({
    {Scheme::kMac, "SHA2-256", 0},
    {Scheme::kMac, "SHA2-384", 0},
    {Scheme::kMac, "SHA2-512", 0},
    {Scheme::kPkcs1, "SHA2-256", 0},
    {Scheme::kPkcs1, "SHA2-384", 0},
    {Scheme::kPkcs1, "SHA2-512", 0},
    {Scheme::kPss, "SHA2-256", 0},
    {Scheme::kPss, "SHA2-384", 0},
    {Scheme::kPss, "SHA2-512", 0},
    {Scheme::kEcdsa, "SHA2-256", 32},
    {Scheme::kEcdsa, "SHA2-384", 48},
    {Scheme::kEcdsa, "SHA2-512", 66},
    {Scheme::kEcdsa, "SHA2-256", 32},
    {Scheme::kEdwards, "", 0},
});

static_assert(kTraits.size() == static_cast<std::size_t>(Algorithm::kCount));
static_assert(kTraits[static_cast<std::size_t>(Algorithm::kRS256)].scheme == Scheme::kPkcs1);
static_assert(kTraits[static_cast<std::size_t>(Algorithm::kPS256)].scheme == Scheme::kPss);
static_assert(kTraits[static_cast<std::size_t>(Algorithm::kES256)].scheme == Scheme::kEcdsa);
static_assert(kTraits[static_cast<std::size_t>(Algorithm::kEdDSA)].scheme == Scheme::kEdwards);

// EVP_MAC_init without a key does nothing for HMAC before 3.0.3 (openssl issue 17811).
constexpr unsigned long kFirstRewindingOpenssl = 0x30000030UL;

const Traits &traits(Algorithm algorithm) noexcept
{
    return kTraits[static_cast<std::size_t>(algorithm)];
}

OSSL_PARAM text_param(const char *name, std::string_view value) noexcept
{
    // OpenSSL only reads it; its type has no const because the same type is used to get values.
    return OSSL_PARAM_construct_utf8_string(name, const_cast<char *>(value.data()), value.size());
}

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
    const OSSL_PARAM params[] = {text_param(OSSL_MAC_PARAM_DIGEST, traits(algorithm).digest),
                                 OSSL_PARAM_construct_end()};
    MacVerifier verifier;

    verifier.context_.reset(mac ? EVP_MAC_CTX_new(mac.get()) : nullptr);

    if (traits(algorithm).scheme != Scheme::kMac || secret.empty() || !verifier.context_
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
    std::size_t size = 0;

    if (signature.size() != size_) {
        return false;
    }

    const Bytes key = rewinds_ ? Bytes() : secret_;

    return EVP_MAC_init(context_.get(), key.data(), key.size(), nullptr) == 1
           && EVP_MAC_update(context_.get(), input.data(), input.size()) == 1
           && EVP_MAC_final(context_.get(), mac.data(), &size, mac.size()) == 1
           && equals_in_constant_time({mac.data(), size}, signature);
}

std::optional<SignatureVerifier> SignatureVerifier::prepare(EVP_PKEY *key,
                                                            Algorithm algorithm) noexcept
{
    const Traits &of = traits(algorithm);
    std::array<OSSL_PARAM, 6> params;
    std::size_t count = 0;

    params[count++] = text_param(OSSL_SIGNATURE_PARAM_DIGEST, of.digest);

    switch (of.scheme) {
    case Scheme::kEcdsa:
        break;
    case Scheme::kPkcs1:
        params[count++] = text_param(OSSL_SIGNATURE_PARAM_PAD_MODE, OSSL_PKEY_RSA_PAD_MODE_PKCSV15);
        break;
    case Scheme::kPss:
        params[count++] = text_param(OSSL_SIGNATURE_PARAM_PAD_MODE, OSSL_PKEY_RSA_PAD_MODE_PSS);
        params[count++] = text_param(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, of.digest);
        params[count++] =
            text_param(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST);
        break;
    default:
        return std::nullopt;
    }
    params[count] = OSSL_PARAM_construct_end();

    SignatureVerifier verifier;

    verifier.digest_.reset(EVP_MD_fetch(nullptr, of.digest.data(), nullptr));
    verifier.digest_context_.reset(EVP_MD_CTX_new());
    verifier.key_context_.reset(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));

    if (!verifier.digest_ || !verifier.digest_context_ || !verifier.key_context_
        || EVP_PKEY_verify_init_ex(verifier.key_context_.get(), params.data()) != 1)
    {
        return std::nullopt;
    }

    verifier.is_ecdsa_ = of.scheme == Scheme::kEcdsa;
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
