#pragma once

#include "base/clock.hpp"
#include "nginx/ngx.hpp"

namespace token_introspect::nginx {

/// nginx's cached time: the monotonic clock is the same in all processes of a machine.
inline Now now() noexcept
{
    return {.unix_s = ngx_time(), .monotonic_ms = ngx_current_msec};
}

}  // namespace token_introspect::nginx
