#pragma once

#include "issuer/token_issuer.hpp"

#include <string>

namespace token_introspect::issuer {

/// The metadata document (RFC 8414 section 2) as JSON text. An endpoint without URL is left out, and
/// with it what else is said of it.
std::string server_metadata(const TokenIssuer &issuer);

}  // namespace token_introspect::issuer
