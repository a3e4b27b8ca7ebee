#include "jose/content_keys.hpp"

#include "jose/jwk.hpp"
#include "jose/jws.hpp"
#include "jose/pem.hpp"

#include <cjose/cjose.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace token_introspect::jose {

namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kVectorCharacters = 16;  // 96 bits (RFC 7518 section 5.3)
constexpr std::size_t kTagCharacters = 22;     // 128 bits
constexpr std::size_t kLongestHeader = 1024;
constexpr std::string_view kAlgorithm = "dir";
constexpr std::string_view kEncryption = "A256GCM";

using CjoseKey = std::unique_ptr<cjose_jwk_t, OpensslDeleter<cjose_jwk_release>>;
using CjoseHeader = std::unique_ptr<cjose_header_t, OpensslDeleter<cjose_header_release>>;
using CjoseJwe = std::unique_ptr<cjose_jwe_t, OpensslDeleter<cjose_jwe_release>>;

struct FreeDeleter {
    void operator()(char *text) const noexcept { std::free(text); }
};

struct WipedDeleter {
    std::size_t size = 0;
    void operator()(void *memory) const noexcept
    {
        OPENSSL_cleanse(memory, size);
        std::free(memory);
    }
};
using WipedBytes = std::unique_ptr<std::uint8_t, WipedDeleter>;

struct Material {
    Secret secret;
    std::string kid;
};

/// The parts of a compact serialization with `dir`: the encrypted key is empty.
struct Parts {
    std::string_view header;
    std::string_view vector;
    std::string_view ciphertext;
    std::string_view tag;
};

std::optional<Parts> split(std::string_view jwe) noexcept
{
    std::array<std::string_view, 5> parts;
    for (std::size_t i = 0; i < parts.size(); i++) {
        const std::size_t dot = jwe.find('.');
        if ((dot == std::string_view::npos) != (i + 1 == parts.size())) {
            return std::nullopt;
        }
        parts[i] = jwe.substr(0, dot);
        jwe.remove_prefix(dot == std::string_view::npos ? jwe.size() : dot + 1);
    }
    const auto &[header, key, vector, ciphertext, tag] = parts;
    if (header.empty() || !key.empty() || vector.size() != kVectorCharacters || ciphertext.empty()
        || tag.size() != kTagCharacters)
    {
        return std::nullopt;
    }
    return Parts{header, vector, ciphertext, tag};
}

// cjose takes other alphabets, padding and stray bits, and so more texts than one for one token.
bool is_strict_base64url(std::string_view text)
{
    std::vector<std::uint8_t> bytes(base64url_decoded_size(text.size()));
    return base64url_decode(text, bytes).has_value();
}

Result<Json> read_header(std::string_view encoded)
{
    const auto text = encoded.size() <= kLongestHeader ? base64url_decode(encoded) : std::nullopt;
    if (!text) {
        return fail(Code::kMalformed, "the header of a JWE is not base64url, or too long");
    }
    Result<Json> header = parse_json_object(*text);
    if (!header) {
        return header;
    }
    if (json_string_member(header->get(), "alg") != kAlgorithm
        || json_string_member(header->get(), "enc") != kEncryption)
    {
        return fail(Code::kMalformed, "a JWE of another algorithm than dir and A256GCM");
    }
    for (const char *member : {"crit", "zip"}) {
        if (json_object_get(header->get(), member) != nullptr) {
            return fail(Code::kMalformed, "a JWE with a header member that is not supported");
        }
    }
    return header;
}

