#pragma once

#include <sys/types.h>

#include <cstdint>
#include <expected>
#include <string>

namespace token_introspect {

/// An open file, closed with the object; -1 for none.
class Descriptor {
public:
    explicit Descriptor(int fd) noexcept : fd_(fd) {}
    ~Descriptor() { close(); }
    Descriptor(const Descriptor &) = delete;
    Descriptor &operator=(const Descriptor &) = delete;

    [[nodiscard]] int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }

    /// False, with errno, when what was written has not all been taken.
    bool close() noexcept;

private:
    int fd_;
};

/// The whole content of a regular file of at most `limit` bytes, or a sentence with the system's
/// reason.
std::expected<std::string, std::string> read_file(const std::string &path, std::size_t limit);
/// As above of a file that is open already; `path` is its name for the sentence.
std::expected<std::string, std::string> read_file(const Descriptor &file, const std::string &path,
                                                  std::size_t limit);

/// Takes one newline off the end: editors and `echo` end a file with one that is no part of a secret.
void drop_final_newline(std::string &text);

/// Tells when a file has been replaced or written to, asking the file system at most once a second.
class WatchedFile {
public:
    WatchedFile() = default;
    explicit WatchedFile(std::string path);

    [[nodiscard]] const std::string &path() const noexcept { return path_; }

    /// True when inode, size, modification or change time differ from those at construction or at
    /// the last accept(). A file that is missing for the moment has not changed.
    bool changed(std::uint64_t monotonic_ms) noexcept;

    /// What changed() last saw has been read well.
    void accept() noexcept { stamp_ = seen_; }

private:
    struct Stamp {
        ino_t inode = 0;
        off_t size = 0;
        std::int64_t modified_ns = 0;
        std::int64_t changed_ns = 0;  // a chmod may be what a reader waits for
        bool operator==(const Stamp &) const = default;
    };
    static bool stamp(const std::string &path, Stamp &out) noexcept;

    std::string path_;
    Stamp stamp_{};
    Stamp seen_{};
    std::uint64_t next_check_ms_ = 0;
};

}  // namespace token_introspect
