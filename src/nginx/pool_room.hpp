#pragma once

#include "cache/memory.hpp"
#include "nginx/ngx.hpp"

namespace token_introspect::nginx {

/// A request's pool as the place where records are copied to.
inline cache::Room room_in(ngx_pool_t *pool) noexcept
{
    return {.allocate = [](void *context, std::size_t size) noexcept -> void * {
                return ngx_palloc(static_cast<ngx_pool_t *>(context), size);
            },
            .context = pool};
}

}  // namespace token_introspect::nginx
