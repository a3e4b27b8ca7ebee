#include "nginx/bridge.h"
#include "nginx/conf.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

// jwks_cache_path: the directory that flow::DocumentFiles works in.

namespace token_introspect::nginx {

namespace {

// What is wrong with what stands at the path already, else an empty sentence. nginx would take
// whatever is there, and give it to the workers' user.
std::string check(const std::string &path)
{
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) {
        return errno == ENOENT ? "" : "\"" + path + "\": " + std::strerror(errno);
    }
    if (!S_ISDIR(info.st_mode)) {
        return "\"" + path + "\" is not a directory: \"jwks_cache_path\" needs one of its own";
    }
    if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return "\"" + path
               + "\" may be written by its group or others, so nothing in it can be trusted: give "
                 "it mode 0700";
    }
    return {};
}

char *set_directory(ngx_conf_t *cf, MainConf &conf, std::string_view word)
{
    if (conf.document_directory) {
        return const_cast<char *>("is duplicate");
    }
    // nginx's own function: relative to its prefix, as proxy_cache_path
    ngx_str_t name = copy(cf->pool, word);
    auto *path = static_cast<ngx_path_t *>(ngx_pcalloc(cf->pool, sizeof(ngx_path_t)));
    if (name.data == nullptr || path == nullptr) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    while (name.len > 1 && name.data[name.len - 1] == '/') {
        name.data[--name.len] = '\0';
    }
    if (name.len == 0 || view(name) == "/") {
        return conf_error(cf, "\"jwks_cache_path\" needs a directory of its own");
    }
    if (ngx_conf_full_name(cf->cycle, &name, 0) != NGX_OK) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    if (const std::string problem = check(std::string(view(name))); !problem.empty()) {
        return conf_error(cf, problem);
    }
    path->name = name;
    path->data = &conf;  // nobody else's, so that nginx refuses to share it
    path->conf_file = cf->conf_file->file.name.data;
    path->line = cf->conf_file->line;
    if (ngx_add_path(cf, &path) != NGX_OK) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    conf.document_directory = {.path = std::string(view(name)), .place = Place::of(cf)};
    return NGX_CONF_OK;
}

}  // namespace

}  // namespace token_introspect::nginx

using namespace token_introspect::nginx;

extern "C" char *ti_jwks_cache_path(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return guarded(static_cast<char *>(NGX_CONF_ERROR),
                   [&] { return set_directory(cf, *static_cast<MainConf *>(conf), words(cf)[1]); });
}
