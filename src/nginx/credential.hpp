#pragma once

#include "base/error.hpp"
#include "nginx/conf.hpp"

#include <optional>
#include <span>
#include <string>

namespace token_introspect::nginx {

/// A token and where it was found.
struct Credential {
    std::string_view token;
    const CredentialSource *source;
};

/// The one credential of the request, from the sources in order; nothing when there is none.
/// kMultipleCredentials when sources hold different ones, kMalformedCredential when one is no token.
Result<std::optional<Credential>> find_credential(ngx_http_request_t *request,
                                                  std::span<const CredentialSource> sources);

/// True when `source` (of another location) is among the sources.
bool lists(std::span<const CredentialSource> sources, const CredentialSource &source) noexcept;

/// Takes the credentials out of what goes upstream: the header, the query argument (also in the
/// request line as sent, so that no log shows it), the cookie; the rest stays byte for byte.
/// False without memory.
bool strip_credentials(ngx_http_request_t *request, std::span<const CredentialSource> sources);

}  // namespace token_introspect::nginx
