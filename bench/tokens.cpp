// Makes the benchmark's keys and tokens: JWTs of exactly 800 bytes and opaque tokens of 43.
//
//   tokens DIRECTORY COUNT OPAQUE
//
// COUNT distinct JWTs and as many opaque tokens, and OPAQUE more of these in a file of their own.

#include "openssl.hpp"

#include <openssl/bn.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <ctime>

namespace {

using namespace bench;

constexpr std::size_t kTokenSize = 800;

std::string base64url(std::string_view data)
{
    static constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string out;
    unsigned bits = 0;
    int count = 0;
    for (char c : data) {
        bits = bits << 8 | static_cast<unsigned char>(c);
        for (count += 8; count >= 6; count -= 6) {
            out += kAlphabet[bits >> (count - 6) & 63];
        }
    }
    if (count > 0) {
        out += kAlphabet[bits << (6 - count) & 63];
    }
    return out;
}

std::string random_text(std::size_t size)
{
    std::string bytes_of(size, '\0');
    need(RAND_bytes(bytes(bytes_of), static_cast<int>(size)) == 1, "RAND_bytes");
    return base64url(bytes_of);
}

struct Signer {
    std::string alg;
    std::string file;            // name of what belongs to it, without extension
    std::size_t signature_size;  // in bytes
    Key key;
    std::string secret;

    std::string operator()(std::string_view input) const
    {
        std::string signature(512, '\0');
        std::size_t size = signature.size();
        if (alg == "HS256") {
            unsigned length = 0;
            need(HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes(input),
                      input.size(), bytes(signature), &length)
                     != nullptr,
                 "HMAC");
            signature.resize(length);
            return signature;
        }
        const Context context(EVP_MD_CTX_new());
        EVP_PKEY_CTX *operation = nullptr;
        need(EVP_DigestSignInit(context.get(), &operation, alg == "EdDSA" ? nullptr : EVP_sha256(),
                                nullptr, key.get())
                 == 1,
             "EVP_DigestSignInit");
        if (alg == "PS256") {
            use_pss(operation);
        }
        need(EVP_DigestSign(context.get(), bytes(signature), &size, bytes(input), input.size())
                 == 1,
             "EVP_DigestSign");
        signature.resize(size);
        return alg == "ES256" ? concatenated(signature) : signature;
    }

private:
    static std::string concatenated(std::string_view der)
    {
        const unsigned char *at = bytes(der);
        ECDSA_SIG *pair = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
        need(pair != nullptr, "d2i_ECDSA_SIG");
        std::string out(64, '\0');
        BN_bn2binpad(ECDSA_SIG_get0_r(pair), bytes(out), 32);
        BN_bn2binpad(ECDSA_SIG_get0_s(pair), bytes(out) + 32, 32);
        ECDSA_SIG_free(pair);
        return out;
    }
};

std::string jwt(const Signer &signer)
{
    const std::string now = std::to_string(std::time(nullptr));
    const std::string until = std::to_string(std::time(nullptr) + 86400);
    const std::string subject = random_text(16);
    const std::size_t signature_size = (signer.signature_size * 4 + 2) / 3;

    for (std::size_t kid = 1; kid < 4; ++kid) {
        const std::string header =
            base64url(R"({"alg":")" + signer.alg + R"(","typ":"at+jwt","kid":")"
                      + std::string(kid, 'k') + R"("})");
        for (std::size_t pad = 0; pad < 400; ++pad) {
            const std::string payload = base64url(
                R"({"iss":"https://idp.example.com","sub":")" + subject
                + R"(","aud":["https://api.example.com","account"],"exp":)" + until + R"(,"iat":)"
                + now + R"(,"nbf":)" + now + R"(,"client_id":"web-app","scope":"openid read write")"
                + R"(,"email":"alice@example.com","realm_access":{"roles":["reader","writer"]})"
                + R"(,"pad":")" + std::string(pad, 'x') + R"("})");
            if (header.size() + payload.size() + signature_size + 2 == kTokenSize) {
                const std::string input = header + "." + payload;
                return input + "." + base64url(signer(input));
            }
        }
    }
    need(false, "finding the padding");
    return {};
}

void write(const std::string &path, std::string_view text)
{
    std::ofstream file(path, std::ios::binary);
    file << text;
    need(file.good(), path.c_str());
}

std::string pem(EVP_PKEY *key)
{
    BIO *memory = BIO_new(BIO_s_mem());
    char *data = nullptr;
    need(PEM_write_bio_PUBKEY(memory, key) == 1, "PEM_write_bio_PUBKEY");
    std::string text(static_cast<std::size_t>(BIO_get_mem_data(memory, &data)), '\0');
    text.assign(data, text.size());
    BIO_free(memory);
    return text;
}

std::string number(EVP_PKEY *key, const char *name)
{
    BIGNUM *value = nullptr;
    need(EVP_PKEY_get_bn_param(key, name, &value) == 1, name);
    std::string out(static_cast<std::size_t>(BN_num_bytes(value)), '\0');
    BN_bn2bin(value, bytes(out));
    BN_free(value);
    return base64url(out);
}

}  // namespace

int main(int argc, char **argv)
{
    need(argc == 4, "usage: tokens DIRECTORY COUNT OPAQUE; it");
    const std::string directory = std::string(argv[1]) + "/";
    const int count = std::atoi(argv[2]);
    const int opaque_count = std::atoi(argv[3]);

    Signer signers[] = {
        {"HS256", "hs256", 32, {}, random_text(32)},
        {"RS256", "rs256", 256, Key(EVP_RSA_gen(2048)), {}},
        {"PS256", "ps256", 256, Key(EVP_RSA_gen(2048)), {}},
        {"ES256", "es256", 64, Key(EVP_EC_gen("P-256")), {}},
        {"EdDSA", "eddsa", 64, Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")), {}}};

    for (const Signer &signer : signers) {
        write(directory + signer.file + ".key", signer.key ? pem(signer.key.get()) : signer.secret);
        write(directory + signer.file + ".txt", jwt(signer) + "\n");
    }

    const Signer &rsa = signers[1];
    std::string modulus = number(rsa.key.get(), OSSL_PKEY_PARAM_RSA_N);
    write(directory + "jwks.json", R"({"keys":[{"kty":"RSA","alg":"RS256","use":"sig","n":")"
                                       + modulus + R"(","e":")"
                                       + number(rsa.key.get(), OSSL_PKEY_PARAM_RSA_E) + R"("}]})");

    std::string jwts;
    std::string opaque;
    for (int i = 0; i < count; ++i) {
        jwts += jwt(rsa) + "\n";
        opaque += random_text(32) + "\n";
    }
    write(directory + "jwts.txt", jwts);
    write(directory + "opaques.txt", opaque);
    write(directory + "opaque.txt", random_text(32) + "\n");

    std::string million;
    for (int i = 0; i < opaque_count; ++i) {
        million += random_text(32) + "\n";
    }
    write(directory + "million.txt", million);
}
