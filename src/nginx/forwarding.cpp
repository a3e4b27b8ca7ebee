#include "nginx/forwarding.hpp"

#include "base/text.hpp"
#include "nginx/header_list.hpp"

#include <algorithm>

namespace token_introspect::nginx {

bool remove_spoofed_headers(ngx_http_request_t *request, const LocationConf &conf)
{
    if (!conf.forwards || conf.forwards->empty()) {
        return true;
    }
    for (const ForwardedClaim &claim : *conf.forwards) {
        forget_variable(request, claim.variable);
    }
    return remove_headers(request->headers_in.headers, request->pool, [&](const auto &header) {
        return std::ranges::any_of(*conf.forwards, [&](const ForwardedClaim &claim) {
            return same_header_name(view(header.key), claim.header);
        });
    });
}

bool forward_claims(ngx_http_request_t *request, const LocationConf &conf,
                    const token::ClaimsView &claims)
{
    if (!conf.forwards) {
        return true;
    }
    std::string text;
    for (const ForwardedClaim &claim : *conf.forwards) {
        token::Value value = claim.path.find_lenient(claims);
        if (value.is_array()) {
            value = value.at(0);
        }
        text.clear();
        value.append_text(text);
        if (text.empty()) {
            continue;
        }
        if (!is_header_safe(text)) {
            const ngx_str_t name = borrow(claim.path.text());
            ngx_log_error(NGX_LOG_WARN, request->connection->log, 0,
                          "token introspect: claim \"%V\" holds control characters and is not "
                          "forwarded",
                          &name);
            continue;
        }
        const ngx_str_t kept = copy(request->pool, text);
        if (kept.data == nullptr
            || !push_header(request->headers_in.headers, request->pool, borrow(claim.header), kept))
        {
            return false;
        }
        forget_variable(request, claim.variable);
    }
    return true;
}

}  // namespace token_introspect::nginx
