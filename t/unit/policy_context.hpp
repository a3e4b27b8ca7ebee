#pragma once

#include "claims_image.hpp"
#include "policy/context.hpp"

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace token_introspect::test {

/// A request object from JSON text, for the length of a test. `session` is made of `role`.
class JsonContext final : public policy::Context {
public:
    explicit JsonContext(std::string_view json) : claims_(json), session_(session_of(claims_)) {}

    token::Value get(policy::Subject subject) noexcept override
    {
        if (subject == policy::Subject::kSession) {
            return session_.find("session");
        }
        return claims_.find(policy::name_of(subject));
    }

    token::Value whole() noexcept override
    {
        if (whole_.empty()) {
            auto image = policy::build_whole(*this);
            if (!image) {
                return {};
            }
            whole_ = std::move(*image);
        }
        return token::ClaimsView(whole_).root();
    }

private:
    static Claims session_of(const Claims &claims)
    {
        const token::Value role = claims.find("role");
        std::string json;
        role.append_json(json);
        return Claims(role.present() ? R"({"session":{"role":)" + json + "}}" : "{}");
    }

    Claims claims_;
    Claims session_;
    std::vector<std::uint8_t> whole_;
};

}  // namespace token_introspect::test
