#pragma once

// What the two small programs of the benchmark share. Any failure ends the program.

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>

namespace bench {

inline void need(bool good, const char *what)
{
    if (!good) {
        std::fprintf(stderr, "bench: %s failed\n", what);
        std::exit(1);
    }
}

struct KeyDeleter {
    void operator()(EVP_PKEY *key) const noexcept { EVP_PKEY_free(key); }
};
using Key = std::unique_ptr<EVP_PKEY, KeyDeleter>;

struct ContextDeleter {
    void operator()(EVP_MD_CTX *context) const noexcept { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, ContextDeleter>;

inline const unsigned char *bytes(std::string_view text)
{
    return reinterpret_cast<const unsigned char *>(text.data());
}

inline unsigned char *bytes(std::string &text)
{
    return reinterpret_cast<unsigned char *>(text.data());
}

inline std::string read(const std::string &path)
{
    std::ifstream file(path, std::ios::binary);
    need(file.good(), path.c_str());
    return {std::istreambuf_iterator<char>(file), {}};
}

/// The padding and salt of PS256 (RFC 7518 section 3.5).
inline void use_pss(EVP_PKEY_CTX *context)
{
    need(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1
             && EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1,
         "PSS");
}

}  // namespace bench
