#pragma once

#include "flow/environment.hpp"
#include "flow/procedure.hpp"
#include "jose/jws.hpp"

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace token_introspect::flow {

enum class CacheStatus : std::uint8_t { kNone, kHit, kMiss, kExpired, kStale, kUpdating, kBypass };

/// HIT, MISS, EXPIRED, STALE, UPDATING, BYPASS, or nothing.
std::string_view name(CacheStatus status) noexcept;

/// The validation of one token by the introspectors of a location: a state machine without I/O.
///
/// A JWT goes to the jwt introspectors that answer for its issuer, in order; any other token, and a
/// JWT that none of them claims, to the opaque ones in order, unless it is sealed and a token_issuer
/// that is listed has issued it; the first that finds it good wins. What the cache knows of any of
/// them counts before anybody is asked.
/// Time, issuer and audience are checked on every call, cached or not.
class Validation final : public Procedure {
public:
    /// `token` and `listed` must outlive the object. Images taken from the cache live in memory
    /// from `room`.
    Validation(Environment &environment, cache::Room room,
               std::span<const Introspector *const> listed, std::string_view token) noexcept;

    /// A renewal of what an introspector said, instead of a validation: decided, with no claims to
    /// show, when it has been tried. The subject must outlive the object.
    Validation(Environment &environment, cache::Room room, Renewal renewal) noexcept;

    Step advance(Now now) override;
    Step resume(Now now, const Result<token::Answer> &answer) override;
    Decision give_up(Code code) noexcept override;
    std::optional<Renewal> take_renewal() noexcept override;

    /// The introspector that decided, nullptr when none did.
    [[nodiscard]] const Introspector *introspector() const noexcept { return decided_by_; }
    /// The token's claims or the introspection answer, when the decision is kActive.
    [[nodiscard]] token::ClaimsView claims() const noexcept { return claims_; }
    /// The JOSE header of a JWT, when the decision is kActive.
    [[nodiscard]] token::ClaimsView header() const noexcept { return header_; }
    /// The issuer's signed introspection response, when the decision is kActive and there is one.
    [[nodiscard]] std::string_view introspection_jwt() const noexcept { return introspection_jwt_; }
    /// The user's id as the token names it, empty when it names none.
    [[nodiscard]] std::string_view user_id() noexcept;
    /// The User, and the array of its Roles; absent when there is none.
    [[nodiscard]] token::Value user() const noexcept { return user_; }
    [[nodiscard]] token::Value roles() const noexcept { return roles_; }
    [[nodiscard]] CacheStatus cache_status() const noexcept { return cache_status_; }
    /// SHA-256 of the token, computed when first asked for; nullptr when OpenSSL fails.
    [[nodiscard]] const Sha256 *token_digest() noexcept;

private:
    using Attempt = std::variant<Fetch, Wait, Code>;
    /// What a step on the way to a candidate's outcome gives: nothing when it may go on.
    using Hurdle = std::optional<Attempt>;
    /// A signed introspection response that is not judged yet.
    struct Response {
        std::string jwt;
        bool is_rfc9701;
        std::int64_t expires_at_s = cache::kNeverExpires;  ///< exp of the JWT itself
    };
    enum class Stage : std::uint8_t { kStart, kJwt, kIssued, kOpaque, kUser, kRenewal };

    [[nodiscard]] IntrospectorState &state_of(const Introspector &introspector) const noexcept;
    Decision decide(Code code, const Introspector *by) noexcept;

    [[nodiscard]] Result<token::Jwt> parse() const;
    void reload_changed_files(Now now);
    std::optional<Step> recall(Now now);
    void remember(const Introspector &introspector, const cache::Found &found, std::uint64_t epoch,
                  Now now);
    [[nodiscard]] std::uint64_t revision() const noexcept;
    std::optional<Step> look_up(Now now);
    std::optional<cache::Found> find_jwt(const Introspector &introspector, Now now) noexcept;
    [[nodiscard]] bool claimed_by_listed(std::string_view issuer) const noexcept;
    std::optional<cache::Found> find_issued(const Introspector &introspector, Now now) noexcept;
    [[nodiscard]] static bool has_sealed_shape(std::string_view token) noexcept;
    [[nodiscard]] bool may_be_issued() const noexcept;
    [[nodiscard]] const issuer::IssuerContext &issuer_of(
        const Introspector &introspector) const noexcept;

    Step run(Now now);
    const Introspector *next_candidate() noexcept;
    [[nodiscard]] bool takes_part(const Introspector &introspector) const noexcept;
    void note(Code code, const Introspector &by) noexcept;

    Attempt try_jwt(const Introspector &introspector, Now now);
    Attempt try_issued(const Introspector &introspector, Now now);
    Attempt try_opaque(const Introspector &introspector, Now now);
    Hurdle need_metadata(const Introspector &introspector, Now now);
    Hurdle need_keys(const Introspector &introspector, Now now);
    Hurdle renew_keys(const Introspector &introspector, Now now);
    std::expected<const jose::Key *, Attempt> verify(const Introspector &introspector,
                                                     const jose::CompactJws &jws, Now now);
    Hurdle settle(const Introspector &introspector, Document document, const cache::Key &key,
                  const cache::Acquired &acquired, Now now);
    [[nodiscard]] cache::Wanted wanted_document(const Introspector &introspector,
                                                Document document) const noexcept;
    /// Has a record renewed later if nobody does so; one in each request.
    void renew_later(const Introspector &introspector, Document document, const cache::Key &key,
                     const cache::Wanted &want, Now now) noexcept;
    void renew_later(const Introspector &introspector, Document document, Now now) noexcept;
    Code failed(const cache::Acquired &acquired) noexcept;
    /// The last record for a key that has just been asked for in vain, where it may be served.
    std::optional<cache::Record> last_record(const Introspector &introspector,
                                             const cache::Key &key, Now now, Code failure) noexcept;
    Step go_on(Now now);
    Step finish(Attempt attempt, const Introspector *by);
    Attempt try_renewal(Now now);
    /// `circuit` must outlive what is given.
    [[nodiscard]] cache::Wanted wanted_introspection(const Introspector &introspector,
                                                     const cache::Key &circuit) const noexcept;

    Fetch fetch(const Introspector &introspector, Document document);
    /// Tells why the fetch under way was of no use.
    void report(const Introspector &introspector, const Error &error) const;
    Result<void> adopt(const Introspector &introspector, Document document, std::string_view text,
                       std::uint64_t generation);
    void took_document(Now now, const Result<token::Answer> &answer);
    bool use_saved_document(const Introspector &introspector, const cache::Key &key, Now now,
                            Code failure);
    bool use_last_document(const Introspector &introspector, const cache::Key &key, Now now,
                           Code failure);
    void took_introspection(Now now, const Result<token::Answer> &answer);
    Attempt judge_response(const Introspector &introspector, Now now);
    Code settle_token(const Introspector &introspector, Now now,
                      Result<std::vector<std::uint8_t>> claims);
    Code accept(const Introspector &introspector, const cache::Record &record, Now now);
    [[nodiscard]] bool withdrawn(const Introspector &introspector, Now now) const noexcept;
    Step admit(const Introspector &introspector, Now now);
    [[nodiscard]] std::string_view user_id_of(const Introspector &introspector) noexcept;
    Step resolve_user(Now now);
    Attempt try_user(const Introspector &introspector, Now now);
    void took_user(Now now, const Result<token::Answer> &answer);
    Code take_user(token::Value user, token::Value roles) noexcept;
    Code use(const Introspector &introspector, const cache::Record &record, Now now) noexcept;
    [[nodiscard]] Code check(const Introspector &introspector, Now now) const noexcept;

    Environment *environment_;
    cache::Room room_;
    std::span<const Introspector *const> listed_;
    std::string_view token_;
    std::optional<Sha256> digest_;

    Stage stage_ = Stage::kStart;
    bool jwt_shaped_ = false;
    bool sealed_ = false;  // it has the shape of an opaque token of a token_issuer
    bool claimed_ =
        false;  // a listed introspector answers for the token's issuer, or has issued it
    CacheStatus cache_status_ = CacheStatus::kNone;
    std::optional<token::Jwt> jwt_;
    std::optional<Code> worst_;
    const Introspector *worst_by_ = nullptr;

    // The candidate whose turn it is.
    std::size_t position_ = 0;
    std::uint64_t since_ms_ = 0;           // when its turn began, 0: it has not
    bool metadata_ready_ = false;          // this request has just fetched it, stored or not
    bool keys_ready_ = false;              // likewise
    bool keys_settled_ = false;            // this worker's are those to judge by now
    std::optional<Code> answered_;         // what its endpoint said to this request
    std::optional<Response> response_;     // or what it sent, which needs keys to be judged
    std::optional<Code> document_failed_;  // its metadata or key set could not be had
    std::optional<Code> keys_failed_;      // its key set could not, and is an old one
    std::size_t discovery_attempt_ = 0;

    bool lacks_kid_ = false;  // the key set is being fetched for a kid that a good one lacks
    std::uint64_t retry_after_ms_ = 0;
    std::optional<Renewal> renewal_;  // found necessary; or what this object itself is to do
    const Introspector *renewing_ = nullptr;  // in the latter case: whose

    // The introspector that found the token good, and what its endpoint said of the user.
    const Introspector *admitted_by_ = nullptr;
    std::optional<Code> user_answered_;
    std::string_view user_id_;
    token::ScalarBuffer user_id_buffer_{};
    std::vector<std::uint8_t> user_image_;
    token::Value user_;
    token::Value roles_;

    // The fetch under way.
    const Introspector *fetching_ = nullptr;
    Document fetched_document_ = Document::kIntrospection;
    int fetched_status_ = 0;
    Lease document_lease_;
    Lease token_lease_;
    Lease user_lease_;

    std::shared_ptr<const Remembered> remembered_;  // what the claims are in
    const Introspector *decided_by_ = nullptr;
    token::ClaimsView claims_;
    token::ClaimsView header_;
    std::string_view introspection_jwt_;
    std::vector<std::uint8_t> claims_image_;  // behind claims_ when this request made them
};

}  // namespace token_introspect::flow
