#pragma once

#include "base/json.hpp"
#include "claims_image.hpp"
#include "pcre_pattern.hpp"
#include "policy/json_schema.hpp"

#include <gtest/gtest.h>

#include <expected>
#include <stdexcept>
#include <string>
#include <string_view>

namespace token_introspect::test {

inline std::expected<policy::JsonSchema, std::string> compile_schema(std::string_view text)
{
    const auto json = parse_json(text, {.bytes = 1U << 22, .depth = 1000});
    if (!json) {
        throw std::invalid_argument(std::string(json.error().text));
    }
    return policy::JsonSchema::compile(json->get(), compile_pcre, nullptr);
}

/// The sentence that a schema is refused with; empty when it is not.
inline std::string schema_fault(std::string_view text)
{
    const auto schema = compile_schema(text);
    return schema ? "" : schema.error();
}

/// Whether a schema accepts an instance, both of JSON text.
inline bool accepts(std::string_view schema_text, std::string_view instance)
{
    const auto schema = compile_schema(schema_text);
    EXPECT_TRUE(schema) << schema_text << ": " << (schema ? "" : schema.error());
    return schema && schema->accepts(Claims("{\"v\":" + std::string(instance) + "}").find("v"));
}

/// A text again and again.
inline std::string repeated(std::string_view text, std::size_t times)
{
    std::string all;
    for (std::size_t i = 0; i < times; ++i) {
        all += text;
    }
    return all;
}

}  // namespace token_introspect::test
