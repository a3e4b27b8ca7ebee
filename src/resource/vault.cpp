#include "resource/vault.hpp"

#include <algorithm>
#include <array>

namespace token_introspect::resource {

namespace {

constexpr std::string_view kAbsentUrl =
    "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
constexpr std::string_view kReferenceUrl = "http://health-samurai.io/fhir/secret-reference";

/// The extension with this url; absent when there is none.
Attribute find_extension(const Attribute &extensions, std::string_view url)
{
    for (std::size_t i = 0; i < extensions.size(); ++i) {
        Attribute extension = extensions.element(i);
        if (json_string_member(extension.json(), "url") == url) {
            return extension;
        }
    }
    return extensions.element(extensions.size());
}

Checked<std::string_view> secret_name(const Attribute &attribute)
{
    constexpr std::array<std::string_view, 2> known = {"id", "extension"};
    if (auto problem = attribute.check_members(known)) {
        return std::unexpected(std::move(*problem));
    }
    const Attribute extensions = attribute.member("extension");
    if (auto problem = extensions.check_array()) {
        return std::unexpected(std::move(*problem));
    }
    if (json_string_member(find_extension(extensions, kAbsentUrl).json(), "valueCode") != "masked")
    {
        return std::unexpected(extensions.sentence("needs the url " + std::string(kAbsentUrl)
                                                   + " with the valueCode masked"));
    }
    const Attribute reference = find_extension(extensions, kReferenceUrl);
    if (!reference.present()) {
        return std::unexpected(extensions.sentence("needs the url " + std::string(kReferenceUrl)
                                                   + " with the secret's name as valueString"));
    }
    return reference.member("valueString").text();
}

}  // namespace

Checked<Vault::Scope> Vault::read_scope(const Attribute &attribute)
{
    if (json_is_string(attribute.json())) {
        const auto text = attribute.text();
        if (!text) {
            return std::unexpected(text.error());
        }
        const std::size_t slash = text->find('/');
        const std::string_view id = slash == text->npos ? "" : text->substr(slash + 1);
        if (slash == 0 || (slash != text->npos && id.empty())) {
            return std::unexpected(attribute.sentence("write TYPE or TYPE/ID"));
        }
        return Scope{.type = std::string(text->substr(0, slash)), .id = std::string(id)};
    }
    constexpr std::array<std::string_view, 2> known = {"resource_type", "id"};
    if (auto problem = attribute.check_members(known)) {
        return std::unexpected(std::move(*problem));
    }
    const auto type = attribute.member("resource_type").text();
    if (!type) {
        return std::unexpected(type.error());
    }
    Scope scope{.type = std::string(*type), .id = {}};
    if (const Attribute id = attribute.member("id"); id.present()) {
        const auto text = id.text();
        if (!text) {
            return std::unexpected(text.error());
        }
        scope.id = *text;
    }
    return scope;
}

Checked<Vault::Secret> Vault::read_secret(const Attribute &attribute)
{
    constexpr std::array<std::string_view, 2> known = {"path", "scope"};
    if (auto problem = attribute.check_members(known)) {
        return std::unexpected(std::move(*problem));
    }
    const auto path = attribute.member("path").text();
    if (!path) {
        return std::unexpected(path.error());
    }
    Secret secret{.path = std::string(*path), .scopes = {}};
    const Attribute scope = attribute.member("scope");
    std::vector<Attribute> places;
    for (std::size_t i = 0; i < scope.size(); ++i) {
        places.push_back(scope.element(i));
    }
    if (!json_is_array(scope.json())) {
        places.push_back(scope);
    }
    for (const Attribute &place : places) {
        auto read = read_scope(place);
        if (!read) {
            return std::unexpected(std::move(read.error()));
        }
        secret.scopes.push_back(std::move(*read));
    }
    return secret;
}

Checked<Vault> Vault::read(const std::string &path)
{
    constexpr std::array<std::string_view, 1> known = {"secret"};
    const auto documents = read_documents(path);
    if (!documents) {
        return std::unexpected(documents.error());
    }
    if (documents->size() != 1) {
        return std::unexpected(sentence_at(path, 0, "a vault file holds exactly one document"));
    }
    const Attribute root(*documents->front().source, "", documents->front().value.get());
    if (auto problem = root.check_members(known)) {
        return std::unexpected(std::move(*problem));
    }
    const Attribute secrets = root.member("secret");
    if (!json_is_object(secrets.json())) {
        return std::unexpected(secrets.sentence("must be an object: a path and a scope for each "
                                                "secret's name"));
    }
    Vault vault;
    vault.file_ = path;
    auto *const object = const_cast<json_t *>(secrets.json());
    for (void *at = json_object_iter(object); at != nullptr; at = json_object_iter_next(object, at))
    {
        const std::string_view name(json_object_iter_key(at), json_object_iter_key_len(at));
        auto secret = read_secret(secrets.member(name));
        if (!secret) {
            return std::unexpected(std::move(secret.error()));
        }
        vault.secrets_.emplace(name, std::move(*secret));
    }
    return vault;
}

Checked<std::string> Vault::find(const Vault *vault, const Attribute &attribute,
                                 const Resource &user)
{
    const auto name = secret_name(attribute);
    if (!name) {
        return std::unexpected(name.error());
    }
    const std::string quoted = "\"" + std::string(*name) + "\"";
    if (vault == nullptr) {
        return std::unexpected(
            attribute.sentence("refers to the secret " + quoted + ", but there is no vault file"));
    }
    const auto found = vault->secrets_.find(*name);
    if (found == vault->secrets_.end()) {
        return std::unexpected(
            attribute.sentence("the vault file " + vault->file_ + " has no secret " + quoted));
    }
    if (std::ranges::none_of(found->second.scopes, [&](const Scope &scope) {
            return scope.type == user.type && (scope.id.empty() || scope.id == user.id);
        }))
    {
        return std::unexpected(attribute.sentence("the secret " + quoted
                                                  + " is for others; name this resource in its "
                                                    "scope in "
                                                  + vault->file_));
    }
    return found->second.path;
}

}  // namespace token_introspect::resource
