// Tokens that a token_issuer of the same configuration has issued.

#include "flow_fixture.hpp"
#include "temporary_directory.hpp"

namespace token_introspect::flow {
namespace {

using test::kIssuer;
using test::kStart;
using test::Listed;
using test::Request;

const std::string kOld = "old-old-old-old-old-old-old-old-";
const std::string kNew = "new-new-new-new-new-new-new-new-";
const std::string kInactive = R"({"active":false})";

/// A token_issuer as one worker has it.
struct IssuerOfWorker {
    IssuerOfWorker(const issuer::TokenIssuer &issuer, test::HeapMemory &memory,
                   issuer::Ledger::Root *root)
        : keys(load(issuer)),
          ledger(memory, root),
          registry(issuer::ClientRegistry::load(clients).value()),
          contexts{{.issuer = &issuer, .keys = &keys, .ledger = &ledger, .clients = &registry}}
    {}

    static std::vector<issuer::Client> active_and_inactive()
    {
        std::vector<issuer::Client> all(2);
        all[0].id = "app";
        all[1].id = "gone";
        all[1].active = false;
        all[0].secret = all[1].secret = "secret";
        return all;
    }

    static issuer::KeyRing load(const issuer::TokenIssuer &issuer)
    {
        auto keys = issuer::KeyRing::load(issuer);
        if (!keys) {
            throw std::invalid_argument(keys.error());
        }
        return std::move(*keys);
    }

    std::vector<issuer::Client> clients = active_and_inactive();
    issuer::KeyRing keys;
    issuer::Ledger ledger;
    issuer::ClientRegistry registry;
    std::vector<issuer::IssuerContext> contexts;
};

class FlowIssued : public test::FlowTest {
protected:
    FlowIssued()
    {
        issuer_.name = "here";
        issuer_.issuer = kIssuer;
        issuer_.audiences = {kIssuer};
        issuer_.signing_keys = {{.value = kOld, .options = {}}};
        issuer_.encryption_keys = {
            {.value = directory_.write("key", kOld), .from_file = true, .options = {}}};
    }

    Introspector &issued(const std::string &name = "issued")
    {
        Introspector &introspector = jwt(name);
        introspector.jwks_uri.clear();
        introspector.issued_by = 0;
        introspector.token_types = {"at+jwt"};
        introspector.keys = issuer_.signing_keys;
        for (jose::KeySource &source : introspector.keys) {
            source.signing_format = std::exchange(source.format, jose::KeyFormat::kSigning);
        }
        introspector.user_claims = {"sub"};
        return introspector;
    }

    /// The worker that this test's requests are in.
    IssuerOfWorker &here()
    {
        if (!here_) {
            here_ = std::make_unique<IssuerOfWorker>(issuer_, memory_, root_);
            worker().environment().issuers = here_->contexts;
        }
        return *here_;
    }

    static std::string claims(const std::string &more = R"("jti":"G.1")",
                              const std::string &issuer = kIssuer, std::int64_t lasts_s = 3600,
                              const std::string &client = "app")
    {
        return R"({"iss":")" + issuer + R"(","sub":"alice","client_id":")" + client + R"(","exp":)"
               + std::to_string(kStart + lasts_s) + (more.empty() ? "" : "," + more) + '}';
    }
    std::string sealed(const std::string &payload = claims(), std::string_view type = "at+jwe")
    {
        return here().keys.content_keys().seal(type, payload).value();
    }
    std::string signed_jwt(const std::string &payload = claims(), std::string_view type = "at+jwt")
    {
        return here().keys.signer()->sign(type, payload).value();
    }

    std::string ask(Listed listed, const std::string &token)
    {
        here();
        return verdict(std::move(listed), token);
    }
    void revoke(std::string_view id) { ASSERT_TRUE(here().ledger.revoke(id, kStart + 3600, now_)); }

