#include "nginx/worker.hpp"

#include "nginx/bridge.h"

#include <openssl/rand.h>

#include <algorithm>

namespace token_introspect::nginx {

namespace {

// Who waits may need a second connection, to the issuer: half of them stay for other requests.
constexpr std::size_t kConnectionsPerSeat = 4;

std::uint64_t random_seed()
{
    std::uint64_t seed = 0;
    if (RAND_bytes(reinterpret_cast<unsigned char *>(&seed), sizeof seed) != 1) {
        throw std::bad_alloc();
    }
    return seed;
}

std::vector<cache::Store *> stores_of(MainConf &conf)
{
    std::vector<cache::Store *> stores;
    for (const ConfiguredPeer *configured : conf.peers) {
        stores.push_back(configured->zone->content());
    }
    return stores;
}

std::vector<issuer::IssuerContext> issuers_of(MainConf &conf)
{
    std::vector<issuer::IssuerContext> contexts;
    for (const ConfiguredIssuer &configured : conf.issuers) {
        std::int64_t leeway_s = 0;
        for (const ConfiguredIntrospector &one : conf.introspectors) {
            if (one.introspector.issued_by == configured.issuer.index) {
                leeway_s = std::max(leeway_s, one.introspector.rules.leeway_s);
            }
        }
        configured.zone->content()->set_leeway(leeway_s);
        contexts.push_back({.issuer = &configured.issuer,
                            .keys = &conf.key_rings[configured.issuer.index],
                            .ledger = configured.zone->content(),
                            .clients = &*conf.registry});
    }
    return contexts;
}

}  // namespace

Worker::Worker(MainConf &conf)
    : stores_(stores_of(conf)),
      seated_(stores_.size()),
      default_seats_(std::max<std::size_t>(1, ngx_cycle->connection_n / kConnectionsPerSeat)),
      issuers_(issuers_of(conf)),
      front_(random_seed()),
      environment_{.hasher = hasher_,
                   .states = conf.states,
                   .stores = stores_,
                   .host = *this,
                   .issuers = issuers_,
                   .users = &conf.users,
                   .front = &front_,
                   .exchangers = conf.exchanger_states}
{
    if (conf.document_directory) {
        environment_.files = &files_.emplace(conf.document_directory->path, *this);
    }
}

void Worker::settled(const cache::Key &key) noexcept
{
    waiting_.settled(key);
}

bool Worker::seat(const flow::Peer &peer) noexcept
{
    std::size_t &seated = seated_[peer.index];
    const std::size_t most = peer.max_waiting.value_or(default_seats_);
    if (most != 0 && seated >= most) {
        return false;
    }
    ++seated;
    return true;
}

void Worker::unseat(const flow::Peer &peer) noexcept
{
    --seated_[peer.index];
}

void Worker::report(Severity severity, const flow::Peer &peer, std::string_view text) noexcept
{
    const ngx_str_t message = borrow(text);
    const ngx_str_t role = borrow(flow::name(peer.role));
    const ngx_str_t name = borrow(peer.name);
    ngx_log_error(log_level(severity), ngx_cycle->log, 0, "token introspect: %V \"%V\": %V", &role,
                  &name, &message);
}

// nginx enters init_process once per process; a single process that reloads itself has to make up
// for that.
Worker &Worker::of(MainConf &conf)
{
    if (!conf.worker) {
        conf.worker = std::make_unique<Worker>(conf);
    }
    return *conf.worker;
}

// A request shares its variables with its subrequests, whose headers are their own: one must not be
// shown what the other has read.
void keep_authorization_fresh(ngx_cycle_t &cycle, const MainConf &conf) noexcept
{
    auto *core = static_cast<ngx_http_core_main_conf_t *>(
        ngx_http_cycle_get_module_main_conf((&cycle), ngx_http_core_module));
    if (core != nullptr && conf.authorization_variable != NGX_ERROR) {
        auto *variables = static_cast<ngx_http_variable_t *>(core->variables.elts);
        variables[conf.authorization_variable].flags |= NGX_HTTP_VAR_NOCACHEABLE;
    }
}

ngx_uint_t log_level(Severity severity) noexcept
{
    switch (severity) {
    case Severity::kDebug:
        return NGX_LOG_DEBUG;
    case Severity::kInfo:
        return NGX_LOG_INFO;
    case Severity::kWarn:
        return NGX_LOG_WARN;
    case Severity::kError:
        break;
    }
    return NGX_LOG_ERR;
}

}  // namespace token_introspect::nginx

using namespace token_introspect::nginx;

extern "C" {

ngx_int_t ti_init_process(ngx_cycle_t *cycle)
{
    return guarded(static_cast<ngx_int_t>(NGX_ERROR), [&]() -> ngx_int_t {
        auto *conf = static_cast<MainConf *>(
            ngx_http_cycle_get_module_main_conf(cycle, ngx_http_token_introspect_module));
        if (conf != nullptr && (!conf->peers.empty() || !conf->issuers.empty())) {
            Worker::of(*conf);
        }
        if (conf != nullptr && !conf->exchangers.empty()) {
            keep_authorization_fresh(*cycle, *conf);
        }
        return NGX_OK;
    });
}

}  // extern "C"
