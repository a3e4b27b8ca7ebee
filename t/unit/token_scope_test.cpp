#include "token/scope.hpp"

#include "claims_image.hpp"

#include <gtest/gtest.h>

namespace token_introspect::token {
namespace {

using Scopes = std::vector<std::string>;

Scopes of(const char *json)
{
    const test::Claims image(json);
    return scopes_of(scope_claim(image.view()));
}

TEST(ScopeClaim, IsAStringOrAnArrayAndEachScopeCountsOnce)
{
    EXPECT_EQ(of(R"({"scope":"read write"})"), (Scopes{"read", "write"}));
    EXPECT_EQ(of(R"({"scope":"  b  a b "})"), (Scopes{"b", "a"}));
    EXPECT_EQ(of(R"({"scope":["b","a","b"]})"), (Scopes{"b", "a"}));
    EXPECT_EQ(of(R"({"scp":["a"]})"), Scopes{"a"});
    EXPECT_EQ(of(R"({"scp":"a"})"), Scopes{"a"});
    EXPECT_EQ(of(R"({"scope":null,"scp":"a"})"), Scopes{"a"});
    EXPECT_EQ(of(R"({"scope":"","scp":"a"})"), Scopes{});
    EXPECT_EQ(of(R"({"scope":"b","scp":"a"})"), Scopes{"b"});
}

TEST(ScopeClaim, WhatIsNoScopeTokenDoesNotCount)
{
    EXPECT_EQ(of(R"({"scope":["a b","c",7,null,["d"],"","\"","\\","é"]})"), Scopes{"c"});
    EXPECT_EQ(of(R"({"scope":7})"), Scopes{});
    EXPECT_EQ(of(R"({"scope":{"a":1}})"), Scopes{});
    EXPECT_EQ(of("{}"), Scopes{});
}

TEST(ParseScopes, FollowsTheGrammarOfRfc6749)
{
    EXPECT_EQ(parse_scopes("openid"), Scopes{"openid"});
    EXPECT_EQ(parse_scopes("b a b !#[]~"), (Scopes{"b", "a", "!#[]~"}));

    for (std::string_view text :
         {"", " ", "a ", " a", "a  b", "a\tb", "a\"b", "a\\b", "\xc3\xa9", "a\x7f"})
    {
        EXPECT_FALSE(parse_scopes(text)) << text;
    }
}

TEST(JoinScopes, PutsOneSpaceBetween)
{
    EXPECT_EQ(join_scopes({}), "");
    EXPECT_EQ(join_scopes({"a"}), "a");
    EXPECT_EQ(join_scopes({"b", "a"}), "b a");
}

TEST(Scope, IsAWordOfPrintableCharacters)
{
    EXPECT_TRUE(is_scope("read:all!#[]~"));
    for (const std::string_view bad : {"", "a b", "a\"b", "a\\b", "ä", "a\x7f"}) {
        EXPECT_FALSE(is_scope(bad)) << bad;
    }
}

}  // namespace
}  // namespace token_introspect::token
