#pragma once

#include "base/clock.hpp"
#include "cache/document_file.hpp"
#include "flow/environment.hpp"
#include "flow/validation.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace token_introspect::flow {

/// The last good key sets and metadata documents in a directory, so that a restart of nginx while
/// an issuer is down need not refuse its tokens. One object per worker; the files are shared.
///
/// Reads and writes block. That is acceptable because they are rare, small and local: a write of at
/// most 1 MiB, which the system takes into its cache, by the one worker that has fetched the
/// document, so once per cache_ttl; a read when a fetch has failed and shared memory holds nothing.
/// No request that finds what it needs comes here.
class DocumentFiles {
public:
    /// `host` is told of problems and must outlive the object.
    DocumentFiles(std::string directory, Host &host);

    /// True for a document that may be saved: fetched and kept by this introspector, and public. A
    /// set whose symmetric keys count is a secret, which nobody asked to have on disk.
    [[nodiscard]] static bool serve(const Introspector &introspector, Document document) noexcept;
    /// True when there is such a document.
    [[nodiscard]] static bool serve(const Introspector &introspector) noexcept;

    /// Saves what was fetched and adopted just now. A failure is reported, once until it changes.
    void save(const Introspector &introspector, Document document, Now now, std::string_view text);

    /// What was saved last, if it was fetched at most `longest_age_s` ago. The text is to be parsed
    /// and checked as if it came from the issuer. A file that cannot be used is reported, once until
    /// it changes; none is no news.
    [[nodiscard]] std::optional<cache::SavedDocument> load(const Introspector &introspector,
                                                           Document document, Now now,
                                                           std::int64_t longest_age_s);

private:
    /// Reports a problem unless it is the last one of this introspector's document; "" ends it.
    void report(const Introspector &introspector, Document document, std::string_view what,
                std::string problem);

    std::string directory_;
    Host *host_;
    std::map<std::pair<std::size_t, Document>, std::string> problems_;  // as reported last
};

}  // namespace token_introspect::flow
