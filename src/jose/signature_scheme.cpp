#include "jose/signature_scheme.hpp"

#include <openssl/core_names.h>

namespace token_introspect::jose {

namespace {

// In the order of Algorithm.
constexpr auto kSchemes = std::to_array<SignatureScheme>({
    {SignatureFamily::kMac, "SHA2-256", 0},
    {SignatureFamily::kMac, "SHA2-384", 0},
    {SignatureFamily::kMac, "SHA2-512", 0},
    {SignatureFamily::kPkcs1, "SHA2-256", 0},
    {SignatureFamily::kPkcs1, "SHA2-384", 0},
    {SignatureFamily::kPkcs1, "SHA2-512", 0},
    {SignatureFamily::kPss, "SHA2-256", 0},
    {SignatureFamily::kPss, "SHA2-384", 0},
    {SignatureFamily::kPss, "SHA2-512", 0},
    {SignatureFamily::kEcdsa, "SHA2-256", 32},
    {SignatureFamily::kEcdsa, "SHA2-384", 48},
    {SignatureFamily::kEcdsa, "SHA2-512", 66},
    {SignatureFamily::kEcdsa, "SHA2-256", 32},
    {SignatureFamily::kEdwards, "", 0},
});

static_assert(kSchemes.size() == static_cast<std::size_t>(Algorithm::kCount));
static_assert(kSchemes[static_cast<std::size_t>(Algorithm::kRS256)].family
              == SignatureFamily::kPkcs1);
static_assert(kSchemes[static_cast<std::size_t>(Algorithm::kPS256)].family
              == SignatureFamily::kPss);
static_assert(kSchemes[static_cast<std::size_t>(Algorithm::kES256)].family
              == SignatureFamily::kEcdsa);
static_assert(kSchemes[static_cast<std::size_t>(Algorithm::kEdDSA)].family
              == SignatureFamily::kEdwards);

}  // namespace

const SignatureScheme &signature_scheme(Algorithm algorithm) noexcept
{
    return kSchemes[static_cast<std::size_t>(algorithm)];
}

OSSL_PARAM text_param(const char *name, std::string_view value) noexcept
{
    // OpenSSL only reads it; its type has no const because the same type is used to get values.
    return OSSL_PARAM_construct_utf8_string(name, const_cast<char *>(value.data()), value.size());
}

std::optional<SignatureParams> signature_params(const SignatureScheme &scheme) noexcept
{
    SignatureParams params;
    std::size_t count = 0;

    params[count++] = text_param(OSSL_SIGNATURE_PARAM_DIGEST, scheme.digest);

    switch (scheme.family) {
    case SignatureFamily::kEcdsa:
        break;
    case SignatureFamily::kPkcs1:
        params[count++] = text_param(OSSL_SIGNATURE_PARAM_PAD_MODE, OSSL_PKEY_RSA_PAD_MODE_PKCSV15);
        break;
    case SignatureFamily::kPss:
        params[count++] = text_param(OSSL_SIGNATURE_PARAM_PAD_MODE, OSSL_PKEY_RSA_PAD_MODE_PSS);
        params[count++] = text_param(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, scheme.digest);
        params[count++] =
            text_param(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST);
        break;
    default:
        return std::nullopt;
    }
    params[count] = OSSL_PARAM_construct_end();

    return params;
}

}  // namespace token_introspect::jose
