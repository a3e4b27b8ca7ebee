#include "nginx/transport.hpp"

#include "nginx/conf.hpp"
#include "token/metadata.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>

namespace token_introspect::nginx {

namespace {

// Where systems keep their certification authorities.
constexpr std::array<const char *, 5> kSystemAuthorities = {
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem", "/usr/local/share/certs/ca-root-nss.crt"};

constexpr int kKeepaliveConnections = 16;

const char *system_authorities() noexcept
{
    for (const char *path : kSystemAuthorities) {
        struct stat info{};
        if (::stat(path, &info) == 0) {
            return path;
        }
    }
    return nullptr;
}

std::string quoted(std::string_view text)
{
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
        }
        out += c;
    }
    return out += '"';
}

std::string origin_of(const token::Url &url)
{
    std::string origin = url.https ? "https://" : "http://";
    origin.append(url.authority);
    std::ranges::transform(origin, origin.begin(),
                           [](char c) { return static_cast<char>(ngx_tolower(c)); });
    return origin;
}

// host:port as nginx's `server` takes it.
std::string address_of(const token::Url &url)
{
    std::string address(url.authority);
    if (url.port.empty()) {
        address += url.https ? ":443" : ":80";
    }
    return address;
}

bool is_address_literal(std::string_view host) noexcept
{
    auto *data = reinterpret_cast<u_char *>(const_cast<char *>(host.data()));
    std::array<u_char, 16> ip6{};
    return ngx_inet_addr(data, host.size()) != INADDR_NONE
           || ngx_inet6_addr(data, host.size(), ip6.data()) == NGX_OK;
}

bool resolves(ngx_conf_t *cf, const std::string &address)
{
    ngx_url_t url;
    ngx_memzero(&url, sizeof url);
    url.url = copy(cf->pool, address);
    return url.url.data != nullptr && ngx_parse_url(cf->pool, &url) == NGX_OK;
}

// True when http{} has named a resolver already; it may also do so further down.
bool has_resolver(ngx_conf_t *cf) noexcept
{
    const auto *http = static_cast<const ngx_http_conf_ctx_t *>(cf->ctx);
    const auto *core = static_cast<const ngx_http_core_loc_conf_t *>(
        http->loc_conf[ngx_http_core_module.ctx_index]);
    return core->resolver != nullptr;
}

// Parses directives as if they stood at `cf`'s place, in another context.
bool parse_text(ngx_conf_t *cf, const std::string &text, void *context, ngx_uint_t type)
{
    const ngx_str_t source = copy(cf->pool, text + "}");
    if (source.data == nullptr) {
        return false;
    }
    ngx_buf_t buffer;
    ngx_memzero(&buffer, sizeof buffer);
    buffer.start = buffer.pos = source.data;
    buffer.end = buffer.last = source.data + source.len;

    ngx_conf_file_t file = *cf->conf_file;
    file.buffer = &buffer;
    file.dump = nullptr;

    const ngx_conf_t saved = *cf;
    cf->conf_file = &file;
    cf->ctx = context;
    cf->cmd_type = type;
    cf->module_type = NGX_HTTP_MODULE;
    cf->handler = nullptr;
    cf->handler_conf = nullptr;
    cf->args = ngx_array_create(cf->pool, 10, sizeof(ngx_str_t));
    const char *result =
        cf->args == nullptr ? static_cast<char *>(NGX_CONF_ERROR) : ngx_conf_parse(cf, nullptr);
    *cf = saved;
    return result == NGX_CONF_OK;
}

// A server{} as ngx_http_core_server makes one, but without a listen: no client can reach it.
ngx_http_conf_ctx_t *create_server(ngx_conf_t *cf)
{
    auto *http = static_cast<ngx_http_conf_ctx_t *>(cf->ctx);
    auto *server = static_cast<ngx_http_conf_ctx_t *>(ngx_pcalloc(cf->pool, sizeof *http));
    if (server == nullptr) {
        return nullptr;
    }
    server->main_conf = http->main_conf;
    server->srv_conf =
        static_cast<void **>(ngx_pcalloc(cf->pool, sizeof(void *) * ngx_http_max_module));
    server->loc_conf =
        static_cast<void **>(ngx_pcalloc(cf->pool, sizeof(void *) * ngx_http_max_module));
    if (server->srv_conf == nullptr || server->loc_conf == nullptr) {
        return nullptr;
    }
    for (ngx_uint_t i = 0; cf->cycle->modules[i] != nullptr; ++i) {
        const ngx_module_t *module = cf->cycle->modules[i];
        if (module->type != NGX_HTTP_MODULE) {
            continue;
        }
        const auto *hooks = static_cast<const ngx_http_module_t *>(module->ctx);
        if (hooks->create_srv_conf != nullptr) {
            void *conf = hooks->create_srv_conf(cf);
            if (conf == nullptr) {
                return nullptr;
            }
            server->srv_conf[module->ctx_index] = conf;
        }
        if (hooks->create_loc_conf != nullptr) {
            void *conf = hooks->create_loc_conf(cf);
            if (conf == nullptr) {
                return nullptr;
            }
            server->loc_conf[module->ctx_index] = conf;
        }
    }
    auto *core =
        static_cast<ngx_http_core_srv_conf_t *>(server->srv_conf[ngx_http_core_module.ctx_index]);
    core->ctx = server;
    auto *main =
        static_cast<ngx_http_core_main_conf_t *>(http->main_conf[ngx_http_core_module.ctx_index]);
    auto **slot = static_cast<ngx_http_core_srv_conf_t **>(ngx_array_push(&main->servers));
    if (slot == nullptr) {
        return nullptr;
    }
    *slot = core;
    return server;
}

std::expected<std::string, std::string> tls_directives(const TransportOptions &options)
{
#if !(NGX_HTTP_SSL)
    return std::unexpected("this nginx was built without TLS: https URLs cannot be used");
#else
    std::string text = "proxy_ssl_server_name on;"
                       "proxy_ssl_name $token_introspect_fetch_ssl_name;";
    auto given = [&options](std::string_view name) {
        return std::ranges::any_of(options.ssl,
                                   [name](const auto &entry) { return entry.first == name; });
    };
    if (!given("protocols")) {
        text += "proxy_ssl_protocols TLSv1.2 TLSv1.3;";  // older nginx would leave out 1.3
    }
    if (options.ssl_verify) {
        text += "proxy_ssl_verify on;proxy_ssl_verify_depth 4;";
        if (!given("trusted_certificate")) {
            const char *authorities = system_authorities();
            if (authorities == nullptr) {
                return std::unexpected("no certification authorities found on this system to "
                                       "verify the issuer: install ca-certificates, or set "
                                       "ssl_trusted_certificate");
            }
            text += "proxy_ssl_trusted_certificate " + quoted(authorities) + ";";
        }
    } else {
        text += "proxy_ssl_verify off;";
    }
    for (const auto &[name, value] : options.ssl) {
        // protocols are a list of words, the others one word each
        text += "proxy_ssl_" + name + " " + (name == "protocols" ? value : quoted(value)) + ";";
    }
    return text;
#endif
}

}  // namespace

