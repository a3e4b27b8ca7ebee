#pragma once

#include "resource/attribute.hpp"

#include <initializer_list>
#include <span>

namespace token_introspect::resource {

/// A resource as its file has it. Its type is TokenIntrospector, AccessPolicy, User, Role or Client.
struct Resource {
    std::string type;
    std::string id;
    Json json;
    std::shared_ptr<const Source> source;

    /// The whole resource, for sentences about it and its attributes. A view.
    [[nodiscard]] Attribute root() const;
    /// `FILE:LINE: TYPE "ID": text`.
    [[nodiscard]] std::string sentence(std::string_view text) const;
    /// `FILE:LINE`.
    [[nodiscard]] std::string place() const;
};

/// The resources of a file (see read_documents): each document is a resource, an array of
/// resources, or a Bundle (`{"resourceType":"Bundle","entry":[{"resource":{…}},…]}`). Each has to
/// have one of the types above and an id. Ids are 1 to 64 letters, digits, `-`, `.` and `_`; a
/// User's, which is compared with a claim, is 1 to 255 bytes without control characters.
/// A file without a document, an unreadable one and whatever is wrong in it give a sentence.
Checked<std::vector<Resource>> read_resources(const std::string &path);

/// The resources of documents that are read already; `path` is for sentences.
Checked<std::vector<Resource>> take_resources(const std::string &path,
                                              const std::vector<Document> &documents);

/// The resource's object without these members; what remains is shared with it.
Json without_members(const Resource &resource, std::initializer_list<const char *> names);

/// A sentence that names both places when two resources have the same type and id.
std::optional<std::string> check_unique(std::span<const Resource> resources);

}  // namespace token_introspect::resource
