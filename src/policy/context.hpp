#pragma once

#include "token/claims.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace token_introspect::policy {

/// What an access policy may look at: the keys of the request object. What is cheap comes first,
/// policies look at them in this order.
enum class Subject : std::uint8_t {
    kRequestMethod,  ///< a text, lower case
    kScheme,         ///< http or https
    kUri,            ///< the path, without arguments
    kQueryString,    ///< the arguments as they came; absent when there are none
    kRemoteAddr,     ///< a text
    kParams,         ///< an object, {} when there are none
    kHeaders,        ///< an object, names in lower case
    kJwt,            ///< the claims of a JWT
    kToken,          ///< an introspection response
    kUser,           ///< the user's resource
    kRole,           ///< an array of the user's roles
    kClient,         ///< the client's resource
    kSession         ///< {"role":[…]}, another name for kRole
};

inline constexpr std::size_t kSubjectCount = 13;

/// `request-method`, `scheme`, `uri`, …
std::string_view name_of(Subject subject) noexcept;
std::optional<Subject> subject_from_name(std::string_view name) noexcept;

/// The sentence for a name that is no subject's: why there is none, or which there are.
std::string unknown_subject(std::string_view name);

/// What policies know of one request. Asked while a policy is evaluated, from one thread.
class Context {
public:
    virtual ~Context() = default;

    /// Absent when there is none. Cheap to ask twice; valid as long as the context.
    [[nodiscard]] virtual token::Value get(Subject subject) noexcept = 0;

    /// Everything as one object without empty values, see build_whole; absent when it cannot be
    /// had. Cheap to ask twice.
    [[nodiscard]] virtual token::Value whole() noexcept = 0;
};

/// The image of one object with all subjects that there are, each under its name, without what is
/// empty at any depth: null, "", [], {} and what is left empty by this. Fails as ClaimsWriter does.
Result<std::vector<std::uint8_t>> build_whole(Context &context);

}  // namespace token_introspect::policy
