#pragma once

#include "nginx/block.hpp"

#include <algorithm>
#include <cstddef>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace token_introspect::nginx {

/// What the blocks token_introspector and token_exchanger have in common: it reads one line by line
/// and knows the directives that both have, which say how a peer is reached, who this client is
/// there and how long answers count.
class PeerBlock {
public:
    virtual ~PeerBlock() = default;
    PeerBlock(const PeerBlock &) = delete;
    PeerBlock &operator=(const PeerBlock &) = delete;

    /// One directive of the block. An empty sentence when it was taken, else what is wrong.
    virtual std::string take(const Words &args) = 0;

    /// Checks the block as a whole and puts the finished peer into the configuration. An empty
    /// sentence, or what is wrong; "" with `logged` set when nginx has said it already.
    virtual std::string finish(MainConf &conf, bool &logged) = 0;

    /// The directive that begins the block.
    [[nodiscard]] std::string directive() const;

protected:
    template <class Block> struct Directive {
        std::string_view name;
        std::size_t fewest;  ///< words after the name
        std::size_t most;
        std::string (Block::*handler)(const Words &args);
    };
    static constexpr std::size_t kMany = 64;

    /// `configured` must outlive it.
    PeerBlock(ngx_conf_t *cf, ConfiguredPeer &configured, std::string_view name, Place place);

    /// As take, for a block with directives of its own beside the common ones.
    template <class Block>
    std::string take_as(Block &block, std::span<const Directive<Block>> own, const Words &args)
    {
        const auto found = std::ranges::find(own, args[0], &Directive<Block>::name);
        if (found == own.end()) {
            return take_common(args);
        }
        std::string problem = note(args, found->fewest, found->most);
        return problem.empty() ? (block.*found->handler)(args) : problem;
    }
    [[nodiscard]] bool has(std::string_view name) const { return seen_.contains(name); }

    /// Takes back that the block has it.
    void forget(std::string_view name) { seen_.erase(std::string(name)); }

    /// True for what may be said more than once.
    [[nodiscard]] virtual bool is_repeatable(std::string_view /*name*/) const noexcept
    {
        return false;
    }

    std::string unsupported(const Words &args);

    /// The credentials fit together, and their method is known.
    std::string check_client();
    /// Sets what follows from all words: the fingerprint, and how long a fetch may take.
    void complete();
    /// What fetches are made with: for these absolute URLs of the configuration, and others that
    /// turn up later. As finish.
    std::string make_transport(std::string_view upstreams, const std::vector<std::string> &urls,
                               bool &logged);

    ngx_conf_t *cf_;
    TransportOptions transport_;

private:
    static std::span<const Directive<PeerBlock>> common() noexcept;
    std::string take_common(const Words &args);
    std::string note(const Words &args, std::size_t fewest, std::size_t most);

    std::string authorization(const Words &args);
    std::string client(const Words &args);
    std::string client_auth(const Words &args);
    std::string cache_ttl(const Words &args);
    std::string max_waiting(const Words &args);
    std::string timeout(const Words &args);
    std::string response_size(const Words &args);
    std::string resolver(const Words &args);
    std::string ssl_verify(const Words &args);
    std::string ssl(const Words &args);
    std::string zone(const Words &args);

    ConfiguredPeer *configured_;
    flow::Peer *peer_;
    std::set<std::string, std::less<>> seen_;
    std::vector<std::string> transcript_;  ///< every word of the block, for the fingerprint
    std::uint64_t connect_ms_ = 2000;
    std::uint64_t send_ms_ = 5000;
    std::uint64_t read_ms_ = 5000;
};

/// The first half of the parts' SHA-256.
std::array<std::uint8_t, 16> fingerprint_of(const std::vector<std::string_view> &parts);

/// Reads the lines of a block at `cf`'s place, and finishes it.
char *read_peer(ngx_conf_t *cf, MainConf &conf, std::string_view name, PeerBlock &block);

}  // namespace token_introspect::nginx
