#pragma once

#include "nginx/block.hpp"

#include <set>
#include <string>
#include <vector>

namespace token_introspect::nginx {

/// Reads one token_issuer block line by line, then checks it as a whole.
class IssuerBlock {
public:
    IssuerBlock(ngx_conf_t *cf, std::string_view name, Place place);

    /// One directive of the block. An empty sentence when it was taken, else what is wrong.
    std::string take(const Words &args);

    /// The finished issuer, put into the configuration. An empty sentence, or what is wrong; ""
    /// with `logged` set when nginx has said it already.
    std::string finish(MainConf &conf, bool &logged);

private:
    struct Directive {
        std::string_view name;
        std::size_t fewest;  ///< words after the name
        std::size_t most;
        bool repeats;
        std::string (IssuerBlock::*handler)(const Words &args);
    };
    static std::span<const Directive> directives() noexcept;

    std::string issuer(const Words &args);
    std::string key(const Words &args);
    std::string audience(const Words &args);
    std::string introspectors(const Words &args);
    std::string client_auth_limit(const Words &args);
    std::string zone(const Words &args);

    ngx_conf_t *cf_;
    ConfiguredIssuer configured_;
    issuer::TokenIssuer &issuer_;
    std::set<std::string, std::less<>> seen_;
};

/// What can be settled only once all of http is read: clients, and who validates for the issuers.
/// Says what is wrong and gives false.
bool settle_issuers(ngx_conf_t *cf, MainConf &conf);

}  // namespace token_introspect::nginx
