#include "token/credential.hpp"

#include "base/text.hpp"
#include "token/http_text.hpp"

#include <algorithm>

namespace token_introspect::token {

namespace {

constexpr std::string_view kScheme = "Bearer";

/// One item of a list and where it stands.
struct Piece {
    std::size_t begin;
    std::size_t end;
};

/// The pieces of a text between separators, in order.
class Pieces {
public:
    Pieces(std::string_view text, char separator) noexcept : text_(text), separator_(separator) {}

    std::optional<Piece> next() noexcept
    {
        if (at_ > text_.size()) {
            return std::nullopt;
        }
        const Piece piece{at_, std::min(text_.find(separator_, at_), text_.size())};
        at_ = piece.end + 1;
        return piece;
    }

private:
    std::string_view text_;
    char separator_;
    std::size_t at_ = 0;
};

std::string_view at(std::string_view text, Piece piece) noexcept
{
    return text.substr(piece.begin, piece.end - piece.begin);
}

bool is_argument(std::string_view argument, std::string_view name) noexcept
{
    return !argument.empty() && argument.substr(0, argument.find('=')) == name;
}

std::optional<std::string_view> cookie_value(std::string_view pair, std::string_view name) noexcept
{
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || trimmed(pair.substr(0, equals)) != name) {
        return std::nullopt;
    }
    return trimmed(pair.substr(equals + 1));
}

/// The text without the pieces that `removed` accepts, nor one separator for each.
template <class Predicate>
std::string without(std::string_view text, char separator, Predicate removed)
{
    std::string kept;
    kept.reserve(text.size());
    bool first = true;
    Pieces pieces(text, separator);
    while (const auto piece = pieces.next()) {
        if (removed(at(text, *piece))) {
            continue;
        }
        if (!first) {
            kept += separator;
        }
        kept += at(text, *piece);
        first = false;
    }
    return kept;
}

}  // namespace

bool has_bearer_scheme(std::string_view value) noexcept
{
    value = trimmed(value);
    return equals_ignoring_case(value.substr(0, kScheme.size()), kScheme)
           && (value.size() == kScheme.size() || !is_token_character(value[kScheme.size()]));
}

Result<std::optional<std::string_view>> bearer_token(std::string_view value) noexcept
{
    value = trimmed(value);
    if (!has_bearer_scheme(value)) {
        return std::nullopt;
    }
    value.remove_prefix(kScheme.size());
    const std::size_t begin = value.find_first_not_of(' ');
    if (begin == 0 || begin == std::string_view::npos || !is_b64token(value.substr(begin))) {
        return fail(Code::kMalformedCredential, "no b64token after the Bearer scheme");
    }
    return value.substr(begin);
}

Result<std::optional<std::string_view>> bare_token(std::string_view value) noexcept
{
    value = trimmed(value);
    if (value.empty()) {
        return std::nullopt;
    }
    if (has_bearer_scheme(value)) {
        return fail(Code::kMalformedCredential, "a Bearer prefix where none belongs");
    }
    if (!std::ranges::all_of(value, [](char c) { return c >= 0x21 && c <= 0x7e; })) {
        return fail(Code::kMalformedCredential, "a space, control or non-ASCII byte in the token");
    }
    return value;
}

std::optional<QueryArgument> find_query_argument(std::string_view query,
                                                 std::string_view name) noexcept
{
    Pieces pieces(query, '&');
    while (const auto piece = pieces.next()) {
        const std::string_view argument = at(query, *piece);
        if (is_argument(argument, name)) {
            const std::size_t value = std::min(name.size() + 1, argument.size());
            return QueryArgument{piece->begin, piece->end, argument.substr(value)};
        }
    }
    return std::nullopt;
}

std::string without_query_argument(std::string_view query, std::string_view name)
{
    return without(query, '&',
                   [&](std::string_view argument) { return is_argument(argument, name); });
}

std::optional<std::string_view> find_cookie(std::string_view header, std::string_view name) noexcept
{
    Pieces pieces(header, ';');
    while (const auto piece = pieces.next()) {
        if (const auto value = cookie_value(at(header, *piece), name)) {
            return value;
        }
    }
    return std::nullopt;
}

std::string without_cookie(std::string_view header, std::string_view name)
{
    std::string kept = without(
        header, ';', [&](std::string_view pair) { return cookie_value(pair, name).has_value(); });
    if (kept.size() != header.size()) {
        kept.erase(0, std::min(kept.find_first_not_of(" \t"), kept.size()));
    }
    return kept;
}

}  // namespace token_introspect::token
