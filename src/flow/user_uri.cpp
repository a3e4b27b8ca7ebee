#include "flow/user_uri.hpp"

#include "base/text.hpp"

namespace token_introspect::flow {

std::string user_uri(std::string_view endpoint, std::string_view id)
{
    const std::size_t first = std::min(endpoint.find(kUserIdVariable), endpoint.size());
    const bool in_path = endpoint.find('?') > first;
    if (in_path && (id == "." || id == ".." || id.find_first_of("/\\") != std::string_view::npos)) {
        return {};
    }
    const std::string encoded = percent_encode(id);
    std::string uri;
    std::string_view rest = endpoint;
    std::size_t at = rest.find(kUserIdVariable);
    if (at == std::string_view::npos) {
        return std::string(endpoint) + encoded;
    }
    for (; at != std::string_view::npos; at = rest.find(kUserIdVariable)) {
        uri.append(rest.substr(0, at)).append(encoded);
        rest.remove_prefix(at + kUserIdVariable.size());
    }
    return uri.append(rest);
}

}  // namespace token_introspect::flow
