#pragma once

#include "flow/document_files.hpp"
#include "flow/environment.hpp"
#include "nginx/conf.hpp"
#include "nginx/wait_queue.hpp"

#include <optional>
#include <vector>

namespace token_introspect::nginx {

/// What one worker process holds for all its requests.
class Worker final : public flow::Host {
public:
    explicit Worker(MainConf &conf);

    void settled(const cache::Key &key) noexcept override;
    void report(Severity severity, const flow::Peer &peer, std::string_view text) noexcept override;

    [[nodiscard]] flow::Environment &environment() noexcept { return environment_; }
    [[nodiscard]] WaitQueue &waiting() noexcept { return waiting_; }

    /// A place among those who wait for a peer; false when all are taken.
    bool seat(const flow::Peer &peer) noexcept;
    void unseat(const flow::Peer &peer) noexcept;

    /// This process's worker for the configuration.
    static Worker &of(MainConf &conf);

private:
    Sha256Hasher hasher_;
    std::vector<cache::Store *> stores_;
    std::vector<std::size_t> seated_;  // by Peer::index
    std::size_t default_seats_;
    WaitQueue waiting_;
    std::optional<flow::DocumentFiles> files_;
    std::vector<issuer::IssuerContext> issuers_;  // by TokenIssuer::index
    flow::Front front_;
    flow::Environment environment_;
};

/// Has $http_authorization evaluated anew wherever it is read, in this process.
void keep_authorization_fresh(ngx_cycle_t &cycle, const MainConf &conf) noexcept;

/// nginx's level for a severity.
ngx_uint_t log_level(Severity severity) noexcept;

}  // namespace token_introspect::nginx
