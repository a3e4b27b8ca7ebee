#pragma once

#include "flow/introspector.hpp"

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace token_introspect::flow {

/// A token that a worker has found good in the store, with all that the next request with it needs.
struct Remembered {
    std::string token;
    std::vector<const Introspector *> listed;  ///< who were asked
    const Introspector *by;                    ///< who found it good
    std::vector<std::uint8_t> block;           ///< the store's record, encoded
    Sha256 digest;                             ///< of the token
    std::uint64_t epoch;                       ///< of the store when it was looked up
    std::uint64_t revision;                    ///< of the states of the listed
    std::uint64_t until_ms;                    ///< monotonic: when the store is to be asked again
    std::int64_t from_s;                       ///< wall clock: its claims hold from this second
    std::int64_t until_s;                      ///< and until before this one
};

/// The tokens that a worker sees again and again, before any hashing and locking: compared byte for
/// byte, never believed for longer than kLongestMs, and only while the store says that nothing has
/// been replaced. A token is kept from its second visit on, so that many that come once cost
/// nothing.
class Front {
public:
    static constexpr std::uint64_t kLongestMs = 1000;

    /// `seed` must be random: nobody shall choose which tokens push each other out.
    explicit Front(std::uint64_t seed) noexcept : seed_(seed) {}

    /// The token as these introspectors judged it, nullptr when it is not here. Its times, epoch and
    /// revision are for the caller to check.
    [[nodiscard]] std::shared_ptr<const Remembered> find(
        std::string_view token, std::span<const Introspector *const> listed) const noexcept;

    /// True when the token has been here before without being kept: it is worth remembering.
    bool returns(std::string_view token) noexcept;

    /// Keeps it in place of another one; what is too large is not kept.
    void remember(Remembered remembered);

private:
    static constexpr std::size_t kSlots = 1024;
    static constexpr std::size_t kLargestToken = 8192;
    static constexpr std::size_t kLargestBlock = 16384;

    struct Slot {
        std::uint64_t hash = 0;       // of the one kept
        std::uint64_t candidate = 0;  // of the last one that was not
        std::shared_ptr<const Remembered> kept;
    };

    [[nodiscard]] std::uint64_t hash(std::string_view token) const noexcept;
    static std::size_t index(std::uint64_t hash) noexcept { return hash >> 54U; }

    std::uint64_t seed_;
    std::array<Slot, kSlots> slots_;
};

}  // namespace token_introspect::flow
