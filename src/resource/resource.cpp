#include "resource/resource.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <map>

namespace token_introspect::resource {

namespace {

constexpr std::array<std::string_view, 5> kTypes = {"TokenIntrospector", "AccessPolicy", "User",
                                                    "Role", "Client"};

bool is_id(std::string_view text) noexcept
{
    return text.size() <= 64
           && text.find_first_not_of(
                  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._")
                  == std::string_view::npos;
}

bool is_user_id(std::string_view text) noexcept
{
    return text.size() <= 255 && is_header_safe(text);
}

Checked<Resource> make_resource(const Attribute &at, const std::shared_ptr<const Source> &source)
{
    if (!json_is_object(at.json())) {
        return std::unexpected(at.sentence("must be an object: a resource with resourceType and "
                                           "id"));
    }
    const auto type = at.member("resourceType").text();
    if (!type) {
        return std::unexpected(type.error());
    }
    if (std::ranges::find(kTypes, *type) == kTypes.end()) {
        return std::unexpected(at.member("resourceType")
                                   .sentence("\"" + std::string(*type)
                                             + "\" is not supported; use TokenIntrospector, "
                                               "AccessPolicy, User, Role or Client"));
    }
    const Attribute id = Attribute(*source, std::string(*type), at.json()).member("id");
    const auto name = id.text();
    if (!name) {
        return std::unexpected(name.error());
    }
    if (*type == "User" ? !is_user_id(*name) : !is_id(*name)) {
        return std::unexpected(id.sentence(
            *type == "User" ? "must have at most 255 bytes and no control characters"
                            : "must have at most 64 characters, all of them letters, digits, - . "
                              "or _"));
    }
    return Resource{.type = std::string(*type),
                    .id = std::string(*name),
                    .json = Json(json_incref(const_cast<json_t *>(at.json()))),
                    .source = source};
}

/// Where the resources of a document are.
Checked<std::vector<Attribute>> places_of(const Attribute &document)
{
    std::vector<Attribute> places;
    if (json_is_array(document.json())) {
        for (std::size_t i = 0; i < document.size(); ++i) {
            places.push_back(document.element(i));
        }
    } else if (json_string_member(document.json(), "resourceType") == "Bundle") {
        const Attribute entries = document.member("entry");
        if (entries.present()) {
            if (auto problem = entries.check_array()) {
                return std::unexpected(std::move(*problem));
            }
        }
        for (std::size_t i = 0; i < entries.size(); ++i) {
            places.push_back(entries.element(i).member("resource"));
        }
    } else {
        places.push_back(document);
    }
    return places;
}

std::string quote_subject(const Resource &resource)
{
    return resource.type + " \"" + resource.id + '"';
}

}  // namespace

Attribute Resource::root() const
{
    return {*source, quote_subject(*this), json.get()};
}

std::string Resource::sentence(std::string_view text) const
{
    return root().sentence(text);
}

std::string Resource::place() const
{
    return source->file + ':' + std::to_string(source->lines.find(json.get()));
}

Checked<std::vector<Resource>> take_resources(const std::string &path,
                                              const std::vector<Document> &documents)
{
    if (documents.empty()) {
        return std::unexpected(sentence_at(path, 0, "there is no resource in this file"));
    }
    std::vector<Resource> resources;
    for (const Document &document : documents) {
        const auto places = places_of(Attribute(*document.source, "", document.value.get()));
        if (!places) {
            return std::unexpected(places.error());
        }
        for (const Attribute &place : *places) {
            auto resource = make_resource(place, document.source);
            if (!resource) {
                return std::unexpected(std::move(resource.error()));
            }
            resources.push_back(std::move(*resource));
        }
    }
    return resources;
}

Checked<std::vector<Resource>> read_resources(const std::string &path)
{
    auto documents = read_documents(path);
    if (!documents) {
        return std::unexpected(std::move(documents.error()));
    }
    return take_resources(path, *documents);
}

Json without_members(const Resource &resource, std::initializer_list<const char *> names)
{
    Json copy(json_copy(resource.json.get()));
    for (const char *name : names) {
        json_object_del(copy.get(), name);
    }
    return copy;
}

std::optional<std::string> check_unique(std::span<const Resource> resources)
{
    std::map<std::pair<std::string_view, std::string_view>, const Resource *> seen;
    for (const Resource &resource : resources) {
        const auto [first, added] = seen.try_emplace({resource.type, resource.id}, &resource);
        if (!added) {
            return resource.sentence("is defined already in " + first->second->place()
                                     + "; ids of one type have to differ");
        }
    }
    return std::nullopt;
}

}  // namespace token_introspect::resource
