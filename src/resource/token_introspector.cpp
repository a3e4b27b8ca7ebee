#include "resource/token_introspector.hpp"

#include "jose/key.hpp"
#include "resource/key_lines.hpp"
#include "token/metadata.hpp"

#include <array>

namespace token_introspect::resource {

namespace {

constexpr std::array<std::string_view, 12> kMembers = {"resourceType",
                                                       "id",
                                                       "type",
                                                       "cache_ttl",
                                                       "jwt",
                                                       "jwks_uri",
                                                       "introspection_endpoint",
                                                       "identity_provider",
                                                       "description",
                                                       "meta",
                                                       "text",
                                                       "extension"};

/// Makes one block. The steps give false when something is wrong; the sentence is in error_.
class BlockMaker {
public:
    BlockMaker(const Resource &resource, const Vault *vault)
        : resource_(resource),
          vault_(vault),
          root_(resource.root())
    {
        block_.name = resource.id;
    }

    Checked<Block> make()
    {
        if (!make_common() || !(kind_ == "jwt" ? make_jwt() : make_remote())) {
            return std::unexpected(std::move(error_));
        }
        return std::move(block_);
    }

private:
    bool refuse(std::string sentence)
    {
        error_ = std::move(sentence);
        return false;
    }

    bool refuse(const Attribute &attribute, std::string_view text)
    {
        return refuse(attribute.sentence(text));
    }

    template <class T> bool keep(Checked<T> &&read, T &into)
    {
        if (!read) {
            return refuse(std::move(read.error()));
        }
        into = std::move(*read);
        return true;
    }

    bool has_only(const Attribute &attribute, std::span<const std::string_view> known)
    {
        auto problem = attribute.check_members(known);
        return !problem || refuse(std::move(*problem));
    }

    void warn(const Attribute &attribute, std::string_view text)
    {
        block_.warnings.push_back(attribute.sentence(text));
    }

    void add(std::vector<std::string> line) { block_.lines.push_back(std::move(line)); }

    bool make_common()
    {
        const Attribute type = root_.member("type");
        const Attribute ttl = root_.member("cache_ttl");
        if (!has_only(root_, kMembers) || !keep(type.text(), kind_)) {
            return false;
        }
        if (resource_.id == "off" || resource_.id == "optional") {
            return refuse(root_.member("id"), "\"off\" and \"optional\" cannot name an "
                                              "introspector; they are words of token_introspect");
        }
        if (kind_ != "jwt" && kind_ != "opaque" && kind_ != "aspxauth") {
            return refuse(type, '"' + std::string(kind_)
                                    + "\" is not supported; use jwt, opaque or aspxauth");
        }
        add({"type", kind_ == "aspxauth" ? "cookie" : std::string(kind_)});
        if (ttl.present()) {
            std::int64_t seconds = 0;
            if (!keep(ttl.integer(1, 86400), seconds)) {
                return false;
            }
            add({"cache_ttl", std::to_string(seconds) + 's'});
        }
        if (const Attribute provider = root_.member("identity_provider"); provider.present()) {
            warn(provider, "has no effect: users are not created from tokens");
        }
        return true;
    }

    /// A sentence for an attribute that another type needs: it would have no effect here.
    bool lacks(std::string_view name, std::string_view types)
    {
        const Attribute attribute = root_.member(name);
        return !attribute.present()
               || refuse(attribute, "serves type " + std::string(types) + ", this is type "
                                        + std::string(kind_)
                                        + "; remove it, or make two resources of this one");
    }

    bool read_url(const Attribute &attribute, std::string_view &url)
    {
        return keep(attribute.text(), url)
               && (token::parse_url(url)
                   || refuse(attribute, "is no absolute http:// or https:// URL without user "
                                        "information and fragment"));
    }

    bool make_remote()
    {
        constexpr std::array<std::string_view, 3> known = {"url", "authorization",
                                                           "_authorization"};
        const Attribute endpoint = root_.member("introspection_endpoint");
        const Attribute authorization = endpoint.member("authorization");
        std::string_view url;
        std::optional<SecretText> credential;
        if (!lacks("jwt", "jwt") || !lacks("jwks_uri", "jwt") || !has_only(endpoint, known)
            || !read_url(endpoint.member("url"), url)
            || !keep(read_secret(endpoint, "authorization", vault_, resource_), credential))
        {
            return false;
        }
        add({"introspection_endpoint", std::string(url)});
        if (credential && credential->from_file) {
            add({"authorization_file", credential->value});
        } else if (credential) {
            if (!is_header_safe(credential->value)) {
                return refuse(authorization, "holds control characters, line breaks perhaps; it "
                                             "has to be one line");
            }
            add({"authorization", credential->value});
        }
        return true;
    }

