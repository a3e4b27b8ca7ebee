#include "issuer/client_secret.hpp"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>

namespace token_introspect::issuer {

namespace {

struct CryptKind {
    std::string_view prefix;
    std::size_t last_field;  // characters behind the last '$'
};

constexpr auto kKinds = std::to_array<CryptKind>({
    {"$y$", 43},
    {"$gy$", 43},
    {"$7$", 43},
    {"$6$", 86},
    {"$5$", 43},
    {"$2a$", 53},
    {"$2b$", 53},
    {"$2y$", 53},
});

bool is_lower_or_digit(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_of_crypt_alphabet(char c) noexcept
{
    return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '/';
}

/// 04 to 31 and a '$'; crypt_checksalt does not look at it.
bool is_bcrypt_cost(std::string_view text) noexcept
{
    return text[2] == '$' && text >= "04$" && text <= "31$" && text[1] >= '0' && text[1] <= '9';
}

/// `$`, an id, `$`: what a plain secret hardly begins with.
bool looks_like_crypt(std::string_view text) noexcept
{
    const std::size_t end = text.find('$', 1);
    return text.starts_with('$') && end != std::string_view::npos && end > 1
           && std::ranges::all_of(text.substr(1, end - 1),
                                  [](char c) { return is_lower_or_digit(c) || c == '-'; });
}

// Whole, as far as one can see without computing it: that may take a second for each client.
std::optional<std::string_view> problem_of(const std::string &text)
{
    const auto *kind = std::ranges::find_if(
        kKinds, [&text](const CryptKind &known) { return text.starts_with(known.prefix); });
    if (kind == kKinds.end()) {
        return "a crypt(3) string of a kind that is not accepted ($y$, $6$, $5$ and $2b$ are)";
    }
    const std::string_view last = std::string_view(text).substr(text.rfind('$') + 1);
    if (last.size() != kind->last_field || !std::ranges::all_of(last, is_of_crypt_alphabet)) {
        return "a crypt(3) string that is cut off or damaged";
    }
    if (text[1] == '2' && !is_bcrypt_cost(std::string_view(text).substr(4, 3))) {
        return "a crypt(3) string that crypt(3) does not know";
    }
    // $5$ counts as legacy since there is $6$, and is as good
    const int checked = crypt_checksalt(text.c_str());
    if (checked != CRYPT_SALT_OK && checked != CRYPT_SALT_METHOD_LEGACY) {
        return "a crypt(3) string that crypt(3) does not know";
    }
    return std::nullopt;
}

}  // namespace

CryptRoom::CryptRoom() : data_(std::make_unique<crypt_data>()) {}
CryptRoom::CryptRoom(CryptRoom &&) noexcept = default;
CryptRoom &CryptRoom::operator=(CryptRoom &&) noexcept = default;
CryptRoom::~CryptRoom() = default;

bool CryptRoom::matches(const std::string &presented, const std::string &crypt_string) noexcept
{
    const char *computed = crypt_r(presented.c_str(), crypt_string.c_str(), data_.get());
    // a failure's text (`*0`) is never a crypt(3) string
    const bool equal =
        computed != nullptr
        && equals_in_constant_time(as_bytes(std::string_view(computed)), as_bytes(crypt_string));
    OPENSSL_cleanse(data_.get(), sizeof(*data_));
    return equal && presented.find('\0') == std::string::npos;
}

std::optional<ClientSecret::Digester> ClientSecret::Digester::make()
{
    const ErrorQueueGuard guard;
    Digester digester;
    if (RAND_bytes(digester.key_.data(), static_cast<int>(digester.key_.size())) != 1) {
        return std::nullopt;
    }
    return digester;
}

std::optional<Sha256> ClientSecret::Digester::operator()(std::string_view secret) noexcept
{
    const std::array<std::string_view, 2> parts{as_text(key_), secret};
    return hasher_.of_parts(parts);
}

std::expected<ClientSecret, std::string_view> ClientSecret::make(std::string_view text,
                                                                 Digester &digester)
{
    ClientSecret secret;
    if (text.empty()) {
        return std::unexpected("an empty secret");
    }
    if (looks_like_crypt(text)) {
        secret.crypt_string_ = text;
        if (const auto problem = problem_of(secret.crypt_string_)) {
            return std::unexpected(*problem);
        }
        return secret;
    }
    const auto digest = digester(text);
    if (!digest) {
        return std::unexpected("SHA-256 failed");
    }
    secret.remember(*digest);
    return secret;
}

bool ClientSecret::has(const Sha256 &digest) const noexcept
{
    const bool equal = equals_in_constant_time(digest_, digest);
    return has_digest_ && equal;
}

void ClientSecret::remember(const Sha256 &digest) noexcept
{
    digest_ = digest;
    has_digest_ = true;
}

}  // namespace token_introspect::issuer
