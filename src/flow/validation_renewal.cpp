#include "flow/asking.hpp"
#include "flow/validation.hpp"

#include <algorithm>
#include <utility>

// What a validation found old, and its renewal in the background: the same fetches, of which nobody
// waits for the outcome.

namespace token_introspect::flow {

void Validation::renew_later(const Introspector &introspector, Document document,
                             const cache::Key &key, const cache::Wanted &want, Now now) noexcept
{
    if (renewal_) {
        return;
    }
    std::string_view subject;
    if (document == Document::kIntrospection) {
        subject = token_;
    } else if (document == Document::kUser) {
        subject = user_id_;
    }
    renewal_ = begin_renewal(
        *environment_,
        {.peer = &introspector, .document = document, .subject = subject, .lease = {}}, key, now,
        want);
}

void Validation::renew_later(const Introspector &introspector, Document document, Now now) noexcept
{
    const cache::Key key =
        document == Document::kKeySet ? introspector.key_set_key() : introspector.metadata_key();
    renew_later(introspector, document, key, wanted_document(introspector, document), now);
}

Validation::Validation(Environment &environment, cache::Room room, Renewal renewal) noexcept
    : environment_(&environment),
      room_(room),
      stage_(Stage::kRenewal),
      renewal_(std::move(renewal)),
      renewing_(static_cast<const Introspector *>(renewal_->peer))
{
    listed_ = {&renewing_, 1};
    switch (renewal_->document) {
    case Document::kIntrospection:
        token_ = renewal_->subject;
        jwt_shaped_ = jose::has_compact_shape(token_);
        token_lease_ = std::move(renewal_->lease);
        break;
    case Document::kUser:
        user_id_ = renewal_->subject;
        user_lease_ = std::move(renewal_->lease);
        break;
    case Document::kMetadata:
    case Document::kKeySet:
    case Document::kExchangedToken:
        break;  // the metadata may come first, and has a lease of its own
    }
}

std::optional<Renewal> Validation::take_renewal() noexcept
{
    std::optional<Renewal> taken;
    if (renewal_) {
        taken.emplace(std::move(*renewal_));
        renewal_.reset();
    }
    return taken;
}

Validation::Attempt Validation::try_renewal(Now now)
{
    const Introspector &introspector = *renewing_;
    const Document document = renewal_->document;
    if (since_ms_ == 0) {
        since_ms_ = std::max<std::uint64_t>(now.monotonic_ms, 1);
    }
    if (response_ && !answered_) {
        return judge_response(introspector, now);
    }
    if (answered_ || user_answered_ || (document == Document::kKeySet && keys_ready_)
        || (document == Document::kMetadata && metadata_ready_))
    {
        return Code::kActive;
    }
    if (document_failed_) {
        return *document_failed_;
    }
    if (document == Document::kKeySet || document == Document::kIntrospection) {
        if (Hurdle hurdle = need_metadata(introspector, now)) {
            return std::move(*hurdle);
        }
    }
    if (document == Document::kIntrospection && token_digest() == nullptr) {
        return Code::kInternal;
    }
    if (document == Document::kMetadata || document == Document::kKeySet) {
        document_lease_ = std::move(renewal_->lease);
    }
    return fetch(introspector, document);
}

}  // namespace token_introspect::flow
