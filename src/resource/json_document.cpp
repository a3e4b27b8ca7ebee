#include "resource/document.hpp"

#include <algorithm>

namespace token_introspect::resource {

namespace {

/// Walks over a text that Jansson has accepted, beside the tree that came of it: members stand in
/// both in the same order, so that no name has to be read again.
class LineReader {
public:
    explicit LineReader(std::string_view text) : text_(text) {}

    std::vector<LineMap::Entry> read(const json_t *value)
    {
        walk(value);
        return std::move(entries_);
    }

private:
    void walk(const json_t *value)
    {
        skip_separators();
        entries_.emplace_back(value, line_);
        switch (json_typeof(value)) {
        case JSON_OBJECT:
            walk_object(value);
            break;
        case JSON_ARRAY:
            ++at_;
            for (std::size_t i = 0; i < json_array_size(value); ++i) {
                walk(json_array_get(value, i));
            }
            skip_separators();
            ++at_;
            break;
        case JSON_STRING:
            skip_string();
            break;
        default:
            at_ = std::min(text_.find_first_of(",]} \t\r\n", at_), text_.size());
            break;
        }
    }

    void walk_object(const json_t *object)
    {
        // Jansson's iterators take no const object, but change nothing.
        auto *const source = const_cast<json_t *>(object);
        ++at_;
        for (void *member = json_object_iter(source); member != nullptr;
             member = json_object_iter_next(source, member))
        {
            skip_separators();
            skip_string();
            walk(json_object_iter_value(member));
        }
        skip_separators();
        ++at_;
    }

    void skip_separators() noexcept
    {
        for (; at_ < text_.size() && std::string_view(" \t\r\n:,").contains(text_[at_]); ++at_) {
            line_ += text_[at_] == '\n' ? 1 : 0;
        }
    }

    void skip_string() noexcept
    {
        for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
            at_ += text_[at_] == '\\' ? 1 : 0;
        }
        ++at_;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    unsigned line_ = 1;
    std::vector<LineMap::Entry> entries_;
};

/// The line at which Jansson gives up on a text that parse_json refuses; 0 when it would take it
/// (parse_json has limits of its own).
unsigned failing_line(std::string_view text)
{
    json_error_t error;
    const Json value(
        json_loadb(text.data(), text.size(), JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error));
    return value || error.line < 0 ? 0 : static_cast<unsigned>(error.line);
}

}  // namespace

Checked<Document> parse_json_document(const std::string &file, std::string_view text)
{
    Result<Json> value = parse_json(text, {.bytes = kMostFileBytes, .depth = kMostDepth});
    if (!value) {
        const unsigned line = text.empty() ? 0 : failing_line(text);
        return std::unexpected(sentence_at(file, line, value.error().text));
    }
    LineMap lines(LineReader(text).read(value->get()));
    auto source = std::make_shared<const Source>(Source{.file = file, .lines = std::move(lines)});
    return Document{.value = std::move(*value), .source = std::move(source)};
}

}  // namespace token_introspect::resource
