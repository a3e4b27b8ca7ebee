#pragma once

#include "base/json.hpp"

#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace token_introspect::resource {

/// What was read, or a sentence for `nginx -t`.
template <class T> using Checked = std::expected<T, std::string>;

/// The lines on which the values of one document begin.
class LineMap {
public:
    using Entry = std::pair<const json_t *, unsigned>;

    LineMap() = default;
    explicit LineMap(std::vector<Entry> entries);

    /// Counted from 1; 0 when it is not known. Jansson has one `true`, `false` and `null` each for
    /// everybody: those have no line.
    [[nodiscard]] unsigned find(const json_t *value) const noexcept;

private:
    std::vector<Entry> entries_;  // sorted by address
};

/// Where a document comes from; shared by all that is taken out of it.
struct Source {
    std::string file;
    LineMap lines;
};

/// One JSON text, or one document of a YAML stream.
struct Document {
    Json value;
    std::shared_ptr<const Source> source;
};

inline constexpr std::size_t kMostFileBytes = std::size_t{16} << 20;
inline constexpr std::size_t kMostDepth = 64;  ///< the outermost value is depth 1

/// The documents of a file: YAML when its name ends in .yaml or .yml, else one JSON text. A YAML
/// stream gives as many as it has, without the empty ones.
Checked<std::vector<Document>> read_documents(const std::string &path);

/// The rules of parse_json (base/json.hpp) with the limits above; `file` is for sentences.
Checked<Document> parse_json_document(const std::string &file, std::string_view text);

/// YAML 1.2 as far as it says what JSON can say: the core schema's null, booleans and numbers, names
/// that are strings, no name twice. Refused: tags, anchors, aliases, %TAG, %YAML 1.1 (which
/// read `yes` as true), infinities, NaN, NUL, and what exceeds the limits above.
Checked<std::vector<Document>> parse_yaml_documents(const std::string &file, std::string_view text);

/// `FILE:LINE: text`; without the line when it is 0.
std::string sentence_at(const std::string &file, unsigned line, std::string_view text);

}  // namespace token_introspect::resource
