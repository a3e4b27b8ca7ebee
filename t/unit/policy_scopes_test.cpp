#include "policy/requirement.hpp"

#include "claims_image.hpp"

#include <gtest/gtest.h>

namespace token_introspect::policy {
namespace {

using Scopes = std::vector<std::string>;

bool all(std::string_view claims, const Scopes &wanted)
{
    return has_scopes(test::Claims(claims).view(), wanted, false);
}

bool any(std::string_view claims, const Scopes &wanted)
{
    return has_scopes(test::Claims(claims).view(), wanted, true);
}

TEST(Scopes, EveryFormOfTheClaim)
{
    for (const char *claims :
         {R"({"scope":"read write"})", R"({"scope":"  write   read "})",
          R"({"scope":["write","read","x"]})", R"({"scp":"read write"})",
          R"({"scp":["read","write"]})", R"({"scope":null,"scp":["read","write"]})",
          R"({"scope":"read write","scp":"other"})"})
    {
        EXPECT_TRUE(all(claims, {"read", "write"})) << claims;
        EXPECT_TRUE(any(claims, {"none", "write"})) << claims;
        EXPECT_FALSE(all(claims, {"read", "write", "delete"})) << claims;
        EXPECT_FALSE(any(claims, {"delete", "none"})) << claims;
        EXPECT_FALSE(any(claims, {"rea", "reads", "Read", "", " "})) << claims;
    }
}

TEST(Scopes, AScopeClaimHidesScp)
{
    for (const char *claims :
         {R"({"scope":"","scp":"read"})", R"({"scope":[],"scp":"read"})",
          R"({"scope":5,"scp":"read"})", R"({"scope":{"read":1},"scp":"read"})",
          R"({"scope":"other","scp":"read"})"})
    {
        EXPECT_FALSE(all(claims, {"read"})) << claims;
        EXPECT_FALSE(any(claims, {"read"})) << claims;
    }
}

TEST(Scopes, OnlyWholeScopes)
{
    EXPECT_FALSE(all(R"({"scope":["read write"]})", {"read"}));
    EXPECT_FALSE(all(R"({"scope":"read,write"})", {"read"}));
    EXPECT_FALSE(all(R"({"scope":"read\twrite"})", {"read"}));
    EXPECT_FALSE(all(R"({"scope":"read write"})", {"read write"}));
    EXPECT_FALSE(all(R"({"scope":[5,null,["read"]]})", {"read"}));
    EXPECT_TRUE(all(R"({"scope":"https://a/b.read orders:write"})", {"orders:write"}));
}

TEST(Scopes, NothingThereOrNothingWantedFails)
{
    EXPECT_FALSE(all("{}", {"read"}));
    EXPECT_FALSE(any("{}", {"read"}));
    EXPECT_FALSE(all(R"({"scope":"read"})", {}));
    EXPECT_FALSE(any(R"({"scope":"read"})", {}));
    EXPECT_FALSE(has_scopes(token::ClaimsView(), Scopes{"read"}, false));
}

}  // namespace
}  // namespace token_introspect::policy
