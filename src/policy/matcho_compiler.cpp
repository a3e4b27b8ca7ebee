#include "policy/matcho_compiler.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace token_introspect::policy {

namespace {

constexpr std::size_t kMaxDepth = 32;

std::string quoted(std::string_view text)
{
    return '"' + std::string(text) + '"';
}

bool is_upper(char c) noexcept
{
    return c >= 'A' && c <= 'Z';
}

std::optional<std::string> fault_of_case(std::string_view text)
{
    if (std::ranges::none_of(text, is_upper)) {
        return std::nullopt;
    }
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(), [](char c) {
        return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return quoted(text) + " never occurs, it is in lower case here; write " + quoted(lower);
}

}  // namespace

MatchoCompiler::Step::Step(MatchoCompiler &compiler, std::string_view name)
    : compiler_(compiler),
      size_(compiler.path_.size())
{
    compiler.path_ += '.';
    compiler.path_ += name;
    ++compiler.depth_;
}

MatchoCompiler::Step::Step(MatchoCompiler &compiler, std::size_t index)
    : compiler_(compiler),
      size_(compiler.path_.size())
{
    compiler.path_ += '[' + std::to_string(index) + ']';
    ++compiler.depth_;
}

MatchoCompiler::Step::~Step()
{
    compiler_.path_.resize(size_);
    --compiler_.depth_;
}

MatchoCompiler::Node::Node(MatchoCompiler &compiler, MatchoKind kind, std::size_t operand,
                           std::size_t length)
    : program_(*compiler.program_),
      index_(compiler.program_->nodes.size())
{
    program_.nodes.push_back({.kind = kind,
                              .operand = static_cast<std::uint32_t>(operand),
                              .length = static_cast<std::uint32_t>(length)});
}

MatchoCompiler::Node::~Node()
{
    program_.nodes[index_].end = static_cast<std::uint32_t>(program_.nodes.size());
}

std::span<const MatchoCompiler::OperationTraits> MatchoCompiler::operations() noexcept
{
    static constexpr auto table = std::to_array<OperationTraits>({
        {"$enum", &MatchoCompiler::operator_enum, false, false},
        {"$one-of", &MatchoCompiler::operator_one_of, true, true},
        {"$contains", &MatchoCompiler::operator_contains, false, false},
        {"$every", &MatchoCompiler::operator_every, false, false},
        {"$not", &MatchoCompiler::operator_not, true, false},
        {"$reference", &MatchoCompiler::operator_reference, false, false},
        {"$present-all", &MatchoCompiler::operator_present_all, false, false},
        {"$length", &MatchoCompiler::operator_length, false, false},
    });
    return table;
}

MatchoCompiler::Place MatchoCompiler::place_of(Subject subject) noexcept
{
    switch (subject) {
    case Subject::kRequestMethod:
    case Subject::kScheme:
        return Place::kLowerText;
    case Subject::kHeaders:
        return Place::kHeaders;
    default:
        return Place::kAny;
    }
}

void MatchoCompiler::fault(std::string_view sentence)
{
    if (!fault_) {
        fault_ = path_ + ": " + std::string(sentence);
    }
}

std::expected<std::unique_ptr<const MatchoProgram>, std::string> MatchoCompiler::compile(
    const json_t *pattern)
{
    path_ = "matcho";
    if (json_is_object(pattern) && json_object_size(pattern) == 0) {
        fault("empty, it would match every request; write what must match, or use the engine "
              "allow");
    } else {
        this->pattern(pattern, Place::kRequest);
    }
    if (fault_) {
        return std::unexpected(std::move(*fault_));
    }
    return std::move(program_);
}

void MatchoCompiler::pattern(const json_t *pattern, Place place)
{
    if (fault_) {
        return;
    }
    if (depth_ >= kMaxDepth) {
        fault("more than " + std::to_string(kMaxDepth) + " levels");
        return;
    }
    if (json_is_object(pattern)) {
        object(pattern, place);
    } else if (place == Place::kRequest) {
        fault("must be an object whose keys are those of the request");
    } else if (json_is_array(pattern)) {
        const Node node(*this, MatchoKind::kItems);
        for (std::size_t i = 0; i < json_array_size(pattern); ++i) {
            const Step step(*this, i);
            this->pattern(json_array_get(pattern, i), Place::kAny);
        }
    } else if (json_is_string(pattern)) {
        text(json_text(pattern), place);
    } else if (json_is_null(pattern)) {
        fault("null is no pattern; write \"nil?\" for what must be absent or null");
    } else {
        literal(pattern, place);
    }
}

void MatchoCompiler::object(const json_t *object, Place place)
{
    JsonMembers operators;
    JsonMembers others;
    for (const auto &[key, value] : json_members(object)) {
        (key.starts_with('$') ? operators : others).emplace_back(key, value);
    }
    const bool is_one = operators.size() + (others.empty() ? 0 : 1) == 1;
    std::optional<Node> all;
    if (!is_one && !operators.empty()) {
        all.emplace(*this, MatchoKind::kAll);
    }
    for (const auto &[name, operand] : operators) {
        const Step step(*this, name);
        const auto traits = std::ranges::find(operations(), name, &OperationTraits::name);
        if (traits == operations().end()) {
            std::string sentence = "unknown operator; the operators are ";
            for (const OperationTraits &known : operations()) {
                sentence += &known == operations().data() ? "" : ", ";
                sentence += known.name;
            }
            fault(sentence);
        } else if (traits->stands_alone && !is_one) {
            fault("must be the only key of its object; move the other keys into its patterns");
        } else if (place == Place::kRequest && !traits->is_for_request) {
            fault("the whole request is an object, for which there are $one-of and $not only");
        } else if (!fault_) {
            (this->*traits->compile)(operand, place);
        }
    }
    if (others.empty() && !operators.empty()) {
        return;
    }
    if (place == Place::kRequest) {
        subjects(others);
    } else {
        members(others, place);
    }
}

void MatchoCompiler::subjects(const JsonMembers &members)
{
    std::vector<std::pair<Subject, const json_t *>> children;
    for (const auto &[key, pattern] : members) {
        if (const auto subject = subject_from_name(key)) {
            children.emplace_back(*subject, pattern);
        } else {
            const Step step(*this, key);
            fault(unknown_subject(key));
        }
    }
    // What is cheap to get decides first.
    std::ranges::sort(children, {}, [](const auto &child) { return child.first; });

    const Node node(*this, MatchoKind::kRequest);
    for (const auto &[subject, pattern] : children) {
        const Step step(*this, name_of(subject));
        const std::size_t child = program_->nodes.size();
        this->pattern(pattern, place_of(subject));
        if (fault_) {
            return;
        }
        program_->nodes[child].subject = subject;
    }
}

void MatchoCompiler::members(const JsonMembers &members, Place place)
{
    const Node node(*this, MatchoKind::kObject);
    for (const auto &[key, pattern] : members) {
        const Step step(*this, key);
        if (place == Place::kHeaders) {
            if (const auto wrong = fault_of_case(key)) {
                fault(*wrong);
            }
        } else if (place == Place::kReference && key != "resourceType" && key != "id") {
            fault("a reference has nothing but resourceType and id");
        }
        const std::size_t child = program_->nodes.size();
        this->pattern(pattern, Place::kAny);
        if (fault_) {
            return;
        }
        program_->nodes[child].key = static_cast<std::uint32_t>(store(key));
        program_->nodes[child].key_length = static_cast<std::uint32_t>(key.size());
    }
}

void MatchoCompiler::text(std::string_view text, Place place)
{
    if (text == "present?") {
        const Node node(*this, MatchoKind::kPresent);
    } else if (text == "nil?") {
        const Node node(*this, MatchoKind::kNil);
    } else if (text == "not-blank?") {
        const Node node(*this, MatchoKind::kNotBlank);
    } else if (text.starts_with('#')) {
        regular_expression(text.substr(1));
    } else if (text.starts_with('.')) {
        if (const auto index = path(text)) {
            const Node node(*this, MatchoKind::kPath, *index);
        }
    } else {
        literal_text(text, place);
    }
}

void MatchoCompiler::regular_expression(std::string_view text)
{
    if (text.empty()) {
        fault("\"#\" begins a regular expression, and none follows; a text that begins with # is "
              "written {\"$enum\":[\"#…\"]}");
        return;
    }
    if (compiler_ == nullptr) {
        fault("regular expressions are not built in");
        return;
    }
    auto compiled = BoundedPattern::compile(text, compiler_, context_);
    if (!compiled) {
        fault(quoted(text) + " is no regular expression: " + compiled.error());
        return;
    }
    const Node node(*this, MatchoKind::kPattern, program_->patterns.size());
    program_->patterns.push_back(std::move(*compiled));
}

void MatchoCompiler::literal(const json_t *value, Place place)
{
    if (json_is_string(value)) {
        literal_text(json_text(value), place);
    } else if (json_is_boolean(value)) {
        const Node node(*this, MatchoKind::kBoolean, json_is_true(value) ? 1 : 0);
    } else {
        const Node node(*this, MatchoKind::kNumber, program_->numbers.size());
        program_->numbers.push_back(json_is_integer(value)
                                        ? token::Number(json_integer_value(value))
                                        : token::Number::from_real(json_real_value(value)));
    }
}

void MatchoCompiler::literal_text(std::string_view text, Place place)
{
    if (place == Place::kLowerText) {
        if (const auto wrong = fault_of_case(text)) {
            fault(*wrong);
        }
    }
    const Node node(*this, MatchoKind::kText, store(text), text.size());
}

std::optional<std::size_t> MatchoCompiler::path(std::string_view text)
{
    const auto refuse = [&](std::string_view why) {
        fault(quoted(text) + " is a path into the request: " + std::string(why)
              + "; a text that begins with a dot is written {\"$enum\":[\".…\"]}");
        return std::nullopt;
    };
    const std::string_view name = text.substr(1, text.find('.', 1) - 1);
    const auto subject = subject_from_name(name);
    if (!subject) {
        return refuse(name.empty() ? "its first name is empty" : unknown_subject(name));
    }
    MatchoPath path{.subject = *subject, .below = std::nullopt};
    if (text.size() > name.size() + 1) {
        auto below = token::ClaimPath::parse_dotted(text.substr(name.size() + 2));
        if (!below) {
            return refuse("it has an empty name");
        }
        if (*subject == Subject::kHeaders) {
            if (const auto wrong = fault_of_case(below->text())) {
                return refuse(*wrong);
            }
        }
        path.below = std::move(*below);
    }
    program_->paths.push_back(std::move(path));
    return program_->paths.size() - 1;
}

std::size_t MatchoCompiler::store(std::string_view text)
{
    const std::size_t at = program_->texts.size();
    program_->texts += text;
    return at;
}

void MatchoCompiler::list(MatchoKind kind, const json_t *items, Place place)
{
    if (!json_is_array(items) || json_array_size(items) == 0) {
        fault("takes an array with at least one pattern");
        return;
    }
    const Node node(*this, kind);
    for (std::size_t i = 0; i < json_array_size(items); ++i) {
        const Step step(*this, i);
        pattern(json_array_get(items, i), place);
    }
}

void MatchoCompiler::operator_enum(const json_t *operand, Place place)
{
    if (!json_is_array(operand) || json_array_size(operand) == 0) {
        fault("takes an array of strings, numbers or booleans, at least one");
        return;
    }
    const Node node(*this, MatchoKind::kAny);
    for (std::size_t i = 0; i < json_array_size(operand); ++i) {
        const Step step(*this, i);
        const json_t *const item = json_array_get(operand, i);
        if (!json_is_string(item) && !json_is_number(item) && !json_is_boolean(item)) {
            fault("must be a string, a number or a boolean; use $one-of for patterns");
            return;
        }
        literal(item, place);
    }
}

void MatchoCompiler::operator_one_of(const json_t *operand, Place place)
{
    if (!json_is_string(operand)) {
        list(MatchoKind::kAny, operand, place);
        return;
    }
    if (place == Place::kRequest || !json_text(operand).starts_with('.')) {
        fault(place == Place::kRequest
                  ? "takes an array of patterns for the whole request"
                  : "takes an array of patterns, or a path to an array such as \".jwt.roles\"");
        return;
    }
    if (const auto index = path(json_text(operand))) {
        const Node node(*this, MatchoKind::kAmong, *index);
    }
}

void MatchoCompiler::operator_contains(const json_t *operand, Place /*place*/)
{
    const Node node(*this, MatchoKind::kContains);
    pattern(operand, Place::kAny);
}

void MatchoCompiler::operator_every(const json_t *operand, Place /*place*/)
{
    const Node node(*this, MatchoKind::kEvery);
    pattern(operand, Place::kAny);
}

void MatchoCompiler::operator_not(const json_t *operand, Place place)
{
    const Node node(*this, MatchoKind::kNot);
    pattern(operand, place);
}

void MatchoCompiler::operator_reference(const json_t *operand, Place /*place*/)
{
    const Node node(*this, MatchoKind::kReference);
    pattern(operand, Place::kReference);
}

void MatchoCompiler::operator_present_all(const json_t *operand, Place /*place*/)
{
    list(MatchoKind::kPresentAll, operand, Place::kAny);
}

void MatchoCompiler::operator_length(const json_t *operand, Place /*place*/)
{
    const json_int_t length = json_is_integer(operand) ? json_integer_value(operand) : -1;
    if (length < 0 || length > std::numeric_limits<std::uint32_t>::max()) {
        fault("takes the number of elements, a whole number from 0 on");
        return;
    }
    const Node node(*this, MatchoKind::kLength, static_cast<std::size_t>(length));
}

}  // namespace token_introspect::policy
