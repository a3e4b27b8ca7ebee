#include "token/jwt.hpp"

#include <utility>

namespace token_introspect::token {

Result<Jwt> JwtParser::parse(std::string_view token, const jose::JwsLimits &limits)
{
    Result<jose::CompactJws> jws = jose::parse_compact(token, limits, &headers_);
    if (!jws) {
        return std::unexpected(jws.error());
    }
    Result<std::vector<std::uint8_t>> claims = claims_.parse(as_text(jws->payload), limits.json);
    if (!claims) {
        return std::unexpected(claims.error());
    }
    if (header_.get() != jws->header.get()) {
        Result<std::vector<std::uint8_t>> header = build_claims(jws->header.get());
        if (!header) {
            return std::unexpected(header.error());
        }
        header_image_ = std::move(*header);
        header_ = Json(json_incref(jws->header.get()));
    }
    return Jwt{
        .jws = std::move(*jws), .header_image = header_image_, .claims_image = std::move(*claims)};
}

}  // namespace token_introspect::token
