#include "issuer/client_authentication.hpp"

#include "base/text.hpp"
#include "issuer_fixture.hpp"
#include "token/introspection.hpp"

namespace token_introspect::issuer {
namespace {

using test::at;
using test::client_of;
using test::form_of;
using test::Pairs;
using test::word_of;

std::string basic(const std::string &id, const std::string &secret)
{
    return token::authorization_value(
        {.method = token::ClientAuth::kBasic, .id = id, .secret = secret, .authorization = {}});
}

std::string raw(std::string_view pair)
{
    return "Basic " + base64_encode(as_bytes(pair));
}

std::vector<Client> clients()
{
    std::vector<Client> all = {client_of("app"), client_of("other"), client_of("gone"),
                               client_of("odd : &+%é")};
    all[2].active = false;
    return all;
}

/// What crypt(3) makes of "secret of hashed".
constexpr const char *kHash = "$5$rounds=1000$salt$vUji96XrE88pjuIprZm1jEN1RxZ28w.1WC1wI6X/bXD";

class ClientAuthenticationTest : public ::testing::Test {
protected:
    std::expected<const Client *, Refusal> ask(const std::string &authorization,
                                               const Pairs &pairs = {},
                                               std::string_view address = "addr",
                                               std::uint64_t now_ms = 0)
    {
        const TokenForm form = form_of(pairs);
        return authenticate_client(
            worker_.context(), form,
            {.authorization = authorization, .address = address, .now = at(now_ms)});
    }
    static TokenIssuer limited()
    {
        TokenIssuer issuer = test::token_issuer();
        issuer.most_failures = 3;
        return issuer;
    }
    explicit ClientAuthenticationTest(std::vector<Client> known = clients())
        : worker_(limited(), std::move(known))
    {}
    test::IssuerWorker worker_;
};

TEST_F(ClientAuthenticationTest, BasicOrBody)
{
    for (const std::string id : {"app", "other", "odd : &+%é"}) {
        const std::string secret = "secret of " + id;
        auto client = ask(basic(id, secret));
        ASSERT_TRUE(client) << id;
        EXPECT_EQ((*client)->id, id);
        client = ask("", {{"client_id", id}, {"client_secret", secret}});
        ASSERT_TRUE(client) << id;
        EXPECT_EQ((*client)->id, id);
    }
}

TEST_F(ClientAuthenticationTest, TheSchemeIgnoresCaseAndSpaces)
{
    const std::string credentials = basic("app", "secret of app").substr(6);
    for (const std::string prefix : {"basic ", "BASIC ", "Basic   ", " Basic "}) {
        EXPECT_EQ(word_of(ask(prefix + credentials)), "ok") << prefix;
    }
    EXPECT_EQ(word_of(ask("Basic" + credentials)), "no_client_authentication");
    EXPECT_EQ(word_of(ask("Basics " + credentials)), "no_client_authentication");
}

TEST_F(ClientAuthenticationTest, IdAndSecretAreFormEncoded)
{
    EXPECT_EQ(word_of(ask(raw("app:secret+of%20app"))), "ok");
    EXPECT_EQ(word_of(ask(raw("a%70p:secret+of+app"))), "ok");
}

TEST_F(ClientAuthenticationTest, ClientIdBesideBasicMustBeTheSame)
{
    const std::string right = basic("app", "secret of app");
    EXPECT_EQ(word_of(ask(right, {{"client_id", "app"}})), "ok");
    EXPECT_EQ(word_of(ask(right, {{"client_id", "other"}})), "client_id_differs");
}

TEST_F(ClientAuthenticationTest, OneWayOnly)
{
    const std::string right = basic("app", "secret of app");
    EXPECT_EQ(word_of(ask(right, {{"client_secret", "secret of app"}})),
              "two_client_authentications");
    EXPECT_EQ(word_of(ask(right, {{"client_id", "app"}, {"client_secret", "secret of app"}})),
              "two_client_authentications");
    EXPECT_EQ(word_of(ask("Bearer x", {{"client_id", "app"}, {"client_secret", "secret of app"}})),
              "ok");
}

TEST_F(ClientAuthenticationTest, NoneAtAll)
{
    for (const std::string authorization : {"", "Bearer x", "Digest x"}) {
        for (const Pairs &pairs :
             {Pairs{}, Pairs{{"client_id", "app"}}, Pairs{{"client_secret", "secret of app"}}})
        {
            const auto client = ask(authorization, pairs);
            EXPECT_EQ(word_of(client), "no_client_authentication");
            EXPECT_TRUE(client.error().challenge);
        }
    }
}

TEST_F(ClientAuthenticationTest, FailuresLookAlike)
{
    for (const std::string &authorization :
         {basic("app", "wrong"), basic("unknown", "secret of app"), basic("gone", "secret of gone"),
          basic("other", "secret of app"), basic("app", ""), std::string("Basic"),
          std::string("Basic "), std::string("Basic !"), raw("app"), raw(":secret of app"),
          raw("app:secret%zz"), raw(std::string_view("app:secret\0", 11)), raw("app:\xff")})
    {
        const auto client = ask(authorization);
        EXPECT_EQ(word_of(client), "bad_client_authentication") << authorization;
        EXPECT_TRUE(client.error().challenge);
        EXPECT_EQ(client.error().cause, Code::kActive);
    }
    const auto client = ask("", {{"client_id", "app"}, {"client_secret", "wrong"}});
    EXPECT_EQ(word_of(client), "bad_client_authentication");
    EXPECT_FALSE(client.error().challenge);
}

TEST_F(ClientAuthenticationTest, TooManyFailuresAreRefusedUntilTimeHasPassed)
{
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(word_of(ask(basic("app", "wrong"))), "bad_client_authentication");
    }
    const auto refused = ask(basic("app", "secret of app"));
    EXPECT_EQ(word_of(refused), "too_many_failures");
    EXPECT_GT(refused.error().retry_after_ms, 0U);
    EXPECT_LE(refused.error().retry_after_ms, 60'000U);
    EXPECT_EQ(word_of(ask("", {{"client_id", "app"}, {"client_secret", "secret of app"}})),
              "too_many_failures");
    EXPECT_EQ(word_of(ask(basic("other", "secret of other"))), "ok");
    EXPECT_EQ(word_of(ask(basic("app", "secret of app"), {}, "another")), "ok");
    EXPECT_EQ(word_of(ask(basic("app", "secret of app"), {}, "addr", 60'000)), "ok");
}

TEST_F(ClientAuthenticationTest, UnknownClientsAreLimitedLikeOthers)
{
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(word_of(ask(basic("unknown", "x"))), "bad_client_authentication");
    }
    EXPECT_EQ(word_of(ask(basic("unknown", "x"))), "too_many_failures");
    EXPECT_EQ(word_of(ask(basic("unknown2", "x"))), "bad_client_authentication");
}

TEST_F(ClientAuthenticationTest, FailuresOfOthersDoNotMatterWhereTheyCostNothing)
{
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(word_of(ask(basic("unknown" + std::to_string(i), "x"))),
                  "bad_client_authentication");
    }
    EXPECT_EQ(word_of(ask(basic("app", "secret of app"))), "ok");
}

TEST_F(ClientAuthenticationTest, SuccessesAndBadRequestsDoNotCount)
{
    for (int i = 0; i < 9; ++i) {
        EXPECT_EQ(word_of(ask(basic("app", "secret of app"))), "ok");
        EXPECT_EQ(word_of(ask(basic("app", "wrong"), {{"client_id", "other"}})),
                  "client_id_differs");
        EXPECT_EQ(word_of(ask("", {{"client_id", "app"}})), "no_client_authentication");
    }
    EXPECT_EQ(word_of(ask(basic("app", "secret of app"))), "ok");
}

/// One of the clients has a crypt(3) string, so each guess costs the worker its time.
class GuessesTest : public ClientAuthenticationTest {
protected:
    GuessesTest() : ClientAuthenticationTest(with_crypt()) {}

    static std::vector<Client> with_crypt()
    {
        std::vector<Client> all = clients();
        all.push_back(client_of("hashed"));
        all.back().secret = kHash;
        return all;
    }
    std::string hashed(std::string_view address, std::uint64_t now_ms = 0)
    {
        return word_of(ask(basic("hashed", "secret of hashed"), {}, address, now_ms));
    }
    /// A new id each time.
    std::string guess(std::string_view address, std::uint64_t now_ms = 0)
    {
        return word_of(ask(basic("id" + std::to_string(++guesses_), "x"), {}, address, now_ms));
    }
    int guesses_ = 0;
};

TEST_F(GuessesTest, AreLimitedForAnAddress)
{
    for (int i = 0; i < 9; ++i) {
        EXPECT_EQ(guess("addr"), "bad_client_authentication");
    }
    EXPECT_EQ(guess("addr"), "too_many_failures");
    EXPECT_GT(ask(basic("x", "y")).error().retry_after_ms, 0U);
    EXPECT_EQ(hashed("addr"), "too_many_failures");
    EXPECT_EQ(guess("another"), "bad_client_authentication");
    EXPECT_EQ(hashed("another"), "ok");
    EXPECT_EQ(guess("addr", 60'000), "bad_client_authentication");
}

TEST_F(GuessesTest, AreLimitedForAllAddressesTogether)
{
    for (int i = 0; i < 30; ++i) {
        EXPECT_EQ(guess("addr" + std::to_string(i)), "bad_client_authentication");
    }
    EXPECT_EQ(guess("another"), "too_many_failures");
    EXPECT_EQ(guess(""), "too_many_failures");
    EXPECT_EQ(hashed("another"), "too_many_failures");
    EXPECT_EQ(hashed("another", 60'000), "ok");
}

TEST_F(GuessesTest, NeverKeepOutAClientWhoseSecretIsKnown)
{
    ASSERT_EQ(hashed("home"), "ok");
    for (int i = 0; i < 100; ++i) {
        guess("addr" + std::to_string(i % 20));
        guess("home");
    }
    ASSERT_EQ(guess("addr"), "too_many_failures");
    for (const std::string_view address : {"home", "addr", "addr0", ""}) {
        EXPECT_EQ(hashed(address), "ok") << address;
        EXPECT_EQ(word_of(ask(basic("app", "secret of app"), {}, address)), "ok") << address;
    }
    // a wrong secret is not worth the time, and an inactive client is as good as none
    EXPECT_EQ(word_of(ask(basic("hashed", "wrong"))), "too_many_failures");
    EXPECT_EQ(word_of(ask(basic("gone", "secret of gone"))), "too_many_failures");
}

TEST_F(GuessesTest, AreNotFreeWhileNoneIsComputed)
{
    while (guess("addr") != "too_many_failures") {
        ASSERT_LT(guesses_, 100);
    }
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(word_of(ask(basic("app", "wrong"))), "too_many_failures");
    }
    EXPECT_EQ(word_of(ask(basic("app", "secret of app"))), "too_many_failures");
    EXPECT_EQ(word_of(ask(basic("app", "secret of app"), {}, "another")), "ok");
}

TEST_F(GuessesTest, AtAClientKeepItOutAtTheirAddressOnly)
{
    ASSERT_EQ(hashed("home"), "ok");
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(word_of(ask(basic("hashed", "wrong"))), "bad_client_authentication");
    }
    EXPECT_EQ(hashed("addr"), "too_many_failures");
    EXPECT_EQ(hashed("home"), "ok");
}

TEST(ClientAuthentication, WithoutALimitNobodyIsBlocked)
{
    TokenIssuer issuer = test::token_issuer();
    issuer.most_failures = 0;
    std::vector<Client> all = clients();
    all[1].secret = kHash;
    test::IssuerWorker worker(issuer, all);
    const TokenForm form = form_of({});
    const auto ask = [&](const std::string &authorization) {
        return word_of(
            authenticate_client(worker.context(), form,
                                {.authorization = authorization, .address = "a", .now = at(0)}));
    };
    for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(ask(basic("app", "wrong")), "bad_client_authentication");
    }
    EXPECT_EQ(ask(basic("app", "secret of app")), "ok");
}

}  // namespace
}  // namespace token_introspect::issuer
