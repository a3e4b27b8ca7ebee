#include "token/claim_path.hpp"

#include "token/http_text.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <system_error>

namespace token_introspect::token {

namespace {

/// An index as JSON would write it: no sign, no leading zeros.
std::optional<std::size_t> index_from(std::string_view text) noexcept
{
    if (text.empty() || !std::ranges::all_of(text, is_digit)
        || (text.size() > 1 && text.front() == '0'))
    {
        return std::nullopt;
    }
    std::uint32_t index = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), index);
    return result.ec == std::errc() ? std::optional<std::size_t>(index) : std::nullopt;
}

}  // namespace

class ClaimPath::Parser {
public:
    explicit Parser(std::string_view text) noexcept : text_(text) {}

    /// A sentence, or nothing when all is well.
    std::optional<std::string> parse(std::vector<Step> &steps)
    {
        if (text_.empty()) {
            return "empty claim path";
        }
        for (bool first = true; first || !at_end(); first = false) {
            Step step;
            if (!at_end() && text_[at_] == '[') {
                read_bracket(step);
            } else if (first) {
                read_name(step);
            } else if (text_[at_] == '.') {
                ++at_;
                read_name(step);
            } else {
                refuse("expected '.' or '['", at_);
            }
            if (error_) {
                return error_;
            }
            steps.push_back(std::move(step));
        }
        return std::nullopt;
    }

private:
    [[nodiscard]] bool at_end() const noexcept { return at_ == text_.size(); }

    void refuse(std::string_view what, std::size_t at)
    {
        error_ = std::string(what) + " at position " + std::to_string(at + 1);
    }

    void read_name(Step &step)
    {
        const std::size_t end = std::min(text_.find_first_of(".[]", at_), text_.size());
        const std::string_view name = text_.substr(at_, end - at_);
        if (name.empty()) {
            refuse("empty name", at_);
            return;
        }
        if (name.front() == '"' || name.front() == '\'') {
            refuse("a quoted name without brackets", at_);
            return;
        }
        step.key = name;
        step.index = index_from(name);
        if (name.contains('-')) {
            step.lenient_key = name;
            std::ranges::replace(*step.lenient_key, '-', '_');
        }
        at_ = end;
    }

    void read_bracket(Step &step)
    {
        const std::size_t open = at_++;
        if (!at_end() && (text_[at_] == '"' || text_[at_] == '\'')) {
            read_quoted(step);
        } else {
            read_index(step);
        }
        if (error_) {
            return;
        }
        if (at_end()) {
            refuse("no ']' for the '['", open);
        } else if (text_[at_] != ']') {
            refuse("expected ']'", at_);
        } else {
            ++at_;
        }
    }

    void read_index(Step &step)
    {
        std::size_t end = at_;
        while (end < text_.size() && is_digit(text_[end])) {
            ++end;
        }
        step.index = index_from(text_.substr(at_, end - at_));
        if (!step.index) {
            refuse("expected an index or a quoted name", at_);
        }
        at_ = end;
    }

    void read_quoted(Step &step)
    {
        const std::size_t open = at_;
        const char quote = text_[at_++];
        std::string key;
        for (;; ++at_) {
            if (at_end()) {
                refuse("the quote is not closed that opens", open);
                return;
            }
            if (text_[at_] == quote) {
                break;
            }
            if (text_[at_] == '\\') {
                const std::string_view escaped = text_.substr(at_ + 1, 1);
                if (escaped != "\\" && escaped != "\"" && escaped != "'") {
                    refuse("unknown escape", at_);
                    return;
                }
                ++at_;
            }
            key += text_[at_];
        }
        ++at_;
        step.key = std::move(key);
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::optional<std::string> error_;
};

std::expected<ClaimPath, std::string> ClaimPath::parse(std::string_view text)
{
    ClaimPath path;
    path.text_ = text;
    if (auto error = Parser(text).parse(path.steps_)) {
        return std::unexpected(std::move(*error));
    }
    return path;
}

std::expected<ClaimPath, std::string> ClaimPath::parse_dotted(std::string_view text)
{
    ClaimPath path;
    path.text_ = text;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t end = std::min(text.find('.', at), text.size());
        const std::string_view name = text.substr(at, end - at);
        if (name.empty()) {
            return std::unexpected("empty name at position " + std::to_string(at + 1));
        }
        path.steps_.push_back(
            {.key = std::string(name), .lenient_key = {}, .index = index_from(name)});
        at = end + 1;
    }
    return path;
}

Value ClaimPath::walk(Value value, bool lenient) const noexcept
{
    if (steps_.empty()) {
        return {};
    }
    for (const Step &step : steps_) {
        Value next;
        if (value.is_array()) {
            next = step.index ? value.at(*step.index) : Value();
        } else if (step.key) {
            next = value.find(*step.key);
            if (!next.present() && lenient && step.lenient_key) {
                next = value.find(*step.lenient_key);
            }
        }
        value = next;
    }
    return value;
}

Value ClaimPath::find(const ClaimsView &claims) const noexcept
{
    return walk(claims.root(), false);
}

Value ClaimPath::find(Value root) const noexcept
{
    return walk(root, false);
}

Value ClaimPath::find_lenient(const ClaimsView &claims) const noexcept
{
    return walk(claims.root(), true);
}

std::string ClaimPath::header_suffix() const
{
    std::string suffix = text_;
    std::ranges::replace_if(suffix, [](char c) { return !is_alphanumeric(c); }, '-');
    const std::size_t first = suffix.find_first_not_of('-');
    if (first == std::string::npos) {
        return {};
    }
    return suffix.substr(first, suffix.find_last_not_of('-') + 1 - first);
}

}  // namespace token_introspect::token
