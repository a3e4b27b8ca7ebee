#pragma once

#include <string>
#include <string_view>

namespace token_introspect::flow {

/// Stands in a user_endpoint where the user's id goes, percent-encoded.
inline constexpr std::string_view kUserIdVariable = "$token_user_id";

/// The address of a user: the endpoint with each kUserIdVariable replaced by the id, or the id
/// appended when there is none. Empty when the id would become a part of the path that leads
/// elsewhere: `.`, `..`, and ids with a slash or a backslash.
std::string user_uri(std::string_view endpoint, std::string_view id);

}  // namespace token_introspect::flow
