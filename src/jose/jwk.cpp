#include "jose/jwk.hpp"

namespace token_introspect::jose {

namespace {

constexpr std::size_t kMaxSecretBytes = 8192;

Result<KeyMaterial> read_rsa(const json_t *jwk)
{
    const auto modulus = jwk_octets(jwk, "n", kMaxJwkNumberBytes);
    const auto exponent = jwk_octets(jwk, "e", kMaxJwkNumberBytes);

    if (!modulus || !exponent) {
        return std::unexpected(!modulus ? modulus.error() : exponent.error());
    }

    return rsa_material(*modulus, *exponent);
}

/// Of any type: whether it fits kty is for the material to say.
Result<Curve> read_curve(const json_t *jwk) noexcept
{
    const auto name = jwk_string(jwk, "crv");

    if (!name) {
        return std::unexpected(name.error());
    }
    if (!*name) {
        return fail(Code::kMalformedKey, "a JWK without crv");
    }

    const auto curve = curve_from_name(**name);

    if (!curve) {
        return fail(Code::kUnsupportedKey, "a JWK with an unsupported crv");
    }

    return *curve;
}

Result<KeyMaterial> read_ec(const json_t *jwk)
{
    const auto curve = read_curve(jwk);

    if (!curve) {
        return std::unexpected(curve.error());
    }

    const auto x = jwk_octets(jwk, "x", kMaxJwkNumberBytes);
    const auto y = jwk_octets(jwk, "y", kMaxJwkNumberBytes);

    if (!x || !y) {
        return std::unexpected(!x ? x.error() : y.error());
    }

    return ec_material(*curve, *x, *y);
}

Result<KeyMaterial> read_okp(const json_t *jwk)
{
    const auto curve = read_curve(jwk);

    if (!curve) {
        return std::unexpected(curve.error());
    }

    const auto point = jwk_octets(jwk, "x", kMaxJwkNumberBytes);

    if (!point) {
        return std::unexpected(point.error());
    }

    return okp_material(*curve, *point);
}

Result<KeyMaterial> read_oct(const json_t *jwk)
{
    auto secret = jwk_octets(jwk, "k", kMaxSecretBytes);

    if (!secret) {
        return std::unexpected(secret.error());
    }

    return oct_material(std::move(*secret));
}

Result<KeyMaterial> read_material(const json_t *jwk)
{
    const auto type = jwk_string(jwk, "kty");

    if (!type) {
        return std::unexpected(type.error());
    }
    if (!*type) {
        return fail(Code::kMalformedKey, "a JWK without kty");
    }

    if (**type == name(KeyType::kRSA)) {
        return read_rsa(jwk);
    }
    if (**type == name(KeyType::kEC)) {
        return read_ec(jwk);
    }
    if (**type == name(KeyType::kOKP)) {
        return read_okp(jwk);
    }
    if (**type == name(KeyType::kOct)) {
        return read_oct(jwk);
    }

    return fail(Code::kUnsupportedKey, "a JWK with an unsupported kty");
}

Result<std::optional<Algorithm>> read_algorithm(const json_t *jwk) noexcept
{
    const auto value = jwk_string(jwk, "alg");

    if (!value) {
        return std::unexpected(value.error());
    }
    if (!*value) {
        return std::nullopt;
    }

    const auto algorithm = algorithm_from_name(**value);

    if (!algorithm) {
        return fail(Code::kUnsupportedKey, "a JWK whose alg is no supported JWS algorithm");
    }

    return algorithm;
}

}  // namespace

Result<std::optional<std::string_view>> jwk_string(const json_t *jwk, const char *name) noexcept
{
    const json_t *value = json_object_get(jwk, name);

    if (value == nullptr) {
        return std::nullopt;
    }
    if (!json_is_string(value)) {
        return fail(Code::kMalformedKey, "a JWK member of a wrong type");
    }

    return std::string_view(json_string_value(value), json_string_length(value));
}

Result<std::vector<std::uint8_t>> jwk_octets(const json_t *jwk, const char *name, std::size_t max)
{
    const auto text = jwk_string(jwk, name);

    if (!text) {
        return std::unexpected(text.error());
    }
    if (!*text) {
        return fail(Code::kMalformedKey, "a JWK lacks a member of its key");
    }
    if (base64url_decoded_size((*text)->size()) > max) {
        return fail(Code::kUnsupportedKey, "a JWK member is too long");
    }

    std::vector<std::uint8_t> bytes(base64url_decoded_size((*text)->size()));

    if (!base64url_decode(**text, bytes)) {
        return fail(Code::kMalformedKey, "a JWK member is not base64url");
    }

    return bytes;
}

Result<void> check_jwk_use(const json_t *jwk, const JwkPurpose &purpose) noexcept
{
    const auto use = jwk_string(jwk, "use");

    if (!use) {
        return std::unexpected(use.error());
    }
    if (*use && **use != purpose.use) {
        return fail(Code::kUnsupportedKey, purpose.other_use);
    }

    const json_t *operations = json_object_get(jwk, "key_ops");
    bool serves = operations == nullptr;

    if (operations != nullptr && !json_is_array(operations)) {
        return fail(Code::kMalformedKey, "the key_ops of a JWK are no array");
    }

    for (std::size_t i = 0; i < json_array_size(operations); i++) {
        const json_t *operation = json_array_get(operations, i);

        if (!json_is_string(operation)) {
            return fail(Code::kMalformedKey, "one of the key_ops of a JWK is no string");
        }
        serves = serves || std::string_view(json_string_value(operation)) == purpose.operation;
    }

    if (!serves) {
        return fail(Code::kUnsupportedKey, purpose.lacks_operation);
    }

    return {};
}

Result<Jwk> read_jwk(const json_t *jwk, const JwkPurpose &purpose)
{
    if (!json_is_object(jwk)) {
        return fail(Code::kMalformedKey, "a JWK that is no JSON object");
    }

    if (Result<void> usable = check_jwk_use(jwk, purpose); !usable) {
        return std::unexpected(usable.error());
    }

    const auto kid = jwk_string(jwk, "kid");
    const auto algorithm = read_algorithm(jwk);

    if (!kid || !algorithm) {
        return std::unexpected(!kid ? kid.error() : algorithm.error());
    }

    Result<KeyMaterial> material = read_material(jwk);

    if (!material) {
        return std::unexpected(material.error());
    }
    if (*algorithm && !material->algorithms.has(**algorithm)) {
        return fail(Code::kUnsupportedKey, "a JWK whose alg does not fit its kty or crv");
    }

    return Jwk{std::move(*material), std::string(kid->value_or("")), *algorithm};
}

}  // namespace token_introspect::jose
