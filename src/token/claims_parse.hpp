#pragma once

#include "base/error.hpp"
#include "base/json.hpp"

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace token_introspect::token {

/// Parses the text of a JSON object straight into a claims image: no tree is made. What it accepts
/// and what it gives is what parse_json_object and build_claims do, byte for byte. It keeps its
/// buffers from one text to the next; for one worker, not for threads.
class ClaimsParser {
public:
    ClaimsParser();
    ~ClaimsParser();
    ClaimsParser(const ClaimsParser &) = delete;
    ClaimsParser &operator=(const ClaimsParser &) = delete;
    ClaimsParser(ClaimsParser &&) noexcept;
    ClaimsParser &operator=(ClaimsParser &&) noexcept;

    /// The image of `text`, for ClaimsView. Fails with kMalformed where parse_json_object and
    /// build_claims do. A `limits.depth` beyond 1000 counts as 1000.
    Result<std::vector<std::uint8_t>> parse(std::string_view text, const JsonLimits &limits = {});

private:
    struct Buffers;
    std::unique_ptr<Buffers> buffers_;
};

}  // namespace token_introspect::token
