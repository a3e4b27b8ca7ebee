#pragma once

#include "issuer/issuer_context.hpp"
#include "issuer/token_form.hpp"

namespace token_introspect::issuer {

/// Where a request comes from and when.
struct Sender {
    std::string_view authorization;  ///< the Authorization header, empty when there is none
    std::string_view address;        ///< of the client, bytes of any kind
    Now now;
};

/// The client that a request authenticates (RFC 6749 section 2.3.1): by Basic with form-encoded id
/// and secret, or by client_id and client_secret in the body. An Authorization header of another
/// scheme is none of a client's. Failures are counted, and looked up before the secret is: a client
/// that has failed too often from an address is refused there with right credentials, too. Where
/// crypt(3) would be computed, too many failures of anybody at the address or anywhere refuse it; so
/// they never keep out a client whose secret is known.
std::expected<const Client *, Refusal> authenticate_client(const IssuerContext &context,
                                                           const TokenForm &form,
                                                           const Sender &sender);

}  // namespace token_introspect::issuer
