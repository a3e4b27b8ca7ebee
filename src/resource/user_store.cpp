#include "resource/user_store.hpp"

#include "resource/reference.hpp"

namespace token_introspect::resource {

namespace {

/// The Roles of one User, in their order.
using Roles = std::vector<const Resource *>;

Checked<std::string_view> user_of(const Resource &role)
{
    const Attribute root = role.root();
    const auto name = root.member("name").text();
    if (!name) {
        return std::unexpected(name.error());
    }
    const Attribute user = root.member("user");
    if (!user.present()) {
        return std::unexpected(user.sentence("is missing; it must refer to a User"));
    }
    const auto reference = read_reference(user);
    if (!reference) {
        return std::unexpected(reference.error());
    }
    if (reference->type != "User") {
        return std::unexpected(
            user.sentence("must refer to a User, not to a " + std::string(reference->type)));
    }
    return reference->id;
}

Checked<UserRecord> make_record(const Resource &user, const Roles &roles)
{
    const json_t *const inactive = json_object_get(user.json.get(), "inactive");
    if (inactive != nullptr && !json_is_boolean(inactive)) {
        return std::unexpected(user.root().member("inactive").sentence("must be true or false"));
    }
    Json array(json_array());
    for (const Resource *role : roles) {
        json_array_append(array.get(), role->json.get());
    }
    Json object(json_object());
    json_object_set_new(object.get(), "user",
                        without_members(user, {"password", "twoFactor"}).release());
    json_object_set_new(object.get(), "role", array.release());
    auto image = token::build_claims(object.get());
    if (!image) {
        return std::unexpected(user.sentence(image.error().text));
    }
    return UserRecord(std::move(*image), json_is_true(inactive));
}

}  // namespace

Checked<UserStore> UserStore::build(std::span<const Resource> resources,
                                    std::vector<std::string> &warnings)
{
    if (auto problem = check_unique(resources)) {
        return std::unexpected(std::move(*problem));
    }
    IdMap<Roles> roles;
    for (const Resource &resource : resources) {
        if (resource.type == "User") {
            roles.try_emplace(resource.id);
        }
    }
    for (const Resource &role : resources) {
        if (role.type != "Role") {
            continue;
        }
        const auto id = user_of(role);
        if (!id) {
            return std::unexpected(id.error());
        }
        if (const auto user = roles.find(*id); user != roles.end()) {
            user->second.push_back(&role);
        } else {
            warnings.push_back(role.root().member("user").sentence(
                "there is no User \"" + std::string(*id) + "\"; the role has no effect"));
        }
    }
    UserStore store;
    for (const Resource &user : resources) {
        if (user.type != "User") {
            continue;
        }
        auto record = make_record(user, roles.find(user.id)->second);
        if (!record) {
            return std::unexpected(std::move(record.error()));
        }
        store.users_.emplace(user.id, std::move(*record));
    }
    return store;
}

const UserRecord *UserStore::find(std::string_view id) const noexcept
{
    const auto found = users_.find(id);
    return found == users_.end() ? nullptr : &found->second;
}

}  // namespace token_introspect::resource
