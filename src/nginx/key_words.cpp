#include "nginx/key_words.hpp"

#include "base/text.hpp"
#include "nginx/block.hpp"

#include <algorithm>
#include <array>

namespace token_introspect::nginx {

namespace {

std::optional<jose::KeyType> key_type(std::string_view name) noexcept
{
    for (const auto type :
         {jose::KeyType::kRSA, jose::KeyType::kEC, jose::KeyType::kOKP, jose::KeyType::kOct})
    {
        if (equals_ignoring_case(name, jose::name(type))) {
            return type;
        }
    }
    return std::nullopt;
}

std::optional<jose::KeyFormat> key_format(std::string_view name,
                                          std::span<const std::string_view> permitted) noexcept
{
    constexpr std::array<std::pair<std::string_view, jose::KeyFormat>, 4> formats = {{
        {"PEM", jose::KeyFormat::kPem},
        {"plain", jose::KeyFormat::kPlain},
        {"base64url", jose::KeyFormat::kBase64url},
        {"JWK", jose::KeyFormat::kJwk},
    }};
    for (const auto &[known, format] : formats) {
        if (equals_ignoring_case(name, known)
            && std::ranges::find(permitted, known) != permitted.end())
        {
            return format;
        }
    }
    return std::nullopt;
}

// "a, b or c", each with what stands around it.
std::string listed(std::string_view before, std::span<const std::string_view> names,
                   std::string_view after)
{
    std::string text;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const bool last = i + 1 == names.size();
        text.append(i == 0 ? "" : last ? " or " : ", ");
        text.append(before).append(names[i]).append(after);
    }
    return text;
}

}  // namespace

std::string read_key_words(ngx_conf_t *cf, const std::vector<std::string_view> &args,
                           std::span<const std::string_view> parameters,
                           std::span<const std::string_view> formats, jose::KeySource &source)
{
    source.from_file = args[1].starts_with("file:");
    source.value = source.from_file ? full_path(cf, args[1].substr(5)) : std::string(args[1]);
    for (std::size_t i = 2; i < args.size(); ++i) {
        const auto equals = args[i].find('=');
        const std::string_view name = args[i].substr(0, equals);
        if (equals == args[i].npos || std::ranges::find(parameters, name) == parameters.end()) {
            return invalid_word(args, i, "use " + listed("", parameters, "="));
        }
        const std::string_view value = args[i].substr(equals + 1);
        if (name == "kid") {
            source.options.kid = value;
        } else if (name == "alg") {
            source.options.algorithm = jose::algorithm_from_name(value);
            if (!source.options.algorithm) {
                return invalid_word(args, i, "unknown algorithm");
            }
        } else if (name == "kty") {
            source.options.type = key_type(value);
            if (!source.options.type) {
                return invalid_word(args, i, "use kty=RSA, EC, OKP or OCT");
            }
        } else {
            const auto format = key_format(value, formats);
            if (!format) {
                return invalid_word(args, i, "use format=" + listed("", formats, ""));
            }
            source.format = *format;
        }
    }
    return {};
}

}  // namespace token_introspect::nginx
