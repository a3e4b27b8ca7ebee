#include "jose/jws.hpp"

namespace token_introspect::jose {

namespace {

struct Parts {
    std::string_view header;
    std::string_view payload;
    std::string_view signature;
};

/// The parts between exactly two dots, the first two not empty.
std::optional<Parts> split(std::string_view token) noexcept
{
    const std::size_t first = token.find('.');

    if (first == std::string_view::npos) {
        return std::nullopt;
    }

    const std::size_t second = token.find('.', first + 1);

    if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
        return std::nullopt;
    }

    const Parts parts{token.substr(0, first), token.substr(first + 1, second - first - 1),
                      token.substr(second + 1)};

    if (parts.header.empty() || parts.payload.empty()) {
        return std::nullopt;
    }

    return parts;
}

/// The text of a part; the JSON that it holds goes to `value`.
Result<std::string> decode_object(std::string_view part, const JsonLimits &limits, Json &value)
{
    if (base64url_decoded_size(part.size()) > limits.bytes) {
        return fail(Code::kMalformed, "a part of the token is too long");
    }

    auto text = base64url_decode(part);

    if (!text) {
        return fail(Code::kMalformed, "a part of the token is not base64url");
    }

    Result<Json> object = parse_json_object(*text, limits);

    if (!object) {
        return std::unexpected(object.error());
    }
    value = std::move(*object);

    return std::move(*text);
}

bool is_candidate(const Key &key, Algorithm algorithm, std::string_view kid) noexcept
{
    return key.algorithms().has(algorithm)
           && (kid.empty() || key.kid().empty() || key.kid() == kid);
}

}  // namespace

bool has_compact_shape(std::string_view token) noexcept
{
    const auto parts = split(token);

    return parts && is_base64url_alphabet(parts->header) && is_base64url_alphabet(parts->payload)
           && is_base64url_alphabet(parts->signature);
}

std::string_view CompactJws::kid() const noexcept
{
    return json_string_member(header.get(), "kid");
}

std::string_view CompactJws::issuer() const noexcept
{
    return json_string_member(payload.get(), "iss");
}

Result<CompactJws> parse_compact(std::string_view token, const JwsLimits &limits)
{
    if (token.size() > limits.token_bytes) {
        return fail(Code::kMalformed, "the token is too long");
    }

    const auto parts = split(token);

    if (!parts) {
        return fail(Code::kMalformed, "the token has not three parts");
    }

    CompactJws jws;

    jws.signing_input = token.substr(0, parts->header.size() + 1 + parts->payload.size());

    Result<std::string> header = decode_object(parts->header, limits.json, jws.header);

    if (!header) {
        return std::unexpected(header.error());
    }
    jws.header_json = std::move(*header);

    if (!json_is_string(json_object_get(jws.header.get(), "alg"))) {
        return fail(Code::kMalformed, "the token's header has no string alg");
    }

    const json_t *kid = json_object_get(jws.header.get(), "kid");

    if (kid != nullptr && !json_is_string(kid)) {
        return fail(Code::kMalformed, "the kid of the token's header is no string");
    }

    Result<std::string> payload = decode_object(parts->payload, limits.json, jws.payload);

    if (!payload) {
        return std::unexpected(payload.error());
    }
    jws.payload_json = std::move(*payload);

    jws.signature.resize(base64url_decoded_size(parts->signature.size()));
    if (!base64url_decode(parts->signature, jws.signature)) {
        return fail(Code::kMalformed, "the token's signature is not base64url");
    }

    return jws;
}

Result<const Key *> verify(const CompactJws &jws, const KeySet &keys, AlgorithmSet permitted)
{
    const auto algorithm = algorithm_from_name(json_string_member(jws.header.get(), "alg"));

    if (!algorithm || (!permitted.empty() && !permitted.has(*algorithm))) {
        return fail(Code::kUnsupportedAlgorithm, "the token's alg is not permitted");
    }

    // None is understood, so whatever crit lists, and a crit of a wrong form, refuses.
    if (json_object_get(jws.header.get(), "crit") != nullptr) {
        return fail(Code::kUnsupportedCritical, "the token's header has a crit");
    }

    const std::string_view kid = jws.kid();
    const Bytes input = as_bytes(jws.signing_input);
    bool has_candidate = false;

    for (const Key &key : keys.keys()) {
        if (!is_candidate(key, *algorithm, kid)) {
            continue;
        }

        has_candidate = true;
        if (key.verify(*algorithm, input, jws.signature)) {
            return &key;
        }
    }

    if (!has_candidate) {
        return fail(Code::kUnknownKey, "no key fits the token's kid and alg");
    }

    return fail(Code::kBadSignature, "no key verifies the token's signature");
}

}  // namespace token_introspect::jose