    token_introspect::test::TemporaryDirectory directory_;
    issuer::TokenIssuer issuer_;
    test::HeapMemory memory_{64 * 1024};
    issuer::Ledger::Root *root_ = issuer::Ledger::format(memory_.block(), {31, 37});

private:
    std::unique_ptr<IssuerOfWorker> here_;
};

TEST_F(FlowIssued, AcceptsSealedAndSignedTokensAndRemembersThem)
{
    const Introspector &mine = issued();
    for (const std::string &token : {sealed(), signed_jwt()}) {
        Request first = request({&mine}, token);
        EXPECT_EQ(first.advance(), "active");
        EXPECT_EQ(first.cache(), "MISS");
        EXPECT_EQ(first.claim("sub"), "alice");
        EXPECT_EQ(first.decided_by(), "issued");
        EXPECT_EQ(first.validation().user_id(), "alice");

        Request second = request({&mine}, token);
        EXPECT_EQ(second.advance(), "active");
        EXPECT_EQ(second.cache(), "HIT");
        EXPECT_EQ(second.claim("sub"), "alice");
    }
}

TEST_F(FlowIssued, RemembersNothingUnlessItMay)
{
    Introspector &mine = issued();
    mine.cache_verified_jwt = false;
    const std::string token = sealed();
    for (int i = 0; i < 2; ++i) {
        Request request(worker(), now_, {&mine}, token);
        EXPECT_EQ(request.advance(), "active");
        EXPECT_EQ(request.cache(), "BYPASS");
    }
}

TEST_F(FlowIssued, RefusesWhatIsRevokedFromThenOnAndEverywhere)
{
    const Introspector &mine = issued();
    Front front(1);
    here();
    worker().environment().front = &front;
    test::Worker other(zone_, introspectors_);
    IssuerOfWorker there(issuer_, memory_, root_);
    other.environment().issuers = there.contexts;

    for (const auto &[token, id] : {std::pair{sealed(claims(R"("jti":"A.1")")), "A.1"},
                                    std::pair{signed_jwt(claims(R"("jti":"B.1")")), "B"}})
    {
        for (int i = 0; i < 4; ++i) {
            EXPECT_EQ(ask({&mine}, token), "active");
        }
        EXPECT_EQ(request(other, {&mine}, token).advance(), "active");
        revoke(id);
        EXPECT_EQ(ask({&mine}, token), "inactive") << "also where the front knows it";
        EXPECT_EQ(request(other, {&mine}, token).advance(), "inactive");
    }
    EXPECT_EQ(ask({&mine}, sealed(claims(R"("jti":"A.2")"))), "active") << "another of the grant";
    EXPECT_EQ(ask({&mine}, signed_jwt(claims(R"("jti":"B.2")"))), "inactive") << "all of the grant";
}

TEST_F(FlowIssued, RefusesATokenThatCouldNotBeRevoked)
{
    const Introspector &mine = issued();
    EXPECT_EQ(ask({&mine}, sealed(claims(""))), "inactive");
    EXPECT_EQ(ask({&mine}, signed_jwt(claims(R"("jti":7)"))), "inactive");
}

TEST_F(FlowIssued, ChecksWhatATokenSays)
{
    Introspector &mine = issued();
    const Introspector &other = opaque("other");
    for (const bool seals : {true, false}) {
        const auto with = [&](const std::string &payload) {
            return seals ? sealed(payload) : signed_jwt(payload);
        };
        EXPECT_EQ(ask({&mine, &other}, with(claims(R"("jti":"G.1")", kIssuer, 0))), "expired");
        mine.rules.audiences = {"here"};
        EXPECT_EQ(ask({&mine, &other}, with(claims(R"("jti":"G.1","aud":"there")"))),
                  "wrong_audience");
        mine.rules.audiences.clear();
    }
    EXPECT_EQ(ask({&mine, &other}, sealed(claims(R"("jti":"G.1")", "https://other.example"))),
              "wrong_issuer");
    EXPECT_EQ(ask({&mine, &other}, sealed("[]")), "malformed");
}

TEST_F(FlowIssued, RefreshTokensAreNoAccessTokensAndNobodyElsesBusiness)
{
    const Introspector &mine = issued();
    const Introspector &other = opaque("other");
    EXPECT_EQ(ask({&other, &mine}, sealed(claims(), "rt+jwe")), "unsupported_type");
    EXPECT_EQ(ask({&mine, &other}, signed_jwt(claims(), "JWT")), "unsupported_type");
}

TEST_F(FlowIssued, ComesBeforeAnyEndpoint)
{
    const Introspector &other = opaque("other");
    const Introspector &mine = issued();
    const std::string token = sealed();

    // where nobody else can tell, the endpoint is asked, and its answer remembered
    here();
    Request alone = request({&other}, token);
    EXPECT_EQ(alone.advance(), "POST /introspect");
    EXPECT_EQ(alone.answer(R"({"active":true,"sub":"mallory"})"), "active");

    for (const char *cached : {"MISS", "HIT"}) {
        Request both = request({&other, &mine}, token);
        EXPECT_EQ(both.advance(), "active");
        EXPECT_EQ(both.claim("sub"), "alice");
        EXPECT_EQ(both.cache(), cached);
    }
    revoke("G");
    EXPECT_EQ(ask({&other, &mine}, token), "inactive");
}

TEST_F(FlowIssued, TokensOfOthersGoToTheirIntrospectors)
{
    const Introspector &mine = issued();
    const Introspector &other = opaque("other");
    issuer::TokenIssuer elsewhere = issuer_;
    elsewhere.encryption_keys = {{.value = kNew, .options = {}}};
    const issuer::KeyRing keys = IssuerOfWorker::load(elsewhere);
    const std::string theirs = keys.content_keys().seal("at+jwe", claims()).value();

    for (const std::string &token : {theirs, std::string("a..c.d.e"), std::string("opaque")}) {
        EXPECT_EQ(ask({&mine, &other}, token), "POST /introspect") << token;
    }
    EXPECT_EQ(ask({&mine}, theirs), "unknown_key");
    EXPECT_EQ(ask({&mine}, "a..c.d.e"), "malformed");
}

TEST_F(FlowIssued, TokensOfAClientThatIsGoneAreGone)
{
    const Introspector &mine = issued();
    for (const std::string client : {"gone", "unknown", ""}) {
        const std::string payload = claims(R"("jti":"G.1")", kIssuer, 3600, client);
        EXPECT_EQ(ask({&mine}, sealed(payload)), "inactive") << client;
        EXPECT_EQ(ask({&mine}, signed_jwt(payload)), "inactive") << client;
    }
}

TEST_F(FlowIssued, TellsItsIssuersApart)
{
    issuer::TokenIssuer second = issuer_;
    second.index = 1;
    second.issuer = "https://second.example";
    second.encryption_keys = {{.value = kNew, .options = {}}};
    Introspector &one = issued("one");
    Introspector &two = issued("two");
    two.issued_by = 1;
    two.rules.issuers = {second.issuer};
    test::HeapMemory memory(64 * 1024);
    issuer::Ledger::Root *root = issuer::Ledger::format(memory.block(), {41, 43});
    IssuerOfWorker theirs(second, memory, root);
    here().contexts.push_back(theirs.contexts.front());
    worker().environment().issuers = here().contexts;

    const std::string token =
        theirs.keys.content_keys().seal("at+jwe", claims(R"("jti":"G.1")", second.issuer)).value();
    revoke("G");  // by the first
    Request request(worker(), now_, {&one, &two}, token);
    EXPECT_EQ(request.advance(), "active");
    EXPECT_EQ(request.decided_by(), "two");
    ASSERT_TRUE(theirs.ledger.revoke("G", kStart + 3600, now_));
    EXPECT_EQ(verdict({&one, &two}, token), "inactive");
}

TEST_F(FlowIssued, FollowsTheKeysThatChange)
{
    const Introspector &mine = issued();
    const std::string token = sealed();
    EXPECT_EQ(ask({&mine}, token), "active");

    directory_.write("key", kNew);
    pass_s(2);
    EXPECT_EQ(ask({&mine}, token), "unknown_key") << "not even from the cache";
    EXPECT_EQ(ask({&mine}, sealed()), "active");

    directory_.write("key", "short");
    pass_s(2);
    EXPECT_EQ(ask({&mine}, sealed()), "active") << "with the last good one";
    ASSERT_EQ(worker().host().reports.size(), 1U);
    EXPECT_EQ(worker().host().reports.front().peer, "issued");
    EXPECT_EQ(worker().host().reports.front().text.find(kNew), std::string::npos);
}

TEST_F(FlowIssued, NeedsNoSigningKey)
{
    const std::string jwt =
        IssuerOfWorker::load(issuer_).signer()->sign("at+jwt", claims()).value();
    issuer_.signing_keys.clear();
    const Introspector &mine = issued();
    IssuerOfWorker keyless(issuer_, memory_, root_);
    worker().environment().issuers = keyless.contexts;
    EXPECT_EQ(verdict({&mine}, keyless.keys.content_keys().seal("at+jwe", claims()).value()),
              "active");
    EXPECT_EQ(verdict({&mine}, jwt), "unknown_key");
}

}  // namespace
}  // namespace token_introspect::flow
