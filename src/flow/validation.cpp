#include "flow/validation.hpp"

#include <algorithm>
#include <utility>

namespace token_introspect::flow {

namespace {

// A kid that the key set lacks makes one fetch in this time, however many such tokens come.
constexpr std::uint64_t kKeyRenewalIntervalMs = 5000;

// What a fetch's own limit does not cover: connecting the pieces in a busy worker.
constexpr std::uint64_t kLeaseMarginMs = 1000;

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
    if (code != Code::kActive) {
        claims_ = {};
        header_ = {};
    }
    return {code};
}

const Sha256 *Validation::token_digest() noexcept
{
    if (!digest_) {
        digest_ = environment_->hasher(as_bytes(token_));
    }
    return digest_ ? &*digest_ : nullptr;
}

Step Validation::advance(Now now)
{
    if (stage_ == Stage::kStart) {
        const bool caches = std::ranges::any_of(listed_, [](const Introspector *introspector) {
            return introspector->cache_ttl_ms != 0;
        });
        if (caches && token_digest() == nullptr) {
            return decide(Code::kInternal, nullptr);
        }
        jwt_shaped_ = jose::has_compact_shape(token_);
        if (const std::optional<Decision> decision = look_up(now)) {
            return *decision;
        }
        stage_ = jwt_shaped_ ? Stage::kJwt : Stage::kOpaque;
        if (jwt_shaped_) {
            if (Result<jose::CompactJws> jws = parse()) {
                jws_ = std::move(*jws);
            } else {
                stage_ = Stage::kOpaque;  // an opaque token may have dots, too
            }
        }
    }
    return run(now);
}

// By the widest limits of the listed: a token that is too large for one is still another's.
Result<jose::CompactJws> Validation::parse() const
{
    jose::JwsLimits limits = listed_.front()->limits;
    for (const Introspector *introspector : listed_) {
        limits.token_bytes = std::max(limits.token_bytes, introspector->limits.token_bytes);
        limits.json.bytes = std::max(limits.json.bytes, introspector->limits.json.bytes);
    }
    return jose::parse_compact(token_, limits, &environment_->headers);
}

// The way of nearly every request: a record that counts decides, and no JSON is parsed.
std::optional<Decision> Validation::look_up(Now now)
{
    for (const Introspector *introspector : listed_) {
        const std::string problem =
            state_of(*introspector).reload_changed_files(*introspector, now);
        if (!problem.empty()) {
            environment_->host.report(Severity::kError, *introspector, problem);
        }
        const bool jwt = introspector->kind == Kind::kJwt;
        if ((jwt && !jwt_shaped_) || introspector->cache_ttl_ms == 0) {
            continue;
        }
        const std::optional<cache::Record> record =
            jwt ? find_jwt(*introspector, now)
                : environment_->store_of(*introspector)
                      .find(introspector->token_key(*digest_), now, room_);
        if (!record || (!jwt && jwt_shaped_ && claimed_by_listed(record->presented_issuer))) {
            continue;
        }
        const Code code = use(*introspector, *record, now);
        // A refusal is the last word only where nobody else might say otherwise.
        if (code == Code::kActive || listed_.size() == 1) {
            cache_status_ = CacheStatus::kHit;
            return decide(code, introspector);
        }
    }
    return std::nullopt;
}

// The record of a verified JWT, provided that the key which verified it is still in the set.
std::optional<cache::Record> Validation::find_jwt(const Introspector &introspector,
                                                  Now now) noexcept
{
    if (!introspector.cache_verified_jwt || introspector.cache_ttl_ms == 0) {
        return std::nullopt;
    }
    const IntrospectorState &state = state_of(introspector);
    const bool remote = introspector.has_remote_keys();
    const cache::Key key_set = introspector.key_set_key();
    cache::Glance glance;
    std::optional<cache::Record> record = environment_->store_of(introspector)
                                              .find(introspector.token_key(*digest_), now, room_,
                                                    remote ? &key_set : nullptr, &glance);
    if (record
        && ((remote && !keys_ready_
             && (!glance.fresh || glance.generation != state.keys_generation()))
            || !state.keys().contains(record->key)))
    {
        record.reset();
    }
    return record;
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
        Attempt attempt =
            stage_ == Stage::kJwt ? try_jwt(*introspector, now) : try_opaque(*introspector, now);
        if (auto *needed = std::get_if<Fetch>(&attempt)) {
            return std::move(*needed);
        }
        if (const auto *busy = std::get_if<Wait>(&attempt)) {
            return *busy;
        }
        const Code code = std::get<Code>(attempt);
        if (code == Code::kActive) {
            return decide(code, introspector);
        }
        if (code != Code::kUnknownIssuer) {
            note(code, *introspector);
        }
        ++position_;
        since_ms_ = 0;
        metadata_ready_ = keys_ready_ = false;
        answered_.reset();
        document_failed_.reset();
        discovery_attempt_ = 0;
    }
    if (worst_) {
        return decide(*worst_, worst_by_);
    }
    return decide(jws_ ? Code::kUnknownIssuer : Code::kMalformed, nullptr);
}

