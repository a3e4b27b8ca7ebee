#include "flow/introspector_state.hpp"

#include "flow_fixture.hpp"
#include "temporary_directory.hpp"

namespace token_introspect::flow {
namespace {

using test::kIssuer;
using test::kSecret;
using test::Request;
using test::signer_a;
using test::signer_b;

class FlowIntrospectorState : public ::testing::Test {
protected:
    static Introspector with_key(jose::KeySource source)
    {
        Introspector introspector;
        introspector.name = "mine";
        introspector.keys = {std::move(source)};
        return introspector;
    }
    static std::string problem(const Introspector &introspector)
    {
        const auto state = IntrospectorState::load(introspector);
        return state ? "" : state.error();
    }
    static std::size_t keys(const Introspector &introspector)
    {
        const auto state = IntrospectorState::load(introspector);
        EXPECT_TRUE(state) << (state ? "" : state.error());
        return state ? state->keys().keys().size() : 0;
    }
    static IntrospectorState loaded(const Introspector &introspector)
    {
        return std::move(*IntrospectorState::load(introspector));
    }
    /// The secret in an Authorization of the method that shows it as it is.
    static std::string secret(const IntrospectorState &state) { return state.credentials().secret; }

    Now second()
    {
        now_.monotonic_ms += 1000;
        return now_;
    }

