#include "jose/jws.hpp"

namespace token_introspect::jose {

namespace {

constexpr std::size_t kMostCandidates = 16;
constexpr std::size_t kLongestRemembered = 1024;

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

Result<std::vector<std::uint8_t>> decode(std::string_view part, const JsonLimits &limits)
{
    const std::size_t size = base64url_decoded_size(part.size());

    if (size > limits.bytes) {
        return fail(Code::kMalformed, "a part of the token is too long");
    }

    std::vector<std::uint8_t> bytes(size);

    if (!base64url_decode(part, bytes)) {
        return fail(Code::kMalformed, "a part of the token is not base64url");
    }

    return bytes;
}

Result<Json> decode_header(std::string_view part, const JsonLimits &limits)
{
    const Result<std::vector<std::uint8_t>> text = decode(part, limits);

    if (!text) {
        return std::unexpected(text.error());
    }

    Result<Json> header = parse_json_object(as_text(*text), limits);

    if (!header) {
        return header;
    }
    if (!json_is_string(json_object_get(header->get(), "alg"))) {
        return fail(Code::kMalformed, "the token's header has no string alg");
    }

    const json_t *kid = json_object_get(header->get(), "kid");

    if (kid != nullptr && !json_is_string(kid)) {
        return fail(Code::kMalformed, "the kid of the token's header is no string");
    }

    return header;
}

Result<Json> remembered_header(std::string_view part, const JsonLimits &limits, HeaderMemo &memo)
{
    if (part.size() > kLongestRemembered) {
        return decode_header(part, limits);
    }
    if (memo.encoded != part) {
        Result<Json> header = decode_header(part, limits);

        if (!header) {
            return header;
        }
        memo.encoded = part;
        memo.header = std::move(*header);
    }

    return Json(json_incref(memo.header.get()));
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

Result<CompactJws> parse_compact(std::string_view token, const JwsLimits &limits, HeaderMemo *memo)
{
    if (token.size() > limits.token_bytes) {
        return fail(Code::kMalformed, "the token is too long");
    }

    const auto parts = split(token);

    if (!parts) {
        return fail(Code::kMalformed, "the token has not three parts");
    }

    Result<Json> header = memo != nullptr ? remembered_header(parts->header, limits.json, *memo)
                                          : decode_header(parts->header, limits.json);

    if (!header) {
        return std::unexpected(header.error());
    }

    Result<std::vector<std::uint8_t>> payload = decode(parts->payload, limits.json);

    if (!payload) {
        return std::unexpected(payload.error());
    }

    CompactJws jws;

    jws.signing_input = token.substr(0, parts->header.size() + 1 + parts->payload.size());
    jws.header = std::move(*header);
    jws.payload = std::move(*payload);
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
    std::size_t tried = 0;

    // First the keys of the token's kid, then those that have none (or all, when the token has none).
    for (const bool named : {true, false}) {
        for (const Key &key : keys.keys()) {
            const bool is_named = !kid.empty() && key.kid() == kid;

            if (is_named != named || !key.algorithms().has(*algorithm)
                || (!named && !kid.empty() && !key.kid().empty()))
            {
                continue;
            }
            if (tried == kMostCandidates) {
                break;
            }
            tried++;
            if (key.verify(*algorithm, input, jws.signature)) {
                return &key;
            }
        }
    }

    if (tried == 0) {
        return fail(Code::kUnknownKey, "no key fits the token's kid and alg");
    }

    return fail(Code::kBadSignature, "no key verifies the token's signature");
}

}  // namespace token_introspect::jose
