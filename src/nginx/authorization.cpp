#include "nginx/authorization.hpp"

#include "nginx/conf.hpp"
#include "nginx/header_list.hpp"
#include "token/credential.hpp"

#include <algorithm>

namespace token_introspect::nginx {

namespace {

// An upstream may be lenient about what stands before the scheme.
bool is_bearer(const ngx_table_elt_t &header) noexcept
{
    const std::string_view value = view(header.value);
    const auto *scheme = std::ranges::find_if(value, [](char c) { return c > 0x20 && c < 0x7f; });
    return is_header(header, "Authorization") && token::has_bearer_scheme({scheme, value.end()});
}

bool remove_all(ngx_http_request_t *request)
{
    return remove_headers(
        request->headers_in.headers, request->pool,
        [](const ngx_table_elt_t &header) { return is_header(header, "Authorization"); });
}

// Whether it was done or not: what nginx knows of the header must not be older than the list.
bool changed(ngx_http_request_t *request, bool done) noexcept
{
    link_authorization(request);
    if (const ngx_int_t variable = main_conf(request)->authorization_variable;
        variable != NGX_ERROR)
    {
        forget_variable(request, variable);
    }
    return done;
}

}  // namespace

void link_authorization(ngx_http_request_t *request) noexcept
{
    ngx_table_elt_t *first = nullptr;
    ngx_table_elt_t *last = nullptr;
    each_header(request->headers_in.headers, [&](ngx_table_elt_t &header) {
        if (is_header(header, "Authorization")) {
#if (nginx_version >= 1023000)
            header.next = nullptr;
            if (last != nullptr) {
                last->next = &header;
            }
#endif
            first = first != nullptr ? first : &header;
            last = &header;
        }
        return true;
    });
    request->headers_in.authorization = first;
}

bool remove_bearer(ngx_http_request_t *request)
{
    return changed(request, remove_headers(request->headers_in.headers, request->pool, is_bearer));
}

bool remove_authorization(ngx_http_request_t *request)
{
    return changed(request, remove_all(request));
}

bool set_bearer(ngx_http_request_t *request, std::string_view token)
{
    const ngx_str_t value = copy(request->pool, "Bearer " + std::string(token));
    return changed(request, value.data != nullptr && remove_all(request)
                                && push_header(request->headers_in.headers, request->pool,
                                               borrow("Authorization"), value));
}

}  // namespace token_introspect::nginx
