#include "resource/document.hpp"

#include "base/file.hpp"
#include "base/text.hpp"

#include <algorithm>

namespace token_introspect::resource {

LineMap::LineMap(std::vector<Entry> entries) : entries_(std::move(entries))
{
    std::erase_if(entries_, [](const Entry &entry) {
        return json_is_boolean(entry.first) || json_is_null(entry.first);
    });
    std::ranges::sort(entries_, {}, &Entry::first);
}

unsigned LineMap::find(const json_t *value) const noexcept
{
    const auto found = std::ranges::lower_bound(entries_, value, {}, &Entry::first);
    return found != entries_.end() && found->first == value ? found->second : 0;
}

std::string sentence_at(const std::string &file, unsigned line, std::string_view text)
{
    std::string sentence = file;
    if (line != 0) {
        sentence += ':' + std::to_string(line);
    }
    return sentence.append(": ").append(text);
}

Checked<std::vector<Document>> read_documents(const std::string &path)
{
    const auto text = read_file(path, kMostFileBytes);
    if (!text) {
        return std::unexpected(text.error());
    }
    const std::size_t dot = path.rfind('.');
    const std::string_view extension =
        dot == std::string::npos ? "" : std::string_view(path).substr(dot);
    if (equals_ignoring_case(extension, ".yaml") || equals_ignoring_case(extension, ".yml")) {
        return parse_yaml_documents(path, *text);
    }
    auto document = parse_json_document(path, *text);
    if (!document) {
        return std::unexpected(std::move(document.error()));
    }
    std::vector<Document> documents;
    documents.push_back(std::move(*document));
    return documents;
}

}  // namespace token_introspect::resource
