#include "jose/key_material.hpp"

#include "jose/edwards_point.hpp"
#include "jose/verifier.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <array>
#include <bit>

namespace token_introspect::jose {

namespace {

constexpr std::size_t kMinRsaBits = 2048;
constexpr std::size_t kMaxRsaBits = 8192;
constexpr std::size_t kMaxExponentBytes = 8;
constexpr std::size_t kMaxCoordinate = 66;

struct CurveTraits {
    std::string_view name;  // crv
    const char *openssl_name;
    std::string_view other_name;  // what OpenSSL calls the group when asked
    std::size_t size;             // of a coordinate or of an encoded point
    KeyType type;
    Algorithm algorithm;
};

constexpr auto kCurves = std::to_array<CurveTraits>({
    {"P-256", "P-256", "prime256v1", 32, KeyType::kEC, Algorithm::kES256},
    {"P-384", "P-384", "secp384r1", 48, KeyType::kEC, Algorithm::kES384},
    {"P-521", "P-521", "secp521r1", 66, KeyType::kEC, Algorithm::kES512},
    {"secp256k1", "secp256k1", "secp256k1", 32, KeyType::kEC, Algorithm::kES256K},
    {"Ed25519", "ED25519", "ED25519", 32, KeyType::kOKP, Algorithm::kEdDSA},
    {"Ed448", "ED448", "ED448", 57, KeyType::kOKP, Algorithm::kEdDSA},
});

using BigNumber = std::unique_ptr<BIGNUM, OpensslDeleter<BN_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, OpensslDeleter<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, OpensslDeleter<OSSL_PARAM_free>>;

const CurveTraits &traits(Curve curve) noexcept
{
    return kCurves[static_cast<std::size_t>(curve)];
}

std::optional<Curve> curve_of_group(std::string_view group) noexcept
{
    for (std::size_t i = 0; i < kCurves.size(); i++) {
        if (kCurves[i].name == group || kCurves[i].other_name == group) {
            return static_cast<Curve>(i);
        }
    }

    return std::nullopt;
}

std::unexpected<Error> out_of_memory() noexcept
{
    return fail(Code::kInternal, "OpenSSL could not make the key object");
}

Bytes without_leading_zeros(Bytes number) noexcept
{
    while (!number.empty() && number.front() == 0) {
        number = number.subspan(1);
    }

    return number;
}

std::string to_string(Bytes bytes)
{
    return std::string(as_text(bytes));
}

EvpKey public_key_from(const char *type, OSSL_PARAM *params) noexcept
{
    const EvpKeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY *key = nullptr;

    if (!context || EVP_PKEY_fromdata_init(context.get()) != 1
        || EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
    {
        EVP_PKEY_free(key);
        return nullptr;
    }

    return EvpKey(key);
}

/// The number or null; only for public members.
BigNumber number_member(const EVP_PKEY *key, const char *member) noexcept
{
    BIGNUM *number = nullptr;

    if (EVP_PKEY_get_bn_param(key, member, &number) != 1) {
        return nullptr;
    }

    return BigNumber(number);
}

std::vector<std::uint8_t> bytes_of(const BIGNUM *number)
{
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(BN_num_bytes(number)));

    BN_bn2bin(number, bytes.data());

    return bytes;
}

/// Both without leading zeros.
Result<void> check_rsa(Bytes modulus, Bytes exponent) noexcept
{
    if (modulus.empty() || exponent.empty()) {
        return fail(Code::kMalformedKey, "an RSA modulus or exponent is zero");
    }

    const std::size_t bits =
        (modulus.size() - 1) * 8 + static_cast<std::size_t>(std::bit_width(modulus.front()));

    if (bits < kMinRsaBits) {
        return fail(Code::kUnsupportedKey, "an RSA key below 2048 bits");
    }
    if (bits > kMaxRsaBits) {
        return fail(Code::kUnsupportedKey, "an RSA key above 8192 bits");
    }
    if (exponent.size() > kMaxExponentBytes) {
        return fail(Code::kUnsupportedKey, "an RSA exponent above 64 bits");
    }
    if ((modulus.back() & 1) == 0) {
        return fail(Code::kMalformedKey, "an even RSA modulus");
    }
    if ((exponent.back() & 1) == 0 || (exponent.size() == 1 && exponent[0] < 3)) {
        return fail(Code::kMalformedKey, "an RSA exponent that is even or one");
    }

    return {};
}

KeyMaterial rsa_material_of(EvpKey key, AlgorithmSet algorithms, Bytes modulus, Bytes exponent)
{
    return {
        KeyType::kRSA, algorithms, std::move(key), {}, {to_string(modulus), to_string(exponent)}};
}

Result<KeyMaterial> rsa_material_from(EvpKey key, bool is_pss)
{
    const BigNumber n = number_member(key.get(), OSSL_PKEY_PARAM_RSA_N);
    const BigNumber e = number_member(key.get(), OSSL_PKEY_PARAM_RSA_E);

    if (!n || !e) {
        return fail(Code::kMalformedKey, "an RSA key without modulus or exponent");
    }

    const auto modulus = bytes_of(n.get());
    const auto exponent = bytes_of(e.get());

    if (!is_pss) {
        return rsa_material(modulus, exponent);
    }

    if (Result<void> checked = check_rsa(modulus, exponent); !checked) {
        return std::unexpected(checked.error());
    }

    AlgorithmSet served;

    for (Algorithm algorithm : {Algorithm::kPS256, Algorithm::kPS384, Algorithm::kPS512}) {
        if (SignatureVerifier::prepare(key.get(), algorithm)) {
            served.add(algorithm);
        }
    }

    if (served.empty()) {
        return fail(Code::kUnsupportedKey, "an RSA-PSS key restricted to other parameters");
    }

    return rsa_material_of(std::move(key), served, modulus, exponent);
}

Result<KeyMaterial> ec_material_from(const EVP_PKEY *key)
{
    std::array<char, 64> group;
    std::size_t length = 0;
    int is_explicit = 0;

    if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size(),
                                       &length)
        != 1)
    {
        return fail(Code::kUnsupportedKey, "an EC key without a named curve");
    }

