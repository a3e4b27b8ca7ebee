#pragma once

#include "base/text.hpp"

namespace token_introspect::jose {

/// True when the encoding (RFC 8032 sections 5.1.2 and 5.2.2; 32 bytes: Ed25519, 57: Ed448) has a
/// y below the field's prime and is not of a point of small order. With a public key of small order
/// anybody can make signatures that verify; OpenSSL takes such keys. Does not check that the point
/// is on the curve: with one that is not, nothing verifies.
bool is_acceptable_edwards_point(Bytes point) noexcept;

}  // namespace token_introspect::jose
