// OpenSSL's own time to verify the benchmark's JWT: EVP_DigestVerifyInit and EVP_DigestVerify over
// the same key, input and signature, the signature and the key decoded beforehand; EVP_MAC for
// HS256.
//
//   verify DIRECTORY ALG SECONDS     prints nanoseconds of CPU time per verification

#include "openssl.hpp"

#include <openssl/bn.h>
#include <openssl/crypto.h>

#include <ctime>

namespace {

using namespace bench;

std::string decode(std::string_view text)
{
    std::string out;
    unsigned bits = 0;
    int count = 0;
    for (char c : text) {
        const unsigned value = c >= 'a'   ? static_cast<unsigned>(c - 'a') + 26
                               : c == '_' ? 63
                               : c >= 'A' ? static_cast<unsigned>(c - 'A')
                               : c >= '0' ? static_cast<unsigned>(c - '0') + 52
                                          : 62;
        bits = bits << 6 | value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            out += static_cast<char>(bits >> count & 0xff);
        }
    }
    return out;
}

std::string der(std::string_view concatenated)
{
    ECDSA_SIG *pair = ECDSA_SIG_new();
    ECDSA_SIG_set0(pair, BN_bin2bn(bytes(concatenated), 32, nullptr),
                   BN_bin2bn(bytes(concatenated) + 32, 32, nullptr));
    unsigned char *out = nullptr;
    const int size = i2d_ECDSA_SIG(pair, &out);
    need(size > 0, "i2d_ECDSA_SIG");
    std::string text(reinterpret_cast<char *>(out), static_cast<std::size_t>(size));
    OPENSSL_free(out);
    ECDSA_SIG_free(pair);
    return text;
}

double cpu_ns()
{
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

template <class Body> void measure(double seconds, Body &&body)
{
    const double start = cpu_ns();
    double spent = 0;
    long count = 0;
    do {
        for (int i = 0; i < 16; ++i, ++count) {
            need(body(), "verification");
        }
        spent = cpu_ns() - start;
    } while (spent < seconds * 1e9);
    std::printf("%.1f\n", spent / static_cast<double>(count));
}

}  // namespace

int main(int argc, char **argv)
{
    need(argc == 4, "usage: verify DIRECTORY ALG SECONDS; it");
    const std::string path = std::string(argv[1]) + "/" + argv[2];
    const std::string_view alg = argv[2];
    const double seconds = std::atof(argv[3]);

    std::string token = read(path + ".txt");
    token.pop_back();
    const std::size_t dot = token.rfind('.');
    const std::string input = token.substr(0, dot);
    std::string signature = decode(std::string_view(token).substr(dot + 1));
    const std::string material = read(path + ".key");

    if (alg == "hs256") {
        EVP_MAC *mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
        EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
        char digest[] = "SHA256";
        const OSSL_PARAM params[] = {
            OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
            OSSL_PARAM_construct_end()};
        need(EVP_MAC_CTX_set_params(context, params) == 1, "EVP_MAC_CTX_set_params");
        measure(seconds, [&] {
            unsigned char out[EVP_MAX_MD_SIZE];
            std::size_t size = 0;
            return EVP_MAC_init(context, bytes(material), material.size(), nullptr) == 1
                   && EVP_MAC_update(context, bytes(input), input.size()) == 1
                   && EVP_MAC_final(context, out, &size, sizeof out) == 1
                   && size == signature.size() && CRYPTO_memcmp(out, signature.data(), size) == 0;
        });
        return 0;
    }

    BIO *memory = BIO_new_mem_buf(material.data(), static_cast<int>(material.size()));
    const Key key(PEM_read_bio_PUBKEY(memory, nullptr, nullptr, nullptr));
    BIO_free(memory);
    need(key != nullptr, "PEM_read_bio_PUBKEY");
    if (alg == "es256") {
        signature = der(signature);
    }
    const Context context(EVP_MD_CTX_new());
    const EVP_MD *digest = alg == "eddsa" ? nullptr : EVP_MD_fetch(nullptr, "SHA2-256", nullptr);
    measure(seconds, [&] {
        EVP_PKEY_CTX *operation = nullptr;
        EVP_MD_CTX_reset(context.get());
        need(EVP_DigestVerifyInit(context.get(), &operation, digest, nullptr, key.get()) == 1,
             "EVP_DigestVerifyInit");
        if (alg == "ps256") {
            use_pss(operation);
        }
        return EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(input),
                                input.size())
               == 1;
    });
}
