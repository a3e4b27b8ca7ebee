#include "nginx/policy_block.hpp"

#include "nginx/bridge.h"
#include "nginx/pattern.hpp"

namespace token_introspect::nginx {

namespace {

using Words = std::vector<std::string_view>;

/// Reads one token_policy block into the AccessPolicy resource that says the same.
class PolicyBlock {
public:
    PolicyBlock(ngx_conf_t *cf, std::string_view name)
        : cf_(cf),
          place_(Place::of(cf)),
          resource_(json_object())
    {
        set("id", name);
        set("resourceType", "AccessPolicy");
    }

    /// One directive of the block. An empty sentence when it was taken, else what is wrong.
    std::string take(const Words &args)
    {
        const std::string name(args[0]);
        if (name != "link" && json_object_get(resource_.get(), key_of(args[0])) != nullptr) {
            return "\"" + name + "\" directive is duplicate";
        }
        if (name == "link") {
            return link(args);
        }
        if (args.size() != 2) {
            return "invalid number of arguments in \"" + name + "\" directive";
        }
        if (name == "rule" || name == "file") {
            return rule(args);
        }
        if (name == "engine" || name == "role" || name == "description") {
            set(key_of(name), args[1]);
            return {};
        }
        return "unknown directive \"" + name
               + "\" in token_policy: use engine, rule, file, link, role or description";
    }

    std::string finish(MainConf &conf)
    {
        const std::string engine =
            json_string_value(json_object_get(resource_.get(), "engine")) != nullptr
                ? json_string_value(json_object_get(resource_.get(), "engine"))
                : "";
        if (engine.empty()) {
            return "\"engine\" is missing: use engine allow, matcho, json-schema or complex;";
        }
        if (engine == "allow" ? rule_ != nullptr : rule_ == nullptr) {
            return engine == "allow" ? "engine allow has no rule"
                                     : "\"rule\" (or \"file\") is missing";
        }
        if (engine == "complex") {
            if (!json_is_object(rule_.get())) {
                return "the rule of engine complex is an object with \"and\" or \"or\"";
            }
            json_object_update_missing(resource_.get(), rule_.get());
        } else if (rule_ != nullptr) {
            json_object_set(resource_.get(), engine == "json-schema" ? "schema" : engine.c_str(),
                            rule_.get());
        }
        return add_policy(cf_, conf, resource_.get(), place_);
    }

private:
    static const char *key_of(std::string_view directive) noexcept
    {
        return directive == "role"          ? "roleName"
               : directive == "engine"      ? "engine"
               : directive == "description" ? "description"
                                            : "";
    }

    void set(const char *key, std::string_view text)
    {
        if (json_object_set_new(resource_.get(), key, json_stringn(text.data(), text.size())) != 0)
        {
            throw std::bad_alloc();
        }
    }

    std::string link(const Words &args)
    {
        json_t *links = json_object_get(resource_.get(), "link");
        if (links == nullptr) {
            links = json_array();
            json_object_set_new(resource_.get(), "link", links);
        }
        for (std::size_t i = 1; i < args.size(); ++i) {
            const auto client = parameter(args[i], "client");
            const auto user = parameter(args[i], "user");
            const std::string id(client ? *client : user.value_or(""));
            if (id.empty()) {
                return "invalid link \"" + std::string(args[i]) + "\": write client=ID or user=ID";
            }
            const std::string reference = (client ? "Client/" : "User/") + id;
            json_array_append_new(links, json_pack("{s:s}", "reference", reference.c_str()));
        }
        return args.size() > 1 ? "" : "\"link\" needs client=ID or user=ID";
    }

    std::string rule(const Words &args)
    {
        if (rule_ != nullptr) {
            return "\"rule\" and \"file\" exclude each other";
        }
        if (args[0] == "rule") {
            auto parsed = resource::parse_json_document("rule", args[1]);
            if (!parsed) {
                return parsed.error();
            }
            rule_ = std::move(parsed->value);
            return {};
        }
        auto documents = resource::read_documents(full_path(cf_, args[1]));
        if (!documents) {
            return documents.error();
        }
        if (documents->size() != 1) {
            return "\"" + std::string(args[1]) + "\" holds no rule, or more than one";
        }
        rule_ = std::move(documents->front().value);
        return {};
    }

    ngx_conf_t *cf_;
    Place place_;
    Json resource_;
    Json rule_;
};

char *take_line(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return guarded(static_cast<char *>(NGX_CONF_ERROR), [&]() -> char * {
        const std::string problem = static_cast<PolicyBlock *>(conf)->take(words(cf));
        return problem.empty() ? NGX_CONF_OK : conf_error(cf, problem);
    });
}

char *read_block(ngx_conf_t *cf, MainConf &conf)
{
    const std::string name(words(cf)[1]);
    if (name.empty() || name == "off" || name == "*") {
        return conf_error(cf, "\"" + name + "\" cannot name a policy");
    }
    PolicyBlock block(cf, name);
    if (!read_lines(cf, take_line, &block)) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }
    const std::string problem = block.finish(conf);
    return problem.empty() ? NGX_CONF_OK
                           : conf_error(cf, "token_policy \"" + name + "\": " + problem);
}

}  // namespace

std::string add_policy(ngx_conf_t *cf, MainConf &conf, const json_t *resource, const Place &place)
{
    auto policy = policy::AccessPolicy::compile(resource, compile_pattern, cf);
    if (!policy) {
        return policy.error();
    }
    if (const ConfiguredPolicy *other = conf.find_policy(policy->id())) {
        return "a policy \"" + policy->id() + "\" is defined already in " + other->place.file + ":"
               + std::to_string(other->place.line);
    }
    conf.policies.push_back({.policy = std::move(*policy), .place = place});
    return {};
}

}  // namespace token_introspect::nginx

using namespace token_introspect::nginx;

extern "C" char *ti_token_policy(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return guarded(static_cast<char *>(NGX_CONF_ERROR),
                   [&] { return read_block(cf, *static_cast<MainConf *>(conf)); });
}
