#pragma once

#include "nginx/ngx.hpp"

#include <string_view>

namespace token_introspect::nginx {

/// Makes nginx's own pointer to the Authorization header follow the list of headers.
void link_authorization(ngx_http_request_t *request) noexcept;

/// Takes Authorization headers of the scheme Bearer out of the request. False without memory.
bool remove_bearer(ngx_http_request_t *request);

/// Takes all Authorization headers out of the request. False without memory.
bool remove_authorization(ngx_http_request_t *request);

/// Makes `Authorization: Bearer TOKEN` the only Authorization header of the request. `token` must
/// live as long as the request. False without memory.
bool set_bearer(ngx_http_request_t *request, std::string_view token);

}  // namespace token_introspect::nginx
