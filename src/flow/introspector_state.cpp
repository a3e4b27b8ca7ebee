#include "flow/introspector_state.hpp"

#include <algorithm>
#include <utility>

namespace token_introspect::flow {

namespace {

constexpr std::size_t kLargestFile = std::size_t{1} << 20;

// Editors and `echo` end a file with a newline that is no part of a secret.
void drop_final_newline(std::string &text)
{
    if (text.ends_with('\n')) {
        text.pop_back();
    }
    if (text.ends_with('\r')) {
        text.pop_back();
    }
}

KeyFormat guess_format(std::string_view text, const jose::KeyOptions &options)
{
    const std::size_t start = text.find_first_not_of(" \t\r\n");
    const std::string_view trimmed = start == text.npos ? "" : text.substr(start);
    if (trimmed.starts_with("-----BEGIN ")) {
        return KeyFormat::kPem;
    }
    if (trimmed.starts_with('{')) {
        return KeyFormat::kJwk;
    }
    const bool asymmetric =
        (options.type && *options.type != jose::KeyType::kOct)
        || (options.algorithm && !jose::kHmacAlgorithms.has(*options.algorithm));
    return asymmetric ? KeyFormat::kPem : KeyFormat::kPlain;
}

Result<jose::Key> make_key(std::string_view text, KeyFormat format, const jose::KeyOptions &options)
{
    switch (format) {
    case KeyFormat::kPem:
        return jose::Key::from_pem(text, options);
    case KeyFormat::kBase64url: {
        const std::optional<std::string> bytes = base64url_decode(text);
        if (!bytes) {
            return fail(Code::kMalformedKey, "the value is not base64url without padding");
        }
        return jose::Key::from_secret(as_bytes(*bytes), options);
    }
    case KeyFormat::kJwk: {
        const Result<Json> jwk = parse_json_object(text);
        if (!jwk) {
            return fail(Code::kMalformedKey, "the JWK is not a JSON object");
        }
        return jose::Key::from_jwk(jwk->get(), options);
    }
    default:
        return jose::Key::from_secret(as_bytes(text), options);
    }
}

std::string describe(const KeySource &source, std::string_view reason)
{
    std::string text = source.from_file ? "key in \"" + source.value + "\": " : "key: ";
    return text.append(reason);
}

// The reason why the source gives no key, else empty.
std::string add_keys(const KeySource &source, bool allow_symmetric, jose::KeySet &keys)
{
    std::string content;
    if (source.from_file) {
        auto read = read_file(source.value, kLargestFile);
        if (!read) {
            return read.error();
        }
        content = std::move(*read);
    }
    const std::string_view text = source.from_file ? content : source.value;
    if (source.format == KeyFormat::kJwkSet) {
        Result<jose::KeySet> set = jose::KeySet::from_json(text, allow_symmetric);
        if (!set) {
            return describe(source, set.error().text);
        }
        keys = std::move(*set);
        return {};
    }
    const KeyFormat format =
        source.format == KeyFormat::kGuess ? guess_format(text, source.options) : source.format;
    if (source.from_file && (format == KeyFormat::kPlain || format == KeyFormat::kBase64url)) {
        drop_final_newline(content);
    }
    Result<jose::Key> key =
        make_key(source.from_file ? content : source.value, format, source.options);
    if (!key) {
        return describe(source, key.error().text);
    }
    keys.add(std::move(*key));
    return {};
}

}  // namespace

std::expected<IntrospectorState, std::string> IntrospectorState::load(
    const Introspector &introspector)
{
    IntrospectorState state;
    auto watch = [&state](const std::string &path) {
        if (!path.empty()) {
            state.files_.emplace_back(path);
        }
    };
    for (const KeySource &source : introspector.keys) {
        watch(source.from_file ? source.value : std::string());
    }
    watch(introspector.client_secret_file);
    watch(introspector.authorization_file);

    std::string reason = state.load_keys(introspector);
    if (reason.empty()) {
        reason = state.load_credentials(introspector);
    }
    if (!reason.empty()) {
        return std::unexpected(std::move(reason));
    }
    return state;
}

std::string IntrospectorState::reload_changed_files(const Introspector &introspector, Now now)
{
    bool changed = false;
    for (WatchedFile &file : files_) {
        changed = file.changed(now.monotonic_ms) || changed;
    }
    if (!changed) {
        return {};
    }
    // both: one bad file does not hold up another's change
    std::string problem = load_keys(introspector);
    const std::string other = load_credentials(introspector);
    if (!problem.empty() && !other.empty()) {
        problem += "; ";
    }
    problem += other;
    if (problem.empty()) {
        for (WatchedFile &file : files_) {
            file.accept();
        }
    }
    const bool reported = problem == problem_;
    problem_ = problem;
    return reported ? std::string() : problem;
}

std::string IntrospectorState::load_keys(const Introspector &introspector)
{
    if (introspector.keys.empty()) {
        return {};
    }
    jose::KeySet keys;
    for (const KeySource &source : introspector.keys) {
        std::string reason = add_keys(source, true, keys);
        if (!reason.empty()) {
            return reason;
        }
    }
    keys_ = std::move(keys);
    ++revision_;
    return {};
}

std::string IntrospectorState::load_credentials(const Introspector &introspector)
{
    token::ClientCredentials credentials = introspector.credentials;
    auto read = [](const std::string &path, std::string &into) -> std::string {
        if (path.empty()) {
            return {};
        }
        auto content = read_file(path, kLargestFile);
        if (!content) {
            return content.error();
        }
        drop_final_newline(*content);
        if (content->empty() || !is_header_safe(*content)) {
            return "\"" + path + "\" is empty or holds control characters";
        }
        into = std::move(*content);
        return {};
    };
    std::string reason = read(introspector.client_secret_file, credentials.secret);
    if (reason.empty()) {
        reason = read(introspector.authorization_file, credentials.authorization);
    }
    if (reason.empty()) {
        credentials_ = std::move(credentials);
        ++revision_;
    }
    return reason;
}

void IntrospectorState::adopt_keys(jose::KeySet keys, std::uint64_t generation) noexcept
{
    keys_ = std::move(keys);
    keys_generation_ = generation;
    ++revision_;
}

void IntrospectorState::keys_stored_as(std::uint64_t generation,
                                       std::uint64_t kept_until_ms) noexcept
{
    keys_generation_ = generation;
    keys_kept_until_ms_ = kept_until_ms;
}

void IntrospectorState::metadata_stored_as(std::uint64_t generation,
                                           std::uint64_t kept_until_ms) noexcept
{
    metadata_generation_ = generation;
    metadata_kept_until_ms_ = kept_until_ms;
}

void IntrospectorState::adopt_metadata(token::Metadata metadata, std::uint64_t generation) noexcept
{
    metadata_ = std::move(metadata);
    metadata_generation_ = generation;
    ++revision_;
}

const std::string &IntrospectorState::jwks_uri(const Introspector &introspector) const noexcept
{
    return introspector.jwks_uri.empty() ? metadata_.jwks_uri : introspector.jwks_uri;
}

const std::string &IntrospectorState::introspection_endpoint(
    const Introspector &introspector) const noexcept
{
    return introspector.introspection_endpoint.empty() ? metadata_.introspection_endpoint
                                                       : introspector.introspection_endpoint;
}

bool IntrospectorState::answers_for(const Introspector &introspector,
                                    std::string_view issuer) const noexcept
{
    if (introspector.rules.any_issuer) {
        return true;
    }
    if (introspector.awaits_issuer()) {
        return has_metadata() && metadata_.issuer == issuer;
    }
    return std::ranges::find(introspector.rules.issuers, issuer)
           != introspector.rules.issuers.end();
}

}  // namespace token_introspect::flow
