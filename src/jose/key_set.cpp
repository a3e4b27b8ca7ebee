#include "jose/key_set.hpp"

#include <algorithm>

namespace token_introspect::jose {

namespace {

constexpr std::size_t kMaxKeys = 256;
// Certificates in x5c make sets long; the members that matter are bounded one by one.
constexpr JsonLimits kSetLimits{1024UL * 1024, 16};

Result<Key> read_key(const json_t *jwk, bool allow_symmetric)
{
    if (!allow_symmetric && json_string_member(jwk, "kty") == name(KeyType::kOct)) {
        return fail(Code::kUnsupportedKey, "a symmetric key in a key set");
    }

    return Key::from_jwk(jwk, {});
}

}  // namespace

Result<KeySet> KeySet::from_json(std::string_view text, bool allow_symmetric)
{
    const Result<Json> set = parse_json_object(text, kSetLimits);

    if (!set) {
        return fail(set.error().code == Code::kMalformed ? Code::kMalformedKey : set.error().code,
                    set.error().text);
    }

    const json_t *list = json_object_get(set->get(), "keys");

    if (!json_is_array(list)) {
        return fail(Code::kMalformedKey, "a key set without an array keys");
    }

    KeySet keys;
    const std::size_t count = std::min(json_array_size(list), kMaxKeys);

    for (std::size_t i = 0; i < count; i++) {
        Result<Key> key = read_key(json_array_get(list, i), allow_symmetric);

        if (key) {
            keys.add(std::move(*key));

        } else if (key.error().code == Code::kInternal) {
            return std::unexpected(key.error());

        } else {
            keys.skipped_.push_back({i, key.error()});
        }
    }

    if (json_array_size(list) > kMaxKeys) {
        keys.skipped_.push_back(
            {kMaxKeys, {Code::kUnsupportedKey, "only the first 256 keys of a set are read"}});
    }

    if (keys.keys_.empty()) {
        return fail(Code::kNoKeys, "a key set without a usable key");
    }

    return keys;
}

void KeySet::add(Key key)
{
    keys_.push_back(std::move(key));
}

bool KeySet::contains(const KeyId &id) const noexcept
{
    return std::any_of(keys_.begin(), keys_.end(), [&](const Key &key) { return key.id() == id; });
}

}  // namespace token_introspect::jose
