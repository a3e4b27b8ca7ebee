#pragma once

#include "base/json.hpp"
#include "jose/key_set.hpp"

#include <string>
#include <vector>

namespace token_introspect::jose {

/// Bounds on a token; what exceeds them is kMalformed before anything is decoded.
struct JwsLimits {
    std::size_t token_bytes = 65536;
    JsonLimits json{};
};

/// True when the text has the shape of a JWS compact serialization: three parts of base64url
/// characters divided by two dots, the first two not empty. Cheap; decides JWT or opaque.
bool has_compact_shape(std::string_view token) noexcept;

/// A parsed, not yet verified JWS in compact serialization (RFC 7515 section 7.1). The views point
/// into the token given to parse, which must outlive it.
struct CompactJws {
    std::string_view signing_input;
    std::vector<std::uint8_t> signature;
    Json header;                        ///< JSON object
    std::vector<std::uint8_t> payload;  ///< any bytes, decoded

    [[nodiscard]] std::string_view kid() const noexcept;  ///< empty when absent
};

/// The last header that parse_compact found good: nearly all tokens of an issuer have the same one.
/// For one worker, not for threads.
struct HeaderMemo {
    std::string encoded;  ///< base64url as in the token
    Json header;
};

/// Strict parsing: base64url without padding or stray bits; a header that is a JSON object without
/// duplicate members, with a string alg and, if any, a string kid; sizes and depth bounded, that of
/// the payload by `limits.json.bytes`. Everything else is kMalformed. The payload is not looked at
/// (RFC 7515 section 3: any bytes).
/// With a memo, a header that is byte for byte the remembered one is not parsed again.
Result<CompactJws> parse_compact(std::string_view token, const JwsLimits &limits = {},
                                 HeaderMemo *memo = nullptr);

/// Checks alg, crit and signature. Candidates are the keys whose algorithms (and so type and curve)
/// include the header's `alg`, provided `permitted` (empty: whatever the keys allow) has it. With a
/// kid in the header: keys of that kid; keys without a kid of their own stay candidates; if the set
/// has no such key kUnknownKey. Without a kid the candidates are tried in order, at
/// most 16: a sender of bad tokens must not have hundreds of signatures checked.
/// `b64` and every other crit extension give kUnsupportedCritical; `jku`, `x5u`, `jwk`, `x5c` are
/// never followed. Gives the key that verified (owned by the set).
Result<const Key *> verify(const CompactJws &jws, const KeySet &keys, AlgorithmSet permitted);

}  // namespace token_introspect::jose
