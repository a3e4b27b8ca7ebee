#include "policy/matcho.hpp"

#include "policy/matcho_compiler.hpp"
#include "policy/matcho_program.hpp"
#include "policy/reference.hpp"

#include <algorithm>

namespace token_introspect::policy {

using token::Value;
using token::ValueType;

namespace {

constexpr std::uint32_t kMaxSteps = 100'000;
constexpr std::size_t kPathSteps = 4;

/// In this order the lesser of two is their "and", the greater their "or".
enum class Match : std::uint8_t { kNo, kUndecided, kYes };

constexpr Match match_if(bool condition) noexcept
{
    return condition ? Match::kYes : Match::kNo;
}

bool is_null(Value value) noexcept
{
    return value.type() == ValueType::kNull;
}

bool is_blank(std::string_view text) noexcept
{
    return std::ranges::all_of(as_bytes(text), [](std::uint8_t byte) { return byte <= ' '; });
}

class Evaluation {
public:
    Evaluation(const MatchoProgram &program, Context &context) noexcept
        : program_(program),
          context_(context)
    {}

    Match match(std::uint32_t index, Value value) noexcept
    {
        if (!spend(1)) {
            return Match::kUndecided;
        }
        const MatchoNode &node = program_.nodes[index];
        switch (node.kind) {
        case MatchoKind::kRequest:
            return all(index, [&](const MatchoNode &child, std::size_t) {
                return context_.get(child.subject);
            });
        case MatchoKind::kObject:
            if (!value.is_object()) {
                return Match::kNo;
            }
            return all(index, [&](const MatchoNode &child, std::size_t) {
                return value.find(program_.text(child.key, child.key_length));
            });
        case MatchoKind::kItems:
            if (!value.is_array()) {
                return Match::kNo;
            }
            return all(index,
                       [&](const MatchoNode &, std::size_t place) { return value.at(place); });
        case MatchoKind::kAll:
            return all(index, [&](const MatchoNode &, std::size_t) { return value; });
        case MatchoKind::kAny:
            return any(index, value);
        case MatchoKind::kNot:
            return negated(match(index + 1, value));
        case MatchoKind::kContains:
            return some_element(index + 1, value);
        case MatchoKind::kEvery:
            return every_element(index + 1, value);
        case MatchoKind::kPresentAll:
            return present_all(index, value);
        case MatchoKind::kReference:
            return reference(index + 1, value);
        case MatchoKind::kLength:
            return match_if(value.is_array() && value.size() == node.operand);
        case MatchoKind::kText:
            return match_if(value.is_string()
                            && value.string() == program_.text(node.operand, node.length));
        case MatchoKind::kNumber:
            return match_if(value.is_number() && *value.number() == program_.numbers[node.operand]);
        case MatchoKind::kBoolean:
            return match_if(value.boolean() == (node.operand != 0));
        case MatchoKind::kPresent:
            return match_if(!is_null(value));
        case MatchoKind::kNil:
            return match_if(is_null(value));
        case MatchoKind::kNotBlank:
            return match_if(value.is_string() && !is_blank(value.string()));
        case MatchoKind::kPattern:
            return found(program_.patterns[node.operand], value);
        case MatchoKind::kPath:
            return spend(kPathSteps) ? same(value, resolve(program_.paths[node.operand]))
                                     : Match::kUndecided;
        case MatchoKind::kAmong:
            return spend(kPathSteps) ? among(value, resolve(program_.paths[node.operand]))
                                     : Match::kUndecided;
        }
        return Match::kUndecided;
    }

private:
    static Match negated(Match match) noexcept
    {
        return match == Match::kUndecided ? match : match_if(match == Match::kNo);
    }

    /// False when there are no more; then whoever loops over what a request brought has to stop.
    bool spend(std::size_t steps) noexcept
    {
        steps_ -= static_cast<std::uint32_t>(std::min<std::size_t>(steps, steps_));
        return steps_ != 0;
    }

    template <class ValueOf> Match all(std::uint32_t index, ValueOf value_of) noexcept
    {
        Match result = Match::kYes;
        std::size_t place = 0;
        for (std::uint32_t child = index + 1;
             child < program_.nodes[index].end && result != Match::kNo;
             child = program_.nodes[child].end)
        {
            result = std::min(result, match(child, value_of(program_.nodes[child], place++)));
        }
        return result;
    }