    bool make_jwt()
    {
        constexpr std::array<std::string_view, 5> known = {"iss", "secret", "_secret", "jwks_uri",
                                                           "keys"};
        const Attribute jwt = root_.member("jwt");
        if (!lacks("introspection_endpoint", "opaque and aspxauth")
            || (jwt.present() && !has_only(jwt, known)))
        {
            return false;
        }
        return make_issuer(jwt.member("iss")) && make_sources(jwt);
    }

    bool make_issuer(const Attribute &attribute)
    {
        std::string_view issuer;
        if (!attribute.present()) {
            warn(attribute, "is missing: this introspector matches no token");
            block_.matches_nothing = true;
            return true;
        }
        if (!keep(attribute.text(), issuer)) {
            return false;
        }
        if (issuer == "*") {  // the directive has a meaning for it that a resource has not
            return refuse(attribute, "\"*\" is no issuer here; a token_introspector block with "
                                     "issuer *; accepts every issuer");
        }
        add({"issuer", std::string(issuer)});
        return true;
    }

    bool make_sources(const Attribute &jwt)
    {
        const Attribute outer_uri = root_.member("jwks_uri");
        const Attribute inner_uri = jwt.member("jwks_uri");
        const Attribute keys = jwt.member("keys");
        const bool has_uri = outer_uri.present() || inner_uri.present();
        const bool has_secret = jwt.member("secret").present() || jwt.member("_secret").present();
        const int sources = has_secret + has_uri + keys.present();
        if (sources == 0) {
            return refuse(root_, "has no keys; give exactly one of jwt.secret, jwks_uri and "
                                 "jwt.keys");
        }
        if (sources > 1) {
            return refuse(root_, "has more than one source of keys; keep exactly one of "
                                 "jwt.secret, jwks_uri and jwt.keys");
        }
        return has_secret ? make_secret(jwt)
               : has_uri  ? make_jwks_uri(outer_uri, inner_uri)
                          : make_keys(keys);
    }

    bool make_secret(const Attribute &jwt)
    {
        std::optional<SecretText> secret;
        if (!keep(read_secret(jwt, "secret", vault_, resource_), secret)) {
            return false;
        }
        if (secret->from_file) {
            add({"secret_file", secret->value});
            return true;
        }
        const Attribute attribute = jwt.member("secret");
        jose::KeyOptions options{.type = jose::KeyType::kOct, .algorithm = jose::Algorithm::kHS256};
        const auto key = jose::Key::from_secret(as_bytes(secret->value), options);
        if (key) {
            add({"secret", secret->value});
            return true;
        }
        options.allow_short = true;
        if (const auto short_key = jose::Key::from_secret(as_bytes(secret->value), options);
            !short_key)
        {
            return refuse(attribute, short_key.error().text);
        }
        warn(attribute, "has fewer than 32 bytes and can be guessed; use a longer one");
        add({"secret", secret->value, "allow_short"});
        return true;
    }

    bool make_jwks_uri(const Attribute &outer, const Attribute &inner)
    {
        std::string_view url;
        if (outer.present() && inner.present() && json_equal(outer.json(), inner.json()) == 0) {
            return refuse(inner, "differs from jwks_uri of the resource; keep one");
        }
        if (!read_url(outer.present() ? outer : inner, url)) {
            return false;
        }
        add({"jwks_uri", std::string(url)});
        return true;
    }

    bool make_keys(const Attribute &keys)
    {
        if (auto problem = keys.check_array()) {
            return refuse(std::move(*problem));
        }
        if (keys.size() == 0) {
            return refuse(keys, "is empty; give at least one key");
        }
        for (std::size_t i = 0; i < keys.size(); ++i) {
            std::vector<std::string> line;
            if (!keep(key_line(keys.element(i), vault_, resource_), line)) {
                return false;
            }
            add(std::move(line));
        }
        return true;
    }

    const Resource &resource_;
    const Vault *vault_;
    Attribute root_;
    std::string_view kind_;
    Block block_;
    std::string error_;
};

}  // namespace

Checked<Block> make_block(const Resource &resource, const Vault *vault)
{
    return BlockMaker(resource, vault).make();
}

}  // namespace token_introspect::resource
