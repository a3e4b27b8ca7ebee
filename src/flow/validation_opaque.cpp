#include "flow/validation.hpp"

// Tokens that only their issuer can judge: RFC 7662.

namespace token_introspect::flow {

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
        token_lease_ =
            Lease(environment_->store_of(introspector), environment_->host, key, acquired.lease);
        return fetch(introspector, Document::kIntrospection);
    case cache::State::kFailed:
    case cache::State::kRefused:
        break;
    }
    return acquired.failure;
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
        token_lease_.fail(now, json.error().code);
        answered_ = json.error().code;
        return;
    }
    record.code = json ? Code::kActive : Code::kInactive;
    answered_ = use(introspector, record, now);
    if (now.unix_s < lifetime.expires_at_s) {
        token_lease_.publish(now, record, lifetime);
    } else if (*answered_ != Code::kActive) {
        token_lease_.fail(now, *answered_);
    } else {
        token_lease_.abandon();  // good for a part of this second: too short to keep
    }
}

}  // namespace token_introspect::flow
