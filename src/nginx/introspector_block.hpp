#pragma once

#include "nginx/conf.hpp"

#include <set>
#include <string>
#include <vector>

namespace token_introspect::nginx {

/// Reads one token_introspector block line by line, then checks it as a whole.
class IntrospectorBlock {
public:
    using Words = std::vector<std::string_view>;

    IntrospectorBlock(ngx_conf_t *cf, std::string_view name, Place place);

    /// One directive of the block. An empty sentence when it was taken, else what is wrong.
    std::string take(const Words &args);

    /// The finished introspector, put into the configuration. An empty sentence, or what is wrong;
    /// "" with `logged` set when nginx has said it already.
    std::string finish(MainConf &conf, bool &logged);

    [[nodiscard]] const Place &place() const noexcept { return configured_.place; }

private:
    struct Directive {
        std::string_view name;
        std::size_t fewest;  ///< words after the name
        std::size_t most;
        std::string (IntrospectorBlock::*handler)(const Words &args);
    };
    static std::span<const Directive> directives() noexcept;

    std::string type(const Words &args);
    std::string issuer(const Words &args);
    std::string audience(const Words &args);
    std::string algorithms(const Words &args);
    std::string secret(const Words &args);
    std::string key(const Words &args);
    std::string jwks_file(const Words &args);
    std::string jwks_uri(const Words &args);
    std::string discovery(const Words &args);
    std::string introspection_endpoint(const Words &args);
    std::string authorization(const Words &args);
    std::string client(const Words &args);
    std::string client_auth(const Words &args);
    std::string token_type_hint(const Words &args);
    std::string response(const Words &args);
    std::string leeway(const Words &args);
    std::string flag(const Words &args);
    std::string token_types(const Words &args);
    std::string cache_ttl(const Words &args);
    std::string cache_use_stale(const Words &args);
    std::string cache_stale_ttl(const Words &args);
    std::string max_waiting(const Words &args);
    std::string timeout(const Words &args);
    std::string response_size(const Words &args);
    std::string resolver(const Words &args);
    std::string ssl(const Words &args);
    std::string zone(const Words &args);
    std::string cookie(const Words &args);
    std::string user_claim(const Words &args);
    std::string user_endpoint(const Words &args);
    std::string unsupported(const Words &args);

    [[nodiscard]] std::string_view type_name() const noexcept;
    std::string check_sources();
    std::string check_kind();
    std::string check_issuer();
    std::string check_endpoint();
    std::string check_client();
    std::string check_algorithms();
    std::string check_stale();
    void set_fingerprints();
    [[nodiscard]] bool has(std::string_view name) const { return seen_.contains(name); }

    ngx_conf_t *cf_;
    ConfiguredIntrospector configured_;
    flow::Introspector &introspector_;
    TransportOptions transport_;
    std::set<std::string, std::less<>> seen_;
    std::vector<std::string> transcript_;  ///< every word of the block, for the fingerprint
    std::vector<std::vector<std::string>> document_words_;  ///< by directive, for that of documents
    bool is_cookie_ = false;
    bool allow_short_ = false;
    bool discovers_from_issuer_ = false;
    std::uint64_t connect_ms_ = 2000;
    std::uint64_t send_ms_ = 5000;
    std::uint64_t read_ms_ = 5000;
};

/// What is wrong with the name of a new introspector, else an empty sentence.
std::string check_introspector_name(const MainConf &conf, std::string_view name);

/// Makes an introspector from the lines of a block: its directives, each with its arguments; `place`
/// is where it was written. An empty sentence, or what is wrong.
std::string add_introspector(ngx_conf_t *cf, MainConf &conf, std::string_view name,
                             const std::vector<std::vector<std::string>> &lines, Place place);

}  // namespace token_introspect::nginx
