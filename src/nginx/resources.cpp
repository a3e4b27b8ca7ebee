#include "nginx/bridge.h"
#include "nginx/introspector_block.hpp"
#include "nginx/pattern.hpp"
#include "nginx/policy_block.hpp"

#include "resource/token_introspector.hpp"
#include "resource/vault.hpp"

namespace token_introspect::nginx {

namespace {

Place place_of(const resource::Resource &resource)
{
    return {.file = resource.source->file,
            .line = resource.source->lines.find(resource.json.get())};
}

std::string take_introspector(ngx_conf_t *cf, MainConf &conf, const resource::Resource &resource,
                              const resource::Vault *vault)
{
    auto block = resource::make_block(resource, vault);
    if (!block) {
        return block.error();
    }
    for (const std::string &warning : block->warnings) {
        conf_warning(cf, warning);
    }
    if (block->matches_nothing) {
        if (const std::string wrong = check_introspector_name(conf, block->name); !wrong.empty()) {
            return resource.sentence(wrong);
        }
        conf.idle_introspectors.insert(block->name);
        return {};
    }
    const std::string problem =
        add_introspector(cf, conf, block->name, block->lines, place_of(resource));
    return problem.empty() ? "" : resource.sentence(problem);
}

std::string add_resource(ngx_conf_t *cf, MainConf &conf, const resource::Resource &resource,
                         const resource::Vault *vault)
{
    if (resource.type == "TokenIntrospector") {
        return take_introspector(cf, conf, resource, vault);
    }
    if (resource.type == "AccessPolicy") {
        auto policy = policy::AccessPolicy::compile(resource.json.get(), compile_pattern, cf);
        const std::string problem =
            policy ? add_policy(conf, std::move(*policy), place_of(resource)) : policy.error();
        return problem.empty() ? "" : resource.sentence(problem);
    }
    if (resource.type == "Client") {
        conf.client_resources.push_back(
            {.client = resource::make_oauth_client(resource, vault), .place = place_of(resource)});
    }
    return {};  // Users, Roles and Clients are put together when all files are read
}

std::string read_file(ngx_conf_t *cf, MainConf &conf, const std::string &path,
                      const resource::Vault *vault)
{
    auto resources = resource::read_resources(path);
    if (!resources) {
        return resources.error();
    }
    for (resource::Resource &resource : *resources) {
        if (std::string problem = add_resource(cf, conf, resource, vault); !problem.empty()) {
            return problem;
        }
        conf.resources.push_back(std::move(resource));
    }
    return {};
}

// The files that a pattern stands for, in nginx's own order for `include`.
std::string matching_files(ngx_conf_t *cf, const std::string &pattern,
                           std::vector<std::string> &files)
{
    if (pattern.find_first_of("*?[") == std::string::npos) {
        files.push_back(pattern);
        return {};
    }
    ngx_str_t copied = copy(cf->pool, pattern);
    ngx_glob_t glob;
    ngx_memzero(&glob, sizeof glob);
    glob.pattern = copied.data;
    glob.log = cf->log;
    glob.test = 1;  // that nothing matches is said below
    if (copied.data == nullptr || ngx_open_glob(&glob) != NGX_OK) {
        return "the files of \"" + pattern + "\" cannot be listed";
    }
    ngx_str_t name;
    while (ngx_read_glob(&glob, &name) == NGX_OK) {
        files.emplace_back(view(name));
    }
    ngx_close_glob(&glob);
    if (files.empty()) {
        return "no file matches \"" + pattern + "\"";
    }
    return {};
}

std::string read_all(ngx_conf_t *cf, MainConf &conf)
{
    std::optional<resource::Vault> vault;
    std::vector<std::string> files;
    const auto args = words(cf);
    for (std::size_t i = 1; i < args.size(); ++i) {
        if (const auto path = parameter(args[i], "vault")) {
            auto read = resource::Vault::read(full_path(cf, *path));
            if (!read) {
                return read.error();
            }
            vault = std::move(*read);
            continue;
        }
        if (std::string problem = matching_files(cf, full_path(cf, args[i]), files);
            !problem.empty())
        {
            return problem;
        }
    }
    if (files.empty()) {
        return "\"token_resources\" needs a file, or a pattern such as resources/*.yaml";
    }
    for (const std::string &file : files) {
        if (std::string problem = read_file(cf, conf, file, vault ? &*vault : nullptr);
            !problem.empty())
        {
            return problem;
        }
    }
    return {};
}

}  // namespace

}  // namespace token_introspect::nginx

using namespace token_introspect::nginx;

extern "C" char *ti_token_resources(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return guarded(static_cast<char *>(NGX_CONF_ERROR), [&]() -> char * {
        const std::string problem = read_all(cf, *static_cast<MainConf *>(conf));
        return problem.empty() ? NGX_CONF_OK : conf_error(cf, problem);
    });
}
