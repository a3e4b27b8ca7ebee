#include "policy/reference.hpp"

namespace token_introspect::policy {

namespace {

constexpr std::string_view kId = "id";
constexpr std::string_view kType = "resourceType";
static_assert(kId < kType, "members are sorted");

template <std::size_t N>
void store_member(token::FixedBytes<N> &out, std::string_view key, std::string_view text) noexcept
{
    token::store_varint(out, key.size());
    out.append(key);
    token::store_string_head(out, text.size());
    out.append(text);
}

}  // namespace

std::optional<Reference> reference_from(std::string_view text) noexcept
{
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos || slash == 0 || slash + 1 == text.size()
        || text.find('/', slash + 1) != std::string_view::npos)
    {
        return std::nullopt;
    }
    return Reference{.type = text.substr(0, slash), .id = text.substr(slash + 1)};
}

ReferenceImage::ReferenceImage(const Reference &reference) noexcept
{
    if (reference.type.size() + reference.id.size() > kMaxText) {
        return;
    }
    token::FixedBytes<kMaxText + 16> first;
    store_member(first, kId, reference.id);

    const std::size_t offset = first.bytes().size();
    token::store_container_head(bytes_, token::ValueType::kObject, 2, offset);
    for (unsigned byte = 0; byte < 1U << token::width_code(offset); ++byte) {
        bytes_.push_back(static_cast<std::uint8_t>(offset >> (8 * byte)));
    }
    bytes_.append(as_text(first.bytes()));
    store_member(bytes_, kType, reference.type);
}

}  // namespace token_introspect::policy
