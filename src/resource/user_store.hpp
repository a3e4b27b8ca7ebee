#pragma once

#include "resource/id_map.hpp"
#include "resource/resource.hpp"
#include "token/claims.hpp"

namespace token_introspect::resource {

/// A User and its Roles, as policies see them.
class UserRecord {
public:
    UserRecord(std::vector<std::uint8_t> image, bool inactive)
        : image_(std::move(image)),
          inactive_(inactive)
    {}

    /// The User, without password and twoFactor. Valid as long as the record.
    [[nodiscard]] token::Value user() const noexcept { return view().find("user"); }
    /// The array of its Roles in the order of the resources; empty when it has none.
    [[nodiscard]] token::Value roles() const noexcept { return view().find("role"); }
    /// True when the User has `"inactive": true`.
    [[nodiscard]] bool inactive() const noexcept { return inactive_; }
    /// The image of {"user": …, "role": […]}.
    [[nodiscard]] token::ClaimsView view() const noexcept { return token::ClaimsView(image_); }

private:
    std::vector<std::uint8_t> image_;
    bool inactive_;
};

/// The Users of the configuration, by id. Immutable once built.
class UserStore {
public:
    /// Takes Users and Roles out of the resources (others are passed over) and copies what it needs.
    /// A sentence for two with one id, for a User whose `inactive` is no boolean, and for a Role
    /// without name or without a user that refers to a User. A Role of a User that is not among
    /// them is a warning.
    static Checked<UserStore> build(std::span<const Resource> resources,
                                    std::vector<std::string> &warnings);

    /// Null when there is no such User. Allocates nothing.
    [[nodiscard]] const UserRecord *find(std::string_view id) const noexcept;

    [[nodiscard]] bool empty() const noexcept { return users_.empty(); }

private:
    IdMap<UserRecord> users_;
};

}  // namespace token_introspect::resource
