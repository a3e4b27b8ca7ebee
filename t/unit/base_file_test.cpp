#include "base/file.hpp"

#include "temporary_directory.hpp"

#include <gtest/gtest.h>

namespace token_introspect {
namespace {

class File : public ::testing::Test {
protected:
    static std::string reason(const std::string &path, std::size_t limit)
    {
        const auto content = read_file(path, limit);
        EXPECT_FALSE(content);
        return content ? "" : content.error();
    }

    test::TemporaryDirectory directory_;
};

TEST_F(File, IsReadWhole)
{
    const std::string content("a\0b\r\nc", 6);

    EXPECT_EQ(read_file(directory_.write("f", content), 100), content);
    EXPECT_EQ(read_file(directory_.write("f", ""), 0), "");
}

TEST_F(File, LimitIsInclusive)
{
    const std::string path = directory_.write("f", "12345");

    EXPECT_EQ(read_file(path, 5), "12345");
    EXPECT_NE(reason(path, 4).find("larger than 4 bytes"), std::string::npos);
}

TEST_F(File, ReasonNamesThePath)
{
    const std::string path = directory_.path("missing");

    EXPECT_EQ(reason(path, 10), "cannot read \"" + path + "\": No such file or directory");
}

TEST_F(File, OnlyRegularFilesAreRead)
{
    const std::string fifo = directory_.path("fifo");
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);

    for (const std::string &path : {directory_.path(""), fifo, std::string("/dev/null")}) {
        EXPECT_EQ(reason(path, 10), "\"" + path + "\" is not a regular file");
    }
}

TEST_F(File, SymbolicLinkIsFollowed)
{
    const std::string target = directory_.write("target", "content");
    const std::string link = directory_.path("link");
    std::filesystem::create_symlink(target, link);

    EXPECT_EQ(read_file(link, 100), "content");
}

using WatchedFileTest = File;

TEST_F(WatchedFileTest, HasChangedUntilAccepted)
{
    WatchedFile file(directory_.write("f", "one"));
    EXPECT_EQ(file.path(), directory_.path("f"));
    EXPECT_FALSE(file.changed(1000));

    directory_.write("f", "two");
    EXPECT_TRUE(file.changed(2000));
    EXPECT_TRUE(file.changed(3000));
    file.accept();
    EXPECT_FALSE(file.changed(4000));
    directory_.write("f", "three");
    EXPECT_TRUE(file.changed(5000));
}

TEST_F(WatchedFileTest, NoticesAnotherMode)
{
    const std::string path = directory_.write("f", "one");
    WatchedFile file(path);
    ASSERT_EQ(::chmod(path.c_str(), 0640), 0);

    EXPECT_TRUE(file.changed(1000));
}

TEST_F(WatchedFileTest, AsksAtMostOnceASecond)
{
    WatchedFile file(directory_.write("f", "one"));
    ASSERT_FALSE(file.changed(1000));
    directory_.write("f", "two");

    EXPECT_FALSE(file.changed(1999));
    EXPECT_TRUE(file.changed(2000));
}

TEST_F(WatchedFileTest, NoticesAReplacement)
{
    const std::string path = directory_.write("f", "one");
    WatchedFile file(path);
    struct stat before{};
    ASSERT_EQ(::stat(path.c_str(), &before), 0);
    const std::string other = directory_.write("other", "two");
    // the same size and time: only the inode differs
    const timespec times[2] = {before.st_mtim, before.st_mtim};
    ASSERT_EQ(::utimensat(AT_FDCWD, other.c_str(), times, 0), 0);
    std::filesystem::rename(other, path);

    EXPECT_TRUE(file.changed(1000));
}

TEST_F(WatchedFileTest, NoticesAnotherTargetOfALink)
{
    const std::string link = directory_.path("link");
    std::filesystem::create_symlink(directory_.write("one", "one"), link);
    WatchedFile file(link);
    std::filesystem::remove(link);
    std::filesystem::create_symlink(directory_.write("two", "two"), link);

    EXPECT_TRUE(file.changed(1000));
}

TEST_F(WatchedFileTest, MissingForTheMomentIsNoChange)
{
    const std::string path = directory_.write("f", "one");
    WatchedFile file(path);
    std::filesystem::rename(path, directory_.path("aside"));
    EXPECT_FALSE(file.changed(1000));
    std::filesystem::rename(directory_.path("aside"), path);
    EXPECT_TRUE(file.changed(2000));
    file.accept();

    std::filesystem::remove(path);
    EXPECT_FALSE(file.changed(3000));
    directory_.write("f", "two");
    EXPECT_TRUE(file.changed(4000));
}

TEST_F(WatchedFileTest, FileThatAppearsHasChanged)
{
    WatchedFile file(directory_.path("f"));
    EXPECT_FALSE(file.changed(1000));
    directory_.write("f", "one");

    EXPECT_TRUE(file.changed(2000));
}

}  // namespace
}  // namespace token_introspect
