#pragma once

#include "flow/environment.hpp"

#include <optional>
#include <utility>

namespace token_introspect::flow {

/// The right to ask for a key on behalf of all who want it. Ends exactly once: by publish or fail,
/// or abandoned by the destructor; whoever waits is told each time. With a circuit, its end also
/// tells how the endpoint does.
class Lease {
public:
    Lease() = default;
    Lease(cache::Store &store, Host &host, const cache::Key &key, cache::LeaseId id,
          std::optional<cache::Key> circuit = std::nullopt) noexcept
        : store_(&store),
          host_(&host),
          key_(key),
          circuit_(circuit),
          id_(id)
    {}
    Lease(Lease &&other) noexcept
        : store_(std::exchange(other.store_, nullptr)),
          host_(other.host_),
          key_(other.key_),
          circuit_(other.circuit_),
          id_(other.id_)
    {}
    Lease &operator=(Lease &&other) noexcept
    {
        if (this != &other) {
            abandon();
            store_ = std::exchange(other.store_, nullptr);
            host_ = other.host_;
            key_ = other.key_;
            circuit_ = other.circuit_;
            id_ = other.id_;
        }
        return *this;
    }
    Lease(const Lease &) = delete;
    Lease &operator=(const Lease &) = delete;
    ~Lease() { abandon(); }

    /// Gives the record's generation, 0 when it was not stored.
    std::uint64_t publish(Now now, const cache::Record &record, cache::Lifetime lifetime) noexcept
    {
        std::uint64_t generation = 0;
        if (cache::Store *store = std::exchange(store_, nullptr)) {
            generation = store->publish(key_, id_, now, record, lifetime, circuit());
            host_->settled(key_);
        }
        return generation;
    }

    /// `endpoint_down`: the failure says something about the endpoint, not only about this key.
    void fail(Now now, Code code, bool endpoint_down = false) noexcept
    {
        if (cache::Store *store = std::exchange(store_, nullptr)) {
            store->fail(key_, id_, now, code, circuit(), endpoint_down);
            host_->settled(key_);
        }
    }

    void abandon() noexcept
    {
        if (cache::Store *store = std::exchange(store_, nullptr)) {
            store->abandon(key_, id_, circuit());
            host_->settled(key_);
        }
    }

private:
    [[nodiscard]] const cache::Key *circuit() const noexcept
    {
        return circuit_ ? &*circuit_ : nullptr;
    }

    cache::Store *store_ = nullptr;  // null: nothing held
    Host *host_ = nullptr;
    cache::Key key_{};
    std::optional<cache::Key> circuit_;
    cache::LeaseId id_ = 0;
};

}  // namespace token_introspect::flow
