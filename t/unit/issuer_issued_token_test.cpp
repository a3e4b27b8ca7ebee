#include "issuer/issued_token.hpp"

#include "claims_image.hpp"
#include "issuer/issued_introspection.hpp"
#include "issuer/refresh.hpp"
#include "issuer/revocation.hpp"
#include "issuer_fixture.hpp"
#include "resource_fixture.hpp"

#include <set>

namespace token_introspect::issuer {
namespace {

using test::at;
using test::form_of;
using test::IssuerWorker;
using test::Pairs;
using test::word_of;

constexpr std::uint64_t kSecond = 1000;

class IssuedTokenTest : public ::testing::Test {
protected:
    Grant grant(Client::Format format = Client::Format::kJwt,
                std::optional<std::string> scope = "a b")
    {
        return {.id = *make_grant_id(),
                .subject = "alice",
                .subject_issuer = "https://idp.example",
                .client = "app",
                .audiences = {test::kGateway, "second"},
                .scope = std::move(scope),
                .actor = actor_.view().root(),
                .format = format};
    }
    std::string access(const Grant &of, std::int64_t lifetime_s = 60)
    {
        return mint_access_token(worker_.context(), of, lifetime_s, at(0)).value();
    }
    std::string refreshing(const Grant &of, std::int64_t lifetime_s = 3600)
    {
        return mint_refresh_token(worker_.context(), of, lifetime_s, at(0)).value();
    }
    Result<IssuedToken> open(const std::string &token)
    {
        return open_issued_token(worker_.context(), worker_.jwts(), token);
    }
    std::string asked(const std::string &token, const Pairs &more = {}, std::uint64_t now_ms = 0,
                      std::size_t client = 0, const resource::UserStore *users = nullptr)
    {
        Pairs pairs = more;
        pairs.emplace_back("refresh_token", token);
        const auto tokens = refresh(worker_.context(), worker_.client(client), form_of(pairs),
                                    worker_.jwts(), users, at(now_ms));
        if (!tokens) {
            return word_of(tokens);
        }
        last_ = *tokens;
        return tokens->scope.empty() ? "ok" : tokens->scope;
    }
    std::string told(const std::string &token, std::uint64_t now_ms = 0,
                     const std::string &hint = "", std::size_t client = 0)
    {
        const auto answer = introspect(worker_.context(), worker_.client(client),
                                       form_of({{"token", token}, {"token_type_hint", hint}}),
                                       worker_.jwts(), at(now_ms));
        return answer ? answer->body : word_of(answer);
    }
    std::string revoked(const std::string &token, std::size_t client = 0, std::uint64_t now_ms = 0)
    {
        const auto answer = revoke(worker_.context(), worker_.client(client),
                                   form_of({{"token", token}}), worker_.jwts(), at(now_ms));
        return answer ? std::to_string(answer->status) + answer->body : word_of(answer);
    }