std::expected<void, std::string> Transport::create(ngx_conf_t *cf, std::string_view prefix,
                                                   const std::vector<std::string> &urls,
                                                   const TransportOptions &options)
{
    ssl_name_ = options.ssl_name;
    server_ = create_server(cf);
    if (server_ == nullptr) {
        return std::unexpected("out of memory");
    }
    std::string upstreams;
    bool https = false;
    for (const std::string &text : urls) {
        const std::optional<token::Url> url = token::parse_url(text);
        if (!url) {
            return std::unexpected("\"" + text
                                   + "\" is not an absolute http or https URL: it must have a host "
                                     "and no user information, spaces or fragment");
        }
        https = https || url->https;
        std::string origin = origin_of(*url);
        if (std::ranges::any_of(origins_,
                                [&](const Origin &known) { return known.origin == origin; }))
        {
            continue;
        }
        const bool by_resolver =
            !is_address_literal(url->host) && (!options.resolver.empty() || has_resolver(cf));
        std::string name;
        if (!by_resolver && resolves(cf, address_of(*url))) {
            name = std::string(prefix) + "_" + std::to_string(origins_.size());
            upstreams += "upstream " + name + " {server " + quoted(address_of(*url)) + ";keepalive "
                         + std::to_string(kKeepaliveConnections) + ";}";
        } else if (!by_resolver) {
            conf_warning(cf, "host not found: \"" + std::string(url->host)
                                 + "\"; tokens will be refused until a resolver is set that finds "
                                   "it (resolver ADDRESS; here or in http)");
        }
        origins_.push_back({.origin = std::move(origin), .upstream = std::move(name)});
    }
    auto tls = tls_directives(options);
    reaches_https_ = tls.has_value();
    if (!reaches_https_ && https) {
        return std::unexpected(tls.error());
    }
    std::string server;
    if (!options.resolver.empty()) {
        server += "resolver";
        for (const std::string &word : options.resolver) {
            server += " " + quoted(word);
        }
        server += ";";
    }
    if (!options.resolver_timeout.empty()) {
        server += "resolver_timeout " + quoted(options.resolver_timeout) + ";";
    }
    // What http{} may set for other locations must not reach this one.
    server += "location / { token_introspect off;token_exchange off;"
              "proxy_pass $token_introspect_fetch_url;"
              "proxy_http_version 1.1;"
              "proxy_set_header Host $token_introspect_fetch_host;"
              "proxy_set_header Connection \"\";"
              "proxy_method $token_introspect_fetch_method;"
              "proxy_pass_request_headers on;proxy_pass_request_body on;"
              "proxy_cache off;proxy_store off;proxy_intercept_errors off;proxy_redirect off;"
              // unbuffered, because a buffered answer that outgrows proxy_buffers would stall:
              // nginx writes it out only for the request whose turn it is on the connection
              "proxy_buffering off;proxy_buffer_size 16k;proxy_buffers 8 16k;"
              "proxy_busy_buffers_size 32k;proxy_temp_file_write_size 32k;"
              "proxy_max_temp_file_size 0;proxy_ignore_client_abort on;"
              "proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate "
              "X-Accel-Buffering X-Accel-Charset Expires Cache-Control Set-Cookie Vary;"
              "client_max_body_size 0;proxy_limit_rate 0;"
              "proxy_next_upstream error non_idempotent;"
              "log_subrequest off;"
              "proxy_connect_timeout "
              + quoted(options.connect_timeout) + ";" + "proxy_send_timeout "
              + quoted(options.send_timeout) + ";" + "proxy_read_timeout "
              + quoted(options.read_timeout) + ";" + tls.value_or("") + "}";

    if (!parse_text(cf, upstreams, cf->ctx, NGX_HTTP_MAIN_CONF)
        || !parse_text(cf, server, server_, NGX_HTTP_SRV_CONF))
    {
        return std::unexpected("");
    }
    return {};
}