Result<Material> material_from_jwk(std::string_view text)
{
    const Result<SecretJwk> jwk = parse_secret_jwk(text);
    if (!jwk) {
        return std::unexpected(jwk.error());
    }
    if (Result<void> usable = check_jwk_use(jwk->get(), kOpening); !usable) {
        return std::unexpected(usable.error());
    }
    const auto type = jwk_string(jwk->get(), "kty");
    const auto algorithm = jwk_string(jwk->get(), "alg");
    const auto kid = jwk_string(jwk->get(), "kid");
    for (const auto *member : {&type, &algorithm, &kid}) {
        if (!*member) {
            return std::unexpected(member->error());
        }
    }
    if (type->value_or("") != name(KeyType::kOct)) {
        return fail(Code::kUnsupportedKey, "a JWK whose kty is not oct");
    }
    if (*algorithm && **algorithm != kAlgorithm && **algorithm != kEncryption) {
        return fail(Code::kUnsupportedKey, "a JWK whose alg is neither dir nor A256GCM");
    }
    auto secret = jwk_octets(jwk->get(), "k", kMaxJwkNumberBytes);
    if (!secret) {
        return std::unexpected(secret.error());
    }
    return Material{Secret(std::move(*secret)), std::string(kid->value_or(""))};
}

Result<Material> read_material(const KeyText &read)
{
    if (read.format == KeyFormat::kJwk) {
        return material_from_jwk(read.text);
    }
    if ((read.format != KeyFormat::kPlain && read.format != KeyFormat::kBase64url)
        || looks_like_pem(read.text))
    {
        return fail(Code::kMalformedKey, "PEM or a key set where a secret is wanted");
    }
    Result<Secret> secret = secret_bytes(read.text, read.format);
    if (!secret) {
        return std::unexpected(secret.error());
    }
    return Material{std::move(*secret), {}};
}

std::optional<Sha256> labelled_digest(std::string_view label, Bytes secret)
{
    const std::array<std::string_view, 2> parts{label, as_text(secret)};
    return Sha256Hasher().of_parts(parts);
}

}  // namespace

struct ContentKeys::Entry {
    std::string kid;
    KeyId id;
    CjoseKey key;

    static Result<Entry> make(const Material &material, const std::string &kid);

    Entry(std::string name, const KeyId &identity, CjoseKey made) noexcept
        : kid(std::move(name)),
          id(identity),
          key(std::move(made))
    {}
    Entry(Entry &&) noexcept = default;
    Entry &operator=(Entry &&) noexcept = default;
    Entry(const Entry &) = delete;
    Entry &operator=(const Entry &) = delete;
    ~Entry()
    {
        if (key) {  // cjose gives the memory back as it is
            OPENSSL_cleanse(cjose_jwk_get_keydata(key.get(), nullptr), kKeyBytes);
        }
    }
};

Result<ContentKeys::Entry> ContentKeys::Entry::make(const Material &material,
                                                    const std::string &kid)
{
    const Bytes secret = material.secret.bytes();
    if (secret.size() != kKeyBytes) {
        return fail(Code::kUnsupportedKey, "a key for A256GCM has exactly 32 bytes");
    }
    std::string known = kid.empty() ? material.kid : kid;
    if (!is_utf8(known) || known.find('\0') != std::string::npos || known.size() > kKeyBytes * 8) {
        return fail(Code::kMalformedKey, "a kid that is not UTF-8 or longer than 256 bytes");
    }
    const auto name = labelled_digest("encryption_key kid", secret);
    const auto digest = labelled_digest("encryption_key id", secret);
    CjoseKey key(cjose_jwk_create_oct_spec(secret.data(), secret.size(), nullptr));
    if (!name || !digest || !key) {
        return fail(Code::kInternal, "no memory for a key");
    }
    if (known.empty()) {
        known = base64url_encode(Bytes(*name).first(8));
    }
    KeyId id;
    std::copy_n(digest->begin(), id.size(), id.begin());
    return Entry(std::move(known), id, std::move(key));
}

ContentKeys::ContentKeys() = default;
ContentKeys::ContentKeys(ContentKeys &&) noexcept = default;
ContentKeys &ContentKeys::operator=(ContentKeys &&) noexcept = default;
ContentKeys::~ContentKeys() = default;