    test::Claims actor_{R"({"sub":"service"})"};
    static std::vector<Client> clients()
    {
        Client client = test::client_of("app");
        client.audiences = {"second"};
        return {client, test::client_of("other")};
    }
    IssuerWorker worker_{test::token_issuer(), clients()};
    IssuedTokens last_;
};

constexpr std::string_view kInactiveBody = R"({"active":false})";

// --- minting and opening -------------------------------------------------------------------------

TEST_F(IssuedTokenTest, GrantIdsDiffer)
{
    std::set<std::string> ids;
    for (int i = 0; i < 100; ++i) {
        const std::string id = *make_grant_id();
        EXPECT_EQ(id.size(), 22U);
        EXPECT_TRUE(ids.insert(id).second);
    }
}

TEST_F(IssuedTokenTest, ComesBackAsItWasGranted)
{
    for (const Client::Format format : {Client::Format::kJwt, Client::Format::kOpaque}) {
        const Grant given = grant(format);
        for (const std::string &token : {access(given), refreshing(given)}) {
            const auto issued = open(token);
            ASSERT_TRUE(issued);
            const Grant back = issued->grant();
            EXPECT_EQ(back.id, given.id);
            EXPECT_EQ(back.subject, "alice");
            EXPECT_EQ(back.client, "app");
            EXPECT_EQ(back.audiences, given.audiences);
            EXPECT_EQ(back.scope, "a b");
            EXPECT_TRUE(token::equal(back.actor, given.actor));
            if (issued->kind == IssuedToken::Kind::kRefresh) {
                EXPECT_EQ(back.format, format);
                EXPECT_EQ(issued->text("jti"), given.id);
            } else {
                EXPECT_TRUE(issued->text("jti").starts_with(given.id + "."));
                EXPECT_EQ(issued->text("jti").size(), 22U + 1 + 12);
            }
        }
        EXPECT_EQ(open(access(given))->kind, IssuedToken::Kind::kAccess);
        EXPECT_EQ(open(refreshing(given))->kind, IssuedToken::Kind::kRefresh);
    }
}

TEST_F(IssuedTokenTest, LeavesOutWhatWasNotGranted)
{
    Grant given = grant();
    given.scope.reset();
    given.actor = {};
    given.audiences = {"one"};
    const auto issued = open(access(given));
    ASSERT_TRUE(issued);
    EXPECT_EQ(issued->claims().root().size(), 7U);
    EXPECT_EQ(issued->text("aud"), "one");
    EXPECT_FALSE(issued->grant().actor.present());
    EXPECT_EQ(issued->grant().scope, std::nullopt);
}

TEST_F(IssuedTokenTest, SaysThatThereIsNoScopeWhereThereWasABound)
{
    for (const Client::Format format : {Client::Format::kJwt, Client::Format::kOpaque}) {
        const auto issued = open(access(grant(format, "")));
        ASSERT_TRUE(issued);
        EXPECT_EQ(issued->claims().find("scope").string(), "");
        EXPECT_TRUE(issued->claims().find("scope").present());
        EXPECT_EQ(issued->grant().scope, "");
    }
}

TEST_F(IssuedTokenTest, HoldsNoMoreThanAHeaderCan)
{
    Grant given = grant();
    given.subject = std::string(20'000, 'x');
    EXPECT_EQ(mint_access_token(worker_.context(), given, 60, at(0)).error().code,
              Code::kMalformed);
    EXPECT_EQ(mint_refresh_token(worker_.context(), given, 60, at(0)).error().code,
              Code::kMalformed);
}

TEST_F(IssuedTokenTest, KeepsAnyText)
{
    Grant given = grant();
    given.subject = "a\"\\\n\xc3\xa9\x01";
    EXPECT_EQ(open(access(given))->text("sub"), given.subject);
    given.format = Client::Format::kOpaque;
    EXPECT_EQ(open(access(given))->text("sub"), given.subject);
}

TEST_F(IssuedTokenTest, OpensNothingOfOthers)
{
    TokenIssuer other = test::token_issuer();
    other.issuer = "https://other.example";
    IssuerWorker same_keys(other);
    other.issuer = test::kGateway;
    other.signing_keys = {test::source_of("another secret of 32 bytes, too!")};
    other.encryption_keys = {test::source_of("another secret of 32 bytes, too!")};
    IssuerWorker other_keys(other);
    for (const Client::Format format : {Client::Format::kJwt, Client::Format::kOpaque}) {
        const Grant given = grant(format);
        for (const IssuerWorker *worker : {&same_keys, &other_keys}) {
            EXPECT_FALSE(open(*mint_access_token(worker->context(), given, 60, at(0))));
            EXPECT_FALSE(open(*mint_refresh_token(worker->context(), given, 60, at(0))));
        }
    }
    for (const std::string text : {"", "x", "a.b.c", "a..b.c.d", ".....", "a.b.c.d.e"}) {
        EXPECT_FALSE(open(text)) << text;
    }
}

TEST_F(IssuedTokenTest, OpensOnlyWhatItWouldIssue)
{
    const auto signed_with = [&](std::string_view type, std::string_view claims) {
        return *worker_.context().keys->signer()->sign(type, claims);
    };
    const std::string claims =
        R"({"iss":")" + test::kGateway + R"(","sub":"a","jti":"j","client_id":"c","exp":1})";
    EXPECT_TRUE(open(signed_with("at+jwt", claims)));
    EXPECT_TRUE(open(signed_with("application/at+jwt", claims)));
    EXPECT_FALSE(open(signed_with("JWT", claims)));
    EXPECT_FALSE(open(signed_with("rt+jwe", claims)));
    for (const std::string name : {"iss", "sub", "jti", "client_id", "exp"}) {
        std::string changed = claims;
        changed.replace(changed.find('"' + name + '"'), name.size() + 2, "\"other\"");
        EXPECT_FALSE(open(signed_with("at+jwt", changed))) << name;
    }
    std::string real = claims;
    EXPECT_FALSE(open(signed_with("at+jwt", real.replace(real.find(":1}"), 3, ":1.5}"))));
}

TEST_F(IssuedTokenTest, StateIsByTimeAndLedger)
{
    const auto issued = open(access(grant()));
    const IssuerContext &context = worker_.context();
    EXPECT_EQ(issued->state(context, at(0)), Code::kActive);
    EXPECT_EQ(issued->state(context, at(59 * kSecond)), Code::kActive);
    EXPECT_EQ(issued->state(context, at(60 * kSecond)), Code::kExpired);
    ASSERT_TRUE(worker_.ledger().revoke(issued->text("jti"), issued->expires_at_s(), at(0)));
    EXPECT_EQ(issued->state(context, at(0)), Code::kInactive);
}

TEST(IssuedToken, AJwtNeedsAKey)
{
    TokenIssuer issuer = test::token_issuer();
    issuer.signing_keys.clear();
    IssuerWorker worker(issuer);
    const Grant grant{.id = "g",
                      .subject = "s",
                      .subject_issuer = "i",
                      .client = "c",
                      .audiences = {"a"},
                      .scope = {},
                      .format = Client::Format::kJwt};
    EXPECT_EQ(mint_access_token(worker.context(), grant, 1, at(0)).error().code, Code::kNoKeys);
}

// --- the refresh_token grant ---------------------------------------------------------------------

TEST_F(IssuedTokenTest, RefreshGivesTheSameGrantAnew)
{
    for (const Client::Format format : {Client::Format::kJwt, Client::Format::kOpaque}) {
        const Grant given = grant(format);
        const std::string token = refreshing(given);
        EXPECT_EQ(asked(token, {}, 600 * kSecond), "a b");
        EXPECT_EQ(last_.refresh_token, "");
        EXPECT_EQ(last_.expires_in_s, worker_.client().access_token_s);
        const auto issued = open(last_.access_token);
        ASSERT_TRUE(issued);
        EXPECT_EQ(worker_.jwts().parse(last_.access_token).has_value(),
                  format == Client::Format::kJwt);
        EXPECT_EQ(issued->grant().id, given.id);
        EXPECT_EQ(issued->grant().audiences, given.audiences);
        EXPECT_TRUE(token::equal(issued->grant().actor, given.actor));
        EXPECT_EQ(issued->expires_at_s(),
                  at(600 * kSecond).unix_s + worker_.client().access_token_s);
        for (std::size_t i = 0; i < issued->claims().root().size(); ++i) {
            EXPECT_FALSE(is_internal_claim(issued->claims().root().key_at(i)));
        }
    }
}

TEST_F(IssuedTokenTest, RefreshNarrowsScope)
{
    const std::string token = refreshing(grant());
    EXPECT_EQ(asked(token, {{"scope", "b"}}), "b");
    EXPECT_EQ(open(last_.access_token)->text("scope"), "b");
    EXPECT_EQ(asked(token, {{"scope", "b a"}}), "b a");
    EXPECT_EQ(asked(token, {{"scope", "a c"}}), "scope_too_wide");
    EXPECT_EQ(asked(token, {{"scope", "a  b"}}), "scope_malformed");
    EXPECT_EQ(asked(refreshing(grant(Client::Format::kJwt, ""))), "ok");
    EXPECT_EQ(asked(refreshing(grant(Client::Format::kJwt, "")), {{"scope", "a"}}),
              "scope_too_wide");
    EXPECT_EQ(asked(refreshing(grant(Client::Format::kJwt, std::nullopt)), {{"scope", "a"}}),
              "scope_too_wide");
}

TEST(IssuedToken, RefreshGivesNoMoreThanTheClientMayHaveToday)
{
    const auto refreshed = [](const Client &client, const Grant &grant, const Pairs &more) {
        IssuerWorker worker(test::token_issuer(), {client});
        Pairs pairs = more;
        pairs.emplace_back("refresh_token",
                           mint_refresh_token(worker.context(), grant, 60, at(0)).value());
        const auto tokens = refresh(worker.context(), worker.client(), form_of(pairs),
                                    worker.jwts(), nullptr, at(0));
        if (!tokens) {
            return word_of(tokens);
        }
        const auto issued =
            open_issued_token(worker.context(), worker.jwts(), tokens->access_token);
        std::string text = tokens->scope;
        for (const std::string &audience : issued->grant().audiences) {
            text += "|" + audience;
        }
        return text;
    };
    Client client = test::client_of("app");
    client.audiences = {"second"};
    Grant given{.id = "G",
                .subject = "alice",
                .subject_issuer = "https://idp.example",
                .client = "app",
                .audiences = {test::kGateway, "second"},
                .scope = "a b",
                .format = Client::Format::kJwt};
    const std::string all = "|" + test::kGateway + "|second";
    EXPECT_EQ(refreshed(client, given, {}), "a b" + all);
    EXPECT_EQ(refreshed(client, given, {{"audience", "second"}}), "a b|second");
    EXPECT_EQ(refreshed(client, given, {{"audience", "third"}}), "audience");
    client.scopes = {"b", "c"};
    EXPECT_EQ(refreshed(client, given, {}), "b" + all);
    EXPECT_EQ(refreshed(client, given, {{"scope", "a"}}), "scope_too_wide");
    given.scope.reset();
    EXPECT_EQ(refreshed(client, given, {}), "b c" + all);
    client.audiences.clear();
    EXPECT_EQ(refreshed(client, given, {}), "b c|" + test::kGateway);
    EXPECT_EQ(refreshed(client, given, {{"audience", "second"}}), "audience");
    given.audiences = {"second"};
    EXPECT_EQ(refreshed(client, given, {}), "audience");
    given.audiences = {test::kGateway};
    client.allowed_issuers = {"https://other.example"};
    EXPECT_EQ(refreshed(client, given, {}), "refresh_token_issuer");
}

TEST_F(IssuedTokenTest, RefreshRefusals)
{
    const Grant given = grant();
    const std::string token = refreshing(given);
    EXPECT_EQ(asked(""), "refresh_token_missing");
    EXPECT_EQ(asked("x"), "refresh_token");
    EXPECT_EQ(asked(access(given)), "refresh_token");
    EXPECT_EQ(asked(access(grant(Client::Format::kOpaque))), "refresh_token");
    EXPECT_EQ(asked(token, {}, 0, 1), "refresh_token_client");
    EXPECT_EQ(asked(token, {}, 3599 * kSecond), "a b") << "B84";
    EXPECT_EQ(asked(token, {}, 3600 * kSecond), "refresh_token_expired") << "B84";
    ASSERT_TRUE(worker_.ledger().revoke(given.id, at(0).unix_s + 3600, at(0)));
    EXPECT_EQ(asked(token), "refresh_token_revoked");
    for (const Reason reason :
         {Reason::kRefreshToken, Reason::kRefreshTokenExpired, Reason::kRefreshTokenRevoked,
          Reason::kRefreshTokenClient, Reason::kRefreshTokenIssuer, Reason::kRefreshTokenUser})
    {
        EXPECT_EQ(refused(reason).error, "invalid_grant");
    }
}

TEST_F(IssuedTokenTest, RefreshNeedsTheUserWhereThereAreUsers)
{
    std::vector<std::string> warnings;
    const auto store = [&](std::string_view text) {
        return resource::UserStore::build(resource::test::resources(text), warnings).value();
    };
    const std::string token = refreshing(grant());
    const resource::UserStore none;
    const auto known = store("- {resourceType: User, id: alice}\n");
    const auto inactive = store("- {resourceType: User, id: alice, inactive: true}\n");
    const auto others = store("- {resourceType: User, id: bob}\n");
    EXPECT_EQ(asked(token, {}, 0, 0, &none), "a b");
    EXPECT_EQ(asked(token, {}, 0, 0, &known), "a b");
    EXPECT_EQ(asked(token, {}, 0, 0, &inactive), "refresh_token_user");
    EXPECT_EQ(asked(token, {}, 0, 0, &others), "refresh_token_user");
}

// --- introspection -------------------------------------------------------------------------------

TEST_F(IssuedTokenTest, IntrospectionTellsTheClaims)
{
    for (const Client::Format format : {Client::Format::kJwt, Client::Format::kOpaque}) {
        Grant given = grant(format);
        given.id = "G";
        const std::string token = access(given);
        const std::string own(open(token)->text("jti"));
        std::string expected = R"({"act":{"sub":"service"},"active":true,"aud":[")";
        expected.append(test::kGateway)
            .append(R"(","second"],"client_id":"app","exp":)")
            .append(std::to_string(at(0).unix_s + 60))
            .append(R"(,"iat":)")
            .append(std::to_string(at(0).unix_s))
            .append(R"(,"iss":")")
            .append(test::kGateway)
            .append(R"(","jti":")")
            .append(own)
            .append(R"(","scope":"a b","sub":"alice","token_type":"Bearer"})");
        EXPECT_EQ(told(token), expected);
        const std::string refresh_token = refreshing(given);
        const std::string text = told(refresh_token, 0, "refresh_token");
        EXPECT_TRUE(text.contains(R"("active":true)"));
        EXPECT_TRUE(text.contains(R"("jti":"G")"));
        for (const char *hidden : {"token_type", "fmt", "sub_iss", "access_ttl"}) {
            EXPECT_FALSE(text.contains(hidden)) << hidden;
        }
        EXPECT_EQ(told(refresh_token), kInactiveBody);
        EXPECT_EQ(told(refresh_token, 0, "access_token"), kInactiveBody);
        EXPECT_EQ(told(refresh_token, 0, "refresh_token", 1), kInactiveBody);
    }
}

