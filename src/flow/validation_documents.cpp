#include "flow/asking.hpp"
#include "flow/document_files.hpp"
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
    const cache::Wanted want = wanted_document(introspector, Document::kMetadata);
    return settle(introspector, Document::kMetadata, key,
                  environment_->store_of(introspector).acquire(key, now, want, room_), now);
}

cache::Wanted Validation::wanted_document(const Introspector &introspector,
                                          Document document) const noexcept
{
    const bool keys = document == Document::kKeySet;
    const IntrospectorState &state = state_of(introspector);
    cache::Wanted want =
        wanted(introspector, since_ms_, keys ? 1 : introspector.discovery_uris.size());
    want.known_generation = keys ? state.keys_generation() : state.metadata_generation();
    want.last_good = true;
    if (environment_->files != nullptr) {
        // only what came from there is ever stale without cache_use_stale
        want.stale = {.on_error = true, .on_timeout = true, .while_updating = true};
    }
    return want;
}

Validation::Hurdle Validation::need_keys(const Introspector &introspector, Now now)
{
    if (!introspector.has_remote_keys() || keys_ready_) {
        keys_settled_ = true;
        return std::nullopt;
    }
    if (document_failed_) {
        return *document_failed_;
    }
    if (state_of(introspector).keeps_keys(now)) {
        keys_settled_ = true;
        return std::nullopt;
    }
    const cache::Key key = introspector.key_set_key();
    const cache::Wanted want = wanted_document(introspector, Document::kKeySet);
    Hurdle hurdle =
        settle(introspector, Document::kKeySet, key,
               environment_->store_of(introspector).acquire(key, now, want, room_), now);
    keys_settled_ = !hurdle;
    return hurdle;
}

Validation::Hurdle Validation::renew_keys(const Introspector &introspector, Now now)
{
    if (renewal_ && stage_ != Stage::kRenewal && renewal_->peer == &introspector
        && renewal_->document == Document::kKeySet)
    {
        // It is this request that has to ask: it would wait for itself.
        document_lease_ = std::move(renewal_->lease);
        renewal_.reset();
        lacks_kid_ = true;
        return fetch(introspector, Document::kKeySet);
    }
    const cache::Key key = introspector.key_set_key();
    cache::Wanted want = wanted(introspector, since_ms_);
    want.known_generation = state_of(introspector).keys_generation();
    const std::uint64_t interval =
        std::min<std::uint64_t>(kKeyRenewalIntervalMs, introspector.cache_ttl_ms);
    lacks_kid_ = true;
    return settle(introspector, Document::kKeySet, key,
                  environment_->store_of(introspector).refresh(key, now, want, interval, room_),
                  now);
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
        // a set that could not be fetched anew says nothing of keys that it lacks
        const Code code = key.error().code;
        return std::unexpected(
            Attempt(code == Code::kUnknownKey ? keys_failed_.value_or(code) : code));
    }
    return *key;
}

// What follows from the store's answer about a document.
Validation::Hurdle Validation::settle(const Introspector &introspector, Document document,
                                      const cache::Key &key, const cache::Acquired &acquired,
                                      Now now)
{
    switch (acquired.state) {
    case cache::State::kLed:
        document_lease_ =
            Lease(environment_->store_of(introspector), environment_->host, key, acquired.lease);
        return fetch(introspector, document);
    case cache::State::kBusy:
        if (!acquired.record && !acquired.unchanged) {
            return Wait{.peer = &introspector, .key = key, .lease = acquired.lease};
        }
        [[fallthrough]];
    case cache::State::kFound:
    case cache::State::kStale:
        if (acquired.due || (acquired.state == cache::State::kStale && !acquired.updating)) {
            renew_later(introspector, document, now);
        }
        if (acquired.record) {
            const Result<void> adopted =
                adopt(introspector, document, acquired.record->text, acquired.generation);
            if (!adopted) {
                return adopted.error().code;
            }
        }
        return std::nullopt;
    case cache::State::kFailed:
        return failed(acquired);
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
    const cache::Key key = keys ? introspector.key_set_key() : introspector.metadata_key();
    if (!done) {
        const Code code = done.error().code;
        report(introspector, done.error());
        document_lease_.fail(now, code);
        if (!use_last_document(introspector, key, now, code)
            && !use_saved_document(introspector, key, now, code))
        {
            document_failed_ = code;
        } else if (keys) {
            keys_failed_ = code;
        }
        return;
    }
    (keys ? keys_ready_ : metadata_ready_) = true;
    if (environment_->files != nullptr) {
        environment_->files->save(introspector, fetched_document_, now, answer->body);
    }
    cache::Record record;
    record.text = answer->body;
    cache::Lifetime lasting = lifetime(introspector, introspector.cache_ttl_ms);
    lasting.refresh_ms = introspector.cache_ttl_ms / 4 * 3;
    const std::uint64_t generation = document_lease_.publish(now, record, lasting);
    IntrospectorState &state = state_of(introspector);
    std::uint64_t kept_until_ms = 0;
    if (generation == 0 && introspector.cache_ttl_ms != 0) {
        // Either there was no room, or somebody took over and has stored something newer.
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

// The document that was good until now, where its owner permits it and no token asks for more.
bool Validation::use_last_document(const Introspector &introspector, const cache::Key &key, Now now,
                                   Code failure)
{
    if (lacks_kid_) {
        return false;
    }
    const std::optional<cache::Record> last = last_record(introspector, key, now, failure);
    if (!last || !adopt(introspector, fetched_document_, last->text, 0)) {
        return false;
    }
    (fetched_document_ == Document::kKeySet ? keys_ready_ : metadata_ready_) = true;
    return true;
}

// What an earlier nginx saved, while the issuer cannot say what counts now. The store then has it as
// stale, and the issuer is asked again in the background.
bool Validation::use_saved_document(const Introspector &introspector, const cache::Key &key,
                                    Now now, Code failure)
{
    const bool silent = failure == Code::kIssuerUnreachable || failure == Code::kIssuerTimeout
                        || failure == Code::kIssuerStatus;
    if (environment_->files == nullptr || !silent || lacks_kid_ || stage_ == Stage::kRenewal) {
        return false;
    }
    const std::uint64_t longest_ms = introspector.cache_ttl_ms + introspector.stale_ttl_ms;
    const std::optional<cache::SavedDocument> saved = environment_->files->load(
        introspector, fetched_document_, now, static_cast<std::int64_t>(longest_ms / 1000));
    if (!saved) {
        return false;
    }
    if (const Result<void> adopted = adopt(introspector, fetched_document_, saved->text, 0);
        !adopted)
    {
        report(introspector, adopted.error());
        return false;
    }
    (fetched_document_ == Document::kKeySet ? keys_ready_ : metadata_ready_) = true;
    const auto age_ms =
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, now.unix_s - saved->fetched_at_s))
        * 1000;
    cache::Record record;
    record.text = saved->text;
    environment_->store_of(introspector)
        .put(key, now, record,
             {.ttl_ms = 0,
              .expires_at_s = cache::kNeverExpires,
              .stale_ms = longest_ms - std::min(longest_ms, age_ms)});
    return true;
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
