#pragma once

#include "nginx/conf.hpp"
#include "token/claims.hpp"

namespace token_introspect::nginx {

/// What the location's requirements say of a request.
struct Judgement {
    Code code = Code::kActive;         ///< kActive: all hold
    ngx_uint_t status = 0;             ///< the failed requirement's own status, 0: the location's
    std::string_view scope{};          ///< scopes wanted, for the challenge
    std::string_view subject{};        ///< the claim or variable that failed, for the log
    std::uint64_t retry_after_ms = 0;  ///< when to come again, 0: unknown
};

/// token_require_scope, token_require_claim and token_require of the location, in this order.
Judgement judge(ngx_http_request_t *request, const LocationConf &conf,
                const token::ClaimsView &claims);

}  // namespace token_introspect::nginx
