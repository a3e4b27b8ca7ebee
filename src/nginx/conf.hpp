#pragma once

#include "flow/exchanger.hpp"
#include "flow/exchanger_state.hpp"
#include "flow/introspector.hpp"
#include "flow/introspector_state.hpp"
#include "issuer/client_registry.hpp"
#include "issuer/issuer_context.hpp"
#include "nginx/ngx.hpp"
#include "nginx/transport.hpp"
#include "nginx/zone.hpp"
#include "policy/access_policy.hpp"
#include "policy/requirement.hpp"
#include "resource/client_store.hpp"
#include "resource/oauth_client.hpp"
#include "resource/user_store.hpp"
#include "token/claim_path.hpp"

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace token_introspect::nginx {

/// Where in the configuration a thing stands, for errors found after parsing.
struct Place {
    std::string file;
    ngx_uint_t line = 0;

    static Place of(const ngx_conf_t *cf);
};

/// What belongs to any peer of the configuration.
struct ConfiguredPeer {
    virtual ~ConfiguredPeer() = default;
    [[nodiscard]] virtual flow::Peer &peer() noexcept = 0;

    Transport transport;
    std::string zone_name;
    Zone *zone = nullptr;
    Place place;
};

/// One token_introspector with all that belongs to it.
struct ConfiguredIntrospector final : ConfiguredPeer {
    [[nodiscard]] flow::Peer &peer() noexcept override { return introspector; }

    flow::Introspector introspector;
};

/// One token_exchanger with all that belongs to it.
struct ConfiguredExchanger final : ConfiguredPeer {
    [[nodiscard]] flow::Peer &peer() noexcept override { return exchanger; }

    flow::Exchanger exchanger;
};

/// One token_issuer with all that belongs to it.
struct ConfiguredIssuer {
    issuer::TokenIssuer issuer;
    std::vector<std::string> introspector_names;  ///< as written; empty: all of type jwt
    /// Who validates subject and actor tokens; known once the configuration is read.
    std::vector<const flow::Introspector *> introspectors;
    std::size_t zone_size = std::size_t{1} << 20;
    LedgerZone *zone = nullptr;
    Place place;
};

/// A Client of token_resources, as an OAuth client: nothing when it is none, or what is wrong.
/// That matters only where there is a token_issuer.
struct ClientResource {
    resource::Checked<std::optional<resource::OAuthClient>> client;
    Place place;
};

/// One access policy with where it was defined.
struct ConfiguredPolicy {
    policy::AccessPolicy policy;
    Place place;
};

/// jwks_cache_path.
struct DocumentDirectory {
    std::string path;
    Place place;
};

class Worker;

/// http{}: what all locations share. Immutable once the configuration is read but for the states,
/// `key_rings`, `registry` and `worker`, which each worker process has in its own copy of the memory.
struct MainConf {
    std::vector<Zone *> zones;
    std::deque<ConfiguredIntrospector> introspectors;    // addresses stay
    std::vector<flow::IntrospectorState> states;         // by Introspector::index
    std::deque<ConfiguredExchanger> exchangers;          // addresses stay
    std::vector<flow::ExchangerState> exchanger_states;  // in their order
    std::vector<ConfiguredPeer *> peers;                 // by Peer::index, once all are read
    std::deque<token::ClaimPath> variable_paths;         // of token_claim_set and token_header_set
    std::deque<ConfiguredPolicy> policies;               // addresses stay
    std::deque<ConfiguredIssuer> issuers;                // addresses stay
    std::vector<issuer::KeyRing> key_rings;              // by TokenIssuer::index
    std::vector<issuer::Client> oauth_clients;           // of every token_issuer
    std::vector<Place> oauth_client_places;              // likewise
    std::optional<issuer::ClientRegistry> registry;      // of oauth_clients; with a token_issuer
    std::vector<ClientResource> client_resources;        // of all files, in their order
    std::vector<resource::Resource> resources;           // of all files, in their order
    resource::UserStore users;
    resource::ClientStore clients;
    // names of introspectors without an issuer, which no token is for
    std::set<std::string, std::less<>> idle_introspectors;
    std::optional<DocumentDirectory> document_directory;
    // $http_authorization, by index, as soon as a location changes the header
    ngx_int_t authorization_variable = NGX_ERROR;
    std::unique_ptr<Worker> worker;  // made in each process

    MainConf();
    ~MainConf();

    [[nodiscard]] const ConfiguredIntrospector *find(std::string_view name) const noexcept;
    [[nodiscard]] const ConfiguredExchanger *find_exchanger(std::string_view name) const noexcept;
    [[nodiscard]] const ConfiguredPolicy *find_policy(std::string_view id) const noexcept;
    [[nodiscard]] const ConfiguredIssuer *find_issuer(std::string_view name) const noexcept;
};

/// A string of the configuration that may hold variables.
struct Template {
    ngx_http_complex_value_t value{};

    /// False when nginx refuses it (it has said why).
    static bool compile(ngx_conf_t *cf, std::string_view text, Template &out);
    /// The text as it stands, dollar signs and all. False without memory.
    static bool literal(ngx_conf_t *cf, std::string_view text, Template &out) noexcept;
    [[nodiscard]] bool is_static() const noexcept { return value.lengths == nullptr; }
    /// The text for this request; nothing when a variable fails.
    [[nodiscard]] std::optional<std::string_view> evaluate(
        ngx_http_request_t *request) const noexcept;
};

/// One token_source.
struct CredentialSource {
    enum class Kind : std::uint8_t { kHeader, kQuery, kCookie, kVariable };
    Kind kind = Kind::kHeader;
    std::string name = "Authorization";
    bool bearer = true;  // scheme=Bearer, else none
    Template variable;
    std::vector<ngx_int_t> variables;  // nginx's own that may show the credential, by index

    /// Finds those variables. False when nginx refuses one (it has said why).
    bool index_variables(ngx_conf_t *cf);
};

/// A cookie of the location, and those who introspect it.
struct IntrospectedCookie {
    CredentialSource source;
    std::vector<const flow::Introspector *> introspectors;
};

/// One token_require_claim.
struct ClaimRequirement {
    policy::Requirement requirement;
    std::vector<Template> values;
    ngx_uint_t status = 0;  // 0: the location's
};

/// One token_require_scope.
struct ScopeRequirement {
    std::vector<std::string> scopes;
    std::string joined;  // for the challenge
    bool any = false;
    ngx_uint_t status = 0;
};

/// One token_require.
struct VariableRequirement {
    std::vector<Template> variables;
    ngx_uint_t status = 0;
};

/// One claim of token_forward_claims.
struct ForwardedClaim {
    token::ClaimPath path;
    std::string header;
    ngx_int_t variable;  // $http_ of the header, by index
};

struct StatusCodes {
    ngx_uint_t not_supplied = NGX_HTTP_UNAUTHORIZED;
    ngx_uint_t invalid_request = NGX_HTTP_BAD_REQUEST;  ///< changed by no_match only
    ngx_uint_t invalid = NGX_HTTP_UNAUTHORIZED;
    ngx_uint_t forbidden = NGX_HTTP_FORBIDDEN;
    ngx_uint_t unavailable = NGX_HTTP_SERVICE_UNAVAILABLE;
};

/// What a level of the configuration says; a member without a value is inherited.
struct LocationConf {
    struct Use {
        std::vector<std::string> names;  // empty: off
        bool optional = false;
        Place place;
    };
    enum class Challenge : std::uint8_t { kOff, kOn, kText };
    enum class ForwardToken : std::uint8_t { kOff, kOn, kIntrospected };

    struct Authorize {
        std::vector<std::string> names;  // empty: off
        Place place;
    };

    struct Exchange {
        std::string name;  // empty: off
        Place place;
    };

    std::optional<Use> use;
    // What the names stand for: who judges tokens, and who judges cookies where there is no token.
    std::vector<const flow::Introspector *> introspectors;
    std::deque<IntrospectedCookie> cookies;  // addresses stay
    bool enabled = false;

    std::optional<Authorize> authorize;
    std::vector<const policy::AccessPolicy *> policies;  // what its names stand for
    std::optional<bool> policy_debug;

    std::vector<CredentialSource> sources;
    std::optional<Template> realm;  // static "off" is an empty text
    std::optional<Challenge> challenge;
    Template challenge_text;
    std::optional<StatusCodes> codes;
    std::vector<VariableRequirement> requires_variables;
    std::vector<std::shared_ptr<const ClaimRequirement>> requires_claims;
    std::vector<ScopeRequirement> requires_scopes;
    std::optional<std::vector<ForwardedClaim>> forwards;
    std::optional<ForwardToken> forwards_token;
    std::optional<Exchange> exchange;
    const flow::Exchanger *exchanger = nullptr;  // what its name stands for
    // token_exchange is inherited where no token is looked at: then none goes upstream, either
    bool withholds_authorization = false;
    // The location's own content handler and whom it serves: inherited by its if and limit_except.
    const ConfiguredIssuer *token_issuer = nullptr;
    ngx_http_handler_pt endpoint = nullptr;
    Place endpoint_place;
};

MainConf *main_conf(ngx_conf_t *cf) noexcept;
MainConf *main_conf(ngx_http_request_t *request) noexcept;
const LocationConf &location_conf(ngx_http_request_t *request) noexcept;

/// What `if` and `limit_except` in a location with an endpoint of a token_issuer have of it. Says so
/// and gives false when the location's requests are answered by another module's handler.
[[nodiscard]] bool inherit_endpoint(ngx_conf_t *cf, const LocationConf &parent,
                                    LocationConf &child) noexcept;

/// The sentence for a token_issuer that is not there (yet), as `directive` names it.
std::string unknown_issuer(std::string_view name, std::string_view directive);

/// Logs a sentence as nginx logs errors of the configuration, and gives NGX_CONF_ERROR.
char *conf_error(ngx_conf_t *cf, std::string_view text) noexcept;
void conf_warning(ngx_conf_t *cf, std::string_view text) noexcept;

/// Reads the lines of a block, each given to `handler` as a directive with `object` as its
/// configuration. False when one is wrong (nginx has said so).
bool read_lines(ngx_conf_t *cf, char *(*handler)(ngx_conf_t *, ngx_command_t *, void *),
                void *object);

/// A path of the configuration from the directory of nginx.conf.
std::string full_path(ngx_conf_t *cf, std::string_view path);

/// The directive's words, its name first.
std::vector<std::string_view> words(const ngx_conf_t *cf);

/// The index of one of nginx's variables, NGX_ERROR when nginx refuses it.
ngx_int_t variable_index(ngx_conf_t *cf, std::string_view name);
/// As variable_index for $http_ of a header.
ngx_int_t header_variable_index(ngx_conf_t *cf, std::string_view header);
/// Makes nginx evaluate the variable anew: what it stands for has changed.
void forget_variable(ngx_http_request_t *request, ngx_int_t index) noexcept;

/// True for a request header that nginx itself reads and keeps pointers to.
bool known_to_nginx(std::string_view header) noexcept;

/// `name=value` split at the first '='; nothing when `word` does not begin with `name=`.
std::optional<std::string_view> parameter(std::string_view word, std::string_view name) noexcept;

/// An nginx time in milliseconds.
std::optional<std::uint64_t> parse_time(std::string_view text) noexcept;
/// An nginx size in bytes.
std::optional<std::size_t> parse_size(std::string_view text) noexcept;

}  // namespace token_introspect::nginx
