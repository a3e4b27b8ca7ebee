#include "nginx/policy_block.hpp"

#include "nginx/block.hpp"
#include "nginx/bridge.h"
#include "nginx/pattern.hpp"

namespace token_introspect::nginx {

namespace {

/// Reads one token_policy block.
class PolicyBlock {
public:
    PolicyBlock(ngx_conf_t *cf, std::string_view name) : cf_(cf), name_(name), place_(Place::of(cf))
    {}

    /// One directive of the block. An empty sentence when it was taken, else what is wrong.
    std::string take(const Words &args)
    {
        const std::string_view name = args[0];
        if (name == "link") {
            return link(args);
        }
        if (args.size() != 2) {
            return "invalid number of arguments in \"" + std::string(name) + "\" directive";
        }
        if (name == "rule" || name == "file") {
            return rule(args);
        }
        std::optional<std::string> *text = name == "engine"        ? &engine_
                                           : name == "role"        ? &role_
                                           : name == "description" ? &description_
                                                                   : nullptr;
        if (text == nullptr) {
            return "unknown directive \"" + std::string(name)
                   + "\" in token_policy: use engine, rule, file, link, role or description";
        }
        if (*text) {
            return "\"" + std::string(name) + "\" directive is duplicate";
        }
        *text = args[1];
        return {};
    }

    std::string finish(MainConf &conf)
    {
        if (!engine_) {
            return "\"engine\" is missing: use engine allow, matcho, json-schema or complex;";
        }
        auto rule = policy::Rule::compile(*engine_, rule_.get(), compile_pattern, cf_);
        if (!rule) {
            return rule.error();
        }
        auto made = policy::AccessPolicy::make({.id = name_,
                                                .description = description_.value_or(""),
                                                .rule = std::move(*rule),
                                                .links = std::move(links_),
                                                .role_name = std::move(role_)});
        return made ? add_policy(conf, std::move(*made), place_) : made.error();
    }

private:
    std::string link(const Words &args)
    {
        if (args.size() == 1) {
            return "\"link\" needs client=ID or user=ID";
        }
        for (std::size_t i = 1; i < args.size(); ++i) {
            auto link = policy::AccessPolicy::link_from(args[i]);
            if (!link) {
                return link.error();
            }
            links_.push_back(std::move(*link));
        }
        return {};
    }

    std::string rule(const Words &args)
    {
        if (rule_ != nullptr) {
            return "\"rule\" and \"file\" exclude each other, and stand once";
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
    std::string name_;
    Place place_;
    std::optional<std::string> engine_;
    std::optional<std::string> role_;
    std::optional<std::string> description_;
    std::vector<policy::AccessPolicy::Link> links_;
    Json rule_;
};

char *define(ngx_conf_t *cf, MainConf &conf)
{
    const std::string name(words(cf)[1]);
    PolicyBlock block(cf, name);
    return read_block(cf, block, "token_policy " + quote(name),
                      [&](bool &) { return block.finish(conf); });
}

}  // namespace

std::string add_policy(MainConf &conf, policy::AccessPolicy policy, const Place &place)
{
    if (policy.id().empty() || policy.id() == "off" || policy.id() == "*") {
        return "\"" + policy.id() + "\" cannot name a policy";
    }
    if (const ConfiguredPolicy *other = conf.find_policy(policy.id())) {
        return "a policy \"" + policy.id() + "\" is defined already in " + other->place.file + ":"
               + std::to_string(other->place.line);
    }
    conf.policies.push_back({.policy = std::move(policy), .place = place});
    return {};
}

}  // namespace token_introspect::nginx

using namespace token_introspect::nginx;

extern "C" char *ti_token_policy(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return guarded(static_cast<char *>(NGX_CONF_ERROR),
                   [&] { return define(cf, *static_cast<MainConf *>(conf)); });
}
