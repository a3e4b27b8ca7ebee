#include "resource/user_store.hpp"

#include "resource_fixture.hpp"

namespace token_introspect::resource {
namespace {

using test::resources;
using test::sentence;

class UserStoreTest : public ::testing::Test {
protected:
    Checked<UserStore> build(std::string_view text)
    {
        warnings_.clear();
        return UserStore::build(resources(text), warnings_);
    }

    /// As above, never a sentence.
    Checked<UserStore> built(std::string_view text)
    {
        auto store = build(text);
        if (!store) {
            throw std::invalid_argument(store.error());
        }
        return store;
    }

    static std::string json(token::Value value)
    {
        std::string text;
        value.append_json(text);
        return text;
    }

    std::vector<std::string> warnings_;
};

constexpr std::string_view kUsers = R"([
{"resourceType":"User","id":"my-user","email":"user@example.com",
 "data":{"practitioner_id":"pract-123","department":"cardiology"}},
{"resourceType":"Role","id":"r2","name":"nurse","user":{"reference":"User/other"}},
{"resourceType":"Role","id":"r1","name":"doctor","user":{"resourceType":"User","id":"my-user"},
 "links":{"organization":{"id":"o"}}},
{"resourceType":"Role","id":"r0","name":"admin","user":{"reference":"User/my-user"}},
{"resourceType":"User","id":"other","inactive":true},
{"resourceType":"User","id":"third","inactive":false}
])";

// B16 B25 B26 B27
TEST_F(UserStoreTest, FindsUsersByTheirId)
{
    const auto store = built(kUsers);

    ASSERT_NE(store->find("my-user"), nullptr);
    EXPECT_EQ(store->find("my-user")->user().find("id").string(), "my-user");
    EXPECT_EQ(store->find("nobody"), nullptr);
    EXPECT_EQ(store->find(""), nullptr);
    EXPECT_EQ(store->find("r1"), nullptr);
    EXPECT_EQ(store->find("My-user"), nullptr);
    EXPECT_FALSE(store->empty());
    EXPECT_TRUE(warnings_.empty());
}

// 000: its `data` names the subject, its id is another one
TEST_F(UserStoreTest, OnlyTheIdCounts)
{
    const auto store = built("resourceType: User\nid: some-user-id\n"
                             "data: {id: basic, sub: basic}\n");

    EXPECT_EQ(store->find("basic"), nullptr);
    EXPECT_NE(store->find("some-user-id"), nullptr);
}

// B28
TEST_F(UserStoreTest, TheWholeUserIsThere)
{
    const auto store = built(kUsers);

    EXPECT_EQ(json(store->find("my-user")->user()),
              R"({"data":{"department":"cardiology","practitioner_id":"pract-123"},)"
              R"("email":"user@example.com","id":"my-user","resourceType":"User"})");
}

TEST_F(UserStoreTest, PasswordsAreNoBusinessOfPolicies)
{
    const auto store = built("resourceType: User\nid: a\npassword: $2a$10$x\n"
                             "twoFactor: {enabled: true, secretKey: x}\n");

    EXPECT_EQ(json(store->find("a")->user()), R"({"id":"a","resourceType":"User"})");
}

// B29
TEST_F(UserStoreTest, RolesAreAnArray)
{
    const auto store = built(kUsers);
    const token::Value roles = store->find("my-user")->roles();

    ASSERT_TRUE(roles.is_array());
    ASSERT_EQ(roles.size(), 2U);
    EXPECT_EQ(roles.at(0).find("name").string(), "doctor");
    EXPECT_EQ(roles.at(0).find("links").find("organization").find("id").string(), "o");
    EXPECT_EQ(roles.at(1).find("name").string(), "admin");
    EXPECT_TRUE(store->find("third")->roles().is_array());
    EXPECT_EQ(store->find("third")->roles().size(), 0U);
}

// B30
TEST_F(UserStoreTest, OtherUsersRolesAreNotAmongThem)
{
    const auto store = built(kUsers);
    const token::Value roles = store->find("other")->roles();

    ASSERT_EQ(roles.size(), 1U);
    EXPECT_EQ(roles.at(0).find("id").string(), "r2");
}

TEST_F(UserStoreTest, TheImageIsAnObjectOfBoth)
{
    const auto store = built("- {resourceType: User, id: a}\n"
                             "- {resourceType: Role, id: r, name: n, user: User/a}\n");

    EXPECT_EQ(json(store->find("a")->view().root()),
              R"({"role":[{"id":"r","name":"n","resourceType":"Role","user":"User/a"}],)"
              R"("user":{"id":"a","resourceType":"User"}})");
}

