#include "jose/key.hpp"

#include "jose/jwk.hpp"
#include "jose/key_material.hpp"
#include "jose/pem.hpp"
#include "jose/verifier.hpp"

#include <algorithm>
#include <array>

namespace token_introspect::jose {

namespace {

constexpr std::size_t kAlgorithms = static_cast<std::size_t>(Algorithm::kCount);

/// RFC 7518 section 3.2: a secret at least as long as the hash. Of the shortest one that the
/// algorithms allow; 0 for sets without HMAC.
std::size_t least_secret(AlgorithmSet algorithms) noexcept
{
    if (algorithms.has(Algorithm::kHS256)) {
        return 32;
    }
    if (algorithms.has(Algorithm::kHS384)) {
        return 48;
    }
    return algorithms.has(Algorithm::kHS512) ? 64 : 0;
}

Result<KeyId> identify(const KeyMaterial &material, AlgorithmSet algorithms)
{
    std::string names;

    for (std::size_t i = 0; i < kAlgorithms; i++) {
        const auto algorithm = static_cast<Algorithm>(i);

        if (algorithms.has(algorithm)) {
            names.append(name(algorithm)).append(" ");
        }
    }

    std::vector<std::string_view> parts{name(material.type), names};

    if (material.type == KeyType::kOct) {
        parts.push_back(as_text(material.secret.bytes()));
    }
    parts.insert(parts.end(), material.canonical_parts.begin(), material.canonical_parts.end());

    const auto digest = Sha256Hasher().of_parts(parts);

    if (!digest) {
        return fail(Code::kInternal, "SHA-256 failed");
    }

    KeyId id;

    std::copy_n(digest->begin(), id.size(), id.begin());

    return id;
}

}  // namespace

struct Key::Material {
    KeyMaterial material;
    AlgorithmSet algorithms;
    std::string kid;
    KeyId id;
    // Behind what they point into, so that they go first. Made when first asked for: an RSA key
    // could serve six algorithms and sees one of them.
    std::array<Verifier, kAlgorithms> verifiers{};

    static Result<Key> make(KeyMaterial material, const KeyOptions &options, std::string_view kid,
                            std::optional<Algorithm> algorithm);

    /// The verifier for one of `algorithms`; still empty when OpenSSL could not make it.
    Verifier &verifier(Algorithm algorithm) noexcept
    {
        Verifier &slot = verifiers[static_cast<std::size_t>(algorithm)];

        if (!std::holds_alternative<std::monostate>(slot)) {
            return slot;
        }

        auto keep = [&](auto made) {
            if (made) {
                slot = std::move(*made);
            }
        };

        switch (material.type) {
        case KeyType::kOct:
            keep(MacVerifier::prepare(material.secret.bytes(), algorithm));
            break;
        case KeyType::kOKP:
            keep(EdwardsVerifier::prepare(material.key.get()));
            break;
        default:
            keep(SignatureVerifier::prepare(material.key.get(), algorithm));
            break;
        }

        return slot;
    }
};

Result<Key> Key::Material::make(KeyMaterial material, const KeyOptions &options,
                                std::string_view kid, std::optional<Algorithm> algorithm)
{
    if (options.type && *options.type != material.type) {
        return fail(Code::kUnsupportedKey, "the key is not of the given type");
    }

    AlgorithmSet algorithms = material.algorithms;

    for (const auto &only : {algorithm, options.algorithm}) {
        if (only) {
            algorithms = algorithms & AlgorithmSet{*only};
        }
    }

    if (algorithms.empty()) {
        return fail(Code::kUnsupportedKey, "the key cannot serve the given algorithm");
    }

    if (material.type == KeyType::kOct && !options.allow_short
        && material.secret.bytes().size() < least_secret(algorithms))
    {
        return fail(Code::kUnsupportedKey,
                    "the secret is shorter than the algorithm's hash (RFC 7518 section 3.2)");
    }

    const Result<KeyId> id = identify(material, algorithms);

    if (!id) {
        return std::unexpected(id.error());
    }

    return Key(std::unique_ptr<Material>(
        new Material{std::move(material), algorithms,
                     options.kid.empty() ? std::string(kid) : options.kid, *id}));
}

std::string_view name(KeyType type) noexcept
{
    switch (type) {
    case KeyType::kRSA:
        return "RSA";
    case KeyType::kEC:
        return "EC";
    case KeyType::kOKP:
        return "OKP";
    case KeyType::kOct:
        return "oct";
    }

    return {};
}

Key::Key(std::unique_ptr<Material> material) noexcept : material_(std::move(material)) {}
Key::Key(Key &&) noexcept = default;
Key &Key::operator=(Key &&) noexcept = default;
Key::~Key() = default;

Result<Key> Key::from_secret(Bytes secret, const KeyOptions &options)
{
    if (looks_like_pem(as_text(secret))) {
        return fail(Code::kMalformedKey, "a PEM block where a secret should be");
    }

    Result<KeyMaterial> material = oct_material({secret.begin(), secret.end()});

    if (!material) {
        return std::unexpected(material.error());
    }

    return Material::make(std::move(*material), options, {}, std::nullopt);
}

Result<Key> Key::from_pem(std::string_view pem, const KeyOptions &options)
{
    Result<KeyMaterial> material = material_from_pem(pem);

    if (!material) {
        return std::unexpected(material.error());
    }

    return Material::make(std::move(*material), options, {}, std::nullopt);
}

Result<Key> Key::from_jwk(const json_t *jwk, const KeyOptions &options)
{
    Result<Jwk> read = read_jwk(jwk);

    if (!read) {
        return std::unexpected(read.error());
    }

    return Material::make(std::move(read->material), options, read->kid, read->algorithm);
}

const std::string &Key::kid() const noexcept
{
    return material_->kid;
}

KeyType Key::type() const noexcept
{
    return material_->material.type;
}

AlgorithmSet Key::algorithms() const noexcept
{
    return material_->algorithms;
}

const KeyId &Key::id() const noexcept
{
    return material_->id;
}

std::size_t Key::secret_size() const noexcept
{
    return material_->material.secret.bytes().size();
}

bool Key::verify(Algorithm algorithm, Bytes input, Bytes signature) const noexcept
{
    if (!material_->algorithms.has(algorithm)) {
        return false;
    }

    const ErrorQueueGuard guard;
    Verifier &verifier = material_->verifier(algorithm);

    if (auto *mac = std::get_if<MacVerifier>(&verifier)) {
        return (*mac)(input, signature);
    }
    if (auto *public_key = std::get_if<SignatureVerifier>(&verifier)) {
        return (*public_key)(input, signature);
    }
    if (auto *edwards = std::get_if<EdwardsVerifier>(&verifier)) {
        return (*edwards)(input, signature);
    }

    return false;
}

}  // namespace token_introspect::jose
