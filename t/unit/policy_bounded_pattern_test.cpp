#include "policy/bounded_pattern.hpp"

#include "pcre_pattern.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace token_introspect::policy {
namespace {

constexpr std::uint32_t kMany = 1'000'000;

std::expected<BoundedPattern, std::string> compile(std::string_view expression)
{
    return BoundedPattern::compile(expression, test::compile_pcre, nullptr);
}

/// 'y', 'n', or '-' for no answer.
char found(std::string_view expression, std::string_view text, std::uint32_t steps = kMany)
{
    const auto pattern = compile(expression);
    EXPECT_TRUE(pattern) << expression << ": " << (pattern ? "" : pattern.error());
    const auto result = pattern ? pattern->search(text, steps) : std::nullopt;
    return !result ? '-' : *result ? 'y' : 'n';
}

std::string a(std::size_t count)
{
    return std::string(count, 'a');
}

TEST(BoundedPattern, FindsWhatPcreFinds)
{
    const std::vector<std::string> texts = {
        "",           "a",        "b",           "ab",
        "ba",         "a\nb",     "b\n",         "A",
        "xabx",       "/fhir/Pa", "aa bb aa bb", "ä",
        "(a(b)c)",    "\n",       "a|b",         "abcabc",
        "1.2.3.4",    "a.b",      "  a  ",       "Encounter/",
        a(300) + "b", "ab\r",     "foo=1&bar=2", "foobar",
        "barfoo",     "aXbXc",    "a-b#",        "~!@%,;:'<>\"_",
        "/fhi/fhir/"};
    const std::vector<std::string> expressions = {"a",
                                                  "^a",
                                                  "a$",
                                                  "^a$",
                                                  "a|b",
                                                  "^a|b$",
                                                  "(?i)A",
                                                  "a(?=b)",
                                                  "(?<!x)a",
                                                  "^(?!a)",
                                                  "\\Ab",
                                                  "b\\z",
                                                  "(a+) .*\\1",
                                                  "[^a]",
                                                  ".",
                                                  "^$",
                                                  "",
                                                  "(?m)^b",
                                                  "(?s)a.b",
                                                  "a.b",
                                                  "\\bfoo",
                                                  "bar$",
                                                  "(*UTF)^.$",
                                                  "(*UTF)(*UCP)\\w",
                                                  "\\(",
                                                  "[(*A]?x",
                                                  "a{2,}b",
                                                  "(?<n>a)\\k<n>",
                                                  "(a)(b)?\\2",
                                                  "\\Q.\\E",
                                                  "(?x) a  b",
                                                  "\\Ka",
                                                  "\\Ga",
                                                  "(?>a+)b",
                                                  "(\\((?:[^()]|(?1))*\\))",
                                                  "foo",
                                                  "/fhir/",
                                                  "Encounter/",
                                                  "foo=1&bar",
                                                  "a bb",
                                                  "#",
                                                  "a-b",
                                                  "~!@%,;:'<>\"_"};
    for (const std::string &expression : expressions) {
        if (expression.contains("(*A")) {
            continue;  // refused, see below
        }
        const auto plain = test::compile_pcre(nullptr, expression);
        ASSERT_TRUE(plain) << expression;
        for (const std::string &text : texts) {
            const auto expected = (*plain)->search(text);
            EXPECT_EQ(found(expression, text), !expected   ? '-'
                                               : *expected ? 'y'
                                                           : 'n')
                << expression << " in " << text;
        }
    }
}

TEST(BoundedPattern, LongTexts)
{
    const std::string text = a(3800) + "!foo" + a(180) + "bar";
    for (const char *expression : {"foo", "foo.*bar$", "^a+!", "^.*foo.*bar$", "x|y|z|foo", "bar$"})
    {
        EXPECT_EQ(found(expression, text), 'y') << expression;
    }
    for (const char *expression : {"food", "^foo", "w|x|y|z", "[0-9]+$", "^.*foo.*baz$"}) {
        EXPECT_EQ(found(expression, text), 'n') << expression;
    }
    EXPECT_EQ(found("^a", a(BoundedPattern::kMaxText)), 'y');
    EXPECT_EQ(found("^a", a(BoundedPattern::kMaxText + 1)), '-');
}

TEST(BoundedPattern, WhatBacktracksHasNoAnswer)
{
    EXPECT_EQ(found("^(a+)+$", a(40) + '!'), '-');
    EXPECT_EQ(found("(a+)+$", a(40) + '!'), '-');
    EXPECT_EQ(found("^(a|a)*$", a(40) + '!'), '-');
    // For these PCRE's own limit, which is one for each place, would be out of reach.
    EXPECT_EQ(found("[ac]+[ad]+e", a(3800) + "!e"), '-');
    EXPECT_EQ(found("[ad]{0,40}[ac]{0,20}[ab]{0,10}ef", a(3800) + "!fe!f"), '-');
    EXPECT_EQ(found("^(a+)+$", a(2000)), 'y');
}

TEST(BoundedPattern, CostsSteps)
{
    const auto pattern = compile("^(a+)+$");
    ASSERT_TRUE(pattern);
    const auto cost = [&](const std::string &text) {
        std::uint32_t steps = kMany;
        (void) pattern->search(text, steps);
        return kMany - steps;
    };
    EXPECT_EQ(cost("b"), 65U);
    EXPECT_EQ(cost(a(100)), 164U);
    EXPECT_EQ(cost(a(12) + '!'), 10090U);  // more than the quick limit, and an answer
    EXPECT_EQ(found("^(a+)+$", a(12) + '!'), 'n');

    EXPECT_EQ(found("^a", "a", 66), 'y');
    EXPECT_EQ(found("^a", "a", 65), '-');
    EXPECT_EQ(found("^(a+)+$", a(12) + '!', 10091), 'n');
    EXPECT_EQ(found("^(a+)+$", a(12) + '!', 10090), '-');
    std::uint32_t none = 0;
    EXPECT_EQ(pattern->search("a", none), std::nullopt);
    EXPECT_EQ(none, 0U);
}

TEST(BoundedPattern, WhatIsRefused)
{
    EXPECT_EQ(compile("(").error(), "missing closing parenthesis");
    EXPECT_EQ(BoundedPattern::compile("a", nullptr, nullptr).error(),
              "regular expressions are not built in");
    for (const char *expression : {"a(*SKIP)b", "(*COMMIT)a", "(*LIMIT_MATCH=9)a", "a|(*F)",
                                   "(*UTF)(*NO_START_OPT)a", "a(*:name)b", "[(*A]"})
    {
        const auto pattern = compile(expression);
        ASSERT_FALSE(pattern) << expression;
        EXPECT_TRUE(pattern.error().starts_with("verbs such as (*SKIP) are not taken"))
            << expression;
    }
    for (const char *expression : {"a(?R)?b", "a(?0)?b", "a\\g<0>?b", "a\\g'0'?b"}) {
        const auto pattern = compile(expression);
        ASSERT_FALSE(pattern) << expression;
        EXPECT_EQ(pattern.error(),
                  "a reference to the whole expression is not taken, give it a name");
    }
    for (const char *expression : {"\\Qa", "(?x)a # b"}) {
        const auto pattern = compile(expression);
        ASSERT_FALSE(pattern) << expression;
        EXPECT_TRUE(pattern.error().starts_with("it does not end by itself")) << expression;
    }
}

}  // namespace
}  // namespace token_introspect::policy
