#pragma once

#include "nginx/conf.hpp"
#include "token/claims.hpp"

namespace token_introspect::nginx {

/// Takes the client's own copies of the forwarded headers out of the request, in every spelling
/// that an upstream might read as the same name. False without memory.
bool remove_spoofed_headers(ngx_http_request_t *request, const LocationConf &conf);

/// Adds the forwarded claims as request headers; a claim that is missing, empty, or not safe in a
/// header adds none. False without memory.
bool forward_claims(ngx_http_request_t *request, const LocationConf &conf,
                    const token::ClaimsView &claims);

}  // namespace token_introspect::nginx
