#pragma once

#include "base/json.hpp"
#include "policy/matcho_program.hpp"

#include <cstddef>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace token_introspect::policy {

/// Makes one program of one matcho pattern.
class MatchoCompiler {
public:
    MatchoCompiler(PatternCompiler compiler, void *context)
        : compiler_(compiler),
          context_(context),
          program_(std::make_unique<MatchoProgram>())
    {}

    /// As Matcho::compile; once.
    std::expected<std::unique_ptr<const MatchoProgram>, std::string> compile(const json_t *pattern);

private:
    /// What the value is that a pattern is for, as far as it matters.
    enum class Place : std::uint8_t {
        kRequest,    ///< the whole request object
        kHeaders,    ///< the headers, names in lower case
        kLowerText,  ///< a text in lower case
        kReference,  ///< {resourceType, id}
        kAny
    };

    using Operation = void (MatchoCompiler::*)(const json_t *operand, Place place);

    struct OperationTraits {
        std::string_view name;
        Operation compile;
        bool is_for_request;
        bool stands_alone;
    };

    /// Goes one step down in path_, for its lifetime.
    class Step {
    public:
        Step(MatchoCompiler &compiler, std::string_view name);
        Step(MatchoCompiler &compiler, std::size_t index);
        Step(const Step &) = delete;
        Step &operator=(const Step &) = delete;
        ~Step();

    private:
        MatchoCompiler &compiler_;
        std::size_t size_;
    };

    /// A node that is being made: what is made in its lifetime is below it.
    class Node {
    public:
        Node(MatchoCompiler &compiler, MatchoKind kind, std::size_t operand = 0,
             std::size_t length = 0);
        Node(const Node &) = delete;
        Node &operator=(const Node &) = delete;
        ~Node();

    private:
        MatchoProgram &program_;
        std::size_t index_;
    };

    static std::span<const OperationTraits> operations() noexcept;
    static Place place_of(Subject subject) noexcept;

    /// Notes what is wrong at path_. The first fault is the one that is told; what is compiled after
    /// it is of no use and does no harm.
    void fault(std::string_view sentence);

    // Each makes one node with all below it, or notes a fault.
    void pattern(const json_t *pattern, Place place);
    void object(const json_t *object, Place place);
    void operation(std::string_view name, const json_t *operand, Place place);
    void subjects(const JsonMembers &members);
    void members(const JsonMembers &members, Place place);
    void text(std::string_view text, Place place);
    void literal(const json_t *value, Place place);
    void literal_text(std::string_view text, Place place);
    void regular_expression(std::string_view text);

    void operator_enum(const json_t *operand, Place place);
    void operator_one_of(const json_t *operand, Place place);
    void operator_contains(const json_t *operand, Place place);
    void operator_every(const json_t *operand, Place place);
    void operator_not(const json_t *operand, Place place);
    void operator_reference(const json_t *operand, Place place);
    void operator_present_all(const json_t *operand, Place place);
    void operator_length(const json_t *operand, Place place);

    /// A pattern for each item of an array that must not be empty.
    void list(MatchoKind kind, const json_t *items, Place place);
    /// The index of a path, or nothing with a fault.
    std::optional<std::size_t> path(std::string_view text);
    std::size_t store(std::string_view text);

    PatternCompiler compiler_;
    void *context_;
    std::unique_ptr<MatchoProgram> program_;
    std::string path_;
    std::size_t depth_ = 0;
    std::optional<std::string> fault_;
};

}  // namespace token_introspect::policy
