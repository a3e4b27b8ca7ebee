#pragma once

#include "base/watched_files.hpp"
#include "flow/peer.hpp"

#include <expected>
#include <string>

namespace token_introspect::flow {

/// The content of a file that holds one secret, without the newline that editors put at its end; or
/// a sentence why it cannot be used. What is empty or could not stand in a header is refused.
std::expected<std::string, std::string> read_secret(const std::string &path);

/// The credentials for a peer as one worker has them: those of the configuration, completed from
/// files.
class PeerCredentials {
public:
    /// Reads them. The reason when a file cannot be used: the last good ones then stay.
    std::string load(const Peer &peer);

    /// Adds the files that they are read from.
    static void watch(const Peer &peer, WatchedFiles &files);

    [[nodiscard]] const token::ClientCredentials &get() const noexcept { return credentials_; }

private:
    token::ClientCredentials credentials_;
};

}  // namespace token_introspect::flow
