#include "base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace token_introspect {

namespace {

constexpr std::uint64_t kCheckIntervalMs = 1000;

std::unexpected<std::string> system_error(const std::string &path)
{
    return std::unexpected("cannot read \"" + path + "\": " + std::strerror(errno));
}

std::int64_t nanoseconds(const timespec &time) noexcept
{
    return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

}  // namespace

bool Descriptor::close() noexcept
{
    const int fd = std::exchange(fd_, -1);
    return fd < 0 || ::close(fd) == 0;
}

std::expected<std::string, std::string> read_file(const std::string &path, std::size_t limit)
{
    // O_NONBLOCK: opening a FIFO must not hang the start
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    return file ? read_file(file, path, limit) : system_error(path);
}

std::expected<std::string, std::string> read_file(const Descriptor &file, const std::string &path,
                                                  std::size_t limit)
{
    struct stat info{};
    if (::fstat(file.get(), &info) != 0) {
        return system_error(path);
    }
    if (!S_ISREG(info.st_mode)) {
        return std::unexpected("\"" + path + "\" is not a regular file");
    }
    if (static_cast<std::size_t>(info.st_size) > limit) {
        return std::unexpected("\"" + path + "\" is larger than " + std::to_string(limit)
                               + " bytes");
    }
    std::string content(static_cast<std::size_t>(info.st_size), '\0');
    std::size_t filled = 0;
    while (filled < content.size()) {
        const ssize_t got = ::read(file.get(), content.data() + filled, content.size() - filled);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return system_error(path);
        }
        if (got == 0) {
            break;
        }
        filled += static_cast<std::size_t>(got);
    }
    content.resize(filled);
    return content;
}

void drop_final_newline(std::string &text)
{
    if (text.ends_with('\n')) {
        text.pop_back();
    }
    if (text.ends_with('\r')) {
        text.pop_back();
    }
}

WatchedFile::WatchedFile(std::string path) : path_(std::move(path))
{
    stamp(path_, stamp_);
    seen_ = stamp_;
}

bool WatchedFile::changed(std::uint64_t monotonic_ms) noexcept
{
    if (monotonic_ms < next_check_ms_) {
        return false;
    }
    next_check_ms_ = monotonic_ms + kCheckIntervalMs;
    return stamp(path_, seen_) && seen_ != stamp_;
}

bool WatchedFile::stamp(const std::string &path, Stamp &out) noexcept
{
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) {
        return false;
    }
    out = {.inode = info.st_ino,
           .size = info.st_size,
           .modified_ns = nanoseconds(info.st_mtim),
           .changed_ns = nanoseconds(info.st_ctim)};
    return true;
}

}  // namespace token_introspect