TEST_F(IssuedTokenTest, IntrospectionOfWhatIsNotActive)
{
    EXPECT_EQ(told(""), "token_missing");
    EXPECT_EQ(told("x"), kInactiveBody);
    EXPECT_EQ(told(access(grant()), 60 * kSecond), kInactiveBody);
    Grant unknown = grant();
    unknown.client = "unknown";
    EXPECT_EQ(told(access(unknown)), kInactiveBody);
    const std::string token = access(grant());
    EXPECT_EQ(revoked(token), "200");
    EXPECT_EQ(told(token), kInactiveBody);
}

// --- revocation ----------------------------------------------------------------------------------

TEST_F(IssuedTokenTest, RevokesAnAccessTokenAlone)
{
    const Grant given = grant();
    const std::string one = access(given);
    const std::string two = access(given);
    const std::string token = refreshing(given);
    EXPECT_EQ(revoked(one), "200");
    EXPECT_EQ(told(one), kInactiveBody);
    EXPECT_NE(told(two), kInactiveBody);
    EXPECT_NE(told(token, 0, "refresh_token"), kInactiveBody);
    EXPECT_EQ(asked(token), "a b");
    EXPECT_EQ(revoked(one), "200") << "once more";
}

TEST_F(IssuedTokenTest, RevokesAGrantWithItsRefreshToken)
{
    const Grant given = grant();
    const std::string one = access(given);
    const std::string token = refreshing(given);
    EXPECT_EQ(asked(token), "a b");
    const std::string two = last_.access_token;
    EXPECT_EQ(revoked(token), "200");
    EXPECT_EQ(told(one), kInactiveBody);
    EXPECT_EQ(told(two), kInactiveBody);
    EXPECT_EQ(told(token, 0, "refresh_token"), kInactiveBody);
    EXPECT_EQ(asked(token), "refresh_token_revoked");
    EXPECT_NE(told(access(grant())), kInactiveBody) << "another grant";
}

