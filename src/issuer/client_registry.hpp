#pragma once

#include "base/clock.hpp"
#include "issuer/client.hpp"

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace token_introspect::issuer {

/// The clients of the configuration with their secrets as one worker knows them. Of secrets it keeps
/// digests under a key of its own, and crypt(3) strings.
class ClientRegistry {
public:
    ClientRegistry();
    ClientRegistry(ClientRegistry &&) noexcept;
    ClientRegistry &operator=(ClientRegistry &&) noexcept;
    ClientRegistry(const ClientRegistry &) = delete;
    ClientRegistry &operator=(const ClientRegistry &) = delete;
    ~ClientRegistry();

    /// Reads secrets from files and checks all; a sentence for an empty or unreadable secret, a crypt
    /// string that crypt(3) does not know, an id twice. `clients` must outlive it.
    static std::expected<ClientRegistry, std::string> load(const std::vector<Client> &clients);

    /// Re-reads secret files that changed; what cannot be read keeps the last good one. Gives the
    /// reason once, else an empty string.
    std::string reload_changed_files(Now now);

    /// The client with that id and secret when it is active and the secret is plain, or was found
    /// right before; else nullptr. Never computes crypt(3); in constant time.
    const Client *knows(std::string_view id, std::string_view secret);

    /// True when authenticate() computes crypt(3) for whatever knows() does not know.
    [[nodiscard]] bool computes_crypt() const noexcept;

    /// The client with that id and secret when it is active, else nullptr. Takes the same time
    /// whichever of them is wrong. (A client's crypt string is computed once per presented secret
    /// that was right: a keyed digest of it is remembered.)
    const Client *authenticate(std::string_view id, std::string_view secret);

    /// For tokens that name their client; nullptr when there is none, or it is inactive.
    [[nodiscard]] const Client *find(std::string_view id) const noexcept;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace token_introspect::issuer
