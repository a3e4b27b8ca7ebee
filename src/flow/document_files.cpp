#include "flow/document_files.hpp"

namespace token_introspect::flow {

namespace {

cache::DocumentName name_of(const Introspector &introspector, Document document) noexcept
{
    return {.identity = introspector.document_identity,
            .kind = document == Document::kKeySet ? "keys" : "metadata"};
}

}  // namespace

DocumentFiles::DocumentFiles(std::string directory, Host &host)
    : directory_(std::move(directory)),
      host_(&host)
{}

bool DocumentFiles::serve(const Introspector &introspector, Document document) noexcept
{
    // without a time to live each token fetches, and would write
    if (introspector.cache_ttl_ms == 0) {
        return false;
    }
    switch (document) {
    case Document::kMetadata:
        return introspector.needs_metadata();
    case Document::kKeySet:
        return introspector.has_remote_keys()
               && (introspector.algorithms & jose::kHmacAlgorithms).empty();
    default:
        return false;
    }
}

bool DocumentFiles::serve(const Introspector &introspector) noexcept
{
    return serve(introspector, Document::kMetadata) || serve(introspector, Document::kKeySet);
}

void DocumentFiles::save(const Introspector &introspector, Document document, Now now,
                         std::string_view text)
{
    if (serve(introspector, document)) {
        report(introspector, document, "saved",
               cache::save_document(directory_, name_of(introspector, document), now.unix_s, text));
    }
}

std::optional<cache::SavedDocument> DocumentFiles::load(const Introspector &introspector,
                                                        Document document, Now now,
                                                        std::int64_t longest_age_s)
{
    if (!serve(introspector, document)) {
        return std::nullopt;
    }
    auto saved = cache::load_document(directory_, name_of(introspector, document), now.unix_s,
                                      longest_age_s);
    report(introspector, document, "used", saved ? std::string() : std::move(saved.error()));
    return saved ? std::move(*saved) : std::nullopt;
}

void DocumentFiles::report(const Introspector &introspector, Document document,
                           std::string_view what, std::string problem)
{
    std::string &last = problems_[{introspector.index, document}];
    if (problem != last && !problem.empty()) {
        const std::string_view noun =
            document == Document::kKeySet ? "the key set" : "the metadata document";
        host_->report(Severity::kWarn, introspector,
                      std::string(noun) + " cannot be " + std::string(what) + ": " + problem);
    }
    last = std::move(problem);
}

}  // namespace token_introspect::flow
