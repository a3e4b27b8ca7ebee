#pragma once

#include "nginx/peer_block.hpp"

#include <memory>
#include <string>
#include <vector>

namespace token_introspect::nginx {

/// Reads one token_introspector block line by line, then checks it as a whole.
class IntrospectorBlock final : public PeerBlock {
public:
    IntrospectorBlock(ngx_conf_t *cf, std::string_view name, Place place);

    std::string take(const Words &args) override;
    std::string finish(MainConf &conf, bool &logged) override;

private:
    IntrospectorBlock(ngx_conf_t *cf, std::unique_ptr<ConfiguredIntrospector> configured,
                      std::string_view name, Place place);
    [[nodiscard]] bool is_repeatable(std::string_view name) const noexcept override;

    std::string type(const Words &args);
    std::string issued(const Words &args);
    std::string issuer(const Words &args);
    std::string audience(const Words &args);
    std::string algorithms(const Words &args);
    std::string secret(const Words &args);
    std::string key(const Words &args);
    std::string jwks_file(const Words &args);
    std::string jwks_uri(const Words &args);
    std::string discovery(const Words &args);
    std::string introspection_endpoint(const Words &args);
    std::string token_type_hint(const Words &args);
    std::string response(const Words &args);
    std::string leeway(const Words &args);
    std::string require_exp(const Words &args);
    std::string cache_verified_jwt(const Words &args);
    std::string cache_inactive_ttl(const Words &args);
    std::string token_types(const Words &args);
    std::string cache_use_stale(const Words &args);
    std::string cache_stale_ttl(const Words &args);
    std::string cookie(const Words &args);
    std::string user_claim(const Words &args);
    std::string user_endpoint(const Words &args);
    std::string decryption_key(const Words &args);

    [[nodiscard]] std::string_view type_name() const noexcept;
    std::string check_sources();
    std::string check_kind();
    [[nodiscard]] std::string check_issued() const;
    std::string check_issuer();
    std::string check_endpoint();
    std::string check_response_audience();
    std::string check_algorithms();
    std::string check_stale();
    void set_fingerprints();

    std::unique_ptr<ConfiguredIntrospector> configured_;
    flow::Introspector &introspector_;
    std::vector<std::vector<std::string>> document_words_;  ///< by directive, for that of documents
    bool is_cookie_ = false;
    bool allow_short_ = false;
    bool discovers_from_issuer_ = false;
};

/// What is wrong with the name of a new introspector, else an empty sentence.
std::string check_introspector_name(const MainConf &conf, std::string_view name);

/// Makes an introspector from the lines of a block: its directives, each with its arguments; `place`
/// is where it was written. An empty sentence, or what is wrong.
std::string add_introspector(ngx_conf_t *cf, MainConf &conf, std::string_view name,
                             const std::vector<std::vector<std::string>> &lines, Place place);

}  // namespace token_introspect::nginx
