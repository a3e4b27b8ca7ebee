#include "cache/store_locked.hpp"

namespace token_introspect::cache {

void Store::Locked::recover() noexcept
{
    root_.clear();
    ++root_.statistics.recoveries;
    end_epoch();
    root_.mark_changing(false);  // until here the next one begins again if this one is killed, too
    memory_.recovered();
}

std::optional<Found> Store::Locked::copy(Entry &entry, Room room) noexcept
{
    auto *block = static_cast<std::uint8_t *>(room.allocate(room.context, entry.size));
    if (block == nullptr) {
        return std::nullopt;
    }
    std::optional<Found> found(std::in_place);
    decode({entry.block(), entry.size}, block, found->record);
    found->fresh_until_ms = entry.fresh_until_ms();
    found->expires_at_s = entry.expires_at_s;
    found->block = {block, entry.size};
    std::memcpy(block, entry.block(), entry.size);
    return found;
}

void Store::Locked::take(Entry &entry, const Wanted &wanted, Room room, State state,
                         Acquired &acquired) noexcept
{
    acquired.state = state;
    acquired.generation = entry.generation;
    if (entry.generation == wanted.known_generation) {
        acquired.unchanged = true;
    } else if (auto found = copy(entry, room)) {
        acquired.record = found->record;
    } else {
        acquired.state = State::kFailed;
        acquired.failure = Code::kInternal;
    }
}

bool Store::Locked::pauses(const Entry *entry, const Key *circuit, Now now,
                           Acquired &acquired) noexcept
{
    const Entry *by = entry;
    std::uint64_t left_ms = entry != nullptr ? entry->backoff.pause_ms(now.monotonic_ms) : 0;
    if (circuit != nullptr) {
        if (Entry *endpoint = find(StoredKey(*circuit)); endpoint != nullptr) {
            Root::touch(*endpoint);
            const std::uint64_t open_ms =
                endpoint->backoff.open() ? std::max(endpoint->backoff.pause_ms(now.monotonic_ms),
                                                    endpoint->lease_left_ms(now))
                                         : 0;
            if (open_ms > left_ms) {
                left_ms = open_ms;
                by = endpoint;
            }
        }
    }
    if (left_ms == 0) {
        return false;
    }
    acquired.failure = by->backoff.code();
    acquired.retry_after_ms = left_ms;
    return true;
}

void Store::Locked::lead_anew(const StoredKey &key, Now now, const Wanted &wanted,
                              Acquired &acquired) noexcept
{
    const Root::Change change(root_);
    if (Entry *entry = root_.insert(key, 0, now); entry != nullptr) {
        lead(*entry, now, wanted, acquired);
    } else {
        lead_none(now, wanted, acquired);
    }
}

void Store::Locked::lead(Entry &entry, Now now, const Wanted &wanted, Acquired &acquired) noexcept
{
    const Root::Change change(root_);
    entry.begin(++root_.last_lease, now, wanted.lease_ms);
    acquired.state = State::kLed;
    acquired.lease = entry.lease;
    acquired.had_expired = entry.has_record();
    probe(entry.lease, now, wanted);
}

// The lease that nobody shares. A circuit must know of it all the same.
void Store::Locked::lead_none(Now now, const Wanted &wanted, Acquired &acquired) noexcept
{
    acquired.state = State::kLed;
    acquired.lease = 0;
    probe(++root_.last_lease, now, wanted);
}

// The lease just granted is the probe of an open circuit.
void Store::Locked::probe(LeaseId lease, Now now, const Wanted &wanted) noexcept
{
    if (wanted.circuit != nullptr) {
        Entry *endpoint = find(StoredKey(*wanted.circuit));
        if (endpoint != nullptr && endpoint->backoff.open()) {
            endpoint->begin(lease, now, wanted.lease_ms);
        }
    }
}

void Store::Locked::follow(Entry &entry, Now now, const Wanted &wanted, Room room,
                           Acquired &acquired) noexcept
{
    if (wanted.last_good && entry.has_record() && entry.backoff.failures() == 0
        && !entry.expired(now))
    {
        take(entry, wanted, room, State::kBusy, acquired);
    }
    // without room for the copy there is still whom to wait for
    acquired.state = State::kBusy;
    acquired.lease = entry.lease;
}

void Store::Locked::lead_or_fail(Entry &entry, Now now, const Wanted &wanted, Room room,
                                 Acquired &acquired) noexcept
{
    if (entry.ended(Entry::End::kFailed, wanted.since_ms)) {
        acquired.failure = entry.backoff.code();
        if (entry.serves_stale(now) && permitted(acquired.failure, wanted.stale)) {
            take(entry, wanted, room, State::kStale, acquired);
        } else {
            acquired.state = State::kFailed;
        }
    } else if (entry.ended(Entry::End::kUnstorable, wanted.since_ms)) {
        // whoever waited in vain asks for itself, and not one after the other
        const Root::Change change(root_);
        acquired.had_expired = entry.has_record();
        lead_none(now, wanted, acquired);
    } else {
        lead(entry, now, wanted, acquired);
    }
}

bool Store::Locked::permitted(Code failure, StaleUse use) noexcept
{
    const Verdict verdict = outcome(failure).verdict;
    if (verdict != Verdict::kUnavailable && verdict != Verdict::kInternal) {
        return false;
    }
    return failure == Code::kIssuerTimeout ? use.on_timeout : use.on_error;
}

std::uint64_t Store::Locked::store(const StoredKey &key, Now now, const Record &record,
                                   const Lifetime &lifetime) noexcept
{
    const Encoding encoding(record);
    const std::size_t size = encoding.size();
    Entry *entry = find(key);
    const bool counted = entry != nullptr && entry->fresh(now);
    const std::uint64_t until_ms = counted ? entry->fresh_until_ms() : 0;
    const std::int64_t until_s = counted ? entry->expires_at_s : 0;
    const bool same =
        entry != nullptr && entry->has_record() && encoding.equals({entry->block(), entry->size});

    const Root::Change change(root_);
    if (!same) {
        Entry *old = entry;
        entry = old != nullptr ? root_.resize(*old, size, now) : root_.insert(key, size, now);
        if (counted) {
            end_epoch();
        }
        if (entry == nullptr) {
            if (old != nullptr) {
                // not to be believed any more, whatever its time
                old->generation = 0;
                old->backoff.succeeded();
                old->finish(Entry::End::kUnstorable, now);
                root_.resize(*old, 0, now);
            }
            return 0;
        }
        encoding.write(entry->block());
        entry->generation = ++root_.last_generation;
    }
    entry->set_lifetime(now, lifetime);
    entry->finish(Entry::End::kPublished, now);
    entry->backoff.succeeded();
    if (same && counted && (entry->fresh_until_ms() < until_ms || entry->expires_at_s < until_s)) {
        end_epoch();
    }
    return entry->generation;
}

void Store::Locked::circuit_succeeded(const Key &circuit) noexcept
{
    if (Entry *endpoint = find(StoredKey(circuit)); endpoint != nullptr && endpoint->is_circuit) {
        const Root::Change change(root_);
        root_.remove(*endpoint);
    }
}

void Store::Locked::circuit_failed(const Key &circuit, LeaseId lease, Now now, Code code) noexcept
{
    const Root::Change change(root_);
    const StoredKey key(circuit);
    Entry *endpoint = find(key);
    if (endpoint == nullptr) {
        endpoint = root_.insert(key, 0, now);
        if (endpoint == nullptr) {
            return;
        }
        endpoint->is_circuit = true;
    }
    // Those who asked before it opened say nothing new.
    const bool probed = lease != 0 && endpoint->lease == lease;
    if (probed || !endpoint->backoff.open()) {
        endpoint->lease = 0;
        endpoint->backoff.failed(now.monotonic_ms, code, root_.random());
    }
}

void Store::Locked::circuit_abandoned(const Key &circuit, LeaseId lease) noexcept
{
    Entry *endpoint = find(StoredKey(circuit));
    if (endpoint != nullptr && lease != 0 && endpoint->lease == lease) {
        const Root::Change change(root_);
        endpoint->lease = 0;
    }
}

}  // namespace token_introspect::cache
