#pragma once

#include "nginx/conf.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// What blocks of directives have in common, whatever they define.

namespace token_introspect::nginx {

/// The words of a directive, its name first.
using Words = std::vector<std::string_view>;

/// The longest time that a directive of a block takes.
inline constexpr std::uint64_t kMostSeconds = 86400;

std::string quote(std::string_view text);

/// What is wrong with a directive's word, and what would be right.
std::string invalid_word(const Words &args, std::size_t index, std::string_view cure);

/// What is wrong with an address that is no internal location and no absolute URL, else "".
std::string check_uri(const Words &args, std::size_t index);

/// Whether the word is on or off, by `out`; else what is wrong.
std::string read_flag(const Words &args, bool &out);

/// The time of a cache, 0 for off, by `out_ms`; else what is wrong.
std::string read_ttl(const Words &args, std::uint64_t &out_ms);

/// Has `block.take(words)` read each line of the block at `cf`'s place; it gives an empty sentence, or
/// what is wrong. Then calls `finish(logged)`, which checks the block as a whole and gives such a
/// sentence about `what`, or "" with `logged` set when nginx has said it already.
template <class Block, class Finish>
char *read_block(ngx_conf_t *cf, Block &block, const std::string &what, Finish finish)
{
    const auto take_line = [](ngx_conf_t *at, ngx_command_t *, void *object) -> char * {
        return guarded(static_cast<char *>(NGX_CONF_ERROR), [&]() -> char * {
            const std::string problem = static_cast<Block *>(object)->take(words(at));
            return problem.empty() ? NGX_CONF_OK : conf_error(at, problem);
        });
    };
    bool logged = false;
    if (!read_lines(cf, take_line, &block)) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    const std::string problem = finish(logged);
    if (problem.empty() && !logged) {
        return NGX_CONF_OK;
    }
    return logged ? static_cast<char *>(NGX_CONF_ERROR) : conf_error(cf, what + ": " + problem);
}

}  // namespace token_introspect::nginx
