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
    Code code = Code::kActive;            ///< kActive, or what a remembered refusal says
    std::array<std::uint8_t, 16> key{};   ///< the JWK that verified a JWT (jose::KeyId)
    std::string_view presented_issuer{};  ///< iss as an opaque token in JWT form states it
    Bytes claims{};                       ///< claims image
    Bytes header{};                       ///< claims image of the JOSE header
    std::string_view text{};  ///< key set, metadata document, signed response, exchanged token
};

/// The block form: the code, which parts there are, the key and the lengths of those that are
/// there, then these parts, and what remains is claims. Most records have few parts, and there are
/// many records.
class RecordHead {
public:
    static constexpr std::size_t kSmallest = 2;

    explicit RecordHead(const Record &record) noexcept
    {
        put(&record.code, sizeof record.code);
        std::uint8_t parts = 0;
        put(&parts, sizeof parts);
        if (record.key != decltype(record.key){}) {
            parts |= kKey;
            put(record.key.data(), record.key.size());
        }
        auto put_size = [&](std::uint8_t part, std::size_t size) {
            if (size != 0) {
                parts |= part;
                const auto narrow = static_cast<std::uint32_t>(size);
                put(&narrow, sizeof narrow);
            }
        };
        put_size(kHeader, record.header.size());
        put_size(kText, record.text.size());
        put_size(kIssuer, record.presented_issuer.size());
        bytes_[1] = parts;
    }

    [[nodiscard]] Bytes bytes() const noexcept { return {bytes_.data(), size_}; }

    static constexpr std::uint8_t kKey = 1;
    static constexpr std::uint8_t kHeader = 2;
    static constexpr std::uint8_t kText = 4;
    static constexpr std::uint8_t kIssuer = 8;

private:
    void put(const void *data, std::size_t size) noexcept
    {
        std::memcpy(bytes_.data() + size_, data, size);
        size_ += size;
    }

    std::array<std::uint8_t, kSmallest + 16 + 3 * sizeof(std::uint32_t)> bytes_;
    std::size_t size_ = 0;
};

/// A record on its way into a block. The record must outlive it.
class Encoding {
public:
    explicit Encoding(const Record &record) noexcept : head_(record), record_(record) {}

    [[nodiscard]] std::size_t size() const noexcept
    {
        std::size_t size = 0;
        for_each_part([&size](Bytes part) { size += part.size(); });
        return size;
    }

    /// Writes size() bytes.
    void write(std::uint8_t *out) const noexcept
    {
        for_each_part([&out](Bytes part) {
            std::memcpy(out, part.data(), part.size());
            out += part.size();
        });
    }

    /// True when write would write just these bytes.
    [[nodiscard]] bool equals(Bytes block) const noexcept
    {
        if (block.size() != size()) {
            return false;
        }
        bool equal = true;
        for_each_part([&](Bytes part) {
            equal = equal && std::memcmp(block.data(), part.data(), part.size()) == 0;
            block = block.subspan(part.size());
        });
        return equal;
    }

private:
    template <class Visit> void for_each_part(Visit visit) const noexcept
    {
        for (const Bytes part : {head_.bytes(), record_.header, as_bytes(record_.text),
                                 as_bytes(record_.presented_issuer), record_.claims})
        {
            if (!part.empty()) {
                visit(part);
            }
        }
    }

    RecordHead head_;
    const Record &record_;
};

/// The record in a block that Encoding wrote, into a new `record`. Its views are of `copy`, where the block's bytes are,
/// too: what has just been copied is slow to read.
inline void decode(Bytes block, const std::uint8_t *copy, Record &record) noexcept
{
    const std::uint8_t *at = block.data() + RecordHead::kSmallest;
    record.code = static_cast<Code>(block[0]);
    const std::uint8_t parts = block[1];
    if ((parts & RecordHead::kKey) != 0) {
        std::memcpy(record.key.data(), at, record.key.size());
        at += record.key.size();
    }
    auto take_size = [&at, parts](std::uint8_t part) -> std::size_t {
        std::uint32_t size = 0;
        if ((parts & part) != 0) {
            std::memcpy(&size, at, sizeof size);
            at += sizeof size;
        }
        return size;
    };
    const std::size_t header_size = take_size(RecordHead::kHeader);
    const std::size_t text_size = take_size(RecordHead::kText);
    const std::size_t issuer_size = take_size(RecordHead::kIssuer);
    const std::uint8_t *const header = copy + (at - block.data());
    const std::uint8_t *const text = header + header_size;
    const std::uint8_t *const issuer = text + text_size;
    const std::uint8_t *const claims = issuer + issuer_size;
    record.header = {header, header_size};
    record.text = as_text({text, text_size});
    record.presented_issuer = as_text({issuer, issuer_size});
    record.claims = {claims, static_cast<std::size_t>(copy + block.size() - claims)};
}

/// Views into the block itself.
inline Record decode(Bytes block) noexcept
{
    Record record;
    decode(block, block.data(), record);
    return record;
}

}  // namespace token_introspect::cache
