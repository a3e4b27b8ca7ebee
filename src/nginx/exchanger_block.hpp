#pragma once

#include "nginx/peer_block.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace token_introspect::nginx {

/// Reads one token_exchanger block line by line, then checks it as a whole.
class ExchangerBlock final : public PeerBlock {
public:
    ExchangerBlock(ngx_conf_t *cf, std::string_view name, Place place);

    std::string take(const Words &args) override;
    std::string finish(MainConf &conf, bool &logged) override;

private:
    ExchangerBlock(ngx_conf_t *cf, std::unique_ptr<ConfiguredExchanger> configured,
                   std::string_view name, Place place);

    std::string token_endpoint(const Words &args);
    std::string grant(const Words &args);
    std::string audience(const Words &args);
    std::string resource(const Words &args);
    std::string scope(const Words &args);
    std::string token_type(const Words &args);
    std::string actor_token(const Words &args);

    std::string check_endpoint();
    std::string check_grant();
    std::string check_actor();

    std::unique_ptr<ConfiguredExchanger> configured_;
    flow::Exchanger &exchanger_;
};

}  // namespace token_introspect::nginx
