#include "nginx/bridge.h"
#include "nginx/conf.hpp"

namespace token_introspect::nginx {

namespace {

char *read_zone(ngx_conf_t *cf, MainConf &conf)
{
    const std::string_view word = words(cf)[1];
    const auto value = parameter(word, "zone");
    const std::size_t colon = value ? value->rfind(':') : std::string_view::npos;
    if (colon == std::string_view::npos || colon == 0) {
        return conf_error(cf, "invalid parameter \"" + std::string(word)
                                  + "\": write zone=NAME:SIZE, as zone=tokens:16m");
    }
    const auto size = parse_size(value->substr(colon + 1));
    if (!size || *size < Zone::kSmallest) {
        return conf_error(cf, "invalid zone size in \"" + std::string(word)
                                  + "\": at least 64k are needed");
    }
    Zone *zone = Zone::add(cf, value->substr(0, colon), *size);
    if (zone == nullptr) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    conf.zones.push_back(zone);
    return NGX_CONF_OK;
}

}  // namespace

}  // namespace token_introspect::nginx

using namespace token_introspect::nginx;

extern "C" char *ti_token_zone(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return guarded(static_cast<char *>(NGX_CONF_ERROR),
                   [&] { return read_zone(cf, *static_cast<MainConf *>(conf)); });
}