TEST_F(UserStoreTest, InactiveIsSeen)
{
    const auto store = built(kUsers);

    EXPECT_FALSE(store->find("my-user")->inactive());
    EXPECT_TRUE(store->find("other")->inactive());
    EXPECT_FALSE(store->find("third")->inactive());
    EXPECT_EQ(sentence(build("resourceType: User\nid: a\ninactive: 'true'\n")),
              "r.yaml:3: User \"a\": inactive: must be true or false");
    EXPECT_NE(sentence(build("resourceType: User\nid: a\ninactive: yes\n")).find("inactive"),
              std::string::npos);
}

TEST_F(UserStoreTest, ARoleHasANameAndAUser)
{
    EXPECT_EQ(sentence(build("resourceType: Role\nid: r\nuser: User/a\n")),
              "r.yaml:1: Role \"r\": name: is missing; it must be a string");
    EXPECT_EQ(sentence(build("resourceType: Role\nid: r\nname: n\n")),
              "r.yaml:1: Role \"r\": user: is missing; it must refer to a User");
    EXPECT_EQ(sentence(build("resourceType: Role\nid: r\nname: n\nuser: Client/a\n")),
              "r.yaml:4: Role \"r\": user: must refer to a User, not to a Client");
    EXPECT_EQ(sentence(build("resourceType: Role\nid: r\nname: n\nuser: {id: a}\n")),
              "r.yaml:4: Role \"r\": user: refers to nothing; give reference, or resourceType and "
              "id");
    EXPECT_EQ(sentence(build("resourceType: Role\nid: r\nname: n\nuser: {resourceType: User}\n")),
              "r.yaml:4: Role \"r\": user.id: is missing; it must be a string");
    for (const std::string reference : {"a", "User/", "/a"}) {
        EXPECT_EQ(sentence(build("resourceType: Role\nid: r\nname: n\nuser:\n  reference: "
                                 + reference + '\n')),
                  "r.yaml:5: Role \"r\": user.reference: \"" + reference
                      + "\" is no reference; write TYPE/ID, as in User/some-id");
    }
}

TEST_F(UserStoreTest, ARoleOfNobodyIsAWarning)
{
    const auto store = built("- {resourceType: User, id: a}\n"
                             "- {resourceType: Role, id: r, name: n, user: User/b}\n");

    ASSERT_EQ(warnings_.size(), 1U);
    EXPECT_EQ(warnings_[0],
              "r.yaml:2: Role \"r\": user: there is no User \"b\"; the role has no effect");
    EXPECT_EQ(store->find("b"), nullptr);
    EXPECT_EQ(store->find("a")->roles().size(), 0U);
}

TEST_F(UserStoreTest, IdsAreUnique)
{
    EXPECT_NE(sentence(build("- {resourceType: User, id: a}\n- {resourceType: User, id: a}\n"))
                  .find("User \"a\": is defined already in r.yaml:1"),
              std::string::npos);
    EXPECT_NE(sentence(build("- {resourceType: User, id: a}\n"
                             "- {resourceType: Role, id: r, name: n, user: User/a}\n"
                             "- {resourceType: Role, id: r, name: m, user: User/a}\n"))
                  .find("Role \"r\": is defined already"),
              std::string::npos);
}

TEST_F(UserStoreTest, OutlivesTheResourcesAndBeingMoved)
{
    auto store = built(kUsers);
    const UserStore moved = std::move(*store);

    EXPECT_EQ(moved.find("my-user")->user().find("email").string(), "user@example.com");
}

TEST_F(UserStoreTest, ManyUsers)
{
    constexpr int count = 5000;
    std::string text = "[";
    for (int i = 0; i < count; ++i) {
        const std::string id = std::to_string(i);
        text += R"({"resourceType":"User","id":"u)" + id + R"("},{"resourceType":"Role","id":"r)"
                + id + R"(","name":"n","user":{"reference":"User/u)" + id + R"("}},)";
    }
    text.back() = ']';
    const auto store = built(text);

    for (int i = 0; i < count; ++i) {
        const UserRecord *user = store->find("u" + std::to_string(i));
        ASSERT_NE(user, nullptr);
        ASSERT_EQ(user->roles().size(), 1U);
        ASSERT_EQ(user->roles().at(0).find("id").string(), "r" + std::to_string(i));
    }
}

TEST_F(UserStoreTest, OthersArePassedOver)
{
    const auto store = built("- {resourceType: Client, id: a}\n"
                             "- {resourceType: AccessPolicy, id: a}\n");

    EXPECT_TRUE(store->empty());
}

}  // namespace
}  // namespace token_introspect::resource