// The introspector at or after the current position that this stage may ask; the opaque ones come
// when no jwt introspector has claimed the token.
const Introspector *Validation::next_candidate() noexcept
{
    for (;;) {
        const Kind kind = stage_ == Stage::kJwt ? Kind::kJwt : Kind::kOpaque;
        for (; position_ < listed_.size(); ++position_) {
            if (listed_[position_]->kind == kind) {
                return listed_[position_];
            }
        }
        if (stage_ == Stage::kOpaque || claimed_) {
            return nullptr;
        }
        stage_ = Stage::kOpaque;
        position_ = 0;
    }
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
    const std::string_view issuer = jws_->issuer();
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

    if (header_image_.empty()) {
        Result<std::vector<std::uint8_t>> image = token::build_claims(jws_->header.get());
        if (!image) {
            return Code::kMalformed;
        }
        header_image_ = std::move(*image);
    }
    if (!token::accepts_type(token::ClaimsView(header_image_), introspector.token_types)) {
        return Code::kUnsupportedType;
    }
    if (Hurdle hurdle = need_keys(introspector, now)) {
        return std::move(*hurdle);
    }
    if (const std::optional<cache::Record> record = find_jwt(introspector, now)) {
        cache_status_ = CacheStatus::kHit;
        return use(introspector, *record, now);
    }
    Result<const jose::Key *> key = jose::verify(*jws_, state.keys(), introspector.algorithms);
    if (!key && key.error().code == Code::kUnknownKey && introspector.has_remote_keys()
        && !keys_ready_)
    {
        if (Hurdle hurdle = renew_keys(introspector, now)) {
            return std::move(*hurdle);
        }
        key = jose::verify(*jws_, state.keys(), introspector.algorithms);
    }
    return key ? accept_jwt(introspector, **key, now) : key.error().code;
}

