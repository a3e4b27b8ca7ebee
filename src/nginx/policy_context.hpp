#pragma once

#include "nginx/conf.hpp"
#include "policy/context.hpp"
#include "token/claims_format.hpp"

#include <array>
#include <cstdint>
#include <vector>

namespace token_introspect::nginx {

class Request;

/// What access policies see of a request: each part is made when a policy first asks for it. The
/// credential has left the request by then. For the time of one evaluation.
class PolicyContext final : public policy::Context {
public:
    /// What stands for a secret.
    static constexpr std::string_view kMask = "***";

    enum class Secrets : std::uint8_t { kShown, kMasked };

    /// `secrets` masked: for people. Credentials are then `***`, also those that the location's
    /// upstream may see.
    PolicyContext(ngx_http_request_t *request, const Request &own,
                  Secrets secrets = Secrets::kShown) noexcept
        : request_(request),
          own_(&own),
          masked_(secrets == Secrets::kMasked)
    {}

    token::Value get(policy::Subject subject) noexcept override;
    token::Value whole() noexcept override;

    /// True when a part could not be made: no answer of a policy counts then.
    [[nodiscard]] bool failed() const noexcept { return failed_; }

private:
    using Image = std::vector<std::uint8_t>;
    static constexpr std::size_t kTexts = 1024;

    token::Value make(policy::Subject subject);
    token::Value keep(Result<Image> image);
    token::Value text(std::string_view value);
    [[nodiscard]] bool hides(CredentialSource::Kind kind, std::string_view name) const noexcept;
    token::Value query_string();
    token::Value params();
    token::Value headers();
    token::Value client();
    token::Value session();

    ngx_http_request_t *request_;
    const Request *own_;
    bool masked_;
    token::FixedBytes<kTexts> texts_;  // the usual ones, so that these need no allocation
    std::vector<Image> images_;
    std::array<token::Value, policy::kSubjectCount> values_;
    std::array<bool, policy::kSubjectCount> made_{};
    Image whole_;
    bool failed_ = false;
};

}  // namespace token_introspect::nginx
