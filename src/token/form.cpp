#include "token/form.hpp"

#include "base/text.hpp"

namespace token_introspect::token {

void append_parameter(std::string &form, std::string_view name, std::string_view value)
{
    if (!form.empty()) {
        form += '&';
    }
    form += name;
    form += '=';
    form += form_encode(value);
}

}  // namespace token_introspect::token
