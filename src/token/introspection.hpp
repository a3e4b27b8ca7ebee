#pragma once

#include "base/error.hpp"
#include "base/json.hpp"
#include "token/client_credentials.hpp"

#include <string>
#include <string_view>

namespace token_introspect::token {

/// The request body of RFC 7662 section 2.1, application/x-www-form-urlencoded: token,
/// token_type_hint unless empty, and what of the credentials belongs there.
std::string introspection_form(std::string_view token, std::string_view token_type_hint,
                               const ClientCredentials &credentials);

/// An answer's head as the transport saw it.
struct Answer {
    int status = 0;
    std::string_view content_type;
    std::string_view content_encoding;
    std::string_view body;
};

/// A Content-Type without its parameters.
std::string_view media_type(std::string_view content_type) noexcept;

/// kIssuerStatus: another status than 200. kIssuerResponse: a Content-Encoding other than identity.
Result<void> check_readable(const Answer &answer);

/// The JSON object of a 200 answer. kIssuerStatus: another status. kIssuerResponse: a
/// Content-Encoding other than identity, a content type that is not JSON (application/json,
/// anything +json, or none), a body that parse_json_object refuses.
Result<Json> json_answer(const Answer &answer, const JsonLimits &limits);

/// json_answer of an introspection endpoint (RFC 7662 section 2.2): an answer whose `active` is not
/// the boolean true is kInactive.
Result<Json> introspection_answer(const Answer &answer, const JsonLimits &limits);

}  // namespace token_introspect::token
