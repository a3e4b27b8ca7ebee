#pragma once

#include "resource/resource.hpp"

#include <map>

namespace token_introspect::resource {

/// A file that says where secrets are, so that resources need not hold them:
///
///   {"secret": {"NAME": {"path": "FILE", "scope": {"resource_type": "TYPE", "id": "ID"}}}}
///
/// The scope names who may use the secret: the resources of a type, or the one with the id. An
/// array gives several scopes; a scope may be written as "TYPE" or "TYPE/ID", too. The secrets
/// themselves are not read here.
class Vault {
public:
    /// Reads the file (see read_documents), or gives a sentence.
    static Checked<Vault> read(const std::string &path);

    /// The path of the secret that the extensions of `attribute` name: an object
    ///
    ///   {"extension": [{"url": ".../data-absent-reason", "valueCode": "masked"},
    ///                  {"url": "http://health-samurai.io/fhir/secret-reference",
    ///                   "valueString": "NAME"}]}
    ///
    /// which stands where a FHIR primitive has its extensions, in `_NAME` beside `NAME`. A sentence
    /// when it is none, when the vault (null: there is none) has no such secret, or when `user` is
    /// outside of the secret's scope.
    static Checked<std::string> find(const Vault *vault, const Attribute &attribute,
                                     const Resource &user);

private:
    struct Scope {
        std::string type;
        std::string id;  ///< empty: every resource of the type
    };
    struct Secret {
        std::string path;
        std::vector<Scope> scopes;
    };

    static Checked<Secret> read_secret(const Attribute &attribute);
    static Checked<Scope> read_scope(const Attribute &attribute);

    std::string file_;
    std::map<std::string, Secret, std::less<>> secrets_;
};

}  // namespace token_introspect::resource
