#include "flow/exchanger_state.hpp"

#include <utility>

namespace token_introspect::flow {

std::expected<ExchangerState, std::string> ExchangerState::load(const Exchanger &exchanger)
{
    ExchangerState state;
    PeerCredentials::watch(exchanger, state.files_);
    state.files_.watch(exchanger.actor_token_file);
    std::string reason = state.read(exchanger);
    if (!reason.empty()) {
        return std::unexpected(std::move(reason));
    }
    return state;
}

std::string ExchangerState::reload_changed_files(const Exchanger &exchanger, Now now)
{
    return files_.reload(now, [&] { return read(exchanger); });
}

std::string ExchangerState::read(const Exchanger &exchanger)
{
    std::string actor_token = exchanger.actor_token;
    if (!exchanger.actor_token_file.empty()) {
        auto text = read_secret(exchanger.actor_token_file);
        if (!text) {
            return std::move(text.error());
        }
        actor_token = std::move(*text);
    }
    // only now: one bad file must not leave the two of different times
    std::string reason = credentials_.load(exchanger);
    if (reason.empty()) {
        actor_token_ = std::move(actor_token);
    }
    return reason;
}

}  // namespace token_introspect::flow
