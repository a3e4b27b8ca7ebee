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

/// How often somebody has failed: as a client from an address, and from there as anybody, for a
/// guess at a crypt(3) string takes the worker's time whatever the client id.
class Failures {
public:
    Failures(const IssuerContext &context, std::string_view client, const Sender &sender) noexcept
        : context_(context),
          client_(client),
          sender_(sender)
    {}

    /// Until when not to be heard, 0: now.
    [[nodiscard]] std::uint64_t blocked_ms() const noexcept
    {
        const auto blocked = [this](std::string_view client, unsigned most) {
            return context_.ledger->blocked_ms(client, sender_.address, most,
                                               context_.issuer->failures_ms, sender_.now);
        };
        const unsigned most = context_.issuer->most_failures;
        return most == 0 ? 0 : std::max(blocked(client_, most), blocked({}, most * kClients));
    }

    void add() const noexcept
    {
        const auto failed = [this](std::string_view client, unsigned most) {
            context_.ledger->failed(client, sender_.address, most, context_.issuer->failures_ms,
                                    sender_.now);
        };
        const unsigned most = context_.issuer->most_failures;
        if (most != 0) {
            failed(client_, most);
            failed({}, most * kClients);
        }
    }

private:
    static constexpr unsigned kClients = 10;  // that may fail as often as they may from one address

    const IssuerContext &context_;
    std::string_view client_;
    const Sender &sender_;
};

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
        return std::unexpected(
            Refusal{.reason = Reason::kTooManyFailures, .retry_after_ms = blocked_ms});
    }
    const Client *client = context.clients->authenticate(presented->id, presented->secret);
    if (client != nullptr && !presented->secret.empty()) {
        return client;
    }
    failures.add();
    return std::unexpected(Refusal{.reason = Reason::kBadClient, .challenge = basic});
}

}  // namespace token_introspect::issuer
