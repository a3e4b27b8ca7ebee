#include "resource/document.hpp"
#include "resource/yaml_scalar.hpp"

#include <yaml.h>

#include <algorithm>
#include <new>

namespace token_introspect::resource {

namespace {

/// An event of libyaml; a fresh one is none.
class Event {
public:
    Event() = default;
    Event(const Event &) = delete;
    Event &operator=(const Event &) = delete;
    ~Event() { yaml_event_delete(&event_); }

    yaml_event_t *operator->() noexcept { return &event_; }
    const yaml_event_t *operator->() const noexcept { return &event_; }
    yaml_event_t *get() noexcept { return &event_; }

    [[nodiscard]] unsigned line() const noexcept
    {
        return static_cast<unsigned>(event_.start_mark.line) + 1;
    }

private:
    yaml_event_t event_{};
};

std::string_view view(const yaml_char_t *text, std::size_t length) noexcept
{
    return {reinterpret_cast<const char *>(text), length};
}

/// Builds trees from libyaml's events. A null Json means: refused, the sentence is in error_.
class Reader {
public:
    Reader(const std::string &file, std::string_view text) : file_(file), text_(text)
    {
        if (yaml_parser_initialize(&parser_) == 0) {
            throw std::bad_alloc();
        }
        yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char *>(text.data()),
                                     text.size());
    }
    Reader(const Reader &) = delete;
    Reader &operator=(const Reader &) = delete;
    ~Reader() { yaml_parser_delete(&parser_); }

    Checked<std::vector<Document>> read()
    {
        std::vector<Document> documents;
        for (;;) {
            Event event;
            if (!next(event)) {
                return std::unexpected(std::move(error_));
            }
            if (event->type == YAML_STREAM_END_EVENT) {
                return documents;
            }
            if (event->type != YAML_DOCUMENT_START_EVENT) {
                continue;  // the stream's start, a document's end
            }
            if (!accepts_directives(event)) {
                return std::unexpected(std::move(error_));
            }
            Json value = read_value(0);
            if (!value) {
                return std::unexpected(std::move(error_));
            }
            LineMap lines(std::exchange(lines_, {}));
            if (!json_is_null(value.get())) {
                documents.push_back({.value = std::move(value),
                                     .source = std::make_shared<const Source>(
                                         Source{.file = file_, .lines = std::move(lines)})});
            }
        }
    }

private:
    bool refuse(unsigned line, std::string_view text)
    {
        error_ = sentence_at(file_, line, text);
        return false;
    }

    bool next(Event &event)
    {
        if (yaml_parser_parse(&parser_, event.get()) != 0) {
            return true;
        }
        if (parser_.error == YAML_MEMORY_ERROR) {
            throw std::bad_alloc();
        }
        auto line = static_cast<unsigned>(parser_.problem_mark.line) + 1;
        if (parser_.error == YAML_READER_ERROR) {  // it has no mark, only an offset
            const auto before = text_.substr(0, parser_.problem_offset);
            line = static_cast<unsigned>(std::ranges::count(before, '\n')) + 1;
        }
        return refuse(line, std::string("not well-formed YAML: ")
                                + (parser_.problem != nullptr ? parser_.problem : "unknown"));
    }

    bool accepts_directives(const Event &start)
    {
        const auto &document = start->data.document_start;
        if (document.version_directive != nullptr && document.version_directive->minor != 2) {
            return refuse(start.line(), "%YAML is not 1.2, by whose rules this file is read: leave "
                                        "the line out, and quote strings such as 0777");
        }
        if (document.tag_directives.start != document.tag_directives.end) {
            return refuse(start.line(), "%TAG is not supported: leave tags out");
        }
        return true;
    }

    /// `outer`: the levels around the value.
    Json read_value(std::size_t outer)
    {
        Event event;
        return next(event) ? make_value(event, outer) : Json();
    }

