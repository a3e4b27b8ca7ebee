#pragma once

// The one place that includes nginx.
extern "C" {
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
}

#include <exception>
#include <new>
#include <string_view>
#include <utility>

namespace token_introspect::nginx {

inline std::string_view view(const ngx_str_t &text) noexcept
{
    return {reinterpret_cast<const char *>(text.data), text.len};
}

/// nginx's form of bytes that outlive it; nothing is copied.
inline ngx_str_t borrow(std::string_view text) noexcept
{
    return {text.size(), reinterpret_cast<u_char *>(const_cast<char *>(text.data()))};
}

/// A copy in the pool; `data` is nullptr when there is no memory.
inline ngx_str_t copy(ngx_pool_t *pool, std::string_view text) noexcept
{
    ngx_str_t out{text.size(), static_cast<u_char *>(ngx_pnalloc(pool, text.size() + 1))};
    if (out.data != nullptr) {
        if (!text.empty()) {
            ngx_memcpy(out.data, text.data(), text.size());
        }
        out.data[text.size()] = '\0';
    }
    return out;
}

/// A C++ object that lives as long as the pool; nullptr without memory. Its address is kept as the
/// cleanup's data, and `cleanup` recognises it there.
template <class T> void destroy(void *object) noexcept
{
    static_cast<T *>(object)->~T();
}

template <class T, class... Args> T *make_in(ngx_pool_t *pool, Args &&...args)
{
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(pool, sizeof(T));
    if (cleanup == nullptr) {
        return nullptr;
    }
    T *object = ::new (cleanup->data) T(std::forward<Args>(args)...);
    cleanup->handler = destroy<T>;
    return object;
}

/// Runs a callback that nginx entered: no exception crosses into C.
template <class Failed, class Body> auto guarded(Failed failed, Body &&body) noexcept
    -> decltype(body())
{
    try {
        return body();
    } catch (const std::exception &) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                      "token introspect: out of memory or another unexpected failure");
        return failed;
    }
}

}  // namespace token_introspect::nginx
