#include "nginx/requirements.hpp"

#include <array>

namespace token_introspect::nginx {

namespace {

// Evaluates VALUEs without allocating for the usual few.
class Values {
public:
    // False when a variable cannot be evaluated.
    bool evaluate(ngx_http_request_t *request, const std::vector<Template> &templates)
    {
        std::string_view *out = few_.data();
        if (templates.size() > few_.size()) {
            many_.resize(templates.size());
            out = many_.data();
        }
        for (std::size_t i = 0; i < templates.size(); ++i) {
            const std::optional<std::string_view> value = templates[i].evaluate(request);
            if (!value) {
                return false;
            }
            out[i] = *value;
        }
        values_ = {out, templates.size()};
        return true;
    }
    [[nodiscard]] std::span<const std::string_view> get() const noexcept { return values_; }

private:
    std::array<std::string_view, 8> few_;
    std::vector<std::string_view> many_;
    std::span<const std::string_view> values_;
};

}  // namespace

Judgement judge(ngx_http_request_t *request, const LocationConf &conf,
                const token::ClaimsView &claims)
{
    for (const ScopeRequirement &wanted : conf.requires_scopes) {
        if (!policy::has_scopes(claims, wanted.scopes, wanted.any)) {
            return {.code = Code::kInsufficientScope,
                    .status = wanted.status,
                    .scope = wanted.joined,
                    .subject = "scope"};
        }
    }
    for (const auto &wanted : conf.requires_claims) {
        Values values;
        if (!values.evaluate(request, wanted->values)
            || !wanted->requirement.holds(claims, values.get()))
        {
            return {.code = Code::kClaimRefused,
                    .status = wanted->status,
                    .subject = wanted->requirement.path().text()};
        }
    }
    for (const VariableRequirement &wanted : conf.requires_variables) {
        for (const Template &variable : wanted.variables) {
            const std::optional<std::string_view> value = variable.evaluate(request);
            if (!value || value->empty() || *value == "0") {
                return {.code = Code::kRequireRefused,
                        .status = wanted.status,
                        .subject = view(variable.value.value)};
            }
        }
    }
    return {};
}

}  // namespace token_introspect::nginx
