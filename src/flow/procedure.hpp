#pragma once

#include "base/clock.hpp"
#include "base/error.hpp"
#include "flow/lease.hpp"
#include "flow/peer.hpp"
#include "token/introspection.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace token_introspect::flow {

enum class Document : std::uint8_t {
    kMetadata,
    kKeySet,
    kIntrospection,
    kUser,
    kExchangedToken  ///< of an exchanger; all others are of introspectors
};

/// What the caller is to fetch before it calls resume. A GET when `form` is empty, else a POST of
/// that application/x-www-form-urlencoded body.
struct Fetch {
    const Peer *peer;
    Document document;
    std::string uri;  ///< internal location (`/…`) or absolute URL
    std::string authorization;
    std::string form;
    std::string_view accept;
};

/// Somebody else is asking: call advance again when the lease has ended.
struct Wait {
    const Peer *peer;
    cache::Key key;
    cache::LeaseId lease;
};

struct Decision {
    Code code;
    std::uint64_t retry_after_ms = 0;  ///< of a pause after failures: when it ends; 0: none
};

/// What is to be asked for again in the background: it is old, and the right to ask is here.
struct Renewal {
    const Peer *peer;
    Document document;
    std::string_view
        subject;  ///< the token (kIntrospection, kExchangedToken), the user's id (kUser)
    Lease lease;
};

using Step = std::variant<Fetch, Wait, Decision>;

/// Something that may have to ask peers before it is decided: a state machine without I/O.
class Procedure {
public:
    virtual ~Procedure() = default;

    /// Goes on as far as possible without I/O. To be called first, and again after a Wait.
    virtual Step advance(Now now) = 0;

    /// Takes what the fetch brought and goes on.
    virtual Step resume(Now now, const Result<token::Answer> &answer) = 0;

    /// Ends it where it stands; what it was doing for others is left to one of them.
    virtual Decision give_up(Code code) noexcept = 0;

    /// What it found old, once; nothing when there is nothing, or no more. Its subject is valid as
    /// long as the object and what it is about are.
    virtual std::optional<Renewal> take_renewal() noexcept { return std::nullopt; }
};

}  // namespace token_introspect::flow
