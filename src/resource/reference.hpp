#pragma once

#include "resource/attribute.hpp"

namespace token_introspect::resource {

/// A reference to another resource.
struct Reference {
    std::string_view type;  ///< views into the document
    std::string_view id;
};

/// Reads `"Type/id"`, `{"reference":"Type/id"}` or `{"resourceType":"Type","id":"id"}`, or gives a
/// sentence. Whether there is such a resource is not looked at.
Checked<Reference> read_reference(const Attribute &attribute);

}  // namespace token_introspect::resource