TEST_F(IssuedTokenTest, AccessTokensDoNotOutliveARevokedRefreshToken)
{
    const std::string token = refreshing(grant(), 10);
    EXPECT_EQ(asked(token, {}, 9 * kSecond), "a b");
    const std::string late = last_.access_token;
    EXPECT_EQ(revoked(token, 0, 9 * kSecond), "200");
    EXPECT_EQ(told(late, 11 * kSecond), kInactiveBody);
    EXPECT_EQ(told(late, 300 * kSecond), kInactiveBody);

    const std::string other = refreshing(grant(), 10);
    EXPECT_EQ(asked(other, {}, 9 * kSecond), "a b");
    const std::string last = last_.access_token;
    EXPECT_EQ(revoked(other, 0, 20 * kSecond), "200") << "even when it has expired";
    EXPECT_EQ(told(last, 21 * kSecond), kInactiveBody);
}

TEST_F(IssuedTokenTest, AccessTokensOfALongerLifeThanTodaysEndWithTheirGrant)
{
    Grant given = grant();
    given.access_token_s = 5000;
    const std::string early = access(given, 5000);
    EXPECT_EQ(revoked(refreshing(given, 10), 0, 9 * kSecond), "200");
    EXPECT_EQ(told(early, 4999 * kSecond), kInactiveBody);
}

