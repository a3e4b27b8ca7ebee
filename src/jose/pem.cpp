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
using Pkcs8 = std::unique_ptr<PKCS8_PRIV_KEY_INFO, OpensslDeleter<PKCS8_PRIV_KEY_INFO_free>>;
using Certificate = std::unique_ptr<X509, OpensslDeleter<X509_free>>;

// It may be a private key: PEM_FLAG_SECURE has OpenSSL wipe its buffers.
constexpr unsigned kReading = PEM_FLAG_SECURE | PEM_FLAG_EAY_COMPATIBLE;

struct OpensslFree {
    void operator()(char *memory) const noexcept { OPENSSL_secure_free(memory); }
};

struct OpensslWipe {
    std::size_t size = 0;
    void operator()(unsigned char *memory) const noexcept
    {
        OPENSSL_secure_clear_free(memory, size);
    }
};

struct Block {
    std::unique_ptr<char, OpensslFree> name;
    std::unique_ptr<char, OpensslFree> header;  // RFC 1421: of an encrypted one
    std::unique_ptr<unsigned char, OpensslWipe> der;
    long size = 0;
};

/// The next block; a null name when there is none or when it is damaged. Never decrypts, and so
/// never asks for a pass phrase.
Block read_block(BIO *bio) noexcept
{
    char *name = nullptr;
    char *header = nullptr;
    unsigned char *der = nullptr;
    Block block;

    if (PEM_read_bio_ex(bio, &name, &header, &der, &block.size, kReading) == 1) {
        block.name.reset(name);
        block.header.reset(header);
        block.der = {der, OpensslWipe{static_cast<std::size_t>(block.size)}};
    }

    return block;
}

bool is_at_end() noexcept
{
    const unsigned long error = ERR_peek_last_error();

    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

Result<EvpKey> whole(EvpKey key, const unsigned char *end, const Block &block) noexcept
{
    if (!key) {
        return fail(Code::kMalformedKey, "OpenSSL cannot read the key in the PEM block");
    }
    if (end != block.der.get() + block.size) {
        return fail(Code::kMalformedKey, "bytes follow the key in the PEM block");
    }

    return key;
}

Result<EvpKey> decode_public(const Block &block) noexcept
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

    return whole(std::move(key), at, block);
}

EvpKey read_pkcs8(const unsigned char **at, long size) noexcept
{
    const Pkcs8 info(d2i_PKCS8_PRIV_KEY_INFO(nullptr, at, size));

    return EvpKey(info ? EVP_PKCS82PKEY(info.get()) : nullptr);
}

Result<EvpKey> decode_private(const Block &block) noexcept
{
    const std::string_view name = block.name.get();
    const unsigned char *at = block.der.get();
    EvpKey key;

    if (name == PEM_STRING_PKCS8
        || std::string_view(block.header.get()).find("ENCRYPTED") != std::string_view::npos)
    {
        return fail(Code::kMalformedKey, "an encrypted private key: give it decrypted "
                                         "(openssl pkey)");
    }

    if (name == PEM_STRING_PKCS8INF) {
        key = read_pkcs8(&at, block.size);

    } else if (name == PEM_STRING_RSA) {
        key.reset(d2i_PrivateKey(EVP_PKEY_RSA, nullptr, &at, block.size));

    } else if (name == PEM_STRING_ECPRIVATEKEY) {
        key.reset(d2i_PrivateKey(EVP_PKEY_EC, nullptr, &at, block.size));

    } else if (name == PEM_STRING_PUBLIC || name == PEM_STRING_RSA_PUBLIC
               || name == PEM_STRING_X509)
    {
        return fail(Code::kMalformedKey, "a public key where a private one is wanted");

    } else {
        return fail(Code::kMalformedKey, "PEM of another kind than PRIVATE KEY, RSA PRIVATE KEY or "
                                         "EC PRIVATE KEY");
    }

    return whole(std::move(key), at, block);
}


/// The one block of the text, but for one of the kind `beside` before it.
Result<Block> only_block(std::string_view pem, std::string_view beside = {})
{
    if (pem.size() > kMaxPem) {
        return fail(Code::kMalformedKey, "PEM text above 64 KiB");
    }

    const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));

    if (!bio) {
        return fail(Code::kInternal, "no memory for PEM");
    }

    Block block = read_block(bio.get());

    if (block.name && block.name.get() == beside) {
        block = read_block(bio.get());
    }
    if (!block.name) {
        return fail(Code::kMalformedKey, is_at_end() ? "no PEM block" : "a damaged PEM block");
    }

    ERR_clear_error();
    if (read_block(bio.get()).name || !is_at_end()) {
        return fail(Code::kMalformedKey, "more than one PEM block");
    }

    return block;
}

}  // namespace

Result<KeyMaterial> material_from_pem(std::string_view pem)
{
    const ErrorQueueGuard guard;

    if (pem.find("PRIVATE KEY-----") != std::string_view::npos) {
        return fail(Code::kMalformedKey, "a private key: give its public key instead "
                                         "(openssl pkey -pubout)");
    }

    const Result<Block> block = only_block(pem);

    if (!block) {
        return std::unexpected(block.error());
    }

    Result<EvpKey> key = decode_public(*block);

    if (!key) {
        return std::unexpected(key.error());
    }

    return material_of(std::move(*key));
}

Result<EvpKey> private_key_from_pem(std::string_view pem)
{
    const ErrorQueueGuard guard;
    // `openssl ecparam -genkey` writes the curve as a block of its own before the key
    const Result<Block> block = only_block(pem, PEM_STRING_ECPARAMETERS);

    if (!block) {
        return std::unexpected(block.error());
    }

    return decode_private(*block);
}

bool looks_like_pem(std::string_view text) noexcept
{
    const std::size_t start = text.find_first_not_of(" \t\r\n");

    return start != std::string_view::npos && text.substr(start).starts_with("-----BEGIN ");
}

}  // namespace token_introspect::jose
