#pragma once

#include "resource/id_map.hpp"
#include "resource/resource.hpp"
#include "token/claims.hpp"

namespace token_introspect::resource {

/// The Clients of the configuration, by id. Immutable once built.
class ClientStore {
public:
    /// Takes Clients out of the resources (others are passed over) and copies what it needs. A
    /// sentence for two with one id.
    static Checked<ClientStore> build(std::span<const Resource> resources);

    /// The Client without its secret; an empty view when there is none. Allocates nothing. Valid
    /// as long as the store.
    [[nodiscard]] token::ClaimsView find(std::string_view id) const noexcept;

    [[nodiscard]] bool empty() const noexcept { return clients_.empty(); }

private:
    IdMap<std::vector<std::uint8_t>> clients_;
};

}  // namespace token_introspect::resource