TEST_F(IssuedTokenTest, ARevokedGrantTakesNoMoreRoom)
{
    const Grant given = grant();
    EXPECT_EQ(revoked(refreshing(given)), "200");
    for (std::size_t i = 0; i <= worker_.ledger().capacity() + 1; ++i) {
        ASSERT_EQ(revoked(access(given)), "200");
    }
}

TEST_F(IssuedTokenTest, RevokesNothingOfOthers)
{
    const std::string token = access(grant());
    EXPECT_EQ(revoked(token, 1), "token_client");
    EXPECT_NE(told(token), kInactiveBody);
    EXPECT_EQ(refused(Reason::kTokenClient).error, "invalid_grant");
    EXPECT_EQ(revoked(refreshing(grant()), 1), "token_client");
    EXPECT_EQ(revoked("x"), "200");
    EXPECT_EQ(revoked(access(grant()), 0, 60 * kSecond), "200") << "expired";
    EXPECT_EQ(revoked(""), "token_missing");
}

TEST_F(IssuedTokenTest, SaysSoWhenThereIsNoRoom)
{
    std::string word;
    for (std::size_t i = 0; i <= worker_.ledger().capacity() + 1 && word != "no_room"; ++i) {
        word = revoked(refreshing(grant()));
    }
    EXPECT_EQ(word, "no_room");
    EXPECT_EQ(refused(Reason::kNoRoom).status, 503);
}

}  // namespace
}  // namespace token_introspect::issuer
