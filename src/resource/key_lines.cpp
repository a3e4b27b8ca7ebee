#include "resource/key_lines.hpp"

#include "jose/key.hpp"
#include "jose/pem.hpp"

#include <algorithm>
#include <array>
#include <tuple>

namespace token_introspect::resource {

namespace {

struct KeyKind {
    std::string_view alg;
    std::string_view kty;
    std::string_view format;
    jose::Algorithm algorithm;
    jose::KeyType type;
};

constexpr std::array kKinds = {
    KeyKind{"RS256", "RSA", "PEM", jose::Algorithm::kRS256, jose::KeyType::kRSA},
    KeyKind{"RS384", "RSA", "PEM", jose::Algorithm::kRS384, jose::KeyType::kRSA},
    KeyKind{"ES256", "EC", "PEM", jose::Algorithm::kES256, jose::KeyType::kEC},
    KeyKind{"HS256", "OCT", "plain", jose::Algorithm::kHS256, jose::KeyType::kOct},
};

std::string quote(std::string_view text)
{
    return '"' + std::string(text) + '"';
}

Checked<const KeyKind *> read_kind(const Attribute &key)
{
    const Attribute attribute = key.member("alg");
    const auto alg = attribute.text();
    if (!alg) {
        return std::unexpected(alg.error());
    }
    const auto *const kind = std::ranges::find(kKinds, *alg, &KeyKind::alg);
    if (kind == kKinds.end()) {
        return std::unexpected(attribute.sentence(
            quote(*alg) + " is not supported; use RS256, RS384, ES256 or HS256"));
    }
    return kind;
}

/// A sentence when the member is there and another than `wanted`, or absent though `required`.
std::optional<std::string> check_word(const Attribute &key, std::string_view name,
                                      std::string_view wanted, const KeyKind &kind, bool required)
{
    const Attribute attribute = key.member(name);
    const std::string rule =
        std::string(kind.alg) + " goes with " + std::string(name) + ' ' + std::string(wanted);
    if (!attribute.present()) {
        return required ? std::optional(attribute.sentence("is missing; " + rule)) : std::nullopt;
    }
    const auto text = attribute.text();
    if (!text) {
        return text.error();
    }
    return *text == wanted
               ? std::nullopt
               : std::optional(attribute.sentence(quote(*text) + " does not fit; " + rule));
}

Checked<std::string> public_key(const Attribute &key, const KeyKind &kind)
{
    const Attribute attribute = key.member("pub");
    if (!attribute.present()) {
        return std::unexpected(attribute.sentence("is missing; " + std::string(kind.alg)
                                                  + " needs a public key in PEM"));
    }
    const auto pem = attribute.text();
    if (!pem) {
        return std::unexpected(pem.error());
    }
    if (!jose::looks_like_pem(*pem)) {
        return std::unexpected(attribute.sentence(
            "is not PEM: the key needs its lines -----BEGIN PUBLIC KEY----- and -----END PUBLIC "
            "KEY-----"));
    }
    const auto parsed = jose::Key::from_pem(*pem, {.type = kind.type, .algorithm = kind.algorithm});
    if (!parsed) {
        return std::unexpected(attribute.sentence(
            std::string(parsed.error().text) + "; give " + std::string(kind.alg) + " a public "
            + std::string(kind.kty) + " key in PEM with its line breaks"));
    }
    return std::string(*pem);
}

Checked<SecretText> symmetric_key(const Attribute &key, const KeyKind &kind, const Vault *vault,
                                  const Resource &user)
{
    auto secret = read_secret(key, "k", vault, user);
    if (!secret) {
        return std::unexpected(std::move(secret.error()));
    }
    if (!*secret) {
        return std::unexpected(
            key.member("k").sentence("is missing; " + std::string(kind.alg) + " needs a secret"));
    }
    if (!(*secret)->from_file) {
        const auto parsed = jose::Key::from_secret(
            as_bytes((*secret)->value),
            {.type = kind.type, .algorithm = kind.algorithm, .allow_short = true});
        if (!parsed) {
            return std::unexpected(key.member("k").sentence(parsed.error().text));
        }
    }
    return std::move(**secret);
}

}  // namespace

Checked<std::optional<SecretText>> read_secret(const Attribute &parent, const std::string &name,
                                               const Vault *vault, const Resource &user)
{
    const Attribute plain = parent.member(name);
    const Attribute extended = parent.member('_' + name);
    if (plain.present() && extended.present()) {
        return std::unexpected(extended.sentence("excludes " + name + ": keep one"));
    }
    if (plain.present()) {
        const auto text = plain.text();
        if (!text) {
            return std::unexpected(text.error());
        }
        return SecretText{.value = std::string(*text), .from_file = false};
    }
    if (extended.present()) {
        auto path = Vault::find(vault, extended, user);
        if (!path) {
            return std::unexpected(std::move(path.error()));
        }
        return SecretText{.value = std::move(*path), .from_file = true};
    }
    return std::nullopt;
}

Checked<std::vector<std::string>> key_line(const Attribute &key, const Vault *vault,
                                           const Resource &user)
{
    constexpr std::array<std::string_view, 6> known = {"kty", "alg", "format", "pub", "k", "_k"};
    if (auto problem = key.check_members(known)) {
        return std::unexpected(std::move(*problem));
    }
    const auto kind = read_kind(key);
    if (!kind) {
        return std::unexpected(kind.error());
    }
    for (const auto &[name, wanted, required] :
         {std::tuple("kty", (*kind)->kty, false), std::tuple("format", (*kind)->format, true)})
    {
        if (auto problem = check_word(key, name, wanted, **kind, required)) {
            return std::unexpected(std::move(*problem));
        }
    }
    const bool symmetric = (*kind)->type == jose::KeyType::kOct;
    for (const std::string_view name : {"pub", "k", "_k"}) {
        const Attribute attribute = key.member(name);
        if (attribute.present() && symmetric == (name == "pub")) {
            return std::unexpected(attribute.sentence(std::string((*kind)->alg)
                                                      + " has no use for it; give "
                                                      + (symmetric ? "k" : "pub") + " alone"));
        }
    }

    std::string value;
    std::string format((*kind)->format);
    if (symmetric) {
        auto secret = symmetric_key(key, **kind, vault, user);
        if (!secret) {
            return std::unexpected(std::move(secret.error()));
        }
        value = std::move(secret->value);
        if (secret->from_file) {
            value.insert(0, "file:");
        } else if (value.starts_with("file:")) {
            value = base64url_encode(as_bytes(value));  // a secret, not the name of a file
            format = "base64url";
        }
    } else {
        auto pem = public_key(key, **kind);
        if (!pem) {
            return std::unexpected(std::move(pem.error()));
        }
        value = std::move(*pem);
    }
    return std::vector<std::string>{"key", std::move(value), "kty=" + std::string((*kind)->kty),
                                    "alg=" + std::string((*kind)->alg), "format=" + format};
}

}  // namespace token_introspect::resource