    // Absent where OpenSSL has no such notion.
    if (EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit)
            == 1
        && is_explicit != 0)
    {
        return fail(Code::kUnsupportedKey, "an EC key with explicit curve parameters");
    }

    const auto curve = curve_of_group({group.data(), length});

    if (!curve || type_of(*curve) != KeyType::kEC) {
        return fail(Code::kUnsupportedKey, "an EC key on an unsupported curve");
    }

    const BigNumber x = number_member(key, OSSL_PKEY_PARAM_EC_PUB_X);
    const BigNumber y = number_member(key, OSSL_PKEY_PARAM_EC_PUB_Y);
    const std::size_t size = traits(*curve).size;
    std::array<std::uint8_t, 2 * kMaxCoordinate> point;

    if (!x || !y || BN_bn2binpad(x.get(), point.data(), static_cast<int>(size)) < 0
        || BN_bn2binpad(y.get(), point.data() + size, static_cast<int>(size)) < 0)
    {
        return fail(Code::kMalformedKey, "an EC key without a public point");
    }

    return ec_material(*curve, {point.data(), size}, {point.data() + size, size});
}

Result<KeyMaterial> okp_material_from(const EVP_PKEY *key, Curve curve)
{
    std::array<std::uint8_t, kMaxCoordinate> point;
    std::size_t size = point.size();

    if (EVP_PKEY_get_raw_public_key(key, point.data(), &size) != 1) {
        return fail(Code::kMalformedKey, "an OKP key without a public point");
    }

    return okp_material(curve, {point.data(), size});
}

}  // namespace

