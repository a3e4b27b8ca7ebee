#pragma once

#include "nginx/conf.hpp"
#include "nginx/requirements.hpp"

namespace token_introspect::nginx {

/// The status for a refused request, with its challenge or Retry-After header set and the one log
/// line written. `by` is the peer that decided, nullptr when none did.
ngx_int_t refuse(ngx_http_request_t *request, const LocationConf &conf, const Judgement &judgement,
                 const flow::Peer *by);

}  // namespace token_introspect::nginx
