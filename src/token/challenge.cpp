#include "token/challenge.hpp"

namespace token_introspect::token {

namespace {

/// Appends a parameter as a quoted-string (RFC 9110 section 5.6.4) of visible ASCII and spaces.
void append_parameter(std::string &challenge, bool &first, std::string_view name,
                      std::string_view value)
{
    challenge += first ? " " : ", ";
    first = false;
    challenge += name;
    challenge += "=\"";
    for (const char c : value) {
        if (c < 0x20 || c > 0x7e) {
            continue;
        }
        if (c == '"' || c == '\\') {
            challenge += '\\';
        }
        challenge += c;
    }
    challenge += '"';
}

}  // namespace

std::string bearer_challenge(Code code, std::string_view realm, std::string_view scope)
{
    const Outcome &row = outcome(code);
    std::string challenge = "Bearer";
    bool first = true;
    if (!realm.empty()) {
        append_parameter(challenge, first, "realm", realm);
    }
    if (row.error.empty()) {
        return challenge;
    }
    append_parameter(challenge, first, "error", row.error);
    if (!row.description.empty()) {
        append_parameter(challenge, first, "error_description", row.description);
    }
    if (code == Code::kInsufficientScope && !scope.empty()) {
        append_parameter(challenge, first, "scope", scope);
    }
    return challenge;
}

std::string basic_challenge(std::string_view realm)
{
    std::string challenge = "Basic";
    bool first = true;
    append_parameter(challenge, first, "realm", realm);
    return challenge;
}

}  // namespace token_introspect::token
