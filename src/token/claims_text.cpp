#include "token/claims.hpp"

#include <charconv>
#include <cmath>

namespace token_introspect::token {

namespace {

constexpr std::string_view kHex = "0123456789abcdef";

void append_escaped(std::string &out, unsigned char byte)
{
    switch (byte) {
    case '"':
        out += "\\\"";
        return;
    case '\\':
        out += "\\\\";
        return;
    case '\b':
        out += "\\b";
        return;
    case '\f':
        out += "\\f";
        return;
    case '\n':
        out += "\\n";
        return;
    case '\r':
        out += "\\r";
        return;
    case '\t':
        out += "\\t";
        return;
    default:
        out += "\\u00";
        out += kHex[byte >> 4];
        out += kHex[byte & 0xf];
    }
}

/// DEL is escaped, too, so that the text can stand in a header.
bool needs_escape(unsigned char byte) noexcept
{
    return byte < 0x20 || byte == 0x7f || byte == '"' || byte == '\\';
}

void append_quoted(std::string &out, std::string_view text)
{
    out += '"';
    std::size_t copied = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (needs_escape(byte)) {
            out.append(text, copied, i - copied);
            append_escaped(out, byte);
            copied = i + 1;
        }
    }
    out.append(text, copied);
    out += '"';
}

std::string_view written(const ScalarBuffer &buffer, std::to_chars_result result) noexcept
{
    return {buffer.data(), static_cast<std::size_t>(result.ptr - buffer.data())};
}

std::string_view shortest(ScalarBuffer &buffer, double real) noexcept
{
    return written(buffer, std::to_chars(buffer.data(), buffer.data() + buffer.size(), real));
}

/// Within these bounds ECMAScript writes no exponent either, and the text fits the buffer.
bool reads_well_in_plain_decimal(double real) noexcept
{
    const double magnitude = std::fabs(real);
    return magnitude == 0 || (magnitude >= 1e-6 && magnitude < 1e21);
}

std::string_view plain(ScalarBuffer &buffer, double real) noexcept
{
    if (!reads_well_in_plain_decimal(real)) {
        return shortest(buffer, real);
    }
    return written(buffer, std::to_chars(buffer.data(), buffer.data() + buffer.size(), real,
                                         std::chars_format::fixed));
}

}  // namespace

std::string_view Value::scalar_text(ScalarBuffer &buffer) const noexcept
{
    switch (type()) {
    case ValueType::kString:
        return string();
    case ValueType::kBoolean:
        return *boolean() ? "true" : "false";
    case ValueType::kInteger:
        return written(buffer,
                       std::to_chars(buffer.data(), buffer.data() + buffer.size(), *integer()));
    case ValueType::kReal:
        return plain(buffer, *real());
    default:
        return {};
    }
}

void Value::append_json(std::string &out) const
{
    if (!present()) {
        return;
    }
    ScalarBuffer buffer;
    switch (type()) {
    case ValueType::kNull:
        out += "null";
        break;
    case ValueType::kBoolean:
    case ValueType::kInteger:
        out += scalar_text(buffer);
        break;
    case ValueType::kReal: {
        const std::string_view text = shortest(buffer, *real());
        out += text;
        if (text.find_first_of(".e") == std::string_view::npos) {
            out += ".0";  // stays a real for whoever parses it
        }
        break;
    }
    case ValueType::kString:
        append_quoted(out, string());
        break;
    case ValueType::kArray:
        out += '[';
        for (std::size_t i = 0; i < size(); ++i) {
            if (i != 0) {
                out += ',';
            }
            at(i).append_json(out);
        }
        out += ']';
        break;
    case ValueType::kObject:
        out += '{';
        for (std::size_t i = 0; i < size(); ++i) {
            if (i != 0) {
                out += ',';
            }
            append_quoted(out, key_at(i));
            out += ':';
            value_at(i).append_json(out);
        }
        out += '}';
        break;
    }
}

void Value::append_text(std::string &out) const
{
    if (is_object()) {
        append_json(out);
        return;
    }
    ScalarBuffer buffer;
    if (!is_array()) {
        out += scalar_text(buffer);
        return;
    }
    for (std::size_t i = 0; i < size(); ++i) {
        if (i != 0) {
            out += ',';
        }
        const Value element = at(i);
        if (element.is_array() || element.is_object()) {
            element.append_json(out);
        } else {
            out += element.scalar_text(buffer);
        }
    }
}

}  // namespace token_introspect::token