std::optional<Route> Transport::route(std::string_view text) const
{
    const std::optional<token::Url> url = token::parse_url(text);
    if (!url || server_ == nullptr || (url->https && !reaches_https_)) {
        return std::nullopt;
    }
    Route route{.server = server_,
                .url = url->https ? "https://" : "http://",
                .host = url->authority,
                .ssl_name = ssl_name_.empty() ? url->host : std::string_view(ssl_name_)};
    const std::string origin = origin_of(*url);
    const auto found =
        std::ranges::find_if(origins_, [&](const Origin &known) { return known.origin == origin; });
    if (found != origins_.end() && !found->upstream.empty()
        && (is_address_literal(url->host) || !uses_resolver()))
    {
        route.url += found->upstream;
    } else {
        route.url += url->authority;
    }
    if (!url->target.starts_with('/')) {
        route.url += '/';
    }
    route.url += url->target;
    return route;
}

// http's resolver may stand after the peer's block, so this is asked late.
bool Transport::uses_resolver() const noexcept
{
    const auto *core = static_cast<const ngx_http_core_loc_conf_t *>(
        server_->loc_conf[ngx_http_core_module.ctx_index]);
    return core->resolver != nullptr && core->resolver->connections.nelts != 0;
}

}  // namespace token_introspect::nginx
