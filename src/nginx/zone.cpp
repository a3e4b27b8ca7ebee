#include "nginx/zone.hpp"

#include "nginx/bridge.h"

#include <openssl/rand.h>

#include <span>
#include <type_traits>

namespace token_introspect::nginx {

namespace {

// All that nginx's allocator has in a new zone, as one block.
std::span<std::byte> whole(ngx_slab_pool_t *pool) noexcept
{
    const std::size_t size = pool->pfree * ngx_pagesize;
    void *block = size != 0 ? ngx_slab_alloc(pool, size) : nullptr;
    return {static_cast<std::byte *>(block), block != nullptr ? size : 0};
}

// As the directive calls it.
template <class Content>
constexpr const char *kWhat = std::is_same_v<Content, cache::Store> ? "token_zone" : "zone";

// The zone that the running configuration has under this name; nullptr when there is none.
const ngx_shm_zone_t *running_zone(const ngx_conf_t *cf, std::string_view name) noexcept
{
    const ngx_cycle_t *cycle = cf->cycle->old_cycle;
    for (const ngx_list_part_t *part = cycle != nullptr ? &cycle->shared_memory.part : nullptr;
         part != nullptr; part = part->next)
    {
        const auto *zones = static_cast<const ngx_shm_zone_t *>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            if (view(zones[i].shm.name) == name
                && zones[i].tag == &ngx_http_token_introspect_module)
            {
                return &zones[i];
            }
        }
    }
    return nullptr;
}

// nginx hands memory over to the next configuration only when its size is the same.
void warn_of_lost_revocations(ngx_conf_t *cf, std::string_view name, std::size_t size) noexcept
{
    const ngx_shm_zone_t *running = running_zone(cf, name);
    if (running != nullptr && running->shm.size != size) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "zone \"%V\" had another size, %uz bytes: it begins empty, and tokens "
                           "that were revoked count again until they expire",
                           &running->shm.name, running->shm.size);
    }
}

}  // namespace

void ZoneMemory::recovered() noexcept
{
    ngx_str_t name = {name_.size(), reinterpret_cast<u_char *>(const_cast<char *>(name_.data()))};
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "token_zone \"%V\" has been emptied: a process died while it changed the zone",
                  &name);
}

template <class Content>
SharedZone<Content> *SharedZone<Content>::add(ngx_conf_t *cf, std::string_view name,
                                              std::size_t size)
{
    ngx_str_t zone_name = copy(cf->pool, name);
    if (zone_name.data == nullptr) {
        return nullptr;
    }
    ngx_shm_zone_t *shm_zone =
        ngx_shared_memory_add(cf, &zone_name, size, &ngx_http_token_introspect_module);
    if (shm_zone == nullptr) {
        return nullptr;
    }
    if (shm_zone->data != nullptr) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s \"%V\" is defined twice", kWhat<Content>,
                           &zone_name);
        return nullptr;
    }
    if constexpr (std::is_same_v<Content, issuer::Ledger>) {
        warn_of_lost_revocations(cf, name, size);
    }
    auto *zone = make_in<SharedZone>(cf->pool, name, size);
    shm_zone->init = init;
    shm_zone->data = zone;
    return zone;
}

template <class Content>
ngx_int_t SharedZone<Content>::init(ngx_shm_zone_t *shm_zone, void *old) noexcept
{
    auto *zone = static_cast<SharedZone *>(shm_zone->data);
    auto *pool = reinterpret_cast<ngx_slab_pool_t *>(shm_zone->shm.addr);

    if (old != nullptr || shm_zone->shm.exists) {
        auto *root = static_cast<typename Content::Root *>(pool->data);
        if (Content::layout(root) != Content::kLayout) {
            ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                          "%s \"%V\" was made by another version of this module: give it "
                          "another name or restart nginx",
                          kWhat<Content>, &shm_zone->shm.name);
            return NGX_ERROR;
        }
        zone->open(pool, root);
        return NGX_OK;
    }

    std::array<std::uint64_t, 2> seed{};
    if (RAND_bytes(reinterpret_cast<unsigned char *>(seed.data()), sizeof seed) != 1) {
        return NGX_ERROR;
    }
    typename Content::Root *root = Content::format(whole(pool), seed);
    if (root == nullptr) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0, "%s \"%V\" is too small", kWhat<Content>,
                      &shm_zone->shm.name);
        return NGX_ERROR;
    }
    pool->data = root;
    zone->open(pool, root);
    return NGX_OK;
}

template <class Content>
void SharedZone<Content>::open(ngx_slab_pool_t *pool, typename Content::Root *root) noexcept
{
    memory_.emplace(pool, name_);
    content_.emplace(*memory_, root);
}

template class SharedZone<cache::Store>;
template class SharedZone<issuer::Ledger>;

}  // namespace token_introspect::nginx