    Match any(std::uint32_t index, Value value) noexcept
    {
        Match result = Match::kNo;
        for (std::uint32_t child = index + 1;
             child < program_.nodes[index].end && result != Match::kYes;
             child = program_.nodes[child].end)
        {
            result = std::max(result, match(child, value));
        }
        return result;
    }

    Match some_element(std::uint32_t child, Value array) noexcept
    {
        Match result = Match::kNo;
        const std::size_t size = array.is_array() ? array.size() : 0;
        for (std::size_t i = 0; i < size && result != Match::kYes && steps_ != 0; ++i) {
            result = std::max(result, match(child, array.at(i)));
        }
        return steps_ != 0 ? result : std::max(result, Match::kUndecided);
    }

    Match every_element(std::uint32_t child, Value array) noexcept
    {
        const std::size_t size = array.is_array() ? array.size() : 0;
        Match result = match_if(size != 0);
        for (std::size_t i = 0; i < size && result != Match::kNo && steps_ != 0; ++i) {
            result = std::min(result, match(child, array.at(i)));
        }
        return steps_ != 0 ? result : std::min(result, Match::kUndecided);
    }

    Match present_all(std::uint32_t index, Value array) noexcept
    {
        Match result = match_if(array.is_array());
        for (std::uint32_t child = index + 1;
             child < program_.nodes[index].end && result != Match::kNo;
             child = program_.nodes[child].end)
        {
            result = std::min(result, some_element(child, array));
        }
        return result;
    }

    Match reference(std::uint32_t child, Value value) noexcept
    {
        const Value text = value.is_object() ? value.find("reference") : value;
        const auto parsed = reference_from(text.string());
        if (!parsed) {
            return Match::kNo;
        }
        const ReferenceImage image(*parsed);
        return image.value().present() ? match(child, image.value()) : Match::kUndecided;
    }

    Match found(const BoundedPattern &pattern, Value value) noexcept
    {
        if (!value.is_string()) {
            return Match::kNo;
        }
        const auto result = pattern.search(value.string(), steps_);
        if (!result) {
            steps_ = 0;  // a second one might cost as much
            return Match::kUndecided;
        }
        return match_if(*result);
    }

    [[nodiscard]] Value resolve(const MatchoPath &path) noexcept
    {
        const Value value = context_.get(path.subject);
        return path.below ? path.below->find(value) : value;
    }

    Match same(Value a, Value b) noexcept
    {
        if (is_null(a) || is_null(b)) {
            return match_if(is_null(a) && is_null(b));
        }
        const bool is_deep = a.is_array() || a.is_object();
        if (is_deep && !spend(a.image().size() / 2)) {
            return Match::kUndecided;
        }
        return match_if(equal(a, b));
    }

    Match among(Value value, Value array) noexcept
    {
        const std::size_t size = array.is_array() && !is_null(value) ? array.size() : 0;
        Match result = Match::kNo;
        for (std::size_t i = 0; i < size && result != Match::kYes; ++i) {
            if (!spend(1)) {
                return Match::kUndecided;
            }
            result = std::max(result, same(value, array.at(i)));
        }
        return result;
    }

    const MatchoProgram &program_;
    Context &context_;
    std::uint32_t steps_ = kMaxSteps;
};

}  // namespace

Matcho::Matcho(std::unique_ptr<const MatchoProgram> program) noexcept : program_(std::move(program))
{}

Matcho::Matcho(Matcho &&other) noexcept = default;
Matcho &Matcho::operator=(Matcho &&other) noexcept = default;
Matcho::~Matcho() = default;

std::expected<Matcho, std::string> Matcho::compile(const json_t *pattern, PatternCompiler compiler,
                                                   void *context)
{
    auto program = MatchoCompiler(compiler, context).compile(pattern);
    if (!program) {
        return std::unexpected(std::move(program.error()));
    }
    return Matcho(std::move(*program));
}

bool Matcho::matches(Context &context) const noexcept
{
    return program_ && Evaluation(*program_, context).match(0, Value()) == Match::kYes;
}

}  // namespace token_introspect::policy
