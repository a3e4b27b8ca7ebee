#pragma once

#include "flow/exchanger.hpp"
#include "flow/peer_credentials.hpp"

#include <expected>
#include <string>

namespace token_introspect::flow {

/// What one worker knows of an exchanger that may change while nginx runs: the credentials and the
/// actor token from files. Made while the configuration is read, so that a bad file stops `nginx -t`;
/// each worker then goes on with its own copy.
class ExchangerState {
public:
    /// Reads all files, or gives a sentence for `nginx -t`.
    static std::expected<ExchangerState, std::string> load(const Exchanger &exchanger);

    /// Re-reads files that changed. What cannot be used leaves the last good state in place, is tried
    /// again each second, and gives the reason once; else an empty string.
    std::string reload_changed_files(const Exchanger &exchanger, Now now);

    [[nodiscard]] const token::ClientCredentials &credentials() const noexcept
    {
        return credentials_.get();
    }
    /// Empty when there is none.
    [[nodiscard]] const std::string &actor_token() const noexcept { return actor_token_; }

private:
    std::string read(const Exchanger &exchanger);

    PeerCredentials credentials_;
    std::string actor_token_;
    WatchedFiles files_;
};

}  // namespace token_introspect::flow
