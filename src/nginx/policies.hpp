#pragma once

#include "nginx/conf.hpp"
#include "nginx/requirements.hpp"

namespace token_introspect::nginx {

class Request;

/// What the location's access policies say of a request: kActive when one allows, or none is asked;
/// then `subject` is its id. With token_policy_debug and a request that asks for it, the log or the
/// response shows why.
Judgement authorize(ngx_http_request_t *request, const LocationConf &conf, const Request &own);

/// What token_policy_debug answers with instead of the content; nothing when the request does not
/// ask for it (argument `__debug=policy`).
std::optional<std::string> debug_response(ngx_http_request_t *request, const LocationConf &conf,
                                          const Request &own);

}  // namespace token_introspect::nginx