Code Validation::accept_jwt(const Introspector &introspector, const jose::Key &key, Now now)
{
    Result<std::vector<std::uint8_t>> image = token::build_claims(jws_->payload.get());
    if (!image) {
        return Code::kMalformed;
    }
    claims_image_ = std::move(*image);
    const cache::Record record{.key = key.id(), .claims = claims_image_, .header = header_image_};
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

Validation::Attempt Validation::try_opaque(const Introspector &introspector, Now now)
{
    if (answered_) {
        return *answered_;
    }
    if (Hurdle hurdle = need_metadata(introspector, now)) {
        return std::move(*hurdle);
    }
    if (introspector.cache_ttl_ms == 0) {
        cache_status_ = CacheStatus::kBypass;
        return fetch(introspector, Document::kIntrospection);
    }
    const cache::Key key = introspector.token_key(*digest_);
    const cache::Acquired acquired = environment_->store_of(introspector)
                                         .acquire(key, now, wanted(introspector, since_ms_), room_);
    switch (acquired.state) {
    case cache::State::kFound:
        cache_status_ = CacheStatus::kHit;
        return use(introspector, *acquired.record, now);
    case cache::State::kBusy:
        return Wait{.introspector = &introspector, .key = key, .lease = acquired.lease};
    case cache::State::kLed:
        cache_status_ = acquired.had_expired ? CacheStatus::kExpired : CacheStatus::kMiss;
        lead(introspector, key, acquired.lease);
        return fetch(introspector, Document::kIntrospection);
    case cache::State::kFailed:
    case cache::State::kRefused:
        break;
    }
    return acquired.failure;
}

cache::Wanted Validation::wanted(const Introspector &introspector, std::uint64_t since_ms) noexcept
{
    return {.since_ms = since_ms, .lease_ms = introspector.fetch_ms + kLeaseMarginMs};
}

Validation::Hurdle Validation::need_metadata(const Introspector &introspector, Now now)
{
    if (!introspector.needs_metadata() || metadata_ready_) {
        return std::nullopt;
    }
    if (document_failed_) {
        return *document_failed_;
    }
    if (state_of(introspector).keeps_metadata(now)) {
        return std::nullopt;
    }
    const cache::Key key = introspector.metadata_key();
    cache::Wanted want = wanted(introspector, since_ms_);
    want.lease_ms *= introspector.discovery_uris.size();
    want.known_generation = state_of(introspector).metadata_generation();
    want.last_good = true;
    return settle(introspector, Document::kMetadata, key,
                  environment_->store_of(introspector).acquire(key, now, want, room_));
}

Validation::Hurdle Validation::need_keys(const Introspector &introspector, Now now)
{
    if (!introspector.has_remote_keys() || keys_ready_) {
        return std::nullopt;
    }
    if (document_failed_) {
        return *document_failed_;
    }
    if (state_of(introspector).keeps_keys(now)) {
        return std::nullopt;
    }
    const cache::Key key = introspector.key_set_key();
    cache::Wanted want = wanted(introspector, since_ms_);
    want.known_generation = state_of(introspector).keys_generation();
    want.last_good = true;
    return settle(introspector, Document::kKeySet, key,
                  environment_->store_of(introspector).acquire(key, now, want, room_));
}

Validation::Hurdle Validation::renew_keys(const Introspector &introspector, Now now)
{
    const cache::Key key = introspector.key_set_key();
    cache::Wanted want = wanted(introspector, since_ms_);
    want.known_generation = state_of(introspector).keys_generation();
    const std::uint64_t interval =
        std::min<std::uint64_t>(kKeyRenewalIntervalMs, introspector.cache_ttl_ms);
    return settle(introspector, Document::kKeySet, key,
                  environment_->store_of(introspector).refresh(key, now, want, interval, room_));
}

void Validation::lead(const Introspector &introspector, const cache::Key &key,
                      cache::LeaseId lease) noexcept
{
    lease_ = Lease(environment_->store_of(introspector), environment_->host, key, lease);
}

// What follows from the store's answer about a document.
Validation::Hurdle Validation::settle(const Introspector &introspector, Document document,
                                      const cache::Key &key, const cache::Acquired &acquired)
{
    switch (acquired.state) {
    case cache::State::kLed:
        lead(introspector, key, acquired.lease);
        return fetch(introspector, document);
    case cache::State::kBusy:
        if (!acquired.record && !acquired.unchanged) {
            return Wait{.introspector = &introspector, .key = key, .lease = acquired.lease};
        }
        [[fallthrough]];
    case cache::State::kFound:
        if (acquired.record) {
            const Result<void> adopted =
                adopt(introspector, document, acquired.record->text, acquired.generation);
            if (!adopted) {
                return adopted.error().code;
            }
        }
        return std::nullopt;
    case cache::State::kFailed:
        return acquired.failure;
    case cache::State::kRefused:
        break;
    }
    return Code::kUnknownKey;
}

Fetch Validation::fetch(const Introspector &introspector, Document document)
{
    const IntrospectorState &state = state_of(introspector);
    fetching_ = &introspector;
    fetched_document_ = document;
    Fetch fetch{.introspector = &introspector,
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
    case Document::kIntrospection:
        fetch.uri = state.introspection_endpoint(introspector);
        fetch.authorization = token::authorization_value(state.credentials());
        fetch.form =
            token::introspection_form(token_, introspector.token_type_hint, state.credentials());
        break;
    }
    return fetch;
}

Step Validation::resume(Now now, const Result<token::Answer> &answer)
{
    if (fetched_document_ == Document::kIntrospection) {
        took_introspection(now, answer);
        return run(now);
    }
    if (fetched_document_ == Document::kMetadata && answer && answer->status == 404
        && discovery_attempt_ + 1 < fetching_->discovery_uris.size())
    {
        ++discovery_attempt_;
        return fetch(*fetching_, Document::kMetadata);
    }
    took_document(now, answer);
    return run(now);
}

void Validation::took_introspection(Now now, const Result<token::Answer> &answer)
{
    const Introspector &introspector = *fetching_;
    Result<Json> json = std::unexpected(Error{Code::kInternal, {}});
    if (answer) {
        json = token::introspection_answer(*answer, introspector.limits.json);
    } else {
        json = std::unexpected(answer.error());
    }
    cache::Record record;
    cache::Lifetime lifetime{.ttl_ms = introspector.cache_inactive_ttl_ms,
                             .expires_at_s = cache::kNeverExpires};
    if (jwt_shaped_ && !jws_) {
        if (Result<jose::CompactJws> jws = parse()) {
            jws_ = std::move(*jws);
        }
    }
    if (jws_) {
        record.presented_issuer = jws_->issuer();
    }
    if (json) {
        Result<std::vector<std::uint8_t>> image = token::build_claims(json->get());
        if (!image) {
            json = std::unexpected(image.error());
        } else {
            claims_image_ = std::move(*image);
            record.claims = claims_image_;
            lifetime.ttl_ms = introspector.cache_ttl_ms;
            if (const auto expires = token::expiry(token::ClaimsView(claims_image_))) {
                lifetime.expires_at_s = *expires + introspector.rules.leeway_s;
            }
        }
    }
    if (!json && json.error().code != Code::kInactive) {
        environment_->host.report(outcome(json.error().code).severity, introspector,
                                  json.error().text);
        lease_.fail(now, json.error().code);
        answered_ = json.error().code;
        return;
    }
    record.code = json ? Code::kActive : Code::kInactive;
    answered_ = use(introspector, record, now);
    if (now.unix_s < lifetime.expires_at_s) {
        lease_.publish(now, record, lifetime);
    } else if (*answered_ != Code::kActive) {
        lease_.fail(now, *answered_);
    } else {
        lease_.abandon();  // good for a part of this second: too short to keep
    }
}

void Validation::took_document(Now now, const Result<token::Answer> &answer)
{
    const Introspector &introspector = *fetching_;
    const bool keys = fetched_document_ == Document::kKeySet;

    Result<void> done{};
    if (answer) {
        token::Answer untyped = *answer;
        untyped.content_type = {};  // key sets and metadata are served as many types
        if (const Result<Json> json = token::json_answer(untyped, introspector.limits.json); !json)
        {
            done = std::unexpected(json.error());
        } else {
            done = adopt(introspector, fetched_document_, answer->body, 0);
        }
    } else {
        done = std::unexpected(answer.error());
    }
    if (!done) {
        environment_->host.report(Severity::kError, introspector, done.error().text);
        lease_.fail(now, done.error().code);
        document_failed_ = done.error().code;
        return;
    }
    (keys ? keys_ready_ : metadata_ready_) = true;
    cache::Record record;
    record.text = answer->body;
    const std::uint64_t generation = lease_.publish(
        now, record, {.ttl_ms = introspector.cache_ttl_ms, .expires_at_s = cache::kNeverExpires});
    IntrospectorState &state = state_of(introspector);
    std::uint64_t kept_until_ms = 0;
    if (generation == 0 && introspector.cache_ttl_ms != 0) {
        // Either there was no room, or somebody took over and has stored something newer.
        const cache::Key key = keys ? introspector.key_set_key() : introspector.metadata_key();
        if (!environment_->store_of(introspector).find(key, now, room_)) {
            kept_until_ms = now.monotonic_ms + introspector.cache_ttl_ms;
            environment_->host.report(Severity::kWarn, introspector,
                                      "the issuer's document finds no room in the token_zone and "
                                      "is kept by this worker alone: make the zone larger");
        }
    }
    if (keys) {
        state.keys_stored_as(generation, kept_until_ms);
    } else {
        state.metadata_stored_as(generation, kept_until_ms);
    }
}

Result<void> Validation::adopt(const Introspector &introspector, Document document,
                               std::string_view text, std::uint64_t generation)
{
    IntrospectorState &state = state_of(introspector);
    if (document == Document::kMetadata) {
        const bool https = introspector.discovery_uris[discovery_attempt_].starts_with("https://");
        Result<token::Metadata> metadata =
            token::parse_metadata(text, introspector.rules.issuers, https);
        if (!metadata) {
            return std::unexpected(metadata.error());
        }
        const std::string &needed =
            introspector.kind == Kind::kJwt ? metadata->jwks_uri : metadata->introspection_endpoint;
        if (needed.empty() && introspector.jwks_uri.empty()
            && introspector.introspection_endpoint.empty())
        {
            return fail(Code::kIssuerMetadata, "the metadata names no endpoint for this type");
        }
        state.adopt_metadata(std::move(*metadata), generation);
        return {};
    }
    Result<jose::KeySet> keys =
        jose::KeySet::from_json(text, !(introspector.algorithms & jose::kHmacAlgorithms).empty());
    if (!keys) {
        return std::unexpected(keys.error());
    }
    for (const jose::SkippedKey &skipped : keys->skipped()) {
        environment_->host.report(Severity::kWarn, introspector, skipped.error.text);
    }
    state.adopt_keys(std::move(*keys), generation);
    return {};
}

Code Validation::use(const Introspector &introspector, const cache::Record &record,
                     Now now) noexcept
{
    if (record.code != Code::kActive) {
        return record.code;
    }
    claims_ = token::ClaimsView(record.claims);
    header_ = token::ClaimsView(record.header);
    return check(introspector, now);
}

Code Validation::check(const Introspector &introspector, Now now) const noexcept
{
    return token::check_registered_claims(claims_, introspector.rules, now);
}

}  // namespace token_introspect::flow
