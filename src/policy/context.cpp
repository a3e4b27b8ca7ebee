#include "policy/context.hpp"

#include "token/claims_writer.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace token_introspect::policy {

using token::ClaimsWriter;
using token::Value;
using token::ValueType;

namespace {

constexpr std::array<std::string_view, kSubjectCount> kNames = {
    "request-method", "scheme", "uri",  "query-string", "remote-addr", "params", "headers", "jwt",
    "token",          "user",   "role", "client",       "session"};

constexpr auto kElsewhere = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"body", "the request's body is not read before access is decided; match uri, params or "
             "headers, and let the upstream look at the body"},
    {"resource", "the resource is in the request's body, which is not read before access is "
                 "decided; match uri, params or headers"},
    {"operation", "a gateway knows no operations; match request-method and uri"},
});

bool is_empty(Value value) noexcept
{
    switch (value.type()) {
    case ValueType::kNull:
        return true;
    case ValueType::kString:
        return value.string().empty();
    case ValueType::kArray:
        for (std::size_t i = 0; i < value.size(); ++i) {
            if (!is_empty(value.at(i))) {
                return false;
            }
        }
        return true;
    case ValueType::kObject:
        for (std::size_t i = 0; i < value.size(); ++i) {
            if (!is_empty(value.value_at(i))) {
                return false;
            }
        }
        return true;
    default:
        return false;
    }
}

void write_without_empty(ClaimsWriter &writer, Value value)
{
    if (value.is_array()) {
        writer.begin_array();
        for (std::size_t i = 0; i < value.size(); ++i) {
            if (const Value element = value.at(i); !is_empty(element)) {
                write_without_empty(writer, element);
            }
        }
        writer.end();
    } else if (value.is_object()) {
        writer.begin_object();
        for (std::size_t i = 0; i < value.size(); ++i) {
            if (const Value member = value.value_at(i); !is_empty(member)) {
                writer.key(value.key_at(i));
                write_without_empty(writer, member);
            }
        }
        writer.end();
    } else {
        writer.value(value);
    }
}

}  // namespace

std::string_view name_of(Subject subject) noexcept
{
    return kNames[std::to_underlying(subject)];
}

std::optional<Subject> subject_from_name(std::string_view name) noexcept
{
    const auto *const found = std::ranges::find(kNames, name);
    return found == kNames.end() ? std::nullopt
                                 : std::optional(static_cast<Subject>(found - kNames.begin()));
}

std::string unknown_subject(std::string_view name)
{
    for (const auto &[key, sentence] : kElsewhere) {
        if (key == name) {
            return std::string(sentence);
        }
    }
    std::string sentence = "unknown key of the request, the keys are ";
    for (const std::string_view known : kNames) {
        sentence += known == kNames.front() ? "" : ", ";
        sentence += known;
    }
    return sentence;
}

Result<std::vector<std::uint8_t>> build_whole(Context &context)
{
    ClaimsWriter writer;
    writer.begin_object();
    for (std::size_t i = 0; i < kSubjectCount; ++i) {
        if (const Value value = context.get(static_cast<Subject>(i)); !is_empty(value)) {
            writer.key(kNames[i]);
            write_without_empty(writer, value);
        }
    }
    writer.end();
    return writer.finish();
}

}  // namespace token_introspect::policy
