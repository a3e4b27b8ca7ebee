#include "nginx/pattern.hpp"

#include "nginx/ngx.hpp"

#include <array>

namespace token_introspect::nginx {

#if (NGX_PCRE)

namespace {

class RegexPattern final : public policy::Pattern {
public:
    explicit RegexPattern(ngx_regex_t *regex) noexcept : regex_(regex) {}

    [[nodiscard]] std::optional<bool> search(std::string_view text) const noexcept override
    {
        ngx_str_t subject = borrow(text);
        const ngx_int_t rc = ngx_regex_exec(regex_, &subject, nullptr, 0);
        if (rc < 0 && rc != NGX_REGEX_NO_MATCHED) {
            return std::nullopt;
        }
        return rc >= 0;
    }

private:
    ngx_regex_t *regex_;  // in the configuration's pool
};

}  // namespace

std::expected<std::unique_ptr<policy::Pattern>, std::string> compile_pattern(void *context,
                                                                             std::string_view text)
{
    auto *cf = static_cast<ngx_conf_t *>(context);
    std::array<u_char, NGX_MAX_CONF_ERRSTR> error{};
    ngx_regex_compile_t compile;
    ngx_memzero(&compile, sizeof compile);
    compile.pattern = copy(cf->pool, text);
    compile.pool = cf->pool;
    compile.err.len = error.size();
    compile.err.data = error.data();
    if (compile.pattern.data == nullptr || ngx_regex_compile(&compile) != NGX_OK) {
        return std::unexpected(std::string(view(compile.err)));
    }
    return std::make_unique<RegexPattern>(compile.regex);
}

#else

std::expected<std::unique_ptr<policy::Pattern>, std::string> compile_pattern(void *,
                                                                             std::string_view)
{
    return std::unexpected("this nginx was built without PCRE: \"match\" cannot be used");
}

#endif

}  // namespace token_introspect::nginx
