#include "nginx/worker.hpp"

#include "nginx/bridge.h"

namespace token_introspect::nginx {

namespace {

std::vector<cache::Store *> stores_of(MainConf &conf)
{
    std::vector<cache::Store *> stores;
    for (const ConfiguredIntrospector &configured : conf.introspectors) {
        stores.push_back(configured.zone->store());
    }
    return stores;
}

}  // namespace

Worker::Worker(MainConf &conf)
    : stores_(stores_of(conf)),
      environment_{.hasher = hasher_,
                   .states = conf.states,
                   .stores = stores_,
                   .host = *this,
                   .users = &conf.users}
{}

void Worker::settled(const cache::Key &key) noexcept
{
    waiting_.settled(key);
}

void Worker::report(Severity severity, const flow::Introspector &introspector,
                    std::string_view text) noexcept
{
    const ngx_str_t message = borrow(text);
    const ngx_str_t name = borrow(introspector.name);
    ngx_log_error(log_level(severity), ngx_cycle->log, 0,
                  "token introspect: introspector \"%V\": %V", &name, &message);
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
        if (conf != nullptr && !conf->introspectors.empty()) {
            Worker::of(*conf);
        }
        return NGX_OK;
    });
}

}  // extern "C"
