#pragma once

#include "jose/key_source.hpp"
#include "nginx/conf.hpp"

#include <span>
#include <string>
#include <vector>

namespace token_introspect::nginx {

/// Reads `NAME VALUE|file:PATH [alg=ALG] [kty=KTY] [format=FORMAT] [kid=KID]`, of which `parameters`
/// says those that are permitted, and `formats` the formats. An empty sentence, or what is wrong.
std::string read_key_words(ngx_conf_t *cf, const std::vector<std::string_view> &args,
                           std::span<const std::string_view> parameters,
                           std::span<const std::string_view> formats, jose::KeySource &source);

}  // namespace token_introspect::nginx
