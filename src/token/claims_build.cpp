#include "token/claims.hpp"
#include "token/claims_format.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace token_introspect::token {

namespace {

constexpr std::size_t kMaxImage = std::size_t{1} << 31;

using Image = std::vector<std::uint8_t>;

void store_varint(Image &out, std::size_t value)
{
    for (; value > 0x7f; value >>= 7) {
        out.push_back(static_cast<std::uint8_t>(value | 0x80));
    }
    out.push_back(static_cast<std::uint8_t>(value));
}

void store_text(Image &out, std::string_view text)
{
    const Bytes bytes = as_bytes(text);
    out.insert(out.end(), bytes.begin(), bytes.end());
}

void store_tag(Image &out, ValueType type, std::size_t small)
{
    out.push_back(static_cast<std::uint8_t>(std::to_underlying(type) | small << kTypeBits));
}

void store_integer(Image &out, std::int64_t integer)
{
    // The magnitude without its sign's repetition, and one bit for the sign.
    const auto folded = static_cast<std::uint64_t>(integer < 0 ? ~integer : integer);
    const unsigned bits = integer == 0 ? 0 : static_cast<unsigned>(std::bit_width(folded)) + 1;
    const unsigned width = (bits + 7) / 8;
    store_tag(out, ValueType::kInteger, width);
    for (unsigned i = 0; i < width; ++i) {
        out.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(integer) >> (8 * i)));
    }
}

void store_real(Image &out, double real)
{
    store_tag(out, ValueType::kReal, 0);
    const std::size_t at = out.size();
    out.resize(at + sizeof real);
    std::memcpy(out.data() + at, &real, sizeof real);
}

void store_string(Image &out, std::string_view text)
{
    store_tag(out, ValueType::kString, std::min(text.size(), kLong));
    if (text.size() >= kLong) {
        store_varint(out, text.size());
    }
    store_text(out, text);
}

/// Puts tag and offsets before the elements, which begin at `begin`.
void store_head(Image &out, ValueType type, std::size_t begin,
                const std::vector<std::size_t> &offsets)
{
    const std::size_t last = offsets.empty() ? 0 : offsets.back();
    const unsigned code = last <= 0xff ? 0 : last <= 0xffff ? 1 : 2;
    const unsigned width = 1U << code;
    const std::size_t count = std::min(offsets.size(), kManyElements);

    Image head;
    head.reserve(8 + offsets.size() * width);
    store_tag(head, type, count << kWidthBits | code);
    if (count == kManyElements) {
        store_varint(head, offsets.size());
    }
    for (std::size_t i = 1; i < offsets.size(); ++i) {
        for (unsigned byte = 0; byte < width; ++byte) {
            head.push_back(static_cast<std::uint8_t>(offsets[i] >> (8 * byte)));
        }
    }
    out.insert(out.begin() + static_cast<std::ptrdiff_t>(begin), head.begin(), head.end());
}

bool store(Image &out, const json_t *value);

bool store_array(Image &out, const json_t *array)
{
    const std::size_t begin = out.size();
    const std::size_t count = json_array_size(array);
    std::vector<std::size_t> offsets;
    offsets.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        offsets.push_back(out.size() - begin);
        if (!store(out, json_array_get(array, i))) {
            return false;
        }
    }
    store_head(out, ValueType::kArray, begin, offsets);
    return out.size() <= kMaxImage;
}

bool store_object(Image &out, const json_t *object)
{
    // Jansson's iterators take no const object, but change nothing.
    auto *const source = const_cast<json_t *>(object);
    std::vector<std::pair<std::string_view, const json_t *>> members;
    members.reserve(json_object_size(object));
    for (void *at = json_object_iter(source); at != nullptr; at = json_object_iter_next(source, at))
    {
        members.emplace_back(json_object_iter_key(at), json_object_iter_value(at));
    }
    std::ranges::sort(members, {}, [](const auto &member) { return member.first; });

    const std::size_t begin = out.size();
    std::vector<std::size_t> offsets;
    offsets.reserve(members.size());
    for (const auto &[key, value] : members) {
        offsets.push_back(out.size() - begin);
        store_varint(out, key.size());
        store_text(out, key);
        if (!store(out, value)) {
            return false;
        }
    }
    store_head(out, ValueType::kObject, begin, offsets);
    return out.size() <= kMaxImage;
}

bool store(Image &out, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return store_object(out, value);
    case JSON_ARRAY:
        return store_array(out, value);
    case JSON_STRING:
        store_string(out, {json_string_value(value), json_string_length(value)});
        break;
    case JSON_INTEGER:
        store_integer(out, json_integer_value(value));
        break;
    case JSON_REAL:
        store_real(out, json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        store_tag(out, ValueType::kBoolean, json_is_true(value) ? 1 : 0);
        break;
    case JSON_NULL:
        store_tag(out, ValueType::kNull, 0);
        break;
    }
    return out.size() <= kMaxImage;
}

}  // namespace

Result<std::vector<std::uint8_t>> build_claims(const json_t *object)
{
    if (!json_is_object(object)) {
        return fail(Code::kMalformed, "claims are no JSON object");
    }
    Image image;
    if (!store(image, object)) {
        return fail(Code::kMalformed, "claims are too large");
    }
    image.shrink_to_fit();
    return image;
}

}  // namespace token_introspect::token