    Json make_value(const Event &event, std::size_t outer)
    {
        if (outer == kMostDepth) {
            refuse(event.line(), "YAML is nested too deeply");
            return {};
        }
        Json value;
        switch (event->type) {
        case YAML_SCALAR_EVENT:
            value = make_scalar(event);
            break;
        case YAML_SEQUENCE_START_EVENT:
            value = has_no_properties(event, event->data.sequence_start.anchor,
                                      event->data.sequence_start.tag)
                        ? read_array(outer)
                        : Json();
            break;
        case YAML_MAPPING_START_EVENT:
            value = has_no_properties(event, event->data.mapping_start.anchor,
                                      event->data.mapping_start.tag)
                        ? read_object(outer)
                        : Json();
            break;
        case YAML_ALIAS_EVENT:
            refuse(event.line(), "aliases are not supported: write the value out");
            break;
        default:
            refuse(event.line(), "not well-formed YAML");
            break;
        }
        if (value) {
            lines_.emplace_back(value.get(), event.line());
        }
        return value;
    }

    bool has_no_properties(const Event &event, const yaml_char_t *anchor, const yaml_char_t *tag)
    {
        if (anchor != nullptr) {
            return refuse(event.line(), "anchors are not supported: write the value out wherever "
                                        "it is needed");
        }
        if (tag != nullptr) {
            return refuse(event.line(),
                          "tags are not supported: quote a value to make it a string");
        }
        return true;
    }

    Json make_scalar(const Event &event)
    {
        const auto &scalar = event->data.scalar;
        if (!has_no_properties(event, scalar.anchor, scalar.tag)) {
            return {};
        }
        const std::string_view text = view(scalar.value, scalar.length);
        auto value = scalar.style == YAML_PLAIN_SCALAR_STYLE ? resolve_plain_scalar(text)
                                                             : string_scalar(text);
        if (!value) {
            refuse(event.line(), value.error());
            return {};
        }
        return std::move(*value);
    }

    Json read_array(std::size_t outer)
    {
        Json array(json_array());
        for (;;) {
            Event event;
            if (!next(event)) {
                return {};
            }
            if (event->type == YAML_SEQUENCE_END_EVENT) {
                return array;
            }
            Json element = make_value(event, outer + 1);
            if (!element) {
                return {};
            }
            if (json_array_append_new(array.get(), element.release()) != 0) {
                throw std::bad_alloc();
            }
        }
    }

    Json read_object(std::size_t outer)
    {
        Json object(json_object());
        for (;;) {
            Event event;
            if (!next(event)) {
                return {};
            }
            if (event->type == YAML_MAPPING_END_EVENT) {
                return object;
            }
            const Json name = read_name(event, object.get());
            if (!name) {
                return {};
            }
            Json member = read_value(outer + 1);
            if (!member) {
                return {};
            }
            if (json_object_setn_new(object.get(), json_string_value(name.get()),
                                     json_string_length(name.get()), member.release())
                != 0)
            {
                throw std::bad_alloc();
            }
        }
    }

    Json read_name(const Event &event, const json_t *object)
    {
        if (event->type != YAML_SCALAR_EVENT) {
            refuse(event.line(), "the name of a member has to be a string");
            return {};
        }
        Json name = make_scalar(event);
        if (!name) {
            return {};
        }
        const auto &scalar = event->data.scalar;
        const std::string text(view(scalar.value, scalar.length));
        if (!json_is_string(name.get())) {
            refuse(event.line(), "the name of a member has to be a string: quote \"" + text + "\"");
            return {};
        }
        if (json_object_getn(object, text.data(), text.size()) != nullptr) {
            refuse(event.line(), "the name \"" + text + "\" occurs twice");
            return {};
        }
        return name;
    }

    std::string file_;
    std::string_view text_;
    yaml_parser_t parser_{};
    std::vector<LineMap::Entry> lines_;
    std::string error_;
};

}  // namespace

Checked<std::vector<Document>> parse_yaml_documents(const std::string &file, std::string_view text)
{
    if (text.size() > kMostFileBytes) {
        return std::unexpected(sentence_at(file, 0, "YAML is too long"));
    }
    return Reader(file, text).read();
}

}  // namespace token_introspect::resource
