#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace token_introspect::cache {

/// The largest text that is saved, in bytes.
inline constexpr std::size_t kLargestDocument = std::size_t{1} << 20;

/// Which document a file holds, and so its name: both parts come from the configuration, never from
/// a token or an issuer.
struct DocumentName {
    std::array<std::uint8_t, 16> identity{};  ///< of what is fetched and from whom
    std::string_view kind;                    ///< a word of lower case letters
};

/// A document as it was when it was fetched.
struct SavedDocument {
    std::string text;
    std::int64_t fetched_at_s = 0;  ///< wall clock, seconds since 1970
};

/// Saves the text as a file of that name, with mode 0600, in place of what was there: whoever reads
/// sees the old one or the new one whole. An empty sentence, or the reason why it was not saved.
///
/// The directory has to belong to this process's user or root, and nobody else may write in it.
std::string save_document(const std::string &directory, const DocumentName &name,
                          std::int64_t fetched_at_s, std::string_view text);

/// The text that was saved under that name; nothing when there is no such file; a sentence when
/// there is one that cannot be used: not a regular file, somebody else's or writable for others
/// (so may its directory not be), too large, of another name or version, damaged, fetched more than
/// a minute after `now_s` or more than `longest_age_s` before.
///
/// The checksum finds damage. It is no seal: who may write in the directory may write anything.
std::expected<std::optional<SavedDocument>, std::string> load_document(const std::string &directory,
                                                                       const DocumentName &name,
                                                                       std::int64_t now_s,
                                                                       std::int64_t longest_age_s);

}  // namespace token_introspect::cache
