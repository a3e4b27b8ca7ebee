#include "issuer/client_authentication.hpp"

#include "base/text.hpp"
#include "token/http_text.hpp"

#include <algorithm>
#include <optional>

namespace token_introspect::issuer {

namespace {

struct Presented {
    std::string id;
    std::string secret;
};

/// What follows the scheme Basic; nothing when the header has another scheme, or is not there.
std::optional<std::string_view> basic_credentials(std::string_view authorization) noexcept
{
    constexpr std::string_view kScheme = "Basic";
    const std::string_view value = token::trimmed(authorization);
    if (!equals_ignoring_case(value.substr(0, kScheme.size()), kScheme)
        || (value.size() > kScheme.size() && value[kScheme.size()] != ' '))
    {
        return std::nullopt;
    }
    return token::trimmed(value.substr(kScheme.size()));
}

std::optional<std::string> decoded(std::string_view text)
{
    auto value = form_decode(text);
    return value && is_utf8(*value) && is_header_safe(*value) ? value : std::nullopt;
}

std::optional<Presented> read_basic(std::string_view credentials)
{
    const auto pair = base64_decode(credentials);
    if (!pair) {
        return std::nullopt;
    }
    const std::size_t colon = pair->find(':');
    if (colon == std::string::npos) {
        return std::nullopt;
    }
    auto id = decoded(std::string_view(*pair).substr(0, colon));
    auto secret = decoded(std::string_view(*pair).substr(colon + 1));
    if (!id || !secret || id->empty()) {
        return std::nullopt;
    }
    return Presented{.id = std::move(*id), .secret = std::move(*secret)};
}

std::expected<Presented, Refusal> present(const TokenForm &form, std::string_view authorization)
{
    const std::string_view id = form.get(Parameter::kClientId);
    const std::string_view secret = form.get(Parameter::kClientSecret);
    if (const auto credentials = basic_credentials(authorization)) {
        if (!secret.empty()) {
            return std::unexpected(Refusal{.reason = Reason::kTwoAuthentications});
        }
        auto presented = read_basic(*credentials);
        if (!presented) {
            return std::unexpected(Refusal{.reason = Reason::kBadClient, .challenge = true});
        }
        if (!id.empty() && id != presented->id) {
            return std::unexpected(Refusal{.reason = Reason::kClientIdDiffers});
        }
        return std::move(*presented);
    }
    if (id.empty() || secret.empty()) {
        return std::unexpected(Refusal{.reason = Reason::kNoClient, .challenge = true});
    }
    return Presented{.id = std::string(id), .secret = std::string(secret)};
}

/// How often a client has failed from an address and, since each guess at a crypt(3) string takes the
/// worker's time whatever the id, how often anybody has from there, and from anywhere.
class Failures {
public:
    Failures(const IssuerContext &context, std::string_view client, const Sender &sender) noexcept
        : context_(context),
          sender_(sender),
          own_{client, sender.address, 1}
    {}

    /// Until when the client is not to be heard at all, 0: now.
    [[nodiscard]] std::uint64_t blocked_ms() const noexcept { return blocked_ms(own_); }

    /// Until when no crypt(3) is to be computed for it, 0: now.
    [[nodiscard]] std::uint64_t crypt_blocked_ms() const noexcept
    {
        return std::max(blocked_ms(of_address()), blocked_ms(kOfAll));
    }

    /// A failure, also one that was refused unheard: else a plain secret could be guessed meanwhile.
    void add() const noexcept { add(own_); }

    /// A failure for which crypt(3) was computed.
    void add_crypt() const noexcept
    {
        add(of_address());
        add(kOfAll);
    }

private:
    struct Bucket {
        std::string_view client;
        std::string_view address;
        unsigned share;  // of the limit, many times
    };

    // No client's id is empty, and no address is this.
    static constexpr Bucket kOfAll{{}, "*", 10};

    [[nodiscard]] Bucket of_address() const noexcept { return {{}, sender_.address, 3}; }

    [[nodiscard]] std::uint64_t blocked_ms(const Bucket &bucket) const noexcept
    {
        const TokenIssuer &issuer = *context_.issuer;
        return context_.ledger->blocked_ms(bucket.client, bucket.address,
                                           issuer.most_failures * bucket.share, issuer.failures_ms,
                                           sender_.now);
    }

    void add(const Bucket &bucket) const noexcept
    {
        const TokenIssuer &issuer = *context_.issuer;
        context_.ledger->failed(bucket.client, bucket.address, issuer.most_failures * bucket.share,
                                issuer.failures_ms, sender_.now);
    }

    const IssuerContext &context_;
    const Sender &sender_;
    Bucket own_;
};

Refusal too_many(std::uint64_t blocked_ms) noexcept
{
    return {.reason = Reason::kTooManyFailures, .retry_after_ms = blocked_ms};
}

}  // namespace

std::expected<const Client *, Refusal> authenticate_client(const IssuerContext &context,
                                                           const TokenForm &form,
                                                           const Sender &sender)
{
    const auto presented = present(form, sender.authorization);
    if (!presented) {
        return std::unexpected(presented.error());
    }
    const bool basic = !form.has(Parameter::kClientSecret);
    const Failures failures(context, presented->id, sender);
    if (const std::uint64_t blocked_ms = failures.blocked_ms(); blocked_ms != 0) {
        return std::unexpected(too_many(blocked_ms));
    }
    ClientRegistry &registry = *context.clients;
    if (const Client *client = registry.knows(presented->id, presented->secret)) {
        return client;  // whatever others do
    }
    const bool crypt = registry.computes_crypt();
    if (const std::uint64_t blocked_ms = crypt ? failures.crypt_blocked_ms() : 0; blocked_ms != 0) {
        failures.add();
        return std::unexpected(too_many(blocked_ms));
    }
    const Client *client = registry.authenticate(presented->id, presented->secret);
    if (client != nullptr) {
        return client;
    }
    failures.add();
    if (crypt) {
        failures.add_crypt();
    }
    return std::unexpected(Refusal{.reason = Reason::kBadClient, .challenge = basic});
}

}  // namespace token_introspect::issuer
