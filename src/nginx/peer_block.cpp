#include "nginx/peer_block.hpp"

#include "base/crypto.hpp"
#include "base/text.hpp"
#include "nginx/bridge.h"
#include "token/metadata.hpp"

namespace token_introspect::nginx {

PeerBlock::PeerBlock(ngx_conf_t *cf, ConfiguredPeer &configured, std::string_view name, Place place)
    : cf_(cf),
      configured_(&configured),
      peer_(&configured.peer())
{
    configured_->place = std::move(place);
    peer_->name = name;
    transcript_.emplace_back(name);
}

std::string PeerBlock::directive() const
{
    return "token_" + std::string(flow::name(peer_->role));
}

std::span<const PeerBlock::Directive<PeerBlock>> PeerBlock::common() noexcept
{
    using B = PeerBlock;
    using D = Directive<PeerBlock>;
    static constexpr std::array table = {
        D{"authorization", 1, 1, &B::authorization},
        D{"authorization_file", 1, 1, &B::authorization},
        D{"client_id", 1, 1, &B::client},
        D{"client_secret", 1, 1, &B::client},
        D{"client_secret_file", 1, 1, &B::client},
        D{"client_auth", 1, 1, &B::client_auth},
        D{"client_key_file", 1, 1, &B::unsupported},
        D{"cache_ttl", 1, 1, &B::cache_ttl},
        D{"max_waiting", 1, 1, &B::max_waiting},
        D{"connect_timeout", 1, 1, &B::timeout},
        D{"send_timeout", 1, 1, &B::timeout},
        D{"read_timeout", 1, 1, &B::timeout},
        D{"response_size", 1, 1, &B::response_size},
        D{"resolver", 1, kMany, &B::resolver},
        D{"resolver_timeout", 1, 1, &B::resolver},
        D{"ssl_verify", 1, 1, &B::ssl_verify},
        D{"ssl_name", 1, 1, &B::ssl},
        D{"ssl_trusted_certificate", 1, 1, &B::ssl},
        D{"ssl_certificate", 1, 1, &B::ssl},
        D{"ssl_certificate_key", 1, 1, &B::ssl},
        D{"ssl_crl", 1, 1, &B::ssl},
        D{"ssl_protocols", 1, kMany, &B::ssl},
        D{"ssl_ciphers", 1, 1, &B::ssl},
        D{"zone", 1, 1, &B::zone},
    };
    return table;
}

std::string PeerBlock::take_common(const Words &args)
{
    const auto table = common();
    const auto found = std::ranges::find(table, args[0], &Directive<PeerBlock>::name);
    if (found == table.end()) {
        return "unknown directive " + quote(args[0]) + " in " + directive();
    }
    std::string problem = note(args, found->fewest, found->most);
    return problem.empty() ? (this->*found->handler)(args) : problem;
}

std::string PeerBlock::note(const Words &args, std::size_t fewest, std::size_t most)
{
    if (args.size() - 1 < fewest || args.size() - 1 > most) {
        return "invalid number of arguments in " + quote(args[0]) + " directive";
    }
    if (!seen_.emplace(args[0]).second && !is_repeatable(args[0])) {
        return quote(args[0]) + " directive is duplicate";
    }
    transcript_.emplace_back();  // words of two directives must not run together
    transcript_.insert(transcript_.end(), args.begin(), args.end());
    return {};
}

std::string PeerBlock::unsupported(const Words &args)
{
    return quote(args[0]) + " is not supported by this version of the module";
}

std::string PeerBlock::authorization(const Words &args)
{
    if (args[0] == "authorization_file") {
        peer_->authorization_file = full_path(cf_, args[1]);
        return {};
    }
    peer_->credentials.authorization = args[1];
    return !args[1].empty() && is_header_safe(args[1])
               ? ""
               : "the value of \"authorization\" is empty or holds control characters";
}

std::string PeerBlock::client(const Words &args)
{
    if (args[1].empty()) {
        return quote(args[0]) + " cannot be empty";
    }
    if (args[0] == "client_id") {
        peer_->credentials.id = args[1];
    } else if (args[0] == "client_secret") {
        peer_->credentials.secret = args[1];
    } else {
        peer_->client_secret_file = full_path(cf_, args[1]);
    }
    return {};
}

std::string PeerBlock::client_auth(const Words &args)
{
    if (args[1] == "basic") {
        peer_->credentials.method = token::ClientAuth::kBasic;
    } else if (args[1] == "post") {
        peer_->credentials.method = token::ClientAuth::kPost;
    } else if (args[1] == "none" || args[1] == "tls") {
        peer_->credentials.method = token::ClientAuth::kNone;
    } else if (args[1] == "client_secret_jwt" || args[1] == "private_key_jwt") {
        return quote("client_auth " + std::string(args[1]))
               + " is not supported by this version of the module";
    } else {
        return invalid_word(args, 1, "use basic, post, tls or none");
    }
    return {};
}

std::string PeerBlock::cache_ttl(const Words &args)
{
    return read_ttl(args, peer_->cache_ttl_ms);
}

std::string PeerBlock::max_waiting(const Words &args)
{
    if (args[1] == "off") {
        peer_->max_waiting = 0;
        return {};
    }
    const ngx_str_t text = borrow(args[1]);
    const ngx_int_t number = ngx_atoi(text.data, text.len);
    if (number <= 0) {
        return invalid_word(args, 1, "use a number from 1, or off");
    }
    peer_->max_waiting = static_cast<std::size_t>(number);
    return {};
}

std::string PeerBlock::timeout(const Words &args)
{
    const auto ms = parse_time(args[1]);
    if (!ms || *ms == 0 || *ms > kMostSeconds * 1000) {
        return invalid_word(args, 1, "use a time such as 2s or 500ms");
    }
    if (args[0] == "connect_timeout") {
        connect_ms_ = *ms;
        transport_.connect_timeout = args[1];
    } else if (args[0] == "send_timeout") {
        send_ms_ = *ms;
        transport_.send_timeout = args[1];
    } else {
        read_ms_ = *ms;
        transport_.read_timeout = args[1];
    }
    return {};
}

std::string PeerBlock::response_size(const Words &args)
{
    const auto size = parse_size(args[1]);
    constexpr std::size_t most = std::size_t{16} << 20;
    if (!size || *size < 1024 || *size > most) {
        return invalid_word(args, 1, "use a size from 1k to 16m");
    }
    peer_->response_size = *size;
    return {};
}

std::string PeerBlock::resolver(const Words &args)
{
    if (args[0] == "resolver") {
        transport_.resolver.assign(args.begin() + 1, args.end());
    } else {
        transport_.resolver_timeout = args[1];
    }
    return {};
}

std::string PeerBlock::ssl_verify(const Words &args)
{
    return read_flag(args, transport_.ssl_verify);
}

std::string PeerBlock::ssl(const Words &args)
{
    constexpr std::string_view prefix = "ssl_";
    if (args[0] == "ssl_name") {
        transport_.ssl_name = args[1];
        return {};
    }
    std::string value(args[1]);
    for (std::size_t i = 2; i < args.size(); ++i) {
        value.append(" ").append(args[i]);
    }
    if (args[0] == "ssl_protocols"
        && value.find_first_not_of(
               "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789. ")
               != std::string::npos)
    {
        return invalid_word(args, 1, "use names such as TLSv1.2");
    }
    transport_.ssl.emplace_back(args[0].substr(prefix.size()), std::move(value));
    return {};
}

std::string PeerBlock::zone(const Words &args)
{
    configured_->zone_name = args[1];
    return {};
}

std::string PeerBlock::check_client()
{
    const bool verbatim = has("authorization") || has("authorization_file");
    const bool secret = has("client_secret") || has("client_secret_file");
    if (has("authorization") && has("authorization_file")) {
        return "\"authorization\" and \"authorization_file\" exclude each other";
    }
    if (has("client_secret") && has("client_secret_file")) {
        return "\"client_secret\" and \"client_secret_file\" exclude each other";
    }
    if (verbatim && (secret || has("client_auth"))) {
        return "\"authorization\" replaces client_secret and client_auth: keep one";
    }
    if (!has("client_auth") && secret) {
        peer_->credentials.method = token::ClientAuth::kBasic;
    }
    const bool needs = peer_->credentials.method != token::ClientAuth::kNone;
    if (needs && (!secret || !has("client_id"))) {
        return "client authentication needs both client_id and client_secret (or "
               "client_secret_file)";
    }
    if (!needs && secret) {
        return "client_secret is set but client_auth does not use it";
    }
    return {};
}

void PeerBlock::complete()
{
    peer_->fetch_ms = connect_ms_ + send_ms_ + read_ms_;
    peer_->fingerprint = fingerprint_of({transcript_.begin(), transcript_.end()});
}

std::string PeerBlock::make_transport(std::string_view upstreams,
                                      const std::vector<std::string> &urls, bool &logged)
{
    auto created = configured_->transport.create(cf_, upstreams, urls, transport_);
    if (created) {
        return {};
    }
    logged = created.error().empty();
    return created.error();
}

std::array<std::uint8_t, 16> fingerprint_of(const std::vector<std::string_view> &parts)
{
    const std::optional<Sha256> digest = Sha256Hasher().of_parts(parts);
    if (!digest) {
        throw std::bad_alloc();
    }
    std::array<std::uint8_t, 16> out{};
    std::ranges::copy(std::span(*digest).first<16>(), out.begin());
    return out;
}

char *read_peer(ngx_conf_t *cf, MainConf &conf, std::string_view name, PeerBlock &block)
{
    return read_block(cf, block, block.directive() + " " + quote(name),
                      [&](bool &logged) { return block.finish(conf, logged); });
}

}  // namespace token_introspect::nginx
