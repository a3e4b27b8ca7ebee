#pragma once

#include "base/error.hpp"
#include "nginx/conf.hpp"

#include <optional>
#include <span>
#include <string>

namespace token_introspect::nginx {

/// The one credential of the request, copied into its pool, from the sources in order; nothing when
/// there is none. kMultipleCredentials when sources hold different ones, kMalformedCredential when
/// one is no token.
Result<std::optional<std::string_view>> find_credential(ngx_http_request_t *request,
                                                        std::span<const CredentialSource> sources);

/// Takes the credentials out of what goes upstream: the header, the query argument (also in the
/// request line as sent, so that no log shows it), the cookie; the rest stays byte for byte.
/// False without memory.
bool strip_credentials(ngx_http_request_t *request, std::span<const CredentialSource> sources);

}  // namespace token_introspect::nginx
