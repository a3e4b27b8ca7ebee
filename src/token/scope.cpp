#include "token/scope.hpp"

#include <algorithm>
#include <iterator>

namespace token_introspect::token {

namespace {

void add_once(std::vector<std::string> &scopes, std::string_view scope)
{
    if (std::ranges::find(scopes, scope) == scopes.end()) {
        scopes.emplace_back(scope);
    }
}

/// Calls `body` with each part between spaces, empty ones too, while it gives true.
template <class Body> bool each_part(std::string_view text, Body body)
{
    for (;;) {
        const std::size_t end = std::min(text.find(' '), text.size());
        if (!body(text.substr(0, end))) {
            return false;
        }
        if (end == text.size()) {
            return true;
        }
        text.remove_prefix(end + 1);
    }
}

}  // namespace

bool is_scope(std::string_view text) noexcept
{
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return c > 0x20 && c < 0x7f && c != '"' && c != '\\';
    });
}

Value scope_claim(const ClaimsView &claims) noexcept
{
    const Value scope = claims.find("scope");
    return scope.type() == ValueType::kNull ? claims.find("scp") : scope;
}

std::vector<std::string> scopes_of(Value claim)
{
    std::vector<std::string> scopes;
    const auto take = [&](std::string_view text) {
        if (is_scope(text)) {
            add_once(scopes, text);
        }
        return true;
    };
    if (claim.is_string()) {
        each_part(claim.string(), take);
    } else if (claim.is_array()) {
        for (std::size_t i = 0; i < claim.size(); ++i) {
            take(claim.at(i).string());
        }
    }
    return scopes;
}

std::optional<std::vector<std::string>> parse_scopes(std::string_view text)
{
    std::vector<std::string> scopes;
    const bool good = each_part(text, [&](std::string_view part) {
        add_once(scopes, part);
        return is_scope(part);
    });
    return good ? std::optional(std::move(scopes)) : std::nullopt;
}

std::vector<std::string> common_scopes(const std::vector<std::string> &some,
                                       const std::vector<std::string> &others)
{
    std::vector<std::string> common;
    std::ranges::copy_if(some, std::back_inserter(common), [&](const std::string &scope) {
        return std::ranges::find(others, scope) != others.end();
    });
    return common;
}

std::string join_scopes(const std::vector<std::string> &scopes)
{
    std::string text;
    for (const std::string &scope : scopes) {
        text.append(text.empty() ? "" : " ").append(scope);
    }
    return text;
}

}  // namespace token_introspect::token
