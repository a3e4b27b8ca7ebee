#include "cache/document_file.hpp"

#include "temporary_directory.hpp"

#include <gtest/gtest.h>

#include <sys/wait.h>

#include <vector>

namespace token_introspect::cache {
namespace {

constexpr std::int64_t kFetched = 1'700'000'000;
constexpr std::int64_t kHour = 3600;
constexpr uid_t kNobody = 65534;
const std::string kText = R"({"keys":[{"kty":"EC"}]})";

class DocumentFile : public ::testing::Test {
protected:
    std::string save(std::string_view text = kText, std::int64_t fetched_at_s = kFetched)
    {
        return save_document(directory(), name_, fetched_at_s, text);
    }

    /// The text, "none", or the reason without the path that it begins with.
    std::string load(std::int64_t now_s = kFetched) { return load(name_, now_s); }
    std::string load(const DocumentName &name, std::int64_t now_s = kFetched)
    {
        const auto saved = load_document(directory(), name, now_s, kHour);
        if (!saved) {
            const std::size_t quote = saved.error().rfind("\" ");
            return quote == std::string::npos ? saved.error() : saved.error().substr(quote + 2);
        }
        return *saved ? (*saved)->text : "none";
    }

    [[nodiscard]] std::string directory() const { return directory_.path("."); }
    [[nodiscard]] std::vector<std::string> names() const
    {
        std::vector<std::string> out;
        for (const auto &entry : std::filesystem::directory_iterator(directory())) {
            out.push_back(entry.path().filename());
        }
        return out;
    }
    [[nodiscard]] std::string file() const { return directory_.path(kFile); }
    [[nodiscard]] std::string content() const
    {
        std::ifstream in(file(), std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    void replace(const std::string &content)
    {
        std::filesystem::remove(file());  // to write over it would wait for the disk
        directory_.write(kFile, content);
        ASSERT_EQ(this->content(), content);
    }

    const std::string kFile = "ab000000000000000000000000000001.keys";
    const DocumentName name_{.identity = {0xab, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},
                             .kind = "keys"};
    test::TemporaryDirectory directory_;
};

TEST_F(DocumentFile, GivesBackWhatWasSaved)
{
    const std::string bytes("{\"\0\n\xff\"}\n\n", 9);
    for (const std::string &text : {kText, bytes, std::string(kLargestDocument, 'x')}) {
        ASSERT_EQ(save(text), "");
        EXPECT_EQ(load(), text);
    }
    const auto saved = load_document(directory(), name_, kFetched + 5, kHour);
    ASSERT_TRUE(saved && *saved);
    EXPECT_EQ((*saved)->fetched_at_s, kFetched);
}

TEST_F(DocumentFile, NoFileIsNoError)
{
    EXPECT_EQ(load(), "none");
}

TEST_F(DocumentFile, IsForItsOwnerAloneAndLeavesNothingElse)
{
    const mode_t old_mask = ::umask(0);
    EXPECT_EQ(save(), "");
    EXPECT_EQ(save("{}"), "");
    ::umask(old_mask);

    struct stat info{};
    ASSERT_EQ(::stat(file().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, mode_t{0600});
    EXPECT_EQ(names(), std::vector{kFile});
}

TEST_F(DocumentFile, ReplacesTheOneBefore)
{
    ASSERT_EQ(save(), "");
    ASSERT_EQ(save("{}", kFetched + 10), "");
    EXPECT_EQ(load(kFetched + 10), "{}");
}

TEST_F(DocumentFile, TooLargeATextIsNotSaved)
{
    ASSERT_EQ(save(), "");
    EXPECT_EQ(save(std::string(kLargestDocument + 1, 'x')),
              "the document is larger than 1048576 bytes");
    EXPECT_EQ(load(), kText);
}

TEST_F(DocumentFile, TooLargeAFileIsNotRead)
{
    replace(std::string(kLargestDocument + 257, 'x'));
    EXPECT_NE(load().find("larger than"), std::string::npos) << load();
}

TEST_F(DocumentFile, HasATimeInWhichItCounts)
{
    ASSERT_EQ(save(), "");

    EXPECT_EQ(load(kFetched + kHour), kText);
    EXPECT_EQ(load(kFetched + kHour + 1), "was fetched more than 3600 seconds ago");
    EXPECT_EQ(load(kFetched - 60), kText);
    EXPECT_EQ(load(kFetched - 61), "was fetched in the future: compare the clocks");
    EXPECT_EQ(load(0), "was fetched in the future: compare the clocks");
}

TEST_F(DocumentFile, IsFoundUnderItsNameOnly)
{
    ASSERT_EQ(save(), "");
    DocumentName other = name_;
    other.identity[3] = 1;
    EXPECT_EQ(load(other), "none");
    EXPECT_EQ(load({.identity = name_.identity, .kind = "metadata"}), "none");
}

TEST_F(DocumentFile, MovedToAnotherNameIsRefused)
{
    ASSERT_EQ(save(), "");
    DocumentName other = name_;
    other.identity[15] = 2;
    std::filesystem::copy(file(), directory_.path("ab000000000000000000000000000002.keys"));
    std::filesystem::copy(file(), directory_.path("ab000000000000000000000000000001.metadata"));

    EXPECT_EQ(load(other), "was saved for another introspector");
    EXPECT_EQ(load({.identity = name_.identity, .kind = "metadata"}),
              "holds a document of another kind");
}

TEST_F(DocumentFile, NoByteCanBeChanged)
{
    ASSERT_EQ(save(), "");
    const std::string good = content();
    for (std::size_t i = 0; i < good.size(); ++i) {
        // another bit, another digit, a word's or the head's end
        for (const char other : {static_cast<char>(good[i] ^ 1), '0', ' ', '\n', '\0'}) {
            if (other == good[i]) {
                continue;
            }
            std::string bad = good;
            bad[i] = other;
            replace(bad);
            const auto saved = load_document(directory(), name_, kFetched, kHour);
            EXPECT_FALSE(saved) << i << ' ' << bad;
        }
    }
    replace(good);
    EXPECT_EQ(load(), kText);
}

TEST_F(DocumentFile, NoByteCanBeMissingOrAdded)
{
    ASSERT_EQ(save(), "");
    const std::string good = content();
    for (std::size_t i = 0; i <= good.size(); ++i) {
        std::vector<std::string> bad = {good.substr(0, i) + "0" + good.substr(i),
                                        good.substr(0, i) + "\n" + good.substr(i)};
        if (i < good.size()) {
            bad.push_back(good.substr(0, i));
            bad.push_back(std::string(good).erase(i, 1));
        }
        for (const std::string &text : bad) {
            replace(text);
            EXPECT_FALSE(load_document(directory(), name_, kFetched, kHour)) << text;
        }
    }
}

TEST_F(DocumentFile, AnotherVersionSaysSo)
{
    ASSERT_EQ(save(), "");
    std::string other = content();
    other.replace(other.find(" 1 "), 3, " 2 ");
    replace(other);
    EXPECT_EQ(load(), "was saved by another version of this module");
    replace("");
    EXPECT_EQ(load(), "is no saved document");
    replace("{}\n");
    EXPECT_EQ(load(), "is no saved document");
}

TEST_F(DocumentFile, OnlyRegularFilesAreRead)
{
    const std::string good = directory_.path("good");
    ASSERT_EQ(save(), "");
    std::filesystem::rename(file(), good);

    std::filesystem::create_symlink(good, file());
    EXPECT_EQ(load(), "is a symbolic link");
    std::filesystem::remove(file());

    ASSERT_EQ(::mkfifo(file().c_str(), 0600), 0);
    EXPECT_EQ(load(), "is not a regular file");
    std::filesystem::remove(file());

    std::filesystem::create_directory(file(), directory());
    EXPECT_EQ(load(), "is not a regular file");
}

TEST_F(DocumentFile, SavingReplacesALinkAndLeavesItsTarget)
{
    const std::string target = directory_.write("target", "untouched");
    std::filesystem::create_symlink(target, file());

    EXPECT_EQ(save(), "");
    EXPECT_EQ(load(), kText);
    EXPECT_FALSE(std::filesystem::is_symlink(file()));
    std::ifstream in(target);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "untouched");
}

TEST_F(DocumentFile, OthersMayReadButNotWrite)
{
    ASSERT_EQ(save(), "");
    for (const mode_t mode : {0620U, 0602U, 0666U}) {
        ASSERT_EQ(::chmod(file().c_str(), mode), 0);
        EXPECT_EQ(load(), "may be written by its group or others");
    }
    ASSERT_EQ(::chmod(file().c_str(), 0444), 0);
    EXPECT_EQ(load(), kText);
}

TEST_F(DocumentFile, DirectoryOfOthersIsNotUsed)
{
    const std::string path = directory();
    ASSERT_EQ(save(), "");
    for (const mode_t mode : {0770U, 0702U, 01777U}) {
        ASSERT_EQ(::chmod(path.c_str(), mode), 0);
        EXPECT_EQ(load(), "may be written by its group or others");
        EXPECT_EQ(save(), "\"" + path + "\" may be written by its group or others");
    }
    ASSERT_EQ(::chmod(path.c_str(), 0755), 0);
    EXPECT_EQ(load(), kText);
}

TEST_F(DocumentFile, AnotherUsersFileOrDirectoryIsNotUsed)
{
    if (::geteuid() != 0) {
        GTEST_SKIP() << "needs root to give a file away";
    }
    const std::string path = directory();
    ASSERT_EQ(save(), "");
    ASSERT_EQ(::chown(file().c_str(), kNobody, kNobody), 0);
    EXPECT_EQ(load(), "belongs to another user");
    ASSERT_EQ(::chown(file().c_str(), 0, 0), 0);
    ASSERT_EQ(::chown(path.c_str(), kNobody, kNobody), 0);
    EXPECT_EQ(load(), "belongs to another user");
    EXPECT_EQ(save(), "\"" + path + "\" belongs to another user");
}

// In a process of the user that nginx's workers have.
TEST_F(DocumentFile, RootsFileServesAWorker)
{
    if (::geteuid() != 0) {
        GTEST_SKIP() << "needs root to become another user";
    }
    ASSERT_EQ(save(), "");
    ASSERT_EQ(::chmod(file().c_str(), 0644), 0);
    ASSERT_EQ(::chown(directory().c_str(), kNobody, kNobody), 0);

    const pid_t child = ::fork();
    if (child == 0) {
        if (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0) {
            ::_exit(2);
        }
        const bool read = load() == kText;
        const bool replaced = save("{}").empty() && load() == "{}";
        ::_exit(read && replaced ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

TEST_F(DocumentFile, MissingDirectoryIsAnError)
{
    const std::string path = directory_.path("missing");
    const std::string reason = "cannot open \"" + path + "\": No such file or directory";

    EXPECT_EQ(save_document(path, name_, kFetched, kText), reason);
    const auto saved = load_document(path, name_, kFetched, kHour);
    ASSERT_FALSE(saved);
    EXPECT_EQ(saved.error(), reason);
    const std::string file = directory_.write("file", "");
    EXPECT_EQ(save_document(file, name_, kFetched, kText),
              "cannot open \"" + file + "\": Not a directory");
}

TEST_F(DocumentFile, WhatCannotBeReplacedStaysAndNothingIsLeft)
{
    std::filesystem::create_directories(directory_.path(kFile + "/inside"));

    EXPECT_EQ(save().rfind("cannot write \"" + directory(), 0), 0U) << save();
    EXPECT_EQ(names(), std::vector{kFile});
}

// Two processes save at once: whoever reads finds the one or the other, whole.
TEST_F(DocumentFile, ReadersSeeNoHalfOfASave)
{
    constexpr int kSaves = 200;
    const std::vector<std::string> texts = {std::string(100'000, 'a'), std::string(300'000, 'b')};
    ASSERT_EQ(save(texts[0]), "");
    std::vector<pid_t> children;
    for (const std::string &text : texts) {
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            int failures = 0;
            for (int i = 0; i < kSaves; ++i) {
                failures += save(text).empty() ? 0 : 1;
            }
            ::_exit(failures == 0 ? 0 : 1);
        }
        children.push_back(child);
    }
    int others = 0;
    for (const pid_t child : children) {
        int status = -1;
        while (::waitpid(child, &status, WNOHANG) == 0) {
            const std::string text = load();
            others += text == texts[0] || text == texts[1] ? 0 : 1;
        }
        EXPECT_EQ(status, 0);
    }
    EXPECT_EQ(others, 0);
    EXPECT_EQ(names(), std::vector{kFile});
}

}  // namespace
}  // namespace token_introspect::cache
