#include "cache/document_file.hpp"

#include "base/crypto.hpp"
#include "base/file.hpp"
#include "base/text.hpp"

#include <fcntl.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>

namespace token_introspect::cache {

namespace {

// A file is this line, then the text:
//   token-introspect-document 1 IDENTITY KIND FETCHED-AT LENGTH CHECKSUM
// The checksum is a SHA-256 over the line before it and the text.
constexpr std::string_view kMagic = "token-introspect-document ";
constexpr std::string_view kVersion = "1 ";
constexpr std::size_t kLongestHead = 256;
constexpr std::int64_t kClockSkewS = 60;

std::string quote(const std::string &path)
{
    return "\"" + path + "\"";
}

std::string system_sentence(std::string_view what, const std::string &path)
{
    const std::string reason = std::strerror(errno);
    return "cannot " + std::string(what) + " " + quote(path) + ": " + reason;
}

std::string file_name(const DocumentName &name)
{
    return hex_encode(name.identity) + "." + std::string(name.kind);
}

// The head for that text; empty when OpenSSL fails.
std::string make_head(const DocumentName &name, std::int64_t fetched_at_s, std::string_view text)
{
    std::string head;
    head.append(kMagic).append(kVersion);
    head += hex_encode(name.identity) + " " + std::string(name.kind) + " "
            + std::to_string(fetched_at_s) + " " + std::to_string(text.size()) + " ";
    const std::array<std::string_view, 2> parts = {head, text};
    const std::optional<Sha256> digest = Sha256Hasher().of_parts(parts);
    return digest ? head + hex_encode(*digest) + "\n" : std::string();
}

// Whether only this process's user and root can have made it what it is; else what is wrong.
std::string check_owner(const struct stat &info, const std::string &path)
{
    if (info.st_uid != ::geteuid() && info.st_uid != 0) {
        return quote(path) + " belongs to another user";
    }
    if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return quote(path) + " may be written by its group or others";
    }
    return {};
}

// An empty sentence when the open directory may be trusted. The path itself is the configuration's,
// so links on the way to it are the operator's own.
std::string check_directory(const Descriptor &directory, const std::string &path)
{
    struct stat info{};
    if (!directory || ::fstat(directory.get(), &info) != 0) {
        return system_sentence("open", path);
    }
    return check_owner(info, path);
}

bool write_all(const Descriptor &file, std::string_view bytes) noexcept
{
    while (!bytes.empty()) {
        const ssize_t put = ::write(file.get(), bytes.data(), bytes.size());
        if (put < 0 && errno != EINTR) {
            return false;
        }
        if (put > 0) {
            bytes.remove_prefix(static_cast<std::size_t>(put));
        }
    }
    return true;
}

// The next word of the line, which ends with a space; without it when there is none.
std::string_view take_word(std::string_view &line) noexcept
{
    const std::size_t space = line.find(' ');
    const std::string_view word = line.substr(0, space);
    line.remove_prefix(space == line.npos ? line.size() : space + 1);
    return word;
}

// The time fetched, once everything else that the head says is true of name and text.
std::expected<std::int64_t, std::string_view> check_head(std::string_view head,
                                                         const DocumentName &name,
                                                         std::string_view text)
{
    std::string_view rest = head;
    if (!rest.starts_with(kMagic)) {
        return std::unexpected("is no saved document");
    }
    rest.remove_prefix(kMagic.size());
    if (!rest.starts_with(kVersion)) {
        return std::unexpected("was saved by another version of this module");
    }
    rest.remove_prefix(kVersion.size());
    if (take_word(rest) != hex_encode(name.identity)) {
        return std::unexpected("was saved for another introspector");
    }
    if (take_word(rest) != name.kind) {
        return std::unexpected("holds a document of another kind");
    }
    std::int64_t fetched_at_s = -1;
    const std::string_view time = take_word(rest);
    std::from_chars(time.data(), time.data() + time.size(), fetched_at_s);
    if (fetched_at_s < 0) {
        return std::unexpected("has a damaged head");
    }
    if (take_word(rest) != std::to_string(text.size())) {
        return std::unexpected("has another length than when it was saved");
    }
    // a number with a zero before it, or with something behind it, is no head of ours either
    if (const std::string expected = make_head(name, fetched_at_s, text);
        expected.empty() || head != expected)
    {
        return std::unexpected("is damaged: its checksum is another one");
    }
    return fetched_at_s;
}

}  // namespace

