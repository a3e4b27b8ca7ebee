#pragma once

#include "policy/pattern.hpp"

namespace token_introspect::nginx {

/// A policy::PatternCompiler over nginx's PCRE; `context` is the ngx_conf_t.
std::expected<std::unique_ptr<policy::Pattern>, std::string> compile_pattern(void *context,
                                                                             std::string_view text);

}  // namespace token_introspect::nginx
