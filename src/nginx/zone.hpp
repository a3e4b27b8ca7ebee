#pragma once

#include "cache/store.hpp"
#include "issuer/ledger.hpp"
#include "nginx/ngx.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace token_introspect::nginx {

/// nginx's lock of a zone as that of what lives in it.
class ZoneMemory final : public cache::Memory {
public:
    /// `name` must outlive it.
    ZoneMemory(ngx_slab_pool_t *pool, std::string_view name) noexcept : pool_(pool), name_(name) {}

    void lock() noexcept override { ngx_shmtx_lock(&pool_->mutex); }
    void unlock() noexcept override { ngx_shmtx_unlock(&pool_->mutex); }
    void recovered() noexcept override;

private:
    ngx_slab_pool_t *pool_;
    std::string_view name_;
};

/// Shared memory that belongs to one `Content`, cache::Store or issuer::Ledger, and once nginx has
/// mapped it, this process's object over it.
template <class Content> class SharedZone {
public:
    static constexpr std::size_t kSmallest = 64 * 1024;

    /// Registers the zone with nginx; nullptr when the name is taken by another module or size.
    static SharedZone *add(ngx_conf_t *cf, std::string_view name, std::size_t size);

    [[nodiscard]] const std::string &name() const noexcept { return name_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// Only once the configuration is in use.
    [[nodiscard]] Content *content() noexcept { return content_ ? &*content_ : nullptr; }

    SharedZone(std::string_view name, std::size_t size) : name_(name), size_(size) {}

private:
    static ngx_int_t init(ngx_shm_zone_t *shm_zone, void *old) noexcept;
    void open(ngx_slab_pool_t *pool, typename Content::Root *root) noexcept;

    std::string name_;
    std::size_t size_;
    std::optional<ZoneMemory> memory_;
    std::optional<Content> content_;
};

/// A token_zone.
using Zone = SharedZone<cache::Store>;
/// The zone of a token_issuer.
using LedgerZone = SharedZone<issuer::Ledger>;

extern template class SharedZone<cache::Store>;
extern template class SharedZone<issuer::Ledger>;

}  // namespace token_introspect::nginx