std::string save_document(const std::string &directory, const DocumentName &name,
                          std::int64_t fetched_at_s, std::string_view text)
{
    if (text.size() > kLargestDocument) {
        return "the document is larger than " + std::to_string(kLargestDocument) + " bytes";
    }
    const Descriptor where(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (std::string problem = check_directory(where, directory); !problem.empty()) {
        return problem;
    }
    const std::string head = make_head(name, fetched_at_s, text);
    std::array<std::uint8_t, 8> random{};
    if (head.empty() || RAND_bytes(random.data(), random.size()) != 1) {
        return "OpenSSL fails";
    }
    // Random, because processes that share the directory may share their pids, too.
    const std::string final_name = file_name(name);
    const std::string new_name = "." + final_name + "." + hex_encode(random);
    Descriptor file(::openat(where.get(), new_name.c_str(),
                             O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) {
        return system_sentence("create", directory + "/" + new_name);
    }
    // No fsync: what a power failure leaves is found by the checksum.
    if (write_all(file, head) && write_all(file, text) && file.close()
        && ::renameat(where.get(), new_name.c_str(), where.get(), final_name.c_str()) == 0)
    {
        return {};
    }
    std::string problem = system_sentence("write", directory + "/" + final_name);
    ::unlinkat(where.get(), new_name.c_str(), 0);
    return problem;
}

std::expected<std::optional<SavedDocument>, std::string> load_document(const std::string &directory,
                                                                       const DocumentName &name,
                                                                       std::int64_t now_s,
                                                                       std::int64_t longest_age_s)
{
    const Descriptor where(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (std::string problem = check_directory(where, directory); !problem.empty()) {
        return std::unexpected(std::move(problem));
    }
    const std::string own_name = file_name(name);
    const std::string path = directory + "/" + own_name;
    // O_NONBLOCK: opening a FIFO must not hang the worker
    const Descriptor file(
        ::openat(where.get(), own_name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file && errno == ENOENT) {
        return std::nullopt;
    }
    if (!file && errno == ELOOP) {
        return std::unexpected(quote(path) + " is a symbolic link");
    }
    struct stat info{};
    if (!file || ::fstat(file.get(), &info) != 0) {
        return std::unexpected(system_sentence("read", path));
    }
    if (std::string problem = check_owner(info, path); !problem.empty()) {
        return std::unexpected(std::move(problem));
    }
    auto content = read_file(file, path, kLargestDocument + kLongestHead);
    if (!content) {
        return std::unexpected(std::move(content.error()));
    }
    const std::size_t end = std::string_view(*content).substr(0, kLongestHead).find('\n');
    if (end == std::string_view::npos) {
        return std::unexpected(quote(path) + " is no saved document");
    }
    std::string text = content->substr(end + 1);
    if (text.size() > kLargestDocument) {
        return std::unexpected(quote(path) + " is larger than " + std::to_string(kLargestDocument)
                               + " bytes");
    }
    const auto fetched_at_s = check_head(std::string_view(*content).substr(0, end + 1), name, text);
    if (!fetched_at_s) {
        return std::unexpected(quote(path) + " " + std::string(fetched_at_s.error()));
    }
    if (*fetched_at_s - kClockSkewS > now_s) {
        return std::unexpected(quote(path) + " was fetched in the future: compare the clocks");
    }
    if (now_s - *fetched_at_s > longest_age_s) {
        return std::unexpected(quote(path) + " was fetched more than "
                               + std::to_string(longest_age_s) + " seconds ago");
    }
    return SavedDocument{.text = std::move(text), .fetched_at_s = *fetched_at_s};
}

}  // namespace token_introspect::cache
