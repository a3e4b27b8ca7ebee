#pragma once

#include "jose/key_source.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace token_introspect::issuer {

/// One token_issuer block: an authorization server inside nginx that exchanges tokens (RFC 8693).
/// Immutable once the configuration is read.
struct TokenIssuer {
    std::string name;
    std::size_t index = 0;  ///< its place in the configuration
    std::string issuer;     ///< `iss`, and the issuer of RFC 8414
    std::vector<jose::KeySource> signing_keys;
    std::vector<jose::KeySource> encryption_keys;
    std::vector<std::string> audiences;  ///< never empty: the issuer's URL when none is written
    unsigned most_failures = 10;         ///< failed client authentications; 0: no limit
    std::uint64_t failures_ms = 60'000;  ///< within this time

    /// URLs for the metadata (RFC 8414), empty where no location has the handler.
    struct Endpoints {
        std::string token;
        std::string jwks;
        std::string introspection;
        std::string revocation;
    } endpoints;
};

}  // namespace token_introspect::issuer
