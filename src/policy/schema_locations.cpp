#include "policy/schema_locations.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <charconv>

namespace token_introspect::policy {

using token::Value;

namespace {

/// Where the authority or, without one, the path begins; 0 when there is no scheme.
std::size_t scheme_end(std::string_view uri) noexcept
{
    const std::size_t colon = uri.find(':');
    return colon == std::string_view::npos || uri.find_first_of("/?#") < colon ? 0 : colon + 1;
}

/// RFC 3986 section 5.2, but a path is put together as it is written: one with "." or ".." in it
/// is the name of nothing. Neither has a fragment.
std::string resolve(std::string_view base, std::string_view reference)
{
    if (reference.empty()) {
        return std::string(base);
    }
    const std::size_t scheme = scheme_end(base);
    if (scheme_end(reference) != 0) {
        return std::string(reference);
    }
    if (reference.starts_with("//")) {
        return std::string(base.substr(0, scheme)).append(reference);
    }
    const bool has_authority = base.substr(scheme).starts_with("//");
    const std::size_t path = has_authority ? base.find_first_of("/?", scheme + 2) : scheme;
    std::string_view kept = base.substr(0, path);
    if (!reference.starts_with('/') && path != std::string_view::npos) {
        const std::string_view without_query = base.substr(0, base.find('?'));
        kept = without_query.substr(0, std::max(path, without_query.rfind('/') + 1));
    }
    const bool needs_slash =
        has_authority && kept.size() == std::min(path, base.size()) && !reference.starts_with('/');
    return std::string(kept).append(needs_slash ? "/" : "").append(reference);
}

/// A reference token without its escapes; nothing when they are wrong.
std::optional<std::string> unescape(std::string_view token)
{
    std::string name;
    while (!token.empty()) {
        const bool is_escape = token.starts_with('~');
        if (is_escape && !token.starts_with("~0") && !token.starts_with("~1")) {
            return std::nullopt;
        }
        name += !is_escape ? token.front() : token[1] == '0' ? '~' : '/';
        token.remove_prefix(is_escape ? 2 : 1);
    }
    return name;
}

Value element_of(Value array, std::string_view index) noexcept
{
    std::size_t number = 0;
    const char *const end = index.data() + index.size();
    const auto result = std::from_chars(index.data(), end, number);
    const bool is_index = result.ec == std::errc() && result.ptr == end
                          && (index.size() == 1 || !index.starts_with('0'));
    return is_index ? array.at(number) : Value();
}

}  // namespace

void append_to_pointer(std::string &pointer, std::string_view name)
{
    pointer += '/';
    for (const char c : name) {
        if (c == '~') {
            pointer += "~0";
        } else if (c == '/') {
            pointer += "~1";
        } else {
            pointer += c;
        }
    }
}

Value follow_pointer(Value root, std::string_view pointer)
{
    Value value = root;
    while (value.present() && !pointer.empty()) {
        pointer.remove_prefix(1);
        const std::string_view token = pointer.substr(0, pointer.find('/'));
        pointer.remove_prefix(token.size());
        const auto name = unescape(token);
        if (!name) {
            return {};
        }
        value = value.is_array() ? element_of(value, *name) : value.find(*name);
    }
    return value;
}

std::expected<std::string, std::string> SchemaLocations::add(std::string_view base,
                                                             std::string_view id,
                                                             std::string_view pointer)
{
    std::string uri(base);
    std::string below = uri;
    if (id.starts_with('#') && id.size() > 1) {
        uri += id;
    } else {
        if (id.ends_with('#')) {
            id.remove_suffix(1);
        }
        if (id.empty() || id.contains('#')) {
            return std::unexpected("must be a URI without a fragment, or a name like \"#item\"");
        }
        uri = resolve(base, id);
        below = uri;
    }
    if (!pointers_.try_emplace(uri, pointer).second) {
        return std::unexpected("this name is given twice; leave it at one place");
    }
    return below;
}

std::expected<std::string, std::string> SchemaLocations::find(std::string_view base,
                                                              std::string_view reference) const
{
    const std::size_t hash = reference.find('#');
    const std::string uri = resolve(base, reference.substr(0, hash));
    const auto document = pointers_.find(uri);
    if (document == pointers_.end()) {
        return std::unexpected(
            "leads out of this schema; nothing is fetched, put what is meant under "
            "\"definitions\" and refer to it like \"#/definitions/name\"");
    }
    const auto fragment =
        percent_decode(hash == std::string_view::npos ? "" : reference.substr(hash + 1));
    if (!fragment) {
        return std::unexpected("has a \"%\" that is followed by no two hexadecimal digits");
    }
    if (fragment->empty() || fragment->starts_with('/')) {
        return document->second + *fragment;
    }
    const auto named = pointers_.find(uri + '#' + *fragment);
    if (named == pointers_.end()) {
        return std::unexpected("leads nowhere; a JSON pointer begins with \"#/\", a name needs its "
                               "\"$id\": \"#name\" in the schema");
    }
    return named->second;
}

}  // namespace token_introspect::policy
