#include "jose/key_source.hpp"

#include "base/file.hpp"
#include "jose/pem.hpp"
#include "jose/signer.hpp"

#include <openssl/crypto.h>

namespace token_introspect::jose {

namespace {

constexpr std::size_t kLargestFile = std::size_t{1} << 20;
constexpr std::string_view kKey = "key";

std::string add_set(const KeySource &source, KeySet &keys)
{
    const auto read = read_source(source, KeyFormat::kJwkSet);
    if (!read) {
        return read.error();
    }
    Result<KeySet> set = KeySet::from_json(read->text, true);
    if (!set) {
        return describe(source, kKey, set.error().text);
    }
    keys = std::move(*set);
    return {};
}

std::string add_signer(const KeySource &source, KeySet &keys)
{
    const auto signer = Signer::load(source);
    if (!signer) {
        return signer.error();
    }
    Result<Key> key = signer->verification_key();
    if (!key) {
        return describe(source, kKey, key.error().text);
    }
    keys.add(std::move(*key));
    return {};
}

}  // namespace

KeyText::~KeyText()
{
    OPENSSL_cleanse(text.data(), text.size());
}

KeyFormat guess_format(std::string_view text, const KeyOptions &options) noexcept
{
    if (looks_like_pem(text)) {
        return KeyFormat::kPem;
    }
    const std::size_t start = text.find_first_not_of(" \t\r\n");
    if (start != text.npos && text[start] == '{') {
        return KeyFormat::kJwk;
    }
    const bool asymmetric = (options.type && *options.type != KeyType::kOct)
                            || (options.algorithm && !kHmacAlgorithms.has(*options.algorithm));
    return asymmetric ? KeyFormat::kPem : KeyFormat::kPlain;
}

std::expected<KeyText, std::string> read_source(const KeySource &source, KeyFormat format)
{
    KeyText read(source.value, format);
    if (source.from_file) {
        auto content = read_file(source.value, kLargestFile);
        if (!content) {
            return std::unexpected(std::move(content.error()));
        }
        read.text = std::move(*content);
    }
    if (format == KeyFormat::kGuess) {
        read.format = guess_format(read.text, source.options);
    }
    if (source.from_file
        && (read.format == KeyFormat::kPlain || read.format == KeyFormat::kBase64url))
    {
        drop_final_newline(read.text);
    }
    return read;
}

Result<Secret> secret_bytes(std::string_view text, KeyFormat format)
{
    if (format != KeyFormat::kBase64url) {
        const Bytes bytes = as_bytes(text);
        return Secret({bytes.begin(), bytes.end()});
    }
    std::vector<std::uint8_t> bytes(base64url_decoded_size(text.size()));
    if (!base64url_decode(text, bytes)) {
        return fail(Code::kMalformedKey, "the value is not base64url without padding");
    }
    return Secret(std::move(bytes));
}

std::string describe(const KeySource &source, std::string_view what, std::string_view reason)
{
    std::string text(what);
    if (source.from_file) {
        text.append(" in \"").append(source.value).append("\"");
    }
    return text.append(": ").append(reason);
}

Result<Key> make_key(std::string_view text, KeyFormat format, const KeyOptions &options)
{
    if (format == KeyFormat::kPem) {
        return Key::from_pem(text, options);
    }
    if (format == KeyFormat::kJwk) {
        const Result<Json> jwk = parse_json_object(text);
        if (!jwk) {
            return fail(Code::kMalformedKey, "the JWK is not a JSON object");
        }
        return Key::from_jwk(jwk->get(), options);
    }
    const Result<Secret> secret = secret_bytes(text, format);
    if (!secret) {
        return std::unexpected(secret.error());
    }
    return Key::from_secret(secret->bytes(), options);
}

std::string add_keys(const KeySource &source, KeySet &keys)
{
    if (source.format == KeyFormat::kJwkSet) {
        return add_set(source, keys);
    }
    if (source.format == KeyFormat::kSigning) {
        return add_signer(source, keys);
    }
    const auto read = read_source(source, source.format);
    if (!read) {
        return read.error();
    }
    Result<Key> key = make_key(read->text, read->format, source.options);
    if (!key) {
        return describe(source, kKey, key.error().text);
    }
    keys.add(std::move(*key));
    return {};
}

}  // namespace token_introspect::jose
