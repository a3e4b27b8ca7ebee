#pragma once

#include "nginx/ngx.hpp"

namespace token_introspect::nginx {

// The content handlers of locations that a token_issuer has (LocationConf::token_issuer).

/// token_exchange_endpoint: RFC 8693, and the refresh_token grant of RFC 6749.
ngx_int_t serve_token_exchange(ngx_http_request_t *request) noexcept;
/// token_introspection_endpoint: RFC 7662.
ngx_int_t serve_token_introspection(ngx_http_request_t *request) noexcept;
/// token_revocation_endpoint: RFC 7009.
ngx_int_t serve_token_revocation(ngx_http_request_t *request) noexcept;
/// token_jwks: RFC 7517.
ngx_int_t serve_token_jwks(ngx_http_request_t *request) noexcept;
/// token_metadata: RFC 8414.
ngx_int_t serve_token_metadata(ngx_http_request_t *request) noexcept;

}  // namespace token_introspect::nginx
