#pragma once

#include "resource/resource.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace token_introspect::resource::test {

/// The resources of a text, as if "r.yaml" (or "r.json", when it begins like JSON) held it.
inline Checked<std::vector<Resource>> try_resources(std::string_view text)
{
    if (text.starts_with('{') || text.starts_with('[')) {
        auto document = parse_json_document("r.json", text);
        if (!document) {
            return std::unexpected(document.error());
        }
        std::vector<Document> documents;
        documents.push_back(std::move(*document));
        return take_resources("r.json", documents);
    }
    auto documents = parse_yaml_documents("r.yaml", text);
    if (!documents) {
        return std::unexpected(documents.error());
    }
    return take_resources("r.yaml", *documents);
}

inline std::vector<Resource> resources(std::string_view text)
{
    auto read = try_resources(text);
    if (!read) {
        throw std::invalid_argument(read.error());
    }
    return std::move(*read);
}

/// The sentence of something that was refused; "" and a failure when it was not.
template <class T> std::string sentence(const Checked<T> &checked)
{
    EXPECT_FALSE(checked);
    return checked ? std::string() : checked.error();
}

/// JSON text of a tree, compact, members in their order.
inline std::string dump(const json_t *value)
{
    char *const text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    std::string copy = text == nullptr ? "" : text;
    std::free(text);
    return copy;
}

}  // namespace token_introspect::resource::test
