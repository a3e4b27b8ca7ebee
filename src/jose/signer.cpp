#include "jose/signer.hpp"

#include "jose/jwk.hpp"
#include "jose/pem.hpp"
#include "jose/signature_scheme.hpp"
#include "jose/verifier.hpp"

#include <openssl/bn.h>
#include <openssl/ec.h>

#include <array>

namespace token_introspect::jose {

namespace {

using EcdsaSignature = std::unique_ptr<ECDSA_SIG, OpensslDeleter<ECDSA_SIG_free>>;
using Octets = std::vector<std::uint8_t>;

// What a private key is made of, before options are applied.
struct Parts {
    KeyMaterial public_half;  // or the secret
    EvpKey private_key;       // null for oct
    std::string kid;
    std::optional<Algorithm> algorithm;
};

std::unexpected<Error> cannot_sign() noexcept
{
    return fail(Code::kInternal, "OpenSSL could not sign");
}

Result<Parts> parts_from_pem(std::string_view pem)
{
    Result<EvpKey> key = private_key_from_pem(pem);
    if (!key) {
        return std::unexpected(key.error());
    }
    EVP_PKEY_up_ref(key->get());
    Result<KeyMaterial> public_half = material_of(EvpKey(key->get()));
    if (!public_half) {
        return std::unexpected(public_half.error());
    }
    return Parts{std::move(*public_half), std::move(*key), {}, std::nullopt};
}

Result<Parts> parts_from_jwk(std::string_view text)
{
    const Result<SecretJwk> jwk = parse_secret_jwk(text);
    if (!jwk) {
        return std::unexpected(jwk.error());
    }
    Result<Jwk> read = read_jwk(jwk->get(), kSigning);
    if (!read) {
        return std::unexpected(read.error());
    }
    EvpKey private_key;
    if (read->material.type != KeyType::kOct) {
        Result<EvpKey> key = private_key_of(jwk->get(), read->material);
        if (!key) {
            return std::unexpected(key.error());
        }
        private_key = std::move(*key);
    }
    return Parts{std::move(read->material), std::move(private_key), std::move(read->kid),
                 read->algorithm};
}

Result<Parts> parts_from_secret(std::string_view text, KeyFormat format)
{
    if (looks_like_pem(text)) {
        return fail(Code::kMalformedKey, "a PEM block where a secret should be");
    }
    const Result<Secret> secret = secret_bytes(text, format);
    if (!secret) {
        return std::unexpected(secret.error());
    }
    Result<KeyMaterial> material = oct_material({secret->bytes().begin(), secret->bytes().end()});
    if (!material) {
        return std::unexpected(material.error());
    }
    return Parts{std::move(*material), nullptr, {}, std::nullopt};
}

Result<Parts> read_parts(std::string_view text, KeyFormat format)
{
    switch (format) {
    case KeyFormat::kPem:
        return parts_from_pem(text);
    case KeyFormat::kJwk:
        return parts_from_jwk(text);
    case KeyFormat::kPlain:
    case KeyFormat::kBase64url:
        return parts_from_secret(text, format);
    default:
        return fail(Code::kMalformedKey, "a key set where one key is wanted");
    }
}

// As configured, or the first that the key can serve: RS256, HS256, or the curve's.
Result<Algorithm> choose(const Parts &parts, const KeyOptions &options)
{
    if (parts.algorithm && options.algorithm && *parts.algorithm != *options.algorithm) {
        return fail(Code::kUnsupportedKey, "the key cannot serve the given algorithm");
    }
    for (const auto &wanted : {options.algorithm, parts.algorithm}) {
        if (wanted && !parts.public_half.algorithms.has(*wanted)) {
            return fail(Code::kUnsupportedKey, "the key cannot serve the given algorithm");
        }
        if (wanted) {
            return *wanted;
        }
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(Algorithm::kCount); i++) {
        if (parts.public_half.algorithms.has(static_cast<Algorithm>(i))) {
            return static_cast<Algorithm>(i);
        }
    }
    return fail(Code::kUnsupportedKey, "a key that serves no algorithm");
}

bool set_base64url(json_t *object, const char *name, std::string_view bytes)
{
    return json_set_text(object, name, base64url_encode(as_bytes(bytes)));
}

// The members that RFC 7638 section 3.2 and RFC 8037 section 2 require; null when out of memory.
Json required_members(KeyType type, const std::vector<std::string> &parts)
{
    Json jwk(json_object());
    bool complete = jwk && json_set_text(jwk.get(), "kty", name(type));
    if (type == KeyType::kRSA) {
        complete = complete && set_base64url(jwk.get(), "n", parts[0])
                   && set_base64url(jwk.get(), "e", parts[1]);
    } else {
        complete = complete && json_set_text(jwk.get(), "crv", parts[0])
                   && set_base64url(jwk.get(), "x", parts[1])
                   && (type != KeyType::kEC || set_base64url(jwk.get(), "y", parts[2]));
    }
    return complete ? std::move(jwk) : nullptr;
}

Result<std::string> thumbprint(KeyType type, const std::vector<std::string> &parts)
{
    const Json members = required_members(type, parts);
    const Result<std::string> text = json_sorted(members.get());
    if (!text) {
        return text;
    }
    const auto digest = Sha256Hasher()(as_bytes(*text));
    if (!digest) {
        return fail(Code::kInternal, "SHA-256 failed");
    }
    return base64url_encode(*digest);
}

/// Ecdsa-Sig-Value (RFC 3279 section 2.2.3) as r || s of equal halves (RFC 7518 section 3.4).
Result<Octets> raw_ecdsa(const Octets &der, std::size_t half)
{
    const unsigned char *at = der.data();
    const EcdsaSignature signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
    Octets raw(2 * half);
    if (!signature
        || BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), raw.data(), static_cast<int>(half)) < 0
        || BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), raw.data() + half,
                        static_cast<int>(half))
               < 0)
    {
        return cannot_sign();
    }
    return raw;
}

