#pragma once

#include "resource/resource.hpp"
#include "resource/vault.hpp"

namespace token_introspect::resource {

/// A secret of a resource: its text, or the file that has it.
struct SecretText {
    std::string value;  ///< the text, or the path
    bool from_file = false;
};

/// The member `name` of `parent`, or what the extensions of `_name` refer to; nothing when there is
/// neither, a sentence when there are both.
Checked<std::optional<SecretText>> read_secret(const Attribute &parent, const std::string &name,
                                               const Vault *vault, const Resource &user);

/// The words of a `key` directive for an element of jwt.keys.
Checked<std::vector<std::string>> key_line(const Attribute &key, const Vault *vault,
                                           const Resource &user);

}  // namespace token_introspect::resource
