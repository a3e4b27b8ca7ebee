#include "resource/attribute.hpp"

#include <algorithm>

namespace token_introspect::resource {

namespace {

std::string_view type_name(const json_t *value) noexcept
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_NULL:
        return "null";
    default:
        return "a boolean";
    }
}

}  // namespace

Attribute::Attribute(const Source &source, std::string subject, const json_t *value)
    : source_(&source),
      subject_(std::move(subject)),
      value_(value),
      line_(source.lines.find(value))
{}

Attribute Attribute::child(const json_t *value, std::string path) const
{
    Attribute child(*source_, subject_, value);
    child.path_ = std::move(path);
    if (child.line_ == 0) {
        child.line_ = line_;
    }
    return child;
}

Attribute Attribute::member(std::string_view name) const
{
    std::string path = path_;
    if (!path.empty()) {
        path += '.';
    }
    path += name;
    return child(json_object_getn(value_, name.data(), name.size()), std::move(path));
}

Attribute Attribute::element(std::size_t index) const
{
    return child(json_array_get(value_, index), path_ + '[' + std::to_string(index) + ']');
}

std::string Attribute::sentence(std::string_view text) const
{
    std::string words;
    for (const std::string &part : {subject_, path_}) {
        if (!part.empty()) {
            words.append(part).append(": ");
        }
    }
    return sentence_at(source_->file, line_, words.append(text));
}

std::string Attribute::wrong_type(std::string_view wanted) const
{
    std::string text = present() ? "must be " : "is missing; it must be ";
    text += wanted;
    if (present()) {
        text.append(", not ").append(type_name(value_));
        if (wanted == "a string" && (json_is_number(value_) || json_is_boolean(value_))) {
            text += "; quote it";
        }
    }
    return sentence(text);
}

Checked<std::string_view> Attribute::text() const
{
    if (!json_is_string(value_)) {
        return std::unexpected(wrong_type("a string"));
    }
    const std::string_view text(json_string_value(value_), json_string_length(value_));
    if (text.empty()) {
        return std::unexpected(sentence("is empty"));
    }
    return text;
}

Checked<std::int64_t> Attribute::integer(std::int64_t least, std::int64_t most) const
{
    const std::string wanted =
        "an integer from " + std::to_string(least) + " to " + std::to_string(most);
    if (!json_is_integer(value_)) {
        return std::unexpected(wrong_type(wanted));
    }
    const std::int64_t integer = json_integer_value(value_);
    if (integer < least || integer > most) {
        return std::unexpected(sentence("must be " + wanted));
    }
    return integer;
}

std::optional<std::string> Attribute::check_members(std::span<const std::string_view> known) const
{
    if (!json_is_object(value_)) {
        return wrong_type("an object");
    }
    auto *const object = const_cast<json_t *>(value_);  // only read, as everywhere with Jansson
    for (void *at = json_object_iter(object); at != nullptr; at = json_object_iter_next(object, at))
    {
        const std::string_view name(json_object_iter_key(at), json_object_iter_key_len(at));
        if (std::ranges::find(known, name) != known.end()) {
            continue;
        }
        std::string names;
        for (const std::string_view other : known) {
            names.append(names.empty() ? "" : ", ").append(other);
        }
        return member(name).sentence("unknown attribute; the known ones are " + names);
    }
    return std::nullopt;
}

std::optional<std::string> Attribute::check_array() const
{
    return json_is_array(value_) ? std::nullopt : std::optional(wrong_type("an array"));
}

}  // namespace token_introspect::resource
