#pragma once

#include "nginx/conf.hpp"
#include "resource/resource.hpp"

#include <string>

namespace token_introspect::nginx {

/// Compiles an AccessPolicy resource and makes it known by its id. An empty sentence, or what is
/// wrong.
std::string add_policy(ngx_conf_t *cf, MainConf &conf, const json_t *resource, const Place &place);

}  // namespace token_introspect::nginx
