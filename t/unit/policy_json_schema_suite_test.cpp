#include "schema_check.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

// The required tests for draft-07 of the JSON Schema Test Suite, as Debian's package
// json-schema-test-suite installs it.

namespace token_introspect::policy {
namespace {

constexpr std::string_view kRemote = "leads out of this schema";
constexpr std::string_view kBeside = "has no effect beside \"$ref\"";

/// A group of tests that the schema is refused for, by a sentence with these words.
struct Exception {
    std::string_view file;
    std::string_view group;
    std::string_view words;
    bool was_met = false;
};

std::vector<Exception> exceptions()
{
    return {
        // Nothing is fetched, not even the draft's own schema: a policy that depended on what
        // another server says would be that server's policy.
        {"definitions.json", "valid definition", kRemote},
        {"definitions.json", "invalid definition", kRemote},
        {"ref.json", "remote ref, containing refs itself", kRemote},
        {"refRemote.json", "remote ref", kRemote},
        {"refRemote.json", "fragment within remote ref", kRemote},
        {"refRemote.json", "ref within remote ref", kRemote},
        {"refRemote.json", "base URI change", kRemote},
        {"refRemote.json", "base URI change - change folder", kRemote},
        {"refRemote.json", "base URI change - change folder in subschema", kRemote},
        {"refRemote.json", "root ref in remote ref", kRemote},
        // The draft ignores what stands beside $ref, other validators heed it. Who wrote it meant
        // it; ignoring it would allow more than is written.
        {"ref.json", "ref overrides any sibling keywords", kBeside},
    };
}

std::string content(const std::filesystem::path &path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// How many of the group's tests were judged as it says.
std::size_t run(const json_t *group, const std::string &name, Exception *exception)
{
    const auto schema =
        JsonSchema::compile(json_object_get(group, "schema"), test::compile_pcre, nullptr);
    if (exception != nullptr) {
        exception->was_met = true;
        EXPECT_FALSE(schema) << name << " is no exception any more";
        EXPECT_TRUE(schema || schema.error().contains(exception->words)) << schema.error();
        return 0;
    }
    if (!schema) {
        ADD_FAILURE() << name << ": " << schema.error();
        return 0;
    }
    const json_t *const tests = json_object_get(group, "tests");
    std::size_t good = 0;
    for (std::size_t i = 0; i < json_array_size(tests); ++i) {
        const json_t *const test = json_array_get(tests, i);
        const auto image = token::build_claims(test);
        const token::Value instance = token::ClaimsView(*image).find("data");
        const bool is_valid = json_is_true(json_object_get(test, "valid"));
        EXPECT_EQ(schema->accepts(instance), is_valid)
            << name << ": " << json_string_member(test, "description");
        good += schema->accepts(instance) == is_valid ? 1 : 0;
    }
    return good;
}

TEST(JsonSchemaSuite, RequiredTestsOfDraft07)
{
    const std::filesystem::path directory =
        std::filesystem::path(JSON_SCHEMA_TEST_SUITE) / "tests" / "draft7";
    if (!std::filesystem::is_directory(directory)) {
        GTEST_SKIP() << "NOT TESTED: the package json-schema-test-suite is missing: "
                        "tools/install test";
    }

    auto excepted = exceptions();
    std::size_t good = 0;
    for (const auto &entry : std::filesystem::directory_iterator(directory)) {
        if (!entry.is_regular_file()) {
            continue;  // "optional"
        }
        const std::string file = entry.path().filename();
        const auto groups = parse_json(content(entry.path()), {.bytes = 1U << 22, .depth = 64});
        ASSERT_TRUE(groups) << file << ": " << groups.error().text;
        for (std::size_t i = 0; i < json_array_size(groups->get()); ++i) {
            const json_t *const group = json_array_get(groups->get(), i);
            const std::string_view title = json_string_member(group, "description");
            const auto exception = std::ranges::find_if(excepted, [&](const Exception &one) {
                return one.file == file && one.group == title;
            });
            good += run(group, file + ": " + std::string(title),
                        exception == excepted.end() ? nullptr : &*exception);
        }
    }
    for (const Exception &exception : excepted) {
        EXPECT_TRUE(exception.was_met) << exception.file << ": " << exception.group;
    }
    EXPECT_GE(good, 401U);
}

}  // namespace
}  // namespace token_introspect::policy
