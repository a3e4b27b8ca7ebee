#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace token_introspect::issuer {

/// A client of the token endpoint (RFC 6749 section 2). Immutable; its secret is with the registry.
struct Client {
    enum class Format : std::uint8_t { kOpaque, kJwt };

    std::string id;
    std::string secret;  ///< plain or a crypt(3) string; empty when there is a file
    std::string secret_file;
    bool active = true;
    bool exchanges = false;  ///< grant urn:ietf:params:oauth:grant-type:token-exchange
    bool refreshes = false;  ///< grant refresh_token
    std::vector<std::string> allowed_issuers;  ///< of subject tokens; empty: none
    Format format = Format::kOpaque;
    bool gets_refresh_token = false;  ///< also permits the refresh_token grant
    std::int64_t access_token_s = 300;
    std::int64_t refresh_token_s = 86400;
    std::vector<std::string> audiences;  ///< beside the issuer's
    std::vector<std::string> scopes;     ///< the widest; empty: no bound
};

}  // namespace token_introspect::issuer
