#include "token/client_credentials.hpp"

#include "base/text.hpp"
#include "token/form.hpp"

namespace token_introspect::token {

std::string authorization_value(const ClientCredentials &credentials)
{
    if (!credentials.authorization.empty()) {
        return credentials.authorization;
    }
    if (credentials.method != ClientAuth::kBasic) {
        return {};
    }
    const std::string pair = form_encode(credentials.id) + ':' + form_encode(credentials.secret);
    return "Basic " + base64_encode(as_bytes(pair));
}

void append_credentials(std::string &form, const ClientCredentials &credentials)
{
    if (!credentials.authorization.empty()) {
        return;
    }
    if (credentials.method == ClientAuth::kPost) {
        append_parameter(form, "client_id", credentials.id);
        append_parameter(form, "client_secret", credentials.secret);
    } else if (credentials.method == ClientAuth::kNone && !credentials.id.empty()) {
        append_parameter(form, "client_id", credentials.id);
    }
}

}  // namespace token_introspect::token
