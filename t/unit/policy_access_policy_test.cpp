#include "policy/access_policy.hpp"

#include "policy_check.hpp"

#include <string>
#include <utility>
#include <vector>

namespace token_introspect::policy {
namespace {

using test::JsonContext;
using test::policy_fault;
using test::policy_from;
using test::said;

using Outcome = AccessPolicy::Outcome;

/// Policies in an order, as an operator lists them.
class Policies {
public:
    explicit Policies(const std::vector<std::string> &resources)
    {
        policies_.reserve(resources.size());
        for (const std::string &resource : resources) {
            if (auto policy = policy_from(resource)) {
                policies_.push_back(std::move(*policy));
                list_.push_back(&policies_.back());
            }
        }
    }

    /// The id of the policy that allows; "refused" when there is none.
    [[nodiscard]] std::string allowing(std::string_view request) const
    {
        JsonContext context(request);
        const AccessPolicy *const policy = first_allowing(list_, context);
        return policy != nullptr ? policy->id() : "refused";
    }

    [[nodiscard]] std::string all(std::string_view request) const
    {
        JsonContext context(request);
        std::string text;
        for (const auto &[id, outcome] : evaluate_all(list_, context)) {
            text += std::string(id)
                    + (outcome == Outcome::kAllowed  ? "+ "
                       : outcome == Outcome::kDenied ? "- "
                                                     : "0 ");
        }
        return text;
    }

private:
    std::vector<AccessPolicy> policies_;
    std::vector<const AccessPolicy *> list_;
};

std::string policy(std::string_view id, std::string_view uri, std::string_view more = "")
{
    return R"({"resourceType":"AccessPolicy","id":")" + std::string(id)
           + R"(","engine":"matcho","matcho":{"uri":"#)" + std::string(uri) + "\"}"
           + std::string(more) + "}";
}

// B23 B63
TEST(AccessPolicies, AValidTokenAloneGrantsNothing)
{
    constexpr std::string_view kRequest =
        R"({"uri":"/a","jwt":{"iss":"i","sub":"s"},"user":{"id":"s"}})";
    EXPECT_EQ(Policies({}).allowing(kRequest), "refused");
    EXPECT_EQ(Policies({policy("b", "^/b")}).allowing(kRequest), "refused");
    EXPECT_EQ(Policies({policy("b", "^/b"), policy("c", "^/c")}).allowing(kRequest), "refused");
    EXPECT_EQ(Policies({policy("x", "^/a", R"(,"link":[{"reference":"User/other"}])")})
                  .allowing(kRequest),
              "refused");
}

// B24
TEST(AccessPolicies, TheFirstThatAllowsWins)
{
    const Policies policies({policy("a", "a"), policy("b", "b"), policy("ab", "ab")});
    EXPECT_EQ(policies.allowing(R"({"uri":"/a"})"), "a");
    EXPECT_EQ(policies.allowing(R"({"uri":"/b"})"), "b");
    EXPECT_EQ(policies.allowing(R"({"uri":"/ba"})"), "a");
    EXPECT_EQ(policies.allowing(R"({"uri":"/c"})"), "refused");
    EXPECT_EQ(policies.allowing("{}"), "refused");
}

TEST(AccessPolicies, AllOutcomesForThoseWhoLook)
{
    const Policies policies({policy("a", "a"), policy("b", "b"), policy("any", "."),
                             policy("other", ".", R"(,"link":[{"reference":"Client/c"}])")});
    EXPECT_EQ(policies.all(R"({"uri":"/b"})"), "a- b+ any+ other0 ");
    EXPECT_EQ(policies.all(R"({"uri":"/a","client":{"id":"c"}})"), "a+ b- any+ other+ ");
    EXPECT_EQ(Policies({}).all("{}"), "");
}

TEST(AccessPolicy, WithoutLinksItIsForEverybody)
{
    EXPECT_EQ(said(policy("p", "."), R"({"uri":"/"})"), 'a');
    EXPECT_EQ(said(policy("p", "."), R"({"uri":"/","user":{"id":"u"},"client":{"id":"c"}})"), 'a');
}

TEST(AccessPolicy, LinksLeadToClientsAndUsers)
{
    for (const char *link : {R"({"reference":"Client/x"})", R"({"resourceType":"Client","id":"x"})",
                             R"({"reference":"Client/x","display":"the x"})"})
    {
        const std::string text = policy("p", ".", R"(,"link":[)" + std::string(link) + "]");
        EXPECT_EQ(said(text, R"({"uri":"/","client":{"id":"x"}})"), 'a') << link;
        EXPECT_EQ(said(text, R"({"uri":"/","client":{"id":"y"}})"), '-') << link;
        EXPECT_EQ(said(text, R"({"uri":"/","user":{"id":"x"}})"), '-') << link;
        EXPECT_EQ(said(text, R"({"uri":"/","jwt":{"client_id":"x","id":"x"}})"), '-') << link;
        EXPECT_EQ(said(text, R"({"uri":"/"})"), '-') << link;
    }
    for (const char *link : {R"({"reference":"User/x"})", R"({"resourceType":"User","id":"x"})"}) {
        const std::string text = policy("p", "^/a", R"(,"link":[)" + std::string(link) + "]");
        EXPECT_EQ(said(text, R"({"uri":"/a","user":{"id":"x"}})"), 'a') << link;
        EXPECT_EQ(said(text, R"({"uri":"/b","user":{"id":"x"}})"), 'd') << link;
        EXPECT_EQ(said(text, R"({"uri":"/a","user":{"id":"X"}})"), '-') << link;
        EXPECT_EQ(said(text, R"({"uri":"/a","client":{"id":"x"}})"), '-') << link;
        EXPECT_EQ(said(text, R"({"uri":"/a","user":{"id":["x"]}})"), '-') << link;
    }
}

TEST(AccessPolicy, SeveralLinksAreAlternatives)
{
    const std::string text =
        policy("p", ".", R"(,"link":[{"reference":"Client/c"},{"reference":"User/u"},
                                     {"reference":"User/v"}])");
    EXPECT_EQ(said(text, R"({"uri":"/","client":{"id":"c"},"user":{"id":"z"}})"), 'a');
    EXPECT_EQ(said(text, R"({"uri":"/","client":{"id":"z"},"user":{"id":"u"}})"), 'a');
    EXPECT_EQ(said(text, R"({"uri":"/","user":{"id":"v"}})"), 'a');
    EXPECT_EQ(said(text, R"({"uri":"/","client":{"id":"u"},"user":{"id":"c"}})"), '-');
}

TEST(AccessPolicy, RoleName)
{
    const std::string text = policy("p", "^/a", R"(,"roleName":"nurse")");
    EXPECT_EQ(said(text, R"({"uri":"/a","role":[{"name":"x"},{"name":"nurse"}]})"), 'a');
    EXPECT_EQ(said(text, R"({"uri":"/b","role":[{"name":"nurse"}]})"), 'd');
    for (const char *role : {"[]", R"([{"name":"Nurse"}])", R"([{"id":"nurse"}])", R"(["nurse"])",
                             R"({"name":"nurse"})", R"([{"name":["nurse"]}])", "null"})
    {
        EXPECT_EQ(said(text, R"({"uri":"/a","role":)" + std::string(role) + "}"), '-') << role;
    }
    EXPECT_EQ(said(text, R"({"uri":"/a","jwt":{"role":[{"name":"nurse"}]}})"), '-');

    const std::string linked =
        policy("p", ".", R"(,"roleName":"nurse","link":[{"reference":"User/u"}])");
    EXPECT_EQ(said(linked, R"({"uri":"/","user":{"id":"u"},"role":[{"name":"nurse"}]})"), 'a');
    EXPECT_EQ(said(linked, R"({"uri":"/","user":{"id":"v"},"role":[{"name":"nurse"}]})"), '-');
    EXPECT_EQ(said(linked, R"({"uri":"/","user":{"id":"u"},"role":[{"name":"x"}]})"), '-');
}

TEST(AccessPolicy, ItsAttributes)
{
    const auto full = policy_from(policy("p-1", ".", R"(,"description":"who","type":"rest",
        "module":"m","meta":{"versionId":"1"})"));
    ASSERT_TRUE(full);
    EXPECT_EQ(full->id(), "p-1");
    EXPECT_EQ(full->description(), "who");
    const auto least = policy_from(R"({"engine":"allow"})");
    ASSERT_TRUE(least);
    EXPECT_EQ(least->id(), "");
    EXPECT_EQ(least->description(), "");
}

TEST(AccessPolicy, FromItsParts)
{
    const auto made = [](std::optional<std::string> role_name, std::string_view link) {
        auto rule =
            Rule::compile("matcho", test::json_from(R"({"uri":"/a"})").get(), nullptr, nullptr);
        return AccessPolicy::make({.id = "name",
                                   .description = "why",
                                   .rule = std::move(*rule),
                                   .links = {*AccessPolicy::link_from(link)},
                                   .role_name = std::move(role_name)});
    };
    JsonContext context(R"({"uri":"/a","user":{"id":"u=1"},"role":[{"name":"r"}]})");
    EXPECT_EQ(made(std::nullopt, "user=u=1")->evaluate(context), Outcome::kAllowed);
    EXPECT_EQ(made("r", "user=u=1")->evaluate(context), Outcome::kAllowed);
    EXPECT_EQ(made("s", "user=u=1")->evaluate(context), Outcome::kNotForThisRequest);
    EXPECT_EQ(made("r", "client=u=1")->evaluate(context), Outcome::kNotForThisRequest);
    EXPECT_EQ(made("r", "user=u=1")->id(), "name");
    EXPECT_EQ(made("r", "user=u=1")->description(), "why");
    EXPECT_EQ(made("", "user=u").error(), "the name of the role is empty");
    for (const char *word : {"", "u", "user=", "client=", "User=u", "operation=o", "=u"}) {
        const auto link = AccessPolicy::link_from(word);
        ASSERT_FALSE(link) << word;
        EXPECT_EQ(link.error(),
                  '"' + std::string(word) + "\" is no link, it must be client=ID or user=ID");
    }
}

TEST(AccessPolicyCompile, WrongAttributes)
{
    const auto fault = [](std::string_view more) {
        return policy_fault(R"({"engine":"allow",)" + std::string(more) + "}");
    };
    EXPECT_EQ(policy_fault("[]"), "must be an object");
    EXPECT_EQ(AccessPolicy::compile(nullptr, nullptr, nullptr).error(), "must be an object");
    EXPECT_EQ(fault(R"("resourceType":"User")"), "resourceType: must be AccessPolicy");
    EXPECT_EQ(fault(R"("id":"")"), "id: must be a string that is not empty");
    EXPECT_EQ(fault(R"("id":5)"), "id: must be a string that is not empty");
    EXPECT_EQ(fault(R"("roleName":"")"), "roleName: must be a string that is not empty");
    EXPECT_EQ(fault(R"("roleName":["a"])"), "roleName: must be a string that is not empty");
    EXPECT_EQ(fault(R"("roleName":null)"), "roleName: must be a string that is not empty");
    EXPECT_EQ(fault(R"("description":1)"), "description: must be a string");
    for (const char *type : {R"("rpc")", R"("scope")", "1"}) {
        EXPECT_TRUE(fault(R"("type":)" + std::string(type)).starts_with("type: must be rest; "));
    }
    // A slip of the pen must not make a policy one for everybody.
    for (const char *name : {"links", "rolename", "role", "Link"}) {
        EXPECT_EQ(fault('"' + std::string(name) + R"(":"a")"),
                  std::string(name) + ": an AccessPolicy has no such attribute");
    }
}

TEST(AccessPolicyCompile, WrongLinks)
{
    const auto fault = [](std::string_view link) {
        return policy_fault(R"({"engine":"allow","link":)" + std::string(link) + "}");
    };
    constexpr std::string_view kForms =
        R"(must be {"reference":"Client/ID"} or {"resourceType":"User","id":"ID"})";
    for (const char *list : {"[]", "{}", "null", R"("Client/a")", R"({"reference":"Client/a"})"}) {
        EXPECT_EQ(fault(list), "link: must be a list with at least one link; without link the "
                               "policy is for everybody");
    }
    for (const char *link :
         {R"("Client/a")", "{}", "null", R"({"reference":"Client"})", R"({"reference":"Client/"})",
          R"({"reference":5})", R"({"reference":"Client/a/b"})", R"({"id":"a"})",
          R"({"reference":"Client/a","id":"b"})", R"({"resourceType":1,"id":"a"})",
          R"({"reference":"User/a","role":"b"})"})
    {
        EXPECT_EQ(fault("[" + std::string(link) + "]"), "link[0]: " + std::string(kForms)) << link;
    }
    EXPECT_EQ(fault(R"([{"resourceType":"User"}])"), "link[0]: has no id");
    for (const char *link :
         {R"({"reference":"Operation/o"})", R"({"resourceType":"Operation","id":"o"})"})
    {
        EXPECT_EQ(fault(R"([{"reference":"Client/a"},)" + std::string(link) + "]"),
                  "link[1]: a gateway knows no operations; match request-method and uri in the "
                  "rule instead");
    }
    EXPECT_EQ(fault(R"([{"reference":"Role/r"}])"),
              "link[0]: leads to \"Role\"; a policy is linked to a Client or a User");
}

}  // namespace
}  // namespace token_introspect::policy
