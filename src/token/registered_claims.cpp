#include "token/registered_claims.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

namespace token_introspect::token {

namespace {

/// Beyond this a double no longer tells one second from the next.
constexpr std::int64_t kMaxDate = std::int64_t{1} << 53;

std::optional<Number> date(Value value) noexcept
{
    if (const auto seconds = value.integer()) {  // nearly always
        return *seconds > kMaxDate || *seconds < -kMaxDate ? std::nullopt
                                                           : std::optional(Number(*seconds));
    }
    const auto number = value.number();
    if (!number || *number > Number(kMaxDate) || *number < Number(-kMaxDate)) {
        return std::nullopt;
    }
    return number;
}

bool is_absent_or_date(Value value) noexcept
{
    return !value.present() || date(value);
}

bool is_audience(Value value) noexcept
{
    for (std::size_t i = 0; i < value.size(); ++i) {
        if (!value.at(i).is_string()) {
            return false;
        }
    }
    return value.is_string() || value.is_array();
}

bool contains(std::span<const std::string> list, std::string_view text) noexcept
{
    return std::ranges::find(list, text) != list.end();
}

bool names_one_of(Value audience, std::span<const std::string> accepted) noexcept
{
    if (audience.is_string()) {
        return contains(accepted, audience.string());
    }
    for (std::size_t i = 0; i < audience.size(); ++i) {
        if (contains(accepted, audience.at(i).string())) {
            return true;
        }
    }
    return false;
}

Number shifted(std::int64_t seconds, std::int64_t by) noexcept
{
    std::int64_t sum = 0;
    if (__builtin_add_overflow(seconds, by, &sum)) {
        sum = by < 0 ? std::numeric_limits<std::int64_t>::min()
                     : std::numeric_limits<std::int64_t>::max();
    }
    return Number(sum);
}

/// A media type as `typ` abbreviates it (RFC 7515 section 4.1.9).
std::string_view without_application(std::string_view type) noexcept
{
    constexpr std::string_view kPrefix = "application/";
    if (type.size() > kPrefix.size()
        && equals_ignoring_case(type.substr(0, kPrefix.size()), kPrefix)
        && !type.substr(kPrefix.size()).contains('/'))
    {
        type.remove_prefix(kPrefix.size());
    }
    return type;
}

}  // namespace

Code check_registered_claims(const ClaimsView &claims, const RegisteredClaimRules &rules,
                             Now now) noexcept
{
    const Value iss = claims.find("iss");
    const Value aud = claims.find("aud");
    const Value exp = claims.find("exp");
    const Value nbf = claims.find("nbf");
    const Value iat = claims.find("iat");

    if ((iss.present() && !iss.is_string()) || (aud.present() && !is_audience(aud))
        || !is_absent_or_date(exp) || !is_absent_or_date(nbf) || !is_absent_or_date(iat))
    {
        return Code::kBadClaim;
    }
    if (!rules.issuers.empty() && !rules.any_issuer
        && !(iss.present() ? contains(rules.issuers, iss.string()) : !rules.require_iss))
    {
        return Code::kWrongIssuer;
    }
    if (!exp.present()) {
        if (rules.require_exp) {
            return Code::kMissingExpiry;
        }
    } else if (shifted(now.unix_s, -rules.leeway_s) >= *date(exp)) {
        return Code::kExpired;
    }
    const Number latest = shifted(now.unix_s, rules.leeway_s);
    if (nbf.present() && latest < *date(nbf)) {
        return Code::kNotYetValid;
    }
    if (iat.present() && latest < *date(iat)) {
        return Code::kIssuedInFuture;
    }
    if (!rules.audiences.empty() && !names_one_of(aud, rules.audiences)) {
        return Code::kWrongAudience;
    }
    return Code::kActive;
}

std::optional<std::int64_t> expiry(const ClaimsView &claims) noexcept
{
    const auto exp = date(claims.find("exp"));
    if (!exp) {
        return std::nullopt;
    }
    return exp->is_real() ? static_cast<std::int64_t>(std::floor(exp->real())) : exp->integer();
}

Period active_period(const ClaimsView &claims, const RegisteredClaimRules &rules) noexcept
{
    Period period{.from_s = std::numeric_limits<std::int64_t>::min(),
                  .until_s = std::numeric_limits<std::int64_t>::max()};
    for (const std::string_view name : {"nbf", "iat"}) {
        if (const auto begin = date(claims.find(name))) {
            const std::int64_t first = begin->is_real()
                                           ? static_cast<std::int64_t>(std::ceil(begin->real()))
                                           : begin->integer();
            period.from_s = std::max(period.from_s, first - rules.leeway_s);
        }
    }
    if (const auto end = expiry(claims)) {
        period.until_s = *end + rules.leeway_s;
    }
    return period;
}

bool accepts_type(const ClaimsView &header, const std::vector<std::string> &accepted) noexcept
{
    const Value typ = header.find("typ");
    if (!typ.present()) {
        return contains(accepted, "");
    }
    if (typ.string().empty()) {
        return false;
    }
    return std::ranges::any_of(accepted, [&](const std::string &type) {
        return equals_ignoring_case(without_application(type), without_application(typ.string()));
    });
}

}  // namespace token_introspect::token
