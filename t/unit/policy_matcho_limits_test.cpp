#include "policy/matcho.hpp"

#include "matcho_check.hpp"

#include <string>

namespace token_introspect::policy {
namespace {

using test::claim_matches;
using test::judged;
using test::matches;

TEST(MatchoLimits, WhatExceedsItsLimitIsNeitherYesNorNo)
{
    constexpr std::string_view kLimit = R"("LIMIT")";
    const auto neither = [&](const std::string &pattern, std::string_view claim) {
        return !claim_matches(pattern, claim)
               && !claim_matches(R"({"$not":)" + pattern + "}", claim)
               && !claim_matches(R"({"$not":{"$not":)" + pattern + "}}", claim);
    };
    EXPECT_TRUE(neither(R"("#[a]")", kLimit));
    EXPECT_TRUE(neither(R"({"$one-of":["a","#[a]"]})", kLimit));
    EXPECT_TRUE(neither(R"({"$contains":"#[a]"})", R"(["b","LIMIT"])"));
    EXPECT_TRUE(neither(R"({"$every":"#[a]"})", R"(["a","LIMIT"])"));
    EXPECT_TRUE(neither(R"(["#[a]"])", R"(["LIMIT"])"));
    EXPECT_TRUE(neither(R"({"$present-all":["#[a]"]})", R"(["LIMIT"])"));
    // What is decided before stays decided, and nothing is decided after.
    EXPECT_TRUE(judged(R"({"$one-of":["LIMIT","#[a]"]})", kLimit));
    EXPECT_TRUE(neither(R"({"$one-of":["#[a]","LIMIT"]})", kLimit));
    EXPECT_TRUE(judged(R"({"$contains":"#[a]"})", R"(["a","LIMIT"])"));
    EXPECT_TRUE(neither(R"({"$contains":"#[a]"})", R"(["LIMIT","a"])"));
    EXPECT_FALSE(judged(R"({"$every":"#[a]"})", R"(["b","LIMIT"])"));
    EXPECT_TRUE(neither(R"({"$every":"#[a]"})", R"(["LIMIT","b"])"));
    EXPECT_FALSE(judged(R"({"l":1,"k":"#[a]"})", R"({"k":"LIMIT","l":2})"));
}

/// Exceeds its limit always, and counts.
class Expensive final : public Pattern {
public:
    explicit Expensive(int &searches) : searches_(searches) {}

    [[nodiscard]] std::optional<bool> search(std::string_view /*text*/) const noexcept override
    {
        ++searches_;
        return std::nullopt;
    }

private:
    int &searches_;
};

TEST(MatchoLimits, OneExpensiveSearchIsTheLast)
{
    int searches = 0;
    const auto compile =
        [](void *counter,
           std::string_view) -> std::expected<std::unique_ptr<Pattern>, std::string> {
        return std::make_unique<Expensive>(*static_cast<int *>(counter));
    };
    for (const char *pattern :
         {R"({"$contains":"#[a]"})", R"({"$every":"#[a]"})", R"({"$present-all":["#[a]","#[b]"]})",
          R"({"$not":{"$contains":{"$one-of":["#[a]","#[b]"]}}})", R"(["#[a]","#[b]"])"})
    {
        searches = 0;
        const auto matcho = Matcho::compile(test::json_from(R"({"jwt":{"c":)" + std::string(pattern)
                                                            + R"(,"d":"#[c]"},"token":"#[d]"})")
                                                .get(),
                                            compile, &searches);
        ASSERT_TRUE(matcho) << pattern;
        test::JsonContext context(R"({"jwt":{"c":["x","y","z"],"d":"u"},"token":{}})");
        EXPECT_FALSE(matcho->matches(context)) << pattern;
        EXPECT_EQ(searches, 2) << pattern;  // the quick and the thorough one
    }
}

/// ["x0","x1",…]
std::string many(std::size_t count, std::string_view prefix)
{
    std::string array = "[";
    for (std::size_t i = 0; i < count; ++i) {
        array += (i == 0 ? "\"" : ",\"") + std::string(prefix) + std::to_string(i) + '"';
    }
    return array + ']';
}

TEST(MatchoLimits, TooMuchWorkIsNeitherYesNorNo)
{
    const std::string request = R"({"token":{"a":)" + many(5000, "x") + R"(,"b":)" + many(5000, "y")
                                + R"(,"c":)" + many(200, "x") + "}}";
    const std::string over = R"({"$contains":{"$one-of":".token.b"}})";
    const auto judged_in = [&](const std::string &key, const std::string &pattern) {
        const bool yes = matches(R"({"token":{")" + key + R"(":)" + pattern + "}}", request);
        const bool no =
            matches(R"({"token":{")" + key + R"(":{"$not":)" + pattern + "}}}", request);
        EXPECT_FALSE(yes && no);
        return yes ? 'y' : no ? 'n' : '-';
    };
    EXPECT_EQ(judged_in("a", over), '-');
    EXPECT_EQ(judged_in("a", R"({"$every":{"$not":{"$one-of":".token.b"}}})"), '-');
    EXPECT_EQ(judged_in("a", R"({"$present-all":[{"$one-of":".token.b"},"z"]})"), '-');
    EXPECT_EQ(judged_in("a", R"({"$one-of":[)" + over + R"(,"z"]})"), '-');
    EXPECT_EQ(judged_in("a", R"({"$contains":{"$one-of":".token.a"}})"), 'y');
    EXPECT_EQ(judged_in("c", R"({"$every":{"$one-of":".token.c"}})"), 'y');
    EXPECT_EQ(judged_in("a", R"({"$contains":"x4999"})"), 'y');
    EXPECT_EQ(judged_in("a", R"({"$contains":"z"})"), 'n');
    EXPECT_EQ(judged_in("a", R"({"$contains":".token.a"})"), 'n');
    EXPECT_EQ(judged_in("a", R"(".token.a")"), 'y');
}

}  // namespace
}  // namespace token_introspect::policy