Result<Octets> sign_edwards(EVP_PKEY *key, Bytes input)
{
    const EvpDigestContext context(EVP_MD_CTX_new());
    Octets signature(static_cast<std::size_t>(EVP_PKEY_get_size(key)));
    std::size_t size = signature.size();
    if (!context
        || EVP_DigestSignInit_ex(context.get(), nullptr, nullptr, nullptr, nullptr, key, nullptr)
               != 1
        || EVP_DigestSign(context.get(), signature.data(), &size, input.data(), input.size()) != 1)
    {
        return cannot_sign();
    }
    signature.resize(size);
    return signature;
}

Result<Octets> sign_digest(EVP_PKEY *key, const SignatureScheme &scheme, Bytes input)
{
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest;
    std::size_t digest_size = 0;
    const auto params = signature_params(scheme);
    const EvpKeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    Octets signature(static_cast<std::size_t>(EVP_PKEY_get_size(key)));
    std::size_t size = signature.size();
    if (!params || !context
        || EVP_Q_digest(nullptr, scheme.digest.data(), nullptr, input.data(), input.size(),
                        digest.data(), &digest_size)
               != 1
        || EVP_PKEY_sign_init_ex(context.get(), params->data()) != 1
        || EVP_PKEY_sign(context.get(), signature.data(), &size, digest.data(), digest_size) != 1)
    {
        return cannot_sign();
    }
    signature.resize(size);
    return scheme.family == SignatureFamily::kEcdsa ? raw_ecdsa(signature, scheme.coordinate_size)
                                                    : Result<Octets>(std::move(signature));
}

}  // namespace

struct Signer::Material {
    KeyType type;
    Algorithm algorithm;
    std::string kid;
    EvpKey private_key;
    Secret secret;
    std::vector<std::string> public_parts;
    std::optional<MacVerifier> mac{};  // behind the secret, to which it points

    [[nodiscard]] Result<Octets> sign(Bytes input)
    {
        const SignatureScheme &scheme = signature_scheme(algorithm);
        if (scheme.family == SignatureFamily::kEdwards) {
            return sign_edwards(private_key.get(), input);
        }
        if (scheme.family != SignatureFamily::kMac) {
            return sign_digest(private_key.get(), scheme, input);
        }
        std::array<std::uint8_t, EVP_MAX_MD_SIZE> code;
        const std::size_t size = mac ? mac->compute(input, code) : 0;
        if (size == 0) {
            return cannot_sign();
        }
        return Octets(code.begin(), code.begin() + static_cast<std::ptrdiff_t>(size));
    }
};

Signer::Signer(std::unique_ptr<Material> material) noexcept : material_(std::move(material)) {}
Signer::Signer(Signer &&) noexcept = default;
Signer &Signer::operator=(Signer &&) noexcept = default;
Signer::~Signer() = default;

