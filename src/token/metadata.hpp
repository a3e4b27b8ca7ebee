#pragma once

#include "base/error.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace token_introspect::token {

/// What this module reads of authorization server metadata (OpenID Connect Discovery 1.0 section 3,
/// RFC 8414 section 2).
struct Metadata {
    std::string issuer;
    std::string jwks_uri;                ///< empty when absent
    std::string introspection_endpoint;  ///< empty when absent
};

/// Parses and checks a metadata document: a JSON object; issuer a string, equal to one of
/// `expected_issuers` when there are any (RFC 8414 section 3.3); endpoints absolute http or https
/// URLs without user information, control bytes, spaces or fragments; https when `require_https`
/// (the document itself came over https). Everything else is kIssuerMetadata.
Result<Metadata> parse_metadata(std::string_view json,
                                const std::vector<std::string> &expected_issuers,
                                bool require_https);

/// `issuer` + /.well-known/openid-configuration (a trailing slash of the issuer dropped).
std::string openid_configuration_url(std::string_view issuer);

/// /.well-known/oauth-authorization-server between host and path (RFC 8414 section 3.1).
std::string authorization_server_metadata_url(std::string_view issuer);

/// An absolute http(s) URL taken apart; views into the text.
struct Url {
    bool https = false;
    std::string_view host;       ///< without brackets for IPv6
    std::string_view port;       ///< empty when not written
    std::string_view authority;  ///< host[:port] as written
    std::string_view target;     ///< path and query as written, empty when there is none
};

/// Nothing when it is not an absolute http(s) URL with a host, or holds user information, a
/// fragment, control bytes, spaces or non-ASCII bytes.
std::optional<Url> parse_url(std::string_view text) noexcept;

/// True for an absolute URI of any scheme, without fragment (RFC 3986 section 4.3).
bool is_absolute_uri(std::string_view text) noexcept;

}  // namespace token_introspect::token
