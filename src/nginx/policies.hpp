#pragma once

#include "nginx/conf.hpp"
#include "nginx/requirements.hpp"

namespace token_introspect::nginx {

class Request;

/// What the location's access policies say of a request: kActive when one allows, or none is asked;
/// then `subject` is its id.
Judgement authorize(ngx_http_request_t *request, const LocationConf &conf, const Request &own);

/// With token_policy_debug, for a request that asks: the request as policies see it, without
/// credentials, every policy's answer and the word of `code`, as JSON. The header `X-Debug: policy`
/// has it logged; it is given back for the argument `__debug=policy`, to be sent instead of the
/// content.
std::optional<std::string> explain(ngx_http_request_t *request, const LocationConf &conf,
                                   const Request &own, Code code);

}  // namespace token_introspect::nginx
