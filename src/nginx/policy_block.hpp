#pragma once

#include "nginx/conf.hpp"

#include <string>

namespace token_introspect::nginx {

/// Makes a policy known by its id. An empty sentence, or what is wrong.
std::string add_policy(MainConf &conf, policy::AccessPolicy policy, const Place &place);

}  // namespace token_introspect::nginx
