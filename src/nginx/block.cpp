#include "nginx/block.hpp"

#include "token/metadata.hpp"

#include <optional>

namespace token_introspect::nginx {

std::string quote(std::string_view text)
{
    return "\"" + std::string(text) + "\"";
}

std::string invalid_word(const Words &args, std::size_t index, std::string_view cure)
{
    return "invalid value " + quote(args[index]) + " in " + quote(args[0]) + ": "
           + std::string(cure);
}

std::string check_uri(const Words &args, std::size_t index)
{
    const std::string_view text = args[index];
    const bool internal = text.starts_with('/') && !text.starts_with("//");
    return internal || token::parse_url(text)
               ? ""
               : invalid_word(args, index,
                              "use an internal location (/name) or an absolute http:// or https:// "
                              "URL without user information or fragment");
}

std::string read_flag(const Words &args, bool &out)
{
    out = args[1] == "on";
    return out || args[1] == "off" ? "" : invalid_word(args, 1, "use on or off");
}

std::string read_ttl(const Words &args, std::uint64_t &out_ms)
{
    const auto ms = args[1] == "off" ? std::optional<std::uint64_t>(0) : parse_time(args[1]);
    if (!ms || (*ms != 0 && (*ms < 1000 || *ms > kMostSeconds * 1000))) {
        return invalid_word(args, 1, "use a time from 1s to 86400s, or off");
    }
    out_ms = *ms;
    return {};
}

}  // namespace token_introspect::nginx
