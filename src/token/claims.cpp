#include "token/claims.hpp"

#include "token/claims_format.hpp"

#include <cstring>

namespace token_introspect::token {

namespace {

ValueType type_of(const std::uint8_t *node) noexcept
{
    return static_cast<ValueType>(*node & kTypeMask);
}

unsigned small_of(const std::uint8_t *node) noexcept
{
    return static_cast<unsigned>(*node) >> kTypeBits;
}

std::uint64_t load(const std::uint8_t *at, unsigned width) noexcept
{
    std::uint64_t value = 0;
    for (unsigned i = 0; i < width; ++i) {
        value |= std::uint64_t{at[i]} << (8 * i);
    }
    return value;
}

std::string_view load_text(const std::uint8_t *at, std::size_t length) noexcept
{
    return {reinterpret_cast<const char *>(at), length};
}

struct Container {
    std::size_t count;
    unsigned width;
    const std::uint8_t *offsets;
    const std::uint8_t *elements;

    [[nodiscard]] const std::uint8_t *element(std::size_t index) const noexcept
    {
        if (index == 0) {
            return elements;
        }
        // Most are small.
        return elements
               + (width == 1 ? offsets[index - 1] : load(offsets + (index - 1) * width, width));
    }
};

Container container_at(const std::uint8_t *node) noexcept
{
    const unsigned small = small_of(node);
    const unsigned width = 1U << (small & ((1U << kWidthBits) - 1));
    std::size_t count = small >> kWidthBits;
    const std::uint8_t *at = node + 1;
    if (count == kManyElements) {
        count = load_varint(at);
    }
    return {count, width, at, count == 0 ? at : at + (count - 1) * width};
}

struct Member {
    std::string_view key;
    const std::uint8_t *node;
};

Member member_at(const std::uint8_t *at) noexcept
{
    const std::size_t length = load_varint(at);
    return {load_text(at, length), at + length};
}

/// As a.compare(b). Mostly the first byte decides, and that without a call.
int compare_keys(std::string_view a, std::string_view b) noexcept
{
    if (!a.empty() && !b.empty() && a.front() != b.front()) {
        return static_cast<unsigned char>(a.front()) - static_cast<unsigned char>(b.front());
    }
    return a.compare(b);
}

}  // namespace

ValueType Value::type() const noexcept
{
    return present() ? type_of(node_) : ValueType::kNull;
}

bool Value::is_string() const noexcept
{
    return type() == ValueType::kString;
}

bool Value::is_number() const noexcept
{
    return type() == ValueType::kInteger || type() == ValueType::kReal;
}

bool Value::is_array() const noexcept
{
    return type() == ValueType::kArray;
}

bool Value::is_object() const noexcept
{
    return type() == ValueType::kObject;
}

std::string_view Value::string() const noexcept
{
    if (!is_string()) {
        return {};
    }
    std::size_t length = small_of(node_);
    const std::uint8_t *at = node_ + 1;
    if (length == kLong) {
        length = load_varint(at);
    }
    return load_text(at, length);
}

std::optional<bool> Value::boolean() const noexcept
{
    if (type() != ValueType::kBoolean) {
        return std::nullopt;
    }
    return small_of(node_) != 0;
}

std::optional<std::int64_t> Value::integer() const noexcept
{
    if (type() != ValueType::kInteger) {
        return std::nullopt;
    }
    const unsigned width = small_of(node_);
    if (width == 0) {
        return 0;
    }
    const unsigned unused = 64 - 8 * width;
    const std::uint64_t bits = load(node_ + 1, width) << unused;
    return static_cast<std::int64_t>(bits) >> unused;
}

std::optional<double> Value::real() const noexcept
{
    if (type() == ValueType::kReal) {
        double real = 0;
        std::memcpy(&real, node_ + 1, sizeof real);
        return real;
    }
    const auto whole = integer();
    return whole ? std::optional(static_cast<double>(*whole)) : std::nullopt;
}

std::optional<Number> Value::number() const noexcept
{
    if (type() == ValueType::kReal) {
        return Number::from_real(*real());
    }
    const auto whole = integer();
    return whole ? std::optional<Number>(*whole) : std::nullopt;
}

std::size_t Value::size() const noexcept
{
    return is_array() || is_object() ? container_at(node_).count : 0;
}

Value Value::at(std::size_t index) const noexcept
{
    if (!is_array()) {
        return {};
    }
    const Container array = container_at(node_);
    return index < array.count ? Value(array.element(index)) : Value();
}

Value Value::find(std::string_view key) const noexcept
{
    if (!is_object()) {
        return {};
    }
    const Container object = container_at(node_);
    std::size_t low = 0;
    std::size_t high = object.count;
    while (low < high) {
        const std::size_t middle = low + (high - low) / 2;
        const Member member = member_at(object.element(middle));
        const int order = compare_keys(member.key, key);
        if (order == 0) {
            return Value(member.node);
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return {};
}

std::string_view Value::key_at(std::size_t index) const noexcept
{
    if (!is_object()) {
        return {};
    }
    const Container object = container_at(node_);
    return index < object.count ? member_at(object.element(index)).key : std::string_view();
}

Value Value::value_at(std::size_t index) const noexcept
{
    if (!is_object()) {
        return {};
    }
    const Container object = container_at(node_);
    return index < object.count ? Value(member_at(object.element(index)).node) : Value();
}

Bytes Value::image() const noexcept
{
    if (!present()) {
        return {};
    }
    // What is last in an image is the last element of the last element, and so on.
    const std::uint8_t *node = node_;
    for (;;) {
        const ValueType type = type_of(node);
        const std::uint8_t *end = node + 1;
        if (type == ValueType::kArray || type == ValueType::kObject) {
            const Container container = container_at(node);
            if (container.count != 0) {
                node = container.element(container.count - 1);
                node = type == ValueType::kObject ? member_at(node).node : node;
                continue;
            }
            end = container.elements;
        } else if (type == ValueType::kString) {
            const std::string_view text = Value(node).string();
            end = reinterpret_cast<const std::uint8_t *>(text.data()) + text.size();
        } else if (type == ValueType::kInteger) {
            end += small_of(node);
        } else if (type == ValueType::kReal) {
            end += sizeof(double);
        }
        return {node_, end};
    }
}

bool equal(Value a, Value b) noexcept
{
    if (!a.present() || !b.present()) {
        return false;
    }
    if (a.is_number() && b.is_number()) {
        return *a.number() == *b.number();
    }
    if (a.type() != b.type() || a.size() != b.size()) {
        return false;
    }
    switch (a.type()) {
    case ValueType::kArray:
        for (std::size_t i = 0; i < a.size(); ++i) {
            if (!equal(a.at(i), b.at(i))) {
                return false;
            }
        }
        return true;
    case ValueType::kObject:
        for (std::size_t i = 0; i < a.size(); ++i) {
            if (a.key_at(i) != b.key_at(i) || !equal(a.value_at(i), b.value_at(i))) {
                return false;
            }
        }
        return true;
    case ValueType::kString:
        return a.string() == b.string();
    case ValueType::kBoolean:
        return a.boolean() == b.boolean();
    default:
        return true;
    }
}

Value ClaimsView::root() const noexcept
{
    return image_.empty() ? Value() : Value(image_.data());
}

}  // namespace token_introspect::token
