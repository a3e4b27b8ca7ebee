#include "nginx/bridge.h"
#include "nginx/conf.hpp"
#include "nginx/token_endpoint.hpp"
#include "token/metadata.hpp"

#include "base/text.hpp"

#include <algorithm>

// The directives that give a location to a token_issuer.

namespace token_introspect::nginx {

namespace {

constexpr std::string_view kSecondHandler =
    "a location has an endpoint of a token_issuer and another directive that answers its requests, "
    "such as proxy_pass: only one of them can";

// The URL by which clients know the location.
std::string public_url(std::string_view issuer, std::string_view location)
{
    constexpr std::string_view delimiter = "://";
    const std::size_t host = issuer.find(delimiter) + delimiter.size();
    std::string url(issuer.substr(0, issuer.find('/', host)));
    for (const char c : location) {
        url += c == '/' ? std::string(1, c) : percent_encode({&c, 1});
    }
    return url;
}

char *set_endpoint(ngx_conf_t *cf, void *conf, ngx_http_handler_pt handler,
                   std::string issuer::TokenIssuer::Endpoints::*url)
{
    auto &location = *static_cast<LocationConf *>(conf);
    const auto args = words(cf);
    if (location.endpoint != nullptr) {
        return location.endpoint == handler
                   ? const_cast<char *>("is duplicate")
                   : conf_error(cf, "a location has one endpoint of a token_issuer: \""
                                        + std::string(args[0]) + "\" is the second");
    }
    auto *core = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
    if (core->handler != nullptr) {
        return conf_error(cf, std::string(kSecondHandler));
    }
    const auto found =
        std::ranges::find_if(main_conf(cf)->issuers, [&](const ConfiguredIssuer &configured) {
            return configured.issuer.name == args[1];
        });
    if (found == main_conf(cf)->issuers.end()) {
        return conf_error(cf, unknown_issuer(args[1], args[0]));
    }
    location.token_issuer = &*found;
    location.endpoint = handler;
    location.endpoint_place = Place::of(cf);
    core->handler = handler;
#if (NGX_PCRE)
    const bool is_prefix = core->regex == nullptr && !core->named && !core->noname;
#else
    const bool is_prefix = !core->named && !core->noname;
#endif
    if (url != nullptr && is_prefix && (found->issuer.endpoints.*url).empty()) {
        found->issuer.endpoints.*url = public_url(found->issuer.issuer, view(core->name));
    }
    return NGX_CONF_OK;
}

char *endpoint(ngx_conf_t *cf, void *conf, ngx_http_handler_pt handler,
               std::string issuer::TokenIssuer::Endpoints::*url) noexcept
{
    return guarded(static_cast<char *>(NGX_CONF_ERROR),
                   [&] { return set_endpoint(cf, conf, handler, url); });
}

}  // namespace

bool inherit_endpoint(ngx_conf_t *cf, const LocationConf &parent, LocationConf &child) noexcept
{
    auto *core = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
    if (child.endpoint != nullptr) {
        if (core->handler == child.endpoint) {
            return true;
        }
        const ngx_str_t message = borrow(kSecondHandler);
        const ngx_str_t file = borrow(child.endpoint_place.file);
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "%V in %V:%ui", &message, &file,
                      child.endpoint_place.line);
        return false;
    }
    if (!core->noname || parent.token_issuer == nullptr) {
        return true;
    }
    child.token_issuer = parent.token_issuer;
    child.endpoint = parent.endpoint;
    if (core->lmt_excpt && core->handler == nullptr) {
        core->handler = child.endpoint;
    }
    return true;
}

}  // namespace token_introspect::nginx

using namespace token_introspect;
using namespace token_introspect::nginx;

extern "C" {

char *ti_token_exchange_endpoint(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return endpoint(cf, conf, serve_token_exchange, &issuer::TokenIssuer::Endpoints::token);
}

char *ti_token_jwks(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return endpoint(cf, conf, serve_token_jwks, &issuer::TokenIssuer::Endpoints::jwks);
}

char *ti_token_introspection_endpoint(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return endpoint(cf, conf, serve_token_introspection,
                    &issuer::TokenIssuer::Endpoints::introspection);
}

char *ti_token_revocation_endpoint(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return endpoint(cf, conf, serve_token_revocation, &issuer::TokenIssuer::Endpoints::revocation);
}

char *ti_token_metadata(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return endpoint(cf, conf, serve_token_metadata, nullptr);
}

}  // extern "C"
