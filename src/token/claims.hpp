#pragma once

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "token/number.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace token_introspect::token {

enum class ValueType : std::uint8_t { kNull, kBoolean, kInteger, kReal, kString, kArray, kObject };

/// Room for the text of a number or a boolean.
using ScalarBuffer = std::array<char, 32>;

/// One value inside a claims image: a view, valid as long as the image's bytes are. A
/// default-constructed Value is "absent", which is not null. Reading a value as another type than
/// its own gives the empty answer of that type.
class Value {
public:
    Value() = default;

    [[nodiscard]] bool present() const noexcept { return node_ != nullptr; }
    [[nodiscard]] ValueType type() const noexcept;  ///< kNull when absent
    [[nodiscard]] bool is_string() const noexcept;
    [[nodiscard]] bool is_number() const noexcept;  ///< kInteger or kReal
    [[nodiscard]] bool is_array() const noexcept;
    [[nodiscard]] bool is_object() const noexcept;

    [[nodiscard]] std::string_view string() const noexcept;
    [[nodiscard]] std::optional<bool> boolean() const noexcept;
    [[nodiscard]] std::optional<std::int64_t> integer() const noexcept;
    [[nodiscard]] std::optional<double> real() const noexcept;    ///< of an integer, too
    [[nodiscard]] std::optional<Number> number() const noexcept;  ///< either, without loss

    [[nodiscard]] std::size_t size() const noexcept;           ///< elements or members
    [[nodiscard]] Value at(std::size_t index) const noexcept;  ///< array element; absent outside
    [[nodiscard]] Value find(std::string_view key) const noexcept;  ///< member; binary search
    [[nodiscard]] std::string_view key_at(std::size_t index) const noexcept;  ///< sorted by bytes
    [[nodiscard]] Value value_at(std::size_t index) const noexcept;           ///< member's value

    /// Appends the value as JSON (compact, members sorted; nothing when absent).
    void append_json(std::string &out) const;

    /// Appends what a variable shows: strings raw, numbers in plain decimal (never an exponent for
    /// integers), true/false, null as nothing, arrays as their elements' text joined by commas
    /// (nested arrays and objects as JSON), objects as JSON.
    void append_text(std::string &out) const;

    /// The same text of a string, number or boolean without allocating: in the image, or written
    /// to `buffer`. Empty for anything else.
    [[nodiscard]] std::string_view scalar_text(ScalarBuffer &buffer) const noexcept;

    /// Its bytes, which are an image of their own; empty when absent.
    [[nodiscard]] Bytes image() const noexcept;

private:
    friend class ClaimsView;
    explicit Value(const std::uint8_t *node) noexcept : node_(node) {}

    const std::uint8_t *node_ = nullptr;
};

/// Equal by JSON type and value, deep; integers and reals are one type. An absent value equals
/// nothing, not even another absent one.
bool equal(Value a, Value b) noexcept;

/// A read-only view of an immutable, relocatable image, as a rule of a JSON object: typed values,
/// members sorted by key, offsets instead of pointers, no alignment needed. Copied with memcpy,
/// read in place; reading allocates nothing.
class ClaimsView {
public:
    ClaimsView() = default;
    /// `image` must come from build_claims or a ClaimsWriter; it is trusted (it never leaves this
    /// module's memory).
    explicit ClaimsView(Bytes image) noexcept : image_(image) {}

    [[nodiscard]] bool empty() const noexcept { return image_.empty(); }
    [[nodiscard]] Value root() const noexcept;  ///< absent when the view is empty
    [[nodiscard]] Value find(std::string_view key) const noexcept { return root().find(key); }
    [[nodiscard]] Bytes image() const noexcept { return image_; }

private:
    Bytes image_;
};

/// The image of a JSON object, as a rule smaller than its JSON text. Fails with kMalformed only
/// beyond 2^31 bytes, or when it is no object.
Result<std::vector<std::uint8_t>> build_claims(const json_t *object);

}  // namespace token_introspect::token