Secret::~Secret()
{
    OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

std::optional<Curve> curve_from_name(std::string_view name) noexcept
{
    for (std::size_t i = 0; i < kCurves.size(); i++) {
        if (kCurves[i].name == name) {
            return static_cast<Curve>(i);
        }
    }

    return std::nullopt;
}

KeyType type_of(Curve curve) noexcept
{
    return traits(curve).type;
}

Result<KeyMaterial> rsa_material(Bytes modulus, Bytes exponent)
{
    const ErrorQueueGuard guard;

    modulus = without_leading_zeros(modulus);
    exponent = without_leading_zeros(exponent);

    if (Result<void> checked = check_rsa(modulus, exponent); !checked) {
        return std::unexpected(checked.error());
    }

    const BigNumber n(BN_bin2bn(modulus.data(), static_cast<int>(modulus.size()), nullptr));
    const BigNumber e(BN_bin2bn(exponent.data(), static_cast<int>(exponent.size()), nullptr));
    const ParamBuilder builder(OSSL_PARAM_BLD_new());

    if (!n || !e || !builder
        || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1
        || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1)
    {
        return out_of_memory();
    }

    const Params params(OSSL_PARAM_BLD_to_param(builder.get()));

    if (!params) {
        return out_of_memory();
    }

    EvpKey key = public_key_from("RSA", params.get());

    if (!key) {
        return fail(Code::kMalformedKey, "OpenSSL refuses the RSA key");
    }

    return rsa_material_of(std::move(key), kRsaAlgorithms, modulus, exponent);
}

Result<KeyMaterial> ec_material(Curve curve, Bytes x, Bytes y)
{
    const ErrorQueueGuard guard;
    const CurveTraits &of = traits(curve);

    if (of.type != KeyType::kEC) {
        return fail(Code::kUnsupportedKey, "the curve is not one of EC keys");
    }
    if (x.size() != of.size || y.size() != of.size) {
        return fail(Code::kMalformedKey, "an EC coordinate is not of the curve's length");
    }

    std::array<std::uint8_t, 1 + 2 * kMaxCoordinate> point;

    point[0] = 0x04;  // uncompressed (SEC 1 section 2.3.3)
    std::copy(x.begin(), x.end(), point.begin() + 1);
    std::copy(y.begin(), y.end(), point.data() + 1 + x.size());

    const ParamBuilder builder(OSSL_PARAM_BLD_new());

    if (!builder
        || OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME,
                                           of.openssl_name, 0)
               != 1
        || OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                            1 + 2 * of.size)
               != 1)
    {
        return out_of_memory();
    }

    const Params params(OSSL_PARAM_BLD_to_param(builder.get()));

    if (!params) {
        return out_of_memory();
    }

    EvpKey key = public_key_from("EC", params.get());
    const EvpKeyContext check(key ? EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr)
                                  : nullptr);

    if (!check || EVP_PKEY_public_check_quick(check.get()) != 1) {
        return fail(Code::kMalformedKey, "the point of an EC key is not on its curve");
    }

    return KeyMaterial{KeyType::kEC,
                       {of.algorithm},
                       std::move(key),
                       {},
                       {std::string(of.name), to_string(x), to_string(y)}};
}

Result<KeyMaterial> okp_material(Curve curve, Bytes point)
{
    const ErrorQueueGuard guard;
    const CurveTraits &of = traits(curve);

    if (of.type != KeyType::kOKP) {
        return fail(Code::kUnsupportedKey, "the curve is not one of OKP keys");
    }
    if (point.size() != of.size) {
        return fail(Code::kMalformedKey, "an OKP point is not of the curve's length");
    }
    if (!is_acceptable_edwards_point(point)) {
        return fail(Code::kMalformedKey, "an OKP point that is not canonical or of small order");
    }

    EvpKey key(EVP_PKEY_new_raw_public_key_ex(nullptr, of.openssl_name, nullptr, point.data(),
                                              point.size()));

    if (!key) {
        return fail(Code::kMalformedKey, "OpenSSL refuses the OKP key");
    }

    return KeyMaterial{KeyType::kOKP,
                       {of.algorithm},
                       std::move(key),
                       {},
                       {std::string(of.name), to_string(point)}};
}

Result<KeyMaterial> oct_material(std::vector<std::uint8_t> secret)
{
    if (secret.empty()) {
        return fail(Code::kMalformedKey, "an empty secret");
    }

    return KeyMaterial{KeyType::kOct, kHmacAlgorithms, nullptr, Secret(std::move(secret)), {}};
}

Result<KeyMaterial> material_of(EvpKey key)
{
    const ErrorQueueGuard guard;

    if (EVP_PKEY_is_a(key.get(), "RSA") == 1) {
        return rsa_material_from(std::move(key), false);
    }
    if (EVP_PKEY_is_a(key.get(), "RSA-PSS") == 1) {
        return rsa_material_from(std::move(key), true);
    }
    if (EVP_PKEY_is_a(key.get(), "EC") == 1) {
        return ec_material_from(key.get());
    }
    if (EVP_PKEY_is_a(key.get(), "ED25519") == 1) {
        return okp_material_from(key.get(), Curve::kEd25519);
    }
    if (EVP_PKEY_is_a(key.get(), "ED448") == 1) {
        return okp_material_from(key.get(), Curve::kEd448);
    }

    return fail(Code::kUnsupportedKey, "a public key of an unsupported type");
}

}  // namespace token_introspect::jose
