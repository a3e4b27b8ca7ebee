#pragma once

#include "nginx/block.hpp"

#include <set>
#include <string>
#include <vector>

namespace token_introspect::nginx {

/// Reads one token_client block line by line, then checks it as a whole.
class ClientBlock {
public:
    ClientBlock(ngx_conf_t *cf, std::string_view id, Place place);

    /// One directive of the block. An empty sentence when it was taken, else what is wrong.
    std::string take(const Words &args);

    /// The finished client, put into the configuration. An empty sentence, or what is wrong.
    std::string finish(MainConf &conf, bool active = true);

private:
    struct Directive {
        std::string_view name;
        std::size_t most;  ///< words after the name, of which there is one at least
        std::string (ClientBlock::*handler)(const Words &args);
    };
    static std::span<const Directive> directives() noexcept;

    std::string secret(const Words &args);
    std::string grant_types(const Words &args);
    std::string allowed_issuers(const Words &args);
    std::string token_format(const Words &args);
    std::string refresh_token(const Words &args);
    std::string expiration(const Words &args);
    std::string audience(const Words &args);
    std::string scope(const Words &args);

    ngx_conf_t *cf_;
    Place place_;
    issuer::Client client_;
    std::set<std::string, std::less<>> seen_;
};

/// Makes a client of a Client resource. An empty sentence, or what is wrong.
std::string add_client(ngx_conf_t *cf, MainConf &conf, const resource::OAuthClient &client,
                       const Place &place);

}  // namespace token_introspect::nginx
