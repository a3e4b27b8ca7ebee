#include "base/json.hpp"

#include <algorithm>
#include <cstdlib>

namespace token_introspect {

namespace {

/// Deepest nesting of the text. Jansson descends by recursion, up to 2048 levels, before it would
/// complain; it stops at the first error, so that up to there both see the same strings.
std::size_t nesting(std::string_view text) noexcept
{
    std::size_t depth = 0;
    std::size_t deepest = 0;
    bool in_string = false;

    for (std::size_t i = 0; i < text.size(); i++) {
        const char c = text[i];

        if (in_string) {
            if (c == '\\') {
                i++;
            } else if (c == '"') {
                in_string = false;
            }
            continue;
        }

        if (c == '"') {
            in_string = true;

        } else if (c == '{' || c == '[') {
            depth++;
            deepest = depth > deepest ? depth : deepest;

        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }

    return deepest;
}

std::unexpected<Error> parse_failure(const json_error_t &error) noexcept
{
    switch (json_error_code(&error)) {
    case json_error_out_of_memory:
        return fail(Code::kInternal, "no memory for JSON");
    case json_error_duplicate_key:
        return fail(Code::kMalformed, "a JSON member name occurs twice");
    case json_error_numeric_overflow:
        return fail(Code::kMalformed, "a JSON number is out of range");
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return fail(Code::kMalformed, "a JSON string contains NUL");
    case json_error_invalid_utf8:
        return fail(Code::kMalformed, "JSON is not valid UTF-8");
    case json_error_end_of_input_expected:
        return fail(Code::kMalformed, "text follows the JSON value");
    default:
        return fail(Code::kMalformed, "not well-formed JSON");
    }
}

Result<Json> parse(std::string_view text, const JsonLimits &limits, std::size_t flags)
{
    if (text.size() > limits.bytes) {
        return fail(Code::kMalformed, "JSON is too long");
    }
    if (nesting(text) > limits.depth) {
        return fail(Code::kMalformed, "JSON is nested too deeply");
    }
    if (text.empty()) {
        return fail(Code::kMalformed, "JSON is empty");  // Jansson wants a pointer even then
    }
    if (text.find('\0') != std::string_view::npos) {
        // which Jansson skips when it stands behind a number or a literal
        return fail(Code::kMalformed, "JSON contains NUL");
    }

    json_error_t error;
    Json value(json_loadb(text.data(), text.size(), flags | JSON_REJECT_DUPLICATES, &error));

    if (!value) {
        return parse_failure(error);
    }

    return value;
}

struct JsonTextDeleter {
    void operator()(char *text) const noexcept { std::free(text); }
};

Result<std::string> dump(const json_t *value, std::size_t flags)
{
    const std::unique_ptr<char, JsonTextDeleter> text(json_dumps(value, flags | JSON_COMPACT));
    if (!text) {
        return fail(Code::kInternal, "no memory for JSON");
    }
    return std::string(text.get());
}

}  // namespace

Result<Json> parse_json_object(std::string_view text, const JsonLimits &limits)
{
    Result<Json> value = parse(text, limits, 0);

    if (value && !json_is_object(value->get())) {
        return fail(Code::kMalformed, "not a JSON object");
    }

    return value;
}

Result<Json> parse_json(std::string_view text, const JsonLimits &limits)
{
    return parse(text, limits, JSON_DECODE_ANY);
}

std::string_view json_string_member(const json_t *object, const char *name) noexcept
{
    return json_text(json_object_get(object, name));
}

std::string_view json_text(const json_t *value) noexcept
{
    if (!json_is_string(value)) {
        return {};
    }

    return {json_string_value(value), json_string_length(value)};
}

JsonMembers json_members(const json_t *object)
{
    // Jansson's iterators take no const object, but change nothing.
    auto *const source = const_cast<json_t *>(object);
    JsonMembers members;

    members.reserve(json_object_size(object));

    for (void *at = json_object_iter(source); at != nullptr; at = json_object_iter_next(source, at))
    {
        members.emplace_back(json_object_iter_key(at), json_object_iter_value(at));
    }

    return members;
}

std::optional<std::string_view> unknown_json_member(const json_t *object,
                                                    std::span<const std::string_view> known)
{
    for (const auto &[name, value] : json_members(object)) {
        if (std::ranges::find(known, name) == known.end()) {
            return name;
        }
    }

    return std::nullopt;
}

Result<std::string> json_compact(const json_t *value)
{
    return dump(value, 0);
}

Result<std::string> json_sorted(const json_t *value)
{
    return dump(value, JSON_SORT_KEYS);
}

bool json_set_text(json_t *object, const char *name, std::string_view text) noexcept
{
    return json_object_set_new(object, name, json_stringn(text.data(), text.size())) == 0;
}

void seed_json_hash() noexcept
{
    json_object_seed(0);
}

}  // namespace token_introspect
