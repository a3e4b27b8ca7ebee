#pragma once

#include "token/claims.hpp"
#include "token/claims_format.hpp"

#include <optional>
#include <string_view>

namespace token_introspect::policy {

/// A reference to a resource by its type and id.
struct Reference {
    std::string_view type;
    std::string_view id;
};

/// Of `Type/id`: one slash, and something on both sides of it.
std::optional<Reference> reference_from(std::string_view text) noexcept;

/// The value {"resourceType":TYPE,"id":ID} of a reference, without allocating.
class ReferenceImage {
public:
    /// Type and id together must not be longer.
    static constexpr std::size_t kMaxText = 448;

    explicit ReferenceImage(const Reference &reference) noexcept;

    /// Valid as long as this; absent when the reference is too long.
    [[nodiscard]] token::Value value() const noexcept
    {
        return token::ClaimsView(bytes_.bytes()).root();
    }

private:
    token::FixedBytes<kMaxText + 64> bytes_;
};

}  // namespace token_introspect::policy
