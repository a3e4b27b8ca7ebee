#pragma once

#include "base/error.hpp"
#include "base/text.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace token_introspect::cache {

/// A verified fact as the store keeps it: never a decision, never a token. The parts are views, of
/// the publisher's memory when it is put in and of one copied block when it is taken out.
struct Record {
    Code code = Code::kActive;            ///< kActive, or kInactive for a remembered refusal
    std::array<std::uint8_t, 16> key{};   ///< the JWK that verified a JWT (jose::KeyId)
    std::string_view presented_issuer{};  ///< iss as an opaque token in JWT form states it
    Bytes claims{};                       ///< claims image
    Bytes header{};                       ///< claims image of the JOSE header
    std::string_view text{};              ///< key set, metadata document, signed response
};

/// The block form: a fixed head with the parts' lengths, then the parts.
struct RecordHead {
    std::array<std::uint8_t, 16> key;
    std::uint32_t claims_size;
    std::uint32_t header_size;
    std::uint32_t text_size;
    std::uint16_t issuer_size;
    Code code;
};

inline std::size_t encoded_size(const Record &record) noexcept
{
    return sizeof(RecordHead) + record.claims.size() + record.header.size() + record.text.size()
           + record.presented_issuer.size();
}

/// Writes encoded_size(record) bytes. The issuer must be shorter than 65,536 bytes.
inline void encode(const Record &record, std::uint8_t *out) noexcept
{
    const RecordHead head{.key = record.key,
                          .claims_size = static_cast<std::uint32_t>(record.claims.size()),
                          .header_size = static_cast<std::uint32_t>(record.header.size()),
                          .text_size = static_cast<std::uint32_t>(record.text.size()),
                          .issuer_size = static_cast<std::uint16_t>(record.presented_issuer.size()),
                          .code = record.code};
    auto put = [&out](const void *data, std::size_t size) {
        if (size != 0) {
            std::memcpy(out, data, size);
            out += size;
        }
    };
    put(&head, sizeof head);
    put(record.claims.data(), record.claims.size());
    put(record.header.data(), record.header.size());
    put(record.text.data(), record.text.size());
    put(record.presented_issuer.data(), record.presented_issuer.size());
}

/// Views into a block that encode wrote.
inline Record decode(Bytes block) noexcept
{
    RecordHead head;
    std::memcpy(&head, block.data(), sizeof head);
    const std::uint8_t *at = block.data() + sizeof head;
    auto take = [&at](std::size_t size) {
        const Bytes part{at, size};
        at += size;
        return part;
    };
    Record record;
    record.code = head.code;
    record.key = head.key;
    record.claims = take(head.claims_size);
    record.header = take(head.header_size);
    record.text = as_text(take(head.text_size));
    record.presented_issuer = as_text(take(head.issuer_size));
    return record;
}

}  // namespace token_introspect::cache
