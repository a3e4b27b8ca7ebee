#include "token/registered_claims.hpp"

#include "claims_image.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace token_introspect::token {
namespace {

using test::Claims;

constexpr std::int64_t kNow = 1700000000;

Code check(std::string_view json, const RegisteredClaimRules &rules, std::int64_t now = kNow)
{
    return check_registered_claims(Claims(json).view(), rules, {.unix_s = now, .monotonic_ms = 0});
}

RegisteredClaimRules lax()
{
    RegisteredClaimRules rules;
    rules.require_exp = false;
    return rules;
}

RegisteredClaimRules with_leeway(std::int64_t seconds)
{
    RegisteredClaimRules rules = lax();
    rules.leeway_s = seconds;
    return rules;
}

TEST(RegisteredClaims, ExpiryIsExclusive)
{
    EXPECT_EQ(check(R"({"exp":1700000001})", {}), Code::kActive);
    EXPECT_EQ(check(R"({"exp":1700000000})", {}), Code::kExpired);
    EXPECT_EQ(check(R"({"exp":1699999999})", {}), Code::kExpired);
    EXPECT_EQ(check(R"({"exp":0})", {}), Code::kExpired);
    EXPECT_EQ(check(R"({"exp":-1})", {}), Code::kExpired);
}

TEST(RegisteredClaims, LeewayMovesEveryBound)
{
    EXPECT_EQ(check(R"({"exp":1699999991})", with_leeway(10)), Code::kActive);
    EXPECT_EQ(check(R"({"exp":1699999990})", with_leeway(10)), Code::kExpired);
    EXPECT_EQ(check(R"({"nbf":1700000010})", with_leeway(10)), Code::kActive);
    EXPECT_EQ(check(R"({"nbf":1700000011})", with_leeway(10)), Code::kNotYetValid);
    EXPECT_EQ(check(R"({"iat":1700000010})", with_leeway(10)), Code::kActive);
    EXPECT_EQ(check(R"({"iat":1700000011})", with_leeway(10)), Code::kIssuedInFuture);
}

TEST(RegisteredClaims, HugeLeewayDoesNotOverflow)
{
    const auto rules = with_leeway(std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(check(R"({"exp":1,"nbf":9007199254740992,"iat":1})", rules), Code::kActive);
}

TEST(RegisteredClaims, NotBeforeAndIssuedAtAreInclusive)
{
    EXPECT_EQ(check(R"({"nbf":1700000000,"iat":1700000000})", lax()), Code::kActive);
    EXPECT_EQ(check(R"({"nbf":1700000001})", lax()), Code::kNotYetValid);
    EXPECT_EQ(check(R"({"iat":1700000001})", lax()), Code::kIssuedInFuture);
}

TEST(RegisteredClaims, RealsAreNumericDates)
{
    EXPECT_EQ(check(R"({"exp":1.7e9})", {}), Code::kExpired);
    EXPECT_EQ(check(R"({"exp":1.8e9})", {}), Code::kActive);
    EXPECT_EQ(check(R"({"exp":1700000000.5})", {}), Code::kActive);
    EXPECT_EQ(check(R"({"exp":1699999999.5})", {}), Code::kExpired);
    EXPECT_EQ(check(R"({"nbf":1700000000.5})", lax()), Code::kNotYetValid);
    EXPECT_EQ(check(R"({"nbf":1699999999.5})", lax()), Code::kActive);
    EXPECT_EQ(check(R"({"iat":1700000000.0})", lax()), Code::kActive);
}

TEST(RegisteredClaims, BoundsOfDates)
{
    EXPECT_EQ(check(R"({"exp":9007199254740992})", {}), Code::kActive);
    EXPECT_EQ(check(R"({"exp":9007199254740992.0})", {}), Code::kActive);
    for (const char *name : {"exp", "nbf", "iat"}) {
        for (const char *value : {"9007199254740993", "-9007199254740993", "9223372036854775807",
                                  "1e300", "-1e300", "9007199254740994.0"})
        {
            EXPECT_EQ(check(std::string("{\"") + name + "\":" + value + "}", lax()),
                      Code::kBadClaim)
                << name << ' ' << value;
        }
    }
}

TEST(RegisteredClaims, MissingExpiryOnlyWhenRequired)
{
    EXPECT_EQ(check("{}", {}), Code::kMissingExpiry);
    EXPECT_EQ(check("{}", lax()), Code::kActive);
}

TEST(RegisteredClaims, WrongTypes)
{
    for (const char *name : {"exp", "nbf", "iat"}) {
        for (const char *value : {"\"1700000001\"", "null", "true", "[1]", "{}"}) {
            EXPECT_EQ(check(std::string("{\"") + name + "\":" + value + "}", lax()),
                      Code::kBadClaim)
                << name << ' ' << value;
        }
    }
    for (const char *value : {"1", "null", "true", "[\"a\"]", "{}"}) {
        EXPECT_EQ(check(std::string("{\"iss\":") + value + "}", lax()), Code::kBadClaim) << value;
    }
    for (const char *value :
         {"1", "null", "true", "[1]", "[\"a\",null]", "[[\"a\"]]", "{}", "{\"a\":\"a\"}"})
    {
        EXPECT_EQ(check(std::string("{\"aud\":") + value + "}", lax()), Code::kBadClaim) << value;
    }
}

TEST(RegisteredClaims, Issuer)
{
    RegisteredClaimRules rules = lax();
    EXPECT_EQ(check(R"({"iss":"anyone"})", rules), Code::kActive);

    rules.issuers = {"https://a.example", "https://b.example"};
    EXPECT_EQ(check(R"({"iss":"https://a.example"})", rules), Code::kActive);
    EXPECT_EQ(check(R"({"iss":"https://b.example"})", rules), Code::kActive);
    for (const char *json : {R"({})", R"({"iss":""})", R"({"iss":"https://a.example/"})",
                             R"({"iss":"https://A.example"})", R"({"iss":"https://a.exampl"})",
                             R"({"iss":"https://a.example2"})"})
    {
        EXPECT_EQ(check(json, rules), Code::kWrongIssuer) << json;
    }

    rules.any_issuer = true;
    EXPECT_EQ(check(R"({"iss":"https://c.example"})", rules), Code::kActive);
    EXPECT_EQ(check(R"({"iss":5})", rules), Code::kBadClaim);
}

TEST(RegisteredClaims, Audience)
{
    RegisteredClaimRules rules = lax();
    EXPECT_EQ(check(R"({"aud":[]})", rules), Code::kActive);

    rules.audiences = {"orders", "billing"};
    for (const char *json :
         {R"({"aud":"orders"})", R"({"aud":["x","billing"]})", R"({"aud":["billing","orders"]})"})
    {
        EXPECT_EQ(check(json, rules), Code::kActive) << json;
    }
    for (const char *json :
         {R"({})", R"({"aud":[]})", R"({"aud":"Orders"})", R"({"aud":"order"})",
          R"({"aud":["x","y"]})", R"({"aud":"orders billing"})", R"({"aud":""})"})
    {
        EXPECT_EQ(check(json, rules), Code::kWrongAudience) << json;
    }
}

TEST(RegisteredClaims, OrderOfChecks)
{
    RegisteredClaimRules rules;
    rules.issuers = {"i"};
    rules.audiences = {"a"};

    EXPECT_EQ(check(R"({"iss":"x","exp":1,"nbf":9e9,"iat":9e9,"aud":5})", rules), Code::kBadClaim);
    EXPECT_EQ(check(R"({"iss":"x","exp":1,"nbf":9e9,"iat":9e9,"aud":"x"})", rules),
              Code::kWrongIssuer);
    EXPECT_EQ(check(R"({"iss":"i","nbf":9e9,"iat":9e9,"aud":"x"})", rules), Code::kMissingExpiry);
    EXPECT_EQ(check(R"({"iss":"i","exp":1,"nbf":9e9,"iat":9e9,"aud":"x"})", rules), Code::kExpired);
    EXPECT_EQ(check(R"({"iss":"i","exp":8e9,"nbf":9e9,"iat":9e9,"aud":"x"})", rules),
              Code::kNotYetValid);
    EXPECT_EQ(check(R"({"iss":"i","exp":8e9,"nbf":1,"iat":9e9,"aud":"x"})", rules),
              Code::kIssuedInFuture);
    EXPECT_EQ(check(R"({"iss":"i","exp":8e9,"nbf":1,"iat":1,"aud":"x"})", rules),
              Code::kWrongAudience);
    EXPECT_EQ(check(R"({"iss":"i","exp":8e9,"nbf":1,"iat":1,"aud":"a"})", rules), Code::kActive);
}

// B105
TEST(Expiry, WholeSecondsRoundedDown)
{
    const auto of = [](std::string_view json) { return expiry(Claims(json).view()); };
    EXPECT_EQ(of(R"({"exp":1700000000})"), 1700000000);
    EXPECT_EQ(of(R"({"exp":1.7e9})"), 1700000000);
    EXPECT_EQ(of(R"({"exp":1700000000.9})"), 1700000000);
    EXPECT_EQ(of(R"({"exp":-0.5})"), -1);
    EXPECT_EQ(of(R"({})"), std::nullopt);
    EXPECT_EQ(of(R"({"exp":"1700000000"})"), std::nullopt);
    EXPECT_EQ(of(R"({"exp":null})"), std::nullopt);
    EXPECT_EQ(of(R"({"exp":1e300})"), std::nullopt);
    EXPECT_EQ(of(R"({"exp":9223372036854775807})"), std::nullopt);
    EXPECT_EQ(expiry(ClaimsView()), std::nullopt);
}

Period period_of(std::string_view json, std::int64_t leeway_s = 0)
{
    return active_period(Claims(json).view(), with_leeway(leeway_s));
}

TEST(ActivePeriod, WithoutDatesItHasNoEnd)
{
    const Period period = period_of(R"({"sub":"s"})", 10);
    EXPECT_EQ(period.from_s, std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(period.until_s, std::numeric_limits<std::int64_t>::max());
}

TEST(ActivePeriod, BeginsWithTheLaterOfTwoDates)
{
    EXPECT_EQ(period_of(R"({"nbf":100,"iat":90})").from_s, 100);
    EXPECT_EQ(period_of(R"({"nbf":90,"iat":100})").from_s, 100);
    EXPECT_EQ(period_of(R"({"nbf":100.5,"iat":100})").from_s, 101);
    EXPECT_EQ(period_of(R"({"iat":-1.5})").from_s, -1);
    EXPECT_EQ(period_of(R"({"nbf":100,"iat":90})", 10).from_s, 90);
}

TEST(ActivePeriod, EndsWithTheExpiry)
{
    EXPECT_EQ(period_of(R"({"exp":100})").until_s, 100);
    EXPECT_EQ(period_of(R"({"exp":100.9})").until_s, 100);
    EXPECT_EQ(period_of(R"({"exp":100})", 10).until_s, 110);
}

// Whatever the dates: within the period the checks accept.
TEST(ActivePeriod, IsWithinWhatTheChecksAccept)
{
    for (const char *json :
         {R"({"exp":1700000003})", R"({"exp":1700000002.5})", R"({"nbf":1699999998})",
          R"({"iat":1699999998.5})", R"({"exp":1700000003,"nbf":1699999998.25,"iat":1699999997})",
          R"({"exp":9007199254740992,"nbf":-9007199254740992})"})
    {
        for (const std::int64_t leeway : {0, 1, 5}) {
            const Period period = period_of(json, leeway);
            ASSERT_LE(period.from_s, kNow) << json;
            ASSERT_GT(period.until_s, kNow) << json;
            for (std::int64_t second = kNow - 10; second <= kNow + 10; ++second) {
                const bool active = check(json, with_leeway(leeway), second) == Code::kActive;
                if (second >= period.from_s && second < period.until_s) {
                    EXPECT_TRUE(active) << json << ' ' << leeway << ' ' << second;
                }
            }
        }
    }
}

TEST(AcceptsType, IgnoresCaseAndApplication)
{
    const std::vector<std::string> accepted = {"JWT", "at+jwt"};
    const auto accepts = [&](std::string_view json) {
        return accepts_type(Claims(json).view(), accepted);
    };
    for (const char *json : {R"({"typ":"JWT"})", R"({"typ":"jwt"})", R"({"typ":"at+JWT"})",
                             R"({"typ":"application/at+jwt"})", R"({"typ":"Application/JWT"})"})
    {
        EXPECT_TRUE(accepts(json)) << json;
    }
    for (const char *json :
         {R"({})", R"({"typ":""})", R"({"typ":null})", R"({"typ":5})", R"({"typ":["JWT"]})",
          R"({"typ":"JWS"})", R"({"typ":"jwt "})", R"({"typ":"application/"})",
          R"({"typ":"application/application/jwt"})", R"({"typ":"text/jwt"})",
          R"({"typ":"logout+jwt"})"})
    {
        EXPECT_FALSE(accepts(json)) << json;
    }
}

TEST(AcceptsType, AbsentOnlyWhenTheEmptyStringIsAccepted)
{
    EXPECT_TRUE(accepts_type(Claims("{}").view(), {"JWT", ""}));
    EXPECT_FALSE(accepts_type(Claims("{}").view(), {"JWT"}));
    EXPECT_FALSE(accepts_type(Claims("{}").view(), {}));
    EXPECT_FALSE(accepts_type(Claims(R"({"typ":""})").view(), {"JWT", ""}));
    EXPECT_FALSE(accepts_type(Claims(R"({"typ":"application/"})").view(), {"JWT", ""}));
    EXPECT_TRUE(accepts_type(Claims(R"({"typ":"jwt"})").view(), {"application/jwt"}));
}

}  // namespace
}  // namespace token_introspect::token
