#include "flow/peer_credentials.hpp"

#include "base/text.hpp"

#include <utility>

namespace token_introspect::flow {

namespace {

constexpr std::size_t kLargestFile = std::size_t{1} << 20;

// The reason why `into` could not be read; an empty path is none.
std::string read(const std::string &path, std::string &into)
{
    if (path.empty()) {
        return {};
    }
    auto secret = read_secret(path);
    if (!secret) {
        return std::move(secret.error());
    }
    into = std::move(*secret);
    return {};
}

}  // namespace

std::expected<std::string, std::string> read_secret(const std::string &path)
{
    auto content = read_file(path, kLargestFile);
    if (!content) {
        return content;
    }
    drop_final_newline(*content);
    if (content->empty() || !is_header_safe(*content)) {
        return std::unexpected("\"" + path + "\" is empty or holds control characters");
    }
    return content;
}

std::string PeerCredentials::load(const Peer &peer)
{
    token::ClientCredentials credentials = peer.credentials;
    std::string reason = read(peer.client_secret_file, credentials.secret);
    if (reason.empty()) {
        reason = read(peer.authorization_file, credentials.authorization);
    }
    if (reason.empty()) {
        credentials_ = std::move(credentials);
    }
    return reason;
}

void PeerCredentials::watch(const Peer &peer, WatchedFiles &files)
{
    files.watch(peer.client_secret_file);
    files.watch(peer.authorization_file);
}

}  // namespace token_introspect::flow
