#pragma once

#include "nginx/ngx.hpp"

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace token_introspect::nginx {

/// How a peer's absolute URLs are fetched.
struct TransportOptions {
    std::string connect_timeout = "2s";
    std::string send_timeout = "5s";
    std::string read_timeout = "5s";
    std::vector<std::string> resolver;  ///< the directive's words, empty: http's resolver
    std::string resolver_timeout;
    bool ssl_verify = true;
    std::string ssl_name;  ///< empty: the URL's host
    /// proxy_ssl_* directives without the prefix: trusted_certificate, certificate, …
    std::vector<std::pair<std::string, std::string>> ssl;
};

/// Where a subrequest for a URL goes.
struct Route {
    ngx_http_conf_ctx_t *server;  ///< the module's own server
    std::string url;              ///< for proxy_pass
    std::string_view host;        ///< Host header: the URL's authority
    std::string_view ssl_name;
};

/// The module's own internal server for one peer: a location that proxies to whatever URL
/// the fetch names, and an upstream with keepalive for every host known when nginx starts.
class Transport {
public:
    /// Makes server and upstreams while http{} is parsed. `urls` are the absolute URLs of the
    /// configuration, `prefix` begins the names of the upstreams. A sentence for `nginx -t` when something cannot be used; an empty sentence
    /// when nginx itself has logged the reason.
    std::expected<void, std::string> create(ngx_conf_t *cf, std::string_view prefix,
                                            const std::vector<std::string> &urls,
                                            const TransportOptions &options);

    /// The route for an absolute URL, configured or discovered. Nothing when the URL cannot be
    /// reached: no server was made, the URL is malformed, or it is https and nothing can verify it.
    [[nodiscard]] std::optional<Route> route(std::string_view text) const;

    /// The URI of the one location in the module's server.
    static constexpr std::string_view kLocation = "/";

private:
    struct Origin {
        std::string origin;    ///< scheme://authority, lower case
        std::string upstream;  ///< name of its upstream block, empty: resolved for each fetch
    };

    [[nodiscard]] bool uses_resolver() const noexcept;

    ngx_http_conf_ctx_t *server_ = nullptr;
    bool reaches_https_ = false;  ///< false: this system has nothing to verify a certificate with
    std::string ssl_name_;
    std::vector<Origin> origins_;
};

}  // namespace token_introspect::nginx
