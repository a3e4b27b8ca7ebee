#pragma once

#include "jose/jws.hpp"
#include "token/claims.hpp"
#include "token/claims_parse.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace token_introspect::token {

/// A JWT (RFC 7519), parsed and not yet verified: a JWS whose payload is a JSON object.
struct Jwt {
    jose::CompactJws jws;
    std::vector<std::uint8_t> header_image;
    std::vector<std::uint8_t> claims_image;

    [[nodiscard]] ClaimsView header() const noexcept { return ClaimsView(header_image); }
    [[nodiscard]] ClaimsView claims() const noexcept { return ClaimsView(claims_image); }
    /// The unverified iss; empty when it is absent or no string.
    [[nodiscard]] std::string_view issuer() const noexcept { return claims().find("iss").string(); }
};

/// Parses JWTs, and remembers what the last one's header was and the buffers for its claims. For
/// one worker, not for threads.
class JwtParser {
public:
    /// As parse_compact; a payload that ClaimsParser refuses is kMalformed, too. The Jwt has views
    /// into `token`, which must outlive it.
    Result<Jwt> parse(std::string_view token, const jose::JwsLimits &limits = {});

private:
    ClaimsParser claims_;
    jose::HeaderMemo headers_;
    Json header_;  ///< what header_image_ was made of
    std::vector<std::uint8_t> header_image_;
};

}  // namespace token_introspect::token
