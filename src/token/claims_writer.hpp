#pragma once

#include "token/claims.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace token_introspect::token {

/// Writes a claims image piece by piece: what is written is one value, as a rule an object, or a
/// text alone. Members may come in any order; of members with one key the last counts. Needs no
/// tree in memory; what other images hold is copied as it is.
///
/// A call that does not fit (a member without key, a second value, an end too many) makes finish()
/// fail.
class ClaimsWriter {
public:
    /// Forgets what was written, and keeps its room.
    void clear() noexcept;

    /// Room for an image of about this size, so that it need not grow. For an empty writer.
    void reserve(std::size_t size) { image_.reserve(size); }

    void begin_object() { begin(ValueType::kObject); }
    void begin_array() { begin(ValueType::kArray); }
    /// Of the innermost object or array.
    void end() { close(false); }
    /// Likewise, of an object whose members came in the order of their keys, none twice.
    void end_in_order() { close(true); }

    /// Of the member whose value comes next.
    void key(std::string_view name);

    void null();
    void boolean(bool value);
    void integer(std::int64_t value);
    void real(double value);
    void string(std::string_view text);
    /// A copy of the value, whatever it is; null when it is absent.
    void value(Value value);

    /// True when the image cannot be had any more: it is too large, or a call did not fit.
    [[nodiscard]] bool failed() const noexcept { return too_large_ || misused_; }

    /// The image, for ClaimsView; the writer is empty afterwards, and as good as a new one. Fails with kMalformed beyond 2^31
    /// bytes, with kInternal when the calls made no value.
    Result<std::vector<std::uint8_t>> finish();

private:
    struct Frame {
        ValueType type;
        bool has_key;              ///< an object's: the value has yet to come
        std::size_t begin;         ///< of the elements in the image
        std::size_t first_offset;  ///< in offsets_
    };

    void begin(ValueType type);
    void close(bool in_order);
    /// Before a value. False when there is no place for one.
    bool place();
    void append(Bytes bytes);
    /// Puts an object's members, from `begin` on, in order.
    void sort_members(const Frame &frame);

    std::vector<std::uint8_t> image_;
    std::vector<Frame> open_;
    std::vector<std::size_t> offsets_;  ///< of the elements of all open objects and arrays
    bool too_large_ = false;
    bool misused_ = false;
};

}  // namespace token_introspect::token