Result<Signer> Signer::make(std::string_view material, KeyFormat format, const KeyOptions &options)
{
    const ErrorQueueGuard guard;
    Result<Parts> parts = read_parts(
        material, format == KeyFormat::kGuess ? guess_format(material, options) : format);
    if (!parts) {
        return std::unexpected(parts.error());
    }
    if (options.type && *options.type != parts->public_half.type) {
        return fail(Code::kUnsupportedKey, "the key is not of the given type");
    }
    const Result<Algorithm> algorithm = choose(*parts, options);
    if (!algorithm) {
        return std::unexpected(algorithm.error());
    }
    const std::string &kid = options.kid.empty() ? parts->kid : options.kid;
    if (!is_utf8(kid) || kid.find('\0') != std::string::npos) {
        return fail(Code::kMalformedKey, "a kid that is not UTF-8");
    }

    Signer signer(std::unique_ptr<Material>(new Material{
        .type = parts->public_half.type,
        .algorithm = *algorithm,
        .kid = kid,
        .private_key = std::move(parts->private_key),
        .secret = std::move(parts->public_half.secret),
        .public_parts = std::move(parts->public_half.canonical_parts),
    }));
    Material &made = *signer.material_;
    if (made.type == KeyType::kOct) {
        made.mac = MacVerifier::prepare(made.secret.bytes(), made.algorithm);
    } else if (kid.empty()) {
        Result<std::string> print = thumbprint(made.type, made.public_parts);
        if (!print) {
            return std::unexpected(print.error());
        }
        made.kid = std::move(*print);
    }

    // This sees to the bounds of Key; and the halves of a JWK need not belong together.
    const Result<Key> key = signer.verification_key();
    if (!key) {
        return std::unexpected(key.error());
    }
    const Bytes probe = as_bytes("signed once to see that it verifies");
    const Result<Octets> signature = made.sign(probe);
    if (!signature || !key->verify(made.algorithm, probe, *signature)) {
        return fail(Code::kMalformedKey, "what the private key signs does not verify with its "
                                         "public half");
    }
    return signer;
}

std::expected<Signer, std::string> Signer::load(const KeySource &source)
{
    const auto read = read_source(
        source, source.format == KeyFormat::kSigning ? source.signing_format : source.format);
    if (!read) {
        return std::unexpected(read.error());
    }
    Result<Signer> signer = make(read->text, read->format, source.options);
    if (!signer) {
        return std::unexpected(describe(source, "signing_key", signer.error().text));
    }
    return std::move(*signer);
}

Algorithm Signer::algorithm() const noexcept
{
    return material_->algorithm;
}

const std::string &Signer::kid() const noexcept
{
    return material_->kid;
}

Result<std::string> Signer::sign(std::string_view type, std::string_view payload) const
{
    const ErrorQueueGuard guard;
    const Json header(json_object());
    if (!header || !json_set_text(header.get(), "alg", name(material_->algorithm))
        || !json_set_text(header.get(), "typ", type)
        || (!material_->kid.empty() && !json_set_text(header.get(), "kid", material_->kid)))
    {
        return fail(Code::kInternal, "no memory for a JWS header");
    }
    const Result<std::string> text = json_compact(header.get());
    if (!text) {
        return text;
    }
    std::string token = base64url_encode(as_bytes(*text));
    token.append(".").append(base64url_encode(as_bytes(payload)));
    const Result<Octets> signature = material_->sign(as_bytes(token));
    if (!signature) {
        return std::unexpected(signature.error());
    }
    return token.append(".").append(base64url_encode(*signature));
}

Result<Key> Signer::verification_key() const
{
    if (material_->type == KeyType::kOct) {
        return Key::from_secret(
            material_->secret.bytes(),
            {.type = {}, .algorithm = material_->algorithm, .kid = material_->kid});
    }
    const Json jwk = public_jwk();
    if (!jwk) {
        return fail(Code::kInternal, "no memory for a JWK");
    }
    return Key::from_jwk(jwk.get(), {});
}

Json Signer::public_jwk() const
{
    if (material_->type == KeyType::kOct) {
        return nullptr;
    }
    Json jwk = required_members(material_->type, material_->public_parts);
    const bool complete = jwk && json_set_text(jwk.get(), "kid", material_->kid)
                          && json_set_text(jwk.get(), "alg", name(material_->algorithm))
                          && json_set_text(jwk.get(), "use", "sig");
    return complete ? std::move(jwk) : nullptr;
}

}  // namespace token_introspect::jose
