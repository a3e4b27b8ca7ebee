#include "flow/validation.hpp"

#include "flow/asking.hpp"
#include "flow/user_uri.hpp"

#include <algorithm>
#include <utility>

namespace token_introspect::flow {

namespace {

// Which of several refusals tells the client most.
int weight(Code code) noexcept
{
    switch (outcome(code).verdict) {
    case Verdict::kUnavailable:
    case Verdict::kInternal:
        return 3;  // one of those not heard might have said yes
    default:
        break;
    }
    switch (code) {
    case Code::kBadSignature:
    case Code::kUnknownKey:
    case Code::kUnsupportedAlgorithm:
        return 1;
    default:
        return 2;
    }
}

}  // namespace

std::string_view name(CacheStatus status) noexcept
{
    switch (status) {
    case CacheStatus::kHit:
        return "HIT";
    case CacheStatus::kMiss:
        return "MISS";
    case CacheStatus::kExpired:
        return "EXPIRED";
    case CacheStatus::kStale:
        return "STALE";
    case CacheStatus::kUpdating:
        return "UPDATING";
    case CacheStatus::kBypass:
        return "BYPASS";
    case CacheStatus::kNone:
        break;
    }
    return {};
}

Validation::Validation(Environment &environment, cache::Room room,
                       std::span<const Introspector *const> listed, std::string_view token) noexcept
    : environment_(&environment),
      room_(room),
      listed_(listed),
      token_(token)
{}

IntrospectorState &Validation::state_of(const Introspector &introspector) const noexcept
{
    return environment_->states[introspector.index];
}

Decision Validation::decide(Code code, const Introspector *by) noexcept
{
    decided_by_ = by;
    if (code != Code::kActive && code != Code::kUserInactive) {
        claims_ = {};
        header_ = {};
        introspection_jwt_ = {};
    }
    return {.code = code, .retry_after_ms = retry_after_ms_};
}

Decision Validation::give_up(Code code) noexcept
{
    document_lease_.abandon();
    token_lease_.abandon();
    user_lease_.abandon();
    return decide(code, fetching_);
}

const Sha256 *Validation::token_digest() noexcept
{
    if (!digest_) {
        digest_ = remembered_ ? std::optional(remembered_->digest)
                              : environment_->hasher(as_bytes(token_));
    }
    return digest_ ? &*digest_ : nullptr;
}

Step Validation::advance(Now now)
{
    if (stage_ == Stage::kStart) {
        reload_changed_files(now);
        if (std::optional<Step> step = recall(now)) {
            return std::move(*step);
        }
        const bool caches = std::ranges::any_of(listed_, [](const Introspector *introspector) {
            return introspector->cache_ttl_ms != 0;
        });
        if (caches && token_digest() == nullptr) {
            return decide(Code::kInternal, nullptr);
        }
        jwt_shaped_ = jose::has_compact_shape(token_);
        sealed_ = !jwt_shaped_ && has_sealed_shape(token_);
        if (std::optional<Step> step = look_up(now)) {
            return std::move(*step);
        }
        stage_ = jwt_shaped_ ? Stage::kJwt : Stage::kIssued;
        if (jwt_shaped_) {
            if (Result<token::Jwt> jwt = parse()) {
                jwt_ = std::move(*jwt);
            } else {
                stage_ = Stage::kIssued;  // an opaque token may have dots, too
            }
        }
    }
    return go_on(now);
}

Step Validation::go_on(Now now)
{
    switch (stage_) {
    case Stage::kUser:
        return resolve_user(now);
    case Stage::kRenewal:
        return finish(try_renewal(now), renewing_);
    default:
        return run(now);
    }
}

Step Validation::finish(Attempt attempt, const Introspector *by)
{
    if (auto *needed = std::get_if<Fetch>(&attempt)) {
        return std::move(*needed);
    }
    if (const auto *busy = std::get_if<Wait>(&attempt)) {
        return *busy;
    }
    return decide(std::get<Code>(attempt), by);
}

// By the widest limits of the listed: a token that is too large for one is still another's.
Result<token::Jwt> Validation::parse() const
{
    jose::JwsLimits limits = listed_.front()->limits;
    for (const Introspector *introspector : listed_) {
        limits.token_bytes = std::max(limits.token_bytes, introspector->limits.token_bytes);
        limits.json.bytes = std::max(limits.json.bytes, introspector->limits.json.bytes);
    }
    return environment_->jwts.parse(token_, limits);
}

void Validation::reload_changed_files(Now now)
{
    for (const Introspector *introspector : listed_) {
        std::string problem = state_of(*introspector).reload_changed_files(*introspector, now);
        if (introspector->issued_by) {
            const issuer::IssuerContext &issuer = issuer_of(*introspector);
            const std::string other = issuer.keys->reload_changed_files(*issuer.issuer, now);
            problem += problem.empty() || other.empty() || problem == other ? "" : "; ";
            problem += problem == other ? "" : other;
        }
        if (!problem.empty()) {
            environment_->host.report(Severity::kError, *introspector, problem);
        }
    }
}

std::uint64_t Validation::revision() const noexcept
{
    std::uint64_t sum = 0;
    for (const Introspector *introspector : listed_) {
        sum += state_of(*introspector).revision();
        if (introspector->issued_by) {
            sum += issuer_of(*introspector).keys->revision();
        }
    }
    return sum;
}

// What this worker has found good within a second, as long as nothing has moved since.
std::optional<Step> Validation::recall(Now now)
{
    if (environment_->front == nullptr) {
        return std::nullopt;
    }
    std::shared_ptr<const Remembered> known = environment_->front->find(token_, listed_);
    if (!known || now.monotonic_ms >= known->until_ms || now.unix_s < known->from_s
        || now.unix_s >= known->until_s || known->revision != revision()
        || known->epoch != environment_->store_of(*known->by).epoch())
    {
        return std::nullopt;
    }
    remembered_ = std::move(known);
    const cache::Record record = cache::decode(remembered_->block);
    claims_ = token::ClaimsView(record.claims);
    header_ = token::ClaimsView(record.header);
    introspection_jwt_ = record.text;
    cache_status_ = CacheStatus::kHit;
    return admit(*remembered_->by, now);
}

void Validation::remember(const Introspector &introspector, const cache::Found &found,
                          std::uint64_t epoch, Now now)
{
    if (environment_->front == nullptr || renewal_ || !environment_->front->returns(token_)) {
        return;
    }
    const token::Period period = token::active_period(claims_, introspector.rules);
    environment_->front->remember(
        {.token = std::string(token_),
         .listed = {listed_.begin(), listed_.end()},
         .by = &introspector,
         .block = {found.block.begin(), found.block.end()},
         .digest = *digest_,
         .epoch = epoch,
         .revision = revision(),
         .until_ms = std::min(found.fresh_until_ms, now.monotonic_ms + Front::kLongestMs),
         .from_s = period.from_s,
         .until_s = std::min(period.until_s, found.expires_at_s)});
}

// The way of nearly every other request: a record that counts decides, and no JSON is parsed.
std::optional<Step> Validation::look_up(Now now)
{
    const bool issued = may_be_issued();
    for (const Introspector *introspector : listed_) {
        const bool jwt = introspector->kind == Kind::kJwt;
        const bool sealed = issued && introspector->issued_by;
        if ((jwt ? !jwt_shaped_ && !sealed : issued) || introspector->cache_ttl_ms == 0) {
            continue;
        }
        const std::uint64_t epoch = environment_->store_of(*introspector).epoch();
        const std::optional<cache::Found> found =
            sealed ? find_issued(*introspector, now)
            : jwt  ? find_jwt(*introspector, now)
                   : environment_->store_of(*introspector)
                        .find(introspector->token_key(*digest_), now, room_);
        if (!found || (!jwt && jwt_shaped_ && claimed_by_listed(found->record.presented_issuer))) {
            continue;
        }
        const Code code = use(*introspector, found->record, now);
        // A refusal is the last word only where nobody else might say otherwise.
        if (code == Code::kActive || listed_.size() == 1) {
            cache_status_ = CacheStatus::kHit;
            if (code == Code::kActive) {
                remember(*introspector, *found, epoch, now);
            }
            return code == Code::kActive ? admit(*introspector, now) : decide(code, introspector);
        }
    }
    return std::nullopt;
}

// The record of a verified JWT, provided that the key which verified it is still in the set.
std::optional<cache::Found> Validation::find_jwt(const Introspector &introspector, Now now) noexcept
{
    if (!introspector.cache_verified_jwt || introspector.cache_ttl_ms == 0) {
        return std::nullopt;
    }
    const IntrospectorState &state = state_of(introspector);
    const bool looks = introspector.has_remote_keys() && !keys_settled_;
    const cache::Key key_set = introspector.key_set_key();
    cache::Glance glance;
    std::optional<cache::Found> found = environment_->store_of(introspector)
                                            .find(introspector.token_key(*digest_), now, room_,
                                                  looks ? &key_set : nullptr, &glance);
    if (!found) {
        return std::nullopt;
    }
    if (looks) {
        const bool counts =
            glance.fresh
            || (glance.stale
                && (introspector.stale_use.while_updating || environment_->files != nullptr));
        if (!counts || glance.generation != state.keys_generation()) {
            return std::nullopt;
        }
        // what the key set is good for, its tokens are
        found->fresh_until_ms = std::min(found->fresh_until_ms, glance.fresh_until_ms);
        if (glance.due || glance.stale) {
            renew_later(introspector, Document::kKeySet, now);
        }
    }
    return state.keys().contains(found->record.key) ? found : std::nullopt;
}

// True when an opaque token in JWT form belongs to a jwt introspector of this location, or when
// that cannot be told yet.
bool Validation::claimed_by_listed(std::string_view issuer) const noexcept
{
    return std::ranges::any_of(listed_, [&](const Introspector *introspector) {
        if (introspector->kind != Kind::kJwt) {
            return false;
        }
        const IntrospectorState &state = state_of(*introspector);
        return state.answers_for(*introspector, issuer)
               || (introspector->awaits_issuer() && !state.has_metadata());
    });
}

Step Validation::run(Now now)
{
    while (const Introspector *introspector = next_candidate()) {
        if (since_ms_ == 0) {
            since_ms_ = std::max<std::uint64_t>(now.monotonic_ms, 1);
        }
        Attempt attempt = stage_ == Stage::kJwt      ? try_jwt(*introspector, now)
                          : stage_ == Stage::kIssued ? try_issued(*introspector, now)
                                                     : try_opaque(*introspector, now);
        if (auto *needed = std::get_if<Fetch>(&attempt)) {
            return std::move(*needed);
        }
        if (const auto *busy = std::get_if<Wait>(&attempt)) {
            return *busy;
        }
        const Code code = std::get<Code>(attempt);
        if (code == Code::kActive) {
            return admit(*introspector, now);
        }
        if (code != Code::kUnknownIssuer) {
            note(code, *introspector);
        }
        ++position_;
        since_ms_ = 0;
        metadata_ready_ = keys_ready_ = keys_settled_ = lacks_kid_ = false;
        answered_.reset();
        response_.reset();
        document_failed_.reset();
        keys_failed_.reset();
        discovery_attempt_ = 0;
    }
    if (worst_) {
        return decide(*worst_, worst_by_);
    }
    return decide(jwt_ ? Code::kUnknownIssuer : Code::kMalformed, nullptr);
}

// The introspector at or after the current position that this stage may ask; the opaque ones come
// when no other introspector has claimed the token.
const Introspector *Validation::next_candidate() noexcept
{
    for (;;) {
        for (; position_ < listed_.size(); ++position_) {
            if (takes_part(*listed_[position_])) {
                return listed_[position_];
            }
        }
        if (stage_ == Stage::kOpaque || claimed_) {
            return nullptr;
        }
        stage_ = stage_ == Stage::kJwt ? Stage::kIssued : Stage::kOpaque;
        position_ = 0;
    }
}

bool Validation::takes_part(const Introspector &introspector) const noexcept
{
    return stage_ == Stage::kIssued
               ? sealed_ && introspector.issued_by
               : introspector.kind == (stage_ == Stage::kJwt ? Kind::kJwt : Kind::kOpaque);
}

void Validation::note(Code code, const Introspector &by) noexcept
{
    if (!worst_ || weight(code) > weight(*worst_)) {
        worst_ = code;
        worst_by_ = &by;
    }
}

Validation::Attempt Validation::try_jwt(const Introspector &introspector, Now now)
{
    IntrospectorState &state = state_of(introspector);
    const std::string_view issuer = jwt_->issuer();
    if (!introspector.awaits_issuer()) {
        if (!state.answers_for(introspector, issuer)) {
            return Code::kUnknownIssuer;
        }
        claimed_ = true;
    }
    if (Hurdle hurdle = need_metadata(introspector, now)) {
        // While nobody knows whose issuer this is, the token goes to no other endpoint.
        claimed_ = claimed_ || std::holds_alternative<Code>(*hurdle);
        return std::move(*hurdle);
    }
    if (!state.answers_for(introspector, issuer)) {
        return Code::kUnknownIssuer;
    }
    claimed_ = true;

    if (!token::accepts_type(jwt_->header(), introspector.token_types)) {
        return Code::kUnsupportedType;
    }
    if (Hurdle hurdle = need_keys(introspector, now)) {
        return std::move(*hurdle);
    }
    if (const std::optional<cache::Found> found = find_jwt(introspector, now)) {
        cache_status_ = CacheStatus::kHit;
        return use(introspector, found->record, now);
    }
    auto key = verify(introspector, jwt_->jws, now);
    if (!key) {
        return std::move(key.error());
    }
    return accept(introspector,
                  {.key = (*key)->id(), .claims = jwt_->claims_image, .header = jwt_->header_image},
                  now);
}

// A token that has just been verified, or opened.
Code Validation::accept(const Introspector &introspector, const cache::Record &record, Now now)
{
    const bool cached = introspector.cache_verified_jwt && introspector.cache_ttl_ms != 0;
    cache_status_ = cached ? CacheStatus::kMiss : CacheStatus::kBypass;
    const Code code = use(introspector, record, now);
    if (cached) {
        const std::optional<std::int64_t> expires = token::expiry(claims_);
        const std::int64_t until =
            expires ? *expires + introspector.rules.leeway_s : cache::kNeverExpires;
        if (now.unix_s < until && code != Code::kBadClaim) {
            environment_->store_of(introspector)
                .put(introspector.token_key(*digest_), now, record,
                     {.ttl_ms = introspector.cache_ttl_ms, .expires_at_s = until});
        }
    }
    return code;
}

Code Validation::failed(const cache::Acquired &acquired) noexcept
{
    retry_after_ms_ = acquired.retry_after_ms;
    return acquired.failure;
}

std::optional<cache::Record> Validation::last_record(const Introspector &introspector,
                                                     const cache::Key &key, Now now,
                                                     Code failure) noexcept
{
    if (stage_ == Stage::kRenewal || introspector.cache_ttl_ms == 0) {
        return std::nullopt;
    }
    return environment_->store_of(introspector)
        .stale(key, now, failure, introspector.stale_use, room_);
}

Fetch Validation::fetch(const Introspector &introspector, Document document)
{
    const IntrospectorState &state = state_of(introspector);
    fetching_ = &introspector;
    fetched_document_ = document;
    Fetch fetch{.peer = &introspector,
                .document = document,
                .uri = {},
                .authorization = {},
                .form = {},
                .accept = "application/json"};
    switch (document) {
    case Document::kMetadata:
        fetch.uri = introspector.discovery_uris[discovery_attempt_];
        break;
    case Document::kKeySet:
        fetch.uri = state.jwks_uri(introspector);
        fetch.accept = "application/jwk-set+json, application/json";
        break;
    case Document::kUser:
        fetch.uri = user_uri(introspector.user_endpoint, user_id_);
        fetch.authorization = token::authorization_value(state.credentials());
        break;
    case Document::kExchangedToken:
        break;  // an Exchange fetches these
    case Document::kIntrospection:
        fetch.uri = state.introspection_endpoint(introspector);
        if (introspector.signed_response) {
            fetch.accept = "application/token-introspection+jwt, application/jwt";
        }
        fetch.authorization = token::authorization_value(state.credentials());
        fetch.form =
            token::introspection_form(token_, introspector.token_type_hint, state.credentials());
        break;
    }
    return fetch;
}

void Validation::report(const Introspector &introspector, const Error &error) const
{
    flow::report(environment_->host, introspector, error, fetched_status_);
}

Step Validation::resume(Now now, const Result<token::Answer> &answer)
{
    fetched_status_ = answer ? answer->status : 0;
    if (fetched_document_ == Document::kUser) {
        took_user(now, answer);
        return go_on(now);
    }
    if (fetched_document_ == Document::kIntrospection) {
        took_introspection(now, answer);
        return go_on(now);
    }
    if (fetched_document_ == Document::kMetadata && answer && answer->status == 404
        && discovery_attempt_ + 1 < fetching_->discovery_uris.size())
    {
        ++discovery_attempt_;
        return fetch(*fetching_, Document::kMetadata);
    }
    took_document(now, answer);
    return go_on(now);
}

Code Validation::use(const Introspector &introspector, const cache::Record &record,
                     Now now) noexcept
{
    if (record.code != Code::kActive) {
        return record.code;
    }
    claims_ = token::ClaimsView(record.claims);
    header_ = token::ClaimsView(record.header);
    introspection_jwt_ = record.text;
    return check(introspector, now);
}

Code Validation::check(const Introspector &introspector, Now now) const noexcept
{
    return token::check_registered_claims(claims_, introspector.rules, now);
}

}  // namespace token_introspect::flow
