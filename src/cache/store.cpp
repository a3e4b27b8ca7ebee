#include "cache/store.hpp"

#include "cache/store_locked.hpp"

namespace token_introspect::cache {

std::uint32_t Store::layout(const Root *root) noexcept
{
    return root->layout;
}

std::uint64_t Store::epoch() const noexcept
{
    return root_->epoch.load(std::memory_order_acquire);
}

std::optional<Found> Store::find(const Key &key, Now now, Room room, const Key *other,
                                 Glance *glance) noexcept
{
    const StoredKey stored(key);
    Locked locked(*this);
    Entry *entry = locked.find(stored);
    if (entry == nullptr || !entry->fresh(now)) {
        return std::nullopt;
    }
    if (other != nullptr) {
        if (Entry *second = locked.find(StoredKey(*other)); second != nullptr) {
            Root::touch(*second);
            glance->generation = second->generation;
            glance->fresh = second->fresh(now);
            glance->stale = !glance->fresh && second->serves_stale(now);
            glance->due = second->due(now);
            glance->fresh_until_ms = second->has_record() ? second->fresh_until_ms() : 0;
        }
    }
    Root::touch(*entry);
    ++locked.root().statistics.hits;
    return Locked::copy(*entry, room);
}

Acquired Store::acquire(const Key &key, Now now, const Wanted &wanted, Room room) noexcept
{
    const StoredKey stored(key);
    Locked locked(*this);
    Acquired acquired;
    Entry *entry = locked.find(stored);
    Statistics &statistics = locked.root().statistics;
    if (entry == nullptr) {
        if (locked.pauses(nullptr, wanted.circuit, now, acquired)) {
            acquired.state = State::kFailed;
        } else {
            ++statistics.misses;
            locked.lead_anew(stored, now, wanted, acquired);
        }
        return acquired;
    }
    Root::touch(*entry);
    if (entry->counts_for(now, wanted.since_ms)) {
        ++statistics.hits;
        Acquired paused;
        acquired.due = entry->due(now) && !locked.pauses(entry, wanted.circuit, now, paused);
        Locked::take(*entry, wanted, room, State::kFound, acquired);
        return acquired;
    }
    const bool stale = entry->serves_stale(now);
    const bool leased = entry->leased(now);
    const bool paused = !leased && locked.pauses(entry, wanted.circuit, now, acquired);
    if (stale
        && (paused ? Locked::permitted(acquired.failure, wanted.stale)
                   : wanted.stale.while_updating))
    {
        acquired.updating = leased;
        Locked::take(*entry, wanted, room, State::kStale, acquired);
    } else if (leased) {
        Locked::follow(*entry, now, wanted, room, acquired);
    } else if (paused) {
        acquired.state = State::kFailed;
    } else {
        locked.lead_or_fail(*entry, now, wanted, room, acquired);
    }
    statistics.hits += acquired.state == State::kStale ? 1 : 0;
    statistics.misses += acquired.state == State::kLed ? 1 : 0;
    return acquired;
}

Acquired Store::refresh(const Key &key, Now now, const Wanted &wanted, std::uint64_t interval_ms,
                        Room room) noexcept
{
    const StoredKey stored(key);
    Locked locked(*this);
    Acquired acquired;
    Entry *entry = locked.find(stored);
    if (entry == nullptr) {
        if (locked.pauses(nullptr, wanted.circuit, now, acquired)) {
            acquired.state = State::kFailed;
        } else {
            locked.lead_anew(stored, now, wanted, acquired);
        }
        return acquired;
    }
    Root::touch(*entry);
    // it may have come again as it was
    const bool just_renewed = entry->published_ms >= wanted.since_ms
                              && Entry::since(entry->published_ms, now) < Entry::kWakeMs;
    if (entry->counts_for(now, wanted.since_ms)
        && (entry->generation != wanted.known_generation || just_renewed))
    {
        Locked::take(*entry, wanted, room, State::kFound, acquired);
        return acquired;
    }
    if (entry->leased(now)) {
        Locked::follow(*entry, now, wanted, room, acquired);
        return acquired;
    }
    const bool abandoned = entry->ended(Entry::End::kAbandoned, 0);
    if (!abandoned && Entry::since(entry->asked_ms, now) < interval_ms) {
        const bool failed = entry->backoff.failures() != 0;
        acquired.state = failed ? State::kFailed : State::kRefused;
        if (failed) {
            acquired.failure = entry->backoff.code();
            acquired.retry_after_ms = entry->backoff.pause_ms(now.monotonic_ms);
        }
        return acquired;
    }
    if (locked.pauses(entry, wanted.circuit, now, acquired)) {
        acquired.state = State::kFailed;
        return acquired;
    }
    Wanted fresh = wanted;
    fresh.stale = {};
    locked.lead_or_fail(*entry, now, fresh, room, acquired);
    return acquired;
}

Acquired Store::renew(const Key &key, Now now, const Wanted &wanted) noexcept
{
    const StoredKey stored(key);
    Locked locked(*this);
    Acquired acquired;
    acquired.state = State::kRefused;
    Entry *entry = locked.find(stored);
    if (entry == nullptr) {
        if (!locked.pauses(nullptr, wanted.circuit, now, acquired)) {
            const Root::Change change(locked.root());
            if (entry = locked.root().insert(stored, 0, now); entry != nullptr) {
                locked.lead(*entry, now, wanted, acquired);
            }
        }
        return acquired;
    }
    Root::touch(*entry);
    if (entry->leased(now)) {
        acquired.state = State::kBusy;
        acquired.lease = entry->lease;
        return acquired;
    }
    acquired.generation = entry->generation;
    const bool renewed = entry->fresh(now)
                         && (entry->generation != wanted.known_generation
                             || (wanted.since_ms != 0 && entry->published_ms > wanted.since_ms));
    if (!renewed && !locked.pauses(entry, wanted.circuit, now, acquired)) {
        locked.lead(*entry, now, wanted, acquired);
    }
    return acquired;
}

std::optional<Record> Store::stale(const Key &key, Now now, Code failure, StaleUse use,
                                   Room room) noexcept
{
    if (!Locked::permitted(failure, use)) {
        return std::nullopt;
    }
    const StoredKey stored(key);
    Locked locked(*this);
    Entry *entry = locked.find(stored);
    if (entry == nullptr || !entry->serves_stale(now)) {
        return std::nullopt;
    }
    Root::touch(*entry);
    std::optional<Found> found = Locked::copy(*entry, room);
    if (!found) {
        return std::nullopt;
    }
    ++locked.root().statistics.hits;
    return found->record;
}

std::uint64_t Store::publish(const Key &key, LeaseId lease, Now now, const Record &record,
                             const Lifetime &lifetime, const Key *circuit) noexcept
{
    const StoredKey stored(key);
    Locked locked(*this);
    const Entry *entry = locked.find(stored);
    const bool heard = lease != 0 && (entry == nullptr || entry->lease == lease);
    const std::uint64_t generation = heard ? locked.store(stored, now, record, lifetime) : 0;
    if (circuit != nullptr) {
        locked.circuit_succeeded(*circuit);
    }
    return generation;
}

void Store::put(const Key &key, Now now, const Record &record, const Lifetime &lifetime) noexcept
{
    const StoredKey stored(key);
    Locked locked(*this);
    locked.store(stored, now, record, lifetime);
}

void Store::fail(const Key &key, LeaseId lease, Now now, Code code, const Key *circuit,
                 bool endpoint_down) noexcept
{
    const StoredKey stored(key);
    Locked locked(*this);
    Entry *entry = locked.find(stored);
    if (entry != nullptr && lease != 0 && entry->lease == lease) {
        const Root::Change change(locked.root());
        entry->finish(Entry::End::kFailed, now);
        entry->backoff.failed(now.monotonic_ms, code, locked.root().random());
    }
    if (circuit != nullptr && endpoint_down) {
        locked.circuit_failed(*circuit, lease, now, code);
    } else if (circuit != nullptr) {
        locked.circuit_succeeded(*circuit);
    }
}

void Store::abandon(const Key &key, LeaseId lease, const Key *circuit) noexcept
{
    const StoredKey stored(key);
    Locked locked(*this);
    Entry *entry = locked.find(stored);
    if (entry != nullptr && lease != 0 && entry->lease == lease) {
        const Root::Change change(locked.root());
        entry->lease = 0;
        entry->end = Entry::End::kAbandoned;
        entry->lasted_ms = 0;  // nobody gets anything of it
    }
    if (circuit != nullptr) {
        locked.circuit_abandoned(*circuit, lease);
    }
}

bool Store::pending(const Key &key, LeaseId lease, Now now) noexcept
{
    const StoredKey stored(key);
    Locked locked(*this);
    const Entry *entry = locked.find(stored);
    return entry != nullptr && entry->lease == lease && entry->leased(now);
}

Statistics Store::statistics() noexcept
{
    Locked locked(*this);
    return locked.root().statistics;
}

bool Store::consistent() noexcept
{
    Locked locked(*this);
    return locked.root().consistent();
}

}  // namespace token_introspect::cache
