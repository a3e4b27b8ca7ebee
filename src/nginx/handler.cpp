#include "nginx/authorization.hpp"
#include "nginx/bridge.h"
#include "nginx/forwarding.hpp"
#include "nginx/header_list.hpp"
#include "nginx/request.hpp"

namespace token_introspect::nginx {

namespace {

// The client's response when there is one, and never a Bearer token of its own.
bool set_introspected(ngx_http_request_t *request, const Request *own)
{
    const std::string_view jwt = own != nullptr ? own->introspection_jwt() : std::string_view();
    return jwt.empty() ? remove_bearer(request) : set_bearer(request, jwt);
}

// The token that the client's request got from the same exchanger, and nothing else: what another
// exchanger gave is for another upstream.
bool set_exchanged(ngx_http_request_t *request, const LocationConf &conf, const Request *own)
{
    const std::string_view token =
        own != nullptr ? own->exchanged_token(conf.exchanger) : std::string_view();
    return token.empty() ? remove_authorization(request) : set_bearer(request, token);
}

// A subrequest of somebody else's (SSI, mirror) shares its client request's headers: it gets a list
// of its own, with this location's claims and none of the client's forgeries.
bool forward_to_subrequest(ngx_http_request_t *request, const LocationConf &conf)
{
    const bool introspected =
        conf.enabled && conf.forwards_token == LocationConf::ForwardToken::kIntrospected;
    const Request *own = Request::of(request);
    // the headers are those that the client's request had when this one was made: it may have gone
    // on to another location since
    const bool exchanges = conf.exchanger != nullptr || conf.withholds_authorization
                           || (own != nullptr && own->has_exchanged() && !introspected);
    if ((!conf.forwards || conf.forwards->empty()) && !introspected && !exchanges) {
        return true;
    }
    const bool active = own != nullptr && own->decided() && own->code() == Code::kActive;
    return copy_headers(request->headers_in.headers, request->pool)
           && remove_spoofed_headers(request, conf)
           && (!introspected || set_introspected(request, own))
           && (!exchanges || set_exchanged(request, conf, own))
           && (!active || forward_claims(request, conf, own->claims()));
}

constexpr ngx_int_t kFailed = NGX_HTTP_INTERNAL_SERVER_ERROR;

// Before the access phase, because `satisfy any` may end that one before our handler is asked, and
// what the client forged must not reach the upstream even then.
ngx_int_t preaccess(ngx_http_request_t *request) noexcept
{
    return guarded(kFailed, [&]() -> ngx_int_t {
        const LocationConf &conf = location_conf(request);
        if (request != request->main) {
            const Subrequest *fetch = Subrequest::of(request);
            const bool passes = fetch != nullptr ? fetch->is_internal(request)
                                                 : forward_to_subrequest(request, conf);
            return passes ? NGX_DECLINED : kFailed;
        }
        if (!remove_spoofed_headers(request, conf)) {
            return kFailed;
        }
        if (!conf.enabled && conf.exchanger == nullptr) {
            Request *earlier = Request::of(request);
            return earlier == nullptr || earlier->leave() ? NGX_DECLINED : kFailed;
        }
        Request *own = Request::make(request);
        return own != nullptr ? own->prepare(conf) : kFailed;
    });
}

ngx_int_t access(ngx_http_request_t *request) noexcept
{
    return guarded(kFailed, [&]() -> ngx_int_t {
        const LocationConf &conf = location_conf(request);
        if (!conf.enabled) {
            return NGX_DECLINED;
        }
        Request *own = Request::make(request);
        return own != nullptr ? own->access(conf) : kFailed;
    });
}

// Not in the access phase: what makes a token costs nothing for a request that another module
// refuses, and such modules see the client's own credentials.
ngx_int_t precontent(ngx_http_request_t *request) noexcept
{
    return guarded(kFailed, [&]() -> ngx_int_t {
        const LocationConf &conf = location_conf(request);
        if (request != request->main) {
            return NGX_DECLINED;
        }
        if (conf.exchanger == nullptr) {
            return !conf.withholds_authorization || remove_authorization(request) ? NGX_DECLINED
                                                                                  : kFailed;
        }
        Request *own = Request::make(request);
        return own != nullptr ? own->exchange(conf) : kFailed;
    });
}

bool add(ngx_conf_t *cf, ngx_uint_t phase, ngx_http_handler_pt handler) noexcept
{
    auto *core = static_cast<ngx_http_core_main_conf_t *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
    auto *slot = static_cast<ngx_http_handler_pt *>(ngx_array_push(&core->phases[phase].handlers));
    if (slot == nullptr) {
        return false;
    }
    *slot = handler;
    return true;
}

}  // namespace

}  // namespace token_introspect::nginx

extern "C" ngx_int_t ti_add_handlers(ngx_conf_t *cf)
{
    using namespace token_introspect::nginx;
    const MainConf &conf = *main_conf(cf);
    if (conf.peers.empty() && conf.idle_introspectors.empty()) {
        return NGX_OK;
    }
    const bool added =
        add(cf, NGX_HTTP_PREACCESS_PHASE, preaccess) && add(cf, NGX_HTTP_ACCESS_PHASE, access)
        && (conf.exchangers.empty() || add(cf, NGX_HTTP_PRECONTENT_PHASE, precontent));
    return added ? NGX_OK : NGX_ERROR;
}
