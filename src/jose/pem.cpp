#include "jose/pem.hpp"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

namespace token_introspect::jose {

namespace {

constexpr std::size_t kMaxPem = 65536;

using Bio = std::unique_ptr<BIO, OpensslDeleter<BIO_free>>;
using Certificate = std::unique_ptr<X509, OpensslDeleter<X509_free>>;

struct OpensslFree {
    void operator()(void *memory) const noexcept { OPENSSL_free(memory); }
};

struct Block {
    std::unique_ptr<char, OpensslFree> name;
    std::unique_ptr<unsigned char, OpensslFree> der;
    long size = 0;
};

/// The next block; a null name when there is none or when it is damaged.
Block read_block(BIO *bio) noexcept
{
    char *name = nullptr;
    char *header = nullptr;
    unsigned char *der = nullptr;
    Block block;

    if (PEM_read_bio(bio, &name, &header, &der, &block.size) == 1) {
        block.name.reset(name);
        block.der.reset(der);
        OPENSSL_free(header);
    }

    return block;
}

bool is_at_end() noexcept
{
    const unsigned long error = ERR_peek_last_error();

    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

Result<EvpKey> decode(const Block &block) noexcept
{
    const std::string_view name = block.name.get();
    const unsigned char *at = block.der.get();
    EvpKey key;

    if (name == PEM_STRING_PUBLIC) {
        key.reset(d2i_PUBKEY(nullptr, &at, block.size));

    } else if (name == PEM_STRING_RSA_PUBLIC) {
        key.reset(d2i_PublicKey(EVP_PKEY_RSA, nullptr, &at, block.size));

    } else if (name == PEM_STRING_X509) {
        const Certificate certificate(d2i_X509(nullptr, &at, block.size));

        key.reset(certificate ? X509_get_pubkey(certificate.get()) : nullptr);

    } else {
        return fail(Code::kMalformedKey, "PEM of another kind than PUBLIC KEY, RSA PUBLIC KEY or "
                                         "CERTIFICATE");
    }

    if (!key) {
        return fail(Code::kMalformedKey, "OpenSSL cannot read the key in the PEM block");
    }
    if (at != block.der.get() + block.size) {
        return fail(Code::kMalformedKey, "bytes follow the key in the PEM block");
    }

    return key;
}

}  // namespace

Result<KeyMaterial> material_from_pem(std::string_view pem)
{
    const ErrorQueueGuard guard;

    if (pem.size() > kMaxPem) {
        return fail(Code::kMalformedKey, "PEM text above 64 KiB");
    }
    if (pem.find("PRIVATE KEY-----") != std::string_view::npos) {
        return fail(Code::kMalformedKey, "a private key: give its public key instead "
                                         "(openssl pkey -pubout)");
    }

    const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));

    if (!bio) {
        return fail(Code::kInternal, "no memory for PEM");
    }

    const Block block = read_block(bio.get());

    if (!block.name) {
        return fail(Code::kMalformedKey, is_at_end() ? "no PEM block" : "a damaged PEM block");
    }

    ERR_clear_error();
    if (read_block(bio.get()).name || !is_at_end()) {
        return fail(Code::kMalformedKey, "more than one PEM block");
    }

    Result<EvpKey> key = decode(block);

    if (!key) {
        return std::unexpected(key.error());
    }

    return material_of(std::move(*key));
}

bool looks_like_pem(std::string_view text) noexcept
{
    const std::size_t start = text.find_first_not_of(" \t\r\n");

    return start != std::string_view::npos && text.substr(start).starts_with("-----BEGIN ");
}

}  // namespace token_introspect::jose
