#pragma once

#include "issuer/client_registry.hpp"
#include "issuer/key_ring.hpp"
#include "issuer/ledger.hpp"
#include "issuer/token_issuer.hpp"

namespace token_introspect::issuer {

/// A token_issuer with what this worker has of it. Views; lives as long as the worker.
struct IssuerContext {
    const TokenIssuer *issuer;
    KeyRing *keys;
    Ledger *ledger;
    ClientRegistry *clients;
};

}  // namespace token_introspect::issuer