    test::TemporaryDirectory directory_;
    Now now_{.unix_s = test::kStart, .monotonic_ms = 1000};
};

TEST_F(FlowIntrospectorState, ReadsKeysOfEveryFormat)
{
    const std::string encoded = base64url_encode(as_bytes(kSecret));
    EXPECT_EQ(keys(with_key({.value = kSecret, .options = {}})), 1U);
    EXPECT_EQ(keys(with_key({.value = signer_a().pem(), .options = {}})), 1U);
    EXPECT_EQ(keys(with_key({.value = signer_a().jwk(), .options = {}})), 1U);
    EXPECT_EQ(
        keys(with_key({.value = encoded, .format = jose::KeyFormat::kBase64url, .options = {}})),
        1U);
    EXPECT_EQ(keys(with_key({.value = kSecret, .format = jose::KeyFormat::kPlain, .options = {}})),
              1U);
    EXPECT_EQ(keys(with_key({.value = test::key_set({&signer_a(), &signer_b()}),
                             .format = jose::KeyFormat::kJwkSet,
                             .options = {}})),
              2U);
    EXPECT_EQ(keys({}), 0U);
}

TEST_F(FlowIntrospectorState, GuessLooksPastWhiteSpace)
{
    const auto state = loaded(with_key({.value = "\n " + signer_a().jwk(), .options = {}}));

    EXPECT_EQ(state.keys().keys()[0].type(), jose::KeyType::kEC);
}

TEST_F(FlowIntrospectorState, GuessHeedsTheOptions)
{
    // an asymmetric key is expected: 32 characters are no secret then
    EXPECT_NE(problem(with_key({.value = kSecret, .options = {.type = jose::KeyType::kRSA}})), "");
    EXPECT_NE(
        problem(with_key({.value = kSecret, .options = {.algorithm = jose::Algorithm::kES256}})),
        "");
    EXPECT_EQ(problem(with_key({.value = kSecret, .options = {.type = jose::KeyType::kOct}})), "");
}

TEST_F(FlowIntrospectorState, BadKeysAreNamedWithoutTheirValue)
{
    const std::string path = directory_.write("key", "short-secret");
    for (const jose::KeySource &source :
         {jose::KeySource{.value = "short-secret", .options = {}},
          jose::KeySource{.value = "no base64url: short-secret",
                          .format = jose::KeyFormat::kBase64url,
                          .options = {}},
          jose::KeySource{.value = "{short-secret", .options = {}},
          jose::KeySource{.value = "short-secret", .format = jose::KeyFormat::kPem, .options = {}},
          jose::KeySource{
              .value = "short-secret", .format = jose::KeyFormat::kJwkSet, .options = {}},
          jose::KeySource{.value = path, .from_file = true, .options = {}}})
    {
        const std::string reason = problem(with_key(source));
        EXPECT_NE(reason, "");
        EXPECT_EQ(reason.find("short-secret"), std::string::npos) << reason;
    }
    EXPECT_NE(problem(with_key({.value = path, .from_file = true, .options = {}})).find(path),
              std::string::npos);
}

TEST_F(FlowIntrospectorState, MissingFileIsAProblem)
{
    const std::string path = directory_.path("missing");
    EXPECT_NE(problem(with_key({.value = path, .from_file = true, .options = {}})).find(path),
              std::string::npos);

    Introspector introspector;
    introspector.client_secret_file = path;
    EXPECT_NE(problem(introspector), "");
    introspector.client_secret_file.clear();
    introspector.authorization_file = path;
    EXPECT_NE(problem(introspector), "");
}

TEST_F(FlowIntrospectorState, FinalNewlineOfASecretFileDoesNotCount)
{
    const auto bare = loaded(with_key({.value = kSecret, .options = {}}));
    for (const char *end : {"", "\n", "\r\n"}) {
        const std::string path = directory_.write("key", kSecret + end);
        const auto state = loaded(with_key({.value = path, .from_file = true, .options = {}}));
        EXPECT_EQ(state.keys().keys()[0].id(), bare.keys().keys()[0].id());
    }
    const std::string path = directory_.write("key", kSecret + "\n\n");
    const auto state = loaded(with_key({.value = path, .from_file = true, .options = {}}));
    EXPECT_EQ(state.keys().keys()[0].secret_size(), kSecret.size() + 1);
}

TEST_F(FlowIntrospectorState, ReadsCredentials)
{
    Introspector introspector;
    introspector.credentials.id = "id";
    introspector.client_secret_file = directory_.write("secret", "s3cret\n");
    introspector.authorization_file = directory_.write("authorization", "Bearer abc\n");
    const auto state = loaded(introspector);

    EXPECT_EQ(state.credentials().id, "id");
    EXPECT_EQ(state.credentials().secret, "s3cret");
    EXPECT_EQ(state.credentials().authorization, "Bearer abc");
}

TEST_F(FlowIntrospectorState, CredentialsMustBeFitForAHeader)
{
    Introspector introspector;
    for (const char *content : {"", "\n", "a\nb", "a\tb", "a\x7f"}) {
        introspector.client_secret_file = directory_.write("secret", content);
        EXPECT_NE(problem(introspector), "") << content;
    }
}

TEST_F(FlowIntrospectorState, ChangedKeyFileIsReadAgain)
{
    const Introspector introspector = with_key(
        {.value = directory_.write("key", signer_a().jwk()), .from_file = true, .options = {}});
    IntrospectorState state = loaded(introspector);
    const jose::KeyId before = state.keys().keys()[0].id();
    EXPECT_EQ(state.reload_changed_files(introspector, second()), "");
    EXPECT_TRUE(state.keys().contains(before));

    directory_.write("key", signer_b().jwk());
    EXPECT_EQ(state.reload_changed_files(introspector, second()), "");
    EXPECT_EQ(state.keys().keys().size(), 1U);
    EXPECT_FALSE(state.keys().contains(before));
}

TEST_F(FlowIntrospectorState, ChangedJwkSetFileIsReadAgain)
{
    const Introspector introspector =
        with_key({.value = directory_.write("keys", test::key_set({&signer_a()})),
                  .from_file = true,
                  .format = jose::KeyFormat::kJwkSet,
                  .options = {}});
    IntrospectorState state = loaded(introspector);
    directory_.write("keys", test::key_set({&signer_a(), &signer_b()}));

    EXPECT_EQ(state.reload_changed_files(introspector, second()), "");
    EXPECT_EQ(state.keys().keys().size(), 2U);
}

TEST_F(FlowIntrospectorState, BadContentKeepsTheLastGood)
{
    Introspector introspector = with_key(
        {.value = directory_.write("key", signer_a().jwk()), .from_file = true, .options = {}});
    introspector.client_secret_file = directory_.write("secret", "one");
    IntrospectorState state = loaded(introspector);
    const jose::KeyId before = state.keys().keys()[0].id();

    directory_.write("key", "{}");
    EXPECT_NE(state.reload_changed_files(introspector, second()), "");
    EXPECT_TRUE(state.keys().contains(before));
    EXPECT_EQ(state.reload_changed_files(introspector, second()), "") << "said once";

    directory_.write("secret", "\x01");
    EXPECT_NE(state.reload_changed_files(introspector, second()), "");
    EXPECT_EQ(secret(state), "one");

    directory_.write("key", signer_b().jwk());
    directory_.write("secret", "two");
    EXPECT_EQ(state.reload_changed_files(introspector, second()), "");
    EXPECT_FALSE(state.keys().contains(before));
    EXPECT_EQ(secret(state), "two");
}

TEST_F(FlowIntrospectorState, BadKeyFileDoesNotHoldUpANewSecret)
{
    Introspector introspector = with_key(
        {.value = directory_.write("key", signer_a().jwk()), .from_file = true, .options = {}});
    introspector.client_secret_file = directory_.write("secret", "one");
    IntrospectorState state = loaded(introspector);
    directory_.write("key", "{}");
    directory_.write("secret", "two");

    EXPECT_NE(state.reload_changed_files(introspector, second()), "");
    EXPECT_EQ(secret(state), "two");

    directory_.write("secret", "");
    const std::string both = state.reload_changed_files(introspector, second());
    EXPECT_NE(both.find(directory_.path("key")), std::string::npos);
    EXPECT_NE(both.find(directory_.path("secret")), std::string::npos);
}

TEST_F(FlowIntrospectorState, FileThatIsGoneKeepsTheLastGood)
{
    Introspector introspector;
    introspector.client_secret_file = directory_.write("secret", "one");
    IntrospectorState state = loaded(introspector);
    std::filesystem::remove(introspector.client_secret_file);

    EXPECT_EQ(state.reload_changed_files(introspector, second()), "");
    EXPECT_EQ(secret(state), "one");
}

TEST_F(FlowIntrospectorState, AnswersForItsIssuers)
{
    Introspector introspector;
    introspector.rules.issuers = {kIssuer, "https://other.example"};
    IntrospectorState state = loaded(introspector);
    EXPECT_TRUE(state.answers_for(introspector, kIssuer));
    EXPECT_TRUE(state.answers_for(introspector, "https://other.example"));
    EXPECT_FALSE(state.answers_for(introspector, kIssuer + "/"));
    EXPECT_FALSE(state.answers_for(introspector, ""));

    introspector.rules = {};
    introspector.rules.any_issuer = true;
    EXPECT_TRUE(state.answers_for(introspector, "anything"));
    EXPECT_TRUE(state.answers_for(introspector, ""));
}

TEST_F(FlowIntrospectorState, AnswersForTheIssuerOfItsMetadata)
{
    const Introspector introspector;
    IntrospectorState state = loaded(introspector);
    EXPECT_FALSE(state.answers_for(introspector, kIssuer));
    EXPECT_FALSE(state.answers_for(introspector, "")) << "an empty issuer is nobody's";

    state.adopt_metadata({.issuer = kIssuer, .jwks_uri = "j", .introspection_endpoint = "i"}, 7);
    EXPECT_TRUE(state.answers_for(introspector, kIssuer));
    EXPECT_FALSE(state.answers_for(introspector, ""));
    EXPECT_EQ(state.metadata_generation(), 7U);
}

TEST_F(FlowIntrospectorState, ConfiguredAddressesWinOverMetadata)
{
    Introspector introspector;
    IntrospectorState state = loaded(introspector);
    state.adopt_metadata({.issuer = kIssuer, .jwks_uri = "j", .introspection_endpoint = "i"}, 7);
    EXPECT_EQ(state.jwks_uri(introspector), "j");
    EXPECT_EQ(state.introspection_endpoint(introspector), "i");

    introspector.jwks_uri = "/jwks";
    introspector.introspection_endpoint = "/introspect";
    EXPECT_EQ(state.jwks_uri(introspector), "/jwks");
    EXPECT_EQ(state.introspection_endpoint(introspector), "/introspect");
}

class FlowFiles : public test::FlowTest {
protected:
    test::TemporaryDirectory directory_;
};

TEST_F(FlowFiles, KeyTakenOutOfTheFileKillsWhatItVerified)
{
    Introspector &mine = jwt_with_key("mine");
    mine.keys = {
        {.value = directory_.write("key", signer_a().jwk()), .from_file = true, .options = {}}};
    ASSERT_EQ(verdict({&mine}, signer_a().token()), "active");
    ASSERT_EQ(verdict({&mine}, signer_a().token()), "active");
    directory_.write("key", signer_b().jwk());
    pass_s(1);

    EXPECT_EQ(verdict({&mine}, signer_a().token()), "unknown_key");
    EXPECT_EQ(verdict({&mine}, signer_b().token()), "active");
    EXPECT_TRUE(worker().host().reports.empty());
}

TEST_F(FlowFiles, BadFileIsReportedOnceAndTheLastGoodServes)
{
    Introspector &mine = jwt_with_key("mine");
    mine.keys = {
        {.value = directory_.write("key", signer_a().jwk()), .from_file = true, .options = {}}};
    ASSERT_EQ(verdict({&mine}, signer_a().token()), "active");
    directory_.write("key", "{}");

    for (int i = 0; i < 3; ++i) {
        pass_s(1);
        EXPECT_EQ(verdict({&mine}, signer_a().token()), "active");
    }
    ASSERT_EQ(worker().host().reports.size(), 1U);
    EXPECT_EQ(worker().host().reports[0].severity, Severity::kError);
}

TEST_F(FlowFiles, NextFetchPresentsTheNewSecret)
{
    Introspector &mine = opaque("mine");
    mine.credentials.method = token::ClientAuth::kPost;
    mine.credentials.id = "id";
    mine.client_secret_file = directory_.write("secret", "one");
    Request before(worker(), now_, {&mine}, "a");
    before.advance();
    EXPECT_EQ(before.fetch().form, "token=a&client_id=id&client_secret=one");
    directory_.write("secret", "two");
    pass_s(1);

    Request after(worker(), now_, {&mine}, "b");
    after.advance();
    EXPECT_EQ(after.fetch().form, "token=b&client_id=id&client_secret=two");
}

}  // namespace
}  // namespace token_introspect::flow
