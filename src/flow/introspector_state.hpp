#pragma once

#include "base/clock.hpp"
#include "base/watched_files.hpp"
#include "flow/introspector.hpp"
#include "flow/peer_credentials.hpp"
#include "token/metadata.hpp"

#include <expected>
#include <string>

namespace token_introspect::flow {

/// What one worker knows of an introspector that may change while nginx runs: its keys (parsed, with
/// prepared contexts), its metadata, its credentials. Made while the configuration is read, so that
/// a bad key or file stops `nginx -t`; each worker then goes on with its own copy.
class IntrospectorState {
public:
    /// Reads and checks all configured keys and files, or gives a sentence for `nginx -t`.
    static std::expected<IntrospectorState, std::string> load(const Introspector &introspector);

    /// Re-reads files that changed. What cannot be read or used leaves the last good state in place,
    /// is tried again each second, and gives the reason once; else an empty string.
    std::string reload_changed_files(const Introspector &introspector, Now now);

    [[nodiscard]] const jose::KeySet &keys() const noexcept { return keys_; }
    [[nodiscard]] std::uint64_t keys_generation() const noexcept { return keys_generation_; }
    /// Moves with every change of what is here: keys, metadata, credentials.
    [[nodiscard]] std::uint64_t revision() const noexcept { return revision_; }
    void adopt_keys(jose::KeySet keys, std::uint64_t generation) noexcept;

    [[nodiscard]] const token::Metadata &metadata() const noexcept { return metadata_; }
    [[nodiscard]] std::uint64_t metadata_generation() const noexcept
    {
        return metadata_generation_;
    }
    [[nodiscard]] bool has_metadata() const noexcept { return !metadata_.issuer.empty(); }
    void adopt_metadata(token::Metadata metadata, std::uint64_t generation) noexcept;

    /// The store's generation of what was just adopted, known only once it is stored. With 0 it
    /// found no room there: this worker then keeps it by itself until `kept_until_ms`.
    void keys_stored_as(std::uint64_t generation, std::uint64_t kept_until_ms) noexcept;
    void metadata_stored_as(std::uint64_t generation, std::uint64_t kept_until_ms) noexcept;
    [[nodiscard]] bool keeps_keys(Now now) const noexcept
    {
        return keys_generation_ == 0 && now.monotonic_ms < keys_kept_until_ms_;
    }
    [[nodiscard]] bool keeps_metadata(Now now) const noexcept
    {
        return metadata_generation_ == 0 && now.monotonic_ms < metadata_kept_until_ms_;
    }

    [[nodiscard]] const token::ClientCredentials &credentials() const noexcept
    {
        return credentials_.get();
    }

    /// Where to fetch keys and introspect: as configured, or else as the metadata says.
    [[nodiscard]] const std::string &jwks_uri(const Introspector &introspector) const noexcept;
    [[nodiscard]] const std::string &introspection_endpoint(
        const Introspector &introspector) const noexcept;

    /// True when `issuer` is one whose tokens this introspector decides.
    [[nodiscard]] bool answers_for(const Introspector &introspector,
                                   std::string_view issuer) const noexcept;

private:
    std::string load_keys(const Introspector &introspector);
    std::string load_credentials(const Introspector &introspector);

    std::uint64_t revision_ = 0;
    jose::KeySet keys_;
    std::uint64_t keys_generation_ = 0;
    std::uint64_t keys_kept_until_ms_ = 0;
    token::Metadata metadata_;
    std::uint64_t metadata_generation_ = 0;
    std::uint64_t metadata_kept_until_ms_ = 0;
    PeerCredentials credentials_;
    WatchedFiles files_;
};

}  // namespace token_introspect::flow
