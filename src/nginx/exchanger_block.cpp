#include "nginx/exchanger_block.hpp"

#include "nginx/bridge.h"
#include "token/metadata.hpp"
#include "token/scope.hpp"

#include <algorithm>
#include <array>

namespace token_introspect::nginx {

namespace {

constexpr std::string_view kFilePrefix = "file:";
constexpr std::string_view kAccessToken = "access_token";

}  // namespace

ExchangerBlock::ExchangerBlock(ngx_conf_t *cf, std::string_view name, Place place)
    : ExchangerBlock(cf, std::make_unique<ConfiguredExchanger>(), name, std::move(place))
{}

ExchangerBlock::ExchangerBlock(ngx_conf_t *cf, std::unique_ptr<ConfiguredExchanger> configured,
                               std::string_view name, Place place)
    : PeerBlock(cf, *configured, name, std::move(place)),
      configured_(std::move(configured)),
      exchanger_(configured_->exchanger)
{}

std::string ExchangerBlock::take(const Words &args)
{
    using B = ExchangerBlock;
    using D = Directive<B>;
    static constexpr std::array directives = {
        D{"token_endpoint", 1, 1, &B::token_endpoint},
        D{"grant", 1, 1, &B::grant},
        D{"audience", 1, kMany, &B::audience},
        D{"resource", 1, kMany, &B::resource},
        D{"scope", 1, kMany, &B::scope},
        D{"requested_token_type", 1, 1, &B::token_type},
        D{"subject_token_type", 1, 1, &B::token_type},
        D{"actor_token", 1, 1, &B::actor_token},
        D{"actor_token_type", 1, 1, &B::token_type},
    };
    return take_as<B>(*this, directives, args);
}

std::string ExchangerBlock::token_endpoint(const Words &args)
{
    exchanger_.token_endpoint = args[1];
    return check_uri(args, 1);
}

std::string ExchangerBlock::grant(const Words &args)
{
    if (args[1] == "token-exchange") {
        exchanger_.grant = flow::Exchanger::Grant::kTokenExchange;
    } else if (args[1] == "client_credentials") {
        exchanger_.grant = flow::Exchanger::Grant::kClientCredentials;
    } else {
        return invalid_word(args, 1, "use token-exchange or client_credentials");
    }
    return {};
}

std::string ExchangerBlock::audience(const Words &args)
{
    if (std::ranges::find(args, "") != args.end()) {
        return "an audience cannot be empty";
    }
    exchanger_.request.audiences.assign(args.begin() + 1, args.end());
    return {};
}

std::string ExchangerBlock::resource(const Words &args)
{
    for (std::size_t i = 1; i < args.size(); ++i) {
        if (!token::is_absolute_uri(args[i])) {
            return invalid_word(args, i, "use an absolute URI without fragment");
        }
    }
    exchanger_.request.resources.assign(args.begin() + 1, args.end());
    return {};
}

std::string ExchangerBlock::scope(const Words &args)
{
    std::string &scope = exchanger_.request.scope;
    for (std::size_t i = 1; i < args.size(); ++i) {
        if (!token::is_scope(args[i])) {
            return quote(args[i]) + " is not a scope";
        }
        scope.append(scope.empty() ? "" : " ").append(args[i]);
    }
    return {};
}

std::string ExchangerBlock::token_type(const Words &args)
{
    std::optional<std::string> uri = token::token_type_uri(args[1]);
    if (!uri) {
        return invalid_word(args, 1,
                            "use access_token, refresh_token, id_token, jwt, or the URI of a type");
    }
    token::TokenRequest &request = exchanger_.request;
    (args[0] == "requested_token_type" ? request.requested_token_type
     : args[0] == "subject_token_type" ? request.subject_token_type
                                       : request.actor_token_type) = std::move(*uri);
    return {};
}

std::string ExchangerBlock::actor_token(const Words &args)
{
    const bool from_file = args[1].starts_with(kFilePrefix);
    const std::string_view value = from_file ? args[1].substr(kFilePrefix.size()) : args[1];
    if (value.empty()) {
        return "\"actor_token\" cannot be empty";
    }
    if (from_file) {
        exchanger_.actor_token_file = full_path(cf_, value);
    } else {
        exchanger_.actor_token = value;
    }
    return {};
}

std::string ExchangerBlock::check_endpoint()
{
    return has("token_endpoint") ? ""
                                 : "a token_exchanger needs a token_endpoint: token_endpoint "
                                   "https://…;";
}

// A directive that has no effect would be a mistake that nobody sees.
std::string ExchangerBlock::check_grant()
{
    if (exchanger_.exchanges_tokens()) {
        return {};
    }
    for (const std::string_view name :
         {"requested_token_type", "subject_token_type", "actor_token", "actor_token_type"})
    {
        if (has(name)) {
            return quote(name)
                   + " serves grant token-exchange: client_credentials asks for a token of the "
                     "gateway's own";
        }
    }
    // RFC 6749 section 4.4: only for clients that can prove who they are
    const bool proves = exchanger_.credentials.method != token::ClientAuth::kNone
                        || has("authorization") || has("authorization_file")
                        || has("ssl_certificate");
    return proves ? ""
                  : "\"grant client_credentials\" needs credentials: client_id and client_secret "
                    "(or authorization, or ssl_certificate)";
}

std::string ExchangerBlock::check_actor()
{
    if (has("actor_token_type") && !has("actor_token")) {
        return "\"actor_token_type\" has no effect without actor_token";
    }
    for (std::string *type :
         {&exchanger_.request.subject_token_type, &exchanger_.request.actor_token_type})
    {
        if (type->empty()) {
            *type = *token::token_type_uri(kAccessToken);
        }
    }
    return {};
}

std::string ExchangerBlock::finish(MainConf &conf, bool &logged)
{
    using B = ExchangerBlock;
    static constexpr auto checks = std::to_array<std::string (B::*)()>(
        {&B::check_endpoint, &B::check_client, &B::check_grant, &B::check_actor});
    for (const auto check : checks) {
        if (std::string problem = (this->*check)(); !problem.empty()) {
            return problem;
        }
    }
    complete();
    auto state = flow::ExchangerState::load(exchanger_);
    if (!state) {
        return state.error();
    }
    if (!exchanger_.token_endpoint.starts_with('/')) {
        std::string problem =
            make_transport("token_exchange_" + std::to_string(conf.exchangers.size()),
                           {exchanger_.token_endpoint}, logged);
        if (logged || !problem.empty()) {
            return problem;
        }
    }
    conf.exchanger_states.push_back(std::move(*state));
    conf.exchangers.push_back(std::move(*configured_));
    return {};
}

namespace {

char *read_block(ngx_conf_t *cf, MainConf &conf)
{
    const std::string_view name = words(cf)[1];
    if (name.empty() || name == "off") {
        return conf_error(cf, quote(name) + " cannot name an exchanger");
    }
    if (const ConfiguredExchanger *other = conf.find_exchanger(name)) {
        return conf_error(cf, "token_exchanger " + quote(name) + " is defined already in "
                                  + other->place.file + ":" + std::to_string(other->place.line));
    }
    ExchangerBlock block(cf, name, Place::of(cf));
    return read_peer(cf, conf, name, block);
}

}  // namespace

}  // namespace token_introspect::nginx

extern "C" char *ti_token_exchanger(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    using namespace token_introspect::nginx;
    return guarded(static_cast<char *>(NGX_CONF_ERROR),
                   [&] { return read_block(cf, *static_cast<MainConf *>(conf)); });
}
