#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace token_introspect::test {

/// A directory of its own for a test, gone afterwards.
class TemporaryDirectory {
public:
    TemporaryDirectory()
    {
        std::string path =
            (std::filesystem::temp_directory_path() / "token_introspect.XXXXXX").string();
        if (::mkdtemp(path.data()) == nullptr) {
            throw std::runtime_error("mkdtemp");
        }
        path_ = path;
    }
    TemporaryDirectory(const TemporaryDirectory &) = delete;
    TemporaryDirectory &operator=(const TemporaryDirectory &) = delete;
    ~TemporaryDirectory()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] std::string path(const std::string &name) const { return path_ / name; }

    /// Writes in place; the time of the change is another one than before, however coarse the file
    /// system's clock.
    std::string write(const std::string &name, std::string_view content)
    {
        const std::string file = path(name);
        std::ofstream(file, std::ios::binary) << content;
        const timespec later{.tv_sec = ++modified_s_, .tv_nsec = 0};
        const timespec times[2] = {later, later};
        ::utimensat(AT_FDCWD, file.c_str(), times, 0);
        return file;
    }

private:
    std::filesystem::path path_;
    time_t modified_s_ = 1'600'000'000;
};

}  // namespace token_introspect::test
