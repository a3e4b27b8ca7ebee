#include "policy/value_order.hpp"

#include <algorithm>

namespace token_introspect::policy {

using token::Value;
using token::ValueType;

namespace {

ValueType kind_of(Value value) noexcept
{
    return value.is_number() ? ValueType::kReal : value.type();
}

std::strong_ordering order_arrays(Value a, Value b) noexcept
{
    const std::size_t common = std::min(a.size(), b.size());
    for (std::size_t i = 0; i < common; ++i) {
        if (const auto result = order(a.at(i), b.at(i)); result != 0) {
            return result;
        }
    }
    return a.size() <=> b.size();
}

std::strong_ordering order_objects(Value a, Value b) noexcept
{
    const std::size_t common = std::min(a.size(), b.size());
    for (std::size_t i = 0; i < common; ++i) {
        if (const auto result = a.key_at(i) <=> b.key_at(i); result != 0) {
            return result;
        }
        if (const auto result = order(a.value_at(i), b.value_at(i)); result != 0) {
            return result;
        }
    }
    return a.size() <=> b.size();
}

}  // namespace

std::strong_ordering order(Value a, Value b) noexcept
{
    if (const auto result = kind_of(a) <=> kind_of(b); result != 0) {
        return result;
    }
    switch (kind_of(a)) {
    case ValueType::kBoolean:
        return *a.boolean() <=> *b.boolean();
    case ValueType::kReal:
        return *a.number() <=> *b.number();
    case ValueType::kString:
        return a.string() <=> b.string();
    case ValueType::kArray:
        return order_arrays(a, b);
    case ValueType::kObject:
        return order_objects(a, b);
    default:
        return std::strong_ordering::equal;
    }
}

}  // namespace token_introspect::policy
