#include "resource/yaml_scalar.hpp"

#include "resource_fixture.hpp"

namespace token_introspect::resource {
namespace {

using namespace std::literals;
using test::dump;

/// The JSON of the documents, one line each, or the sentence.
std::string read(std::string_view text)
{
    const auto documents = parse_yaml_documents("f.yaml", text);
    if (!documents) {
        return documents.error();
    }
    std::string all;
    for (const Document &document : *documents) {
        all += dump(document.value.get()) + '\n';
    }
    return all;
}

/// The JSON of a plain scalar, or "refused".
std::string plain(std::string_view text)
{
    const auto value = resolve_plain_scalar(text);
    return value ? dump(value->get()) : "refused";
}

TEST(YamlScalar, WordsOfYaml11AreStrings)
{
    for (const std::string_view word :
         {"yes", "Yes", "no", "NO", "on", "off", "y", "n", "tRUE", "nULL", "none"})
    {
        EXPECT_EQ(plain(word), '"' + std::string(word) + '"');
    }
}

TEST(YamlScalar, NullAndBooleansHaveThreeSpellings)
{
    for (const std::string_view word : {"", "~", "null", "Null", "NULL"}) {
        EXPECT_EQ(plain(word), "null") << word;
    }
    for (const std::string_view word : {"true", "True", "TRUE"}) {
        EXPECT_EQ(plain(word), "true");
    }
    for (const std::string_view word : {"false", "False", "FALSE"}) {
        EXPECT_EQ(plain(word), "false");
    }
}

TEST(YamlScalar, IntegersAreDecimalOctalOrHexadecimal)
{
    EXPECT_EQ(plain("0"), "0");
    EXPECT_EQ(plain("-19"), "-19");
    EXPECT_EQ(plain("+12"), "12");
    EXPECT_EQ(plain("0777"), "777");
    EXPECT_EQ(plain("0o17"), "15");
    EXPECT_EQ(plain("0xfF"), "255");
    EXPECT_EQ(plain("9223372036854775807"), "9223372036854775807");
    EXPECT_EQ(plain("-9223372036854775808"), "-9223372036854775808");
    EXPECT_EQ(plain("9223372036854775808"), "refused");
    EXPECT_EQ(plain("0xffffffffffffffff"), "refused");
}

TEST(YamlScalar, FloatsFollowTheCoreSchema)
{
    EXPECT_EQ(plain("1.5"), "1.5");
    EXPECT_EQ(plain("-.5"), "-0.5");
    EXPECT_EQ(plain("+1."), "1.0");
    EXPECT_EQ(plain("12e3"), "12000.0");
    EXPECT_EQ(plain("1.5E+2"), "150.0");
    EXPECT_EQ(plain("1e309"), "refused");
    for (const std::string_view word : {".inf", "-.INF", "+.Inf", ".nan", ".NaN"}) {
        EXPECT_EQ(plain(word), "refused") << word;
    }
}

TEST(YamlScalar, WhatOnlyResemblesANumberIsAString)
{
    for (const std::string_view word :
         {"1_000", "0b1", "0o8", "-0x1", "0x", "1:30", "1.2.3", "--1", "+", "-", ".", "1e", "e1",
          ".e1", "1e+", "1 2", "2024-01-31", "-.nan", "0X1f"})
    {
        EXPECT_EQ(plain(word), '"' + std::string(word) + '"');
    }
}

TEST(Yaml, QuotedScalarsAreStrings)
{
    EXPECT_EQ(read("a: \"1\"\nb: 'true'\nc: ''\nd: \"null\"\n"),
              "{\"a\":\"1\",\"b\":\"true\",\"c\":\"\",\"d\":\"null\"}\n");
}

TEST(Yaml, BlockScalarsKeepTheirLines)
{
    EXPECT_EQ(read("pem: |\n  -----BEGIN\n  AAA=\n  -----END\nfolded: >-\n  a\n  b\nnumber: |-\n"
                   "  1\n"),
              "{\"pem\":\"-----BEGIN\\nAAA=\\n-----END\\n\",\"folded\":\"a b\","
              "\"number\":\"1\"}\n");
}

TEST(Yaml, NestsBothStyles)
{
    EXPECT_EQ(read("a:\n  - b: [1, {c: x}]\n  -\n    - y\nd: {}\ne: []\nf:\n"),
              "{\"a\":[{\"b\":[1,{\"c\":\"x\"}]},[\"y\"]],\"d\":{},\"e\":[],\"f\":null}\n");
}

TEST(Yaml, HasSeveralDocumentsAndPassesOverEmptyOnes)
{
    EXPECT_EQ(read("# first\n---\na: 1\n---\n# nothing\n---\n- 2\n...\n---\n"), "{\"a\":1}\n[2]\n");
    EXPECT_EQ(read(""), "");
    EXPECT_EQ(read("# only a comment\n"), "");
}

TEST(Yaml, RefusesANameThatOccursTwice)
{
    EXPECT_EQ(read("id: a\ntype: jwt\nid: b\n"), "f.yaml:3: the name \"id\" occurs twice");
    EXPECT_EQ(read("a: [{x: 1, \"x\": 1}]\n"), "f.yaml:1: the name \"x\" occurs twice");
}

TEST(Yaml, RefusesNamesThatAreNoStrings)
{
    EXPECT_EQ(read("1: a\n"), "f.yaml:1: the name of a member has to be a string: quote \"1\"");
    EXPECT_NE(read("true: a\n").find("quote \"true\""), std::string::npos);
    EXPECT_NE(read("? [a]\n: b\n").find("has to be a string"), std::string::npos);
    EXPECT_EQ(read("yes: a\n\"1\": b\n"), "{\"yes\":\"a\",\"1\":\"b\"}\n");
}

TEST(Yaml, RefusesAnchorsAndAliases)
{
    EXPECT_EQ(read("a: 1\nb: &x [y]\n"),
              "f.yaml:2: anchors are not supported: write the value out wherever it is needed");
    EXPECT_NE(read("a: *x\n").find("not supported"), std::string::npos);
    EXPECT_NE(read("&x a: 1\n").find("anchors are not supported"), std::string::npos);
    // each level would be ten times the one before
    EXPECT_NE(read("a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n").find("f.yaml:1: anchors"),
              std::string::npos);
}

TEST(Yaml, RefusesTags)
{
    for (const std::string_view text :
         {"a: !!str 1\n", "a: !x [1]\n", "a: !<tag:x> {}\n", "!t a: 1\n", "a: ! 1\n"})
    {
        EXPECT_EQ(read(text), "f.yaml:1: tags are not supported: quote a value to make it a string")
            << text;
    }
    EXPECT_NE(read("%TAG !e! tag:e,2000:\n---\na: 1\n").find("%TAG is not supported"),
              std::string::npos);
}

TEST(Yaml, RefusesTheRulesOfYaml11)
{
    EXPECT_NE(read("%YAML 1.1\n---\na: yes\n").find("%YAML is not 1.2"), std::string::npos);
    EXPECT_EQ(read("%YAML 1.2\n---\na: yes\n"), "{\"a\":\"yes\"}\n");
}

TEST(Yaml, RefusesWhatJsonCannotSay)
{
    EXPECT_EQ(read("a:\n  b: .inf\n"), "f.yaml:2: JSON has no .inf; quote it if it is a string");
    EXPECT_EQ(read("a: \"x\\0y\"\n"), "f.yaml:1: a string contains NUL");
    EXPECT_EQ(read("\"x\\0y\": 1\n"), "f.yaml:1: a string contains NUL");
    EXPECT_NE(read("a: \"\\ud800\"\n").find("f.yaml:1: not well-formed YAML"), std::string::npos);
}

TEST(Yaml, SentencesNameTheLine)
{
    EXPECT_NE(read("a: 1\nb: [1\nc: 2\n").find("f.yaml:3: not well-formed YAML: "),
              std::string::npos);
    EXPECT_NE(read("a: 1\n\tb: 2\n").find("f.yaml:2: not well-formed YAML: "), std::string::npos);
    EXPECT_NE(read("a: 1\nb: \xff\n").find("f.yaml:2: not well-formed YAML: "), std::string::npos);
    // what looks like a comment of another language (000 has it)
    EXPECT_NE(read("m:\n  // comment\n  t:\n    a: true\n").find("not well-formed YAML: "),
              std::string::npos);
}

TEST(Yaml, ReadsUtf8Only)
{
    EXPECT_EQ(read("\xef\xbb\xbf"
                   "a: \xc3\xa9\n"),
              "{\"a\":\"\xc3\xa9\"}\n");
    EXPECT_NE(read("\xff\xfe"
                   "a\0:\0 \0"s)
                  .find("not well-formed YAML"),
              std::string::npos);
}

TEST(Yaml, BoundsTheDepth)
{
    const auto nested = [](std::size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    EXPECT_EQ(read(nested(kMostDepth)), nested(kMostDepth) + '\n');
    EXPECT_EQ(read(nested(kMostDepth + 1)), "f.yaml:1: YAML is nested too deeply");
    EXPECT_EQ(read(std::string(100'000, '[')), "f.yaml:1: YAML is nested too deeply");
    std::string blocks;
    for (std::size_t i = 0; i <= kMostDepth; ++i) {
        blocks += std::string(i, ' ') + "a:\n";
    }
    EXPECT_NE(read(blocks).find("YAML is nested too deeply"), std::string::npos);
}

TEST(Yaml, BoundsTheLength)
{
    const std::string text = "a: 1 #" + std::string(kMostFileBytes, 'x');
    EXPECT_EQ(read(text), "f.yaml: YAML is too long");
}

}  // namespace
}  // namespace token_introspect::resource
