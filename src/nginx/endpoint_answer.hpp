#pragma once

#include "issuer/issuer_context.hpp"
#include "issuer/token_answer.hpp"
#include "nginx/ngx.hpp"

#include <string_view>

namespace token_introspect::nginx {

/// Sends an answer as the request's response and gives what to finalize the request with. `allow`,
/// when not empty, is the header of that name.
ngx_int_t send_answer(ngx_http_request_t *request, const issuer::Answer &answer,
                      std::string_view allow = {});

/// Sends the answer to a refusal, with the one log line about it. `what` names the request, `client`
/// is empty unless it has authenticated.
ngx_int_t send_refusal(ngx_http_request_t *request, const issuer::TokenIssuer &issuer,
                       const issuer::Refusal &refusal, std::string_view what,
                       std::string_view client = {}, std::string_view allow = {});

/// The whole body of a request that has been read; `too_large` is set, and nothing read, when it is
/// longer than the limit. Fails when a temporary file cannot be read.
bool read_body(const ngx_http_request_t *request, std::size_t limit, std::string &body,
               bool &too_large);

/// Bytes that tell one client from another for the limit of failed authentications: the address, of
/// IPv6 the network of 64 bits.
std::string_view limited_address(const ngx_connection_t *connection) noexcept;

}  // namespace token_introspect::nginx
