#pragma once

#include "token/number.hpp"

namespace token_introspect::policy {

/// True when `number` is a multiple of `divisor`, both taken as the shortest decimal numbers that
/// read as them: 19.99 is a multiple of 0.01, though the doubles are not. `divisor` is above zero.
bool is_multiple(token::Number number, token::Number divisor) noexcept;

}  // namespace token_introspect::policy
