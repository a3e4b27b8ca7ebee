#include "flow/front.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace token_introspect::flow {

namespace {

std::uint64_t load(const char *bytes) noexcept
{
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof word);
    return word;
}

std::uint64_t mix(std::uint64_t hash, std::uint64_t word) noexcept
{
    constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;
    hash = (hash ^ word) * odd;
    return hash ^ (hash >> 29U);
}

}  // namespace

// Tokens differ near their end, where a JWT has its signature; the rest is compared anyway.
std::uint64_t Front::hash(std::string_view token) const noexcept
{
    constexpr std::size_t word = sizeof(std::uint64_t);
    constexpr std::size_t tail = 4 * word;
    std::uint64_t hash = mix(seed_, token.size());
    if (token.size() < word) {
        for (const char c : token) {
            hash = mix(hash, static_cast<unsigned char>(c));
        }
        return mix(hash, seed_);
    }
    hash = mix(hash, load(token.data()));
    const std::size_t begin = token.size() > tail ? token.size() - tail : 0;
    for (std::size_t at = begin; at + word <= token.size(); at += word) {
        hash = mix(hash, load(token.data() + at));
    }
    hash = mix(hash, load(token.data() + token.size() - word));
    return mix(hash, seed_);
}

std::shared_ptr<const Remembered> Front::find(
    std::string_view token, std::span<const Introspector *const> listed) const noexcept
{
    const std::uint64_t wanted = hash(token);
    const Slot &slot = slots_[index(wanted)];
    // The hash first: how long a comparison takes says nothing about a token that is not known.
    if (slot.hash != wanted || !slot.kept || slot.kept->token != token
        || !std::ranges::equal(slot.kept->listed, listed))
    {
        return nullptr;
    }
    return slot.kept;
}

bool Front::returns(std::string_view token) noexcept
{
    const std::uint64_t seen = hash(token);
    Slot &slot = slots_[index(seen)];
    return (slot.hash == seen && slot.kept) || std::exchange(slot.candidate, seen) == seen;
}

void Front::remember(Remembered remembered)
{
    if (remembered.token.size() > kLargestToken || remembered.block.size() > kLargestBlock) {
        return;
    }
    const std::uint64_t wanted = hash(remembered.token);
    Slot &slot = slots_[index(wanted)];
    slot.kept = std::make_shared<const Remembered>(std::move(remembered));
    slot.hash = wanted;
}

}  // namespace token_introspect::flow
