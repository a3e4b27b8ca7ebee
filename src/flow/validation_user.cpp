#include "flow/asking.hpp"
#include "flow/user_uri.hpp"
#include "flow/validation.hpp"

// The user that a good token names: from the resources of the configuration, or from an endpoint
// whose answers are shared like those about tokens.

namespace token_introspect::flow {

namespace {

// {"user": …, "role": […]}, or a User by itself.
Result<std::vector<std::uint8_t>> user_image(const Result<Json> &answer)
{
    if (!answer) {
        return std::unexpected(answer.error());
    }
    const json_t *user = json_object_get(answer->get(), "user");
    const json_t *inactive = json_object_get(user != nullptr ? user : answer->get(), "inactive");
    if (inactive != nullptr && !json_is_boolean(inactive)) {
        return fail(Code::kIssuerResponse,
                    "the user_endpoint's answer has an inactive that is neither true nor false");
    }
    if (user == nullptr) {
        const Json wrapped(json_pack("{s:O}", "user", answer->get()));
        return token::build_claims(wrapped.get());
    }
    const json_t *roles = json_object_get(answer->get(), "role");
    if ((!json_is_object(user) && !json_is_null(user))
        || (roles != nullptr && !json_is_array(roles)))
    {
        return fail(Code::kIssuerResponse,
                    "the user_endpoint's answer has a user that is no object, or a role that is no "
                    "array");
    }
    return token::build_claims(answer->get());
}

}  // namespace

Step Validation::admit(const Introspector &introspector, Now now)
{
    if (introspector.issued_by && withdrawn(introspector, now)) {
        return decide(Code::kInactive, &introspector);
    }
    const bool known = environment_->users != nullptr && !environment_->users->empty();
    if (introspector.user_claims.empty() || (!known && introspector.user_endpoint.empty())) {
        return decide(Code::kActive, &introspector);
    }
    stage_ = Stage::kUser;
    admitted_by_ = &introspector;
    user_id_ = user_id_of(introspector);
    since_ms_ = std::max<std::uint64_t>(now.monotonic_ms, 1);
    return resolve_user(now);
}

// The first claim that is there says it, also when what it says is of no use.
std::string_view Validation::user_id_of(const Introspector &introspector) noexcept
{
    for (const std::string &name : introspector.user_claims) {
        const token::Value claim = claims_.find(name);
        if (claim.present() && claim.type() != token::ValueType::kNull) {
            return claim.is_string() || claim.integer() ? claim.scalar_text(user_id_buffer_)
                                                        : std::string_view();
        }
    }
    return {};
}

std::string_view Validation::user_id() noexcept
{
    return decided_by_ == nullptr || stage_ == Stage::kUser ? user_id_ : user_id_of(*decided_by_);
}

Step Validation::resolve_user(Now now)
{
    return finish(try_user(*admitted_by_, now), admitted_by_);
}

Validation::Attempt Validation::try_user(const Introspector &introspector, Now now)
{
    if (user_answered_) {
        return *user_answered_;
    }
    if (user_id_.empty()) {
        return Code::kActive;
    }
    if (introspector.user_endpoint.empty()) {
        const resource::UserRecord *record = environment_->users->find(user_id_);
        return record == nullptr ? Code::kActive : take_user(record->user(), record->roles());
    }
    if (user_uri(introspector.user_endpoint, user_id_).empty()) {
        return Code::kActive;  // nobody has such an id
    }
    if (introspector.cache_ttl_ms == 0) {
        return fetch(introspector, Document::kUser);
    }
    const std::optional<Sha256> digest = environment_->hasher(as_bytes(user_id_));
    if (!digest) {
        return Code::kInternal;
    }
    const cache::Key key = introspector.user_key(*digest);
    const cache::Key circuit = introspector.user_circuit();
    cache::Wanted want = wanted(introspector, since_ms_);
    want.circuit = &circuit;
    const cache::Acquired acquired =
        environment_->store_of(introspector).acquire(key, now, want, room_);
    switch (acquired.state) {
    case cache::State::kFound:
    case cache::State::kStale: {
        if (acquired.state == cache::State::kStale && !acquired.updating) {
            renew_later(introspector, Document::kUser, key, want, now);
        }
        const token::ClaimsView answer(acquired.record->claims);
        return take_user(answer.find("user"), answer.find("role"));
    }
    case cache::State::kBusy:
        return Wait{.peer = &introspector, .key = key, .lease = acquired.lease};
    case cache::State::kLed:
        user_lease_ = Lease(environment_->store_of(introspector), environment_->host, key,
                            acquired.lease, circuit);
        return fetch(introspector, Document::kUser);
    case cache::State::kFailed:
    case cache::State::kRefused:
        break;
    }
    return failed(acquired);
}

void Validation::took_user(Now now, const Result<token::Answer> &answer)
{
    const Introspector &introspector = *fetching_;
    const bool unknown = answer && answer->status == 404;
    Result<std::vector<std::uint8_t>> image{};
    if (!unknown) {
        image = answer ? user_image(token::json_answer(*answer, introspector.limits.json))
                       : std::unexpected(answer.error());
    }
    if (!image) {
        const Code code = image.error().code;
        report(introspector, image.error());
        user_lease_.fail(now, code, endpoint_is_down(code, fetched_status_));
        user_answered_ = code;
        if (const auto digest = environment_->hasher(as_bytes(user_id_))) {
            if (const auto last =
                    last_record(introspector, introspector.user_key(*digest), now, code))
            {
                const token::ClaimsView view(last->claims);
                user_answered_ = take_user(view.find("user"), view.find("role"));
            }
        }
        return;
    }
    user_image_ = std::move(*image);
    cache::Record record;
    record.code = unknown ? Code::kInactive : Code::kActive;
    record.claims = user_image_;
    const token::ClaimsView view(user_image_);
    user_answered_ = take_user(view.find("user"), view.find("role"));
    user_lease_.publish(now, record,
                        lifetime(introspector, unknown ? introspector.cache_inactive_ttl_ms
                                                       : introspector.cache_ttl_ms));
}

Code Validation::take_user(token::Value user, token::Value roles) noexcept
{
    user_ = user.is_object() ? user : token::Value();
    roles_ = user.is_object() ? roles : token::Value();
    return user.find("inactive").boolean() == true ? Code::kUserInactive : Code::kActive;
}

}  // namespace token_introspect::flow
