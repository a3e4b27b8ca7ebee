#include "token/claims.hpp"
#include "token/claims_writer.hpp"

#include <algorithm>

namespace token_introspect::token {

namespace {

void write(ClaimsWriter &writer, const json_t *value);

void write_object(ClaimsWriter &writer, const json_t *object)
{
    JsonMembers members = json_members(object);
    // Sorted here, where it moves pointers, and not by the writer, where it moves bytes.
    std::ranges::sort(members, {}, [](const auto &member) { return member.first; });

    writer.begin_object();
    for (const auto &[key, value] : members) {
        writer.key(key);
        write(writer, value);
    }
    writer.end_in_order();
}

void write(ClaimsWriter &writer, const json_t *value)
{
    if (writer.failed()) {
        return;
    }
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        write_object(writer, value);
        break;
    case JSON_ARRAY:
        writer.begin_array();
        for (std::size_t i = 0; i < json_array_size(value); ++i) {
            write(writer, json_array_get(value, i));
        }
        writer.end();
        break;
    case JSON_STRING:
        writer.string(json_text(value));
        break;
    case JSON_INTEGER:
        writer.integer(json_integer_value(value));
        break;
    case JSON_REAL:
        writer.real(json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        writer.boolean(json_is_true(value));
        break;
    case JSON_NULL:
        writer.null();
        break;
    }
}

}  // namespace

Result<std::vector<std::uint8_t>> build_claims(const json_t *object)
{
    if (!json_is_object(object)) {
        return fail(Code::kMalformed, "claims are no JSON object");
    }
    ClaimsWriter writer;
    write(writer, object);
    return writer.finish();
}

}  // namespace token_introspect::token
