#pragma once

#include "flow/environment.hpp"
#include "flow/exchanger.hpp"
#include "flow/procedure.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace token_introspect::flow {

/// A token for an upstream, from an exchanger's token endpoint or from the store: in place of a token
/// that has just been found good (RFC 8693), or one of the gateway's own (RFC 6749 section 4.4). A
/// state machine without I/O.
///
/// What the endpoint has issued counts for as long as it says, less a margin at the end, and for
/// cache_ttl at most; from three quarters of this time on it is asked again in the background. That
/// it refuses a token counts for a few seconds.
class Exchange final : public Procedure {
public:
    /// `subject` must outlive the object; not looked at for a token of the gateway's own. Tokens
    /// taken from the store live in memory from `room`.
    Exchange(Environment &environment, cache::Room room, const Exchanger &exchanger,
             std::string_view subject) noexcept;

    /// The renewal of what an Exchange found old. Its subject must outlive the object.
    Exchange(Environment &environment, cache::Room room, Renewal renewal) noexcept;

    Step advance(Now now) override;
    Step resume(Now now, const Result<token::Answer> &answer) override;
    Decision give_up(Code code) noexcept override;
    std::optional<Renewal> take_renewal() noexcept override;

    [[nodiscard]] const Exchanger &exchanger() const noexcept { return *exchanger_; }
    /// The token for the upstream when the decision is kActive, else empty. Lives as long as the
    /// object and the room.
    [[nodiscard]] std::string_view token() const noexcept { return token_; }

private:
    void reload_changed_files(Now now);
    [[nodiscard]] std::optional<cache::Key> key() const noexcept;
    Step look_up(Now now);
    Step fetch(Now now);
    void took(Now now, const token::Answer &answer);
    void took_token(Now now, token::IssuedToken issued);
    void refused(Now now, std::string_view error);
    void failed(Now now, const Error &error, std::string_view word);
    [[nodiscard]] JsonLimits limits() const noexcept;
    Decision use(const cache::Record &record) noexcept;
    Decision decide(Code code) const noexcept;

    Environment *environment_;
    cache::Room room_;
    const Exchanger *exchanger_;
    std::string_view subject_;
    bool renews_ = false;  // for nobody in particular

    std::uint64_t since_ms_ = 0;  // when it began, 0: it has not
    Now asked_at_;                // when the fetch under way began
    int status_ = 0;              // of its answer, 0: none came
    Lease lease_;
    std::optional<Renewal> renewal_;

    std::optional<Code> answered_;
    std::uint64_t retry_after_ms_ = 0;
    std::string issued_;  // behind token_ when this object has asked
    std::string_view token_;
};

}  // namespace token_introspect::flow
