#pragma once

#include <cstdint>
#include <string>

namespace token_introspect::token {

/// How this gateway presents its credentials to an authorization server (RFC 6749 section 2.3.1).
enum class ClientAuth : std::uint8_t { kNone, kBasic, kPost };

struct ClientCredentials {
    ClientAuth method = ClientAuth::kNone;
    std::string id;
    std::string secret;
    std::string authorization;  ///< a whole Authorization value, verbatim; wins over method
};

/// The Authorization value for the endpoint, empty when none is sent. Basic form-encodes id and
/// secret before base64 (RFC 6749 section 2.3.1).
std::string authorization_value(const ClientCredentials &credentials);

/// Adds to a request body what belongs there: with kPost client_id and client_secret, with kNone
/// client_id when there is one.
void append_credentials(std::string &form, const ClientCredentials &credentials);

}  // namespace token_introspect::token
