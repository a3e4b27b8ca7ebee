#pragma once

#include "base/json.hpp"
#include "policy/context.hpp"
#include "policy/pattern.hpp"

#include <expected>
#include <memory>
#include <string>

namespace token_introspect::policy {

struct MatchoProgram;

/// A matcho pattern, compiled: a partial shape that the request object must have. Immutable and
/// move-only; one that was moved from matches nothing.
///
/// What a pattern means for a value; a missing value is null:
///   {key: pattern…}   an object whose members match; others are not looked at. Null is no object
///   [pattern…]        an array whose first elements match one by one; others are not looked at
///   "present?"        not null
///   "nil?"            null or missing
///   "not-blank?"      a string with something else than spaces and control characters
///   "#re"             a string in which the regular expression is found, anywhere
///   ".a.b"            equal to what this path leads to from the request object, where a number is
///                     the index in an array; also when both are null
///   "text" 5 true     equal, by JSON type and value; 5 and 5.0 are one number
/// In place of an object, also with a null value; several in one object must all hold:
///   $enum: […]        equal to one of these strings, numbers or booleans
///   $one-of: […]      one of the patterns matches; stands alone
///   $one-of: ".a.b"   equal to an element of the array there (as it is, it is no pattern); null is
///                     equal to none; stands alone
///   $contains: p      an array, some element matches
///   $every: p         an array that is not empty, all elements match
///   $not: p           p does not match (so null passes most patterns here)
///   $reference: p     "Type/id" or {"reference":"Type/id"}, and p matches
///                     {"resourceType":"Type","id":"id"}
///   $present-all: […] an array, each pattern matches some element
///   $length: n        an array of n elements
///
/// Refused by compile: an empty pattern for the whole request; null, unknown keys of the request,
/// unknown operators and operands that cannot be meant; names of headers, methods and schemes that
/// are not in lower case, as here they always are; more than 32 levels.
class Matcho {
public:
    /// `pattern` is an object over the keys of the request and is not needed afterwards. Or a
    /// sentence for `nginx -t` that begins with the place: `matcho.user.data.$foo: …`.
    static std::expected<Matcho, std::string> compile(const json_t *pattern,
                                                      PatternCompiler compiler, void *context);

    Matcho(const Matcho &) = delete;
    Matcho &operator=(const Matcho &) = delete;
    Matcho(Matcho &&other) noexcept;
    Matcho &operator=(Matcho &&other) noexcept;
    ~Matcho();

    /// True when the request matches. Allocates nothing; work is bounded: it ends after some 100000
    /// steps of 10 ns, and when a regular expression has no answer (see BoundedPattern). What is
    /// not decided by then is neither yes nor no, nor is its `$not`, and the request does not match.
    [[nodiscard]] bool matches(Context &context) const noexcept;

private:
    explicit Matcho(std::unique_ptr<const MatchoProgram> program) noexcept;

    std::unique_ptr<const MatchoProgram> program_;
};

}  // namespace token_introspect::policy
