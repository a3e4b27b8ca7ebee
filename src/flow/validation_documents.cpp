#include "flow/validation.hpp"

#include <algorithm>

// The issuer's metadata and key set: from the store, or fetched on behalf of all.

namespace token_introspect::flow {

namespace {

// A kid that the key set lacks makes one fetch in this time, however many such tokens come.
constexpr std::uint64_t kKeyRenewalIntervalMs = 5000;

}  // namespace

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
    cache::Wanted want = wanted(introspector, since_ms_, introspector.discovery_uris.size());
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

// The key that verifies, once the keys are there; a kid that they lack may renew them.
std::expected<const jose::Key *, Validation::Attempt> Validation::verify(
    const Introspector &introspector, const jose::CompactJws &jws, Now now)
{
    const IntrospectorState &state = state_of(introspector);
    Result<const jose::Key *> key = jose::verify(jws, state.keys(), introspector.algorithms);
    if (!key && key.error().code == Code::kUnknownKey && introspector.has_remote_keys()
        && !keys_ready_)
    {
        if (Hurdle hurdle = renew_keys(introspector, now)) {
            return std::unexpected(std::move(*hurdle));
        }
        key = jose::verify(jws, state.keys(), introspector.algorithms);
    }
    if (!key) {
        return std::unexpected(Attempt(key.error().code));
    }
    return *key;
}

// What follows from the store's answer about a document.
Validation::Hurdle Validation::settle(const Introspector &introspector, Document document,
                                      const cache::Key &key, const cache::Acquired &acquired)
{
    switch (acquired.state) {
    case cache::State::kLed:
        document_lease_ =
            Lease(environment_->store_of(introspector), environment_->host, key, acquired.lease);
        return fetch(introspector, document);
    case cache::State::kBusy:
        if (!acquired.record && !acquired.unchanged) {
            return Wait{.introspector = &introspector, .key = key, .lease = acquired.lease};
        }
        [[fallthrough]];
    case cache::State::kStale:
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
        report(introspector, done.error());
        document_lease_.fail(now, done.error().code);
        document_failed_ = done.error().code;
        return;
    }
    (keys ? keys_ready_ : metadata_ready_) = true;
    cache::Record record;
    record.text = answer->body;
    const std::uint64_t generation = document_lease_.publish(
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
        const bool lacks_endpoint = introspector.kind == Kind::kOpaque
                                    && introspector.introspection_endpoint.empty()
                                    && metadata->introspection_endpoint.empty();
        const bool lacks_keys = introspector.has_remote_keys() && introspector.jwks_uri.empty()
                                && metadata->jwks_uri.empty();
        if (lacks_endpoint || lacks_keys) {
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

}  // namespace token_introspect::flow
