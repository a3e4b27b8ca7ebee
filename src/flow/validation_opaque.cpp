#include "flow/asking.hpp"
#include "flow/validation.hpp"

#include "token/signed_response.hpp"

#include <algorithm>

// Tokens that only their issuer can judge: RFC 7662, and RFC 9701 where it signs its answers.

namespace token_introspect::flow {

namespace {

// A bad signature on the issuer's answer is the issuer's fault, not the token's. Codes of a failed
// fetch have been reported where it failed.
Error response_error(Code code) noexcept
{
    switch (code) {
    case Code::kMalformed:
        return {Code::kIssuerResponse, "the introspection response is not a well-formed JWT"};
    case Code::kUnknownKey:
        return {Code::kIssuerResponse, "no key fits the introspection response's kid and alg"};
    case Code::kUnsupportedAlgorithm:
        return {Code::kIssuerResponse, "the introspection response's alg is not permitted"};
    case Code::kUnsupportedCritical:
        return {Code::kIssuerResponse, "the introspection response's header has a crit"};
    case Code::kBadSignature:
        return {Code::kIssuerResponse, "no key verifies the introspection response's signature"};
    default:
        return {code, {}};
    }
}

}  // namespace

Validation::Attempt Validation::try_opaque(const Introspector &introspector, Now now)
{
    if (answered_) {
        return *answered_;
    }
    if (response_) {
        return judge_response(introspector, now);
    }
    if (Hurdle hurdle = need_metadata(introspector, now)) {
        return std::move(*hurdle);
    }
    if (introspector.cache_ttl_ms == 0) {
        cache_status_ = CacheStatus::kBypass;
        return fetch(introspector, Document::kIntrospection);
    }
    const cache::Key key = introspector.token_key(*digest_);
    const cache::Key circuit = introspector.introspection_circuit();
    const cache::Wanted want = wanted_introspection(introspector, circuit);
    const cache::Acquired acquired =
        environment_->store_of(introspector).acquire(key, now, want, room_);
    switch (acquired.state) {
    case cache::State::kFound:
        cache_status_ = CacheStatus::kHit;
        return use(introspector, *acquired.record, now);
    case cache::State::kStale:
        cache_status_ = acquired.updating ? CacheStatus::kUpdating : CacheStatus::kStale;
        if (!acquired.updating) {
            renew_later(introspector, Document::kIntrospection, key, want, now);
        }
        return use(introspector, *acquired.record, now);
    case cache::State::kBusy:
        return Wait{.peer = &introspector, .key = key, .lease = acquired.lease};
    case cache::State::kLed:
        cache_status_ = acquired.had_expired ? CacheStatus::kExpired : CacheStatus::kMiss;
        token_lease_ = Lease(environment_->store_of(introspector), environment_->host, key,
                             acquired.lease, circuit);
        return fetch(introspector, Document::kIntrospection);
    case cache::State::kFailed:
    case cache::State::kRefused:
        break;
    }
    return failed(acquired);
}

// A signed answer may need the key set, too.
cache::Wanted Validation::wanted_introspection(const Introspector &introspector,
                                               const cache::Key &circuit) const noexcept
{
    cache::Wanted want = wanted(introspector, since_ms_, introspector.signed_response ? 2 : 1);
    want.circuit = &circuit;
    return want;
}

void Validation::took_introspection(Now now, const Result<token::Answer> &answer)
{
    const Introspector &introspector = *fetching_;
    if (!answer) {
        settle_token(introspector, now, std::unexpected(answer.error()));
    } else if (introspector.signed_response) {
        if (const auto response = token::signed_response(*answer)) {
            response_ =
                Response{.jwt = std::string(response->jwt), .is_rfc9701 = response->is_rfc9701};
        } else {
            settle_token(introspector, now, std::unexpected(response.error()));
        }
    } else {
        const Result<Json> json = token::introspection_answer(*answer, introspector.limits.json);
        settle_token(introspector, now,
                     json ? token::build_claims(json->get()) : std::unexpected(json.error()));
    }
}

// The signed answer is here; its keys may have to be fetched while the token's lease is held.
Validation::Attempt Validation::judge_response(const Introspector &introspector, Now now)
{
    auto refuse = [&](Attempt attempt) -> Attempt {
        const Code *code = std::get_if<Code>(&attempt);
        return code == nullptr
                   ? std::move(attempt)
                   : settle_token(introspector, now, std::unexpected(response_error(*code)));
    };
    jose::JwsLimits limits = introspector.limits;
    limits.token_bytes = introspector.response_size;
    const Result<token::Jwt> jwt = environment_->jwts.parse(response_->jwt, limits);
    if (!jwt) {
        return refuse(jwt.error().code);
    }
    if (Hurdle hurdle = need_keys(introspector, now)) {
        return refuse(std::move(*hurdle));
    }
    if (auto key = verify(introspector, jwt->jws, now); !key) {
        return refuse(std::move(key.error()));
    }
    if (!state_of(introspector).answers_for(introspector, jwt->issuer())) {
        return settle_token(
            introspector, now,
            fail(Code::kIssuerResponse, "the introspection response names another iss"));
    }
    response_->expires_at_s = token::expiry(jwt->claims()).value_or(cache::kNeverExpires);
    return settle_token(introspector, now,
                        token::signed_response_claims(*jwt, response_->is_rfc9701,
                                                      {.audience = introspector.response_audience,
                                                       .token_types = introspector.token_types,
                                                       .leeway_s = introspector.rules.leeway_s},
                                                      now));
}

// What the issuer has said about the token, or why it has said nothing, ends the lease.
Code Validation::settle_token(const Introspector &introspector, Now now,
                              Result<std::vector<std::uint8_t>> claims)
{
    if (!claims && claims.error().code != Code::kInactive) {
        const Code code = claims.error().code;
        if (!claims.error().text.empty()) {
            report(introspector, claims.error());
        }
        // once it has sent a response, what fails is its key set
        token_lease_.fail(now, code, !response_ && endpoint_is_down(code, fetched_status_));
        answered_ = code;
        if (digest_) {
            if (const auto last =
                    last_record(introspector, introspector.token_key(*digest_), now, code))
            {
                cache_status_ = CacheStatus::kStale;
                answered_ = use(introspector, *last, now);
            }
        }
        return *answered_;
    }
    cache::Record record;
    constexpr std::int64_t never = cache::kNeverExpires;
    cache::Lifetime lasting = lifetime(introspector, introspector.cache_inactive_ttl_ms);
    if (jwt_shaped_ && !jwt_) {
        if (Result<token::Jwt> jwt = parse()) {
            jwt_ = std::move(*jwt);
        }
    }
    if (jwt_) {
        record.presented_issuer = jwt_->issuer();
    }
    record.code = Code::kInactive;
    if (claims) {
        claims_image_ = std::move(*claims);
        record.code = Code::kActive;
        record.claims = claims_image_;
        if (response_) {
            record.text = response_->jwt;
        }
        lasting.ttl_ms = introspector.cache_ttl_ms;
        std::int64_t expires = token::expiry(token::ClaimsView(claims_image_)).value_or(never);
        if (response_) {
            expires = std::min(expires, response_->expires_at_s);  // an upstream would refuse it
        }
        if (expires != never) {
            lasting.expires_at_s = expires + introspector.rules.leeway_s;
        }
    }
    answered_ = use(introspector, record, now);
    if (now.unix_s < lasting.expires_at_s) {
        token_lease_.publish(now, record, lasting);
    } else if (*answered_ != Code::kActive) {
        token_lease_.fail(now, *answered_);
    } else {
        token_lease_.abandon();  // good for a part of this second: too short to keep
    }
    return *answered_;
}

}  // namespace token_introspect::flow
