#include "issuer/key_ring.hpp"

#include <algorithm>
#include <utility>

namespace token_introspect::issuer {

namespace {

std::string no_memory()
{
    return "no memory for the keys";
}

// The reason why the signer's public key is not in the set now, else empty.
std::string publish(const jose::Signer &signer, json_t *list)
{
    Json jwk = signer.public_jwk();  // none of a secret
    return jwk && json_array_append_new(list, jwk.release()) != 0 ? no_memory() : std::string();
}

bool has_kid(const jose::KeySet &keys, const std::string &kid)
{
    return !kid.empty() && std::ranges::any_of(keys.keys(), [&kid](const jose::Key &key) {
        return key.kid() == kid;
    });
}

}  // namespace

std::expected<KeyRing, std::string> KeyRing::load(const TokenIssuer &issuer)
{
    KeyRing ring;
    for (const auto *sources : {&issuer.signing_keys, &issuer.encryption_keys}) {
        for (const jose::KeySource &source : *sources) {
            ring.files_.watch(source.from_file ? source.value : std::string());
        }
    }
    std::string reason = ring.read(issuer);
    if (!reason.empty()) {
        return std::unexpected(std::move(reason));
    }
    return ring;
}

std::string KeyRing::reload_changed_files(const TokenIssuer &issuer, Now now)
{
    return files_.reload(now, [&] { return read(issuer); });
}

// All or nothing: a key that signs must be among those that verify and that are published.
std::string KeyRing::read(const TokenIssuer &issuer)
{
    std::optional<jose::Signer> first;
    jose::KeySet verifying;
    jose::ContentKeys sealing;
    const Json set(json_object());
    json_t *list = json_array();  // the set's
    if (!set || json_object_set_new(set.get(), "keys", list) != 0) {
        return no_memory();
    }

    for (const jose::KeySource &source : issuer.signing_keys) {
        auto signer = jose::Signer::load(source);
        if (!signer) {
            return signer.error();
        }
        Result<jose::Key> key = signer->verification_key();
        if (!key) {
            return jose::describe(source, "signing_key", key.error().text);
        }
        if (has_kid(verifying, signer->kid())) {
            return jose::describe(source, "signing_key",
                                  "another one has the same kid \"" + signer->kid() + "\"");
        }
        if (std::string reason = publish(*signer, list); !reason.empty()) {
            return reason;
        }
        verifying.add(std::move(*key));
        if (!first) {
            first = std::move(*signer);
        }
    }
    for (const jose::KeySource &source : issuer.encryption_keys) {
        if (auto added = sealing.add(source); !added) {
            return added.error();
        }
    }
    Result<std::string> text = json_compact(set.get());
    if (!text) {
        return std::string(text.error().text);
    }

    signer_ = std::move(first);
    verification_keys_ = std::move(verifying);
    content_keys_ = std::move(sealing);
    jwks_ = std::move(*text);
    ++revision_;
    return {};
}

const jose::Signer *KeyRing::signer() const noexcept
{
    return signer_ ? &*signer_ : nullptr;
}

const jose::KeySet &KeyRing::verification_keys() const noexcept
{
    return verification_keys_;
}

const jose::ContentKeys &KeyRing::content_keys() const noexcept
{
    return content_keys_;
}

const std::string &KeyRing::jwks() const noexcept
{
    return jwks_;
}

std::uint64_t KeyRing::revision() const noexcept
{
    return revision_;
}

}  // namespace token_introspect::issuer