std::expected<void, std::string> ContentKeys::add(const KeySource &source)
{
    const ErrorQueueGuard guard;
    const auto refuse = [&source](std::string_view reason) {
        return std::unexpected(describe(source, "encryption_key", reason));
    };
    const auto read = read_source(source, source.format);
    if (!read) {
        return std::unexpected(read.error());
    }
    const Result<Material> material = read_material(*read);
    if (!material) {
        return refuse(material.error().text);
    }
    Result<Entry> entry = Entry::make(*material, source.options.kid);
    if (!entry) {
        return refuse(entry.error().text);
    }
    for (const Entry &other : entries_) {
        if (other.kid == entry->kid) {
            return refuse("another one has the same kid \"" + other.kid + "\"");
        }
    }
    entries_.push_back(std::move(*entry));
    return {};
}

bool ContentKeys::empty() const noexcept
{
    return entries_.empty();
}

bool ContentKeys::contains(const KeyId &key) const noexcept
{
    return std::ranges::any_of(entries_, [&](const Entry &entry) { return entry.id == key; });
}

Result<std::string> ContentKeys::seal(std::string_view type, std::string_view plaintext) const
{
    const ErrorQueueGuard guard;
    if (entries_.empty()) {
        return fail(Code::kInternal, "no key to seal with");
    }
    const Entry &entry = entries_.front();
    const CjoseHeader header(json_object());
    if (!header || !json_set_text(header.get(), CJOSE_HDR_ALG, kAlgorithm)
        || !json_set_text(header.get(), CJOSE_HDR_ENC, kEncryption)
        || !json_set_text(header.get(), "typ", type)
        || !json_set_text(header.get(), CJOSE_HDR_KID, entry.kid))
    {
        return fail(Code::kInternal, "no memory for a JWE header");
    }
    const Bytes bytes = as_bytes(plaintext);
    const CjoseJwe jwe(
        cjose_jwe_encrypt(entry.key.get(), header.get(), bytes.data(), bytes.size(), nullptr));
    const std::unique_ptr<char, FreeDeleter> sealed(jwe ? cjose_jwe_export(jwe.get(), nullptr)
                                                        : nullptr);
    if (!sealed) {
        return fail(Code::kInternal, "a JWE could not be sealed");
    }
    std::string text(sealed.get());
    if (text.size() > JwsLimits{}.token_bytes) {
        return fail(Code::kInternal, "a JWE that would be too long to be opened");
    }
    return text;
}

Result<ContentKeys::Opened> ContentKeys::open(std::string_view type, std::string_view jwe) const
{
    const auto parts = jwe.size() <= JwsLimits{}.token_bytes ? split(jwe) : std::nullopt;
    if (!parts) {
        return fail(Code::kMalformed, "not a JWE in compact serialization");
    }
    const ErrorQueueGuard guard;
    const Result<Json> header = read_header(parts->header);
    if (!header) {
        return std::unexpected(header.error());
    }
    if (!is_strict_base64url(parts->vector) || !is_strict_base64url(parts->ciphertext)
        || !is_strict_base64url(parts->tag))
    {
        return fail(Code::kMalformed, "a part of a JWE is not base64url");
    }
    if (json_string_member(header->get(), "typ") != type) {
        return fail(Code::kUnsupportedType, "a JWE of another typ");
    }
    const std::string_view kid = json_string_member(header->get(), "kid");
    const auto entry = std::ranges::find(entries_, kid, &Entry::kid);
    if (entry == entries_.end()) {
        return fail(Code::kUnknownKey, "a JWE of an unknown kid");
    }
    const CjoseJwe imported(cjose_jwe_import(jwe.data(), jwe.size(), nullptr));
    if (!imported) {
        return fail(Code::kMalformed, "not a JWE in compact serialization");
    }
    std::size_t size = 0;
    std::uint8_t *bytes = cjose_jwe_decrypt(imported.get(), entry->key.get(), &size, nullptr);
    const WipedBytes plaintext(bytes, WipedDeleter{size});
    if (!plaintext) {
        return fail(Code::kBadSignature, "a JWE that does not authenticate");
    }
    return Opened{std::string(as_text({plaintext.get(), size})), entry->id};
}

}  // namespace token_introspect::jose
