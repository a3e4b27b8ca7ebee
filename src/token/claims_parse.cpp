#include "token/claims_parse.hpp"

#include "token/claims_writer.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#define SIMDJSON_EXCEPTIONS 0
#include <simdjson.h>

namespace token_introspect::token {

namespace {

namespace dom = simdjson::dom;

// simdjson takes less than 1024 levels.
constexpr std::size_t kDeepest = 1000;
// Longer texts are rare: what they need is not kept.
constexpr std::size_t kLongestKept = 16384;

struct Member {
    std::uint64_t prefix;  // of the key, so that comparing needs no look at its bytes as a rule
    std::string_view key;
    dom::element value;

    friend bool operator<(const Member &a, const Member &b) noexcept
    {
        return a.prefix != b.prefix ? a.prefix < b.prefix : a.key < b.key;
    }
};

// The first eight bytes, filled up with zeros, as a number that is ordered as the bytes are.
std::uint64_t prefix_of(std::string_view key) noexcept
{
    std::array<std::uint8_t, 8> bytes{};
    std::memcpy(bytes.data(), key.data(), std::min(key.size(), bytes.size()));
    std::uint64_t prefix = 0;
    for (const std::uint8_t byte : bytes) {
        prefix = prefix << 8 | byte;
    }
    return prefix;
}

constexpr Error malformed(std::string_view text) noexcept
{
    return {Code::kMalformed, text};
}

// What simdjson found well-formed, judged by the rules that go beyond the grammar, and written.
class Walk {
public:
    Walk(ClaimsWriter &writer, std::vector<Member> &members, std::size_t deepest,
         bool has_escapes) noexcept
        : writer_(writer),
          members_(members),
          deepest_(deepest),
          has_escapes_(has_escapes)
    {}

    bool object(dom::object object, std::size_t depth);
    [[nodiscard]] const Error &error() const noexcept { return error_; }

private:
    bool refuse(std::string_view text) noexcept
    {
        error_ = malformed(text);
        return false;
    }
    bool is_text(std::string_view text) noexcept;
    bool array(dom::array array, std::size_t depth);
    bool value(dom::element element, std::size_t depth);

    ClaimsWriter &writer_;
    std::vector<Member> &members_;  // of all open objects
    std::size_t deepest_;
    bool has_escapes_;
    Error error_{};
};

bool Walk::is_text(std::string_view text) noexcept
{
    // only an escape can stand for NUL
    return !has_escapes_ || text.find('\0') == std::string_view::npos
           || refuse("a JSON string contains NUL");
}

bool Walk::object(dom::object object, std::size_t depth)
{
    if (depth > deepest_) {
        return refuse("JSON is nested too deeply");
    }
    const std::size_t first = members_.size();
    for (const dom::key_value_pair member : object) {
        members_.push_back({prefix_of(member.key), member.key, member.value});
    }
    const std::size_t end = members_.size();
    // Sorted here, where it moves views, and not by the writer, where it moves bytes.
    std::sort(members_.begin() + static_cast<std::ptrdiff_t>(first), members_.end());

    writer_.begin_object();
    for (std::size_t i = first; i < end; ++i) {
        const Member member = members_[i];  // the vector grows below
        if (i != first && members_[i - 1].prefix == member.prefix
            && members_[i - 1].key == member.key)
        {
            return refuse("a JSON member name occurs twice");
        }
        if (!is_text(member.key)) {
            return false;
        }
        writer_.key(member.key);
        if (!value(member.value, depth + 1)) {
            return false;
        }
    }
    writer_.end_in_order();
    members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(first), members_.end());
    return true;
}

bool Walk::array(dom::array array, std::size_t depth)
{
    if (depth > deepest_) {
        return refuse("JSON is nested too deeply");
    }
    writer_.begin_array();
    for (const dom::element element : array) {
        if (!value(element, depth + 1)) {
            return false;
        }
    }
    writer_.end();
    return true;
}

bool Walk::value(dom::element element, std::size_t depth)
{
    switch (element.type()) {
    case dom::element_type::OBJECT:
        return object(element.get_object().value_unsafe(), depth);
    case dom::element_type::ARRAY:
        return array(element.get_array().value_unsafe(), depth);
    case dom::element_type::STRING: {
        const std::string_view text = element.get_string().value_unsafe();
        writer_.string(text);
        return is_text(text);
    }
    case dom::element_type::INT64:
        writer_.integer(element.get_int64().value_unsafe());
        return true;
    case dom::element_type::DOUBLE:
        writer_.real(element.get_double().value_unsafe());
        return true;
    case dom::element_type::BOOL:
        writer_.boolean(element.get_bool().value_unsafe());
        return true;
    case dom::element_type::NULL_VALUE:
        writer_.null();
        return true;
    case dom::element_type::UINT64:
        break;  // beyond 2^63
    }
    return refuse("a JSON number is out of range");
}

Error parse_failure(simdjson::error_code code) noexcept
{
    switch (code) {
    case simdjson::MEMALLOC:
    case simdjson::UNSUPPORTED_ARCHITECTURE:
        return {Code::kInternal, "no memory for JSON"};
    case simdjson::NUMBER_ERROR:
        return malformed("a JSON number is malformed or out of range");
    case simdjson::UTF8_ERROR:
        return malformed("JSON is not valid UTF-8");
    case simdjson::EMPTY:
        return malformed("JSON is empty");
    default:
        return malformed("not well-formed JSON");
    }
}

}  // namespace

struct ClaimsParser::Buffers {
    std::vector<char> text;  // and the bytes that simdjson may read behind it
    std::vector<Member> members;
    ClaimsWriter writer;
    dom::parser parser;

    Result<std::vector<std::uint8_t>> parse(std::string_view source, const JsonLimits &limits);
};

Result<std::vector<std::uint8_t>> ClaimsParser::Buffers::parse(std::string_view source,
                                                               const JsonLimits &limits)
{
    if (text.size() < source.size() + simdjson::SIMDJSON_PADDING) {
        text.resize(source.size() + simdjson::SIMDJSON_PADDING);
    }
    std::memcpy(text.data(), source.data(), source.size());

    dom::element root;
    if (const auto code = parser.parse(text.data(), source.size(), false).get(root)) {
        return std::unexpected(parse_failure(code));
    }
    dom::object object;
    if (root.get_object().get(object)) {
        return std::unexpected(malformed("not a JSON object"));
    }
    // whatever ended the last one
    members.clear();
    writer.clear();
    writer.reserve(source.size());
    const bool has_escapes = source.find('\\') != std::string_view::npos;
    Walk walk(writer, members, std::min(limits.depth, kDeepest), has_escapes);
    if (!walk.object(object, 1)) {
        return std::unexpected(walk.error());
    }
    return writer.finish();
}

ClaimsParser::ClaimsParser() : buffers_(std::make_unique<Buffers>()) {}
ClaimsParser::~ClaimsParser() = default;
ClaimsParser::ClaimsParser(ClaimsParser &&) noexcept = default;
ClaimsParser &ClaimsParser::operator=(ClaimsParser &&) noexcept = default;

Result<std::vector<std::uint8_t>> ClaimsParser::parse(std::string_view text,
                                                      const JsonLimits &limits)
{
    if (text.size() > limits.bytes) {
        return fail(Code::kMalformed, "JSON is too long");
    }
    if (text.empty()) {
        return fail(Code::kMalformed, "JSON is empty");
    }
    if (text.size() > kLongestKept) {
        return Buffers().parse(text, limits);
    }
    return buffers_->parse(text, limits);
}

}  // namespace token_introspect::token
