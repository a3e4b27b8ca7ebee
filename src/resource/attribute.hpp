#pragma once

#include "resource/document.hpp"

#include <cstdint>
#include <optional>
#include <span>

namespace token_introspect::resource {

/// A value inside a document, or the place of one that is absent, with what a sentence about it has
/// to name: file, line, subject and path. A view: the document must outlive it.
class Attribute {
public:
    /// `value` and everything below it belong to the document of `source`; `subject` is what its
    /// paths count from (as `User "x"`), empty for the document itself.
    Attribute(const Source &source, std::string subject, const json_t *value);

    [[nodiscard]] bool present() const noexcept { return value_ != nullptr; }
    [[nodiscard]] const json_t *json() const noexcept { return value_; }
    [[nodiscard]] const Source &source() const noexcept { return *source_; }

    /// Absent when this is no object or has no such member.
    [[nodiscard]] Attribute member(std::string_view name) const;
    /// Absent when this is no array or has not as many elements.
    [[nodiscard]] Attribute element(std::size_t index) const;
    /// Elements of an array, else 0.
    [[nodiscard]] std::size_t size() const noexcept { return json_array_size(value_); }

    /// `FILE:LINE: SUBJECT: PATH: text`. What is absent has the line of what it would be in.
    [[nodiscard]] std::string sentence(std::string_view text) const;

    /// A string that is not empty, or a sentence.
    [[nodiscard]] Checked<std::string_view> text() const;
    [[nodiscard]] Checked<std::int64_t> integer(std::int64_t least, std::int64_t most) const;
    /// A sentence unless it is an object with no other members than these.
    [[nodiscard]] std::optional<std::string> check_members(
        std::span<const std::string_view> known) const;
    /// A sentence unless it is an array.
    [[nodiscard]] std::optional<std::string> check_array() const;

private:
    [[nodiscard]] Attribute child(const json_t *value, std::string path) const;
    /// The sentence for a value of another JSON type than `wanted`.
    [[nodiscard]] std::string wrong_type(std::string_view wanted) const;

    const Source *source_;
    std::string subject_;
    const json_t *value_;
    std::string path_;
    unsigned line_;
};

}  // namespace token_introspect::resource
