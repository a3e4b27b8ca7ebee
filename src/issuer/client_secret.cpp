#include "issuer/client_secret.hpp"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <climits>

namespace token_introspect::issuer {

namespace {

bool is_lower_or_digit(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_of_crypt_alphabet(char c) noexcept
{
    return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '/';
}

constexpr const char *kUnknown = "a crypt(3) string that crypt(3) does not know";

// What one wrong secret may cost a worker: some tenths of a second, in which it serves nobody.
constexpr unsigned kMostBcryptCost = 12;
constexpr unsigned kMostRounds = 100'000;
constexpr char kMostYescryptN = 'B';
constexpr char kMostYescryptR = 'T';

/// Decimal digits without a leading zero; the largest number when it is larger.
std::optional<unsigned> number_of(std::string_view digits) noexcept
{
    unsigned number = 0;
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), number);
    if (end != digits.end() || digits.starts_with('0') || error == std::errc::invalid_argument) {
        return std::nullopt;
    }
    return error == std::errc{} ? number : UINT_MAX;
}

/// A reason, or nothing; `text` is what follows the prefix. crypt_checksalt does not look there.
using CostProblem = std::optional<std::string_view> (*)(std::string_view text) noexcept;

/// `NN$`, with NN from 04.
std::optional<std::string_view> bcrypt_problem(std::string_view text) noexcept
{
    const std::string_view digits = text.substr(0, text.find('$'));
    const auto cost = number_of(digits.substr(digits.starts_with('0') ? 1 : 0));
    if (digits.size() != 2 || !cost || *cost < 4 || *cost > 31) {
        return kUnknown;
    }
    if (*cost > kMostBcryptCost) {
        return "a crypt(3) string with a cost above 12: each wrong secret would hold up the worker";
    }
    return std::nullopt;
}

/// `rounds=NUMBER$`, or nothing of it: then they are 5000.
std::optional<std::string_view> sha_problem(std::string_view text) noexcept
{
    constexpr std::string_view name = "rounds=";
    if (!text.starts_with(name)) {
        return std::nullopt;
    }
    text.remove_prefix(name.size());
    const auto rounds = number_of(text.substr(0, text.find('$')));
    if (!rounds) {
        return kUnknown;
    }
    if (*rounds > kMostRounds) {
        return "a crypt(3) string with more than 100000 rounds: each wrong secret would hold up "
               "the worker";
    }
    return std::nullopt;
}

/// Three characters, the flavour, log2 N and r, and a `$`. More of them are larger numbers, or ask
/// for threads and time.
std::optional<std::string_view> yescrypt_problem(std::string_view text) noexcept
{
    constexpr std::string_view alphabet =
        "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const auto above = [&](char value, char most) {
        return alphabet.find(value) > alphabet.find(most);
    };
    const std::string_view parameters = text.substr(0, text.find('$'));
    if (parameters.size() < 3 || !std::ranges::all_of(parameters, is_of_crypt_alphabet)) {
        return kUnknown;
    }
    if (parameters.size() > 3 || above(parameters[1], kMostYescryptN)
        || above(parameters[2], kMostYescryptR))
    {
        return "a crypt(3) string with parameters above \"jBT\" (cost 7 of mkpasswd): each wrong "
               "secret would hold up the worker";
    }
    return std::nullopt;
}

struct CryptKind {
    std::string_view prefix;
    std::size_t last_field;  // characters behind the last '$'
    CostProblem cost_problem;
};

constexpr auto kKinds = std::to_array<CryptKind>({
    {"$y$", 43, yescrypt_problem},
    {"$gy$", 43, yescrypt_problem},
    {"$6$", 86, sha_problem},
    {"$5$", 43, sha_problem},
    {"$2a$", 53, bcrypt_problem},
    {"$2b$", 53, bcrypt_problem},
    {"$2y$", 53, bcrypt_problem},
});

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
    if (const auto problem = kind->cost_problem(std::string_view(text).substr(kind->prefix.size())))
    {
        return problem;
    }
    // $5$ counts as legacy since there is $6$, and is as good
    const int checked = crypt_checksalt(text.c_str());
    if (checked != CRYPT_SALT_OK && checked != CRYPT_SALT_METHOD_LEGACY) {
        return kUnknown;
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
