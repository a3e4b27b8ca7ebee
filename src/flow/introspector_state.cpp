#include "flow/introspector_state.hpp"

#include <algorithm>
#include <utility>

namespace token_introspect::flow {

std::expected<IntrospectorState, std::string> IntrospectorState::load(
    const Introspector &introspector)
{
    IntrospectorState state;
    for (const jose::KeySource &source : introspector.keys) {
        state.files_.watch(source.from_file ? source.value : std::string());
    }
    PeerCredentials::watch(introspector, state.files_);

    std::string reason = state.load_keys(introspector);
    if (reason.empty()) {
        reason = state.load_credentials(introspector);
    }
    if (!reason.empty()) {
        return std::unexpected(std::move(reason));
    }
    return state;
}

std::string IntrospectorState::reload_changed_files(const Introspector &introspector, Now now)
{
    return files_.reload(now, [&] {
        // both: one bad file does not hold up another's change
        std::string problem = load_keys(introspector);
        const std::string other = load_credentials(introspector);
        if (!problem.empty() && !other.empty()) {
            problem += "; ";
        }
        return problem + other;
    });
}

std::string IntrospectorState::load_keys(const Introspector &introspector)
{
    if (introspector.keys.empty()) {
        return {};
    }
    jose::KeySet keys;
    for (const jose::KeySource &source : introspector.keys) {
        std::string reason = jose::add_keys(source, keys);
        if (!reason.empty()) {
            return reason;
        }
    }
    keys_ = std::move(keys);
    ++revision_;
    return {};
}

std::string IntrospectorState::load_credentials(const Introspector &introspector)
{
    std::string reason = credentials_.load(introspector);
    if (reason.empty()) {
        ++revision_;
    }
    return reason;
}

void IntrospectorState::adopt_keys(jose::KeySet keys, std::uint64_t generation) noexcept
{
    keys_ = std::move(keys);
    keys_generation_ = generation;
    ++revision_;
}

void IntrospectorState::keys_stored_as(std::uint64_t generation,
                                       std::uint64_t kept_until_ms) noexcept
{
    keys_generation_ = generation;
    keys_kept_until_ms_ = kept_until_ms;
}

void IntrospectorState::metadata_stored_as(std::uint64_t generation,
                                           std::uint64_t kept_until_ms) noexcept
{
    metadata_generation_ = generation;
    metadata_kept_until_ms_ = kept_until_ms;
}

void IntrospectorState::adopt_metadata(token::Metadata metadata, std::uint64_t generation) noexcept
{
    metadata_ = std::move(metadata);
    metadata_generation_ = generation;
    ++revision_;
}

const std::string &IntrospectorState::jwks_uri(const Introspector &introspector) const noexcept
{
    return introspector.jwks_uri.empty() ? metadata_.jwks_uri : introspector.jwks_uri;
}

const std::string &IntrospectorState::introspection_endpoint(
    const Introspector &introspector) const noexcept
{
    return introspector.introspection_endpoint.empty() ? metadata_.introspection_endpoint
                                                       : introspector.introspection_endpoint;
}

bool IntrospectorState::answers_for(const Introspector &introspector,
                                    std::string_view issuer) const noexcept
{
    if (introspector.rules.any_issuer) {
        return true;
    }
    if (introspector.awaits_issuer()) {
        return has_metadata() && metadata_.issuer == issuer;
    }
    return std::ranges::find(introspector.rules.issuers, issuer)
           != introspector.rules.issuers.end();
}

}  // namespace token_introspect::flow
