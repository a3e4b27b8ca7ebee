#include "token/claims_writer.hpp"

#include "token/claims_format.hpp"

#include <algorithm>
#include <bit>
#include <span>
#include <utility>

namespace token_introspect::token {

namespace {

constexpr std::size_t kMaxImage = std::size_t{1} << 31;

struct Member {
    std::string_view key;
    Bytes bytes;  // key and value
};

Member member_of(Bytes element) noexcept
{
    const std::uint8_t *at = element.data();
    const std::size_t length = load_varint(at);
    return {{reinterpret_cast<const char *>(at), length}, element};
}

}  // namespace

void ClaimsWriter::append(Bytes bytes)
{
    if (bytes.size() > kMaxImage - std::min(image_.size(), kMaxImage)) {
        too_large_ = true;
        return;
    }
    // of pointers it is one memcpy
    image_.insert(image_.end(), bytes.data(), bytes.data() + bytes.size());
}

bool ClaimsWriter::place()
{
    if (failed()) {
        return false;
    }
    if (open_.empty()) {
        misused_ = !image_.empty();
        return !misused_;
    }
    Frame &frame = open_.back();
    if (frame.type == ValueType::kArray) {
        offsets_.push_back(image_.size() - frame.begin);
        return true;
    }
    misused_ = !frame.has_key;
    frame.has_key = false;
    return !misused_;
}

void ClaimsWriter::key(std::string_view name)
{
    if (failed()) {
        return;
    }
    if (open_.empty() || open_.back().type != ValueType::kObject || open_.back().has_key) {
        misused_ = true;
        return;
    }
    open_.back().has_key = true;
    offsets_.push_back(image_.size() - open_.back().begin);
    store_varint(image_, name.size());
    append(as_bytes(name));
}

void ClaimsWriter::null()
{
    if (place()) {
        store_tag(image_, ValueType::kNull, 0);
    }
}

void ClaimsWriter::boolean(bool value)
{
    if (place()) {
        store_tag(image_, ValueType::kBoolean, value ? 1 : 0);
    }
}

void ClaimsWriter::integer(std::int64_t value)
{
    if (!place()) {
        return;
    }
    // The magnitude without its sign's repetition, and one bit for the sign.
    const auto folded = static_cast<std::uint64_t>(value < 0 ? ~value : value);
    const unsigned bits = value == 0 ? 0 : static_cast<unsigned>(std::bit_width(folded)) + 1;
    const unsigned width = (bits + 7) / 8;
    store_tag(image_, ValueType::kInteger, width);
    for (unsigned i = 0; i < width; ++i) {
        image_.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> (8 * i)));
    }
}

void ClaimsWriter::real(double value)
{
    if (place()) {
        store_tag(image_, ValueType::kReal, 0);
        append(std::bit_cast<std::array<std::uint8_t, sizeof value>>(value));
    }
}

void ClaimsWriter::string(std::string_view text)
{
    if (place()) {
        store_string_head(image_, text.size());
        append(as_bytes(text));
    }
}

void ClaimsWriter::value(Value value)
{
    if (!value.present()) {
        null();
    } else if (place()) {
        append(value.image());
    }
}

void ClaimsWriter::begin(ValueType type)
{
    // Small claims then need one allocation of each.
    if (image_.capacity() == 0) {
        image_.reserve(512);
    }
    if (open_.capacity() == 0) {
        open_.reserve(8);
        offsets_.reserve(32);
    }
    if (place()) {
        open_.push_back({type, false, image_.size(), offsets_.size()});
    }
}

void ClaimsWriter::sort_members(const Frame &frame)
{
    const std::span offsets = std::span(offsets_).subspan(frame.first_offset);
    const Bytes elements = Bytes(image_).subspan(frame.begin);
    const auto member = [&](std::size_t i) {
        const std::size_t end = i + 1 < offsets.size() ? offsets[i + 1] : elements.size();
        return member_of(elements.subspan(offsets[i], end - offsets[i]));
    };

    bool sorted = true;
    std::string_view last;
    for (std::size_t i = 0; i < offsets.size() && sorted; ++i) {
        const std::string_view key = member(i).key;
        sorted = i == 0 || last < key;
        last = key;
    }
    if (sorted) {
        return;
    }

    std::vector<Member> members;
    members.reserve(offsets.size());
    for (std::size_t i = 0; i < offsets.size(); ++i) {
        members.push_back(member(i));
    }
    std::ranges::sort(members, [](const Member &a, const Member &b) {
        return std::pair(a.key, a.bytes.data()) < std::pair(b.key, b.bytes.data());
    });

    std::vector<std::uint8_t> ordered;
    ordered.reserve(elements.size());
    offsets_.resize(frame.first_offset);
    for (std::size_t i = 0; i < members.size(); ++i) {
        if (i + 1 < members.size() && members[i + 1].key == members[i].key) {
            continue;
        }
        offsets_.push_back(ordered.size());
        ordered.insert(ordered.end(), members[i].bytes.begin(), members[i].bytes.end());
    }
    image_.resize(frame.begin);
    append(ordered);
}

void ClaimsWriter::close(bool in_order)
{
    if (failed()) {
        return;
    }
    if (open_.empty() || open_.back().has_key) {
        misused_ = true;
        return;
    }
    const Frame frame = open_.back();
    open_.pop_back();
    if (frame.type == ValueType::kObject && !in_order) {
        sort_members(frame);
    }

    const std::span offsets = std::span(offsets_).subspan(frame.first_offset);
    const std::size_t last = offsets.empty() ? 0 : offsets.back();
    NodeHead head;
    store_container_head(head, frame.type, offsets.size(), last);
    const unsigned width = 1U << width_code(last);
    const std::size_t behind_first = offsets.empty() ? 0 : offsets.size() - 1;

    const auto begin = image_.begin() + static_cast<std::ptrdiff_t>(frame.begin);
    auto at = image_.insert(begin, head.bytes().size() + behind_first * width, 0);
    at = std::ranges::copy(head.bytes(), at).out;
    for (const std::size_t offset : offsets.last(behind_first)) {
        for (unsigned byte = 0; byte < width; ++byte) {
            *at++ = static_cast<std::uint8_t>(offset >> (8 * byte));
        }
    }
    offsets_.resize(frame.first_offset);
    too_large_ = image_.size() > kMaxImage;
}

void ClaimsWriter::clear() noexcept
{
    image_.clear();
    open_.clear();
    offsets_.clear();
    too_large_ = false;
    misused_ = false;
}

Result<std::vector<std::uint8_t>> ClaimsWriter::finish()
{
    std::vector<std::uint8_t> image = std::exchange(image_, {});
    const bool too_large = too_large_;
    const bool misused = misused_ || !open_.empty() || image.empty();
    clear();
    if (too_large) {
        return fail(Code::kMalformed, "claims are too large");
    }
    if (misused) {
        return fail(Code::kInternal, "claims were not written to their end");
    }
    if (image.capacity() - image.size() > image.size() / 2) {
        image.shrink_to_fit();
    }
    return image;
}

}  // namespace token_introspect::token
