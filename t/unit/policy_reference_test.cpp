#include "policy/reference.hpp"

#include <gtest/gtest.h>

#include <string>

namespace token_introspect::policy {
namespace {

TEST(PolicyReference, IsTypeSlashId)
{
    const auto reference = reference_from("Practitioner/pr-1.2");
    ASSERT_TRUE(reference);
    EXPECT_EQ(reference->type, "Practitioner");
    EXPECT_EQ(reference->id, "pr-1.2");
    for (const char *text : {"", "/", "Patient", "Patient/", "/1", "Patient/1/_history/2", "a//b",
                             "https://example.com/fhir/Patient/1"})
    {
        EXPECT_FALSE(reference_from(text)) << text;
    }
}

TEST(PolicyReference, ItsImage)
{
    for (const std::size_t length : {1U, 20U, 30U, 31U, 127U, 128U, 240U, 255U, 256U, 400U, 440U}) {
        const std::string id(length, 'i');
        for (const std::string type : {"P", "Patient"}) {
            const ReferenceImage image({.type = type, .id = id});
            EXPECT_EQ(image.value().size(), 2U);
            EXPECT_EQ(image.value().find("resourceType").string(), type);
            EXPECT_EQ(image.value().find("id").string(), id);
            EXPECT_FALSE(image.value().find("reference").present());

            const ReferenceImage turned({.type = id, .id = type});
            EXPECT_EQ(turned.value().find("resourceType").string(), id);
            EXPECT_EQ(turned.value().find("id").string(), type);
        }
    }
    const std::string most(ReferenceImage::kMaxText - 1, 'i');
    EXPECT_EQ(ReferenceImage({.type = "P", .id = most}).value().find("id").string(), most);
    EXPECT_FALSE(ReferenceImage({.type = "Pa", .id = most}).value().present());
}

}  // namespace
}  // namespace token_introspect::policy
