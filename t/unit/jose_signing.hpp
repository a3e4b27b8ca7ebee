#pragma once

// Keys and signatures of the tests, made by OpenSSL without any code of src/jose.

#include "base/crypto.hpp"
#include "jose/algorithm.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace token_introspect::jose::test {

inline void require(bool condition, const char *what)
{
    if (!condition) {
        throw std::runtime_error(what);
    }
}

inline const char *digest_of(Algorithm algorithm)
{
    switch (algorithm) {
    case Algorithm::kHS256:
    case Algorithm::kRS256:
    case Algorithm::kPS256:
    case Algorithm::kES256:
    case Algorithm::kES256K:
        return "SHA256";
    case Algorithm::kHS384:
    case Algorithm::kRS384:
    case Algorithm::kPS384:
    case Algorithm::kES384:
        return "SHA384";
    case Algorithm::kHS512:
    case Algorithm::kRS512:
    case Algorithm::kPS512:
    case Algorithm::kES512:
        return "SHA512";
    default:
        return nullptr;
    }
}

inline bool is_pss(Algorithm algorithm)
{
    return AlgorithmSet{Algorithm::kPS256, Algorithm::kPS384, Algorithm::kPS512}.has(algorithm);
}

/// Half of an ECDSA signature, 0 for other algorithms.
inline std::size_t coordinate_size(Algorithm algorithm)
{
    switch (algorithm) {
    case Algorithm::kES256:
    case Algorithm::kES256K:
        return 32;
    case Algorithm::kES384:
        return 48;
    case Algorithm::kES512:
        return 66;
    default:
        return 0;
    }
}

/// `type`: RSA (with bits), an EC group name, ED25519, ED448.
inline EvpKey generate(const std::string &type, unsigned bits = 2048)
{
    EVP_PKEY *key;

    if (type == "RSA") {
        key = EVP_RSA_gen(bits);
    } else if (type.starts_with("ED")) {
        key = EVP_PKEY_Q_keygen(nullptr, nullptr, type.c_str());
    } else {
        key = EVP_EC_gen(type.c_str());
    }
    require(key != nullptr, "key generation");

    return EvpKey(key);
}

inline std::vector<std::uint8_t> number(const EVP_PKEY *key, const char *name, int size = 0)
{
    BIGNUM *value = nullptr;

    require(EVP_PKEY_get_bn_param(key, name, &value) == 1, name);

    std::vector<std::uint8_t> bytes(
        static_cast<std::size_t>(size != 0 ? size : BN_num_bytes(value)));

    require(BN_bn2binpad(value, bytes.data(), static_cast<int>(bytes.size())) >= 0, name);
    BN_free(value);

    return bytes;
}

/// The public JWK; `members`, such as `"kid":"a",`, go before the others.
inline std::string jwk_of(const EVP_PKEY *key, const std::string &members = {})
{
    if (EVP_PKEY_is_a(key, "RSA") == 1) {
        return "{" + members + R"("kty":"RSA","n":")"
               + base64url_encode(number(key, OSSL_PKEY_PARAM_RSA_N)) + R"(","e":")"
               + base64url_encode(number(key, OSSL_PKEY_PARAM_RSA_E)) + "\"}";
    }

    if (EVP_PKEY_is_a(key, "EC") == 1) {
        char group[64];

        require(EVP_PKEY_get_group_name(key, group, sizeof(group), nullptr) == 1, "group");

        const std::string name(group);
        const std::string crv = name == "prime256v1"  ? "P-256"
                                : name == "secp384r1" ? "P-384"
                                : name == "secp521r1" ? "P-521"
                                                      : name;
        const int size = (EVP_PKEY_get_bits(key) + 7) / 8;

        return "{" + members + R"("kty":"EC","crv":")" + crv + R"(","x":")"
               + base64url_encode(number(key, OSSL_PKEY_PARAM_EC_PUB_X, size)) + R"(","y":")"
               + base64url_encode(number(key, OSSL_PKEY_PARAM_EC_PUB_Y, size)) + "\"}";
    }

    std::vector<std::uint8_t> point(64);
    std::size_t size = point.size();

    require(EVP_PKEY_get_raw_public_key(key, point.data(), &size) == 1, "raw public key");
    point.resize(size);

    return "{" + members + R"("kty":"OKP","crv":")"
           + (EVP_PKEY_is_a(key, "ED448") == 1 ? "Ed448" : "Ed25519") + R"(","x":")"
           + base64url_encode(point) + "\"}";
}

inline std::string pem_of(EVP_PKEY *key, bool is_private = false)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data = nullptr;

    require((is_private ? PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr)
                        : PEM_write_bio_PUBKEY(bio, key))
                == 1,
            "PEM");

    const auto size = static_cast<std::size_t>(BIO_get_mem_data(bio, &data));
    std::string pem(data, size);

    BIO_free(bio);

    return pem;
}

inline std::vector<std::uint8_t> raw_from_der(const std::vector<std::uint8_t> &der,
                                              std::size_t size)
{
    const unsigned char *at = der.data();
    ECDSA_SIG *signature = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
    std::vector<std::uint8_t> raw(2 * size);

    require(signature != nullptr, "ECDSA signature");
    BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw.data(), static_cast<int>(size));
    BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw.data() + size, static_cast<int>(size));
    ECDSA_SIG_free(signature);

    return raw;
}

/// A signature as JWS has it. `salt`: of PSS, the digest's length by default.
inline std::vector<std::uint8_t> sign(EVP_PKEY *key, Algorithm algorithm, std::string_view input,
                                      int salt = RSA_PSS_SALTLEN_DIGEST)
{
    const EvpDigestContext context(EVP_MD_CTX_new());
    EVP_PKEY_CTX *settings = nullptr;
    const Bytes bytes = as_bytes(input);

    require(EVP_DigestSignInit_ex(context.get(), &settings, digest_of(algorithm), nullptr, nullptr,
                                  key, nullptr)
                == 1,
            "sign init");
    if (is_pss(algorithm)) {
        require(EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING) == 1
                    && EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, salt) == 1,
                "PSS");
    }

    std::size_t size = 2048;
    std::vector<std::uint8_t> signature(size);

    require(EVP_DigestSign(context.get(), signature.data(), &size, bytes.data(), bytes.size()) == 1,
            "sign");
    signature.resize(size);

    const std::size_t half = coordinate_size(algorithm);

    return half != 0 ? raw_from_der(signature, half) : signature;
}

inline std::vector<std::uint8_t> mac(Bytes secret, Algorithm algorithm, std::string_view input)
{
    std::vector<std::uint8_t> out(EVP_MAX_MD_SIZE);
    std::size_t size = 0;
    const Bytes bytes = as_bytes(input);

    require(EVP_Q_mac(nullptr, "HMAC", nullptr, digest_of(algorithm), nullptr, secret.data(),
                      secret.size(), bytes.data(), bytes.size(), out.data(), out.size(), &size)
                != nullptr,
            "MAC");
    out.resize(size);

    return out;
}

/// header and payload as the first two parts of a token.
inline std::string signing_input(std::string_view header, std::string_view payload)
{
    return base64url_encode(as_bytes(header)) + "." + base64url_encode(as_bytes(payload));
}

inline std::string with_signature(const std::string &input, Bytes signature)
{
    return input + "." + base64url_encode(signature);
}

}  // namespace token_introspect::jose::test
