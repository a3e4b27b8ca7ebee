#include "issuer/client_registry.hpp"

#include "base/file.hpp"
#include "base/watched_files.hpp"
#include "issuer/client_secret.hpp"
#include "resource/id_map.hpp"

#include <openssl/crypto.h>

#include <utility>

namespace token_introspect::issuer {

namespace {

constexpr std::size_t kLargestFile = 65536;

std::string describe(const Client &client, std::string_view reason)
{
    return std::string("client \"").append(client.id).append("\": ").append(reason);
}

}  // namespace

struct ClientRegistry::State {
    struct Entry {
        const Client *client;
        ClientSecret secret;
        Sha256 source{};  // of the file's content that the secret was made of
    };

    explicit State(ClientSecret::Digester made) : digester(std::move(made)) {}

    Entry *find(std::string_view id) noexcept;
    [[nodiscard]] bool knows(const Entry *entry, const Sha256 &digest) const noexcept;
    std::string add(const Client &client);
    std::string read_file_of(Entry &entry);
    std::string read_files();
    void choose_decoys();
    bool is_right(Entry *entry, std::string_view id, const std::string &presented,
                  const Sha256 &digest);

    ClientSecret::Digester digester;
    const ClientSecret nobodys{};  // which nothing is
    CryptRoom room;
    resource::IdMap<Entry> entries;
    std::vector<std::string> decoys;  // all crypt(3) strings, in the order of the configuration
    std::vector<const Client *> order;
    Sha256Hasher hasher;
    WatchedFiles files;
};

ClientRegistry::State::Entry *ClientRegistry::State::find(std::string_view id) noexcept
{
    const auto found = entries.find(id);
    return found != entries.end() ? &found->second : nullptr;
}

bool ClientRegistry::State::knows(const Entry *entry, const Sha256 &digest) const noexcept
{
    const bool right = (entry != nullptr ? entry->secret : nobodys).has(digest);
    return right && entry->client->active;
}

std::string ClientRegistry::State::add(const Client &client)
{
    if (entries.contains(client.id)) {
        return "two clients with the id \"" + client.id + "\"";
    }
    Entry entry{.client = &client, .secret = {}};
    if (!client.secret_file.empty()) {
        files.watch(client.secret_file);
        if (std::string reason = read_file_of(entry); !reason.empty()) {
            return reason;
        }
    } else {
        auto secret = ClientSecret::make(client.secret, digester);
        if (!secret) {
            return describe(client, secret.error());
        }
        entry.secret = std::move(*secret);
    }
    entries.emplace(client.id, std::move(entry));
    order.push_back(&client);
    return {};
}

std::string ClientRegistry::State::read_file_of(Entry &entry)
{
    auto content = read_file(entry.client->secret_file, kLargestFile);
    if (!content) {
        return describe(*entry.client, content.error());
    }
    drop_final_newline(*content);
    const auto source = digester(*content);
    std::string reason;
    if (!source) {
        reason = describe(*entry.client, "SHA-256 failed");
    } else if (entry.source != *source) {  // else what was remembered stays
        auto secret = ClientSecret::make(*content, digester);
        if (secret) {
            entry.secret = std::move(*secret);
            entry.source = *source;
        } else {
            reason = describe(*entry.client, std::string(secret.error())
                                                 .append(" in \"")
                                                 .append(entry.client->secret_file)
                                                 .append("\""));
        }
    }
    OPENSSL_cleanse(content->data(), content->size());
    return reason;
}

// Each for itself: one bad file does not hold up another's change.
std::string ClientRegistry::State::read_files()
{
    std::string problem;
    for (const Client *client : order) {
        if (client->secret_file.empty()) {
            continue;
        }
        const std::string reason = read_file_of(entries.find(client->id)->second);
        if (!reason.empty()) {
            problem.append(problem.empty() ? "" : "; ").append(reason);
        }
    }
    choose_decoys();
    return problem;
}

void ClientRegistry::State::choose_decoys()
{
    decoys.clear();
    for (const Client *client : order) {
        const ClientSecret &secret = entries.find(client->id)->second.secret;
        if (!secret.crypt_string().empty()) {
            decoys.push_back(secret.crypt_string());
        }
    }
}

// Whoever fails has had exactly one crypt(3) computed, if any client has a string of it: its own or
// a decoy, always the same one for an id. So an id that nobody has, one whose secret is plain and
// one whose client is inactive cannot be told from others by their slowness.
bool ClientRegistry::State::is_right(Entry *entry, std::string_view id,
                                     const std::string &presented, const Sha256 &digest)
{
    if (knows(entry, digest)) {
        return true;
    }
    const ClientSecret &secret = entry != nullptr ? entry->secret : nobodys;
    const bool is_active = entry != nullptr && entry->client->active;
    if (!secret.crypt_string().empty()) {
        const bool right = room.matches(presented, secret.crypt_string()) && is_active
                           && !presented.empty();  // which a crypt(3) string can be of
        if (right) {
            entry->secret.remember(digest);
        }
        return right;
    }
    if (!decoys.empty()) {
        // what a decoy's string depends on is unknown outside, and the same in all workers
        const std::array<std::string_view, 2> parts{decoys.front(), id};
        const auto choice = hasher.of_parts(parts);
        room.matches(presented, decoys[choice ? (*choice)[0] % decoys.size() : 0]);
    }
    return false;
}

ClientRegistry::ClientRegistry() = default;
ClientRegistry::ClientRegistry(ClientRegistry &&) noexcept = default;
ClientRegistry &ClientRegistry::operator=(ClientRegistry &&) noexcept = default;
ClientRegistry::~ClientRegistry() = default;

std::expected<ClientRegistry, std::string> ClientRegistry::load(const std::vector<Client> &clients)
{
    auto digester = ClientSecret::Digester::make();
    if (!digester) {
        return std::unexpected("no randomness for the digests of secrets");
    }
    ClientRegistry registry;
    registry.state_ = std::make_unique<State>(std::move(*digester));
    for (const Client &client : clients) {
        if (std::string reason = registry.state_->add(client); !reason.empty()) {
            return std::unexpected(std::move(reason));
        }
    }
    registry.state_->choose_decoys();
    return registry;
}

std::string ClientRegistry::reload_changed_files(Now now)
{
    return state_ ? state_->files.reload(now, [this] { return state_->read_files(); })
                  : std::string();
}

const Client *ClientRegistry::knows(std::string_view id, std::string_view secret)
{
    if (!state_) {
        return nullptr;
    }
    const auto digest = state_->digester(secret);
    const State::Entry *entry = state_->find(id);
    return digest && state_->knows(entry, *digest) ? entry->client : nullptr;
}

bool ClientRegistry::computes_crypt() const noexcept
{
    return state_ && !state_->decoys.empty();
}

const Client *ClientRegistry::authenticate(std::string_view id, std::string_view secret)
{
    if (!state_) {
        return nullptr;
    }
    const auto digest = state_->digester(secret);
    State::Entry *entry = state_->find(id);
    if (!digest) {
        return nullptr;
    }
    std::string presented(secret);
    const bool right = state_->is_right(entry, id, presented, *digest);
    OPENSSL_cleanse(presented.data(), presented.size());
    return right ? entry->client : nullptr;
}

const Client *ClientRegistry::find(std::string_view id) const noexcept
{
    if (!state_) {
        return nullptr;
    }
    const auto found = state_->entries.find(id);
    return found != state_->entries.end() && found->second.client->active ? found->second.client
                                                                          : nullptr;
}

}  // namespace token_introspect::issuer
