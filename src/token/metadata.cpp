#include "token/metadata.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "token/http_text.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <system_error>

namespace token_introspect::token {

namespace {

bool is_hex(char c) noexcept
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/// The characters of RFC 3986 that need no percent-encoding in path and query.
bool is_target_character(char c) noexcept
{
    return is_alphanumeric(c) || std::string_view("-._~!$&'()*+,;=:@/?").contains(c);
}

bool is_target(std::string_view target) noexcept
{
    for (std::size_t i = 0; i < target.size(); ++i) {
        if (target[i] == '%') {
            if (i + 2 >= target.size() || !is_hex(target[i + 1]) || !is_hex(target[i + 2])) {
                return false;
            }
        } else if (!is_target_character(target[i])) {
            return false;
        }
    }
    return true;
}

bool is_name(std::string_view host) noexcept
{
    return !host.empty() && std::ranges::all_of(host, [](char c) {
        return is_alphanumeric(c) || c == '-' || c == '.' || c == '_';
    });
}

bool is_ipv6(std::string_view host) noexcept
{
    return std::ranges::count(host, ':') >= 2
           && std::ranges::all_of(host, [](char c) { return is_hex(c) || c == ':' || c == '.'; });
}

bool is_port(std::string_view port) noexcept
{
    std::uint16_t number = 0;
    const char *const end = port.data() + port.size();
    const auto result = std::from_chars(port.data(), end, number);
    return result.ec == std::errc() && result.ptr == end && number != 0;
}

/// host[:port] into its parts.
bool split_authority(Url &url) noexcept
{
    std::string_view rest = url.authority;
    if (rest.starts_with('[')) {
        const std::size_t close = rest.find(']');
        if (close == std::string_view::npos) {
            return false;
        }
        url.host = rest.substr(1, close - 1);
        rest.remove_prefix(close + 1);
        if (!is_ipv6(url.host)) {
            return false;
        }
    } else {
        url.host = rest.substr(0, rest.find(':'));
        rest.remove_prefix(url.host.size());
        if (!is_name(url.host)) {
            return false;
        }
    }
    if (rest.empty()) {
        return true;
    }
    url.port = rest.substr(1);
    return rest.front() == ':' && is_port(url.port);
}

bool remove_prefix_ignoring_case(std::string_view &text, std::string_view prefix) noexcept
{
    if (!equals_ignoring_case(text.substr(0, prefix.size()), prefix)) {
        return false;
    }
    text.remove_prefix(prefix.size());
    return true;
}

std::string_view without_trailing_slash(std::string_view text) noexcept
{
    if (text.ends_with('/')) {
        text.remove_suffix(1);
    }
    return text;
}

/// Reads the endpoint `name` when the document has it; false when it is unusable.
bool read_endpoint(const json_t *document, const char *name, bool require_https, std::string &out)
{
    const json_t *const value = json_object_get(document, name);
    if (value == nullptr) {
        return true;
    }
    const std::string_view text = json_string_member(document, name);
    const auto url = parse_url(text);
    if (!url || (require_https && !url->https)) {
        return false;
    }
    out = text;
    return true;
}

}  // namespace

std::optional<Url> parse_url(std::string_view text) noexcept
{
    Url url;
    if (remove_prefix_ignoring_case(text, "https://")) {
        url.https = true;
    } else if (!remove_prefix_ignoring_case(text, "http://")) {
        return std::nullopt;
    }
    url.authority = text.substr(0, text.find_first_of("/?#"));
    url.target = text.substr(url.authority.size());
    if (!split_authority(url) || !is_target(url.target)) {
        return std::nullopt;
    }
    return url;
}

Result<Metadata> parse_metadata(std::string_view json,
                                const std::vector<std::string> &expected_issuers,
                                bool require_https)
{
    const auto document = parse_json_object(json);
    if (!document) {
        if (document.error().code == Code::kInternal) {
            return std::unexpected(document.error());
        }
        return fail(Code::kIssuerMetadata, "the metadata is no acceptable JSON object");
    }
    Metadata metadata;
    metadata.issuer = json_string_member(document->get(), "issuer");
    if (metadata.issuer.empty()) {
        return fail(Code::kIssuerMetadata, "the metadata names no issuer");
    }
    if (!expected_issuers.empty()
        && std::ranges::find(expected_issuers, metadata.issuer) == expected_issuers.end())
    {
        return fail(Code::kIssuerMetadata, "the metadata is of another issuer");
    }
    if (!read_endpoint(document->get(), "jwks_uri", require_https, metadata.jwks_uri)) {
        return fail(Code::kIssuerMetadata, "the metadata's jwks_uri is unusable");
    }
    if (!read_endpoint(document->get(), "introspection_endpoint", require_https,
                       metadata.introspection_endpoint))
    {
        return fail(Code::kIssuerMetadata, "the metadata's introspection_endpoint is unusable");
    }
    return metadata;
}

std::string openid_configuration_url(std::string_view issuer)
{
    return std::string(without_trailing_slash(issuer)) + "/.well-known/openid-configuration";
}

std::string authorization_server_metadata_url(std::string_view issuer)
{
    const std::string_view base = without_trailing_slash(issuer);
    const auto url = parse_url(base);
    const std::size_t path = base.size() - (url ? url->target.size() : 0);
    return std::string(base.substr(0, path)) + "/.well-known/oauth-authorization-server"
           + std::string(base.substr(path));
}

bool is_absolute_uri(std::string_view text) noexcept
{
    const std::size_t colon = text.find(':');
    if (colon == 0 || colon == std::string_view::npos || colon + 1 == text.size()
        || is_digit(text.front()) || !is_alphanumeric(text.front()))
    {
        return false;
    }
    for (std::size_t i = 0; i < text.size(); ++i) {
        const std::string_view others = i < colon ? "+-." : "-._~:/?[]@!$&'()*+,;=%";
        if (!is_alphanumeric(text[i]) && !others.contains(text[i])) {
            return false;
        }
        if (text[i] == '%'
            && (i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2])))
        {
            return false;
        }
    }
    return true;
}

}  // namespace token_introspect::token
