#include "resource/reference.hpp"

namespace token_introspect::resource {

namespace {

Checked<Reference> split(const Attribute &attribute)
{
    const auto text = attribute.text();
    if (!text) {
        return std::unexpected(text.error());
    }
    const std::size_t slash = text->find('/');
    if (slash == std::string_view::npos || slash == 0 || slash + 1 == text->size()) {
        return std::unexpected(attribute.sentence("\"" + std::string(*text)
                                                  + "\" is no reference; write TYPE/ID, as in "
                                                    "User/some-id"));
    }
    return Reference{.type = text->substr(0, slash), .id = text->substr(slash + 1)};
}

}  // namespace

Checked<Reference> read_reference(const Attribute &attribute)
{
    if (!json_is_object(attribute.json())) {
        return split(attribute);
    }
    const Attribute reference = attribute.member("reference");
    const Attribute type = attribute.member("resourceType");
    if (reference.present()) {
        return split(reference);
    }
    if (!type.present()) {
        return std::unexpected(
            attribute.sentence("refers to nothing; give reference, or resourceType and id"));
    }
    const auto type_text = type.text();
    if (!type_text) {
        return std::unexpected(type_text.error());
    }
    const auto id = attribute.member("id").text();
    if (!id) {
        return std::unexpected(id.error());
    }
    return Reference{.type = *type_text, .id = *id};
}

}  // namespace token_introspect::resource
