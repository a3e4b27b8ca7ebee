#pragma once

#include "policy/bounded_pattern.hpp"
#include "policy/context.hpp"
#include "token/claim_path.hpp"
#include "token/number.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace token_introspect::policy {

/// What a node of a matcho program asks of its value. A node's children follow it.
enum class MatchoKind : std::uint8_t {
    kRequest,     ///< each child matches its subject; the value is not looked at
    kObject,      ///< each child matches the member of its key
    kItems,       ///< each child matches the element at its place
    kAll,         ///< all children match the value
    kAny,         ///< some child does
    kNot,         ///< the child does not
    kContains,    ///< the child matches some element
    kEvery,       ///< ... all elements, of which there are some
    kPresentAll,  ///< each child matches some element
    kReference,   ///< the child matches what the value refers to
    kLength,      ///< an array of `operand` elements
    kText,        ///< the string `operand`, `length` of the texts
    kNumber,      ///< equal to numbers[operand]
    kBoolean,     ///< `operand` is 0 or 1
    kPresent,
    kNil,
    kNotBlank,
    kPattern,  ///< patterns[operand] is found in the string
    kPath,     ///< equal to what paths[operand] leads to
    kAmong     ///< equal to an element there
};

struct MatchoNode {
    MatchoKind kind;
    Subject subject = Subject::kRequestMethod;  ///< of a child of kRequest
    std::uint32_t end = 0;                      ///< behind the node and all below it
    std::uint32_t key = 0;                      ///< of a child of kObject, in the texts
    std::uint32_t key_length = 0;
    std::uint32_t operand = 0;
    std::uint32_t length = 0;
};

struct MatchoPath {
    Subject subject;
    std::optional<token::ClaimPath> below;
};

/// A compiled pattern: the nodes from the root downwards, and what they refer to.
struct MatchoProgram {
    std::vector<MatchoNode> nodes;
    std::string texts;
    std::vector<token::Number> numbers;
    std::vector<BoundedPattern> patterns;
    std::vector<MatchoPath> paths;

    [[nodiscard]] std::string_view text(std::uint32_t at, std::uint32_t length) const noexcept
    {
        return std::string_view(texts).substr(at, length);
    }
};

}  // namespace token_introspect::policy
