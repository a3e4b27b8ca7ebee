#include "resource/client_store.hpp"

namespace token_introspect::resource {

Checked<ClientStore> ClientStore::build(std::span<const Resource> resources)
{
    if (auto problem = check_unique(resources)) {
        return std::unexpected(std::move(*problem));
    }
    ClientStore store;
    for (const Resource &client : resources) {
        if (client.type != "Client") {
            continue;
        }
        auto image = token::build_claims(without_members(client, {"secret", "_secret"}).get());
        if (!image) {
            return std::unexpected(client.sentence(image.error().text));
        }
        store.clients_.emplace(client.id, std::move(*image));
    }
    return store;
}

token::ClaimsView ClientStore::find(std::string_view id) const noexcept
{
    const auto found = clients_.find(id);
    return found == clients_.end() ? token::ClaimsView() : token::ClaimsView(found->second);
}

}  // namespace token_introspect::resource
