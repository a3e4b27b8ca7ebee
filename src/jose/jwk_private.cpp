#include "jose/jwk.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <array>

namespace token_introspect::jose {

namespace {

// Wiped when they go, and so are the parameters that are built from secure numbers.
using SecretNumber = std::unique_ptr<BIGNUM, OpensslDeleter<BN_clear_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, OpensslDeleter<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, OpensslDeleter<OSSL_PARAM_free>>;

struct PrivateMember {
    const char *member;
    const char *parameter;
};

constexpr std::array<PrivateMember, 1> kEcMembers{{{"d", OSSL_PKEY_PARAM_PRIV_KEY}}};
constexpr std::array<PrivateMember, 1> kRsaMembers{{{"d", OSSL_PKEY_PARAM_RSA_D}}};
constexpr std::array<PrivateMember, 6> kRsaMembersWithPrimes{{
    {"d", OSSL_PKEY_PARAM_RSA_D},
    {"p", OSSL_PKEY_PARAM_RSA_FACTOR1},
    {"q", OSSL_PKEY_PARAM_RSA_FACTOR2},
    {"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1},
    {"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2},
    {"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1},
}};

Result<Secret> secret_member(const json_t *jwk, const char *name)
{
    auto bytes = jwk_octets(jwk, name, kMaxJwkNumberBytes);
    if (!bytes) {
        return std::unexpected(bytes.error());
    }
    return Secret(std::move(*bytes));
}

// The public half and these numbers together.
Result<EvpKey> key_with(const json_t *jwk, EVP_PKEY *public_key,
                        std::span<const PrivateMember> members)
{
    const ParamBuilder builder(OSSL_PARAM_BLD_new());
    std::vector<SecretNumber> numbers;  // the builder reads them when it ends

    for (const PrivateMember &member : members) {
        const Result<Secret> bytes = secret_member(jwk, member.member);
        if (!bytes) {
            return std::unexpected(bytes.error());
        }
        SecretNumber number(BN_secure_new());
        const Bytes read = bytes->bytes();
        if (!builder || !number
            || BN_bin2bn(read.data(), static_cast<int>(read.size()), number.get()) == nullptr
            || OSSL_PARAM_BLD_push_BN(builder.get(), member.parameter, number.get()) != 1)
        {
            return fail(Code::kInternal, "no memory for a private key");
        }
        numbers.push_back(std::move(number));
    }

    OSSL_PARAM *exported = nullptr;
    if (EVP_PKEY_todata(public_key, EVP_PKEY_PUBLIC_KEY, &exported) != 1) {
        return fail(Code::kInternal, "OpenSSL cannot export a public key");
    }
    const Params public_half(exported);
    const Params private_half(OSSL_PARAM_BLD_to_param(builder.get()));
    // The merged list points into the other two.
    const Params both(private_half ? OSSL_PARAM_merge(public_half.get(), private_half.get())
                                   : nullptr);
    const EvpKeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, public_key, nullptr));
    EVP_PKEY *key = nullptr;

    if (!both || !context || EVP_PKEY_fromdata_init(context.get()) != 1
        || EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, both.get()) != 1)
    {
        EVP_PKEY_free(key);
        return fail(Code::kMalformedKey, "OpenSSL refuses the private members of a JWK");
    }
    return EvpKey(key);
}

Result<EvpKey> rsa_key(const json_t *jwk, EVP_PKEY *public_key)
{
    if (json_object_get(jwk, "oth") != nullptr) {
        return fail(Code::kUnsupportedKey, "an RSA JWK of more than two primes");
    }
    const auto primes = std::span(kRsaMembersWithPrimes).subspan(1);
    const bool only_exponent = std::ranges::none_of(primes, [jwk](const PrivateMember &member) {
        return json_object_get(jwk, member.member) != nullptr;
    });
    return only_exponent ? key_with(jwk, public_key, kRsaMembers)
                         : key_with(jwk, public_key, kRsaMembersWithPrimes);
}

Result<EvpKey> ec_key(const json_t *jwk, EVP_PKEY *public_key)
{
    const Result<Secret> d = secret_member(jwk, "d");
    if (!d) {
        return std::unexpected(d.error());
    }
    if (d->bytes().size() != static_cast<std::size_t>(EVP_PKEY_get_bits(public_key) + 7) / 8) {
        return fail(Code::kMalformedKey, "the d of an EC JWK is not of the curve's length");
    }
    return key_with(jwk, public_key, kEcMembers);
}

Result<EvpKey> okp_key(const json_t *jwk, EVP_PKEY *public_key)
{
    const Result<Secret> d = secret_member(jwk, "d");
    if (!d) {
        return std::unexpected(d.error());
    }
    EvpKey key(EVP_PKEY_new_raw_private_key_ex(nullptr, EVP_PKEY_get0_type_name(public_key),
                                               nullptr, d->bytes().data(), d->bytes().size()));
    if (!key) {
        return fail(Code::kMalformedKey, "the d of an OKP JWK is not of the curve's length");
    }
    return key;
}

}  // namespace

void WipedJsonDeleter::operator()(json_t *object) const noexcept
{
    const char *name = nullptr;
    json_t *member = nullptr;
    json_object_foreach(object, name, member)
    {
        // Jansson's own buffer, which nobody else reads any more
        OPENSSL_cleanse(const_cast<char *>(json_string_value(member)), json_string_length(member));
    }
    json_decref(object);
}

Result<SecretJwk> parse_secret_jwk(std::string_view text)
{
    Result<Json> jwk = parse_json_object(text);
    if (!jwk) {
        return fail(Code::kMalformedKey, "the JWK is not a JSON object");
    }
    return SecretJwk(jwk->release());
}

Result<EvpKey> private_key_of(const json_t *jwk, const KeyMaterial &material)
{
    const ErrorQueueGuard guard;

    if (json_object_get(jwk, "d") == nullptr) {
        return fail(Code::kMalformedKey, "a public JWK where a private one is wanted");
    }
    switch (material.type) {
    case KeyType::kRSA:
        return rsa_key(jwk, material.key.get());
    case KeyType::kEC:
        return ec_key(jwk, material.key.get());
    case KeyType::kOKP:
        return okp_key(jwk, material.key.get());
    default:
        return fail(Code::kUnsupportedKey, "a JWK with an unsupported kty");
    }
}

}  // namespace token_introspect::jose
